//! `orch edit`.

use camino::Utf8PathBuf;
use clap::Args;
use orch_engine::control::TaskCommand;

use super::ids::TaskArg;
use super::{send, words};
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::Screen;

/// Change what a task says. A new description voids the approval of what was written for the old one.
#[derive(Debug, Args)]
#[command(after_help = r#"Examples:
  orch edit SHOP-003 --title "Say hello in Dutch and Frisian"
  orch edit SHOP-003 --description-file brief.md --priority 5"#)]
pub struct EditArgs {
    #[command(flatten)]
    pub task: TaskArg,
    /// What is wanted, in one line
    #[arg(long, short, value_name = "TEXT")]
    pub title: Option<String>,
    /// What is wanted, in Markdown; `-` reads it from stdin
    #[arg(long, short, value_name = "TEXT", allow_hyphen_values = true)]
    pub description: Option<String>,
    /// The same from a file; `-` reads it from stdin
    #[arg(long, value_name = "FILE", conflicts_with = "description")]
    pub description_file: Option<Utf8PathBuf>,
    /// Higher goes first; 0 is usual
    #[arg(long, short, value_name = "N", allow_negative_numbers = true, value_parser = super::priority::whole)]
    pub priority: Option<i32>,
}

/// Runs it.
///
/// # Errors
/// If a text cannot be read, the service does not answer, knows no such task, or refuses.
pub fn run(args: &EditArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let description = words::given("description", args.description.as_deref(), args.description_file.as_deref())?;
    let command = TaskCommand::Edit { title: args.title.clone(), description, priority: args.priority };
    send::to_task(&args.task, &command, caller, screen)
}
