//! A decision record of this work item exists, and this attempt wrote it.

use super::Conclusion;
use super::delivery::delivery;
use crate::facts::TaskFacts;

/// Where decision records live, relative to the work item's documents folder.
const RECORDS: &str = "06-adr/ADR-*.md";

pub(super) fn conclude(facts: &TaskFacts) -> Conclusion {
    let delivery = match delivery(facts) {
        Ok(delivery) => delivery,
        Err(conclusion) => return conclusion,
    };
    match delivery.matching(RECORDS) {
        Some(record) => Conclusion::pass(format!("attempt {} wrote {}", delivery.attempt, record.path)),
        None => delivery.missing(facts, RECORDS),
    }
}
