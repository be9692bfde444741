//! `orch resume`.

use clap::Args;
use orch_engine::control::{LaneCommand, TaskCommand};
use orch_web::view::{EverythingRequest, LiftRequest};

use super::send;
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::Screen;

/// End a pause, or lift an outage.
#[derive(Debug, Args)]
#[command(
    override_usage = "orch resume [OPTIONS] <ID>...\n       orch resume [OPTIONS] --repo <REPO>\n       orch resume [OPTIONS] --all\n       orch resume [OPTIONS] --credential <NAME>\n       orch resume [OPTIONS] --agent <NAME>\n       orch resume [OPTIONS] --red-base <REPO>",
    after_help = "Examples:\n  orch resume SHOP-003\n  orch resume --repo shop\n  orch resume --all\n  orch resume --credential anthropic\n  orch resume --red-base shop"
)]
pub struct ResumeArgs {
    /// The tasks: `SHOP-001`, `shop-1`, or `1` in its repository
    #[arg(value_name = "ID", required_unless_present_any = ["repo", "all", "credential", "agent", "red_base"], conflicts_with_all = ["repo", "all", "credential", "agent", "red_base"])]
    pub ids: Vec<String>,
    /// The whole repository instead of one task
    #[arg(long, value_name = "REPO")]
    pub repo: Option<String>,
    /// A credential that its vendor did not serve (orch queue names it): what waits for it starts at once
    #[arg(long, value_name = "NAME", conflicts_with = "repo")]
    pub credential: Option<String>,
    /// An agent that could not be started
    #[arg(long, value_name = "NAME", conflicts_with_all = ["repo", "credential"])]
    pub agent: Option<String>,
    /// The base branch of this repository is red: let work begin on it, so that an issue can mend it
    #[arg(long, value_name = "REPO", conflicts_with_all = ["repo", "credential", "agent"])]
    pub red_base: Option<String>,
    /// Everything: every repository of the service
    #[arg(long, conflicts_with_all = ["repo", "credential", "agent", "red_base"])]
    pub all: bool,
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such task or repository, or refuses.
pub fn run(args: &ResumeArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let lifted = (args.credential.clone().map(LiftRequest::Credential))
        .or_else(|| args.agent.clone().map(LiftRequest::Agent))
        .or_else(|| args.red_base.clone().map(LiftRequest::RedBase));
    if let Some(request) = lifted {
        return send::lift(&request, caller, screen);
    }
    match args.ids.as_slice() {
        [] if args.all => send::to_everything(EverythingRequest::Resume, caller, screen),
        [] => send::to_lane(args.repo.as_deref(), &LaneCommand::Resume, caller, screen),
        ids => send::each(ids, None, |task| send::to_task(task, &TaskCommand::Resume, caller, screen)),
    }
}
