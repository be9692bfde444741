//! Staging ran the image of the very candidate that will land (F1).
//!
//! The staging log's field `revision` names the revision label (`org.opencontainers.image.revision`) of the image
//! that ran; it must be the commit of the candidate in the lane, in full.

use super::Conclusion;
use super::branch_mergeable::landing;
use super::delivery::{delivery, readable, red};
use crate::facts::TaskFacts;

pub(super) fn conclude(facts: &TaskFacts) -> Conclusion {
    fresh(facts).unwrap_or_else(|conclusion| conclusion)
}

fn fresh(facts: &TaskFacts) -> Result<Conclusion, Conclusion> {
    let delivery = delivery(facts)?;
    let document = delivery.document(facts)?;
    let Some(candidate) = landing(facts).and_then(|entry| entry.state.candidate()) else {
        return Err(Conclusion::pending("the lane has no candidate of this task to compare staging with"));
    };
    let revision = readable(facts, document)?.get("revision");
    let wanted = candidate.commit.as_str();
    let path = &document.path;
    let reason = match revision {
        Some(revision) if revision.eq_ignore_ascii_case(wanted) => {
            return Ok(Conclusion::pass(format!("{path}: staging ran the candidate {wanted}")));
        }
        Some(revision) => format!("{path}: staging ran {revision}, the candidate is {wanted}"),
        None => format!("{path}: the field `revision` is missing; it must name the candidate {wanted}"),
    };
    // A staging run that failed early names no revision: what failed is what has to be told (B5).
    Err(red(facts, document, reason))
}
