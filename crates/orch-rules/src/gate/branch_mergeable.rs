//! The lane could combine the head with main, and the combination's re-test was green (E3).

use super::Conclusion;
use crate::facts::TaskFacts;
use crate::lane::{Ejection, LaneEntry, LaneState, Line};
use crate::verdict::must_fix;

/// The task's place in the landing line.
pub(super) fn landing(facts: &TaskFacts) -> Option<&LaneEntry> {
    facts.lane.iter().find(|entry| entry.line == Line::Landing && entry.task == facts.task.id)
}

pub(super) fn conclude(facts: &TaskFacts) -> Conclusion {
    if let Some(commit) = &facts.task.landed {
        return Conclusion::pass(format!("landed as {commit}"));
    }
    let Some(entry) = landing(facts) else {
        return Conclusion::pending("the task does not stand in the landing line");
    };
    if entry.head != facts.task.head {
        return Conclusion::pending("the landing line still has an earlier head of this task");
    }
    match &entry.state {
        LaneState::Queued
        | LaneState::Admitted
        | LaneState::Building { .. }
        | LaneState::Mending
        | LaneState::Testing { .. }
        | LaneState::Unknown(_) => Conclusion::pending(format!("lane: {}", entry.state.name())),
        LaneState::Tested { candidate } | LaneState::Validated { candidate } | LaneState::Landing { candidate, .. } => {
            let base = &facts.repository.base_branch;
            Conclusion::pass(format!("combined with {base} as {} and green", candidate.commit))
        }
        LaneState::Landed { commit, .. } | LaneState::Deploying { commit } => {
            Conclusion::pass(format!("landed as {commit}"))
        }
        LaneState::Ejected { cause } => ejected(facts, cause),
    }
}

fn ejected(facts: &TaskFacts, cause: &Ejection) -> Conclusion {
    let main = &facts.repository.base_branch;
    match cause {
        Ejection::Conflict { paths, onto } => {
            let reason = format!("{main} ({onto}) and this task changed the same lines in {}", paths.join(", "));
            let list: String = paths.iter().map(|path| format!("- {path}\n")).collect();
            let text = must_fix::cut(list.trim_end());
            let text = format!("Conflict with {main} at {onto}. Merge it and resolve the conflict in:\n\n{text}");
            Conclusion::fail(reason, text)
        }
        Ejection::Red { excerpt, onto } => {
            let reason = format!("the tests are red on the combination with {main} ({onto})");
            let text = format!("{reason}\n\n{}", must_fix::cut(excerpt.trim_end()));
            Conclusion::fail(reason, text.trim_end())
        }
        Ejection::Settings { faults, onto } => {
            let reason = format!("settings cannot be used in the combination with {main} ({onto})");
            Conclusion::fail(reason, super::settings_told(faults))
        }
        Ejection::Refused { by, why } => Conclusion::unknown(format!("{by} did not take it onto {main}: {why}")),
        Ejection::Unknown { reason } => {
            Conclusion::unknown(format!("the combination with {main} could not be tested: {reason}"))
        }
    }
}
