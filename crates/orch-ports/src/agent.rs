//! Agents: programs that do a role's work in a clone.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use orch_rules::attempt::Usage;
use orch_rules::ids::{AttemptNumber, StageId, TaskId, WorkItemId};
use orch_rules::pipeline::Role;
use serde_json::Value;

/// What an agent is told of its task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Identity of the task.
    pub task: TaskId,
    /// For people and paths.
    pub work_item: WorkItemId,
    /// Who it acts as.
    pub role: Role,
    /// Where in the line.
    pub stage: StageId,
    /// Which try.
    pub attempt: AttemptNumber,
    /// The clone: its working directory.
    pub directory: Utf8PathBuf,
    /// The task file, outside the clone.
    pub task_file: Utf8PathBuf,
    /// Where its documents go, inside the clone.
    pub documents: Utf8PathBuf,
    /// Where it may leave its usage, outside the clone.
    pub result_file: Utf8PathBuf,
}

/// How to start an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Its whole environment.
    pub environment: BTreeMap<String, String>,
}

/// One kind of agent.
pub trait Agent: Send + Sync {
    /// Name in settings and records, for example `command`.
    fn name(&self) -> &str;
    /// How to start it for this assignment.
    fn launch(&self, assignment: &Assignment) -> Launch;
    /// Tokens and money from what it left in its result file. Defensive: broken is unknown, never an error (D2).
    fn usage(&self, result: &Value) -> Usage;
}
