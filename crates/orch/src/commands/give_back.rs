//! `orch give-back`.

use clap::Args;
use orch_engine::control::TaskCommand;

use super::ids::TasksArg;
use super::send;
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::Screen;

/// Give a task back: what you pushed to its branch goes through the gates like a developer's work.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  orch give-back SHOP-003")]
pub struct GiveBackArgs {
    #[command(flatten)]
    pub tasks: TasksArg,
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such task, or refuses.
pub fn run(args: &GiveBackArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    send::to_tasks(&args.tasks, &TaskCommand::GiveBack, caller, screen)
}
