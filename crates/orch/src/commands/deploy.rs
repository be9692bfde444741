//! `orch deploy`.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use orch_text::{Language, deployment_state};
use orch_web::view::{AnswerView, DeployCommandRequest, DeployReport, DeployTargetView, DeploymentView};

use super::text::{clean, fit, pad, since};
use crate::client::{Caller, encoded};
use crate::exit::Failure;
use crate::screen::{Screen, Style, printable};

/// Show what runs where, and act on it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  orch deploy status\n  orch deploy list\n  orch deploy verify web\n  \
                  orch deploy rollback web\n  orch deploy redeploy web --revision 3f2a1b9c0d8e\n  orch deploy adopt web")]
pub struct DeployArgs {
    #[command(subcommand)]
    command: DeployCommand,
}

#[derive(Debug, Subcommand)]
enum DeployCommand {
    /// Every target: what was brought there, what answers now, and what holds its line
    Status {
        /// Only this one, a [target.NAME] of the host file
        target: Option<String>,
    },
    /// Deployments, newest first
    List {
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Look at what answers, and settle with that what is in doubt or broken
    Verify {
        /// Which
        target: String,
        /// Say what runs, where it does not say so itself
        #[arg(long, value_name = "REVISION")]
        runs: Option<String>,
    },
    /// Bring back what ran before, and freeze the repository: its base branch is ahead then
    Rollback {
        /// Which
        target: String,
        /// This revision, which was healthy once
        #[arg(long, value_name = "REVISION")]
        to: Option<String>,
    },
    /// Deploy the tip of the base branch again, whatever is held
    Redeploy {
        /// Which
        target: String,
        /// This commit of the base branch
        #[arg(long, value_name = "COMMIT")]
        revision: Option<String>,
    },
    /// Take what answers, which nobody here brought, for what is wanted
    Adopt {
        /// Which
        target: String,
    },
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such target, or refuses.
pub fn run(args: &DeployArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let (target, request) = match &args.command {
        DeployCommand::Status { target } => {
            let of = target.as_ref().map(|target| format!("&target={}", encoded(target))).unwrap_or_default();
            let report: DeployReport = caller.read(&format!("/api/v1/deployments?limit=50{of}"))?;
            screen.json(&report);
            status(&report, screen).iter().for_each(|line| screen.line(line));
            return Ok(());
        }
        DeployCommand::List { limit } => {
            let report: DeployReport = caller.read(&format!("/api/v1/deployments?limit={limit}"))?;
            screen.json(&report);
            list(&report, screen, Timestamp::now()).iter().for_each(|line| screen.line(line));
            return Ok(());
        }
        DeployCommand::Verify { target, runs } => (target, DeployCommandRequest::Verify { runs: runs.clone() }),
        DeployCommand::Rollback { target, to } => (target, DeployCommandRequest::Rollback { to: to.clone() }),
        DeployCommand::Redeploy { target, revision } => {
            (target, DeployCommandRequest::Redeploy { revision: revision.clone() })
        }
        DeployCommand::Adopt { target } => (target, DeployCommandRequest::Adopt),
    };
    let answer: AnswerView = caller.send(&format!("/api/v1/deployments/{}/commands", encoded(target)), &request)?;
    screen.json(&answer);
    screen.line(&printable(&answer.text));
    Ok(())
}

fn short(revision: &str) -> String {
    clean(revision).chars().take(12).collect()
}

fn status(report: &DeployReport, screen: &Screen) -> Vec<String> {
    if report.targets.is_empty() {
        return vec![
            "Nothing is deployed: add a [target.NAME] to the host file, and name it in [[repository]].".to_owned(),
        ];
    }
    report.targets.iter().flat_map(|target| of_target(target, screen)).collect()
}

fn of_target(target: &DeployTargetView, screen: &Screen) -> Vec<String> {
    let name = screen.styled(Style::Strong, &clean(&target.name));
    let runs = target.runs.as_deref().map(|runs| format!("runs {}", short(runs)));
    let now = match (target.healthy, runs) {
        (Some(true), Some(runs)) => screen.styled(Style::Good, &format!("healthy, {runs}")),
        (Some(true), None) => screen.styled(Style::Good, "healthy; which revision it is it does not say"),
        (Some(false), _) => screen.styled(Style::Bad, "gives no healthy answer"),
        (None, _) => screen.styled(Style::Attention, "is not in this host's settings any more"),
    };
    let mut lines = vec![format!("{name}  {now}")];
    for believed in &target.believed {
        let of = clean(&believed.repository);
        lines.push(format!("    {of}: {} was brought there last", short(&believed.revision)));
    }
    if target.believed.is_empty() {
        lines.push("    nothing was deployed there yet; what lands next is".to_owned());
    }
    if let Some(drift) = &target.drift {
        let text = format!("{} was not brought by us: orch deploy adopt or redeploy {}", short(drift), target.name);
        lines.push(format!("    {}", screen.styled(Style::Bad, &clean(&text))));
    }
    if let Some(held) = &target.held_by {
        let state = deployment_state(&held.state, Language::English);
        lines.push(format!("    {} {}: {}", named(held), short(&held.revision), clean(&state)));
        lines.extend(said(held).map(|said| format!("        {said}")));
        if ["unknown", "broken"].contains(&held.state.as_str()) {
            lines.push(format!("        orch deploy verify {}", clean(&target.name)));
        }
    }
    if target.queued > 0 {
        lines.push(format!("    waiting: {}", target.queued));
    }
    lines.iter().map(|line| fit(line, screen.width())).collect()
}

fn list(report: &DeployReport, screen: &Screen, now: Timestamp) -> Vec<String> {
    if report.deployments.is_empty() {
        return vec![screen.styled(Style::Faint, "nothing was deployed yet")];
    }
    let line = |one: &DeploymentView| {
        let style = match one.state.as_str() {
            "healthy" if one.degraded => Style::Bad,
            "healthy" => Style::Good,
            "failed" | "rolled_back" | "broken" | "unknown" => Style::Bad,
            _ => Style::Faint,
        };
        let shown = if one.degraded { "degraded" } else { &one.state };
        let state = screen.styled(style, &pad(&clean(shown), 12));
        let ago = one.started.as_deref().or(one.ended.as_deref()).map(|at| format!("{} ago", since(at, now)));
        let why = said(one).map(|said| format!("  ({said})")).filter(|_| one.state != "healthy").unwrap_or_default();
        let (name, target, ago) = (pad(&named(one), 10), pad(&clean(&one.target), 10), ago.unwrap_or_default());
        fit(&format!("{state} {name} {target} {}  {}{why}", short(&one.revision), pad(&ago, 9)), screen.width())
    };
    report.deployments.iter().map(line).collect()
}

fn named(one: &DeploymentView) -> String {
    let name = one.work_item.as_deref().map_or_else(|| "again".to_owned(), clean);
    if one.why == "revert" { format!("{name} back") } else { name }
}

fn said(one: &DeploymentView) -> Option<String> {
    one.said.lines().next().map(clean).filter(|said| !said.is_empty())
}
