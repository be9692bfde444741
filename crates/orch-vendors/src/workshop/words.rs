//! Names and errors of the rules and of git, one in the other's words.

use orch_git::{BranchName, Error, InvalidName, RepoPath, TaskKey};
use orch_ports::workshop::Identity;
use orch_ports::{PortError, PortResult};
use orch_rules::ids::{CommitId, TaskId};
use orch_rules::port_error::ErrorKind;

use super::Bare;

impl Bare {
    /// Which of all repositories.
    pub(crate) fn target(&self) -> String {
        self.repository.origin().source.display().to_string()
    }

    pub(crate) fn theirs(&self, commit: &CommitId) -> PortResult<orch_git::CommitId> {
        orch_git::CommitId::new(commit.as_str()).map_err(self.bad_name(commit.as_str()))
    }

    pub(crate) fn branch(&self, name: &str) -> PortResult<BranchName> {
        BranchName::new(name).map_err(self.bad_name(name))
    }

    pub(crate) fn path(&self, name: &str) -> PortResult<RepoPath> {
        RepoPath::new(name).map_err(self.bad_name(name))
    }

    pub(crate) fn key(&self, task: &TaskId) -> PortResult<TaskKey> {
        TaskKey::new(task.as_str()).map_err(self.bad_name(task.as_str()))
    }

    pub(crate) fn identity(&self, who: &Identity) -> PortResult<orch_git::Identity> {
        orch_git::Identity::new(&who.name, &who.email).map_err(self.bad_name(&who.name))
    }

    /// A commit that is here.
    pub(crate) fn has(&self, commit: &orch_git::CommitId) -> PortResult<()> {
        if self.repository.contains(commit, commit).map_err(self.told())? {
            return Ok(());
        }
        let words = format!("there is no commit {commit} in the workshop");
        Err(PortError::of_object(ErrorKind::Gone, self.port, self.target(), commit.to_string(), words))
    }

    fn bad_name(&self, name: &str) -> impl Fn(InvalidName) -> PortError + '_ {
        let name = name.to_owned();
        move |error| PortError::of_object(ErrorKind::Refused, self.port, self.target(), name.clone(), error.to_string())
    }

    /// What git said, as trouble with what it was asked for.
    pub(crate) fn told(&self) -> impl Fn(Error) -> PortError + '_ {
        |error| PortError::of_object(kind(&error), self.port, self.target(), object(&error), error.to_string())
    }

    /// What git said, as trouble with the repository: what keeps the base branch from being told keeps everybody from
    /// working in it.
    pub(crate) fn unavailable(&self) -> impl Fn(Error) -> PortError + '_ {
        |error| self.told()(error).widened()
    }
}

/// What kind of trouble: what lasts is what git stated, everything else is the machine's.
pub(crate) fn kind(error: &Error) -> ErrorKind {
    match error {
        Error::Unpacked { .. } => ErrorKind::Missing,
        error if error.is_retryable() => ErrorKind::Passing,
        Error::StaleRef { .. } => ErrorKind::Conflict,
        Error::NotFound { .. } | Error::NoBranch { .. } | Error::NoCommit(_) => ErrorKind::Gone,
        _ => ErrorKind::Refused,
    }
}

fn object(error: &Error) -> String {
    match error {
        Error::NotFound { what, .. } => what.clone(),
        Error::StaleRef { name, .. } => name.clone(),
        Error::NoBranch { branch, .. } => branch.clone(),
        Error::NotOnTip { candidate, .. } => candidate.to_string(),
        Error::Unrelated { head, .. } => head.to_string(),
        Error::BaseBranch(branch) => branch.to_string(),
        _ => "a call of git".to_owned(),
    }
}
