//! What may be sent.

use orch_engine::control::{LaneCommand, NewIssue, TaskCommand};
use orch_rules::ids::{RepositoryId, StageId, WorkItemId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Problem;

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

/// A command to a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "command", deny_unknown_fields)]
pub enum CommandRequest {
    /// Start, or start again after the questions were answered.
    Start,
    /// Approve what waits for approval.
    Approve,
    /// Reject it.
    Reject {
        /// What the agent is told; must not be empty.
        reason: String,
    },
    /// Confirm the production deploy.
    ConfirmDeploy,
    /// Cancel.
    Stop,
    /// Lift a hold, with fresh attempts.
    Retry,
    /// Nothing new starts for it.
    Pause,
    /// Goes on.
    Resume,
    /// Goes before or behind others.
    SetPriority {
        /// Higher goes first.
        priority: i32,
    },
    /// Add to the budget that keeps it waiting.
    RaiseBudget {
        /// Millionths of a US dollar; more than 0.
        by_micros: u64,
    },
    /// Change what it says; what is left out stays.
    Edit {
        /// One line.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// Markdown; what was approved for the old one is asked again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// Higher goes first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        priority: Option<i32>,
    },
    /// Back to an earlier stage, with fresh attempts.
    SendBack {
        /// The stage.
        to: String,
        /// What the next attempt is told; must not be empty.
        reason: String,
    },
    /// Skip the present stage; refused for what makes, tests, lands or deploys the change.
    Skip {
        /// Must not be empty.
        reason: String,
    },
    /// Take the branch: nothing runs until it is given back.
    HandsOff,
    /// Give the branch back: its new head goes through the gates.
    GiveBack,
    /// Keep words for the next agent; nothing in them acts.
    Comment {
        /// Must not be empty.
        text: String,
    },
    /// Wait for another task.
    Depend {
        /// Its id.
        on: String,
    },
    /// Wait for it no longer.
    Undepend {
        /// Its id.
        on: String,
    },
}

impl TryFrom<CommandRequest> for TaskCommand {
    type Error = Problem;

    fn try_from(request: CommandRequest) -> Result<Self, Problem> {
        Ok(match request {
            CommandRequest::Start => Self::Start,
            CommandRequest::Approve => Self::Approve,
            CommandRequest::Reject { reason } => Self::Reject { reason: not_empty(reason)? },
            CommandRequest::ConfirmDeploy => Self::ConfirmDeploy,
            CommandRequest::Stop => Self::Stop,
            CommandRequest::Retry => Self::Retry,
            CommandRequest::Pause => Self::Pause,
            CommandRequest::Resume => Self::Resume,
            CommandRequest::SetPriority { priority } => Self::SetPriority { priority },
            CommandRequest::RaiseBudget { by_micros } => Self::RaiseBudget { by_micros },
            CommandRequest::Edit { title, description, priority } => Self::Edit { title, description, priority },
            CommandRequest::SendBack { to, reason } => Self::SendBack { to: StageId(to), reason: not_empty(reason)? },
            CommandRequest::Skip { reason } => Self::Skip { reason: not_empty(reason)? },
            CommandRequest::HandsOff => Self::HandsOff,
            CommandRequest::GiveBack => Self::GiveBack,
            CommandRequest::Comment { text } => Self::Comment { text },
            CommandRequest::Depend { on } => Self::Depend { on: WorkItemId(on) },
            CommandRequest::Undepend { on } => Self::Undepend { on: WorkItemId(on) },
        })
    }
}

/// A command to a repository's lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "command", deny_unknown_fields)]
pub enum LaneCommandRequest {
    /// Nothing enters, nothing lands.
    Freeze {
        /// For people; must not be empty.
        reason: String,
    },
    /// Lift the freeze.
    Unfreeze,
    /// Nothing new starts.
    Pause,
    /// Goes on.
    Resume,
}

impl TryFrom<LaneCommandRequest> for LaneCommand {
    type Error = Problem;

    fn try_from(request: LaneCommandRequest) -> Result<Self, Problem> {
        Ok(match request {
            LaneCommandRequest::Freeze { reason } => Self::Freeze { reason: not_empty(reason)? },
            LaneCommandRequest::Unfreeze => Self::Unfreeze,
            LaneCommandRequest::Pause => Self::Pause,
            LaneCommandRequest::Resume => Self::Resume,
        })
    }
}

fn not_empty(reason: String) -> Result<String, Problem> {
    if reason.trim().is_empty() {
        return Err(Problem::invalid("the reason is empty").fix("say why, in a sentence: others will read it"));
    }
    Ok(reason)
}

/// Which repository to unfreeze.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UnfreezeRequest {
    /// May be left out if the service has exactly one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
}
