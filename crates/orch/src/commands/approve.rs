//! `orch approve`.

use clap::Args;
use orch_web::view::CommandRequest;

use super::send;
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::Screen;

/// Approves what a task waits for.
#[derive(Debug, Args)]
pub struct ApproveArgs {
    /// The task: `SHOP-001`, `shop-1`, or `1` if there is one prefix
    pub id: String,
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such task, or refuses.
pub fn run(args: &ApproveArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    send::to_task(&args.id, &CommandRequest::Approve, caller, screen)
}
