//! `orch answer`.

use camino::Utf8PathBuf;
use clap::Args;
use orch_web::view::ReplyRequest;

use super::ids::TaskArg;
use super::{send, words};
use crate::client::Caller;
use crate::exit::{Exit, Failure};
use crate::screen::Screen;

/// Answer the questions of a task's agent; it runs again with your words.
#[derive(Debug, Args)]
#[command(after_help = r#"Examples:
  orch answer SHOP-003 "1. The first shop. 2. Euro."
  orch answer SHOP-003 --file answers.md"#)]
pub struct AnswerArgs {
    #[command(flatten)]
    pub task: TaskArg,
    /// Your words; `-` reads them from stdin
    #[arg(value_name = "TEXT", required_unless_present = "file")]
    pub text: Option<String>,
    /// The same from a file; `-` reads them from stdin
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    pub file: Option<Utf8PathBuf>,
    /// The question that you saw, from `orch show --json`; the open one if left out
    #[arg(long, value_name = "EPISODE")]
    pub episode: Option<String>,
}

/// Runs it.
///
/// # Errors
/// If the text cannot be read or is empty, the service does not answer, knows no such task, or refuses.
pub fn run(args: &AnswerArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let text = words::given("answer", args.text.as_deref(), args.file.as_deref())?.unwrap_or_default();
    if text.trim().is_empty() {
        let failure = Failure::new(Exit::Usage, "the answer is empty");
        return Err(failure.fix("give your words as TEXT, or a file with --file"));
    }
    send::reply(&args.task, args.episode.as_deref(), ReplyRequest::Text { text }, caller, screen)
}
