//! `orch pause`.

use clap::Args;
use orch_engine::control::{LaneCommand, TaskCommand};
use orch_web::view::EverythingRequest;

use super::send;
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::Screen;

/// Let nothing new start for a task or in a whole repository; what runs goes on.
#[derive(Debug, Args)]
#[command(
    override_usage = "orch pause [OPTIONS] <ID>...\n       orch pause [OPTIONS] --repo <REPO>\n       orch pause [OPTIONS] --all",
    after_help = "Examples:\n  orch pause SHOP-003\n  orch pause --repo shop\n  orch pause --all"
)]
pub struct PauseArgs {
    /// The tasks: `SHOP-001`, `shop-1`, or `1` in its repository
    #[arg(value_name = "ID", required_unless_present_any = ["repo", "all"], conflicts_with_all = ["repo", "all"])]
    pub ids: Vec<String>,
    /// The whole repository instead of one task
    #[arg(long, value_name = "REPO")]
    pub repo: Option<String>,
    /// Everything: every repository of the service
    #[arg(long, conflicts_with = "repo")]
    pub all: bool,
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such task or repository, or refuses.
pub fn run(args: &PauseArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    match args.ids.as_slice() {
        [] if args.all => send::to_everything(EverythingRequest::Pause, caller, screen),
        [] => send::to_lane(args.repo.as_deref(), &LaneCommand::Pause, caller, screen),
        ids => send::each(ids, None, |task| send::to_task(task, &TaskCommand::Pause, caller, screen)),
    }
}
