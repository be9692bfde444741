//! What people do with a task besides starting and stopping it: they answer, take it into their own hands, push to its
//! branch, and review it on the forge.

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::attempt::Evidence;
use crate::ids::{CommitId, EpisodeId, Timestamp};

/// What a person answers to an open question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reply")]
pub enum Reply {
    /// Yes: the stage's work, or the change to protected paths.
    Approve,
    /// No; the next attempt is told the reason.
    Reject {
        /// Never empty.
        reason: String,
    },
    /// Production may have the candidate.
    Confirm,
    /// The agent's questions are answered in these words.
    Text {
        /// Never empty; reaches the next attempt verbatim.
        text: String,
    },
}

/// An answer as it came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HumanAnswer {
    /// The question that the person saw; `None` means whichever is open, for senders that cannot name one.
    pub episode: Option<EpisodeId>,
    /// Since when the status that is this answer has stood, for answers by status: one that stood before the question
    /// was asked is none (A19). `None` for a spoken answer.
    pub since: Option<Timestamp>,
    /// Who may answer, as the repository file on the base branch said it when the answer came in; empty is everybody.
    pub people: Vec<String>,
    /// What.
    #[serde(flatten)]
    pub reply: Reply,
}

/// A person has the branch: nothing runs for the task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hands {
    /// Whose.
    pub by: Actor,
    /// Since when.
    pub since: Timestamp,
    /// It was given back, and the branch is being looked at.
    pub returning: bool,
}

/// What somebody found the task's branch on the forge to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "branch")]
pub enum BranchSeen {
    /// Where the task's head is, or behind it.
    Same,
    /// It is not there.
    Gone,
    /// A person's commits stand on the task's head.
    Pushed {
        /// The newest one's author.
        by: String,
        /// What git says of it; its `head` is the branch.
        evidence: Evidence,
    },
    /// It does not contain what was published: somebody rewrote it.
    Rewritten {
        /// The newest commit's author.
        by: String,
        /// What git says of it; its `head` is the branch.
        evidence: Evidence,
    },
    /// A person pushed while the attempt worked, and the attempt's result fits on top.
    Replayed {
        /// The newest commit's author.
        by: String,
        /// Where the branch is.
        tip: CommitId,
        /// What git says of both together; its `head` is the result on top of `tip`.
        evidence: Evidence,
    },
    /// A person pushed while the attempt worked, and both changed the same lines.
    Conflict {
        /// The newest commit's author.
        by: String,
        /// What git says of the person's commits; its `head` is the branch.
        evidence: Evidence,
        /// Where they conflict.
        paths: Vec<String>,
    },
}

/// What a person said in a review on the forge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "word")]
pub enum ReviewWord {
    /// Approve.
    Approved,
    /// Request changes.
    ChangesRequested {
        /// What has to change, verbatim.
        findings: String,
    },
}
