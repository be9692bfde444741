//! `orch priority`.

use clap::Args;
use orch_engine::control::TaskCommand;

use super::ids::TaskArg;
use super::send;
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::Screen;

/// Set the priority of a task.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  orch priority SHOP-003 10\n  orch priority SHOP-003 -5")]
pub struct PriorityArgs {
    #[command(flatten)]
    pub task: TaskArg,
    /// Higher goes first; 0 is usual, less goes last
    #[arg(allow_negative_numbers = true, value_parser = super::priority::whole)]
    pub priority: i32,
}

/// Reads a priority.
///
/// # Errors
/// With what to write instead.
pub fn whole(text: &str) -> Result<i32, String> {
    text.parse().map_err(|_| "write a whole number of at most nine digits, for example 10 or -5".to_owned())
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such task, or refuses.
pub fn run(args: &PriorityArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    send::to_task(&args.task, &TaskCommand::SetPriority { priority: args.priority }, caller, screen)
}
