//! The attempt asks a human nothing (A18).
//!
//! A document without front matter asks nothing; broken front matter could hide a question and is red.

use super::Conclusion;
use super::delivery::{delivery, readable};
use crate::facts::TaskFacts;
use crate::pipeline::document_matches;
use crate::verdict::NO_FRONT_MATTER;

pub(super) fn conclude(facts: &TaskFacts) -> Conclusion {
    silent(facts).unwrap_or_else(|conclusion| conclusion)
}

fn silent(facts: &TaskFacts) -> Result<Conclusion, Conclusion> {
    let delivery = delivery(facts)?;
    let patterns = &delivery.stage.documents;
    // Who owes no document may ask in any.
    let own = |path: &str| patterns.is_empty() || patterns.iter().any(|pattern| document_matches(pattern, path));
    let mut questions: Vec<&str> = Vec::new();
    for document in delivery.evidence.documents.iter().filter(|document| own(&document.path)) {
        if document.fields.as_ref().is_err_and(|reason| reason != NO_FRONT_MATTER) {
            readable(facts, document)?;
        }
        questions.extend(document.questions.iter().map(String::as_str));
    }
    match questions.len() {
        0 => Ok(Conclusion::pass(format!("attempt {} asks nothing", delivery.attempt))),
        1 => Ok(Conclusion::of(super::Outcome::NeedsHuman, format!("a question waits for a human: {}", questions[0]))),
        many => {
            let listed = questions.join(" · ");
            Ok(Conclusion::of(super::Outcome::NeedsHuman, format!("{many} questions wait for a human: {listed}")))
        }
    }
}
