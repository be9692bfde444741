//! What landed goes to its target, and the lane is its own until that has ended: so what a failed one brought is taken back
//! before anybody else lands on top of it.

use crate::claim::ClaimKind;
use crate::decide::Step;
use crate::decide::draft::{Draft, ORCH};
use crate::deploy::{DeploymentState, TaskDeployment};
use crate::effect::Effect;
use crate::ids::{CommitId, DeploymentId};
use crate::lane::{LaneState, Line};
use crate::pipeline::{OnRed, StageKind};
use crate::reason;
use crate::task::{Hold, Position, Wait};

use crate::verdict::must_fix::cut;

use super::stop;

/// Has a commit that landed deployed, where its repository has a target; `false` where it has none. The place in line stays
/// the task's until that has ended.
pub(super) fn begin(draft: &mut Draft, commit: &CommitId, reverts: Option<DeploymentId>) -> bool {
    let facts = &draft.facts;
    let Some(target) = facts.policy.targets.get(&facts.task.repository).cloned() else { return false };
    let Some(mut entry) = draft.landing_entry().cloned() else { return false };
    let task = facts.task.id.clone();
    let short: String = commit.as_str().chars().take(12).collect();
    let deployment = DeploymentId(format!("{task}-deploy-{short}"));
    entry.state = LaneState::Deploying { commit: commit.clone() };
    draft.put_entry(entry);
    draft.audit(ORCH, "deploys", reason::deployment_queued(commit, &target));
    draft.facts.task.deployment = Some(TaskDeployment {
        id: deployment.clone(),
        target: target.clone(),
        state: DeploymentState::Queued,
        infra: false,
        why: String::new(),
        failed: None,
    });
    let repository = draft.facts.task.repository.clone();
    draft.perform(Effect::Deploy { task, repository, target, deployment, commit: commit.clone(), reverts });
    true
}

/// The same of the revert of what was deployed.
pub(super) fn begin_revert(draft: &mut Draft, commit: &CommitId, of: Option<DeploymentId>) -> bool {
    // What went wrong stays known until it is answered.
    let known = draft.facts.task.deployment.as_ref();
    let why = known.and_then(|known| if has_failed(draft) { Some(known.why.clone()) } else { known.failed.clone() });
    let began = begin(draft, commit, of);
    if let Some(now) = draft.facts.task.deployment.as_mut().filter(|_| began) {
        now.failed = why;
    }
    began
}

/// The deployment of what landed decides what follows, before all else.
pub fn deploys(draft: &mut Draft) -> Option<Step> {
    let entry = draft.landing_entry()?.clone();
    let LaneState::Deploying { commit } = entry.state else { return None };
    let deployment = draft.facts.task.deployment.clone()?;
    match deployment.state {
        DeploymentState::Healthy | DeploymentState::Superseded if entry.reverts.is_some() => {
            draft.leave(Line::Landing);
            stop::taken_back(draft, &commit);
        }
        DeploymentState::Healthy | DeploymentState::Superseded => {
            let stage = draft.stage()?;
            draft.leave(Line::Landing);
            draft.advance(&stage, "deploys");
        }
        DeploymentState::Failed | DeploymentState::RolledBack | DeploymentState::Cancelled
            if !deployment.infra && entry.reverts.is_none() =>
        {
            draft.leave(Line::Landing);
        }
        _ if draft.facts.task.stop.is_some() => return Some(stop::rest_for("the deployment")),
        state => {
            let (target, why) = (deployment.target, deployment.why);
            return Some(Step::Rest(vec![Wait::Deploying { target, state: state.name().to_owned(), why }]));
        }
    }
    Some(Step::Again)
}

/// What landed did not run, and stands on the base branch: the lane takes it back, and then it is its developer's again.
pub(super) fn has_failed(draft: &Draft) -> bool {
    draft.facts.task.deployment.as_ref().is_some_and(TaskDeployment::has_failed)
}

/// It was taken back: the developer hears why, and brings it again with what was missing.
pub fn failed(draft: &mut Draft) -> Option<Step> {
    if draft.facts.task.landed.is_some() || draft.facts.task.stop.is_some() {
        return None;
    }
    let known = draft.facts.task.deployment.clone()?;
    let why = if has_failed(draft) { known.why } else { known.failed? };
    let (stage, target) = (draft.stage()?, known.target);
    draft.facts.task.deployment = None;
    let reason = reason::deployment_failed(&target, why.lines().next().unwrap_or_default());
    match stage.on_red {
        OnRed::Back(to) => {
            let told = format!("it did not run on {target}: {}", cut(&why));
            let must_fix = "What it brought was taken back from the base branch; this branch still has it. Find what keeps it \
                            from running there, mend that, and leave the rest as it was.";
            let cap = stage.cap.unwrap_or(0);
            draft.send_back(Position::Stage(to), cap, "deploy_failed", ClaimKind::Deploy, reason, (&told, must_fix));
        }
        OnRed::Stay => draft.hold(Hold::Stuck { reason }, "deploy_failed"),
    }
    Some(Step::Again)
}

/// A stage that has an agent deploy has nothing to do where a target is: its deployment is known by looks, not by words.
pub fn deployed(draft: &mut Draft) -> Option<Step> {
    let stage = draft.stage().filter(|stage| stage.kind == StageKind::Deploy && !stage.approval)?;
    if !is_healthy(draft) || draft.facts.attempt.as_ref().is_some_and(|attempt| attempt.ended.is_none()) {
        return None;
    }
    draft.advance(&stage, "deployed");
    Some(Step::Again)
}

/// What it landed runs on its target.
pub(super) fn is_healthy(draft: &Draft) -> bool {
    let ended = |one: &TaskDeployment| matches!(one.state, DeploymentState::Healthy | DeploymentState::Superseded);
    draft.facts.task.landed.is_some() && draft.facts.task.deployment.as_ref().is_some_and(ended)
}
