//! The adapters keep the contracts of their ports, with the real thing behind them: git in a throw-away folder, and
//! processes under a supervisor (`examples/host_supervisor.rs`).
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod cards;
mod claude_code;
mod codex;
mod command_agent;
mod fixture;
#[path = "../../../orch-git/tests/suite/git_server.rs"]
mod git_server;
mod gitea;
mod hooks;
mod host_runner;
mod local_forge;
mod notifiers;
mod plane;
mod plane_histories;
mod real;
mod remote_forge;
mod set_up;
mod telegram;
