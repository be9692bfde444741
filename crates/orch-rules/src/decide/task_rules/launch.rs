//! Starting something new: last of all, and only if nothing forbids it.

use crate::attempt::Attempt;
use crate::change::{Change, Guard, SLOT_RUNS};
use crate::decide::Step;
use crate::decide::draft::{Draft, ORCH};
use crate::effect::Effect;
use crate::lane::Line;
use crate::pipeline::StageKind;
use crate::reason;
use crate::task::{PauseScope, Wait};

/// Who holds an attempt's slot and budget reservation.
pub fn holder(task: &crate::ids::TaskId, attempt: u32) -> String {
    format!("{task}:{attempt}")
}

/// Paused by a person: what runs goes on, nothing new starts.
pub fn paused(draft: &mut Draft) -> Option<Step> {
    let scope = if draft.facts.task.paused {
        PauseScope::Task
    } else if draft.facts.repository.paused {
        PauseScope::Repository
    } else {
        return None;
    };
    Some(Step::Rest(vec![Wait::Paused { scope }]))
}

/// Another task has to end first; no slot is held meanwhile (J, C3), and neither is the lane, which the other may
/// need: a place that waits for its staging run is given up.
pub fn dependency(draft: &mut Draft) -> Option<Step> {
    let on = draft.open_dependencies();
    if on.is_empty() {
        return None;
    }
    draft.leave(Line::Landing);
    Some(Step::Rest(vec![Wait::Dependency { on }]))
}

/// Every slot is taken. Whoever gives one back wakes those who wait.
pub fn no_slot(draft: &mut Draft) -> Option<Step> {
    let max = draft.facts.policy.max_runs;
    draft.denied.slot.then(|| Step::Rest(vec![Wait::Slot { key: SLOT_RUNS.to_owned(), max }]))
}

/// Launch the agent of the stage the task is in (B2), as a new attempt with its own fence.
pub fn launch(draft: &mut Draft) -> Option<Step> {
    let stage = draft.stage()?;
    let role = stage.role?;
    let start = if stage.kind == StageKind::Stage {
        Some(draft.landing_entry()?.state.candidate()?.commit.clone())
    } else if stage.kind == StageKind::Deploy {
        draft.facts.task.landed.clone()
    } else {
        draft.facts.task.head.clone()
    };
    let now = draft.now;
    // A run that was lost, or staged an older candidate, is launched again in the same visit: it is told the same.
    let told = draft.visit_attempt().and_then(|a| a.rework.clone());
    let task = &mut draft.facts.task;
    task.attempt += 1;
    let attempt = Attempt {
        beyond: Default::default(),
        task: task.id.clone(),
        number: task.attempt,
        visit: task.visit,
        stage: stage.id.clone(),
        role,
        start,
        rework: task.rework.take().or(told),
        requested_at: now,
        stop_requested: false,
        by_hand: None,
        over: None,
        ended: None,
    };
    let holder = holder(&attempt.task, attempt.number);
    let max = draft.facts.policy.max_runs;
    // Money first, as a store checks it: whoever lacks both asks a human.
    super::budget::reserve(draft, &attempt, &holder);
    draft.guard(Guard::SlotBelow { key: SLOT_RUNS.to_owned(), max, holder });
    super::outage::go_first(draft, &attempt);
    draft.audit(ORCH, "launch", reason::run_starts(role.name(), &stage.id, attempt.number));
    let pause = super::run::pause_after_lost(draft.facts.lost_in_visit);
    draft.perform_in(Effect::RunAgent { task: attempt.task.clone(), attempt: attempt.number }, pause);
    draft.facts.attempt = Some(attempt.clone());
    draft.change(Change::PutAttempt { attempt });
    Some(Step::Again)
}
