//! The test report passes **and** our own run of the test command on that code is green: an agent's judgement may
//! stop a task, it never replaces a fact (X13).

use super::delivery::{delivery, judge};
use super::{Conclusion, Outcome, ci_green};
use crate::facts::TaskFacts;
use crate::verdict;

pub(super) fn conclude(facts: &TaskFacts) -> Conclusion {
    pass(facts).unwrap_or_else(|conclusion| conclusion)
}

fn pass(facts: &TaskFacts) -> Result<Conclusion, Conclusion> {
    let delivery = delivery(facts)?;
    // A red report is red without running anything.
    let report = judge(facts, delivery.document(facts)?, verdict::tests)?;
    if let Some(keys) = &facts.task.keys
        && keys.code != delivery.evidence.code
    {
        return Err(Conclusion::unknown(format!(
            "the report is void: it tested other code than the branch has now (code {}, now {})",
            delivery.evidence.code, keys.code
        )));
    }
    let run = ci_green::conclude(facts);
    let joint = if run.outcome == Outcome::Pass { "and" } else { "but" };
    Ok(Conclusion { reason: format!("{report}, {joint} {}", run.reason), ..run })
}
