//! `orch skip`.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use orch_engine::control::TaskCommand;

use super::ids::TasksArg;
use super::send;
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::Screen;

/// Skip the present stage of a task. What makes, tests, lands or deploys the change is never skipped.
#[derive(Debug, Args)]
#[command(after_help = r#"Examples:
  orch skip SHOP-003 --reason "Reviewed at my control.""#)]
pub struct SkipArgs {
    #[command(flatten)]
    pub tasks: TasksArg,
    /// Why, for others
    #[arg(long, short, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub reason: String,
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such task, or refuses.
pub fn run(args: &SkipArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    send::to_tasks(&args.tasks, &TaskCommand::Skip { reason: args.reason.clone() }, caller, screen)
}
