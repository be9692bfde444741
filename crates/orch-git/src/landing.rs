//! Moving branches: landing on the base branch, publishing and removing task branches.

use crate::error::{Error, Result};
use crate::evidence::near;
use crate::forge::Forge;
use crate::words::{BranchName, CommitId, TaskKey};

/// What [`Forge::land`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landing {
    /// The base branch moved to the candidate.
    Moved,
    /// The candidate was on the base branch already: the same landing was asked for before.
    Already,
}

/// What [`Forge::publish_branch`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// The branch moved, or was made.
    Moved,
    /// It was there already.
    Already,
}

impl Forge {
    /// Moves the base branch from `expected_old` to `candidate`, if it is still at `expected_old`. Both the commit
    /// and the move are on the disk when this returns. Asking again after a crash is safe.
    ///
    /// # Errors
    /// [`Error::StaleRef`] if the base branch moved; [`Error::NotOnTip`] if the candidate's first parent is not
    /// `expected_old`; [`Error::NotFound`] for an unknown candidate. Nothing is changed then.
    pub fn land(&self, expected_old: &CommitId, candidate: &CommitId) -> Result<Landing> {
        self.stands_on(candidate, expected_old)?;
        match self.move_ref_for_good(&self.base_ref(), candidate, Some(Some(expected_old))) {
            Ok(()) => Ok(Landing::Moved),
            Err(stale @ Error::StaleRef { .. }) => {
                if self.is_landed(candidate)? {
                    Ok(Landing::Already)
                } else {
                    Err(stale)
                }
            }
            Err(other) => Err(other),
        }
    }

    /// Whether a candidate was made for a tip of the base branch.
    ///
    /// # Errors
    /// [`Error::NotOnTip`] if its first parent is another commit; [`Error::NotFound`] for an unknown candidate.
    pub fn stands_on(&self, candidate: &CommitId, expected_old: &CommitId) -> Result<()> {
        let parent = self.resolve(&format!("{candidate}^1"))?;
        if parent.as_ref() != Some(expected_old) {
            if parent.is_none() && self.resolve(&format!("{candidate}^{{commit}}"))?.is_none() {
                return Err(Error::NotFound { repository: self.path.clone(), what: candidate.to_string() });
            }
            return Err(Error::NotOnTip {
                candidate: candidate.clone(),
                expected: expected_old.clone(),
                found: parent,
            });
        }
        Ok(())
    }

    /// Whether the base branch contains a commit.
    ///
    /// # Errors
    /// As every call of git.
    pub fn is_landed(&self, commit: &CommitId) -> Result<bool> {
        self.is_ancestor(commit, &self.base_ref())
    }

    /// Whether a commit is, or contains, another.
    ///
    /// # Errors
    /// As every call of git.
    pub fn contains(&self, commit: &CommitId, other: &CommitId) -> Result<bool> {
        self.is_ancestor(other, commit.as_str())
    }

    /// Asked for a number, not by an exit code: a git that fails must not read as *no*.
    fn is_ancestor(&self, commit: &CommitId, of: &str) -> Result<bool> {
        // Mostly it is among the last few, and the reader is there already.
        if let Some(tip) = self.resolve(of)?
            && let mut objects = self.objects()?
            && matches!(near(&mut objects, commit, &tip), Ok(true))
            // What does not exist contains nothing, not even itself.
            && objects.info(commit.as_str())?.is_some()
        {
            return Ok(true);
        }
        let call = self.call().args(["rev-list", "--count", "--max-count=1", commit.as_str(), &format!("^{of}"), "--"]);
        let shown = call.shown();
        let ended = call.run()?;
        match (ended.code, String::from_utf8_lossy(&ended.output).trim()) {
            (Some(0), "0") => Ok(true),
            (Some(0), "1") => self.is_merge_base(commit, of),
            (Some(0), answer) => Err(Error::Unexpected { command: shown, answer: answer.to_owned() }),
            // An unknown commit is nowhere: a candidate that was never made, or pruned.
            (Some(128), _) if self.resolve(&format!("{commit}^{{commit}}"))?.is_none() => Ok(false),
            _ => Err(ended.failed(shown)),
        }
    }

    /// A count trusts the dates of commits: after some that a slow clock made it finds what they stand on not contained.
    /// The merge base trusts none.
    fn is_merge_base(&self, commit: &CommitId, of: &str) -> Result<bool> {
        let call = self.call().args(["merge-base", "--all", commit.as_str(), of]);
        let shown = call.shown();
        let ended = call.run()?;
        match ended.code {
            Some(0) => Ok(String::from_utf8_lossy(&ended.output).lines().any(|base| base == commit.as_str())),
            // Without a common history there is none, and nothing to be said about it.
            Some(1) if ended.is_silent() => Ok(false),
            _ => Err(ended.failed(shown)),
        }
    }

    /// Moves a task's branch from `expected_old` (`None`: it must not exist) to `commit`. Asking again is safe.
    ///
    /// # Errors
    /// [`Error::BaseBranch`]; [`Error::StaleRef`] if somebody else moved it; [`Error::NotFound`] for an unknown commit.
    pub fn publish_branch(
        &self,
        branch: &BranchName,
        commit: &CommitId,
        expected_old: Option<&CommitId>,
    ) -> Result<Published> {
        let name = self.task_ref(branch)?;
        match self.move_ref_for_good(&name, commit, Some(expected_old)) {
            Ok(()) => Ok(Published::Moved),
            Err(Error::StaleRef { found: Some(found), .. }) if found == *commit => Ok(Published::Already),
            Err(other) => Err(other),
        }
    }

    /// Removes a task's branch, if it is where `expected` says (`None`: wherever it is). One that is not there is
    /// fine.
    ///
    /// # Errors
    /// [`Error::BaseBranch`]; [`Error::StaleRef`].
    pub fn delete_branch(&self, branch: &BranchName, expected: Option<&CommitId>) -> Result<()> {
        self.remove_ref(&self.task_ref(branch)?, expected)
    }

    /// Keeps a task's last head as `refs/orch/archive/<task>`, so that its documents outlive its branch.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown commit.
    pub fn archive_documents(&self, task: &TaskKey, head: &CommitId) -> Result<()> {
        self.move_ref_for_good(&format!("refs/orch/archive/{task}"), head, None)
    }

    /// The ref of a branch that is not the base branch. On a file system that takes `Main` for `main`, neither are
    /// its other spellings.
    fn task_ref(&self, branch: &BranchName) -> Result<String> {
        if branch.as_str().eq_ignore_ascii_case(self.origin.base.as_str()) {
            return Err(Error::BaseBranch(branch.clone()));
        }
        Ok(format!("refs/heads/{branch}"))
    }
}
