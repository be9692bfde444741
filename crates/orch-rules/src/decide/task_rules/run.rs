//! What an agent's run has come to. Failure, timeout and an empty delivery are told apart (D4); the last one is for
//! the gates to find.

use crate::attempt::RunEnd;
use crate::claim::ClaimKind;
use crate::decide::Step;
use crate::decide::draft::Draft;
use crate::pipeline::OnRed;
use crate::reason;
use crate::task::{Hold, Position};

/// How often a stage whose red keeps the task in place runs its agent again after a failure of the run itself.
pub(super) const DEFAULT_CAP: u32 = 3;

/// An agent works: nothing else is decided about the task.
pub fn running(draft: &mut Draft) -> Option<Step> {
    draft.at_work().map(|wait| Step::Rest(vec![wait]))
}

/// A supervisor died without a result and nobody can prove its processes dead: two agents at once must never be.
pub fn quarantined(draft: &mut Draft) -> Option<Step> {
    let attempt = ended_how(draft, |end| matches!(end, RunEnd::Quarantined))?;
    draft.hold(Hold::Stuck { reason: reason::quarantined(attempt) }, "run_quarantined");
    Some(Step::Again)
}

/// The run is gone and its processes with it. That is no fault of the work: launch again, a bounded number of times.
pub fn lost(draft: &mut Draft) -> Option<Step> {
    let attempt = ended_how(draft, |end| matches!(end, RunEnd::Lost { .. }))?;
    if draft.facts.lost_in_visit <= draft.facts.policy.lost_cap {
        return None;
    }
    let reason = reason::runs_lost(draft.facts.lost_in_visit, attempt);
    draft.hold(Hold::Stuck { reason }, "run_lost");
    Some(Step::Again)
}

/// Milliseconds until a run is launched after so many that were lost in this visit: whatever ends runs on this host, a
/// kernel without memory or a person who restarts things, is over after a while. Five seconds, four times as long each time.
pub(super) fn pause_after_lost(lost: u32) -> i64 {
    match lost.checked_sub(3) {
        None => 0,
        Some(more) => 5_000 << (2 * more.min(4)),
    }
}

/// The run failed: the same stage again, against the one cap (B6).
pub fn failed(draft: &mut Draft) -> Option<Step> {
    let stage = draft.stage()?;
    let attempt = draft.visit_attempt()?;
    let number = attempt.number;
    if let RunEnd::OverBudget { reason } = &attempt.ended.as_ref()?.how {
        // More of the same money would go the same way, and whether to give it is no question for a machine.
        let reason = reason::run_over_budget(number, reason);
        let rework = attempt.rework.clone();
        draft.facts.task.rework = draft.facts.task.rework.take().or(rework);
        draft.hold(Hold::Stuck { reason }, "run_over_budget");
        return Some(Step::Again);
    }
    if let (RunEnd::SpawnFailed { reason, .. }, Some(_)) =
        (&attempt.ended.as_ref()?.how, &attempt.ended.as_ref()?.trouble)
    {
        // The same again would end the same: whatever is in the way stays there.
        let reason = reason::never_starts(number, reason);
        draft.hold(Hold::Stuck { reason }, "run_never_starts");
        return Some(Step::Again);
    }
    let role = attempt.role.name();
    let (reason, words) = match &attempt.ended.as_ref()?.how {
        RunEnd::Failed { reason: why } => (reason::agent_failed(role, number, why), format!("failed: {why}")),
        RunEnd::TimedOut => (reason::agent_timed_out(role, number), "ran into its deadline".to_owned()),
        RunEnd::Stalled => (reason::agent_stalled(role, number), "went silent and was ended".to_owned()),
        RunEnd::SpawnFailed { reason: why, .. } => {
            (reason::agent_not_started(role, number, why), format!("could not be started: {why}"))
        }
        _ => return None,
    };
    let cap = match stage.on_red {
        OnRed::Stay => DEFAULT_CAP,
        OnRed::Back(_) => stage.cap.unwrap_or(DEFAULT_CAP),
    };
    // What it was told stands, and is told again; rows from before claims were kept have it only here.
    let told = attempt.rework.clone().filter(|_| draft.facts.task.claims.is_empty()).unwrap_or_default();
    let text = format!("the {role} {words} (attempt {number})");
    draft.send_back(Position::Stage(stage.id), cap, "run_failed", ClaimKind::Run, reason, (&text, &told));
    Some(Step::Again)
}

fn ended_how(draft: &Draft, matches: fn(&RunEnd) -> bool) -> Option<u32> {
    let attempt = draft.visit_attempt()?;
    attempt.ended.as_ref().filter(|e| matches(&e.how)).map(|_| attempt.number)
}

/// The attempt of this visit that ended by itself with exit 0. For a stage in the lane it must have worked on the
/// present candidate: a rebuilt candidate is staged again, without a retry.
pub fn completed(draft: &Draft) -> bool {
    let Some(attempt) = draft.visit_attempt() else { return false };
    if !attempt.ended.as_ref().is_some_and(|e| matches!(e.how, RunEnd::Completed)) {
        return false;
    }
    let in_lane = draft.stage().is_some_and(|s| s.kind.in_lane());
    !in_lane || {
        let candidate = draft.landing_entry().and_then(|e| e.state.candidate()).map(|c| &c.commit);
        candidate.is_some() && candidate == attempt.start.as_ref()
    }
}
