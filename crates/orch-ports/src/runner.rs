//! Runs: executions of agents and checks that outlive the service. All calls block.

use std::collections::BTreeMap;

use std::io::BufRead;
use std::time::Duration;

use camino::Utf8PathBuf;
use orch_rules::attempt::{ConfinementLevel, RunEnd, Usage};
use orch_rules::ids::Timestamp;
use serde_json::Value;

use crate::agent::{ModelAccess, StopStep};
use crate::error::PortResult;
use crate::hosts::RunKind;

/// Stands in the environment of a run for the folder that is made for it alone, and goes with it. Where it has none, what
/// names it is left out.
pub const SCRATCH: &str = "{orch-scratch}";

/// What makes a run's directory ready before its program starts: run to its end, with everything it started, in the run's
/// confinement and without what the program alone may write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetUp {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The whole environment; nothing is inherited.
    pub environment: BTreeMap<String, String>,
    /// Killed after so long.
    pub deadline_ms: u64,
    /// Files that are afterwards put back as they were before it.
    pub keeps: Option<Keeps>,
    /// A command after all of that, in the place of the run's program; empty if there is none. What it cannot do is its own
    /// matter: it ends with 0 and prints nothing.
    pub then: Vec<String>,
    /// The last line of the log before the program's first one, printed when everything is ready.
    pub done: String,
    /// Begins the line that says why it is not.
    pub failed: String,
}

/// Files of a run's directory that its set-up must not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeps {
    /// Which, see [`orch_rules::path_pattern`]. What the set-up adds to them is removed.
    pub patterns: Vec<String>,
    /// The repository's own state too: its settings, refs and index, and what a home would add to them.
    pub repository: bool,
    /// Where the copy goes: a folder outside of the directory that is made, and that the run may read.
    pub copy: Utf8PathBuf,
}

/// What a run is, with what its kind alone has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ordered {
    /// An agent: it may have a model, finish commands and a result file.
    Agent,
    /// A test command, on a clean checkout.
    Check,
    /// A command of whoever keeps this host, which may change what is outside.
    Hook(HookTerms),
}

impl Ordered {
    /// As rows spell it.
    pub fn kind(&self) -> RunKind {
        match self {
            Self::Agent => RunKind::Agent,
            Self::Check => RunKind::Check,
            Self::Hook(_) => RunKind::Hook,
        }
    }
}

/// What a hook may touch, and what it is given. No other kind of run gets a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookTerms {
    /// Its confinement, and with that its network.
    pub walls: HookWalls,
    /// Secrets by name. Each is a file of its own in the folder that [`SECRETS_VARIABLE`] names; they go with the run.
    pub secrets: Vec<HookSecret>,
}

/// How a hook is kept from the rest of its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookWalls {
    /// Not at all: it has the account of the service, its files and its network.
    Nothing,
    /// As every other run of its host, which reaches the network by its proxy.
    AsRuns,
}

/// A secret that a hook is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookSecret {
    /// Name of its file in the run.
    pub name: String,
    /// Where the host keeps it. Read when the run is launched; the order never holds it.
    pub file: Utf8PathBuf,
}

/// Tells a hook the folder of its secrets.
pub const SECRETS_VARIABLE: &str = "ORCH_SECRETS";

/// One run to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOrder {
    /// Names the run directory; the same name is the same run.
    pub name: String,
    /// What it is.
    pub ordered: Ordered,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Working directory.
    pub directory: Utf8PathBuf,
    /// The path that the run knows its directory by, where its confinement gives it files of its own.
    pub appears: Option<Utf8PathBuf>,
    /// The whole environment; nothing is inherited.
    pub environment: BTreeMap<String, String>,
    /// What comes before it.
    pub set_up: Option<SetUp>,
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
    /// Files and folders the run may read besides the system's programs: the object store its clone borrows from,
    /// its task file, shared caches.
    pub read_only: Vec<Utf8PathBuf>,
    /// Files and folders it may write besides its working directory.
    pub read_write: Vec<Utf8PathBuf>,
    /// The model it may talk to.
    pub model: Option<ModelAccess>,
    /// Signals before the tree is killed; empty is SIGTERM with [`Self::stop_grace_ms`].
    pub stop: Vec<StopStep>,
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
    /// How it was confined; `None` if that is not known.
    pub level: Option<ConfinementLevel>,
    /// The finish command that did not end well, and how; `None` if all did.
    pub unfinished: Option<String>,
    /// What the proxy of the run counted; `None` if the run had no model, or the count is lost.
    pub metered: Option<Metered>,
}

impl RunReport {
    /// A report of which no more is known than this.
    pub fn of(end: RunEnd, result: Option<Result<Value, String>>, exit_code: Option<i32>) -> Self {
        Self { end, result, exit_code, level: None, unfinished: None, metered: None }
    }
}

/// What a run's proxy counted. Exact for a killed run too.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metered {
    /// Tokens and money.
    pub usage: Usage,
    /// Requests to the model that were answered.
    pub requests: u64,
    /// The vendor refuses to serve this credential: until when, if it said so, and its reason in words.
    pub unavailable: Option<(Option<Timestamp>, String)>,
    /// Why the vendor did not serve the last request, in words: it cannot be reached, is overloaded, broke off.
    pub unserved: Option<String>,
    /// The vendor does not offer the model that was asked for last, in words.
    pub unknown_model: Option<String>,
    /// The run's budget is used up, in words.
    pub budget_reached: Option<String>,
}

/// A run as it stands: for people.
#[derive(Debug, Clone, PartialEq)]
pub struct RunState {
    /// How it is confined.
    pub level: ConfinementLevel,
    /// Limits that hold for it, and those its host cannot give, one sentence each.
    pub limits: Vec<String>,
    /// Counted so far.
    pub metered: Option<Metered>,
}

/// The directory of a run that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRun {
    /// Its name.
    pub name: String,
    /// Since its end.
    pub age: Duration,
}

/// Where runs live. An error is trouble with a run's surroundings, never with the run.
pub trait Runner: Send + Sync {
    /// Whether the host has room for another run: enough free disk (X16).
    ///
    /// # Errors
    /// What is short, in words for people. That passes by itself, or when somebody makes room; it is no failure of
    /// the run.
    fn room(&self) -> Result<(), String>;
    /// Whether a run can be let use this credential at all: its key is there and can be read. Asked before each run.
    ///
    /// # Errors
    /// In words: what is wrong with the key, where, and what to do.
    fn can_use(&self, _credential: &str) -> Result<(), String> {
        Ok(())
    }
    /// Launch the run unless it was launched before. Returns when its supervisor holds it.
    fn ensure(&self, order: &RunOrder) -> PortResult<()>;
    /// Was a run of this name ever launched? For looking: an order of a process that ended may still be carried out.
    fn exists(&self, name: &str) -> bool;
    /// The same, when all that was asked for earlier, by whatever process, is done or never will be. Asked before a run's
    /// place is made anew: after `false` nobody else launches in it.
    fn was_launched(&self, name: &str) -> PortResult<bool>;
    /// Wait for the end, without polling.
    fn wait(&self, name: &str) -> PortResult<RunReport>;
    /// Call `tell` once the run is over, and at once if it is: then [`Runner::wait`] has something to say, or an error, and
    /// waits no more. Unlike that it does not block, and no thread waits meanwhile; `tell` must not block either. Where this
    /// runner ends before the run, `tell` is dropped.
    fn when_over(&self, name: &str, tell: Box<dyn FnOnce() + Send>) -> PortResult<()>;
    /// Forget a run that is over and never began because this host was short of something, so that it can be launched
    /// anew under its name. `false`: it was something else, and the run stays.
    fn forget_unstarted(&self, name: &str) -> PortResult<bool>;
    /// Every run that is over and whose directory is kept.
    fn kept_runs(&self) -> PortResult<Vec<KeptRun>> {
        Ok(Vec::new())
    }
    /// Remove the directory of a run that is over, with its log.
    fn remove_run(&self, _name: &str) -> PortResult<()> {
        Ok(())
    }
    /// Ask the run to end; its supervisor makes sure.
    fn stop(&self, name: &str) -> PortResult<()>;
    /// The last `max` bytes of its output, made safe for a terminal and a page.
    fn output_tail(&self, name: &str, max: usize) -> PortResult<String>;
    /// Output from byte `offset` on, at most `max` bytes, and the next offset.
    fn output(&self, name: &str, offset: u64, max: usize) -> PortResult<(String, u64)>;
    /// Output from byte `offset` on as it was printed, at most `max` bytes: for parsing, never for people.
    fn raw_part(&self, name: &str, offset: u64, max: usize) -> PortResult<Vec<u8>>;
    /// Wait, without polling, until there is output beyond byte `offset`, and say so; `false` if the run is over
    /// without more, or `patience` is.
    fn await_output(&self, name: &str, offset: u64, patience: Duration) -> PortResult<bool>;
    /// All of its output, raw, from the start: for parsing, never for people.
    fn raw_output(&self, name: &str) -> PortResult<Box<dyn BufRead + Send>>;
    /// What it asked for on its way out and was not given, each once, in words for people.
    fn refused(&self, _name: &str) -> Vec<String> {
        Vec::new()
    }
    /// How it stands; `None` if nothing is known of it.
    fn state(&self, name: &str) -> Option<RunState>;
}
