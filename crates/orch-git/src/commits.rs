//! Making commits. A git that writes them down is kept for the next one; what it wrote is read again before it is believed.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{MemfdFlags, memfd_create};

use crate::candidate::Signature;
use crate::error::{Error, Result};
use crate::evidence::tree_of;
use crate::forge::{Forge, commit_id};
use crate::objects::Talk;
use crate::words::{CommitId, TreeId};

impl Forge {
    /// Makes a commit of a tree, and looks whether it is one. It is on the disk when this returns.
    pub(crate) fn commit_tree(
        &self,
        tree: &TreeId,
        parents: &[&CommitId],
        message: &str,
        by: (&Signature, &Signature),
    ) -> Result<CommitId> {
        let text = text(tree, parents, message, by);
        match self.written(&text) {
            Some(made) => Ok(made),
            // By a git of its own, which says why if it cannot be.
            None => self.committed(tree, parents, message, by),
        }
    }

    /// Has a commit written by a git that is kept. `None`: it is not known whether it was.
    fn written(&self, text: &str) -> Option<CommitId> {
        let file = unnamed(text.as_bytes()).ok()?;
        let shown = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        let ask = |talk: &mut Talk| talk.writes(&shown);
        // One that was kept may have been killed meanwhile.
        let kept = self.writers.take().and_then(|mut talk| ask(&mut talk).ok().map(|id| (talk, id)));
        let (talk, id) = match kept {
            Some(done) => done,
            None => {
                let call = self.call().args(["hash-object", "-w", "-t", "commit", "--stdin-paths"]).quick();
                let mut talk = Talk::with(call, &self.git.running).ok()?;
                let id = ask(&mut talk).ok()?;
                (talk, id)
            }
        };
        let made = commit_id("git hash-object", &id).ok()?;
        let found = self.objects().ok()?.structure(made.as_str(), "commit").ok()?;
        if found.bytes != text.as_bytes() {
            return None;
        }
        self.writers.give(talk);
        Some(made)
    }

    fn committed(
        &self,
        tree: &TreeId,
        parents: &[&CommitId],
        message: &str,
        (author, committer): (&Signature, &Signature),
    ) -> Result<CommitId> {
        let mut call = self.call().args(["commit-tree", tree.as_str()]);
        for parent in parents {
            call = call.args(["-p", parent.as_str()]);
        }
        for (role, by) in [("AUTHOR", author), ("COMMITTER", committer)] {
            call = call
                .env(format!("GIT_{role}_NAME"), by.identity.name())
                .env(format!("GIT_{role}_EMAIL"), by.identity.email())
                .env(format!("GIT_{role}_DATE"), format!("@{} +0000", by.seconds));
        }
        let call = call.args(["-F", "-"]).input(ended(message));
        let shown = call.shown();
        let made = commit_id(&shown, &call.text()?)?;
        let found = tree_of(&mut self.objects()?, &made)?;
        if found == tree.as_str() {
            return Ok(made);
        }
        Err(Error::Unexpected { command: shown, answer: format!("{made} has the tree {found}") })
    }
}

fn ended(message: &str) -> String {
    format!("{}\n", message.trim_end())
}

/// A commit as git-commit-tree(1) makes it, byte for byte.
fn text(tree: &TreeId, parents: &[&CommitId], message: &str, (author, committer): (&Signature, &Signature)) -> String {
    let mut text = format!("tree {tree}\n");
    for (nth, parent) in parents.iter().enumerate() {
        if !parents[..nth].contains(parent) {
            text.push_str(&format!("parent {parent}\n"));
        }
    }
    for (role, by) in [("author", author), ("committer", committer)] {
        text.push_str(&format!("{role} {} <{}> {} +0000\n", by.identity.name(), by.identity.email(), by.seconds));
    }
    text + "\n" + &ended(message)
}

/// A file that has no name and is gone when it is closed.
fn unnamed(bytes: &[u8]) -> std::io::Result<OwnedFd> {
    let mut file = File::from(memfd_create("orch-commit", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    Ok(file.into())
}
