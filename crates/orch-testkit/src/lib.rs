//! What tests and the demo need: the scripted agent, a small real project for it to work on, and a world in which the
//! real binary runs end to end.
//!
//! - [`scripted_agent`] is a program: it keeps the contract of the `command` agent and does what a script says, with
//!   real files and real commits.
//! - [`sample`] writes the project `tally` into a folder and knows issues for it, each with the developer's edits and
//!   a test that fails before and passes after.
//! - [`world`] gives the `orch` binary a home, settings and a state folder of its own, and ends what it started.
//! - [`model_server`] is a model vendor with a script, for real agents.
//! - [`fake`] stands in for forge, runner and agent; [`contract`] says what those traits promise, as suites that fakes
//!   and adapters both pass.
//!
//! In the product's binary only behind the feature `demo`. Nothing here is used to decide anything.
#![deny(missing_docs)]

pub mod contract;
pub mod fake;
mod git_program;
pub mod model_server;
pub mod sample;
pub mod scripted_agent;
pub mod world;

pub use git_program::{GitFailed, git};
