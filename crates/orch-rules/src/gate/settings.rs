//! The repository's settings can be read once the whole change has landed.
//!
//! Asked in every stage before the lane, whether its line names it or not: what lands broken stops everybody.

use super::Conclusion;
use super::delivery::delivery;
use crate::facts::TaskFacts;

pub(super) fn conclude(facts: &TaskFacts) -> Conclusion {
    let delivery = match delivery(facts) {
        Ok(delivery) => delivery,
        Err(conclusion) => return conclusion,
    };
    let Some(first) = delivery.evidence.settings.first() else {
        return Conclusion::pass("the settings can be read");
    };
    let text = told(&delivery.evidence.settings);
    Conclusion::fail(format!("settings that would land cannot be used: {first}"), text)
}

/// What the next attempt is told.
pub(crate) fn told(faults: &[String]) -> String {
    format!("Settings of the repository that would land cannot be used. Mend each:\n\n- {}", faults.join("\n- "))
}
