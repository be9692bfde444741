//! `orch reject`.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use orch_web::view::ReplyRequest;

use super::ids::TasksArg;
use super::send;
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::Screen;

/// Reject what a task waits for; the agent is told the reason and tries again.
#[derive(Debug, Args)]
#[command(after_help = r#"Examples:
  orch reject SHOP-003 --reason "Say what happens with an empty basket.""#)]
pub struct RejectArgs {
    #[command(flatten)]
    pub tasks: TasksArg,
    /// The question that you saw, from `orch show --json`; the open one if left out
    #[arg(long, value_name = "EPISODE")]
    pub episode: Option<String>,
    /// What has to be different
    #[arg(long, short, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub reason: String,
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such task, or refuses.
pub fn run(args: &RejectArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let reply = ReplyRequest::Reject { reason: args.reason.clone() };
    send::each(&args.tasks.ids, args.tasks.repo.as_deref(), |task| {
        send::reply(task, args.episode.as_deref(), reply.clone(), caller, screen)
    })
}
