//! Whether a credential may push, found out by a branch that is made and removed again.

use std::path::Path;

use super::{Pushed, Remote, Result};
use crate::error::Error;
use crate::forge::{Forge, Origin, begin, commit_id};
use crate::words::{BranchName, CommitId};

/// What a try came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MayPush {
    /// A branch was made, and it is gone again.
    Yes,
    /// It was made, and its removal was refused, in the server's words.
    Stays {
        /// Its name.
        branch: BranchName,
        /// Why.
        why: String,
    },
    /// The server does not take it, in its words.
    No {
        /// Why.
        why: String,
    },
}

impl Remote {
    /// Pushes an empty commit without parents as the branch `scratch` and removes it. `folder` must not exist; a
    /// repository is made there, and left to the caller.
    ///
    /// # Errors
    /// [`RemoteError`](super::RemoteError).
    pub fn may_push(&self, folder: &Path, scratch: &BranchName) -> Result<MayPush> {
        let forge = self.empty_forge(folder, scratch).map_err(|error| self.local(error))?;
        let commit = empty_commit(&forge).map_err(|error| self.local(error))?;
        // What an earlier try left there is of no use to anybody.
        let stands = self.tip(&forge, scratch)?;
        match self.push(&forge, scratch, stands.as_ref(), &commit)? {
            Pushed::Moved | Pushed::Already => {}
            Pushed::Stale { .. } => return Ok(MayPush::No { why: format!("{scratch} was moved by somebody else") }),
            Pushed::Refused { why } => return Ok(MayPush::No { why }),
        }
        Ok(match self.remove(&forge, scratch, &commit)? {
            Pushed::Moved | Pushed::Already => MayPush::Yes,
            Pushed::Stale { .. } => {
                MayPush::Stays { branch: scratch.clone(), why: "it was moved by somebody else".to_owned() }
            }
            Pushed::Refused { why } => MayPush::Stays { branch: scratch.clone(), why },
        })
    }

    /// Where a branch is, asked from an empty repository that is made at `folder`, which must not exist.
    ///
    /// # Errors
    /// [`RemoteError`](super::RemoteError).
    pub fn tip_from_nowhere(&self, folder: &Path, branch: &BranchName) -> Result<Option<CommitId>> {
        let forge = self.empty_forge(folder, branch).map_err(|error| self.local(error))?;
        self.tip(&forge, branch)
    }

    fn empty_forge(&self, folder: &Path, base: &BranchName) -> std::result::Result<Forge, Error> {
        let path = begin(&self.git, folder, "sha1", base)?;
        Ok(Forge::at(&self.git, Origin { source: folder.to_path_buf(), base: base.clone() }, &path))
    }
}

/// The same commit each time, so that it is one object over there however often it is tried.
fn empty_commit(forge: &Forge) -> std::result::Result<CommitId, Error> {
    let tree = forge.call().args(["hash-object", "-t", "tree", "-w", "--stdin"]).input("").text()?;
    let (name, mail, date) = ("Orchestrion", "orch@localhost", "1000000000 +0000");
    let call = forge
        .call()
        .args(["commit-tree", "-m", "A try whether this account may push; it is removed again", &tree])
        .env("GIT_AUTHOR_NAME", name)
        .env("GIT_AUTHOR_EMAIL", mail)
        .env("GIT_AUTHOR_DATE", date)
        .env("GIT_COMMITTER_NAME", name)
        .env("GIT_COMMITTER_EMAIL", mail)
        .env("GIT_COMMITTER_DATE", date);
    commit_id("git commit-tree", &call.text()?)
}
