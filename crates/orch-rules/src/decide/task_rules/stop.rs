//! STOP (I): ask the agent, wait for what cannot be undone, then cancel.

use crate::change::Change;
use crate::decide::Step;
use crate::decide::draft::{Draft, ORCH};
use crate::ids::CommitId;
use crate::lane::{LaneState, Line};
use crate::pipeline::StageKind;
use crate::reason;
use crate::task::{Hold, Position, Wait};

use super::gates::green;
use super::{deploys, landing};

/// During an irreversible landing or deploy the stop waits, durably, until that step has ended honestly.
pub fn after_step(draft: &mut Draft) -> Option<Step> {
    draft.facts.task.stop.as_ref()?;
    let landing = matches!(draft.landing_entry()?.state, LaneState::Landing { .. });
    landing.then(|| rest_for("the landing"))
}

/// Ask the running agent to end; its supervisor makes sure. A deploy that runs is waited for instead.
pub fn agent(draft: &mut Draft) -> Option<Step> {
    draft.facts.task.stop.as_ref()?;
    let attempt = draft.facts.attempt.clone().filter(|a| a.ended.is_none())?;
    let deploys = draft.facts.pipeline.stage(&attempt.stage).is_some_and(|s| s.kind == StageKind::Deploy);
    if deploys {
        return Some(rest_for("the deploy"));
    }
    if attempt.stop_requested {
        return Some(Step::Rest(vec![Wait::Stopping]));
    }
    draft.stop_run();
    Some(Step::Again)
}

/// Its change is on the base branch and must not stay there: it is to be stopped, or it does not run. The lane takes it
/// back, the newest first, tested as every candidate. What cannot be taken back so is a person's, and the task stays until
/// it is.
pub fn takes_back(draft: &mut Draft) -> Option<Step> {
    draft.facts.task.landed.as_ref()?;
    let stopped = draft.facts.task.stop.is_some() && !deployed(draft);
    if draft.facts.task.hold.is_some() || !(stopped || deploys::has_failed(draft)) {
        return None;
    }
    let main = draft.facts.repository.base_branch.clone();
    let Some(entry) = draft.landing_entry().cloned() else {
        match draft.facts.task.brought.last().cloned() {
            Some(of) => {
                draft.audit(ORCH, "takes_back", reason::takes_back(&of));
                draft.take_back(of);
            }
            None => draft.hold(Hold::Stuck { reason: reason::not_taken_back_unknown(main) }, "takes_back"),
        }
        return Some(Step::Again);
    };
    match entry.state {
        // Its own place, of a change that came back: given up.
        _ if entry.reverts.is_none() => draft.give_up(Line::Landing),
        // Of several the last one is what runs already; what stands between is not brought there.
        LaneState::Landed { commit, .. } if draft.facts.task.brought.len() > 1 => {
            draft.give_up(Line::Landing);
            taken_back(draft, &commit);
        }
        LaneState::Landed { commit, .. } => {
            let reverts = draft.facts.task.deployment.as_ref().map(|deployment| deployment.id.clone());
            if reverts.is_none() || !deploys::begin_revert(draft, &commit, reverts) {
                draft.give_up(Line::Landing);
                taken_back(draft, &commit);
            }
        }
        LaneState::Ejected { cause } => {
            draft.give_up(Line::Landing);
            let of = draft.facts.task.brought.last().cloned().unwrap_or_else(|| CommitId::from(""));
            let why = cause.words();
            draft.hold(Hold::Stuck { reason: reason::not_taken_back(of, main, why) }, "takes_back");
        }
        _ => return Some(Step::Rest(landing::in_line(draft, &entry))),
    }
    Some(Step::Again)
}

/// The newest of what it brought is off the base branch again.
pub(super) fn taken_back(draft: &mut Draft, commit: &CommitId) {
    draft.facts.task.brought.pop();
    if draft.facts.task.brought.is_empty() {
        draft.facts.task.landed = None;
    }
    draft.audit(ORCH, "takes_back", reason::taken_back(commit));
}

/// Nothing runs any more: cancel, archive, free the natural keys.
pub fn cancels(draft: &mut Draft) -> Option<Step> {
    draft.facts.task.stop.as_ref()?;
    if deployed(draft) || draft.facts.task.landed.is_some() {
        return None;
    }
    draft.audit(ORCH, "stop_cancels", reason::cancelled());
    let had_branch = draft.facts.task.base.is_some();
    draft.end(Position::Cancelled);
    if had_branch {
        draft.clean_up(true);
    }
    let owner = draft.facts.task.id.clone();
    draft.change(Change::ReleaseKeys { owner });
    Some(Step::Again)
}

/// Production was deployed while the stop waited: the task goes on to where that leads, and only then is it asked
/// whether anything is left to cancel.
fn deployed(draft: &Draft) -> bool {
    deploys::is_healthy(draft)
        || draft.stage().is_some_and(|s| s.kind == StageKind::Deploy && !s.approval) && green(draft)
}

pub(super) fn rest_for(step: &str) -> Step {
    Step::Rest(vec![Wait::StopAfterStep { step: step.to_owned() }])
}
