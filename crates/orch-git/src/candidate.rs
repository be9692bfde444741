//! The candidate: the one commit that is tested, staged, landed and deployed.

use crate::error::{Error, Result};
use crate::evidence::tree_of;
use crate::forge::{Forge, commit_id};
use crate::words::{CommitId, Identity, TreeId};

/// Who did something, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Who.
    pub identity: Identity,
    /// Seconds since 1970, not negative; written as UTC.
    pub seconds: u64,
}

/// A candidate to be made.
#[derive(Debug, Clone, Copy)]
pub struct CandidateRequest<'a> {
    /// The base branch's tip: the candidate's first parent.
    pub main: &'a CommitId,
    /// The task's head.
    pub head: &'a CommitId,
    /// The commit message.
    pub message: &'a str,
    /// Who wrote the change.
    pub author: &'a Signature,
    /// Who made the commit.
    pub committer: &'a Signature,
    /// The task's own commits stay, as the second parent; otherwise the candidate is their sum.
    pub keep_commits: bool,
}

/// A commit on top of the base branch's tip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The commit.
    pub commit: CommitId,
    /// Its tree.
    pub tree: TreeId,
    /// Its first parent.
    pub main: CommitId,
}

/// What came of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// A candidate.
    Clean(Candidate),
    /// The task adds nothing to the base branch: it is already in there.
    Empty,
    /// Both sides changed the same lines.
    Conflict {
        /// Where, sorted; bytes that are no UTF-8 read as U+FFFD.
        paths: Vec<String>,
    },
}

impl Forge {
    /// Makes the candidate for a task: the merge of its head into the base branch's tip, as one commit on the tip.
    /// No working copy is needed and no ref is moved; the same request gives the same commit, at any time and on any
    /// machine. Its objects are on the disk when this returns.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown commit.
    pub fn candidate(&self, request: CandidateRequest<'_>) -> Result<Merged> {
        let CandidateRequest { main, head, .. } = request;
        let mut objects = self.objects()?;
        let main_tree = tree_of(&mut objects, main).map_err(|error| match error {
            Error::NotFound { repository, .. } => Error::NotFound { repository, what: main.to_string() },
            other => other,
        })?;
        drop(objects);

        let call = self.call().args([
            "merge-tree",
            "--write-tree",
            "--name-only",
            "--no-messages",
            "-z",
            main.as_str(),
            head.as_str(),
        ]);
        let shown = call.shown();
        let ended = call.run()?;
        let mut parts = ended.output.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let tree = match ended.code {
            Some(0) => parts.next().unwrap_or_default().into_owned(),
            // A conflict names its tree and at least one path; whatever else ends with 1 is a failure.
            Some(1) if parts.next().is_some_and(|tree| TreeId::new(tree).is_ok()) => {
                let mut paths: Vec<String> =
                    parts.filter(|path| !path.is_empty()).map(std::borrow::Cow::into_owned).collect();
                paths.sort();
                paths.dedup();
                if paths.is_empty() {
                    return Err(ended.failed(shown));
                }
                return Ok(Merged::Conflict { paths });
            }
            _ if String::from_utf8_lossy(&ended.stderr).contains("refusing to merge unrelated histories") => {
                return Err(Error::Unrelated { main: main.clone(), head: head.clone() });
            }
            _ => {
                if self.resolve(&format!("{head}^{{commit}}"))?.is_none() {
                    return Err(Error::NotFound { repository: self.path.clone(), what: head.to_string() });
                }
                return Err(ended.failed(shown));
            }
        };
        let tree = TreeId::new(tree.trim().to_owned())
            .map_err(|_| Error::Unexpected { command: shown, answer: format!("{tree:?} is not a tree id") })?;
        if tree.as_str() == main_tree {
            return Ok(Merged::Empty);
        }
        Ok(Merged::Clean(Candidate { commit: self.commit(&tree, request)?, tree, main: main.clone() }))
    }

    fn commit(&self, tree: &TreeId, request: CandidateRequest<'_>) -> Result<CommitId> {
        let mut call = self.call().args(["commit-tree", tree.as_str(), "-p", request.main.as_str()]);
        if request.keep_commits {
            call = call.args(["-p", request.head.as_str()]);
        }
        for (role, by) in [("AUTHOR", request.author), ("COMMITTER", request.committer)] {
            call = call
                .env(format!("GIT_{role}_NAME"), by.identity.name())
                .env(format!("GIT_{role}_EMAIL"), by.identity.email())
                .env(format!("GIT_{role}_DATE"), format!("@{} +0000", by.seconds));
        }
        let mut message = request.message.trim_end().to_owned();
        message.push('\n');
        let call = call.args(["-F", "-"]).input(message);
        let shown = call.shown();
        commit_id(&shown, &call.text()?)
    }
}
