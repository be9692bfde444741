//! How a run ended: the contents of `result.json`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Confinement;

/// Why the agent is no longer running. Failure, time-out and stop are different things to the
/// reader of a run (D4), so each is a spelling of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// It ended by itself.
    Exited {
        /// Its exit code, 0 to 255.
        code: i32,
    },
    /// A signal that the supervisor did not send ended it.
    Signalled {
        /// The signal's number.
        signal: i32,
    },
    /// Stopped because its deadline passed.
    Deadline,
    /// Stopped because it had been silent for too long.
    Stalled,
    /// Stopped on request.
    Stopped,
    /// It never ran.
    SpawnFailed {
        /// Why, in words.
        error: String,
    },
}

/// What the agent left in the spec's `result_file`. Written by the agent: a claim, never a fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentResult {
    /// No file, or none was asked for.
    Absent,
    /// There is a file, but no JSON object of at most 1 MiB in it.
    Invalid(
        /// Why.
        String,
    ),
    /// The object.
    Object(
        /// Its members.
        Map<String, Value>,
    ),
}

/// How one finish command ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishResult {
    /// The program's name as in the spec.
    pub argv0: String,
    /// Its exit code; `None` if it did not exit by itself.
    pub code: Option<i32>,
    /// What happened instead of an exit, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The evidence a run leaves behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResult {
    /// The run directory's version.
    pub version: u32,
    /// The run.
    pub run_id: String,
    /// How the agent ended.
    pub end: End,
    /// When the agent was started, milliseconds since 1970.
    pub started_ms: u64,
    /// When the agent's whole tree was dead, milliseconds since 1970; finish commands come after it.
    pub ended_ms: u64,
    /// What the agent said about itself.
    pub agent_result: AgentResult,
    /// Bytes the run wrote, kept or not.
    pub output_bytes: u64,
    /// Whether `output.log` lacks some of them (cap reached, disk full).
    pub output_truncated: bool,
    /// The finish commands that ran, in order.
    pub finish: Vec<FinishResult>,
    /// The level the run was confined to.
    pub confinement: Confinement,
    /// Limits that hold, and what this host could not give of the level, one sentence each.
    #[serde(default)]
    pub limits: Vec<String>,
    /// Processes of the run that outlived SIGKILL (another user's, or stuck in the kernel). Empty
    /// means the supervisor saw its last descendant die.
    #[serde(default)]
    pub survivors: Vec<i32>,
}
