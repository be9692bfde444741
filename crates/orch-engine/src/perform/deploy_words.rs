//! What is said of a hook and of looks, for people and for whoever mends a release.

use orch_ports::runner::RunReport;
use orch_rules::attempt::RunEnd;
use orch_rules::deploy::looks::Look;
use orch_rules::deploy::{DeploymentState, HookEnd};

/// How a hook ended, by the report of its run.
pub(super) fn hook_end(report: &RunReport) -> HookEnd {
    match (&report.end, report.exit_code) {
        (RunEnd::SpawnFailed { reason, .. }, _) => HookEnd::NotBegun { reason: reason.clone() },
        (RunEnd::TimedOut | RunEnd::Stalled, _) => HookEnd::Deadline,
        (RunEnd::Lost { .. } | RunEnd::Quarantined | RunEnd::Stopped, _) => HookEnd::Lost,
        (_, Some(code)) => HookEnd::Exited { code },
        (RunEnd::Completed, None) => HookEnd::Exited { code: 0 },
        _ => HookEnd::Signalled,
    }
}

/// The same in words.
pub(super) fn hook_words(state: DeploymentState, end: &HookEnd) -> String {
    let hook = if state == DeploymentState::RollingBack { "the rollback" } else { "the hook" };
    match end {
        HookEnd::Exited { code } => format!("{hook} ended with {code}"),
        HookEnd::Signalled => format!("{hook} was killed"),
        HookEnd::NotBegun { reason } => format!("{hook} did not begin: {reason}"),
        HookEnd::Deadline => format!("{hook} was stopped at its deadline"),
        HookEnd::Lost => format!("{hook} was lost with its host"),
    }
}

/// What the last look met.
pub(super) fn look_words(look: &Look, wanted: &str, says: bool) -> String {
    match &look.revision {
        _ if !look.ok => "the last look: no healthy answer".to_owned(),
        Some(revision) if says && revision != wanted => {
            format!("the last look: healthy, and it is revision {revision}")
        }
        Some(_) if says => "the last look: healthy, and the revision that was looked for".to_owned(),
        None if says => "the last look: healthy, and it says no revision".to_owned(),
        _ => "the last look: healthy; which revision it is nobody says".to_owned(),
    }
}

/// The first line of what was said.
pub(super) fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
