//! `orch depend`.

use clap::Args;
use orch_engine::control::TaskCommand;
use orch_rules::ids::WorkItemId;

use super::ids::{self, TaskArg};
use super::send;
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::Screen;

/// Let a task wait until another one has ended.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  orch depend SHOP-004 --on SHOP-003\n  orch depend SHOP-004 --on SHOP-003 --remove"
)]
pub struct DependArgs {
    #[command(flatten)]
    pub task: TaskArg,
    /// The task it waits for
    #[arg(long, value_name = "ID")]
    pub on: String,
    /// Wait for it no longer
    #[arg(long)]
    pub remove: bool,
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such task, or refuses.
pub fn run(args: &DependArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let on = WorkItemId(ids::other_task(&args.on, args.task.repo.as_deref(), caller)?);
    let command = if args.remove { TaskCommand::Undepend { on } } else { TaskCommand::Depend { on } };
    send::to_task(&args.task, &command, caller, screen)
}
