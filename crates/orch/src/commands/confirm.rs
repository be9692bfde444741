//! `orch confirm`.

use clap::Args;
use orch_web::view::ReplyRequest;

use super::ids::TasksArg;
use super::send;
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::Screen;

/// Confirm the production deploy that a task waits for.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  orch confirm SHOP-003")]
pub struct ConfirmArgs {
    #[command(flatten)]
    pub tasks: TasksArg,
    /// The question that you saw, from `orch show --json`; the open one if left out
    #[arg(long, value_name = "EPISODE")]
    pub episode: Option<String>,
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such task, or refuses.
pub fn run(args: &ConfirmArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    send::each(&args.tasks.ids, args.tasks.repo.as_deref(), |task| {
        send::reply(task, args.episode.as_deref(), ReplyRequest::Confirm, caller, screen)
    })
}
