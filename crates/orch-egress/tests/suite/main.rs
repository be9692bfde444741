//! The proxy as a run sees it: a real process's loop, a real socket, and a vendor that says what it is told to say.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod budget;
mod company;
mod counting;
mod failures;
mod hostile;
mod keys;
mod passing;
mod tunnels;
mod vendor;
mod world;
