//! There is work outside of the documents folder that nobody has judged: this attempt's, or, if nothing is open that asks
//! for another change, what stands there since an earlier one that ended before anybody looked at it.

use super::Conclusion;
use super::delivery::{Delivery, delivery};
use crate::facts::TaskFacts;
use crate::work_item::documents_folder;

pub(super) fn conclude(facts: &TaskFacts) -> Conclusion {
    let delivery = match delivery(facts) {
        Ok(delivery) => delivery,
        Err(conclusion) => return conclusion,
    };
    let attempt = delivery.attempt;
    // Removed documents are no code.
    let folder = format!("{}/", documents_folder(&facts.task.work_item));
    let removed = delivery.evidence.changed.iter().filter(|path| path.starts_with(&folder)).count();
    match delivery.evidence.changed_total.saturating_sub(u32::try_from(removed).unwrap_or(u32::MAX)) {
        0 if stands(facts, &delivery) => {
            Conclusion::pass(format!("attempt {attempt} had nothing to add to the change that stands there"))
        }
        0 => {
            let reason = if delivery.evidence.is_empty() && delivery.evidence.refused.is_empty() {
                format!("attempt {attempt} delivered nothing: what it left is what it was given")
            } else if delivery.evidence.is_empty() {
                format!("attempt {attempt} delivered nothing that can be taken")
            } else {
                format!("attempt {attempt} changed documents only, no code")
            };
            Conclusion::fail(reason.clone(), reason)
        }
        1 => Conclusion::pass(format!("attempt {attempt} changed 1 file")),
        many => Conclusion::pass(format!("attempt {attempt} changed {many} files")),
    }
}

/// A change stands between the base branch and the head, and nothing that was said of it is left unanswered.
fn stands(facts: &TaskFacts, delivery: &Delivery<'_>) -> bool {
    delivery.evidence.patch_total.is_some_and(|total| total > 0)
        && !facts.task.claims.iter().any(|claim| claim.kind.wants_a_change())
}
