//! The rules of a lane, in order: who enters, and what happens at the front of the landing line.

use crate::change::Change;
use crate::check::{Check, CheckKey};
use crate::effect::Effect;
use crate::facts::{EntryFacts, LandingFacts};
use crate::ids::{CheckId, TaskId};
use crate::lane::{Candidate, LaneEntry, LaneState};
use crate::reason;

use super::draft::ORCH;
use super::lane_draft::LaneDraft;

type Rule = fn(&mut LaneDraft) -> bool;

/// Each either changes something and is asked again, or has no opinion. Finishing what was begun comes before
/// beginning something new.
pub const LANE_RULES: &[(&str, Rule)] =
    &[("admit", admit), ("rebuild", rebuild), ("validate", validate), ("land", land), ("build", build)];

/// Let the next task in: all that are ready, or, in a serial repository, the first if no earlier one is unfinished
/// (K). A task that waits for another one is passed over, so that an earlier task may wait for a later one.
fn admit(draft: &mut LaneDraft) -> bool {
    let repository = &draft.facts.repository;
    if repository.paused {
        return false;
    }
    let frozen = repository.frozen.clone();
    // What is to mend a frozen repository waits for nobody whom the freeze holds.
    let serial = repository.serial && draft.facts.policy.serial && frozen.is_none();
    let passes = |task: &TaskId| frozen.as_ref().is_none_or(|freeze| freeze.passes(task));
    let heeds = draft.facts.policy.dependencies;
    let ready = |e: &EntryFacts| e.ready || !heeds;
    // One that was let in and waits for another task now does not hold the line: the other may stand behind it, and
    // then nobody would ever move.
    let inside = |state: &LaneState| matches!(state, LaneState::Admitted | LaneState::Unknown(_));
    let unfinished = draft.facts.entry.iter().any(|e| inside(&e.entry.state) && ready(e));
    if serial && unfinished {
        return false;
    }
    let Some(next) = draft
        .facts
        .entry
        .iter_mut()
        .find(|e| e.entry.state == LaneState::Queued && ready(e) && !e.resting && passes(&e.entry.task))
    else {
        return false;
    };
    next.entry.state = LaneState::Admitted;
    let entry = next.entry.clone();
    let task = entry.task.clone();
    draft.guard_not_frozen();
    draft.change(Change::PutLaneEntry { entry });
    draft.change(Change::Wake { task: task.clone() });
    draft.audit(Some(&task), ORCH, "admit", reason::may_enter());
    true
}

/// Main moved under a tested candidate: build, test and stage a new one, by itself; no retry is counted.
fn rebuild(draft: &mut LaneDraft) -> bool {
    let main = draft.facts.repository.main.clone();
    let stale = draft.facts.landing.iter().find(|l| match &l.entry.state {
        LaneState::Tested { candidate } | LaneState::Validated { candidate } => {
            Some(&candidate.parent) != main.as_ref()
        }
        _ => false,
    });
    let Some(task) = stale.map(|l| l.entry.task.clone()) else { return false };
    let base = draft.facts.repository.base_branch.clone();
    draft.move_landing(&task, LaneState::Queued, "rebuild", reason::candidate_anew(base));
    true
}

/// Green and nobody else has to look: ready to land.
fn validate(draft: &mut LaneDraft) -> bool {
    let green = draft.facts.landing.iter().find_map(|l| match &l.entry.state {
        LaneState::Tested { candidate } if !l.entry.validates => Some((l.entry.task.clone(), candidate.clone())),
        _ => None,
    });
    let Some((task, candidate)) = green else { return false };
    let text = reason::candidate_green(&candidate.commit);
    draft.move_landing(&task, LaneState::Validated { candidate }, "validate", text);
    true
}

/// Move main to the validated candidate. Irreversible from here on.
fn land(draft: &mut LaneDraft) -> bool {
    let waits =
        |l: &LandingFacts| matches!(l.entry.state, LaneState::Landing { .. }) || is_deployed(draft, &l.entry.state);
    if draft.facts.landing.iter().any(waits) {
        return false;
    }
    let ready = draft.facts.landing.iter().find_map(|l| match &l.entry.state {
        LaneState::Validated { candidate } if !l.resting && open(draft, &l.entry.task) => {
            Some((l.entry.task.clone(), candidate.clone()))
        }
        _ => None,
    });
    let Some((task, candidate)) = ready else { return false };
    draft.guard_not_frozen();
    let fence = draft.raise_fence();
    let repository = draft.facts.repository.id.clone();
    let Candidate { commit, parent, .. } = candidate.clone();
    draft.perform(Effect::Land { repository, task: task.clone(), candidate: commit.clone(), parent, fence });
    draft.move_landing(&task, LaneState::Landing { candidate, fence }, "land", reason::lands(&commit));
    true
}

/// Take the next one in line. One candidate at a time: what is being made, tested, staged or landed holds the lane;
/// a waiting human does not.
fn build(draft: &mut LaneDraft) -> bool {
    if draft.facts.landing.iter().any(|l| holds_lane(draft, l)) {
        return false;
    }
    let ready = |l: &&LandingFacts| l.entry.state == LaneState::Queued && !l.resting && open(draft, &l.entry.task);
    let next = draft.facts.landing.iter().find(ready);
    let Some(entry) = next.map(|l| l.entry.clone()) else { return false };
    let (repository, task) = (entry.repository, entry.task);
    let fence = draft.facts.repository.lane_fence + 1;
    let effect = match (entry.reverts, entry.head) {
        (Some(of), _) => Effect::BuildRevert { repository, task: task.clone(), of, fence },
        (None, Some(head)) => Effect::BuildCandidate { repository, task: task.clone(), head, fence },
        (None, None) => return false,
    };
    draft.raise_fence();
    draft.perform(effect);
    draft.move_landing(&task, LaneState::Building { fence }, "build", reason::candidate_begun());
    true
}

/// Nothing new is begun in a paused repository, in a frozen one only for what passes the freeze, and while what was deployed
/// does not run only for what mends it, or takes it back.
fn open(draft: &LaneDraft, task: &TaskId) -> bool {
    let repository = &draft.facts.repository;
    let deployed = draft.facts.policy.targets.contains_key(&repository.id);
    let first = |entry: &LaneEntry| entry.mends || deployed && entry.reverts.is_some();
    let mut entries = draft.facts.landing.iter().map(|l| &l.entry).filter(|entry| first(entry)).peekable();
    (entries.peek().is_none() || entries.any(|entry| entry.task == *task))
        && !repository.paused
        && repository.frozen.as_ref().is_none_or(|freeze| freeze.passes(task))
}

/// On main, and what becomes of it where it is deployed is not over. It may not have begun: its task hears of the landing
/// later than the lane.
fn is_deployed(draft: &LaneDraft, state: &LaneState) -> bool {
    match state {
        LaneState::Landed { .. } => draft.facts.policy.targets.contains_key(&draft.facts.repository.id),
        LaneState::Deploying { .. } | LaneState::Mending => true,
        _ => false,
    }
}

fn holds_lane(draft: &LaneDraft, landing: &LandingFacts) -> bool {
    match landing.entry.state {
        LaneState::Building { .. } | LaneState::Testing { .. } | LaneState::Landing { .. } => true,
        ref state if is_deployed(draft, state) => true,
        // What a freeze keeps from landing keeps nobody who passes it.
        LaneState::Tested { .. } | LaneState::Validated { .. } if !open(draft, &landing.entry.task) => false,
        LaneState::Tested { .. } => !landing.awaits_human && !landing.resting,
        LaneState::Validated { .. } => !landing.resting,
        _ => false,
    }
}

/// A candidate exists: have it tested as the very commit that would land.
pub fn test(draft: &mut LaneDraft, task: &TaskId, candidate: Candidate) {
    let short: String = candidate.commit.as_str().chars().take(12).collect();
    let id = CheckId(format!("{task}-check-{short}-{}", draft.now.0));
    let check = Check {
        beyond: Default::default(),
        id: id.clone(),
        repository: draft.facts.repository.id.clone(),
        task: task.clone(),
        commit: candidate.commit.clone(),
        key: CheckKey::Candidate(candidate.commit.clone()),
        requested_at: draft.now,
        outcome: None,
        excerpt: String::new(),
        first_red: None,
        asked_by: None,
        ended_at: None,
    };
    draft.change(Change::PutCheck { check });
    draft.perform(Effect::RunCheck {
        task: task.clone(),
        check: id.clone(),
        commit: candidate.commit.clone(),
        lane: true,
    });
    let text = reason::candidate_is_tested(&candidate.commit);
    draft.move_landing(task, LaneState::Testing { candidate, check: id }, "candidate_made", text);
}
