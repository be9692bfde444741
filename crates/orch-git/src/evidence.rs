//! What an attempt left behind, read from objects alone.

use std::collections::HashSet;

use crate::error::{Error, Result};
use crate::forge::Forge;
use crate::objects::ObjectReader;
use crate::patch_id;
use crate::tree::{self, Change, Mode};
use crate::weakened::Weakened;
use crate::words::{CodeId, CommitId, PatchId, RepoPath, TreeId};

/// What evidence is wanted about.
#[derive(Debug, Clone, Copy)]
pub struct EvidenceRequest<'a> {
    /// Where the attempt started: what changed since is its work.
    pub start: &'a CommitId,
    /// The tip of the base branch: the patch id names the change from the merge base with it.
    pub main: &'a CommitId,
    /// Where the attempt ended.
    pub head: &'a CommitId,
    /// The task's own documents.
    pub documents: &'a RepoPath,
    /// How much of them is read.
    pub limits: DocumentLimits,
    /// Which paths are tests.
    pub is_test: fn(&str) -> bool,
}

/// How much of the documents is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocumentLimits {
    /// Bytes of one document.
    pub each: usize,
    /// Bytes of all together.
    pub total: usize,
    /// How many are looked at.
    pub count: usize,
}

impl Default for DocumentLimits {
    /// 256 KiB each, 4 MiB together, 200 documents: ten times what people write.
    fn default() -> Self {
        Self { each: 256 << 10, total: 4 << 20, count: 200 }
    }
}

/// What an attempt left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The head's tree.
    pub tree: TreeId,
    /// Names the head's code without the task's documents.
    pub code_id: CodeId,
    /// Names the task's whole change, without its documents.
    pub patch_id: PatchId,
    /// What the task's whole change touches, without its documents.
    pub patch_paths: Vec<String>,
    /// Those of them that are, or were, a symbolic link or a submodule.
    pub patch_links: Vec<String>,
    /// Those of them that are gone or have fewer lines than before.
    pub patch_shrunk: Vec<String>,
    /// What differs between start and head, by path, documents included.
    pub changed: Vec<Change>,
    /// How many commits the head has that the start has not.
    pub commits: u32,
    /// The documents this attempt added or changed, by path.
    pub documents: Vec<Document>,
    /// Tests outside the documents that this attempt deleted or took lines from, by path.
    pub weakened: Vec<Weakened>,
}

/// A document of the task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// From the top of the repository.
    pub path: String,
    /// Its content, or why it was not read.
    pub content: DocumentContent,
}

/// The content of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentContent {
    /// It was read.
    Read {
        /// Its bytes, as many as the limits allow.
        bytes: Vec<u8>,
        /// There are more.
        truncated: bool,
    },
    /// It was not read.
    Refused(Refusal),
}

/// Why a document was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is a symbolic link: what it names is not the attempt's writing.
    Symlink,
    /// It is a submodule.
    Submodule,
    /// There are more documents, or more bytes together, than the limits allow.
    TooMany,
}

/// Commits are counted in the running conversation up to here, beyond it by a process of its own.
const WALK: usize = 500;
/// So few of them cost less than a process.
const NEAR: usize = 50;

impl Forge {
    /// Reads what an attempt left behind: one git process for an attempt whose commits are a line,
    /// one more if it changed a test that was there before.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown commit.
    pub fn evidence(&self, request: EvidenceRequest<'_>) -> Result<Evidence> {
        let mut objects = self.objects()?;
        let start_tree = tree_of(&mut objects, request.start)?;
        let head_tree = tree_of(&mut objects, request.head)?;
        let changed = tree::changes(&mut objects, &start_tree, &head_tree)?;
        let documents = documents(&mut objects, &changed, request.documents, request.limits)?;
        let code_id = code_id(&mut objects, &head_tree, request.documents)?;
        let walked = walk(&mut objects, request.start, request.head)?;
        // A head that stands on main in one line is compared with main itself.
        let on_main = near(&mut objects, request.main, request.head)?;
        let unchanged = on_main && {
            let main_tree = tree_of(&mut objects, request.main)?;
            self::code_id(&mut objects, &main_tree, request.documents)? == code_id
        };
        drop(objects);
        let commits = match walked {
            Some(commits) => commits,
            None => self.count(request.start, request.head)?,
        };
        let patch = || self.patch(request.main, request.head, request.documents);
        let patch = match on_main {
            _ if unchanged => patch_id::nothing()?,
            true => self.patches.of((request.main, &code_id, request.documents), patch)?,
            false => patch()?,
        };
        let is_test = |path: &str| (request.is_test)(path) && !request.documents.contains(path);
        let weakened = self.weakened((request.main, request.start, request.head), &changed, is_test)?;
        let tree = TreeId::new(head_tree)?;
        Ok(Evidence {
            tree,
            code_id,
            patch_id: patch.id,
            patch_paths: patch.paths,
            patch_links: patch.links,
            patch_shrunk: patch.shrunk,
            changed,
            commits,
            documents,
            weakened,
        })
    }

    /// Names the code of a commit without the task's documents.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown commit.
    pub fn code_id(&self, commit: &CommitId, documents: &RepoPath) -> Result<CodeId> {
        let mut objects = self.objects()?;
        let tree = tree_of(&mut objects, commit)?;
        code_id(&mut objects, &tree, documents)
    }

    fn count(&self, start: &CommitId, head: &CommitId) -> Result<u32> {
        let call = self.call().args(["rev-list", "--count"]).arg(format!("{start}..{head}"));
        let shown = call.shown();
        let answer = call.text()?;
        answer.parse().map_err(|_| Error::Unexpected { command: shown, answer })
    }
}

fn code_id(objects: &mut ObjectReader, tree: &str, documents: &RepoPath) -> Result<CodeId> {
    Ok(CodeId::new(tree::id_without(objects, tree, documents)?)?)
}

pub(crate) fn tree_of(objects: &mut ObjectReader, commit: &CommitId) -> Result<String> {
    Ok(objects.structure(&format!("{commit}^{{tree}}"), "tree")?.id)
}

/// How many commits `head` has that `start` has not, as long as they are a short line ending at `start`.
pub(crate) fn walk(objects: &mut ObjectReader, start: &CommitId, head: &CommitId) -> Result<Option<u32>> {
    line(objects, start, head, WALK)
}

/// Whether `head` stands on `start` in a line of a few commits. `false` says nothing.
pub(crate) fn near(objects: &mut ObjectReader, start: &CommitId, head: &CommitId) -> Result<bool> {
    Ok(line(objects, start, head, NEAR)?.is_some())
}

fn line(objects: &mut ObjectReader, start: &CommitId, head: &CommitId, most: usize) -> Result<Option<u32>> {
    let mut at = head.to_string();
    let mut seen = 0;
    while at != start.as_str() {
        let commit = objects.structure(&at, "commit")?;
        let mut parents = commit
            .bytes
            .split(|byte| *byte == b'\n')
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.strip_prefix(b"parent "));
        let (Some(parent), None) = (parents.next(), parents.next()) else {
            return Ok(None);
        };
        at = String::from_utf8_lossy(parent).into_owned();
        seen += 1;
        if seen as usize > most {
            return Ok(None);
        }
    }
    Ok(Some(seen))
}

fn documents(
    objects: &mut ObjectReader,
    changed: &[Change],
    folder: &RepoPath,
    limits: DocumentLimits,
) -> Result<Vec<Document>> {
    let mut left = limits.total;
    let mut documents = Vec::new();
    // Two names that differ only in bytes that are no UTF-8 read alike; the first one stands.
    let mut names = HashSet::new();
    for change in changed.iter().filter(|change| folder.contains(&change.path)) {
        let (Some(mode), Some(id)) = (change.new_mode, &change.new_id) else {
            continue;
        };
        if !names.insert(change.path.as_str()) {
            continue;
        }
        let refused = |refusal| DocumentContent::Refused(refusal);
        let content = match mode {
            Mode::Symlink => refused(Refusal::Symlink),
            // A folder is no change of its own; the arm keeps the match closed.
            Mode::Submodule | Mode::Folder => refused(Refusal::Submodule),
            Mode::File | Mode::Executable if documents.len() >= limits.count || left == 0 => refused(Refusal::TooMany),
            Mode::File | Mode::Executable => {
                let object = objects.read(id, limits.each.min(left))?.ok_or_else(|| Error::Unexpected {
                    command: "git cat-file --batch-command".to_owned(),
                    answer: format!("the content of {} is missing", change.path),
                })?;
                left -= object.bytes.len();
                DocumentContent::Read { truncated: object.size > object.bytes.len() as u64, bytes: object.bytes }
            }
        };
        if documents.len() >= limits.count.saturating_mul(2) {
            // Enough refusals to see what is going on.
            break;
        }
        documents.push(Document { path: change.path.clone(), content });
    }
    Ok(documents)
}
