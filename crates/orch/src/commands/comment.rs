//! `orch comment`.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use orch_engine::control::TaskCommand;

use super::ids::TaskArg;
use super::{send, words};
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::Screen;

/// Leave a comment on a task: it is kept and told to the next agent; nothing in it acts.
#[derive(Debug, Args)]
#[command(after_help = r#"Examples:
  orch comment SHOP-003 "The till is being replaced in May.""#)]
pub struct CommentArgs {
    #[command(flatten)]
    pub task: TaskArg,
    /// Your words; `-` reads them from stdin
    #[arg(value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub text: String,
}

/// Runs it.
///
/// # Errors
/// If the text cannot be read or is empty, the service does not answer, knows no such task, or refuses.
pub fn run(args: &CommentArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let text = words::given("comment", Some(&args.text), None)?.unwrap_or_default();
    send::to_task(&args.task, &TaskCommand::Comment { text }, caller, screen)
}
