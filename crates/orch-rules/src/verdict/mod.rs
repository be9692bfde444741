//! Verdicts: what a document says, read from its front matter alone, never from prose (B3).
//!
//! [`read_document`] turns a document's bytes into a [`DocumentFact`]; [`review`], [`tests`], [`staging`] and
//! [`deploy`] turn its fields into a [`Verdict`]. Which spellings count is in [`tokens`]; [`must_fix`] finds what a
//! rollback hands on, [`findings`] what a review lists item by item.

use std::collections::BTreeMap;

use crate::attempt::DocumentFact;
use findings::Finding;

pub mod findings;
mod front_matter;
pub mod must_fix;
pub mod tokens;

#[cfg(test)]
mod findings_tests;
#[cfg(test)]
mod verdict_tests;

pub use front_matter::NO_FRONT_MATTER;

/// What a document says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Green.
    pub passes: bool,
    /// One sentence that names the field and the token that decided.
    pub reason: String,
}

impl Verdict {
    fn green(reason: String) -> Self {
        Self { passes: true, reason }
    }
    fn red(reason: String) -> Self {
        Self { passes: false, reason }
    }
}

/// Reads one document: front matter, questions, must-fix part and findings. Never fails: what cannot be read is in
/// [`DocumentFact::fields`] as a reason. A byte order mark and CRLF line ends are tolerated.
///
/// `path` is relative to the work item's documents folder; it is kept, not looked at.
pub fn read_document(path: &str, bytes: &[u8]) -> DocumentFact {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return DocumentFact::unreadable(path, "the document is not UTF-8 text");
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let parts = front_matter::split(&text);
    let (fields, questions, found) = match parts.front.and_then(front_matter::read) {
        Ok(front) => (Ok(front.fields), front.questions, front.found),
        Err(reason) => (Err(reason), Vec::new(), Vec::new()),
    };
    DocumentFact {
        path: path.to_owned(),
        fields,
        questions,
        must_fix: must_fix::extract(parts.body),
        found,
        findings: findings::extract(parts.body),
    }
}

/// Fields of a test report that count, of equal rank.
pub const TEST_FIELDS: [&str; 3] = ["result", "verdict", "status"];

/// The review: field `verdict`. APPROVED, and nothing beside it, is green; anything else is red.
pub fn review(fields: &BTreeMap<String, String>) -> Verdict {
    let Some(value) = fields.get("verdict") else {
        return Verdict::red("the field `verdict` is missing; it must say APPROVED or REQUEST_CHANGES".to_owned());
    };
    let shown = tokens::shown(value);
    if tokens::is_exactly(value, "APPROVED") {
        Verdict::green(format!("`verdict` says {shown}"))
    } else {
        Verdict::red(format!("`verdict` says {shown}; only APPROVED is green"))
    }
}

/// Most findings that a reason lists.
const LISTED: usize = 5;

/// A review as a whole: its field `verdict`, and its findings. APPROVED beside an open P0 or P1 is red (X14), and so is
/// anything that is not APPROVED (B3), even if none of its findings blocks.
pub fn whole_review(document: &DocumentFact) -> Verdict {
    let Verdict { passes, reason } = read_by(document, review);
    let findings = document.findings.as_deref().unwrap_or_default();
    let open: Vec<String> = findings.iter().filter(|finding| finding.blocks()).map(Finding::sentence).collect();
    match (passes, open.is_empty()) {
        (true, true) => Verdict::green(reason),
        (true, false) => {
            let more = open.len().saturating_sub(LISTED);
            let more = if more == 0 { String::new() } else { format!("; and {more} more") };
            let listed = open.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join("; ");
            Verdict::red(format!("{reason}, but blocking findings are open: {listed}{more}"))
        }
        (false, true) if !findings.is_empty() => Verdict::red(format!("{reason}; none of its findings is P0 or P1")),
        (false, _) => Verdict::red(reason),
    }
}

/// What one of the rules here says of a document; red if its front matter cannot be read.
pub fn read_by(document: &DocumentFact, rule: fn(&BTreeMap<String, String>) -> Verdict) -> Verdict {
    match &document.fields {
        Ok(fields) => rule(fields),
        Err(reason) => Verdict::red(reason.clone()),
    }
}

/// The test report: `result`, `verdict` and `status` are of equal rank. One negative token in any of them decides;
/// else one positive field is enough; an unknown value counts as absent; all absent is red. Other fields (`stage`
/// among them) are not looked at.
pub fn tests(fields: &BTreeMap<String, String>) -> Verdict {
    let present = || TEST_FIELDS.iter().filter_map(|name| fields.get(*name).map(|value| (*name, value)));
    for (name, value) in present() {
        if let Some(token) = tokens::negative(value) {
            return Verdict::red(format!("`{name}` says {} ({token} is negative)", tokens::shown(value)));
        }
    }
    for (name, value) in present() {
        if let Some(token) = tokens::positive(value) {
            return Verdict::green(format!("`{name}` says {} ({token})", tokens::shown(value)));
        }
    }
    let unknown: Vec<String> =
        present().map(|(name, value)| format!("`{name}` says {}, which is no verdict", tokens::shown(value))).collect();
    if unknown.is_empty() {
        return Verdict::red(
            "none of the fields `result`, `verdict`, `status` is there; write `result: PASS`".to_owned(),
        );
    }
    Verdict::red(format!("{}; write `result: PASS` or `result: FAIL`", unknown.join(", ")))
}

/// The staging log: field `staging_status`, SUCCESS or FAILED.
pub fn staging(fields: &BTreeMap<String, String>) -> Verdict {
    success("staging_status", fields)
}

/// The deploy log: field `deploy_status`, SUCCESS or FAILED.
pub fn deploy(fields: &BTreeMap<String, String>) -> Verdict {
    success("deploy_status", fields)
}

fn success(name: &str, fields: &BTreeMap<String, String>) -> Verdict {
    let Some(value) = fields.get(name) else {
        return Verdict::red(format!("the field `{name}` is missing; it must say SUCCESS or FAILED"));
    };
    let shown = tokens::shown(value);
    if let Some(token) = tokens::negative(value) {
        return Verdict::red(format!("`{name}` says {shown} ({token} is negative)"));
    }
    if tokens::says_success(value) {
        return Verdict::green(format!("`{name}` says {shown}"));
    }
    Verdict::red(format!("`{name}` says {shown}; only SUCCESS is green"))
}
