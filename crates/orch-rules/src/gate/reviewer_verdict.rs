//! `verdict` of the review approves, and no blocking finding is open in it. Bound to the patch id: a review of another
//! patch is void.
//!
//! Anything but APPROVED is red (B3), whether or not it names a finding that blocks; APPROVED beside an open P0 or P1
//! is red too (X14): doubt is never green.

use super::Conclusion;
use super::delivery::{delivery, readable, red};
use crate::attempt::DocumentFact;
use crate::facts::TaskFacts;
use crate::pipeline::StageKind;
use crate::verdict::findings::Finding;
use crate::verdict::{self, Verdict, must_fix};

pub(super) fn conclude(facts: &TaskFacts) -> Conclusion {
    approve(facts).unwrap_or_else(|conclusion| conclusion)
}

fn approve(facts: &TaskFacts) -> Result<Conclusion, Conclusion> {
    let delivery = delivery(facts)?;
    let document = delivery.document(facts)?;
    readable(facts, document)?;
    let Verdict { passes, reason } = verdict::whole_review(document);
    let reason = format!("{}: {reason}", document.path);
    if !passes {
        return Err(with_all_findings(document, red(facts, document, reason)));
    }
    match &facts.task.keys {
        Some(keys) if keys.patch != delivery.evidence.patch => Ok(Conclusion::unknown(format!(
            "the review is void: it judged another change than the one on the branch now (patch {}, now {})",
            delivery.evidence.patch, keys.patch
        ))),
        _ => Ok(Conclusion::pass(reason)),
    }
}

/// A review that asks for changes and grades none of its findings P0 or P1 has no must-fix part: then all of its
/// findings are handed on, so that nobody works blindly.
fn with_all_findings(document: &DocumentFact, mut conclusion: Conclusion) -> Conclusion {
    let findings = document.findings.as_deref().unwrap_or_default();
    if !findings.is_empty() && document.must_fix.is_empty() {
        let listed: Vec<String> = findings.iter().map(|finding| format!("- {}", finding.sentence())).collect();
        conclusion.must_fix = must_fix::cut(&format!("{}\n\nIt lists:\n\n{}", conclusion.must_fix, listed.join("\n")));
    }
    conclusion
}

/// The review that the attempt of this visit delivered, if the stage has a judge.
fn review(facts: &TaskFacts) -> Option<&DocumentFact> {
    let delivery = delivery(facts).ok().filter(|delivery| delivery.stage.kind == StageKind::Judge)?;
    delivery.document(facts).ok()
}

/// Whether the review approves, and its findings, if it has a section of them. `None` if there is no review, or if it
/// cannot be read. Whether it judged the patch on the branch is for the caller to know.
pub(crate) fn review_told(facts: &TaskFacts) -> Option<(bool, Option<&[Finding]>)> {
    let document = review(facts)?;
    let fields = document.fields.as_ref().ok()?;
    Some((verdict::review(fields).passes, document.findings.as_deref()))
}

/// Findings that the review lists, if it lists any.
pub(crate) fn listed_findings(facts: &TaskFacts) -> Option<&[Finding]> {
    review(facts)?.findings.as_deref().filter(|listed| !listed.is_empty())
}
