//! The end of the line as the task sees it: it asks for a place, validates the candidate, and takes what the lane
//! answers. It never lands by itself.

use crate::claim::ClaimKind;
use crate::decide::Step;
use crate::decide::draft::{Draft, ORCH};
use crate::episode::{Answer, EpisodeKind, confirmation};
use crate::gate::{self, Outcome};
use crate::ids::DeployTarget;
use crate::lane::{Candidate, Ejection, LaneEntry, LaneState, Line};
use crate::pipeline::{OnRed, Stage, StageKind};
use crate::reason;
use crate::task::{Hold, Position, Wait};
use crate::verdict::must_fix::cut;

use super::deploys;
use super::run::completed;

fn lane_stage(draft: &Draft) -> Option<Stage> {
    draft.stage().filter(|s| s.kind.in_lane())
}

/// The commit is on main: take the lane's word before anything else, a stop included (I: honestly ended).
pub fn landed(draft: &mut Draft) -> Option<Step> {
    let stage = lane_stage(draft)?;
    let entry = draft.landing_entry().filter(|entry| entry.reverts.is_none())?;
    let LaneState::Landed { commit, contained } = entry.state.clone() else { return None };
    draft.facts.task.landed = Some(commit.clone());
    if !contained {
        draft.facts.task.brought.push(commit.clone());
    }
    draft.audit(ORCH, "landed", reason::landed(&commit));
    if !deploys::begin(draft, &commit, None) {
        draft.give_up(Line::Landing);
        draft.advance(&stage, "landed");
    }
    Some(Step::Again)
}

/// Ask for a place in the landing line, behind whoever it waits for (J).
pub fn joins(draft: &mut Draft) -> Option<Step> {
    let stage = lane_stage(draft)?;
    let kept = draft.landing_entry().cloned();
    let stands = kept.as_ref().is_some_and(|entry| entry.state != LaneState::Mending);
    if stands || !draft.open_dependencies().is_empty() {
        return None;
    }
    let head = draft.facts.task.head.clone()?;
    let validates = stage.kind == StageKind::Stage || stage.confirm;
    draft.audit(ORCH, "lane_joins", reason::asks_to_land());
    match kept {
        // What mends keeps the place of what it mends.
        Some(entry) => draft.put_entry(LaneEntry { head: Some(head), validates, state: LaneState::Queued, ..entry }),
        None => draft.join(Line::Landing, Some(head), validates),
    }
    Some(Step::Again)
}

/// The lane sent it back: conflict or red, with the evidence; or nobody can tell.
pub fn sent_back(draft: &mut Draft) -> Option<Step> {
    let stage = lane_stage(draft)?;
    let LaneState::Ejected { cause } = draft.landing_entry()?.state.clone() else { return None };
    let main = draft.facts.repository.base_branch.clone();
    let red = match &cause {
        Ejection::Red { excerpt, .. } => Some(excerpt.clone()),
        Ejection::Settings { faults, .. } => Some(faults.join("\n")),
        Ejection::Conflict { .. } | Ejection::Refused { .. } | Ejection::Unknown { .. } => None,
    };
    let (reason, told, must_fix) = match cause {
        Ejection::Conflict { paths, onto } => {
            let list = cut(&paths.iter().map(|p| format!("- {p}")).collect::<Vec<_>>().join("\n"));
            (
                reason::conflict(&main, &onto),
                format!("conflict with {main} at {onto}"),
                format!(
                    "{main} moved to {onto} and changed the same lines. Merge it into the branch (it is fetched as \
                     `orch-base`), keep both intentions, and resolve:\n{list}\n\nThe whole: git diff --name-only \
                     {onto}...HEAD"
                ),
            )
        }
        Ejection::Red { excerpt, onto } => {
            let excerpt = cut(excerpt.trim_end());
            (
                reason::combined_tests_fail(&main, &onto),
                format!("the tests fail on {main} at {onto} combined with this change"),
                format!(
                    "Merge {main} (fetched as `orch-base`) into the branch and make the tests pass:\n\n{excerpt}\n\nThe \
                     whole: run the test command on the merge of both."
                ),
            )
        }
        Ejection::Settings { faults, onto } => (
            reason::combined_settings_unusable(&main, &onto),
            format!("settings cannot be used on {main} at {onto} combined with this change"),
            format!("Merge {main} (fetched as `orch-base`) into the branch.\n\n{}", cut(&gate::settings_told(&faults))),
        ),
        Ejection::Refused { by, why } => {
            draft.leave(Line::Landing);
            let reason = reason::landing_refused(by, main, why);
            draft.hold(Hold::Stuck { reason }, "lane_sent_back");
            return Some(Step::Again);
        }
        Ejection::Unknown { reason } => {
            draft.leave(Line::Landing);
            draft.hold(Hold::Stuck { reason: reason::candidate_untested(reason) }, "lane_sent_back");
            return Some(Step::Again);
        }
    };
    match stage.on_red {
        OnRed::Back(to) => {
            // Another main conflicts anew: only the same red is a repetition.
            if let Some(excerpt) = red {
                draft.facts.task.convergence.failed(&stage.id, &excerpt, false);
            }
            let (cap, told) = (stage.cap.unwrap_or(0), (told.as_str(), must_fix.as_str()));
            draft.send_back(Position::Stage(to), cap, "lane_sent_back", ClaimKind::Conflict, reason, told);
        }
        OnRed::Stay => {
            draft.leave(Line::Landing);
            let here = draft.facts.task.position.clone();
            draft.claim(ClaimKind::Conflict, must_fix, &here);
            draft.hold(Hold::Stuck { reason }, "lane_sent_back");
        }
    }
    Some(Step::Again)
}

/// In line, or in the lane's hands. A tested candidate that this task still has to validate is not waiting.
pub fn waits(draft: &mut Draft) -> Option<Step> {
    lane_stage(draft)?;
    let entry = draft.landing_entry()?;
    if matches!(entry.state, LaneState::Tested { .. }) && entry.validates {
        return None;
    }
    Some(Step::Rest(in_line(draft, entry)))
}

/// Why a place in the landing line is waited in.
pub(super) fn in_line(draft: &Draft, entry: &LaneEntry) -> Vec<Wait> {
    let place = u32::try_from(draft.facts.ahead.len()).unwrap_or(u32::MAX).saturating_add(1);
    let mut rest = Vec::new();
    if let Some(freeze) = draft.freeze() {
        rest.push(Wait::Frozen { reason: freeze.reason.clone() });
    }
    rest.push(Wait::Lane { place, behind: draft.facts.ahead.first().cloned(), doing: entry.state.name().to_owned() });
    rest
}

/// The tested candidate this task has to validate, once nothing but people is missing: a staging stage's agent has
/// run on it and its gates are green.
fn to_validate(draft: &Draft) -> Option<(Stage, Candidate)> {
    let stage = lane_stage(draft)?;
    let entry = draft.landing_entry()?;
    let LaneState::Tested { candidate } = &entry.state else { return None };
    let staged = stage.kind != StageKind::Stage
        || (completed(draft)
            && stage.gates.iter().all(|name| gate::evaluate(*name, &draft.facts).outcome == Outcome::Pass));
    (entry.validates && staged).then(|| (stage, candidate.clone()))
}

/// What a confirmation is about: this change, on its way to its target, and whether it can be taken back there. The candidate
/// of a main that moved meanwhile is the same change: it is tested and staged anew, and nobody is asked again.
fn confirmed(draft: &Draft, stage: &Stage, candidate: &Candidate) -> String {
    let facts = &draft.facts;
    let target = facts.policy.targets.get(&facts.task.repository).map(DeployTarget::as_str);
    match &facts.task.keys {
        Some(keys) => confirmation(&keys.patch, target.unwrap_or(stage.id.as_str()), deploys::is_irreversible(draft)),
        // Of a head that nobody looked at, only the commit is known.
        None => candidate.commit.to_string(),
    }
}

/// Production is asked for by a person, for exactly this change (A13). The lane is not held meanwhile.
pub fn confirm_asked(draft: &mut Draft) -> Option<Step> {
    let (stage, candidate) = to_validate(draft)?;
    let about = confirmed(draft, &stage, &candidate);
    let asked = draft
        .episode(EpisodeKind::ConfirmDeploy)
        .is_some_and(|e| e.about == about || e.about == candidate.commit.as_str());
    if !stage.confirm || asked {
        return None;
    }
    draft.withdraw_episodes();
    draft.audit(ORCH, "confirm_asked", reason::waits_for_confirmation(&candidate.commit));
    draft.ask(EpisodeKind::ConfirmDeploy, about, Vec::new());
    let repository = draft.facts.task.repository.clone();
    draft.change(crate::change::Change::WakeLane { repository });
    Some(Step::Again)
}

/// Asked, not answered.
pub fn confirm_waits(draft: &mut Draft) -> Option<Step> {
    to_validate(draft)?;
    draft.open_episode(EpisodeKind::ConfirmDeploy)?;
    Some(Step::Rest(vec![Wait::Human { asked: EpisodeKind::ConfirmDeploy }]))
}

/// Staged and, where asked, confirmed: tell the lane.
pub fn validated(draft: &mut Draft) -> Option<Step> {
    let (stage, candidate) = to_validate(draft)?;
    if stage.confirm {
        let about = confirmed(draft, &stage, &candidate);
        let episode = draft.episode(EpisodeKind::ConfirmDeploy)?;
        let approved = episode.answer.as_ref().is_some_and(|a| a.answer == Answer::Approved);
        // An earlier release asked about the candidate.
        if !approved || (episode.about != about && episode.about != candidate.commit.as_str()) {
            return None;
        }
    }
    let mut entry = draft.landing_entry()?.clone();
    draft.audit(ORCH, "lane_validated", reason::candidate_may_land(&candidate.commit));
    entry.state = LaneState::Validated { candidate };
    draft.put_entry(entry);
    Some(Step::Again)
}
