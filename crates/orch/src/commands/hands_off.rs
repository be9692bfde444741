//! `orch hands-off`.

use clap::Args;
use orch_engine::control::TaskCommand;

use super::ids::TasksArg;
use super::send;
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::Screen;

/// Take a task's branch into your own hands: its agent is asked to end, and nothing runs until you give it back.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  orch hands-off SHOP-003")]
pub struct HandsOffArgs {
    #[command(flatten)]
    pub tasks: TasksArg,
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such task, or refuses.
pub fn run(args: &HandsOffArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    send::to_tasks(&args.tasks, &TaskCommand::HandsOff, caller, screen)
}
