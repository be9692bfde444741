//! The candidate: the one commit that is tested, staged, landed and deployed.

use crate::error::{Error, Result};
use crate::evidence::{near, tree_of};
use crate::forge::Forge;
use crate::standing::DOCUMENTS;
use crate::tree::{self, Mode};
use crate::words::{CommitId, Identity, TreeId};

/// Who did something, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Who.
    pub identity: Identity,
    /// Seconds since 1970, not negative; written as UTC.
    pub seconds: u64,
}

/// Which of the folders in `docs/work-items` are not to be on the base branch, of those it would have.
pub type Leaving<'a> = &'a dyn Fn(&[String]) -> Vec<String>;

/// A candidate to be made.
#[derive(Clone, Copy)]
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
    /// Which work items' documents leave; the commit message says how many.
    pub leaving: Leaving<'a>,
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

/// The message, with a paragraph before its trailers if documents leave.
fn told(message: &str, left: usize) -> String {
    let message = message.trim_end();
    if left == 0 {
        return message.to_owned();
    }
    let said = format!("The documents of {left} work items leave this tree; the history keeps them.");
    match message.rsplit_once("\n\n") {
        Some((words, trailers)) => format!("{words}\n\n{said}\n\n{trailers}"),
        None => format!("{message}\n\n{said}"),
    }
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
        let (main_tree, in_front) = self.trees(main, head)?;
        let tree = match in_front {
            // Nothing landed since: there is nothing to merge.
            Some(tree) => tree,
            None => match self.merge(main, head)? {
                Ok(tree) => tree,
                Err(paths) => return Ok(Merged::Conflict { paths }),
            },
        };
        if tree.as_str() == main_tree {
            return Ok(Merged::Empty);
        }
        let (tree, left) = self.without_old_documents(tree, request.leaving)?;
        if tree.as_str() == main_tree {
            return Ok(Merged::Empty);
        }
        let mut parents = vec![main];
        parents.extend(request.keep_commits.then_some(head));
        let by = (request.author, request.committer);
        let commit = self.commit_tree(&tree, &parents, &told(request.message, left), by)?;
        Ok(Merged::Clean(Candidate { commit, tree, main: main.clone() }))
    }

    /// The tree without the documents that leave, and how many work items' they are.
    fn without_old_documents(&self, whole: TreeId, leaving: Leaving<'_>) -> Result<(TreeId, usize)> {
        let mut objects = self.objects()?;
        // The folder with all that is above it, from the top.
        let mut levels = Vec::new();
        let mut id = whole.as_str().to_owned();
        for part in DOCUMENTS.split('/') {
            let level = tree::read(&mut objects, &id)?;
            match level.get(part.as_bytes()) {
                Some(entry) if entry.mode == Mode::Folder => id.clone_from(&entry.id),
                _ => return Ok((whole, 0)),
            }
            levels.push((level, part));
        }
        let mut documents = tree::read(&mut objects, &id)?;
        drop(objects);
        let folders = documents.iter().filter(|(_, entry)| entry.mode == Mode::Folder);
        let names: Vec<String> = folders.filter_map(|(name, _)| String::from_utf8(name.clone()).ok()).collect();
        let gone = leaving(&names);
        if gone.is_empty() {
            return Ok((whole, 0));
        }
        documents.retain(|name, _| !gone.iter().any(|gone| gone.as_bytes() == name));
        let mut below = documents;
        for (mut level, part) in levels.into_iter().rev() {
            if below.is_empty() {
                level.remove(part.as_bytes());
            } else {
                level.insert(part.as_bytes().to_vec(), tree::folder(&self.write_tree(&below)?));
            }
            below = level;
        }
        Ok((TreeId::new(self.write_tree(&below)?)?, gone.len()))
    }

    fn write_tree(&self, tree: &tree::Tree) -> Result<String> {
        Ok(self.call().args(["mktree", "-z"]).input(tree::listed(tree)).text()?.trim().to_owned())
    }

    /// Makes the reverse of a commit: one on top of it that has all that its first parent has. As the head of a candidate it
    /// takes back what the commit brought, whatever came to main since; moves no ref.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown commit, and for one without a parent.
    pub fn reverse(&self, commit: &CommitId, message: &str, by: &Signature) -> Result<CommitId> {
        let missing = |what: String| Error::NotFound { repository: self.path.clone(), what };
        let before = format!("{commit}^1");
        let before = self.resolve(&format!("{before}^{{commit}}"))?.ok_or_else(|| missing(before))?;
        let tree = TreeId::new(tree_of(&mut self.objects()?, &before)?)?;
        self.commit_tree(&tree, &[commit], message, (by, by))
    }

    /// The tree of main; and that of the head, if it stands on main in one line.
    fn trees(&self, main: &CommitId, head: &CommitId) -> Result<(String, Option<TreeId>)> {
        let mut objects = self.objects()?;
        let main_tree = tree_of(&mut objects, main).map_err(|error| match error {
            Error::NotFound { repository, .. } => Error::NotFound { repository, what: main.to_string() },
            other => other,
        })?;
        let in_front = match near(&mut objects, main, head) {
            Ok(true) => Some(TreeId::new(tree_of(&mut objects, head)?)?),
            Ok(false) | Err(Error::NotFound { .. }) => None,
            Err(other) => return Err(other),
        };
        Ok((main_tree, in_front))
    }

    /// The tree of both together, or the paths of the conflict.
    fn merge(&self, main: &CommitId, head: &CommitId) -> Result<Result<TreeId, Vec<String>>> {
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
                // A file where the other side has a folder is given the name of its side.
                let sides = [main, head].map(|side| format!("~{side}"));
                let plain = |path: std::borrow::Cow<'_, str>| {
                    sides.iter().find_map(|side| path.strip_suffix(side.as_str())).unwrap_or(&path).to_owned()
                };
                let mut paths: Vec<String> = parts.filter(|path| !path.is_empty()).map(plain).collect();
                paths.sort();
                paths.dedup();
                if paths.is_empty() {
                    return Err(ended.failed(shown));
                }
                return Ok(Err(paths));
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
        TreeId::new(tree.trim().to_owned())
            .map(Ok)
            .map_err(|_| Error::Unexpected { command: shown, answer: format!("{tree:?} is not a tree id") })
    }
}
