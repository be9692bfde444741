//! `verdict` of the review approves. Bound to the patch id: a review of another patch is void.

use super::Conclusion;
use super::delivery::{delivery, judge};
use crate::facts::TaskFacts;
use crate::verdict;

pub(super) fn conclude(facts: &TaskFacts) -> Conclusion {
    approve(facts).unwrap_or_else(|conclusion| conclusion)
}

fn approve(facts: &TaskFacts) -> Result<Conclusion, Conclusion> {
    let delivery = delivery(facts)?;
    let reason = judge(facts, delivery.document(facts)?, verdict::review)?;
    match &facts.task.keys {
        Some(keys) if keys.patch != delivery.evidence.patch => Ok(Conclusion::unknown(format!(
            "the review is void: it judged another change than the one on the branch now (patch {}, now {})",
            delivery.evidence.patch, keys.patch
        ))),
        _ => Ok(Conclusion::pass(reason)),
    }
}
