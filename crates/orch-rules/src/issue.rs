//! An issue as somebody filed it on the built-in board: what a decision makes a task of.

use serde::{Deserialize, Serialize};

use crate::ids::{RepositoryId, WorkItemId};

/// An issue that is no task yet. Stored before its sender is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// For which repository.
    pub repository: RepositoryId,
    /// Its sender's name for it: the same key is the same issue.
    pub key: String,
    /// One line.
    pub title: String,
    /// Markdown.
    #[serde(default)]
    pub description: String,
    /// Higher goes first.
    #[serde(default)]
    pub priority: i32,
    /// The variant of the line, by name; `None`: whichever matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// As people sort issues; a variant may match one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Start the line at once; false leaves it in the backlog.
    #[serde(default)]
    pub start: bool,
    /// Its number where it comes from: the task gets it, or the next free one behind it (A2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// Waits for these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<WorkItemId>,
}
