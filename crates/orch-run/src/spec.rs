//! What to run: the contents of `spec.json`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Companion, Confinement, Error, Plan, RUN_ID_VARIABLE, RUN_MARK_VARIABLE, StopStep};

/// What kind of work a run does. Recorded: who orders it knows what each may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A coding agent.
    Agent,
    /// A gate or test command on a clean checkout.
    Check,
    /// A command of whoever keeps this host, which may change what is outside.
    Hook,
}

/// What a run reads from its standard input.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum StandardInput {
    /// Nothing: `/dev/null`.
    #[default]
    Null,
    /// A person types, at the terminal device of this path: it becomes the controlling terminal of the run's program, and
    /// takes its output too. Commands before and after the program have none of it.
    Terminal(PathBuf),
}

/// A command that is run to its end before the program of the run: with its whole tree dead, so that nothing it started
/// is there when the program begins. It sees the run's directory, and of [`Plan::read_write`] nothing unless it is `whole`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// Program and arguments; [`OWN`] in the first place is this program itself.
    pub argv: Vec<String>,
    /// Its whole environment; nothing is inherited.
    pub env: BTreeMap<String, String>,
    /// It is stopped after this time; never 0.
    pub deadline_ms: u64,
    /// It sees and writes what the program of the run does.
    #[serde(default)]
    pub whole: bool,
}

impl std::fmt::Debug for Before {
    /// Without the values of the environment.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Before").field("argv", &self.argv).finish_non_exhaustive()
    }
}

/// Stands in the first place of [`Before::argv`] for this program, which is there at every level whatever a run can
/// reach: what follows is given to the function that [`crate::confine`] was called with.
pub const OWN: &str = "{orch}";

/// The hidden subcommand that does the same where a run has no inner step.
pub const INSIDE: &str = "inside";

/// A complete description of a run. All times are milliseconds of monotonic time (a suspended
/// machine does not use them up).
///
/// `env` may hold secrets: the file is readable by the owner only, and no error or log of this
/// crate repeats a value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// What it is.
    pub kind: Kind,
    /// Program and arguments; the program is looked up in the `PATH` of `env` unless it has a slash.
    pub argv: Vec<String>,
    /// Absolute working directory.
    pub cwd: PathBuf,
    /// The whole environment. The child gets exactly this and the two variables
    /// [`RUN_ID_VARIABLE`] and [`RUN_MARK_VARIABLE`]; nothing is inherited.
    pub env: BTreeMap<String, String>,
    /// Standard input.
    pub stdin: StandardInput,
    /// The level of confinement.
    #[serde(default)]
    pub confinement: Confinement,
    /// What a confined run may touch and use.
    #[serde(default)]
    pub plan: Plan,
    /// How the agent is asked to end; after the last step its whole tree is killed. Empty: SIGTERM to the whole tree,
    /// with [`Self::stop_grace_ms`].
    #[serde(default)]
    pub stop: Vec<StopStep>,
    /// The process beside the run that is its way to the network.
    #[serde(default)]
    pub companion: Option<Companion>,
    /// The agent is stopped after this time; never 0.
    pub deadline_ms: u64,
    /// The agent is stopped after this time without output; 0 = never.
    pub stall_ms: u64,
    /// Between the polite and the final signal.
    pub stop_grace_ms: u64,
    /// Commands run one after the other before the agent. If one does not exit with 0, the agent is not started and the
    /// run has its end.
    #[serde(default)]
    pub before: Vec<Before>,
    /// Commands run one after the other when the agent has ended and its tree is dead, in the same
    /// directory, environment and confinement; all run even when one fails. None runs when the
    /// agent could not be started.
    pub finish: Vec<Vec<String>>,
    /// Each finish command is stopped after this time; never 0.
    pub finish_deadline_ms: u64,
    /// Where the agent may leave a JSON object, absolute. The *folder* must be one the agent cannot
    /// replace; the file itself is read with suspicion: regular, no symlink, at most 1 MiB.
    pub result_file: Option<PathBuf>,
    /// `output.log` is cut after this many bytes; the run goes on.
    pub output_cap_bytes: u64,
}

impl std::fmt::Debug for Spec {
    /// Without the values of the environment: they may be secrets and debug output ends in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spec")
            .field("kind", &self.kind)
            .field("argv", &self.argv)
            .field("cwd", &self.cwd)
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("confinement", &self.confinement)
            .field("plan", &self.plan)
            .field("stop", &self.stop)
            .field("companion", &self.companion)
            .field("deadline_ms", &self.deadline_ms)
            .field("stall_ms", &self.stall_ms)
            .field("stop_grace_ms", &self.stop_grace_ms)
            .field("before", &self.before)
            .field("finish", &self.finish)
            .field("finish_deadline_ms", &self.finish_deadline_ms)
            .field("result_file", &self.result_file)
            .field("output_cap_bytes", &self.output_cap_bytes)
            .finish_non_exhaustive()
    }
}

/// `spec.json` as it lies on disk.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredSpec {
    pub(crate) version: u32,
    pub(crate) run_id: String,
    #[serde(flatten)]
    pub(crate) spec: Spec,
}

impl Spec {
    /// Refuses at creation what could only fail in the supervisor, where nobody reads the answer.
    pub(crate) fn check(&self, run_id: &str) -> Result<(), Error> {
        let bad = |problem: String| Err(Error::BadSpec { run_id: run_id.to_owned(), problem });
        let before = || self.before.iter().map(|before| &before.argv);
        if self.argv.is_empty() || self.finish.iter().chain(before()).any(Vec::is_empty) {
            return bad("a command is empty; name a program".into());
        }
        let words = self.argv.iter().chain(self.finish.iter().chain(before()).flatten());
        if words.into_iter().any(|word| word.contains('\0')) {
            return bad("a command contains a NUL character; remove it".into());
        }
        if !self.cwd.is_absolute() {
            return bad("the working directory is relative; make it absolute".into());
        }
        if self.result_file.as_ref().is_some_and(|p| !p.is_absolute()) {
            return bad("the result file's path is relative; make it absolute".into());
        }
        let plan = &self.plan;
        if plan.read_only.iter().chain(&plan.read_write).chain(&plan.scratch).any(|path| !path.is_absolute()) {
            return bad("a path of the confinement is relative; make it absolute".into());
        }
        if matches!(&self.stdin, StandardInput::Terminal(path) if !path.is_absolute()) {
            return bad("the path of the terminal is relative; make it absolute".into());
        }
        if self.stop.iter().any(|step| rustix::process::Signal::from_named_raw(step.signal).is_none()) {
            return bad("a stop step names no signal; name one by its number".into());
        }
        if self
            .companion
            .as_ref()
            .is_some_and(|c| c.argv.is_empty() || c.socket.as_ref().is_some_and(|s| s.is_absolute()))
        {
            return bad(
                "the companion has no command, or its socket's path is not relative to the run directory".into()
            );
        }
        if self.deadline_ms == 0 || self.finish_deadline_ms == 0 || self.before.iter().any(|b| b.deadline_ms == 0) {
            return bad("a deadline is 0; every run and every command beside it needs one".into());
        }
        for (name, value) in self.env.iter().chain(self.before.iter().flat_map(|before| &before.env)) {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                return bad(format!("{name:?} is no environment variable"));
            }
            if name == RUN_ID_VARIABLE || name == RUN_MARK_VARIABLE {
                return bad(format!("{name} is set by the supervisor; leave it out of env"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frozen_spellings_of_the_kinds() {
        for (kind, word) in [(Kind::Agent, "agent"), (Kind::Check, "check"), (Kind::Hook, "hook")] {
            assert_eq!(serde_json::to_value(kind).unwrap(), word);
            assert_eq!(serde_json::from_value::<Kind>(word.into()).unwrap(), kind);
        }
    }
}
