//! How scenarios print what happened.

use orch_rules::change::Guard;
use orch_rules::effect::Effect;
use orch_rules::task::{Task, Wait};

use super::World;

impl World {
    pub fn show_effect(&self, effect: &Effect) -> String {
        let name = self.name_of(effect.task());
        match effect {
            Effect::RunAgent { attempt, .. } => format!("run_agent {name} attempt {attempt}"),
            Effect::StopRun { attempt, .. } => format!("stop_run {name} attempt {attempt}"),
            Effect::RunCheck { commit, lane, .. } => {
                format!("run_check {name} on {commit}{}", if *lane { " (candidate)" } else { "" })
            }
            Effect::BuildCandidate { head, .. } => format!("build_candidate {name} of {head}"),
            Effect::Land { candidate, parent, .. } => format!("land {name} {candidate} onto {parent}"),
            Effect::PublishBranch { head, .. } => format!("publish_branch {name} {head}"),
            Effect::ObserveBranch { head, replay, .. } => {
                format!("observe_branch {name} against {head}{}", if *replay { " replay" } else { "" })
            }
            Effect::CleanUp { archive, .. } => format!("clean_up {name}{}", if *archive { " archive" } else { "" }),
        }
    }

    /// One line: where a task stands and why.
    pub fn show_task(&self, task: &Task) -> String {
        let waits: Vec<_> = task.waits.iter().map(show_wait).collect();
        let waits = if waits.is_empty() { "nothing".to_owned() } else { waits.join(", ") };
        let hold = task.hold.as_ref().map(|h| format!(" · {}", h.sentence())).unwrap_or_default();
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
        Wait::Check { commit } => format!("check {commit}"),
        Wait::Slot { .. } => "slot".to_owned(),
        Wait::Budget { .. } => "budget".to_owned(),
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
        Wait::StopAfterStep { step } => format!("stop after {step}"),
    }
}

/// Guards by name, each once.
pub fn show_guards(guards: &[Guard]) -> String {
    let mut names: Vec<_> = guards.iter().map(Guard::name).collect();
    names.dedup();
    names.join(" ")
}
