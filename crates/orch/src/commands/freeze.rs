//! `orch freeze`.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use orch_engine::control::LaneCommand;

use super::send;
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::Screen;

/// Freeze a repository: nothing enters and nothing lands until it is unfrozen.
#[derive(Debug, Args)]
#[command(after_help = r#"Examples:
  orch freeze --reason "Release day""#)]
pub struct FreezeArgs {
    /// Which repository; that of the current folder, or the only one, if left out
    #[arg(long, value_name = "REPO")]
    pub repo: Option<String>,
    /// Why, for others
    #[arg(long, short, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub reason: String,
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such repository, or refuses.
pub fn run(args: &FreezeArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let command = LaneCommand::Freeze { reason: args.reason.clone() };
    send::to_lane(args.repo.as_deref(), &command, caller, screen)
}
