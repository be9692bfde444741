//! `orch priority`.

use clap::Args;
use orch_web::view::CommandRequest;

use super::send;
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::Screen;

/// Sets the priority of a task.
#[derive(Debug, Args)]
pub struct PriorityArgs {
    /// The task: `SHOP-001`, `shop-1`, or `1` if there is one prefix
    pub id: String,
    /// Higher goes first; 0 is usual, less goes last
    #[arg(allow_negative_numbers = true)]
    pub priority: i32,
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such task, or refuses.
pub fn run(args: &PriorityArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    send::to_task(&args.id, &CommandRequest::SetPriority { priority: args.priority }, caller, screen)
}
