//! The attempt committed something outside the documents folder.

use super::Conclusion;
use super::delivery::delivery;
use crate::facts::TaskFacts;

pub(super) fn conclude(facts: &TaskFacts) -> Conclusion {
    let delivery = match delivery(facts) {
        Ok(delivery) => delivery,
        Err(conclusion) => return conclusion,
    };
    let attempt = delivery.attempt;
    match delivery.evidence.changed_total {
        0 => {
            let reason = if delivery.evidence.is_empty() {
                format!("attempt {attempt} delivered nothing: no commit since its start")
            } else {
                format!("attempt {attempt} changed documents only, no code")
            };
            Conclusion::fail(reason.clone(), reason)
        }
        1 => Conclusion::pass(format!("attempt {attempt} changed 1 file")),
        many => Conclusion::pass(format!("attempt {attempt} changed {many} files")),
    }
}
