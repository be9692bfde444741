//! Why a task waits, in words.

use orch_rules::budget::Scope;
use orch_rules::change::SLOT_RUNS;
use orch_rules::episode::EpisodeKind;
use orch_rules::ids::WorkItemId;
use orch_rules::task::{PauseScope, Task, Wait};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::time::rfc3339;

/// One reason for waiting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitView {
    /// Closed set: `backlog`, `unlisted`, `entry`, `frozen`, `dependency`, `agent`, `check`, `slot`, `budget`, `outage`, `human`, `lane`,
    /// `paused`, `branch`, `hands`, `held`, `stopping`, `stop_after_step`.
    pub kind: String,
    /// One sentence for people, with what to do where something can be done.
    pub text: String,
    /// When it ends or is tried again, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

impl WaitView {
    /// As `task` waits for it.
    pub fn of(wait: &Wait, task: &Task) -> Self {
        let until = match wait {
            Wait::Outage { until, probed_by: None, .. } => until.map(rfc3339),
            _ => None,
        };
        Self { kind: kind(wait).to_owned(), text: wait_text(wait, task), until }
    }
}

fn kind(wait: &Wait) -> &'static str {
    match wait {
        Wait::Backlog => "backlog",
        Wait::Unlisted { .. } => "unlisted",
        Wait::Entry { .. } => "entry",
        Wait::Frozen { .. } => "frozen",
        Wait::Dependency { .. } => "dependency",
        Wait::Agent { .. } => "agent",
        Wait::Check { .. } => "check",
        Wait::Slot { .. } => "slot",
        Wait::Budget { .. } => "budget",
        Wait::Outage { .. } => "outage",
        Wait::Human { .. } => "human",
        Wait::Lane { .. } => "lane",
        Wait::Paused { .. } => "paused",
        Wait::Branch => "branch",
        Wait::Hands { .. } => "hands",
        Wait::Held { .. } => "held",
        Wait::Stopping => "stopping",
        Wait::StopAfterStep { .. } => "stop_after_step",
    }
}

/// One sentence for people: what `task` waits for, and what to do where something can be done.
pub fn wait_text(wait: &Wait, task: &Task) -> String {
    let (id, repository) = (&task.work_item, &task.repository);
    match wait {
        Wait::Backlog => format!("nobody has started it: orch start {id}"),
        Wait::Unlisted { author } => format!(
            "{author} wrote it, whose issues do not start by themselves here; read it, and if you are named under \
             [intake] authors, start it: orch start {id}"
        ),
        Wait::Entry { place, behind: None } => format!("number {place} in the line to start; starts by itself"),
        Wait::Entry { place, behind: Some(behind) } => {
            format!("number {place} in the line to start, behind {behind} (one task at a time here); starts by itself")
        }
        Wait::Frozen { reason } => {
            format!("{repository} is frozen ({reason}); lift it: orch unfreeze --repo {repository}")
        }
        Wait::Dependency { on } => {
            let verb = if on.len() == 1 { "has" } else { "have" };
            format!("goes on by itself when {} {verb} ended", list(on))
        }
        Wait::Agent { attempt } => format!("the agent works (attempt {attempt}); watch it: orch logs {id} -f"),
        Wait::Check { commit } => format!("the test command runs on {}", short(commit.as_str())),
        Wait::Slot { key, max } => {
            let what = if key == SLOT_RUNS { "agents" } else { key };
            format!("every slot for {what} is taken ({max}); starts by itself when one is free")
        }
        Wait::Budget { key } => {
            let what = Scope::of(key).map_or("the budget", Scope::words);
            format!("{what} does not cover another run")
        }
        Wait::Outage { source, reason, probed_by: Some(other), .. } => {
            format!("{} ({reason}); {other} tries right now whether it is over", source.words())
        }
        Wait::Outage { source, reason, until, named, .. } => {
            let then = if *named { "the vendor serves again" } else { "one run tries again" };
            let at = until.map(|until| format!(" at {}", rfc3339(until))).unwrap_or_default();
            format!("{} ({reason}); {then}{at}, or lift it: {}", source.words(), source.lift())
        }
        Wait::Human { asked } => human_text(*asked, id),
        Wait::Lane { place, behind: None, doing } => format!("number {place} in the line to land: {doing}"),
        Wait::Lane { place, behind: Some(behind), doing } => {
            format!("number {place} in the line to land, behind {behind}: {doing}")
        }
        Wait::Paused { scope: PauseScope::Task } => format!("paused; go on: orch resume {id}"),
        Wait::Paused { scope: PauseScope::Repository } => {
            format!("{repository} is paused; go on: orch resume --repo {repository}")
        }
        Wait::Branch => format!("somebody pushed to {}: it is being looked at", task.branch),
        Wait::Hands { by } => {
            let branch = &task.branch;
            format!("in {by}'s hands, on the branch {branch}; when it is pushed there: orch give-back {id}")
        }
        // The same text is checked again and again: only another one helps.
        Wait::Held { reason } if reason.starts_with("entry check failed") => {
            format!(
                "{reason}; say it in other words: orch edit {id} --title \"…\" --description \"…\", then orch start {id}"
            )
        }
        // The rules end most reasons with the way out already.
        Wait::Held { reason } if reason.contains("orch ") => reason.clone(),
        Wait::Held { reason } => format!("{reason}; try again: orch retry {id}"),
        Wait::Stopping => "being stopped: the agent is asked to end".to_owned(),
        Wait::StopAfterStep { step } => format!("being stopped, as soon as this step has ended: {step}"),
    }
}

/// What a human is asked for, with the way to answer.
pub(super) fn human_text(asked: EpisodeKind, id: &WorkItemId) -> String {
    match asked {
        EpisodeKind::Approval => {
            format!("wants your approval; approve it: orch approve {id}, or: orch reject {id} --reason \"…\"")
        }
        EpisodeKind::Questions => {
            format!("has questions for you (orch show {id}); answer them: orch answer {id} \"…\"")
        }
        EpisodeKind::ProtectedPaths => {
            format!(
                "changes protected paths (orch show {id}); let exactly this change pass: orch approve {id}, or send it \
                 back: orch reject {id} --reason \"…\""
            )
        }
        EpisodeKind::Budget => {
            format!("wants money; add some US dollars: orch budget {id} --raise 5, or call it off: orch stop {id}")
        }
        EpisodeKind::ConfirmDeploy => {
            format!("wants your word before production; give it: orch confirm {id}, or call it off: orch stop {id}")
        }
    }
}

/// `A`, `A and B`, `A, B and C`.
fn list(ids: &[WorkItemId]) -> String {
    let names: Vec<&str> = ids.iter().map(WorkItemId::as_str).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.join(", "),
    }
}

/// The beginning of a commit's name, as people quote it.
pub(super) fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}
