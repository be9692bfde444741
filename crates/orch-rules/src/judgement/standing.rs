//! What voided a verdict, found by going through what happened after it.

use super::{Judge, Judgement, Key, Standing, Trail, Voided, of_attempt};
use crate::attempt::{Attempt, Evidence};
use crate::check::{Check, CheckKey};
use crate::episode::Answer;
use crate::gate::Outcome;
use crate::ids::{CodeId, CommitId, PatchId, StageId, Timestamp};
use crate::lane::{LaneState, Line};
use crate::pipeline::{Pipeline, StageKind, Target};

/// Verdicts of agents, with what they are now.
pub(super) fn of_attempts(trail: &Trail<'_>) -> Vec<Judgement> {
    let mut all: Vec<Judgement> = Vec::new();
    let mut keys: Option<(CodeId, PatchId)> = None;
    for attempt in trail.attempts {
        let evidence = attempt.ended.as_ref().and_then(|ended| ended.evidence.as_ref());
        // Who left nothing took nothing back: a person may let the same head go on from where it was.
        if let Some(evidence) = evidence.filter(|evidence| became_head(trail, attempt, evidence)) {
            sent_back(trail, &mut all, &attempt.stage, attempt.requested_at);
            keys = Some((evidence.code.clone(), evidence.patch.clone()));
            let holding = all.iter_mut().filter(|judgement| judgement.standing == Standing::Holds);
            for judgement in holding {
                let void = match &judgement.key {
                    Key::Patch(patch) if *patch != evidence.patch => Voided::NewPatch(attempt.number),
                    Key::Code(code) if *code != evidence.code => Voided::NewCode(attempt.number),
                    _ => continue,
                };
                judgement.standing = Standing::Void(void);
            }
        }
        let Some(stage) = trail.pipeline.stage(&attempt.stage) else { continue };
        let Some(mut new) = of_attempt(stage, attempt) else { continue };
        let strange = match (&new.key, &keys) {
            (Key::Patch(patch), Some((_, now))) => patch != now,
            (Key::Code(code), Some((now, _))) => code != now,
            _ => false,
        };
        if strange {
            new.standing = Standing::Void(Voided::NotTheBranch);
        } else {
            for old in all.iter_mut().filter(|old| old.standing == Standing::Holds && same_stage(old, &new)) {
                let other_candidate = matches!(&new.key, Key::Candidate(_)) && old.key != new.key;
                old.standing = Standing::Void(match &new.key {
                    Key::Candidate(commit) if other_candidate => Voided::NewCandidate(Some(commit.clone())),
                    _ => Voided::Superseded(new.judge.clone()),
                });
            }
        }
        all.push(new);
    }
    if let Some(stage) = trail.task.position.stage() {
        sent_back(trail, &mut all, stage, trail.task.entered_at);
    }
    for judgement in all.iter_mut().filter(|judgement| judgement.standing == Standing::Holds) {
        if let Key::Candidate(commit) = &judgement.key {
            judgement.standing = of_candidate(trail, commit, judgement.at, judgement.outcome);
        }
    }
    all
}

fn same_stage(one: &Judgement, two: &Judgement) -> bool {
    match (&one.judge, &two.judge) {
        (Judge::Attempt { stage: one, .. }, Judge::Attempt { stage: two, .. }) => one == two,
        _ => false,
    }
}

/// The task stands at `stage` again: what was green behind it has to be earned anew. Red stays true of its key.
fn sent_back(trail: &Trail<'_>, all: &mut [Judgement], stage: &StageId, at: Timestamp) {
    let Some(here) = rank(trail.pipeline, stage) else { return };
    for judgement in all.iter_mut().filter(|judgement| judgement.standing == Standing::Holds) {
        let Judge::Attempt { stage, .. } = &judgement.judge else { continue };
        if judgement.outcome != Outcome::Pass || rank(trail.pipeline, stage).is_none_or(|there| there <= here) {
            continue;
        }
        let said_no = trail.episodes.iter().rev().filter_map(|episode| episode.answer.as_ref()).find(|answered| {
            matches!(answered.answer, Answer::Rejected { .. }) && judgement.at <= answered.at && answered.at <= at
        });
        judgement.standing = Standing::Void(match said_no {
            Some(answered) => Voided::Rejected { by: answered.by.clone() },
            None => Voided::SentBack,
        });
    }
}

/// A stage's place on the way from the entry to the end.
fn rank(pipeline: &Pipeline, wanted: &StageId) -> Option<usize> {
    let mut at = pipeline.entry()?;
    for place in 0..pipeline.stages.len() {
        if &at.id == wanted {
            return Some(place);
        }
        let Target::Stage(next) = &at.next else { return None };
        at = pipeline.stage(next)?;
    }
    None
}

/// What an attempt left became the task's head: whoever worked on the branch next began there.
fn became_head(trail: &Trail<'_>, attempt: &Attempt, evidence: &Evidence) -> bool {
    let on_branch = |other: &&Attempt| {
        trail.pipeline.stage(&other.stage).is_some_and(|s| !s.kind.in_lane() && s.kind != StageKind::Deploy)
    };
    if !on_branch(&attempt) {
        return false;
    }
    let next = trail.attempts.iter().filter(on_branch).find(|other| other.number > attempt.number);
    let head = next.map_or(trail.task.head.as_ref(), |next| next.start.as_ref());
    head == Some(&evidence.head)
}

/// What a run of the test command is now.
pub(super) fn of_check(trail: &Trail<'_>, check: &Check, outcome: Outcome) -> Standing {
    let at = check.ended_at.unwrap_or(check.requested_at);
    let later = trail.checks.iter().skip_while(|other| other.id != check.id).skip(1);
    let again = later.filter(|other| other.key == check.key).find(|other| other.outcome.is_some());
    if let Some(again) = again {
        return Standing::Void(Voided::Superseded(Judge::Check { id: again.id.clone() }));
    }
    let code = match &check.key {
        CheckKey::Candidate(commit) => return of_candidate(trail, commit, at, outcome),
        CheckKey::Code(code) => code,
    };
    let changed = trail.attempts.iter().find(|attempt| {
        let evidence = attempt.ended.as_ref().and_then(|ended| (ended.at > check.requested_at).then_some(ended));
        let evidence = evidence.and_then(|ended| ended.evidence.as_ref());
        evidence.is_some_and(|evidence| &evidence.code != code && became_head(trail, attempt, evidence))
    });
    changed.map_or(Standing::Holds, |attempt| Standing::Void(Voided::NewCode(attempt.number)))
}

/// What a verdict about a candidate is now.
fn of_candidate(trail: &Trail<'_>, commit: &CommitId, at: Timestamp, outcome: Outcome) -> Standing {
    if trail.task.landed.as_ref() == Some(commit) {
        return Standing::Holds;
    }
    let entry = trail.lane.iter().find(|entry| entry.line == Line::Landing);
    let present = entry.and_then(|entry| entry.state.candidate()).map(|candidate| &candidate.commit);
    if present == Some(commit) {
        return Standing::Holds;
    }
    let tested = trail.checks.iter().filter(|check| check.requested_at > at).find_map(|check| match &check.key {
        CheckKey::Candidate(other) if other != commit => Some(other),
        _ => None,
    });
    if let Some(other) = tested.or(present).or(trail.task.landed.as_ref()) {
        return Standing::Void(Voided::NewCandidate(Some(other.clone())));
    }
    match entry.map(|entry| &entry.state) {
        Some(LaneState::Queued | LaneState::Building { .. }) => Standing::Void(Voided::NewCandidate(None)),
        // Red is what sent it back, and stays true of that commit.
        _ if outcome != Outcome::Pass => Standing::Holds,
        _ => Standing::Void(Voided::SentBack),
    }
}
