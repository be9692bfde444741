//! Who runs: the contents of `started.json`. For killing, not for knowing.

use serde::{Deserialize, Serialize};

use crate::process::Identity;

/// `started.json`. Written once before the agent starts (from then on the run never starts again)
/// and once more when the agent's pid is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Started {
    pub(crate) version: u32,
    pub(crate) supervisor: Identity,
    pub(crate) agent: Option<Identity>,
    /// pids and start times mean something only within one boot.
    pub(crate) boot_id: String,
    /// The inode of the pid namespace that pids mean something in; left out by releases that did not record it.
    #[serde(default)]
    pub(crate) pid_namespace: Option<u64>,
    /// The control groups of the run.
    #[serde(default)]
    pub(crate) groups: Vec<std::path::PathBuf>,
    /// Limits that hold, and what this host could not give, one sentence each.
    #[serde(default)]
    pub(crate) limits: Vec<String>,
    /// Milliseconds since 1970.
    pub(crate) at_ms: u64,
    /// The value of [`crate::RUN_MARK_VARIABLE`] in every process of the run.
    pub(crate) mark: String,
}

/// A mark no other run on this machine has: run ids of two orchestrators may be equal, a pid with
/// its start time within a boot is not.
pub(crate) fn mark(run_id: &str, supervisor: Identity, boot_id: &str) -> String {
    format!("{run_id}/{}/{}/{boot_id}", supervisor.pid, supervisor.start_time)
}
