//! What can go wrong with a run directory, in words a person can act on.

use std::io;
use std::path::PathBuf;

/// An error of this crate. No variant carries a value of the run's environment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The run id cannot be a directory name.
    #[error(
        "run id {run_id:?} cannot name a run directory: use 1 to 128 letters, digits, '.', '_' or '-', not starting with '.' or '-'"
    )]
    BadRunId {
        /// The id as given.
        run_id: String,
    },
    /// The spec contradicts itself.
    #[error("the spec of run {run_id} is not usable: {problem}")]
    BadSpec {
        /// The run.
        run_id: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A run of this id exists and does something else.
    #[error("run {run_id} already exists in {} with another spec: give the new run an id of its own", path.display())]
    SpecDiffers {
        /// The run.
        run_id: String,
        /// Its directory.
        path: PathBuf,
    },
    /// The directory was written by a newer Orchestrion.
    #[error(
        "{} has version {found}, this program reads versions up to {supported}: handle it with the newer program that wrote it", path.display()
    )]
    UnknownVersion {
        /// The file that names the version.
        path: PathBuf,
        /// The version it names.
        found: u32,
        /// The newest version this program knows.
        supported: u32,
    },
    /// A file of the directory is not what it should be.
    #[error("{} is damaged: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the reader met.
        problem: String,
    },
    /// The operating system refused something.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// A verb, as in "cannot read".
        action: &'static str,
        /// What it was done to.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Waited for a run that nobody launched.
    #[error("the run in {} was never launched: launch it before waiting for it", path.display())]
    NotLaunched {
        /// The run directory.
        path: PathBuf,
    },
    /// The supervisor ended, or said no, before it held the run.
    #[error("the supervisor of {} did not start: {problem}", path.display())]
    SupervisorFailed {
        /// The run directory.
        path: PathBuf,
        /// Its own words, or the end of its log.
        problem: String,
    },
    /// There is no host that does what is asked.
    #[error("the host of runs in {} is of no use: {problem}", path.display())]
    Host {
        /// The host's folder.
        path: PathBuf,
        /// What was met, and what to do.
        problem: String,
    },
    /// The run is alive but its socket gave no usable answer.
    #[error("the supervisor of {} lives but did not answer: {problem}; ask again", path.display())]
    NoAnswer {
        /// The run directory.
        path: PathBuf,
        /// What was met.
        problem: String,
    },
}

impl Error {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>, source: impl Into<io::Error>) -> Self {
        Self::Io { action, path: path.into(), source: source.into() }
    }
}
