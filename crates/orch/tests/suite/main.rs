//! The command as a whole, run as its users run it.

#![allow(clippy::unwrap_used, reason = "in a helper of tests, too, a panic is how a test fails")]

#[cfg(feature = "demo")]
mod agents;
mod bad_input;
#[cfg(feature = "demo")]
mod bare;
#[cfg(feature = "demo")]
mod caches;
#[cfg(feature = "demo")]
mod cards;
mod carried;
#[cfg(feature = "demo")]
mod chat;
mod check;
#[cfg(feature = "demo")]
mod company;
#[cfg(feature = "demo")]
mod crash;
#[cfg(feature = "demo")]
mod crowd;
#[cfg(feature = "demo")]
mod demo;
#[cfg(feature = "demo")]
mod deploys;
mod egress;
#[cfg(feature = "demo")]
#[path = "../../../orch-vendors/tests/suite/fixture.rs"]
mod fixture;
#[cfg(feature = "demo")]
#[expect(dead_code, reason = "other crates use the rest of it")]
#[path = "../../../orch-git/tests/suite/git_server.rs"]
mod git_server;
#[cfg(feature = "demo")]
mod gitea;
#[cfg(feature = "demo")]
mod hostile;
mod hosting;
#[cfg(feature = "demo")]
mod line;
#[cfg(feature = "demo")]
mod one_holder;
#[cfg(feature = "demo")]
mod pipeline;
#[cfg(feature = "demo")]
mod plane;
#[cfg(feature = "demo")]
mod plane_nets;
#[cfg(feature = "demo")]
mod plane_rules;
#[cfg(feature = "demo")]
mod previous;
#[cfg(feature = "demo")]
mod remote;
mod repositories;
mod restart;
#[cfg(feature = "demo")]
mod restored;
#[cfg(feature = "demo")]
mod self_hosting;
#[cfg(feature = "demo")]
mod set_up;
#[cfg(feature = "demo")]
mod shell;
#[cfg(feature = "demo")]
mod smallest_agent;
#[cfg(feature = "demo")]
#[expect(dead_code, reason = "other crates use the rest of it")]
#[path = "../../../orch-git/tests/suite/ssh_server.rs"]
mod ssh_server;
#[cfg(feature = "demo")]
mod strangers;
#[cfg(feature = "demo")]
mod survive;
#[cfg(feature = "demo")]
mod terminal;
#[cfg(feature = "demo")]
mod writing;
