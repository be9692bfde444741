//! The stage's first document exists and this attempt wrote it.

use super::Conclusion;
use super::delivery::delivery;
use crate::facts::TaskFacts;

pub(super) fn conclude(facts: &TaskFacts) -> Conclusion {
    let delivery = match delivery(facts) {
        Ok(delivery) => delivery,
        Err(conclusion) => return conclusion,
    };
    match delivery.document(facts) {
        Ok(document) => Conclusion::pass(format!("attempt {} wrote {}", delivery.attempt, document.path)),
        Err(conclusion) => conclusion,
    }
}
