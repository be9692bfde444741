//! `orch start`.

use clap::Args;
use orch_engine::control::TaskCommand;

use super::ids::TasksArg;
use super::send;
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::Screen;

/// Start a task, or start it again after its questions were answered.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  orch start SHOP-004
  orch start 4 5 6")]
pub struct StartArgs {
    #[command(flatten)]
    pub tasks: TasksArg,
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such task, or refuses.
pub fn run(args: &StartArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    send::to_tasks(&args.tasks, &TaskCommand::Start, caller, screen)
}
