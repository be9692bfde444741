//! `orch start`.

use clap::Args;
use orch_web::view::CommandRequest;

use super::send;
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::Screen;

/// Starts a task, or starts it again after its questions were answered.
#[derive(Debug, Args)]
pub struct StartArgs {
    /// The task: `SHOP-001`, `shop-1`, or `1` if there is one prefix
    pub id: String,
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such task, or refuses.
pub fn run(args: &StartArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    send::to_task(&args.id, &CommandRequest::Start, caller, screen)
}
