//! STOP (I): ask the agent, wait for what cannot be undone, then cancel.

use crate::change::Change;
use crate::decide::Step;
use crate::decide::draft::{Draft, ORCH};
use crate::lane::LaneState;
use crate::pipeline::StageKind;
use crate::reason;
use crate::task::{Position, Wait};

use super::gates::green;

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

/// Nothing runs any more: cancel, archive, free the natural keys.
pub fn cancels(draft: &mut Draft) -> Option<Step> {
    draft.facts.task.stop.as_ref()?;
    if deployed(draft) {
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
    draft.stage().is_some_and(|s| s.kind == StageKind::Deploy && !s.approval) && green(draft)
}

fn rest_for(step: &str) -> Step {
    Step::Rest(vec![Wait::StopAfterStep { step: step.to_owned() }])
}
