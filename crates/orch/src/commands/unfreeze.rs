//! `orch unfreeze`.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use orch_engine::control::LaneCommand;

use super::send;
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::Screen;

/// Lift the freeze of a repository.
///
/// One that names its cause is lifted once something has landed that mends it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  orch unfreeze --repo shop\n  orch unfreeze --force --reason \"production was mended by hand\""
)]
pub struct UnfreezeArgs {
    /// Which repository; that of the current folder, or the only one, if left out
    #[arg(long, value_name = "REPO")]
    pub repo: Option<String>,
    /// Although what it is frozen for was not mended
    #[arg(long, requires = "reason")]
    pub force: bool,
    /// Why that is right, for others
    #[arg(long, short, value_name = "TEXT", requires = "force", value_parser = NonEmptyStringValueParser::new())]
    pub reason: Option<String>,
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such repository, or refuses.
pub fn run(args: &UnfreezeArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    send::to_lane(args.repo.as_deref(), &LaneCommand::Unfreeze { force: args.reason.clone() }, caller, screen)
}
