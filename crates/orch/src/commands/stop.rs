//! `orch stop`.

use clap::Args;
use orch_engine::control::TaskCommand;

use super::ids::TasksArg;
use super::send;
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::Screen;

/// Cancel a task: its agent is stopped, its branch removed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  orch stop SHOP-003 --reason \"Not wanted any more\"\n  orch stop 3 4 5\n\n\
    It cannot be undone; the same words as a new task: orch reopen SHOP-003")]
pub struct StopArgs {
    #[command(flatten)]
    pub tasks: TasksArg,
    /// Why; kept in its history
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such task, or refuses.
pub fn run(args: &StopArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    send::each(&args.tasks.ids, args.tasks.repo.as_deref(), |task| {
        if let Some(text) = args.reason.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            let text = format!("stopped: {text}");
            send::quietly(task, &TaskCommand::Comment { text }, caller)?;
        }
        send::to_task(task, &TaskCommand::Stop, caller, screen)
    })
}
