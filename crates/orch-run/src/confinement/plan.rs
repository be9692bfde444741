//! What a spec says about a run's confinement, its companion and its stopping.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Account;
use crate::supervisor::disk::GrowthBound;

/// Stands in arguments and environment of a run for `http://127.0.0.1:PORT`, where it reaches its companion.
pub const MODEL_ADDRESS: &str = "{orch-model-address}";
/// Stands in arguments and environment of a run for [`Companion::key`].
pub const KEY: &str = "{orch-model-key}";

/// Stands in the environment of a run for its [`Plan::scratch`]; what names it is left out where there is none.
pub const SCRATCH: &str = "{orch-scratch}";

/// What a confined run may touch and use. At level 0 only the limits matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Plan {
    /// The account it runs as if the supervisor is root; else it stays the supervisor's.
    pub account: Option<Account>,
    /// Absolute paths it may read besides the system's programs, the toolchains named in its environment and its own
    /// program. What is missing is left out.
    pub read_only: Vec<PathBuf>,
    /// Absolute paths it may write besides its working directory. They are given to [`Self::account`].
    pub read_write: Vec<PathBuf>,
    /// A folder made for this run alone, with its `home` and `tmp`; removed when the run is over. Its parent exists
    /// and can be reached by the account.
    pub scratch: Option<PathBuf>,
    /// Paths of the host that have another one for the run where it has a mount namespace: with all below them, in its
    /// arguments and environment too. So its directory is the same in each run, short, and tells nothing of the host.
    pub appears: BTreeMap<PathBuf, PathBuf>,
    /// Its namespaces are made by the inner step. Else level 3 is made by bubblewrap. No level 2 is without.
    pub namespaces: bool,
    /// Bytes of memory for all its processes together.
    pub memory_bytes: Option<u64>,
    /// Processes and threads at once.
    pub processes: Option<u64>,
    /// Files open at once in one process.
    pub open_files: Option<u64>,
    /// Bytes of the largest file it may write.
    pub file_bytes: Option<u64>,
    /// Bytes by which all its files together may grow.
    pub growth_bytes: Option<u64>,
    /// Files that it may make besides those that were there.
    pub growth_files: Option<u64>,
}

impl Plan {
    pub(crate) fn growth(&self) -> GrowthBound {
        GrowthBound { bytes: self.growth_bytes, files: self.growth_files }
    }

    pub(crate) fn has_limits(&self) -> bool {
        [self.memory_bytes, self.processes, self.open_files, self.file_bytes].iter().any(Option::is_some)
    }
}

/// One step of asking an agent to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopStep {
    /// Signal number, 1 to 64, for the agent's own process and not for its children.
    pub signal: i32,
    /// Milliseconds it has before the next step.
    pub wait_ms: u64,
}

/// A process beside the run and outside its confinement: its only way to the network.
///
/// It is started before the agent, in the run directory, with a pipe as standard input that ends when the run is over.
/// When it can be used it prints one line of JSON: `{"ready":true,"port":N}` (the port of 127.0.0.1 it listens on, if
/// it does not listen on [`Self::socket`]) or `{"ready":false,"problem":"words"}`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Companion {
    /// Program and arguments. No secrets: arguments are public.
    pub argv: Vec<String>,
    /// Its environment; nothing is inherited.
    pub env: BTreeMap<String, String>,
    /// The unix socket it listens on, relative to the run directory; `None` if it listens on TCP.
    pub socket: Option<PathBuf>,
    /// What the run must name to be served: worth nothing outside of the run.
    pub key: String,
}

impl std::fmt::Debug for Companion {
    /// Without the key and the values of the environment.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Companion").field("argv", &self.argv).field("socket", &self.socket).finish_non_exhaustive()
    }
}
