//! Gates: the machine checks that let a task leave a stage. One file per gate; this registry names them all (B1).
//!
//! A gate sees the facts alone. Of documents it sees only those that the attempt of the present visit wrote (X13):
//! an older one, even if it stands in the folder, does not count. A verdict is bound to what was judged; if the
//! task's head has another key by now, the verdict is void and the outcome unknown.

use serde::{Deserialize, Serialize};

use crate::facts::TaskFacts;
use crate::pipeline::GateName;

mod branch_mergeable;
mod ci_green;
mod code_changed;
mod decision_record;
mod delivery;
mod deploy_status;
mod document_written;
mod no_questions;
mod protected_paths;
mod reviewer_verdict;
mod settings;
mod staging_image_fresh;
mod staging_status;
mod tests_passed;
mod write_scope;

#[cfg(test)]
mod gate_tests;

pub(crate) use protected_paths::grant_key;
pub(crate) use reviewer_verdict::{listed_findings, review_told};
pub(crate) use settings::told as settings_told;
pub use write_scope::{TEST_FOLDERS, TEST_WORDS, is_test_file};

/// What a gate concludes. Only [`Outcome::Pass`] lets a task on; unknown never passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Green.
    Pass,
    /// Red.
    Fail,
    /// Not decided yet: something that decides it is under way, or is wanted (see [`GateResult::wants`]).
    Pending,
    /// It could not be found out. Never green; a person looks.
    Unknown,
    /// Neither red nor green: a person decides.
    NeedsHuman,
}

/// What a gate wants done before it can conclude.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Want {
    /// A run of the test command on the task's head, bound to the head's code id.
    Check,
}

/// A gate's conclusion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateResult {
    /// Which gate.
    pub gate: GateName,
    /// What it concludes.
    pub outcome: Outcome,
    /// One sentence that names the fact, field or token that decided.
    pub reason: String,
    /// What the next attempt is told, verbatim, with a link to the whole (B5); empty unless the outcome is
    /// [`Outcome::Fail`].
    pub must_fix: String,
    /// What has to be asked for, with [`Outcome::Pending`] only; `None` if that is under way already.
    pub wants: Option<Want>,
}

/// A conclusion before it is known which gate drew it.
struct Conclusion {
    outcome: Outcome,
    reason: String,
    must_fix: String,
    wants: Option<Want>,
}

impl Conclusion {
    fn of(outcome: Outcome, reason: impl Into<String>) -> Self {
        Self { outcome, reason: reason.into(), must_fix: String::new(), wants: None }
    }
    fn pass(reason: impl Into<String>) -> Self {
        Self::of(Outcome::Pass, reason)
    }
    fn pending(reason: impl Into<String>) -> Self {
        Self::of(Outcome::Pending, reason)
    }
    fn unknown(reason: impl Into<String>) -> Self {
        Self::of(Outcome::Unknown, reason)
    }
    fn fail(reason: impl Into<String>, must_fix: impl Into<String>) -> Self {
        Self { must_fix: must_fix.into(), ..Self::of(Outcome::Fail, reason) }
    }
}

/// Evaluates one gate on what is known of a task, for the stage it stands in. Pure; only [`Outcome::Pass`] lets the
/// task on.
pub fn evaluate(gate: GateName, facts: &TaskFacts) -> GateResult {
    let rule: fn(&TaskFacts) -> Conclusion = match gate {
        GateName::CheckDocumentWritten => document_written::conclude,
        GateName::CheckDecisionRecord => decision_record::conclude,
        GateName::CheckWriteScope => write_scope::conclude,
        GateName::CheckCodeChanged => code_changed::conclude,
        GateName::CheckCiGreen => ci_green::conclude,
        GateName::CheckReviewerVerdict => reviewer_verdict::conclude,
        GateName::CheckTestsPassed => tests_passed::conclude,
        GateName::CheckBranchMergeable => branch_mergeable::conclude,
        GateName::CheckStagingStatus => staging_status::conclude,
        GateName::CheckStagingImageFresh => staging_image_fresh::conclude,
        GateName::CheckDeployStatus => deploy_status::conclude,
        GateName::CheckNoQuestions => no_questions::conclude,
        GateName::CheckProtectedPaths => protected_paths::conclude,
        GateName::CheckSettings => settings::conclude,
    };
    let Conclusion { outcome, reason, must_fix, wants } = rule(facts);
    GateResult { gate, outcome, reason, must_fix, wants }
}
