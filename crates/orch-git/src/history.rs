//! Questions about branches, commits and files.

use crate::clone::pin_ref;
use crate::error::Result;
use crate::evidence::tree_of;
use crate::forge::{Forge, commit_id};
use crate::tree::{self, Change, Mode};
use crate::words::{BranchName, CommitId, RepoPath, TaskKey};

/// What is at a path of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileAt {
    /// Nothing.
    Absent,
    /// A file.
    File {
        /// Its bytes, as many as were asked for.
        bytes: Vec<u8>,
        /// There are more.
        truncated: bool,
        /// The executable bit.
        executable: bool,
    },
    /// Something that is no file and was not read.
    Other(Mode),
}

impl Forge {
    /// The tip of a branch; `None`: no such branch.
    ///
    /// # Errors
    /// As every call of git.
    pub fn tip(&self, branch: &BranchName) -> Result<Option<CommitId>> {
        self.resolve(&format!("refs/heads/{branch}"))
    }

    /// What [`Forge::collect`] took home for an attempt; `None`: nothing yet.
    ///
    /// # Errors
    /// As every call of git.
    pub fn attempt_head(&self, task: &TaskKey, attempt: u64) -> Result<Option<CommitId>> {
        self.resolve(&format!("refs/orch/attempts/{task}/{attempt}"))
    }

    /// The commit that an attempt's clone started from; `None` if it is not kept any more.
    ///
    /// # Errors
    /// As every call of git.
    pub fn attempt_start(&self, task: &TaskKey, attempt: u64) -> Result<Option<CommitId>> {
        self.resolve(&pin_ref(task, attempt))
    }

    /// The commits of the base branch's first-parent line after `since`, oldest first: what has landed.
    ///
    /// # Errors
    /// [`Error::Failed`](crate::Error::Failed) for an unknown commit.
    pub fn first_parent_since(&self, since: &CommitId) -> Result<Vec<CommitId>> {
        let call =
            self.call().args(["rev-list", "--first-parent", "--reverse"]).arg(format!("{since}..{}", self.base_ref()));
        let shown = call.shown();
        call.text()?.lines().map(|line| commit_id(&shown, line)).collect()
    }

    /// What `to` changes since its merge base with `from`, or since its parent where that is `None`, as a unified diff
    /// for people: the paths that `only` names (all, if none), without the folder `without`. At most `most` bytes, and
    /// whether that is less than everything.
    ///
    /// # Errors
    /// [`Error::Failed`](crate::Error::Failed) with git's words, for example for an unknown commit.
    pub fn diff(
        &self,
        from: Option<&CommitId>,
        to: &CommitId,
        (only, without): (&[RepoPath], Option<&RepoPath>),
        most: usize,
    ) -> Result<(Vec<u8>, bool)> {
        let range = match from {
            Some(from) => format!("{from}...{to}"),
            None => format!("{to}^!"),
        };
        let mut call = self
            .call()
            .args(["diff", "--patch", "--stat", "--no-ext-diff", "--no-textconv", "--no-color", "--find-renames"])
            .args(["--submodule=short", "--src-prefix=a/", "--dst-prefix=b/"])
            .arg(range)
            .arg("--");
        for path in only {
            call = call.arg(format!(":(top,literal){path}"));
        }
        if let Some(without) = without {
            call = call.arg(format!(":(exclude,top,literal){without}"));
        }
        let shown = call.shown();
        let (mut text, mut cut) = (Vec::new(), false);
        let ended = call.stream(|chunk| {
            let room = most.saturating_sub(text.len());
            cut |= chunk.len() > room;
            text.extend_from_slice(&chunk[..chunk.len().min(room)]);
            Ok(())
        })?;
        if ended.code != Some(0) {
            return Err(ended.failed(shown));
        }
        Ok((text, cut))
    }

    /// Reads at most `most` bytes of a file of a commit. One git process; no link is followed, not even in the
    /// folders of the path.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) for an unknown commit.
    pub fn read_file(&self, commit: &CommitId, path: &RepoPath, most: usize) -> Result<FileAt> {
        let mut objects = self.objects()?;
        let mut id = tree_of(&mut objects, commit)?;
        let mut mode = Mode::Folder;
        for part in path.as_str().split('/') {
            if mode != Mode::Folder {
                return Ok(FileAt::Absent);
            }
            let mut tree = tree::read(&mut objects, &id)?;
            let Some(entry) = tree.remove(part.as_bytes()) else {
                return Ok(FileAt::Absent);
            };
            (id, mode) = (entry.id, entry.mode);
        }
        if !mode.is_file() {
            return Ok(FileAt::Other(mode));
        }
        Ok(match objects.read(&id, most)? {
            Some(file) => FileAt::File {
                truncated: file.size > file.bytes.len() as u64,
                bytes: file.bytes,
                executable: mode == Mode::Executable,
            },
            None => FileAt::Absent,
        })
    }

    /// What differs between two commits, by path. One git process.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) for an unknown commit.
    pub fn changed_paths(&self, from: &CommitId, to: &CommitId) -> Result<Vec<Change>> {
        let mut objects = self.objects()?;
        let (from, to) = (tree_of(&mut objects, from)?, tree_of(&mut objects, to)?);
        tree::changes(&mut objects, &from, &to)
    }
}
