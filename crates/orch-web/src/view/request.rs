//! What may be sent.

use orch_engine::control::NewIssue;
use orch_rules::ids::{RepositoryId, WorkItemId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A new task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTaskRequest {
    /// One line.
    pub title: String,
    /// Markdown.
    #[serde(default)]
    pub description: String,
    /// Which repository; may be left out if the service has exactly one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Higher goes first; 0 is usual.
    #[serde(default)]
    pub priority: i32,
    /// The variant of the line, as `[[variant]] name` has it, or `default`; left out: whichever matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// As people sort issues; a variant may match one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Start at once; `false` leaves it in the backlog.
    #[serde(default = "yes")]
    pub start: bool,
    /// Ids of the tasks it waits for.
    #[serde(default)]
    pub depends_on: Vec<String>,
}

fn yes() -> bool {
    true
}

impl NewTaskRequest {
    /// As the control surface takes it, under the request's name.
    pub fn into_issue(self, key: String) -> NewIssue {
        NewIssue {
            repository: self.repository.map(RepositoryId),
            title: self.title,
            description: self.description,
            priority: self.priority,
            variant: self.pipeline,
            labels: self.labels,
            start: self.start,
            depends_on: self.depends_on.into_iter().map(WorkItemId).collect(),
            key,
        }
    }
}

/// Which repository to unfreeze.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UnfreezeRequest {
    /// May be left out if the service has exactly one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Although what it is frozen for is not mended: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force: Option<String>,
}
