//! A task of which this release does not know a part: a newer one wrote it. No rule acts on it; it can be stopped.

use crate::actor::Actor;
use crate::attempt::Attempt;
use crate::change::{Change, SLOT_RUNS};
use crate::effect::Effect;
use crate::event::{Refusal, TaskEvent};
use crate::lane::{LaneState, Line};
use crate::pipeline::StageKind;
use crate::rights::{self, Acting, Right};
use crate::task::{Position, Task};
use crate::unknown::words;

use super::Decision;
use super::draft::{Draft, ORCH};
use super::task_rules::holder;

/// What a stop writes itself; the rest of the row goes back as it was.
const WRITTEN: [&str; 6] = ["position", "waits", "hold", "stop", "rework", "body"];

/// A look changes nothing, a stop cancels, and everything else is refused: an outcome is kept for the release that knows.
pub fn decide(draft: Draft, event: &TaskEvent, by: &Acting) -> Result<Decision, Refusal> {
    match event {
        TaskEvent::Looked => Ok(decision(draft, "unknown", "looked")),
        TaskEvent::StopRequested => match rights::may(by, Right::Stop) {
            Ok(()) => stop(draft, &by.actor),
            Err(why) => refuse(&draft, why),
        },
        _ => {
            let id = draft.facts.task.work_item.clone();
            let parts = words(&draft.facts.unknown);
            refuse(
                &draft,
                format!(
                    "this release does not know its {parts}; a newer one wrote that. Install it again, or call the task off: \
                     orch stop {id}"
                ),
            )
        }
    }
}

fn decision(draft: Draft, rule: &'static str, answer: &str) -> Decision {
    Decision { changes: draft.into_changes(), trace: vec![rule], answer: answer.to_owned() }
}

fn refuse(draft: &Draft, why: impl Into<String>) -> Result<Decision, Refusal> {
    Err(Refusal { work_item: draft.facts.task.work_item.clone(), why: why.into() })
}

/// At once, since no rule would carry a stop out later. What cannot be undone is waited for by the person.
fn stop(mut draft: Draft, by: &Actor) -> Result<Decision, Refusal> {
    if !draft.facts.policy.stop {
        return refuse(&draft, "stopping is switched off on this host (switches.stop)");
    }
    match draft.landing_entry().map(|entry| &entry.state) {
        Some(LaneState::Landing { .. }) => return refuse(&draft, "it is landing; ask again when that has ended"),
        Some(LaneState::Landed { .. }) => return refuse(&draft, "too late: it has landed"),
        _ => {}
    }
    let running = draft.facts.attempt.as_ref().filter(|attempt| attempt.ended.is_none());
    if running.is_some_and(|attempt| deploys(&draft, attempt)) {
        return refuse(&draft, "its deploy runs; ask again when that has ended");
    }
    let text = format!("cancelled; this release does not know its {}", words(&draft.facts.unknown));
    draft.audit(by, "stop", text);
    for field in WRITTEN {
        draft.facts.task.beyond.forget(field);
    }
    let Task { id, repository, attempt, base, .. } = draft.facts.task.clone();
    let known: Vec<_> = draft.facts.lane.iter().map(|entry| entry.line).collect();
    draft.end(Position::Cancelled);
    for line in [Line::Entry, Line::Landing].into_iter().filter(|line| !known.contains(line)) {
        draft.change(Change::DeleteLaneEntry { repository: repository.clone(), task: id.clone(), line });
    }
    if draft.facts.attempt.is_none() && attempt > 0 {
        // Its newest attempt is not known; it may have a run that works, and what a run takes.
        draft.perform(Effect::StopRun { task: id.clone(), attempt });
        let held_by = holder(&id, attempt);
        draft.change(Change::Settle { holder: held_by.clone(), spent_micros: None });
        draft.change(Change::ReleaseSlot { key: SLOT_RUNS.to_owned(), holder: held_by });
        draft.change(Change::WakeSlotWaiters { key: SLOT_RUNS.to_owned() });
    }
    if base.is_some() {
        draft.clean_up(true);
    }
    draft.change(Change::ReleaseKeys { owner: id });
    draft.audit(ORCH, "stop_cancels", "cancelled, as a person asked");
    draft.rest("stop_cancels", Vec::new());
    Ok(decision(draft, "stop_cancels", "stopped"))
}

fn deploys(draft: &Draft, attempt: &Attempt) -> bool {
    draft.facts.pipeline.stage(&attempt.stage).is_some_and(|stage| stage.kind == StageKind::Deploy)
}
