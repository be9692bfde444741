//! Runs: executions of agents and checks that outlive the service. All calls block.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use orch_rules::attempt::RunEnd;
use serde_json::Value;

/// What went wrong with a run's house, not with the run.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct RunnerError(pub String);

/// One run to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOrder {
    /// Names the run directory; the same name is the same run.
    pub name: String,
    /// An agent (has finish commands and a result file) or a check.
    pub check: bool,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Working directory.
    pub directory: Utf8PathBuf,
    /// The whole environment; nothing is inherited.
    pub environment: BTreeMap<String, String>,
    /// File the agent may leave its usage in.
    pub result_file: Option<Utf8PathBuf>,
    /// Run after the agent ended, in the same place and confinement.
    pub finish: Vec<Vec<String>>,
    /// Killed after so long.
    pub deadline_ms: u64,
    /// Killed after so long without output; 0 is never.
    pub stall_ms: u64,
    /// Between asking and killing.
    pub stop_grace_ms: u64,
    /// Output kept.
    pub output_cap_bytes: u64,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct RunReport {
    /// How.
    pub end: RunEnd,
    /// What the agent wrote into its result file: an object, or why it is unusable; `None` if it wrote none.
    pub result: Option<Result<Value, String>>,
    /// Exit code, if the program exited by itself.
    pub exit_code: Option<i32>,
}

/// Where runs live.
pub trait Runner: Send + Sync {
    /// Whether the host has room for another run: enough free disk (X16).
    ///
    /// # Errors
    /// What is short, in words for people. That passes by itself, or when somebody makes room; it is no failure of
    /// the run.
    fn room(&self) -> Result<(), String>;
    /// Launch the run unless it was launched before. Returns when its supervisor holds it.
    fn ensure(&self, order: &RunOrder) -> Result<(), RunnerError>;
    /// Was a run of this name ever launched?
    fn exists(&self, name: &str) -> bool;
    /// Wait for the end, without polling.
    fn wait(&self, name: &str) -> Result<RunReport, RunnerError>;
    /// Ask the run to end; its supervisor makes sure.
    fn stop(&self, name: &str) -> Result<(), RunnerError>;
    /// The last `max` bytes of its output, made safe for a terminal and a page.
    fn output_tail(&self, name: &str, max: usize) -> Result<String, RunnerError>;
    /// Output from byte `offset` on, at most `max` bytes, and the next offset.
    fn output(&self, name: &str, offset: u64, max: usize) -> Result<(String, u64), RunnerError>;
}
