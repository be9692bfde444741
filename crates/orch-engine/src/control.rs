//! The control: everything a person may ask of the service, whether over HTTP or by a command beside it.

pub(crate) mod access;
mod board;
mod chat;
mod circle;
mod costs;
mod deliveries;
mod deploying;
pub(crate) mod directory;
mod elsewhere;
mod following;
mod forge_hooks;
mod freezing;
mod hooks;
mod log;
mod orders;
mod outages;
mod outbox;
mod people;
mod repositories;
mod standing;
mod task_name;
mod work_seen;

use std::sync::Arc;

use async_trait::async_trait;
use orch_ports::store::{History, StoreError};
use orch_rules::attempt::{ConfinementLevel, Usage};
use orch_rules::forecast::Forecast;
use orch_rules::ids::{EpisodeId, RepositoryId, StageId, WorkItemId};
use orch_rules::people::Reply;
use orch_rules::pipeline::Pipeline;
use orch_rules::task::Task;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::engine::Engine;
use crate::perform::PerformError;

pub use access::{Admission, Newcomer};
pub use deliveries::DeliveryDetail;
pub use deploying::TargetStanding;
pub use hooks::HookAnswer;
pub use log::{LogAsk, LogChunk, LogOf};
pub use orders::Opened;
pub use outbox::{OutboxView, ProjectionSeen};
pub use task_name::TaskName;
pub use work_seen::Paper;

/// What people ask goes over the control surface: reads are answered from the store, wishes become inbox rows first.
#[derive(Clone)]
pub struct Control {
    engine: Arc<Engine>,
    handles: Handles,
    /// Reads the settings again; `None` where every command reads them.
    reread: Option<Arc<dyn Reread>>,
}

/// Reads the settings of the host again: repositories and agents that were added, moved or taken out.
#[async_trait]
pub trait Reread: Send + Sync {
    /// From now on they hold; in words for people, why not.
    async fn reread(&self) -> Result<(), String>;
}

/// Who handles what the control surface accepts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Handles {
    /// The loop of this process.
    Loop,
    /// The control surface itself, at once: nobody else works on the store.
    Here,
    /// Another process, which works on the store.
    Elsewhere,
}

impl Control {
    /// The control surface of a running engine.
    pub fn of(engine: Arc<Engine>) -> Self {
        Self { engine, handles: Handles::Loop, reread: None }
    }

    /// With a way to read the settings again.
    #[must_use]
    pub fn rereading(self, reread: Arc<dyn Reread>) -> Self {
        Self { reread: Some(reread), ..self }
    }

    /// The control surface of an engine whose loop does not run: what people ask is decided at once, effects stay queued.
    pub fn alone(engine: Arc<Engine>) -> Self {
        Self { engine, handles: Handles::Here, reread: None }
    }

    /// The control surface beside a service in another process: what people ask is stored, and handled there.
    pub fn accepting(engine: Arc<Engine>) -> Self {
        Self { engine, handles: Handles::Elsewhere, reread: None }
    }
}

/// A new issue on the built-in board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewIssue {
    /// Which repository; may be left out if the service has exactly one.
    pub repository: Option<RepositoryId>,
    /// One line.
    pub title: String,
    /// Markdown.
    pub description: String,
    /// Higher goes first.
    pub priority: i32,
    /// The variant of the line, by name; `None`: whichever matches.
    pub variant: Option<String>,
    /// As people sort issues; a variant may match one.
    pub labels: Vec<String>,
    /// Start the line at once; false leaves it in the backlog (A4).
    pub start: bool,
    /// Waits for these.
    pub depends_on: Vec<WorkItemId>,
    /// The same key is the same issue: a repeated request makes no second one.
    pub key: String,
}

/// A command to a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "command", deny_unknown_fields)]
#[schema(as = CommandRequest)]
pub enum TaskCommand {
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
    /// Answer the question that was seen. It has an address of its own.
    #[serde(skip)]
    Answer {
        /// Which; `None`: whichever is open.
        episode: Option<EpisodeId>,
        /// What.
        reply: Reply,
    },
    /// Cancel.
    Stop,
    /// Lift a hold, with fresh attempts.
    Retry,
    /// Run the tests that were not green once more, on the same work.
    RetryCheck,
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
        #[schema(value_type = String)]
        to: StageId,
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
        #[schema(value_type = String)]
        on: WorkItemId,
    },
    /// Wait for it no longer.
    Undepend {
        /// Its id.
        #[schema(value_type = String)]
        on: WorkItemId,
    },
}

/// A command to a repository's lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "command", deny_unknown_fields)]
#[schema(as = LaneCommandRequest)]
pub enum LaneCommand {
    /// Nothing enters, nothing lands.
    Freeze {
        /// For people; must not be empty.
        reason: String,
        /// The task whose change on main is to blame: what it still lands passes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>)]
        cause: Option<WorkItemId>,
        /// Tasks that are to mend it: they enter and land all the same.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[schema(value_type = Vec<String>)]
        fixes: Vec<WorkItemId>,
    },
    /// Lift the freeze; refused while what it names is not mended.
    Unfreeze {
        /// Lift it all the same; why, for others.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        force: Option<String>,
    },
    /// Nothing new starts.
    Pause,
    /// Goes on.
    Resume,
}

/// The answer to a command that was absorbed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// One sentence for people.
    pub text: String,
    /// The command is stored and will be handled, but was not within the time a person waits.
    pub pending: bool,
}

/// Everything known of one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskDetail {
    /// The row.
    pub task: Task,
    /// Attempts, checks, episodes, usage, audit, lane, work.
    pub history: History,
    /// The pipeline it pinned.
    pub pipeline: Pipeline,
    /// The one command that brings the landed work home, run in the user's own repository; `None` before the landing.
    pub bring_home: Option<String>,
    /// The newest attempt's run.
    pub run: Option<RunSoFar>,
    /// What the stages behind an open approval cost those that landed before.
    pub forecast: Option<Forecast>,
    /// Number of the newest change when this was read; numbers can only be compared for being the same.
    pub change: u64,
}

/// What is known of a run while it lasts, and as long as its directory is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSoFar {
    /// Whose.
    pub attempt: u32,
    /// How it is confined.
    pub level: ConfinementLevel,
    /// Limits that hold for it, and those its host cannot give, one sentence each.
    pub limits: Vec<String>,
    /// What it used so far, as counted outside of it; `None` if nobody counts.
    pub usage: Option<Usage>,
}

/// Why a request changes nothing.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No such task, repository or attempt.
    #[error("{what}")]
    NotFound {
        /// What is missing and where to look.
        what: String,
    },
    /// Several repositories have a task of this id.
    #[error("{work_item} is a task of several repositories: {}", .repositories.iter().map(RepositoryId::as_str).collect::<Vec<_>>().join(", "))]
    Ambiguous {
        /// The id.
        work_item: WorkItemId,
        /// Those that have it.
        repositories: Vec<RepositoryId>,
    },
    /// The rules say no.
    #[error("{why}")]
    Refused {
        /// Why, and what to do.
        why: String,
    },
    /// The request itself is wrong.
    #[error("{}", .problems.join("; "))]
    Invalid {
        /// Everything that is wrong with it.
        problems: Vec<String>,
    },
    /// This host could not find it out now; nothing was changed.
    #[error("{why}")]
    Unavailable {
        /// What the host could not do.
        why: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<PerformError> for ControlError {
    fn from(error: PerformError) -> Self {
        match error {
            PerformError::Store(error) => Self::Store(error),
            PerformError::Lasting(why) => Self::Refused { why },
            PerformError::Port(error) if error.is_fact() => Self::Refused { why: error.words },
            error => Self::Unavailable { why: format!("this host could not do it now: {}", error.words()) },
        }
    }
}
