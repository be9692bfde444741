//! The attempt committed something outside the documents folder.

use super::Conclusion;
use super::delivery::delivery;
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
