//! Waiting for what is out: a vendor that does not serve, a program that does not start.

use crate::attempt::{Attempt, RunEnd};
use crate::decide::Step;
use crate::decide::draft::{Draft, ORCH};
use crate::outage::{Outage, Probe, Source};
use crate::reason;
use crate::task::Wait;

/// The run could not be started while nothing of its agent can be: no fault of the task, no retry.
pub fn excused(draft: &mut Draft) -> Option<Step> {
    let attempt = draft.visit_attempt()?.clone();
    matches!(attempt.ended.as_ref()?.how, RunEnd::SpawnFailed { .. }).then_some(())?;
    let caught = needed(draft).iter().any(|o| o.is_closed() && matches!(o.source, Source::Agent { .. }));
    if !caught && draft.repository_trouble().is_none() {
        return None;
    }
    // The next visit is told what this one was told.
    let task = &mut draft.facts.task;
    task.rework = task.rework.take().or(attempt.rework);
    draft.audit(ORCH, "run_excused", reason::run_excused(attempt.number));
    draft.enter_again();
    Some(Step::Again)
}

/// What the next run needs is out: it waits without a slot.
pub fn waits(draft: &mut Draft) -> Option<Step> {
    let held = needed(draft).into_iter().find(|outage| outage.holds(draft.now));
    let outage = draft.repository_trouble().cloned().or(held)?;
    Some(Step::Rest(vec![Wait::Outage {
        source: outage.source,
        reason: outage.reason,
        until: outage.until,
        named: outage.named,
        probed_by: outage.probe.map(|probe| probe.work_item),
        passes: outage.passes,
    }]))
}

/// The first run after a pause goes alone.
pub fn go_first(draft: &mut Draft, attempt: &Attempt) {
    for mut outage in needed(draft).into_iter().filter(Outage::is_closed) {
        let work_item = draft.facts.task.work_item.clone();
        draft.audit(ORCH, "outage_tried", reason::outage_tried(outage.source.kind(), outage.source.name()));
        outage.probe = Some(Probe { task: attempt.task.clone(), work_item, attempt: attempt.number });
        draft.put_outage(outage);
    }
}

/// Outages of what the agent of the present stage needs.
fn needed(draft: &Draft) -> Vec<Outage> {
    let Some(worker) = draft.stage().and_then(|stage| stage.role).and_then(|role| draft.worker(role)) else {
        return Vec::new();
    };
    let sources: Vec<_> = worker.sources().collect();
    draft.facts.outages.iter().filter(|outage| sources.contains(&outage.source)).cloned().collect()
}
