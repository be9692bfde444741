//! `orch approve`.

use clap::Args;
use orch_web::view::ReplyRequest;

use super::{inbox, send};
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::Screen;

/// Approve what tasks wait for; without an id, list what waits for your approval.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  orch approve\n  orch approve SHOP-003\n  orch approve 3 4 5\n\n\
    What you approve you can read: orch show SHOP-003 --docs, orch diff SHOP-003")]
pub struct ApproveArgs {
    /// The tasks: `SHOP-001`, `shop-1`, or `1` in its repository
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// The repository they are of, if several have such ids; that of the current folder, or the only one, if left out
    #[arg(long, value_name = "REPO")]
    pub repo: Option<String>,
    /// The question that you saw, from `orch show --json`; the open one if left out
    #[arg(long, value_name = "EPISODE")]
    pub episode: Option<String>,
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such task, or refuses.
pub fn run(args: &ApproveArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    if args.ids.is_empty() {
        return list(caller, screen);
    }
    send::each(&args.ids, args.repo.as_deref(), |task| {
        send::reply(task, args.episode.as_deref(), ReplyRequest::Approve, caller, screen)
    })
}

fn list(caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let mut asked = inbox::waiting(None, &["human"], caller)?;
    let approves = |kind: &str| ["approval", "protected_paths"].contains(&kind);
    asked.retain(|detail| detail.episodes.iter().any(|e| e.answer.is_none() && approves(&e.kind)));
    screen.json(&serde_json::json!({"tasks": asked}));
    if asked.is_empty() {
        screen.line("Nothing waits for your approval; what else waits for you: orch inbox");
    }
    for detail in &asked {
        for line in inbox::lines(detail, screen, jiff::Timestamp::now()) {
            screen.line(&line);
        }
    }
    Ok(())
}
