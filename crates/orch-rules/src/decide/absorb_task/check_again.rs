//! Tests that were red, or could not be run, are run once more on the same work: flaky tests are nobody's fault, and
//! nobody is paid for them.

use crate::actor::Actor;
use crate::attempt::{Attempt, RunEnd};
use crate::change::Change;
use crate::check::{Check, CheckKey, CheckOutcome};
use crate::claim::{self, Claim, ClaimKind};
use crate::decide::draft::Draft;
use crate::reason::{self, Reason};
use crate::rights::Acting;
use crate::task::{Hold, Position};

use super::commands::{Answered, refuse};
use super::edits::refuse_if_bound;

/// The newest check once more.
pub fn check_again(draft: &mut Draft, by: &Acting) -> Answered {
    refuse_if_bound(draft)?;
    if let Some(Hold::Cycle { .. } | Hold::EntryRefused { .. }) = &draft.facts.task.hold {
        return refuse(draft, reason::no_test_holds_it());
    }
    if draft.at_work().is_some() {
        return refuse(draft, reason::agent_works_already());
    }
    let head = draft.facts.checks.iter().rfind(|check| matches!(check.key, CheckKey::Code(_))).cloned();
    match head.as_ref().map(|check| (check, &check.outcome)) {
        Some((_, None)) => refuse(draft, reason::tests_run_already()),
        Some((check, Some(CheckOutcome::Failed { .. } | CheckOutcome::Unknown { .. }))) => head_again(draft, by, check),
        Some((_, Some(CheckOutcome::Passed))) | None => candidate_again(draft, by, head.is_some()),
    }
}

/// A hold stays until the tests are green: whoever asks for tests asks for no agent.
fn head_again(draft: &mut Draft, by: &Acting, check: &Check) -> Answered {
    if tested_work(draft).is_none() {
        return refuse(draft, reason::no_work_to_test());
    }
    draft.audit(&by.actor, "check_again", reason::tests_once_more(&check.commit));
    draft.request_check(check.commit.clone(), check.key.clone(), Some(by.actor.clone()));
    Ok(reason::tests_run_again())
}

/// What was tested, if it is of the stage that the task is at.
fn tested_work(draft: &Draft) -> Option<Attempt> {
    let here = draft.stage()?.id;
    let attempt = draft.facts.attempt.as_ref().filter(|attempt| attempt.stage == here)?;
    let ended = attempt.ended.as_ref()?;
    (ended.how == RunEnd::Completed && ended.evidence.is_some()).then(|| attempt.clone())
}

/// Tests that a person asked for are green: the work counts in this visit as it did in the one that ended red.
pub fn green_again(draft: &mut Draft, by: &Actor) {
    if refuse_if_bound(draft).is_err() {
        return;
    }
    let Some(mut attempt) = tested_work(draft) else { return };
    attempt.visit = draft.facts.task.visit;
    draft.facts.attempt = Some(attempt.clone());
    draft.change(Change::PutAttempt { attempt });
    settled(draft, by, ClaimKind::Tests, reason::red_excused());
}

/// The lane makes a new candidate of the head that it sent back, and tests that.
fn candidate_again(draft: &mut Draft, by: &Acting, tested: bool) -> Answered {
    let task = &draft.facts.task;
    let same_head =
        |claim: &&Claim| claim.kind == ClaimKind::Conflict && claim.head.is_some() && claim.head == task.head;
    let Some(claim) = task.claims.iter().rev().find(same_head).cloned() else {
        return refuse(
            draft,
            match tested {
                true => reason::tests_green_already(),
                false => reason::nothing_tested_yet(),
            },
        );
    };
    if task.claims.iter().any(|other| other.kind != ClaimKind::Conflict && other.kind.wants_a_change()) {
        return refuse(draft, reason::more_than_tests_open());
    }
    settled(draft, &by.actor, ClaimKind::Conflict, reason::candidate_once_more());
    draft.enter(Position::Stage(claim.from));
    Ok(reason::candidate_made_again())
}

/// Nobody has to answer for the red any more.
fn settled(draft: &mut Draft, by: &Actor, claim: ClaimKind, text: Reason) {
    draft.audit(by, "check_again", text);
    let task = &mut draft.facts.task;
    task.claims.retain(|open| open.kind != claim);
    task.rework = (!task.claims.is_empty()).then(|| claim::told(&task.claims));
    task.hold = None;
    task.retries = 0;
    task.convergence.start_over();
}
