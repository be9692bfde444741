//! Taking an earlier round's verdict off the branch before the next round is asked for.

use crate::candidate::Signature;
use crate::clone::pin_ref;
use crate::error::Result;
use crate::evidence::tree_of;
use crate::forge::{Forge, commit_id};
use crate::tree::{self, Mode};
use crate::words::{CommitId, RepoPath, TaskKey};

/// A commit that takes files off a branch.
#[derive(Debug, Clone, Copy)]
pub struct SetAsideRequest<'a> {
    /// Whose attempt starts there; with `attempt`, the name of the pin that keeps the commit.
    pub task: &'a TaskKey,
    /// Which attempt of the task.
    pub attempt: u64,
    /// Where the attempt would start otherwise.
    pub start: &'a CommitId,
    /// What is taken off; what is not there is passed over.
    pub files: &'a [RepoPath],
    /// The commit message.
    pub message: &'a str,
    /// Author and committer.
    pub by: &'a Signature,
}

impl Forge {
    /// Makes a commit on `start` without these files, so that whatever the next attempt writes there is its own, even
    /// if it is the same to the letter. `None`: none of them is there, and nothing was made. The same request gives
    /// the same commit.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) for an unknown commit.
    pub fn set_aside(&self, request: SetAsideRequest<'_>) -> Result<Option<CommitId>> {
        let SetAsideRequest { task, attempt, start, files, message, by } = request;
        let mut present = Vec::new();
        let mut objects = self.objects()?;
        let root = tree_of(&mut objects, start)?;
        for file in files {
            if has_file(&mut objects, &root, file)? {
                present.push(file);
            }
        }
        drop(objects);
        if present.is_empty() {
            return Ok(None);
        }
        let who = format!("{} <{}> {} +0000", by.identity.name(), by.identity.email(), by.seconds);
        let mut order = format!("commit {}\nmark :1\nauthor {who}\ncommitter {who}\n", pin_ref(task, attempt));
        order.push_str(&format!("data {}\n{message}\nfrom {start}\n", message.len()));
        for file in present {
            order.push_str(&format!("D {}\n", quoted(file.as_str())));
        }
        order.push_str("\nget-mark :1\ndone\n");
        let call = self.call().args(["fast-import", "--quiet", "--force", "--done"]).input(order);
        let shown = call.shown();
        Ok(Some(commit_id(&shown, &call.text()?)?))
    }
}

fn has_file(objects: &mut crate::objects::ObjectReader, root: &str, file: &RepoPath) -> Result<bool> {
    let mut id = root.to_owned();
    let mut mode = Mode::Folder;
    for part in file.as_str().split('/') {
        if mode != Mode::Folder {
            return Ok(false);
        }
        match tree::read(objects, &id)?.remove(part.as_bytes()) {
            Some(entry) => (id, mode) = (entry.id, entry.mode),
            None => return Ok(false),
        }
    }
    Ok(mode != Mode::Folder)
}

/// As git-fast-import(1) reads a path back.
fn quoted(path: &str) -> String {
    let mut text = String::from("\"");
    for c in path.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
    text.push('"');
    text
}
