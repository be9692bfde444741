//! The tests are green on the task's head. Bound to the head's code id: commits of documents change nothing.

use super::{Conclusion, Want};
use crate::check::{CheckKey, CheckOutcome};
use crate::facts::TaskFacts;
use crate::ids::CodeId;
use crate::verdict::must_fix;

pub(super) fn conclude(facts: &TaskFacts) -> Conclusion {
    let Some(code) = head_code(facts) else {
        return Conclusion::pending("the task has no head yet");
    };
    let newest = facts.checks.iter().rev().find(|check| matches!(&check.key, CheckKey::Code(key) if key == code));
    let Some(check) = newest else {
        return Conclusion {
            wants: Some(Want::Check),
            ..Conclusion::pending("the tests have not run on the head yet")
        };
    };
    let commit = &check.commit;
    let tries = check.outcome.as_ref().map(|outcome| outcome.tries(check.first_red.as_deref())).unwrap_or_default();
    match &check.outcome {
        None => Conclusion::pending(format!("the tests are running on {commit}")),
        Some(CheckOutcome::Passed) => Conclusion::pass(format!("the tests are green on {commit}{tries}")),
        Some(CheckOutcome::Failed { reason }) => {
            let reason = format!("the tests are red on {commit}{tries}: {reason}");
            let excerpt = must_fix::cut(check.excerpt.trim_end());
            let text = if excerpt.is_empty() { reason.clone() } else { format!("{reason}\n\n{excerpt}") };
            Conclusion::fail(reason, text)
        }
        Some(CheckOutcome::Unknown { reason }) => Conclusion::unknown(format!("no answer on {commit}: {reason}")),
    }
}

/// Code id of the task's head; before the head is recorded, of what the attempt delivered.
fn head_code(facts: &TaskFacts) -> Option<&CodeId> {
    let delivered = || facts.attempt.as_ref()?.ended.as_ref()?.evidence.as_ref().map(|evidence| &evidence.code);
    facts.task.keys.as_ref().map(|keys| &keys.code).or_else(delivered)
}
