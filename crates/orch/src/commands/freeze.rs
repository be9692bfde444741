//! `orch freeze`.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use orch_engine::control::LaneCommand;
use orch_rules::ids::WorkItemId;

use super::send;
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::Screen;

/// Freeze a repository: nothing enters and nothing lands until it is unfrozen.
#[derive(Debug, Args)]
#[command(after_help = r#"Examples:
  orch freeze --reason "Release day"
  orch freeze --reason "Checkout is broken" --cause SHOP-7 --fix SHOP-9"#)]
pub struct FreezeArgs {
    /// Which repository; that of the current folder, or the only one, if left out
    #[arg(long, value_name = "REPO")]
    pub repo: Option<String>,
    /// Why, for others
    #[arg(long, short, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub reason: String,
    /// The task whose change on the base branch is to blame; what it still lands passes
    #[arg(long, value_name = "ID")]
    pub cause: Option<String>,
    /// A task that is to mend it, which enters and lands all the same; may be repeated, and said later
    #[arg(long, value_name = "ID")]
    pub fix: Vec<String>,
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such repository, or refuses.
pub fn run(args: &FreezeArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let command = LaneCommand::Freeze {
        reason: args.reason.clone(),
        cause: args.cause.as_deref().map(WorkItemId::from),
        fixes: args.fix.iter().map(|id| WorkItemId::from(id.as_str())).collect(),
    };
    send::to_lane(args.repo.as_deref(), &command, caller, screen)
}
