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
    /// Stopped because its files had become too much together.
    Overgrown {
        /// What was too much, in words.
        reason: String,
    },
    /// It never ran.
    SpawnFailed {
        /// Why, in words.
        error: String,
    },
}

/// The system's answers that say what a machine is short of now, and nothing about the program: 4 interrupted, 5 device
/// error, 11 no process, 12 no memory, 23 and 24 no descriptors, 26 program being written, 28 disk full, 30 read-only, 122
/// quota.
const SHORT: [&str; 10] = ["4", "5", "11", "12", "23", "24", "26", "28", "30", "122"];
/// The same in the words of programs that were started for the run.
const SHORT_WORDS: [&str; 8] = [
    "Resource temporarily unavailable",
    "Cannot allocate memory",
    "Too many open files",
    "No space left on device",
    "Input/output error",
    "Read-only file system",
    "was not ready within",
    // A proxy that refuses says why.
    "it ended without a word",
];

impl End {
    /// The run never began, and the reason is what this host was short of at that moment: it may be started again.
    #[must_use]
    pub fn is_host_short(&self) -> bool {
        let Self::SpawnFailed { error } = self else { return false };
        let numbers = error.split("(os error ").skip(1).filter_map(|rest| rest.split_once(')'));
        numbers.into_iter().any(|(number, _)| SHORT.contains(&number))
            || SHORT_WORDS.iter().any(|words| error.contains(words))
    }
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
    /// Bytes that were free where the run worked and where it is recorded, whichever had less, when its tree was dead: a
    /// failure on a full disk is not the program's. `None` if that could not be told.
    #[serde(default)]
    pub free_bytes: Option<u64>,
    /// Its companion ended before the run did, so from then on it had no network: what failed need not be the program's
    /// fault.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub companion_died: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_is_short_of_is_told_from_what_is_wrong_with_the_program() {
        let short = |error: &str| End::SpawnFailed { error: error.to_owned() }.is_host_short();
        for number in [4, 5, 11, 12, 23, 24, 28, 30, 122] {
            let error = std::io::Error::from_raw_os_error(number);
            assert!(short(&format!("cannot start \"agent\": {error}; is it installed?")), "{error}");
        }
        assert!(short("its confinement could not be set up: bwrap: Can't mkdir /run: No space left on device"));
        assert!(short("its confinement was not ready within 60 s"));
        assert!(short("the run's proxy cannot be used: it ended without a word; supervisor.log may have some"));
        assert!(!short("the run's proxy cannot be used: proxy.json has no key"));
        for number in [2, 8, 13, 20] {
            assert!(!short(&format!("cannot start: {}", std::io::Error::from_raw_os_error(number))), "{number}");
        }
        assert!(!short("cannot start \"x\": its working directory /w is not there"));
        assert!(!End::Exited { code: 11 }.is_host_short());
    }
}
