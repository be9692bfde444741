//! What landed goes to its target, and the lane is its own until that has ended: so what a failed one brought is taken back
//! before anybody else lands on top of it.

use crate::claim::ClaimKind;
use crate::decide::Step;
use crate::decide::draft::{Draft, ORCH};
use crate::deploy::{DeploymentState, TaskDeployment};
use crate::effect::Effect;
use crate::ids::{CommitId, DeploymentId};
use crate::lane::{LaneEntry, LaneState, Line};
use crate::pipeline::{OnRed, StageKind};
use crate::reason;
use crate::task::{Hold, Position, Wait};

use crate::verdict::must_fix::cut;

use super::stop;

/// What a developer is told of what was taken back.
const TAKEN_BACK: &str = "What it brought was taken back from the base branch; this branch still has it. Find what keeps it \
                          from running there, mend that, and leave the rest as it was.";
/// And of what stays.
const MENDED: &str = "What it brought stands on the base branch and stays there, and nothing else lands until you have mended it. \
                      Merge the base branch (fetched as `orch-base`) into this branch first. Then find what keeps it from \
                      running there, mend that, and leave the rest as it was.";

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
    let irreversible = reverts.is_none() && is_irreversible(draft);
    draft.facts.task.deployment = Some(TaskDeployment {
        id: deployment.clone(),
        target: target.clone(),
        state: DeploymentState::Queued,
        infra: false,
        irreversible,
        forward: irreversible,
        told: false,
        why: String::new(),
        failed: None,
    });
    let repository = draft.facts.task.repository.clone();
    let commit = commit.clone();
    draft.perform(Effect::Deploy { task, repository, target, deployment, commit, reverts, irreversible });
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
    let deployment = draft.facts.task.deployment.clone()?;
    let runs = matches!(deployment.state, DeploymentState::Healthy | DeploymentState::Superseded);
    if entry.state == LaneState::Mending && runs {
        // A person saw that it runs after all: the lane is everybody's, and what was begun to mend it goes on.
        draft.give_up(Line::Landing);
        return Some(Step::Again);
    }
    let LaneState::Deploying { commit } = entry.state.clone() else { return None };
    match deployment.state {
        DeploymentState::Healthy | DeploymentState::Superseded if entry.reverts.is_some() => {
            draft.give_up(Line::Landing);
            stop::taken_back(draft, &commit);
        }
        DeploymentState::Healthy | DeploymentState::Superseded => {
            let stage = draft.stage()?;
            draft.give_up(Line::Landing);
            draft.advance(&stage, "deploys");
        }
        _ if deployment.has_failed() && entry.reverts.is_none() => draft.give_up(Line::Landing),
        // What cannot be taken back is kept for what mends it, although it is to be stopped: a person says what becomes of it.
        _ if deployment.wants_mending()
            && entry.reverts.is_none()
            && (draft.facts.task.stop.is_none() || deployment.irreversible) =>
        {
            // Until what mends it has landed, the base branch does not have what it is to bring.
            draft.facts.task.landed = None;
            draft.put_entry(LaneEntry { state: LaneState::Mending, mends: true, head: None, ..entry });
        }
        _ if deployment.wants_mending() && entry.reverts.is_none() => {
            takes_back_instead(draft);
            draft.give_up(Line::Landing);
        }
        _ if draft.facts.task.stop.is_some() => return Some(stop::rest_for("the deployment")),
        state => {
            let (target, why) = (deployment.target, deployment.why);
            return Some(Step::Rest(vec![Wait::Deploying { target, state: state.name().to_owned(), why }]));
        }
    }
    Some(Step::Again)
}

/// What is to be deployed cannot be taken back there. What mends such a change cannot either: it holds it.
pub(super) fn is_irreversible(draft: &Draft) -> bool {
    let task = &draft.facts.task;
    let mends = draft.landing_entry().is_some_and(|entry| entry.mends);
    task.keys.as_ref().is_some_and(|keys| keys.irreversible)
        || mends && task.deployment.as_ref().is_some_and(|known| known.irreversible)
}

/// It is not mended any more: the lane takes it back.
fn takes_back_instead(draft: &mut Draft) {
    draft.facts.task.landed = draft.facts.task.brought.last().cloned();
    if let Some(deployment) = &mut draft.facts.task.deployment {
        deployment.forward = false;
    }
}

/// Whoever was to mend it is stopped, or does not get on: then it is taken back after all. What cannot be is a person's.
pub fn mending_given_up(draft: &mut Draft) -> Option<Step> {
    draft.landing_entry().filter(|entry| entry.mends && entry.reverts.is_none())?;
    let stops = draft.facts.task.stop.is_some();
    let irreversible = draft.facts.task.deployment.as_ref().is_some_and(|known| known.irreversible);
    let fails = matches!(draft.facts.task.hold, Some(Hold::Escalated { .. })) && !irreversible;
    if !stops && !fails {
        return None;
    }
    takes_back_instead(draft);
    draft.facts.task.hold = None;
    draft.give_up(Line::Landing);
    if irreversible {
        // Once more asked for, it is taken back all the same.
        let of = draft.facts.task.landed.clone().unwrap_or_else(|| CommitId::from(""));
        let main = draft.facts.repository.base_branch.clone();
        draft.hold(Hold::Stuck { reason: reason::not_taken_back_for_good(of, main) }, "mending_given_up");
        return Some(Step::Again);
    }
    draft.audit(ORCH, "mending_given_up", reason::mending_given_up());
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
    let forward = known.wants_mending();
    if forward && (known.told || draft.landing_entry()?.state != LaneState::Mending) {
        return None;
    }
    let why = if has_failed(draft) || forward { known.why.clone() } else { known.failed.clone()? };
    let (stage, target) = (draft.stage()?, known.target.clone());
    draft.facts.task.deployment = forward.then_some(TaskDeployment { told: true, ..known });
    let reason = reason::deployment_failed(&target, why.lines().next().unwrap_or_default());
    match stage.on_red {
        OnRed::Back(to) => {
            let told = format!("it did not run on {target}: {}", cut(&why));
            let must_fix = if forward { MENDED } else { TAKEN_BACK };
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
