//! The command as a whole, run as its users run it.

mod bad_input;
