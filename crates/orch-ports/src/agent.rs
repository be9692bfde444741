//! Agents: programs that do a role's work in a clone.

use std::collections::BTreeMap;
use std::io::BufRead;

use camino::Utf8PathBuf;
use orch_rules::attempt::{RunEnd, Usage};
use orch_rules::ids::{AttemptNumber, StageId, TaskId, WorkItemId};
use orch_rules::pipeline::Role;
use serde::{Deserialize, Serialize};
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
    /// A folder of its own that it may write, outside the clone, which the next attempt of the same role at the same
    /// task finds again: settings, sessions, caches.
    pub home: Utf8PathBuf,
    /// Who it is and what it owes, in words (D1); the same for every attempt of a role.
    pub prompt: String,
    /// The session of the role's attempt before, if it is to go on with it.
    pub resume: Option<String>,
}

impl Assignment {
    /// [`Self::prompt`] as a file, beside the task file.
    pub fn prompt_file(&self) -> Utf8PathBuf {
        self.task_file.with_file_name("prompt.md")
    }
}

/// How to start an agent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Launch {
    /// Program and arguments. Everybody on the machine may read them: no secret stands here.
    pub argv: Vec<String>,
    /// Its whole environment.
    pub environment: BTreeMap<String, String>,
    /// Files to write before the start, by their absolute path below [`Assignment::home`].
    pub files: BTreeMap<Utf8PathBuf, String>,
    /// The model it talks to, through the proxy of its run; `None` if it needs none, or brings its own key.
    pub model: Option<ModelAccess>,
    /// Signals by which it is asked to end, in their order; after the last one its whole tree is killed.
    pub stop: Vec<StopStep>,
    /// The session this run has, as far as it is known before the start.
    pub session: Option<String>,
}

/// A model that an agent reaches through the proxy of its run. The agent holds a worthless key; the proxy puts the
/// real one in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelAccess {
    /// Whose wire format, and in which header the key goes.
    pub wire: ModelWire,
    /// Name of the credential in the host settings; runs that share it wait together.
    pub credential: String,
}

/// Stands in arguments and environment of a [`Launch`] for `http://127.0.0.1:<port>`, the address of the run's model
/// proxy, which is known only when the proxy listens.
pub const MODEL_ADDRESS: &str = "{orch-model-address}";

/// Stands in arguments and environment of a [`Launch`] for the worthless key of this run; the proxy serves nobody who does not name it.
pub const MODEL_KEY: &str = "{orch-model-key}";

/// Wire formats of model vendors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelWire {
    /// `POST /v1/messages`.
    AnthropicMessages,
    /// `POST /v1/responses`.
    OpenAiResponses,
}

/// One step of asking a process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopStep {
    /// Signal number for the agent's own process, not for its children.
    pub signal: i32,
    /// So long it has before the next step.
    pub wait_ms: u64,
}

/// What an agent's own words say of a run. Never evidence that work was done.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AgentReport {
    /// Tokens and money. Defensive: broken is unknown, never an error (D2).
    pub usage: Usage,
    /// How it ended, if the words say more than the exit code: an agent may exit 0 and have done nothing. `None`
    /// leaves the run's own end standing.
    pub end: Option<RunEnd>,
    /// The session it had, for the next attempt of the same agent: its own spelling, which may hold more than an id.
    /// `None` if the next one must begin anew.
    pub session: Option<String>,
}

/// One kind of agent.
pub trait Agent: Send + Sync {
    /// Name in settings and records, for example `command`.
    fn name(&self) -> &str;
    /// Name of the credential its model access is paid with; runs that share it wait together when the vendor does not
    /// serve it. `None` if it brings its own key, which nobody here knows.
    fn credential(&self) -> Option<String> {
        None
    }
    /// Whether it can be started on this host, asked before each run; it costs next to nothing.
    ///
    /// # Errors
    /// In words: what the host lacks, and what to do. It is nobody's retry.
    fn ready(&self) -> Result<(), String> {
        Ok(())
    }
    /// Whether an attempt can go on with the session of the one before, which worked in another clone; asked after
    /// [`Self::ready`].
    fn resumes(&self) -> bool {
        true
    }
    /// What keeps its program from being started, in words with what to do; `None`: nothing, as far as files say. No
    /// program is run. `in_repository` tells whether the base branch has a file.
    fn obstacle(&self, _in_repository: &dyn Fn(&str) -> bool) -> Option<String> {
        None
    }
    /// How to start it for this assignment.
    fn launch(&self, assignment: &Assignment) -> Launch;
    /// What its output and its result file say. `output` is the raw output, one buffered reader over all of it;
    /// `result` is the object in its result file; `resumed` is the session it was launched to go on with
    /// ([`Assignment::resume`]).
    fn report(
        &self,
        end: &RunEnd,
        result: Option<&Value>,
        resumed: Option<&str>,
        output: &mut dyn BufRead,
    ) -> AgentReport;
    /// One line of its output as people read it, with lines behind the first set in; empty for lines that tell them nothing.
    /// Colours and control characters are not its business.
    fn readable(&self, line: &str) -> Option<String> {
        Some(line.to_owned())
    }
}
