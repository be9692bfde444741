//! The deploy log says SUCCESS.
//!
//! The deploy log, and no other document, may have reached main by its own change (B4). Whoever collects the evidence
//! looks there if, and only if, the attempt's own branch has none, and puts what it found among the evidence's
//! documents; this gate needs no second source.

use super::Conclusion;
use super::delivery::{delivery, judge};
use crate::facts::TaskFacts;
use crate::verdict;

pub(super) fn conclude(facts: &TaskFacts) -> Conclusion {
    let judged = delivery(facts).and_then(|delivery| judge(facts, delivery.document(facts)?, verdict::deploy));
    judged.map_or_else(|conclusion| conclusion, Conclusion::pass)
}
