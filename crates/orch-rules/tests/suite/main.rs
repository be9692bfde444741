//! The rules as people meet them: scenarios, a table of orders, random histories.

mod orders;
mod properties;
mod scenarios;
mod script;
mod simulated;
mod world;
