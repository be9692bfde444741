//! `orch unfreeze`.

use clap::Args;
use orch_engine::control::LaneCommand;

use super::send;
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::Screen;

/// Lift the freeze of a repository.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  orch unfreeze --repo shop")]
pub struct UnfreezeArgs {
    /// Which repository; that of the current folder, or the only one, if left out
    #[arg(long, value_name = "REPO")]
    pub repo: Option<String>,
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such repository, or refuses.
pub fn run(args: &UnfreezeArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    send::to_lane(args.repo.as_deref(), &LaneCommand::Unfreeze, caller, screen)
}
