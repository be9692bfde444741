//! Trees: what changed between two, and what one would be called without a folder.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha1::Digest as _;

use crate::error::{Error, Result};
use crate::forge::Forge;
use crate::objects::ObjectReader;
use crate::words::RepoPath;

/// What an entry of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// A plain file (100644).
    File,
    /// A file with the executable bit (100755).
    Executable,
    /// A symbolic link (120000).
    Symlink,
    /// A submodule's commit (160000).
    Submodule,
    /// A folder (040000).
    Folder,
}

impl Mode {
    /// Whether it is a file whose content may be read as such.
    #[must_use]
    pub fn is_file(self) -> bool {
        matches!(self, Self::File | Self::Executable)
    }
}

/// How a path changed. A rename is a removal and an addition: it is not guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ChangeStatus {
    /// It was not there.
    Added,
    /// Its content or executable bit differs.
    Modified,
    /// It became another kind of thing: a file became a link.
    TypeChanged,
    /// It is not there any more.
    Deleted,
}

/// One changed path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// From the top of the repository; bytes that are no UTF-8 read as U+FFFD.
    pub path: String,
    /// How it changed.
    pub status: ChangeStatus,
    /// What it was; `None` if added.
    pub old_mode: Option<Mode>,
    /// What it is; `None` if deleted.
    pub new_mode: Option<Mode>,
    /// The id of its new content; `None` if deleted.
    pub new_id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub mode: Mode,
    pub id: String,
    pub raw_mode: Vec<u8>,
    raw_id: Vec<u8>,
}

impl Entry {
    /// Its mode is spelt as git spells it now; older spellings are read alike, and make another tree.
    pub(crate) fn is_usual(&self) -> bool {
        matches!(self.raw_mode.as_slice(), b"100644" | b"100755" | b"120000" | b"160000" | b"40000")
    }
}

/// A tree by name. Git sorts folders as if their name ended in `/`; [`id_of`] restores that.
pub(crate) type Tree = BTreeMap<Vec<u8>, Entry>;

/// More changed paths than any task has; a stop for a history somebody made to be large.
const MOST_CHANGES: usize = 500_000;

/// Reads a tree by its id.
pub(crate) fn read(objects: &mut ObjectReader, id: &str) -> Result<Tree> {
    let object = objects.structure(id, "tree")?;
    parse(&object.bytes, object.id.len() / 2).ok_or_else(|| Error::Unexpected {
        command: "git cat-file --batch-command".to_owned(),
        answer: format!("{id} is not a well-formed tree"),
    })
}

fn parse(mut bytes: &[u8], id_length: usize) -> Option<Tree> {
    let mut tree = Tree::new();
    while !bytes.is_empty() {
        let blank = bytes.iter().position(|byte| *byte == b' ')?;
        let end = bytes.iter().position(|byte| *byte == 0)?;
        let (raw_mode, name) = (bytes.get(..blank)?, bytes.get(blank + 1..end)?);
        let raw_id = bytes.get(end + 1..end + 1 + id_length)?;
        let number = u32::from_str_radix(std::str::from_utf8(raw_mode).ok()?, 8).ok()?;
        let mode = match number & 0o170_000 {
            0o040_000 => Mode::Folder,
            0o120_000 => Mode::Symlink,
            0o160_000 => Mode::Submodule,
            // Old repositories have modes like 100664; git reads them by the owner's executable bit too.
            0o100_000 if number & 0o100 != 0 => Mode::Executable,
            0o100_000 => Mode::File,
            _ => return None,
        };
        let entry = Entry { mode, id: hex(raw_id), raw_mode: raw_mode.to_vec(), raw_id: raw_id.to_vec() };
        tree.insert(name.to_vec(), entry);
        bytes = bytes.get(end + 1 + id_length..)?;
    }
    Some(tree)
}

/// An entry for a folder with the tree `id`.
pub(crate) fn folder(id: &str) -> Entry {
    Entry { mode: Mode::Folder, id: id.to_owned(), raw_mode: b"40000".to_vec(), raw_id: Vec::new() }
}

/// As `git mktree -z` reads it.
pub(crate) fn listed(tree: &Tree) -> Vec<u8> {
    let mut text = Vec::new();
    for (name, entry) in tree {
        text.extend_from_slice(&entry.raw_mode);
        let kind = match entry.mode {
            Mode::Folder => "tree",
            Mode::Submodule => "commit",
            Mode::File | Mode::Executable | Mode::Symlink => "blob",
        };
        text.extend_from_slice(format!(" {kind} {}\t", entry.id).as_bytes());
        text.extend_from_slice(name);
        text.push(0);
    }
    text
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The id git gives to a tree.
fn id_of(tree: &Tree, id_length: usize) -> Vec<u8> {
    let mut entries: Vec<_> = tree.iter().collect();
    entries.sort_by_key(|(name, entry)| {
        let mut key = (*name).clone();
        if entry.mode == Mode::Folder {
            key.push(b'/');
        }
        key
    });
    let mut content = Vec::new();
    for (name, entry) in entries {
        content.extend_from_slice(&entry.raw_mode);
        content.push(b' ');
        content.extend_from_slice(name);
        content.push(0);
        content.extend_from_slice(&entry.raw_id);
    }
    let header = format!("tree {}\0", content.len());
    if id_length == 32 {
        sha2::Sha256::new().chain_update(header).chain_update(content).finalize().to_vec()
    } else {
        sha1::Sha1::new().chain_update(header).chain_update(content).finalize().to_vec()
    }
}

/// The id a tree would have without a folder, and without the folders that would then be empty. Nothing is written.
pub(crate) fn id_without(objects: &mut ObjectReader, root: &str, folder: &RepoPath) -> Result<String> {
    let parts: Vec<&[u8]> = folder.as_str().split('/').map(str::as_bytes).collect();
    let mut above = Vec::new();
    let mut id = root.to_owned();
    for part in &parts {
        let tree = read(objects, &id)?;
        match tree.get(*part) {
            Some(entry) if entry.mode == Mode::Folder => id.clone_from(&entry.id),
            // There is no such folder, so nothing to leave out. A file in its place is code like any other.
            _ => return Ok(root.to_owned()),
        }
        above.push(tree);
    }
    let id_length = root.len() / 2;
    // What takes the place of the folder below; `None`: nothing.
    let mut below: Option<Vec<u8>> = None;
    for (mut tree, part) in above.into_iter().zip(&parts).rev() {
        match below {
            None => {
                tree.remove(*part);
            }
            Some(raw_id) => {
                if let Some(entry) = tree.get_mut(*part) {
                    entry.raw_id = raw_id;
                }
            }
        }
        below = (!tree.is_empty()).then(|| id_of(&tree, id_length));
    }
    Ok(hex(&below.unwrap_or_else(|| id_of(&Tree::new(), id_length))))
}

/// What changed between two trees, sorted by path. Equal parts are not read.
pub(crate) fn changes(objects: &mut ObjectReader, old: &str, new: &str) -> Result<Vec<Change>> {
    let found = differences(objects, old, new)?;
    let mut changes: Vec<Change> = found.into_iter().map(|found| change(&found.path, found.was, found.is)).collect();
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(changes)
}

/// A path at which two trees differ; no folders.
pub(crate) struct Difference {
    /// As git has it.
    pub path: Vec<u8>,
    pub was: Option<Entry>,
    pub is: Option<Entry>,
}

/// Where two trees differ, in no order.
pub(crate) fn differences(objects: &mut ObjectReader, old: &str, new: &str) -> Result<Vec<Difference>> {
    let mut changes = Vec::new();
    // A list instead of recursion: somebody may have nested folders very deep.
    let mut waiting = vec![(Vec::new(), Some(old.to_owned()), Some(new.to_owned()))];
    while let Some((folder, old, new)) = waiting.pop() {
        if old == new {
            continue;
        }
        let mut load = |id: Option<String>| id.map_or_else(|| Ok(Tree::new()), |id| read(objects, &id));
        let (old, mut new) = (load(old)?, load(new)?);
        let old_names = old.into_iter().map(|(name, entry)| {
            let now = new.remove(&name);
            (name, Some(entry), now)
        });
        let mut pairs: Vec<_> = old_names.collect();
        pairs.extend(new.into_iter().map(|(name, entry)| (name, None, Some(entry))));
        for (name, was, is) in pairs {
            if was == is {
                continue;
            }
            let mut path: Vec<u8> = folder.clone();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(&name);
            let (was_folder, was) = split(was);
            let (is_folder, is) = split(is);
            if was_folder.is_some() || is_folder.is_some() {
                waiting.push((path.clone(), was_folder, is_folder));
            }
            if was.is_some() || is.is_some() {
                changes.push(Difference { path, was, is });
            }
            if changes.len() + waiting.len() > MOST_CHANGES {
                return Err(Error::TooLarge { command: "comparing two commits".to_owned(), limit: MOST_CHANGES });
            }
        }
    }
    Ok(changes)
}

/// So few objects are asked for one by one: a process for all of them costs more.
const ONE_BY_ONE: usize = 64;

impl Forge {
    /// Bytes of each new object, by its id.
    pub(crate) fn sizes(&self, objects: &mut ObjectReader, found: &[Difference]) -> Result<HashMap<String, u64>> {
        let new = found.iter().filter_map(|found| found.is.as_ref()).filter(|entry| entry.mode != Mode::Submodule);
        let ids: HashSet<&str> = new.map(|entry| entry.id.as_str()).collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        if ids.len() <= ONE_BY_ONE {
            let mut sizes = HashMap::new();
            for id in ids {
                sizes.extend(objects.info(id)?.map(|object| (id.to_owned(), object.size)));
            }
            return Ok(sizes);
        }
        let lines = ids.iter().flat_map(|id| [*id, "\n"]).collect::<String>();
        let answer = self.call().args(["cat-file", "--batch-check=%(objectname) %(objectsize)"]).input(lines).text()?;
        let sizes = answer.lines().filter_map(|line| line.split_once(' '));
        Ok(sizes.filter_map(|(id, size)| Some((id.to_owned(), size.parse().ok()?))).collect())
    }
}

/// A folder's id, or an entry that is no folder.
fn split(entry: Option<Entry>) -> (Option<String>, Option<Entry>) {
    match entry {
        Some(entry) if entry.mode == Mode::Folder => (Some(entry.id), None),
        other => (None, other),
    }
}

fn change(path: &[u8], was: Option<Entry>, is: Option<Entry>) -> Change {
    let status = match (&was, &is) {
        (None, _) => ChangeStatus::Added,
        (_, None) => ChangeStatus::Deleted,
        (Some(was), Some(is)) if was.mode == is.mode || (was.mode.is_file() && is.mode.is_file()) => {
            ChangeStatus::Modified
        }
        _ => ChangeStatus::TypeChanged,
    };
    Change {
        path: String::from_utf8_lossy(path).into_owned(),
        status,
        old_mode: was.map(|entry| entry.mode),
        new_mode: is.as_ref().map(|entry| entry.mode),
        new_id: is.map(|entry| entry.id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_named_as_git_names_it() {
        // Folders sort as `name/`: `a.b` < `a/` < `a0`.
        let entry = |mode: &str, kind| Entry {
            mode: kind,
            id: String::new(),
            raw_mode: mode.as_bytes().to_vec(),
            raw_id: vec![0; 20],
        };
        let mut tree = Tree::new();
        tree.insert(b"a".to_vec(), entry("40000", Mode::Folder));
        tree.insert(b"a.b".to_vec(), entry("100644", Mode::File));
        tree.insert(b"a0".to_vec(), entry("100644", Mode::File));
        let mut sorted = Vec::new();
        for (mode, name) in [("100644", "a.b"), ("40000", "a"), ("100644", "a0")] {
            sorted.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            sorted.extend_from_slice(&[0; 20]);
        }
        let by_hand =
            sha1::Sha1::new().chain_update(format!("tree {}\0", sorted.len())).chain_update(&sorted).finalize();
        assert_eq!(id_of(&tree, 20), by_hand.to_vec());
        // The empty tree's well-known name.
        assert_eq!(hex(&id_of(&Tree::new(), 20)), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
        assert!(parse(b"100644 a\0short", 20).is_none());
        assert!(parse(b"777 a\0", 20).is_none());
    }
}
