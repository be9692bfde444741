//! What came back from the world: runs, checks, merges by hand.

use crate::actor::Actor;
use crate::attempt::{Attempt, Ended, Evidence, Over, RunEnd, Usage};
use crate::change::{Change, Guard, SLOT_RUNS};
use crate::check::CheckOutcome;
use crate::decide::draft::{Draft, ORCH};
use crate::decide::task_rules::holder;
use crate::deploy::TaskDeployment;
use crate::effect::Effect;
use crate::found::{self, Finder};
use crate::gate;
use crate::ids::{AttemptNumber, CheckId, CommitId};
use crate::pipeline::{GateName, StageKind};
use crate::reason::{self, Reason};
use crate::task::{Keys, Position};

/// A run is over, and what it left is not home yet. It gives back what it held at once: others need no wait for a disk
/// that is full, and what it cost is known.
pub fn run_is_over(draft: &mut Draft, number: AttemptNumber, end: &RunEnd, usage: Option<&Usage>, why: &str) -> String {
    let current = draft.facts.attempt.clone().filter(|a| a.number == number && a.ended.is_none());
    let Some(mut attempt) = current.filter(|attempt| attempt.over.is_none()) else { return "known".to_owned() };
    draft.guard(Guard::Fence { task: draft.facts.task.id.clone(), attempt: number });
    draft.audit(ORCH, "run_is_over", reason::run_is_over(attempt.role.name(), &attempt.stage, why));
    attempt.over = Some(Over { how: end.clone(), why: why.to_owned(), by_hand: false });
    draft.facts.attempt = Some(attempt.clone());
    pay(draft, &attempt, end, usage);
    draft.change(Change::PutAttempt { attempt });
    "recorded".to_owned()
}

/// A run ended. It counts once, for the newest attempt: an attempt is only followed by another after its own end was
/// recorded with what it used, so an end that comes later is a repetition.
pub fn run_ended(
    draft: &mut Draft,
    number: AttemptNumber,
    ended: Ended,
    usage: Option<&Usage>,
    cut_from: Option<&CommitId>,
) -> String {
    let current = draft.facts.attempt.clone().filter(|a| a.number == number && a.ended.is_none());
    let Some(mut attempt) = current else {
        draft.audit(ORCH, "stale_run", reason::run_ended_late(number));
        return "stale".to_owned();
    };
    let task = draft.facts.task.id.clone();
    draft.guard(Guard::Fence { task: task.clone(), attempt: number });
    let over = attempt.over.take();
    let in_vain = ended.trouble.is_some() && over.as_ref().is_some_and(|over| over.by_hand);
    let ended = Ended { in_vain, ..ended };
    let (end, evidence) = (&ended.how, ended.evidence.as_ref());
    attempt.ended = Some(ended.clone());
    draft.facts.attempt = Some(attempt.clone());
    if matches!(end, RunEnd::Lost { .. }) && attempt.visit == draft.facts.task.visit {
        draft.facts.lost_in_visit += 1;
    }
    super::outages::run_ended(draft, &attempt, end);
    let text = reason::run_ended(attempt.role.name(), &attempt.stage, describe(&ended));
    draft.audit(&Actor::role(attempt.role), "run_ended", text);
    for (kind, lines) in evidence.iter().flat_map(|e| [("left_out", &e.left_out), ("refused", &e.refused)]) {
        if !lines.is_empty() {
            let of = if kind == "refused" { reason::not_taken } else { reason::left_out };
            draft.audit(ORCH, kind, of(number, lines.join("; ")));
        }
    }
    if let Some(evidence) = evidence {
        let drafts = found::drafts(&Finder::of(&draft.facts.task, &attempt), &evidence.documents);
        if !drafts.is_empty() {
            let titles: Vec<String> = drafts.into_iter().map(|issue| issue.title).collect();
            draft.audit(&Actor::role(attempt.role), "found_besides", reason::found_besides(number, titles.join("; ")));
        }
    }
    if let Some(cut) = cut_from
        && draft.facts.task.base.is_none()
    {
        draft.facts.task.base = Some(cut.clone());
    }
    if over.is_none() {
        pay(draft, &attempt, end, usage);
    }
    draft.change(Change::PutAttempt { attempt: attempt.clone() });
    if draft.facts.task.position.is_terminal() {
        // The task ended while this agent worked: what that left undone is done now.
        draft.change(Change::CancelQueuedWork { task: draft.facts.task.id.clone() });
        draft.clean_up(draft.facts.task.position == Position::Cancelled);
    } else if let Some(evidence) = evidence
        && moves_head(draft, end)
    {
        move_head(draft, evidence);
        take_in_review(draft);
    }
    super::branch::look_again(draft);
    "recorded".to_owned()
}

/// Books what the run cost, and gives back what it held.
fn pay(draft: &mut Draft, attempt: &Attempt, end: &RunEnd, usage: Option<&Usage>) {
    settle(draft, attempt, end, usage);
    // What never ran cost nothing that is unknown.
    let ran = !matches!(end, RunEnd::SpawnFailed { .. });
    if let Some(usage) = usage.filter(|usage| ran || usage.cost_micros.is_some()).cloned() {
        let (task, stage, at) = (attempt.task.clone(), attempt.stage.clone(), draft.now);
        draft.change(Change::AddUsage { task, attempt: attempt.number, stage, usage, at });
    }
}

/// Gives back what the run held, and wakes whoever waits for it.
fn settle(draft: &mut Draft, attempt: &Attempt, end: &RunEnd, usage: Option<&Usage>) {
    let holder = holder(&draft.facts.task.id, attempt.number);
    let spent_micros = match (end, usage) {
        // Nothing of it ran.
        (RunEnd::SpawnFailed { .. }, _) | (RunEnd::Stopped, None) => Some(0),
        // Unknown usage never looks like zero: then all that was set aside counts as spent, or more if more is known.
        (_, usage) => usage.and_then(|usage| {
            let set_aside = draft.facts.policy.budgets.run_micros;
            usage.cost_micros.or(usage.at_least_micros.filter(|micros| *micros > set_aside))
        }),
    };
    draft.change(Change::Settle { holder: holder.clone(), spent_micros });
    // What was set aside and not spent may be enough for whoever waits for money.
    for budget in draft.facts.policy.budgets.of(&draft.facts.task, attempt.requested_at) {
        draft.change(Change::WakeSlotWaiters { key: budget.key });
    }
    draft.change(Change::ReleaseSlot { key: SLOT_RUNS.to_owned(), holder });
    draft.change(Change::WakeSlotWaiters { key: SLOT_RUNS.to_owned() });
}

/// Whether the attempt's commits become the task's head. Unfinished code of a developer is kept; what a judge or an
/// author left outside its write scope, or half done, is not (X13). Commits on a candidate never are.
fn moves_head(draft: &Draft, end: &RunEnd) -> bool {
    let Some(attempt) = &draft.facts.attempt else { return false };
    let Some(stage) = draft.facts.pipeline.stage(&attempt.stage) else { return false };
    if stage.kind.in_lane() || stage.kind == StageKind::Deploy {
        return false;
    }
    (matches!(end, RunEnd::Completed) || stage.kind == StageKind::Build) && in_write_scope(draft)
}

fn move_head(draft: &mut Draft, evidence: &Evidence) {
    let task = &mut draft.facts.task;
    let moved = task.head.as_ref() != Some(&evidence.head);
    // A head that is still where the branch was cut was never published.
    let was = task.head.replace(evidence.head.clone()).filter(|head| Some(head) != task.base.as_ref());
    task.keys =
        Some(Keys { code: evidence.code.clone(), patch: evidence.patch.clone(), irreversible: evidence.irreversible });
    let (id, branch, head) = (task.id.clone(), task.branch.clone(), evidence.head.clone());
    if draft.facts.checks.iter().any(|c| c.key != crate::check::CheckKey::Code(evidence.code.clone())) {
        let code = crate::check::CheckKey::Code(evidence.code.clone());
        draft.facts.checks.retain(|c| c.key == code);
    }
    // What a person pushed meanwhile goes first: the look at that publishes both.
    let free = draft.facts.task.replay_since.is_none();
    if free && moved && Some(&head) != draft.facts.task.base.as_ref() {
        draft.perform(Effect::PublishBranch { task: id, branch, was, head });
    }
}

/// The findings of a judge that kept to its write scope, and whose patch is the one on the branch, are remembered.
fn take_in_review(draft: &mut Draft) {
    let Some(attempt) = draft.facts.attempt.as_ref().map(|attempt| attempt.number) else { return };
    let Some((approved, findings)) = gate::review_told(&draft.facts) else { return };
    let findings = findings.map(<[_]>::to_vec);
    let convergence = &mut draft.facts.task.convergence;
    convergence.review(attempt, approved, findings.as_deref());
    if let Some(text) = convergence.told(attempt) {
        draft.audit(ORCH, "findings", reason::quoted(text));
    }
}

fn describe(ended: &Ended) -> Reason {
    if let Some(trouble) = ended.trouble.as_ref().filter(|_| !matches!(ended.how, RunEnd::SpawnFailed { .. })) {
        return reason::not_brought_home(trouble);
    }
    match &ended.how {
        RunEnd::Completed => match &ended.evidence {
            Some(e) if e.is_empty() && !e.refused.is_empty() => reason::left_nothing_to_take(),
            Some(e) if e.is_empty() && !e.left_out.is_empty() => reason::left_nothing_of_its_own(),
            Some(e) if e.is_empty() => reason::left_nothing_new(),
            Some(e) => reason::left(e.commits, e.documents.len()),
            None => reason::no_evidence(),
        },
        RunEnd::Failed { reason }
        | RunEnd::SpawnFailed { reason, .. }
        | RunEnd::Unavailable { reason, .. }
        | RunEnd::OverBudget { reason } => reason::quoted(reason),
        RunEnd::TimedOut => reason::deadline_passed(),
        RunEnd::Stalled => reason::went_silent(),
        RunEnd::Stopped => reason::run_stopped(),
        RunEnd::Lost { session: true, .. } => reason::session_lost(),
        RunEnd::Lost { presumed_on: None, .. } => reason::run_lost(),
        RunEnd::Lost { presumed_on: Some(host), .. } => reason::run_lost_with(host),
        RunEnd::Quarantined => reason::run_lost_alive(),
    }
}

/// A check of the head ended: new evidence.
pub fn check_ended(
    draft: &mut Draft,
    id: &CheckId,
    outcome: &CheckOutcome,
    excerpt: &str,
    first_red: Option<&str>,
) -> String {
    let now = draft.now;
    let Some(check) = draft.facts.checks.iter_mut().find(|c| &c.id == id && c.outcome.is_none()) else {
        draft.audit(ORCH, "stale_check", reason::check_ended_late(id));
        return "stale".to_owned();
    };
    check.outcome = Some(outcome.clone());
    excerpt.clone_into(&mut check.excerpt);
    check.first_red = first_red.map(str::to_owned);
    check.ended_at = Some(now);
    let check = check.clone();
    let text = match outcome {
        CheckOutcome::Passed => match first_red {
            None => reason::tests_pass(&check.commit),
            Some(first) => reason::tests_flaky(&check.commit, first),
        },
        CheckOutcome::Failed { reason } if first_red.is_some() => reason::tests_fail_twice(&check.commit, reason),
        CheckOutcome::Failed { reason } => reason::tests_fail(&check.commit, reason),
        CheckOutcome::Unknown { reason } => reason::tests_not_run(&check.commit, reason),
    };
    let asked_by = check.asked_by.clone().filter(|_| *outcome == CheckOutcome::Passed);
    draft.change(Change::PutCheck { check });
    draft.audit(ORCH, "check_ended", text);
    if let Some(by) = asked_by {
        super::check_again::green_again(draft, &by);
    }
    "recorded".to_owned()
}

/// Merged by hand (B7): completes the task, except while production is being deployed, where only the deploy
/// verdict does.
pub fn pull_request_merged(draft: &mut Draft, by: &Actor, commit: &CommitId) -> String {
    if draft.facts.task.position.is_terminal() {
        return "nothing changes".to_owned();
    }
    if draft.stage().is_some_and(|s| s.kind == StageKind::Deploy) {
        draft.audit(by, "pull_request_merged", reason::merged_deploying(commit));
        return "recorded".to_owned();
    }
    draft.audit(by, "pull_request_merged", reason::merged_by_hand(commit));
    draft.facts.task.landed = Some(commit.clone());
    draft.end(Position::Done);
    draft.clean_up(false);
    "completed".to_owned()
}

fn in_write_scope(draft: &Draft) -> bool {
    gate::evaluate(GateName::CheckWriteScope, &draft.facts).outcome == gate::Outcome::Pass
}

/// How far the deployment of what it landed last is. One of an earlier landing is over for the task.
pub fn deployment_seen(draft: &mut Draft, seen: &TaskDeployment) -> String {
    let Some(known) = draft.facts.task.deployment.as_mut().filter(|known| known.id == seen.id) else {
        return "stale".to_owned();
    };
    let told = known.state != seen.state;
    // What was decided stays: whoever tells of it may not know.
    let heard = known.told;
    let forward = seen.forward && (known.forward || !heard);
    *known = TaskDeployment { failed: known.failed.take(), told: heard, forward, ..seen.clone() };
    if told {
        let text = reason::deployment_is(&seen.target, seen.state.name(), seen.in_short());
        draft.audit(ORCH, "deployment_seen", text);
    }
    "recorded".to_owned()
}
