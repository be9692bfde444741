//! What the attempt of the present visit delivered: the only evidence a gate looks at.

use std::collections::BTreeMap;

use super::Conclusion;
use crate::attempt::{DocumentFact, Evidence, RunEnd};
use crate::facts::TaskFacts;
use crate::pipeline::{Stage, document_matches};
use crate::verdict::{Verdict, must_fix};
use crate::work_item::documents_folder;

/// Front matter of a document.
type Fields = BTreeMap<String, String>;

/// The stage a task stands in and what this visit's newest attempt left behind.
pub(super) struct Delivery<'f> {
    pub stage: &'f Stage,
    pub evidence: &'f Evidence,
    pub attempt: u32,
}

/// The stage the task stands in.
pub(super) fn stage(facts: &TaskFacts) -> Result<&Stage, Conclusion> {
    let position = &facts.task.position;
    position.stage().and_then(|id| facts.pipeline.stage(id)).ok_or_else(|| {
        Conclusion::unknown(format!("`{}` is no stage of the pipeline this task started with", position.name()))
    })
}

/// The delivery, or why there is none to look at.
pub(super) fn delivery(facts: &TaskFacts) -> Result<Delivery<'_>, Conclusion> {
    let stage = stage(facts)?;
    let attempt =
        facts.attempt.as_ref().filter(|attempt| attempt.visit == facts.task.visit && attempt.stage == stage.id);
    let Some(attempt) = attempt else {
        return Err(Conclusion::pending(format!("nobody has worked on this visit of `{}` yet", stage.id)));
    };
    let number = attempt.number;
    let Some(ended) = &attempt.ended else {
        return Err(Conclusion::pending(format!("attempt {number} is still under way")));
    };
    match &ended.evidence {
        Some(evidence) => Ok(Delivery { stage, evidence, attempt: number }),
        None if ended.how == RunEnd::Completed || ended.trouble.is_some() => {
            let why = ended.trouble.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            let way = if ended.in_vain || ended.trouble.is_none() {
                "once more in vain; a new attempt is made and paid by"
            } else {
                "its work is kept and fetched again, once this machine is mended, by"
            };
            Err(Conclusion::unknown(format!(
                "what attempt {number} left could not be brought home{why}; {way}: orch retry {}",
                facts.task.work_item
            )))
        }
        None => {
            let reason = format!("attempt {number} delivered nothing: {}", told(&ended.how));
            Err(Conclusion::fail(reason.clone(), reason))
        }
    }
}

fn told(end: &RunEnd) -> String {
    match end {
        RunEnd::Completed => "it completed".to_owned(),
        RunEnd::Failed { reason } => format!("it failed ({reason})"),
        RunEnd::TimedOut => "its deadline passed".to_owned(),
        RunEnd::Stalled => "it stalled".to_owned(),
        RunEnd::Stopped => "it was stopped".to_owned(),
        RunEnd::Lost { session: true, .. } => "its session was gone".to_owned(),
        RunEnd::Lost { .. } => "it was lost".to_owned(),
        RunEnd::Quarantined => "it is quarantined".to_owned(),
        RunEnd::SpawnFailed { reason, .. } => format!("it could not be started ({reason})"),
        RunEnd::Unavailable { reason, .. } => format!("the model was not to be had ({reason})"),
        RunEnd::OverBudget { reason } => format!("its budget was used up ({reason})"),
    }
}

impl<'f> Delivery<'f> {
    /// The document that the stage's document gates read: the last one, by path, that this attempt wrote and that
    /// matches the first pattern. Red, with what to write, if there is none.
    pub(super) fn document(&self, facts: &TaskFacts) -> Result<&'f DocumentFact, Conclusion> {
        let Some(pattern) = self.stage.documents.first() else {
            return Err(Conclusion::unknown(format!("stage `{}` names no document in its pipeline", self.stage.id)));
        };
        self.matching(pattern).ok_or_else(|| self.missing(facts, pattern))
    }

    /// The last document, by path, that this attempt wrote and that matches.
    pub(super) fn matching(&self, pattern: &str) -> Option<&'f DocumentFact> {
        self.evidence
            .documents
            .iter()
            .filter(|fact| document_matches(pattern, &fact.path))
            .max_by(|a, b| a.path.cmp(&b.path))
    }

    /// The conclusion when this attempt did not write such a document.
    pub(super) fn missing(&self, facts: &TaskFacts, pattern: &str) -> Conclusion {
        let attempt = self.attempt;
        let reason = if self.evidence.is_empty() && self.evidence.refused.is_empty() {
            format!("attempt {attempt} delivered nothing new, and no `{pattern}`")
        } else {
            format!("attempt {attempt} did not write `{pattern}`; one written earlier does not count")
        };
        let folder = documents_folder(&facts.task.work_item);
        Conclusion::fail(reason.clone(), format!("{reason}\n\nWrite {folder}/{pattern} and commit it."))
    }
}

/// A document's front matter; red if it cannot be read.
pub(super) fn readable<'d>(facts: &TaskFacts, document: &'d DocumentFact) -> Result<&'d Fields, Conclusion> {
    document.fields.as_ref().map_err(|reason| red(facts, document, format!("{}: {reason}", document.path)))
}

/// Concludes from a document's verdict: the reason if it passes, red if not or if it cannot be read.
pub(super) fn judge(
    facts: &TaskFacts,
    document: &DocumentFact,
    rule: fn(&Fields) -> Verdict,
) -> Result<String, Conclusion> {
    let verdict = rule(readable(facts, document)?);
    let reason = format!("{}: {}", document.path, verdict.reason);
    if verdict.passes { Ok(reason) } else { Err(red(facts, document, reason)) }
}

/// Red because of a document: hands on its must-fix part verbatim, or the reason, with a link to the whole (B5).
pub(super) fn red(facts: &TaskFacts, document: &DocumentFact, reason: String) -> Conclusion {
    let part = if document.must_fix.trim().is_empty() { &reason } else { &document.must_fix };
    let text =
        format!("{}\n\nThe whole: {}/{}", must_fix::cut(part), documents_folder(&facts.task.work_item), document.path);
    Conclusion::fail(reason, text)
}
