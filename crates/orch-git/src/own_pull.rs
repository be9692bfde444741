//! Bringing landed work into the user's own repository, as they would by hand: to the base branch, wherever it is
//! checked out, and never over their own commits.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::own_commit::OwnRepository;
use crate::words::{BranchName, CommitId};

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Brought {
    /// The branch has everything already.
    Nothing,
    /// The branch is at this commit now.
    Moved {
        /// Where it was.
        from: CommitId,
        /// Where it is.
        to: CommitId,
        /// Both sides had commits, and a merge has both.
        merged: bool,
        /// The working tree that has it checked out, if one does.
        checked_out: Option<PathBuf>,
    },
    /// Each side has commits that the other lacks; nothing was changed.
    Apart {
        /// The user's.
        mine: CommitId,
        /// The forge's.
        landed: CommitId,
    },
}

impl OwnRepository<'_> {
    /// Brings `base` of the forge at `forge` to the branch of the same name here. `both`: merges where each side has
    /// commits of its own, in the working tree that has the branch checked out.
    ///
    /// # Errors
    /// [`Error::Failed`] with git's words, for example of a working tree with changes in the way, or of a conflict,
    /// which is left there to be resolved; [`Error::NoBranch`].
    pub fn bring_home(&self, forge: &Path, base: &BranchName, both: bool) -> Result<Brought> {
        let forge = forge.to_string_lossy();
        let (landed_ref, mine_ref) = (format!("refs/remotes/orch/{base}"), format!("refs/heads/{base}"));
        let fetched = format!("+{mine_ref}:{landed_ref}");
        self.succeed(&["fetch", "--quiet", "--no-tags", "--", &forge, &fetched])?;
        let landed = self.commit_of(&landed_ref)?;
        let mine = self.commit_of(&mine_ref)?;
        let is_in = |one: &CommitId, of: &CommitId| -> Result<bool> {
            Ok(self.run(&["merge-base", "--is-ancestor", one.as_str(), of.as_str()])?.status.success())
        };
        if is_in(&landed, &mine)? {
            return Ok(Brought::Nothing);
        }
        let forward = is_in(&mine, &landed)?;
        if !forward && !both {
            return Ok(Brought::Apart { mine, landed });
        }
        let checked_out = self.checked_out(&mine_ref)?;
        let at = match &checked_out {
            Some(folder) => folder.as_path(),
            None if forward => {
                self.succeed(&["update-ref", "-m", "orch pull", &mine_ref, landed.as_str(), mine.as_str()])?;
                return Ok(Brought::Moved { from: mine, to: landed, merged: false, checked_out });
            }
            None => {
                let stderr =
                    format!("{base} is checked out nowhere, and a merge needs a working tree: git switch {base}");
                return Err(Error::Failed { command: "git merge".to_owned(), code: None, stderr });
            }
        };
        let there = OwnRepository { git: self.git, top: at };
        let how = if forward { "--ff-only" } else { "--no-edit" };
        there.succeed(&["merge", "--quiet", how, &landed_ref])?;
        let to = self.commit_of(&mine_ref)?;
        Ok(Brought::Moved { from: mine, to, merged: !forward, checked_out })
    }

    /// Pushes `base` to the remote and branch that it follows, else to `origin` under its own name; says where that is.
    ///
    /// # Errors
    /// [`Error::Failed`] with git's words.
    pub fn push_on(&self, base: &BranchName) -> Result<String> {
        let set = |key: &str| -> Result<Option<String>> {
            let ended = self.run(&["config", "--get", &format!("branch.{base}.{key}")])?;
            let value = String::from_utf8_lossy(&ended.stdout).trim().to_owned();
            Ok((ended.status.success() && !value.is_empty()).then_some(value))
        };
        // `.` is another branch of this very repository.
        let remote = set("remote")?.filter(|remote| remote != ".").unwrap_or_else(|| "origin".to_owned());
        let branch = set("merge")?.unwrap_or_else(|| format!("refs/heads/{base}"));
        self.succeed(&["push", "--quiet", "--", &remote, &format!("refs/heads/{base}:{branch}")])?;
        Ok(format!("{remote} {}", branch.strip_prefix("refs/heads/").unwrap_or(&branch)))
    }

    fn commit_of(&self, name: &str) -> Result<CommitId> {
        let ended = self.run(&["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")])?;
        let id = String::from_utf8_lossy(&ended.stdout).trim().to_owned();
        CommitId::new(id).map_err(|_| Error::NoBranch {
            repository: self.top.to_path_buf(),
            branch: name.rsplit_once("heads/").map_or(name, |(_, branch)| branch).to_owned(),
            existing: Vec::new(),
        })
    }

    /// The working tree that has `branch` checked out; `None` if none does.
    ///
    /// # Errors
    /// [`Error::Failed`] with git's words.
    pub fn checked_out_at(&self, branch: &BranchName) -> Result<Option<PathBuf>> {
        self.checked_out(&format!("refs/heads/{branch}"))
    }

    fn checked_out(&self, branch: &str) -> Result<Option<PathBuf>> {
        let ended = self.succeed(&["worktree", "list", "--porcelain", "-z"])?;
        let mut folder = None;
        for line in ended.split('\0') {
            if let Some(path) = line.strip_prefix("worktree ") {
                folder = Some(PathBuf::from(path));
            }
            if line.strip_prefix("branch ") == Some(branch) {
                return Ok(folder);
            }
        }
        Ok(None)
    }

    /// Runs git and gives what it printed.
    fn succeed(&self, arguments: &[&str]) -> Result<String> {
        let ended = self.run(arguments)?;
        if ended.status.success() {
            return Ok(String::from_utf8_lossy(&ended.stdout).into_owned());
        }
        let words = [&ended.stdout[..], &ended.stderr[..]].concat();
        Err(Error::Failed {
            command: format!("git {}", arguments.join(" ")),
            code: ended.status.code(),
            stderr: String::from_utf8_lossy(&words).trim().to_owned(),
        })
    }
}
