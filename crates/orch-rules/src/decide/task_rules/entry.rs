//! Before the line: backlog, the entry line, holds and cycles.

use crate::change::Change;
use crate::decide::Step;
use crate::decide::draft::{Draft, ORCH};
use crate::facts::{Dependencies, Dependency};
use crate::lane::{LaneState, Line};
use crate::reason;
use crate::task::{Hold, Position, Wait};

/// Nothing moves a task that is done or cancelled (I: terminal is {done, cancelled} everywhere).
pub fn terminal(draft: &mut Draft) -> Option<Step> {
    draft.facts.task.position.is_terminal().then(|| Step::Rest(Vec::new()))
}

/// An issue that was only created starts nothing (A4).
pub fn backlog(draft: &mut Draft) -> Option<Step> {
    let task = &draft.facts.task;
    let wait = || match task.unlisted {
        true => Wait::Unlisted { author: task.author.clone() },
        false => Wait::Backlog,
    };
    (task.position == Position::Backlog && task.hold.is_none()).then(|| Step::Rest(vec![wait()]))
}

/// A dependency cycle is found, blocked and shown (J); a cycle that was opened again frees its tasks by itself.
pub fn cycle(draft: &mut Draft) -> Option<Step> {
    let cycle = match &draft.facts.dependencies {
        Dependencies::Known { cycle, .. } if draft.facts.policy.dependencies => cycle.clone(),
        _ => None,
    };
    match (&draft.facts.task.hold, cycle) {
        (None, Some(through)) => {
            draft.hold(Hold::Cycle { through }, "cycle");
            wake_cycle(draft);
            Some(Step::Again)
        }
        (Some(Hold::Cycle { .. }), None) => {
            draft.audit(ORCH, "cycle", reason::cycle_open());
            draft.facts.task.hold = None;
            wake_cycle(draft);
            Some(Step::Again)
        }
        _ => None,
    }
}

/// Everybody of a cycle waits for somebody of it: so the news goes round, and ends where it is no news.
fn wake_cycle(draft: &mut Draft) {
    let on = draft.facts.task.id.clone();
    draft.change(Change::WakeDependents { on });
}

/// What it waited for was called off. Nothing waits for that any longer, and people and the next agent are told: what
/// it was to bring is not there.
pub fn dependency_cancelled(draft: &mut Draft) -> Option<Step> {
    let Dependencies::Known { cancelled, .. } = &mut draft.facts.dependencies else { return None };
    let cancelled = std::mem::take(cancelled);
    if cancelled.is_empty() {
        return None;
    }
    let task = draft.facts.task.id.clone();
    for Dependency { task: on, work_item } in cancelled {
        draft.audit(ORCH, "dependency_cancelled", reason::dependency_cancelled(work_item));
        draft.change(Change::RemoveDependency { task: task.clone(), on });
    }
    Some(Step::Again)
}

/// Rests until a human acts, in silence (B6). What already runs is left to end.
pub fn held(draft: &mut Draft) -> Option<Step> {
    let hold = draft.facts.task.hold.as_ref()?;
    let reason = hold.reason();
    let mut waits = vec![Wait::Held { reason }];
    waits.extend(draft.at_work());
    Some(Step::Rest(waits))
}

/// Asked to start: the task stands in the entry line until the lane lets it in (K). The branch is cut by the first
/// run, from main as it is then.
pub fn entering(draft: &mut Draft) -> Option<Step> {
    if draft.facts.task.position != Position::Entering {
        return None;
    }
    match draft.entry_entry().map(|e| e.state.clone()) {
        None => {
            draft.join(Line::Entry, None, false);
            Some(Step::Again)
        }
        Some(LaneState::Admitted) => {
            let entry = draft.facts.pipeline.entry()?.id.clone();
            draft.audit(ORCH, "entering", reason::enters(&entry));
            draft.enter(Position::Stage(entry));
            Some(Step::Again)
        }
        Some(_) => {
            let waits = entry_waits(draft);
            let task = &draft.facts.task;
            // Whoever it waited for may have ended in another repository, whose lane is the one that was woken.
            let waited = task.rule != "entering" || task.waits.iter().any(|w| matches!(w, Wait::Dependency { .. }));
            if waited && draft.open_dependencies().is_empty() {
                let repository = task.repository.clone();
                draft.change(Change::WakeLane { repository });
            }
            Some(Step::Rest(waits))
        }
    }
}

fn entry_waits(draft: &Draft) -> Vec<Wait> {
    let facts = &draft.facts;
    let mut waits = Vec::new();
    if let Some(freeze) = draft.freeze() {
        waits.push(Wait::Frozen { reason: freeze.reason.clone() });
    }
    if facts.repository.paused {
        waits.push(Wait::Paused { scope: crate::task::PauseScope::Repository });
    }
    if facts.task.paused {
        waits.push(Wait::Paused { scope: crate::task::PauseScope::Task });
    }
    let on = draft.open_dependencies();
    if !on.is_empty() {
        waits.push(Wait::Dependency { on });
    }
    let serial = facts.repository.serial && facts.policy.serial;
    let place = u32::try_from(facts.entry_ahead.len()).unwrap_or(u32::MAX).saturating_add(1);
    waits.push(Wait::Entry { place, behind: facts.entry_ahead.first().filter(|_| serial).cloned() });
    waits
}
