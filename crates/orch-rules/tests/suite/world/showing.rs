//! How scenarios print what happened.

use orch_rules::change::Guard;
use orch_rules::effect::Effect;
use orch_rules::event::Refusal;
use orch_rules::ids::TaskId;
use orch_rules::judgement::{Judge, Judgement, Standing, Trail, judgements};
use orch_rules::lane::LaneEntry;
use orch_rules::reason::Reason;
use orch_rules::task::{Task, Wait};

use super::World;

/// As a person reads it.
pub fn in_words(reason: &Reason) -> String {
    orch_text::answer(reason, orch_text::Language::English).to_string()
}

/// Why it was refused, as a person reads it.
pub fn refused_in_words(refusal: &Refusal) -> String {
    let subject = orch_text::Subject { work_item: refusal.work_item.as_str(), ..Default::default() };
    orch_text::reason(&refusal.why, subject, orch_text::Language::English).to_string()
}

/// Why it rests, as a person reads it.
pub fn hold_in_words(task: &Task) -> Option<String> {
    let reason = task.hold.as_ref()?.reason();
    Some(orch_text::reason(&reason, task, orch_text::Language::English).to_string())
}

impl World {
    pub fn show_effect(&self, effect: &Effect) -> String {
        let name = self.name_of(effect.task());
        match effect {
            Effect::RunAgent { attempt, .. } => format!("run_agent {name} attempt {attempt}"),
            Effect::StopRun { attempt, .. } => format!("stop_run {name} attempt {attempt}"),
            Effect::RunCheck { commit, lane, .. } => {
                format!("run_check {name} on {commit}{}", if *lane { " (candidate)" } else { "" })
            }
            Effect::AwaitCi { commit, .. } => format!("await_ci {name} on {commit}"),
            Effect::BuildCandidate { head, .. } => format!("build_candidate {name} of {head}"),
            Effect::BuildRevert { of, .. } => format!("build_revert {name} of {of}"),
            Effect::Land { candidate, parent, .. } => format!("land {name} {candidate} onto {parent}"),
            Effect::Deploy { target, commit, .. } => format!("deploy {name} {commit} to {target}"),
            Effect::PublishBranch { head, .. } => format!("publish_branch {name} {head}"),
            Effect::WakeWaiters { key, .. } => format!("wake_waiters {key}"),
            Effect::ObserveBranch { head, replay, .. } => {
                format!("observe_branch {name} against {head}{}", if *replay { " replay" } else { "" })
            }
            Effect::CleanUp { archive, .. } => format!("clean_up {name}{}", if *archive { " archive" } else { "" }),
        }
    }

    /// One line per verdict: who judged, what, with which key, and what it is now.
    pub fn show_judgements(&self, task: &TaskId) -> Vec<String> {
        self.judgements(task)
            .iter()
            .map(|j| {
                let judge = match &j.judge {
                    Judge::Attempt { number, role, .. } => format!("{role} attempt {number}"),
                    Judge::Check { .. } => format!("test command on {}", j.commit),
                };
                let standing = match &j.standing {
                    Standing::Holds => "holds".to_owned(),
                    Standing::Void(by) => format!("void: {}", by.sentence()),
                };
                let outcome = format!("{:?}", j.outcome).to_lowercase();
                format!("{judge} {outcome} ({}) {} {}: {standing}", j.reason, j.key.kind(), j.key.value())
            })
            .collect()
    }

    pub fn judgements(&self, task: &TaskId) -> Vec<Judgement> {
        let row = &self.tasks[task];
        let Some(pipeline) = self.pipeline_of(row) else { return Vec::new() };
        let lane: Vec<LaneEntry> = self.lane.values().filter(|e| &e.task == task).cloned().collect();
        judgements(&Trail {
            task: row,
            pipeline,
            attempts: self.attempts.get(task).map(Vec::as_slice).unwrap_or_default(),
            checks: self.checks.get(task).map(Vec::as_slice).unwrap_or_default(),
            episodes: self.episodes.get(task).map(Vec::as_slice).unwrap_or_default(),
            lane: &lane,
        })
    }

    /// One line: where a task stands and why.
    pub fn show_task(&self, task: &Task) -> String {
        let waits: Vec<_> = task.waits.iter().map(show_wait).collect();
        let waits = if waits.is_empty() { "nothing".to_owned() } else { waits.join(", ") };
        let hold = hold_in_words(task).map(|why| format!(" · {why}")).unwrap_or_default();
        format!(
            "{}: {} · visit {} · attempt {} · retries {} · waits {waits} · rule {}{hold}",
            task.work_item,
            task.position.name(),
            task.visit,
            task.attempt,
            task.retries,
            task.rule
        )
    }
}

pub fn show_wait(wait: &Wait) -> String {
    match wait {
        Wait::Backlog => "backlog".to_owned(),
        Wait::Unlisted { author } => format!("unlisted {author}"),
        Wait::Entry { place, behind } => match behind {
            Some(behind) => format!("entry {place} behind {behind}"),
            None => format!("entry {place}"),
        },
        Wait::Frozen { reason } => format!("frozen ({reason})"),
        Wait::Dependency { on } => {
            format!("dependency {}", on.iter().map(|w| w.as_str()).collect::<Vec<_>>().join(" "))
        }
        Wait::Agent { attempt } => format!("agent {attempt}"),
        Wait::Collecting { attempt, .. } => format!("collecting {attempt}"),
        Wait::Check { commit } => format!("check {commit}"),
        Wait::Slot { .. } => "slot".to_owned(),
        Wait::Budget { .. } => "budget".to_owned(),
        Wait::Outage { source, probed_by, .. } => match probed_by {
            Some(task) => format!("outage {} tried by {task}", source.key()),
            None => format!("outage {}", source.key()),
        },
        Wait::Human { asked } => format!("human {asked:?}"),
        Wait::Lane { place, behind, doing } => match behind {
            Some(behind) => format!("lane {place} behind {behind} ({doing})"),
            None => format!("lane {place} ({doing})"),
        },
        Wait::Paused { scope } => format!("paused {scope:?}"),
        Wait::Branch => "branch".to_owned(),
        Wait::Hands { by } => format!("hands of {by}"),
        Wait::Held { .. } => "held".to_owned(),
        Wait::Stopping => "stopping".to_owned(),
        Wait::Deploying { target, state, .. } => format!("deployment on {target} ({state})"),
        Wait::StopAfterStep { step } => format!("stop after {step}"),
    }
}

/// Guards by name, each once.
pub fn show_guards(guards: &[Guard]) -> String {
    let mut names: Vec<_> = guards.iter().map(Guard::name).collect();
    names.dedup();
    names.join(" ")
}
