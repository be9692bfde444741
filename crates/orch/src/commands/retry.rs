//! `orch retry`.

use clap::Args;
use orch_engine::control::TaskCommand;

use super::ids::TasksArg;
use super::send;
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::Screen;

/// Lift the hold of a task, with fresh attempts.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  orch retry SHOP-003
  orch retry 3 4 --check")]
pub struct RetryArgs {
    #[command(flatten)]
    pub tasks: TasksArg,
    /// Run the tests that were not green once more, on the same work: no agent starts
    #[arg(long)]
    pub check: bool,
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such task, or refuses.
pub fn run(args: &RetryArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let command = if args.check { TaskCommand::RetryCheck } else { TaskCommand::Retry };
    send::to_tasks(&args.tasks, &command, caller, screen)
}
