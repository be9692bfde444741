//! A check: the project's own test command on a clean checkout of an exact commit.

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::ids::{CheckId, CodeId, CommitId, RepositoryId, TaskId, Timestamp};
use crate::unknown::Beyond;

/// What a check's verdict is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "of", content = "key")]
pub enum CheckKey {
    /// CI of a task's head: holds while the code id is unchanged.
    Code(CodeId),
    /// Re-test of a candidate: holds for exactly that commit.
    Candidate(CommitId),
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum CheckOutcome {
    /// Exit 0.
    Passed,
    /// Another exit code, or a timeout.
    Failed {
        /// `exit code 1`, `timed out after 600 s`.
        reason: String,
    },
    /// It could not be run; this never passes.
    Unknown {
        /// Why, and what to do.
        reason: String,
    },
}

impl CheckOutcome {
    /// How often the tests had to be tried for this outcome, for the end of a sentence; empty for once.
    pub fn tries(&self, first_red: Option<&str>) -> String {
        match (self, first_red) {
            (_, None) => String::new(),
            (Self::Failed { .. }, Some(_)) => ", twice".to_owned(),
            (_, Some(first)) => format!(" at the second try; the first was red ({first}): the tests are flaky"),
        }
    }
}

/// One execution of the test command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Identity, also of its run directory.
    pub id: CheckId,
    /// Repository.
    pub repository: RepositoryId,
    /// The task it was asked for.
    pub task: TaskId,
    /// The commit that is checked out.
    pub commit: CommitId,
    /// What the outcome is bound to.
    pub key: CheckKey,
    /// Asked for.
    pub requested_at: Timestamp,
    /// `None` while it runs.
    pub outcome: Option<CheckOutcome>,
    /// The failing part of the output, cut to a limit; empty if it passed.
    pub excerpt: String,
    /// Why the first try was red, where the same commit was tried once more for it. With [`CheckOutcome::Passed`] the
    /// tests are flaky.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_red: Option<String>,
    /// The person who had it repeated; `None`: a gate or the lane asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<Actor>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What its row holds beyond what this release knows.
    #[serde(flatten)]
    pub beyond: Beyond,
}
