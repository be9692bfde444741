//! What an event makes of a lane's facts. Answers that carry an older fence, or belong to a place that was given
//! up, change nothing.

use crate::actor::Actor;
use crate::change::Change;
use crate::check::{Check, CheckKey, CheckOutcome};
use crate::event::{CandidateResult, LaneEvent, Refusal};
use crate::ids::{CheckId, CommitId, TaskId, WorkItemId};
use crate::lane::{Ejection, Freeze, LandingRefused, LaneState, NamedTask};
use crate::reason::{self, Reason};
use crate::rights::{self, Acting, Right};

use super::draft::ORCH;
use super::lane_draft::LaneDraft;
use super::lane_rules;

/// Fold an event into the draft; answers in one sentence for the person who asked.
pub fn absorb(draft: &mut LaneDraft, event: &LaneEvent, acting: &Acting) -> Result<Reason, Refusal> {
    if let Some(right) = Right::of_lane(event) {
        let work_item = WorkItemId(draft.facts.repository.id.to_string());
        rights::may(acting, right).map_err(|why| Refusal { work_item, why })?;
    }
    let by = &acting.actor;
    match event {
        LaneEvent::FreezeRequested { reason, cause, fixes } => Ok(freeze(draft, by, reason, (cause.as_ref(), fixes))),
        LaneEvent::DoesNotRun { reason, cause } => Ok(freeze(draft, by, reason, (Some(cause), &[]))),
        LaneEvent::RunsNow { commit } => Ok(runs_now(draft, commit).into()),
        LaneEvent::UnfreezeRequested { force } => unfreeze(draft, by, force.as_deref()),
        LaneEvent::Paused => Ok(set_paused(draft, by, true)),
        LaneEvent::Resumed => Ok(set_paused(draft, by, false)),
        LaneEvent::CandidateMade { task, fence, main, result, settings } => {
            Ok(candidate_made(draft, task, *fence, main, (result, settings)).into())
        }
        LaneEvent::CheckEnded { task, check, outcome, excerpt, first_red } => {
            Ok(check_ended(draft, task, check, outcome, excerpt, first_red.as_deref()).into())
        }
        LaneEvent::LandEnded { task, fence, main, landed, refused } => {
            Ok(land_ended(draft, task, *fence, main, *landed, refused.as_ref()).into())
        }
        LaneEvent::EffectFailed { task, effect, error } => Ok(effect_failed(draft, task, effect, error).into()),
        LaneEvent::Looked => Ok("looked".into()),
    }
}

/// An outcome for a place of which this release does not know how far it is: kept for the release that does.
pub fn refuse_unknown(draft: &LaneDraft, event: &LaneEvent) -> Result<(), Refusal> {
    let (LaneEvent::CandidateMade { task, .. }
    | LaneEvent::CheckEnded { task, .. }
    | LaneEvent::LandEnded { task, .. }
    | LaneEvent::EffectFailed { task, .. }) = event
    else {
        return Ok(());
    };
    match draft.landing_of(task).map(|place| (&place.entry.work_item, &place.entry.state)) {
        Some((work_item, LaneState::Unknown(state))) => {
            Err(Refusal { work_item: work_item.clone(), why: reason::landing_unknown(state) })
        }
        _ => Ok(()),
    }
}

fn freeze(draft: &mut LaneDraft, by: &Actor, reason: &str, named: (Option<&NamedTask>, &[NamedTask])) -> Reason {
    if draft.facts.repository.frozen.is_some() {
        return name_more(draft, by, named);
    }
    draft.audit(None, by, "freeze", reason::frozen(reason));
    let at = draft.now;
    let repository = &mut draft.facts.repository;
    let (cause, fixes) = (named.0.cloned(), named.1.to_vec());
    repository.frozen = Some(Freeze { reason: reason.to_owned(), by: by.clone(), at, cause, fixes, mended: None });
    repository.freeze_epoch += 1;
    wake_everybody(draft);
    reason::now_frozen()
}

/// Who else passes a freeze that is there.
fn name_more(draft: &mut LaneDraft, by: &Actor, (cause, fixes): (Option<&NamedTask>, &[NamedTask])) -> Reason {
    let Some(freeze) = draft.facts.repository.frozen.as_mut() else { return reason::not_frozen() };
    let mut more = Vec::new();
    if let Some(cause) = cause.filter(|_| freeze.cause.is_none()) {
        freeze.cause = Some(cause.clone());
        more.push(cause.work_item.to_string());
    }
    for fix in fixes {
        if !freeze.passes(&fix.task) {
            freeze.fixes.push(fix.clone());
            more.push(fix.work_item.to_string());
        }
    }
    if more.is_empty() {
        return reason::frozen_already(&freeze.reason);
    }
    // Whoever names another one says that it is not mended.
    freeze.mended = None;
    draft.facts.repository.freeze_epoch += 1;
    let text = reason::passes_freeze(more.join(", "));
    draft.audit(None, by, "freeze", text.clone());
    wake_everybody(draft);
    text
}

/// Refused while what the freeze names stands: it stays, and so does what people were told.
fn unfreeze(draft: &mut LaneDraft, by: &Actor, force: Option<&str>) -> Result<Reason, Refusal> {
    let Some(freeze) = &draft.facts.repository.frozen else { return Ok(reason::not_frozen()) };
    let text = match force {
        Some(why) if freeze.stands() => reason::freeze_forced(why),
        None if freeze.stands() => {
            let work_item = WorkItemId(draft.facts.repository.id.to_string());
            let passing: Vec<_> = freeze.passing().map(|named| named.work_item.as_str()).collect();
            return Err(Refusal { work_item, why: reason::cause_stands(passing.join(", ")) });
        }
        _ => reason::freeze_lifted(),
    };
    draft.audit(None, by, "unfreeze", text);
    draft.facts.repository.frozen = None;
    draft.facts.repository.freeze_epoch += 1;
    wake_everybody(draft);
    Ok(reason::freeze_lifted())
}

/// What landed may be what a freeze waits for. People lift it. What main had already has mended nothing.
fn mends(draft: &mut LaneDraft, task: &TaskId, commit: &CommitId) {
    let Some(freeze) = draft.facts.repository.frozen.as_mut().filter(|freeze| freeze.stands()) else { return };
    let Some(named) = freeze.passing().find(|named| named.task == *task).cloned() else { return };
    freeze.mended = Some(commit.clone());
    // It is another freeze than before: people are told of it anew.
    draft.facts.repository.freeze_epoch += 1;
    draft.audit(Some(task), ORCH, "freeze_mended", reason::freeze_mended(named.work_item, commit));
}

/// What we froze because it did not run where it was deployed runs there now. A freeze of a person is theirs.
fn runs_now(draft: &mut LaneDraft, commit: &CommitId) -> &'static str {
    let ours = |freeze: &&mut Freeze| freeze.by == Actor::ORCH && freeze.stands();
    let Some(freeze) = draft.facts.repository.frozen.as_mut().filter(ours) else { return "not frozen" };
    freeze.mended = Some(commit.clone());
    draft.facts.repository.freeze_epoch += 1;
    draft.audit(None, ORCH, "freeze_mended", reason::runs_now(commit));
    "recorded"
}

fn set_paused(draft: &mut LaneDraft, by: &Actor, paused: bool) -> Reason {
    if draft.facts.repository.paused == paused {
        return if paused { reason::paused_already() } else { reason::not_paused() };
    }
    draft.audit(
        None,
        by,
        if paused { "pause" } else { "resume" },
        if paused { reason::paused() } else { reason::goes_on() },
    );
    draft.facts.repository.paused = paused;
    wake_everybody(draft);
    if paused { reason::now_paused() } else { reason::goes_on() }
}

/// Their reasons for waiting changed.
fn wake_everybody(draft: &mut LaneDraft) {
    let repository = draft.facts.repository.id.clone();
    draft.change(Change::WakeRepository { repository });
}

fn stale(draft: &mut LaneDraft, task: &TaskId, what: &str) -> String {
    draft.audit(Some(task), ORCH, "stale_lane", reason::came_late(what));
    "stale".to_owned()
}

fn candidate_made(
    draft: &mut LaneDraft,
    task: &TaskId,
    fence: i64,
    main: &CommitId,
    (result, settings): (&CandidateResult, &[String]),
) -> String {
    let expected = draft.landing_of(task).map(|l| l.entry.state.clone());
    if expected != Some(LaneState::Building { fence }) {
        return stale(draft, task, "a candidate");
    }
    draft.facts.repository.main = Some(main.clone());
    let base = draft.facts.repository.base_branch.clone();
    match result {
        CandidateResult::Conflict { paths } => {
            let cause = Ejection::Conflict { paths: paths.clone(), onto: main.clone() };
            let text = reason::candidate_conflicts(&base, main, paths.join(", "));
            draft.move_landing(task, LaneState::Ejected { cause }, "candidate_made", text);
        }
        CandidateResult::Made { .. } if !settings.is_empty() => {
            let text = reason::candidate_settings(&base, main, settings.join("; "));
            let cause = Ejection::Settings { faults: settings.to_vec(), onto: main.clone() };
            draft.move_landing(task, LaneState::Ejected { cause }, "candidate_made", text);
        }
        CandidateResult::Made { candidate } if candidate.empty => {
            let text = reason::contained_already(&base, main);
            draft.move_landing(
                task,
                LaneState::Landed { commit: main.clone(), contained: true },
                "candidate_made",
                text,
            );
        }
        CandidateResult::Made { candidate } => lane_rules::test(draft, task, candidate.clone()),
    }
    "recorded".to_owned()
}

fn check_ended(
    draft: &mut LaneDraft,
    task: &TaskId,
    id: &CheckId,
    outcome: &CheckOutcome,
    excerpt: &str,
    first_red: Option<&str>,
) -> String {
    let expected = draft.landing_of(task).and_then(|l| match &l.entry.state {
        LaneState::Testing { candidate, check } if check == id => Some(candidate.clone()),
        _ => None,
    });
    let Some(candidate) = expected else { return stale(draft, task, "a check") };
    let check = Check {
        beyond: Default::default(),
        id: id.clone(),
        repository: draft.facts.repository.id.clone(),
        task: task.clone(),
        commit: candidate.commit.clone(),
        key: CheckKey::Candidate(candidate.commit.clone()),
        requested_at: draft.now,
        outcome: Some(outcome.clone()),
        excerpt: excerpt.to_owned(),
        first_red: first_red.map(str::to_owned),
        asked_by: None,
        ended_at: Some(draft.now),
    };
    draft.change(Change::PutCheck { check });
    let onto = candidate.parent.clone();
    let (state, text) = match outcome {
        CheckOutcome::Passed => {
            let text = match first_red {
                None => reason::candidate_passes(&candidate.commit),
                Some(first) => reason::candidate_flaky(&candidate.commit, first),
            };
            (LaneState::Tested { candidate }, text)
        }
        CheckOutcome::Failed { reason } => {
            let cause = Ejection::Red { excerpt: excerpt.to_owned(), onto };
            let of = if first_red.is_some() { reason::candidate_fails_twice } else { reason::candidate_fails };
            (LaneState::Ejected { cause }, of(&candidate.commit, reason))
        }
        CheckOutcome::Unknown { reason } => {
            let cause = Ejection::Unknown { reason: reason.clone() };
            (LaneState::Ejected { cause }, reason::candidate_not_tested(&candidate.commit, reason))
        }
    };
    draft.move_landing(task, state, "candidate_tested", text);
    "recorded".to_owned()
}

fn land_ended(
    draft: &mut LaneDraft,
    task: &TaskId,
    fence: i64,
    main: &CommitId,
    landed: bool,
    refused: Option<&LandingRefused>,
) -> String {
    let expected = draft.landing_of(task).and_then(|l| match &l.entry.state {
        LaneState::Landing { candidate, fence: held } if *held == fence => Some(candidate.clone()),
        _ => None,
    });
    let Some(candidate) = expected else { return stale(draft, task, "a landing") };
    draft.facts.repository.main = Some(main.clone());
    let base = draft.facts.repository.base_branch.clone();
    if landed {
        let text = reason::main_is(&base, &candidate.commit);
        draft.move_landing(
            task,
            LaneState::Landed { commit: candidate.commit.clone(), contained: false },
            "land_ended",
            text,
        );
        mends(draft, task, &candidate.commit);
    } else if let Some(LandingRefused { by, why }) = refused {
        let cause = Ejection::Refused { by: by.clone(), why: why.clone() };
        let text = reason::candidate_refused(by, &candidate.commit, why);
        draft.move_landing(task, LaneState::Ejected { cause }, "land_refused", text);
    } else {
        draft.move_landing(task, LaneState::Queued, "land_ended", reason::main_moved(&base, main));
    }
    "recorded".to_owned()
}

/// Making a candidate kept failing, or git stated that this candidate cannot land. A landing in doubt is never given up:
/// it might still arrive, and its effect is repeated until it has ended.
fn effect_failed(draft: &mut LaneDraft, task: &TaskId, effect: &str, error: &str) -> String {
    let in_hands = draft
        .landing_of(task)
        .is_some_and(|l| matches!(l.entry.state, LaneState::Building { .. } | LaneState::Landing { .. }));
    if !in_hands {
        return stale(draft, task, effect);
    }
    let cause = Ejection::Unknown { reason: format!("{effect} failed: {error}") };
    draft.move_landing(task, LaneState::Ejected { cause }, "lane_effect_failed", reason::effect_failed(effect, error));
    "recorded".to_owned()
}
