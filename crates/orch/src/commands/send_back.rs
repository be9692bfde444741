//! `orch send-back`.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use orch_engine::control::TaskCommand;

use super::ids::TaskArg;
use super::send;
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::Screen;

/// Send a task back to an earlier stage, with fresh attempts; its agent is told the reason.
#[derive(Debug, Args)]
#[command(after_help = r#"Examples:
  orch send-back SHOP-003 development --reason "Use the old till.""#)]
pub struct SendBackArgs {
    #[command(flatten)]
    pub task: TaskArg,
    /// A stage before the present one, see `orch show`
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub stage: String,
    /// What has to be different
    #[arg(long, short, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub reason: String,
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such task, or refuses.
pub fn run(args: &SendBackArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let command = TaskCommand::SendBack { to: args.stage.as_str().into(), reason: args.reason.clone() };
    send::to_task(&args.task, &command, caller, screen)
}
