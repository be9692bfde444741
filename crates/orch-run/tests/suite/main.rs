//! Runs under a real supervisor process (`examples/supervise.rs`), driven by events: a test that
//! must know that an agent has come to some point lets the agent open a FIFO there.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![expect(clippy::print_stdout, reason = "a test that cannot run here says so")]

mod accounts;
mod before;
mod bench;
mod companion;
mod confined;
mod directory;
mod ends;
mod evidence;
mod growth;
mod host;
mod how;
mod launch_cost;
mod launching;
mod lost;
mod told;
mod tree;
