//! The staging log says SUCCESS.

use super::Conclusion;
use super::delivery::{delivery, judge};
use crate::facts::TaskFacts;
use crate::verdict;

pub(super) fn conclude(facts: &TaskFacts) -> Conclusion {
    let judged = delivery(facts).and_then(|delivery| judge(facts, delivery.document(facts)?, verdict::staging));
    judged.map_or_else(|conclusion| conclusion, Conclusion::pass)
}
