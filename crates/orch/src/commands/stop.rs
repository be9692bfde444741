//! `orch stop`.

use clap::Args;
use orch_web::view::CommandRequest;

use super::ids::TaskArg;
use super::send;
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::Screen;

/// Cancel a task: its agent is stopped, its branch removed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  orch stop SHOP-003")]
pub struct StopArgs {
    #[command(flatten)]
    pub task: TaskArg,
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such task, or refuses.
pub fn run(args: &StopArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    send::to_task(&args.task, &CommandRequest::Stop, caller, screen)
}
