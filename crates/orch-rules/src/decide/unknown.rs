//! A task of which this release does not know a part: a newer one wrote it. No rule acts on it; it can be stopped.

use crate::actor::Actor;
use crate::attempt::Attempt;
use crate::change::{Change, SLOT_RUNS};
use crate::effect::Effect;
use crate::event::{Refusal, TaskEvent};
use crate::lane::{LaneState, Line};
use crate::pipeline::StageKind;
use crate::reason::{self, Reason};
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
        TaskEvent::Looked => Ok(decision(draft, "unknown", reason::nothing_said())),
        TaskEvent::StopRequested => match rights::may(by, Right::Stop) {
            Ok(()) => stop(draft, &by.actor),
            Err(why) => refuse(&draft, why),
        },
        _ => {
            let parts = words(&draft.facts.unknown);
            refuse(&draft, reason::left_alone(parts))
        }
    }
}

fn decision(draft: Draft, rule: &'static str, answer: Reason) -> Decision {
    Decision { changes: draft.into_changes(), trace: vec![rule], answer }
}

fn refuse(draft: &Draft, why: Reason) -> Result<Decision, Refusal> {
    Err(Refusal { work_item: draft.facts.task.work_item.clone(), why })
}

/// At once, since no rule would carry a stop out later. What cannot be undone is waited for by the person.
fn stop(mut draft: Draft, by: &Actor) -> Result<Decision, Refusal> {
    if !draft.facts.policy.stop {
        return refuse(&draft, reason::stop_switched_off());
    }
    match draft.landing_entry().map(|entry| &entry.state) {
        Some(LaneState::Landing { .. }) => return refuse(&draft, reason::it_lands()),
        Some(LaneState::Deploying { .. }) => return refuse(&draft, reason::it_deploys()),
        Some(LaneState::Landed { .. }) => return refuse(&draft, reason::too_late("landed")),
        _ => {}
    }
    let running = draft.facts.attempt.as_ref().filter(|attempt| attempt.ended.is_none());
    if running.is_some_and(|attempt| deploys(&draft, attempt)) {
        return refuse(&draft, reason::it_deploys());
    }
    let text = reason::cancelled_unknown(words(&draft.facts.unknown));
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
    draft.audit(ORCH, "stop_cancels", reason::cancelled());
    draft.rest("stop_cancels", Vec::new());
    Ok(decision(draft, "stop_cancels", reason::now_stopped()))
}

fn deploys(draft: &Draft, attempt: &Attempt) -> bool {
    draft.facts.pipeline.stage(&attempt.stage).is_some_and(|stage| stage.kind == StageKind::Deploy)
}
