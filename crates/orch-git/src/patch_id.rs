//! A name for a change that survives a move of the base.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use sha2::Digest as _;

use crate::error::{Error, Result};
use crate::forge::Forge;
use crate::tree::hex;
use crate::words::{CodeId, CommitId, PatchId, RepoPath};

/// Everything about the diff is said here, so that no setting can change a name that is stored.
pub(crate) const DIFF: &[&str] = &[
    "diff",
    "--patch",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--no-renames",
    "--full-index",
    "--unified=3",
    "--inter-hunk-context=0",
    "--diff-algorithm=myers",
    "--indent-heuristic",
    "--submodule=short",
    "--ignore-submodules=none",
    "--src-prefix=a/",
    "--dst-prefix=b/",
];

/// A change.
#[derive(Debug, Clone)]
pub(crate) struct Patch {
    /// Its name.
    pub id: PatchId,
    /// The paths it touches, in the order of the diff.
    pub paths: Vec<String>,
    /// Those of them that are or were links or submodules.
    pub links: Vec<String>,
    /// Those of them that are gone or have fewer lines than before; one that is no text may have.
    pub shrunk: Vec<String>,
}

/// So many changes are kept.
const MOST_KEPT: usize = 64;
/// A change of more paths is not kept.
const MOST_PATHS: usize = 1_000;

/// What was found out of the newest changes. Of the same code on the same base the change is the same: a review and its
/// test report bring documents alone.
#[derive(Debug, Default)]
pub(crate) struct Patches(Mutex<VecDeque<(Key, Patch)>>);

/// Base, code and the folder that is left out.
type Key = (CommitId, CodeId, RepoPath);

impl Patches {
    /// The change of that code on that base, without that folder.
    pub(crate) fn of(
        &self,
        (base, code, without): (&CommitId, &CodeId, &RepoPath),
        find: impl FnOnce() -> Result<Patch>,
    ) -> Result<Patch> {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |key: &Key| key.0 == *base && key.1 == *code && key.2 == *without;
        if let Some((_, patch)) = kept().iter().find(|(key, _)| same(key)) {
            return Ok(patch.clone());
        }
        let found = find()?;
        // Code that differs from its base without a path that does is no answer to go on with.
        if !found.paths.is_empty() && found.paths.len() <= MOST_PATHS {
            let mut kept = kept();
            kept.truncate(MOST_KEPT - 1);
            kept.push_front(((base.clone(), code.clone(), without.clone()), found.clone()));
        }
        Ok(found)
    }
}

/// The patch that changes nothing.
pub(crate) fn nothing() -> Result<Patch> {
    let (name, patch) = CanonicalPatch::new().finish();
    Ok(patch.named(PatchId::new(name)?))
}

impl Forge {
    /// Names the change from the merge base of `main` and `head` to `head`, leaving out one folder. Two git
    /// processes cannot give what one gives here: `git patch-id` drops all white space, and the rest of a line after a
    /// NUL.
    ///
    /// # Errors
    /// [`Error::Failed`] if the two have no common history.
    pub fn patch_id(&self, main: &CommitId, head: &CommitId, without: &RepoPath) -> Result<PatchId> {
        Ok(self.patch(main, head, without)?.id)
    }

    pub(crate) fn patch(&self, main: &CommitId, head: &CommitId, without: &RepoPath) -> Result<Patch> {
        let call = self
            .call()
            .args(DIFF)
            .arg(format!("{main}...{head}"))
            .args(["--", "."])
            .arg(format!(":(top,exclude,literal){without}"));
        let shown = call.shown();
        let (mut lines, mut patch) = (Lines::default(), CanonicalPatch::new());
        let ended = call.stream(|chunk| {
            lines.take(chunk, &mut |line| patch.take(line));
            Ok(())
        })?;
        lines.end(&mut |line| patch.take(line));
        if ended.code != Some(0) {
            return Err(ended.failed(shown));
        }
        if patch.odd {
            return Err(Error::Unexpected { command: shown, answer: "it does not begin as a patch does".to_owned() });
        }
        let (name, patch) = patch.finish();
        let id = PatchId::new(name.clone()).map_err(|_| Error::Unexpected { command: shown, answer: name })?;
        Ok(patch.named(id))
    }
}

/// Whole lines out of the pieces of a stream.
#[derive(Default)]
pub(crate) struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    pub(crate) fn take(&mut self, mut chunk: &[u8], line: &mut impl FnMut(&[u8])) {
        while let Some(end) = chunk.iter().position(|byte| *byte == b'\n') {
            self.begun.extend_from_slice(&chunk[..=end]);
            chunk = &chunk[end + 1..];
            line(&self.begun);
            self.begun.clear();
        }
        self.begun.extend_from_slice(chunk);
    }

    /// What follows the last line break, if anything.
    pub(crate) fn end(&mut self, line: &mut impl FnMut(&[u8])) {
        if !self.begun.is_empty() {
            line(&self.begun);
            self.begun.clear();
        }
    }
}

/// The path in the line that opens a file's part of a diff; `None` for every other line. Without renames it stands
/// there twice, as `a/PATH b/PATH`, so its length is known, whatever blanks are in it.
pub(crate) fn header_path(line: &[u8]) -> Option<String> {
    let both = line.strip_prefix(b"diff --git ")?;
    let both = both.strip_suffix(b"\n").unwrap_or(both);
    let one = both.get(..both.len().checked_sub(1)? / 2)?;
    let path = match one.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) {
        Some(quoted) => unquoted(quoted),
        None => one.to_vec(),
    };
    Some(String::from_utf8_lossy(path.strip_prefix(b"a/")?).into_owned())
}

/// A name as git quotes it (`core.quotePath` in git-config(1)).
fn unquoted(text: &[u8]) -> Vec<u8> {
    let mut name = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            name.push(byte);
            continue;
        }
        let escaped = rest.next().unwrap_or(b'\\');
        name.push(match escaped {
            b'a' => 7,
            b'b' => 8,
            b't' => b'\t',
            b'n' => b'\n',
            b'v' => 11,
            b'f' => 12,
            b'r' => b'\r',
            b'0'..=b'3' => {
                let digit = |byte: Option<u8>| byte.unwrap_or(b'0').wrapping_sub(b'0') & 7;
                (escaped - b'0') << 6 | digit(rest.next()) << 3 | digit(rest.next())
            }
            other => other,
        });
    }
    name
}

/// A diff as it comes, without what changes when only the base moves: line numbers, the function name beside them,
/// and blob ids. A binary file's change has nothing but its blob ids, so there they count.
struct CanonicalPatch {
    hash: sha2::Sha256,
    index_line: Vec<u8>,
    paths: Vec<String>,
    links: Vec<String>,
    shrunk: Vec<String>,
    file: FilePart,
    begun: bool,
    /// Its first line is none of a patch.
    odd: bool,
}

/// What is known of the present file's part.
#[derive(Default)]
struct FilePart {
    in_hunk: bool,
    added: u64,
    removed: u64,
    /// It is gone.
    gone: bool,
    new: bool,
    /// Its lines are not shown.
    binary: bool,
}

impl FilePart {
    fn take(&mut self, line: &[u8]) {
        match line.first() {
            Some(b'+') if self.in_hunk => self.added += 1,
            Some(b'-') if self.in_hunk => self.removed += 1,
            _ if self.in_hunk => {}
            _ => {
                self.in_hunk = line.starts_with(b"@@ ");
                self.gone |= line.starts_with(b"deleted file mode ");
                self.new |= line.starts_with(b"new file mode ");
                self.binary |= line.starts_with(b"Binary files ");
            }
        }
    }

    fn shrinks(&self) -> bool {
        self.gone || self.removed > self.added || (self.binary && !self.new)
    }
}

/// What stands in a patch besides its name.
struct Found {
    paths: Vec<String>,
    links: Vec<String>,
    shrunk: Vec<String>,
}

impl Found {
    fn named(self, id: PatchId) -> Patch {
        Patch { id, paths: self.paths, links: self.links, shrunk: self.shrunk }
    }
}

impl CanonicalPatch {
    fn new() -> Self {
        // The version of this reading: another reading must give other names.
        Self {
            hash: sha2::Sha256::new().chain_update("orchestrion patch 1\n"),
            index_line: Vec::new(),
            paths: Vec::new(),
            links: Vec::new(),
            shrunk: Vec::new(),
            file: FilePart::default(),
            begun: false,
            odd: false,
        }
    }

    fn take(&mut self, line: &[u8]) {
        self.odd |= !std::mem::replace(&mut self.begun, true) && !line.starts_with(b"diff --git ");
        // Lines of content start with a blank, a sign or a backslash, so none of these can be forged by content.
        let about_modes = [&b"index "[..], b"new file mode ", b"deleted file mode ", b"old mode ", b"new mode "];
        let elsewhere = || [&b" 120000\n"[..], b" 160000\n"].iter().any(|mode| line.ends_with(mode));
        if about_modes.iter().any(|begin| line.starts_with(begin)) && elsewhere() {
            self.links.extend(self.paths.last().filter(|path| self.links.last() != Some(path)).cloned());
        }
        if line.starts_with(b"index ") {
            self.index_line = line.to_vec();
        } else if line.starts_with(b"@@ ") {
            self.hash.update(b"@@\n");
        } else {
            if line.starts_with(b"Binary files ") {
                self.hash.update(&self.index_line);
            }
            if let Some(path) = header_path(line) {
                self.close();
                // A file that became a link has two parts.
                if self.paths.last() != Some(&path) {
                    self.paths.push(path);
                }
            }
            self.hash.update(line);
        }
        self.file.take(line);
    }

    /// The present file's part is over.
    fn close(&mut self) {
        let part = std::mem::take(&mut self.file);
        if part.shrinks() {
            self.shrunk.extend(self.paths.last().filter(|path| self.shrunk.last() != Some(path)).cloned());
        }
    }

    fn finish(mut self) -> (String, Found) {
        self.close();
        (hex(&self.hash.finalize()), Found { paths: self.paths, links: self.links, shrunk: self.shrunk })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(diff: &str, chunk: usize) -> String {
        let (mut lines, mut patch) = (Lines::default(), CanonicalPatch::new());
        diff.as_bytes().chunks(chunk).for_each(|part| lines.take(part, &mut |line| patch.take(line)));
        lines.end(&mut |line| patch.take(line));
        patch.finish().0
    }

    #[test]
    fn only_what_moves_with_the_base_is_left_out() {
        let diff =
            "diff --git a/x b/x\nindex 1111..2222 100644\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@ fn a()\n a\n-b\n+c\n";
        let moved = diff.replace("-1,2 +1,2 @@ fn a()", "-9,2 +10,2 @@ fn b()").replace("1111..2222", "3333..4444");
        assert_eq!(name(diff, 1), name(diff, 1000));
        assert_eq!(name(diff, 7), name(&moved, 7));
        for other in [("+c", "+ c"), (" a\n", " a \n"), ("+c\n", "+c\0d\n"), ("a/x", "a/y"), ("-b", "-index b")] {
            assert_ne!(name(diff, 7), name(&diff.replace(other.0, other.1), 7), "{other:?}");
        }
        let binary = "diff --git a/x b/x\nindex 1111..2222 100644\nBinary files a/x and b/x differ\n";
        assert_ne!(name(binary, 9), name(&binary.replace("2222", "2223"), 9));
    }
    #[test]
    fn what_shrinks_is_told() {
        let file = |path: &str, rest: &str| format!("diff --git a/{path} b/{path}\n{rest}");
        let hunk = |lines: &str| format!("index 1..2 100644\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n{lines}");
        let all = [
            file("less", &hunk(" a\n-b\n-c\n+d\n")),
            file("same", &hunk("-b\n+c\n")),
            file("more", &hunk("--- a sign\n+++ b\n+c\n")),
            file("gone", "deleted file mode 100644\nindex 1..0\n"),
            file("new", "new file mode 100644\nindex 0..1\nBinary files /dev/null and b/new differ\n"),
            file("blob", "index 1..2 100644\nBinary files a/blob and b/blob differ\n"),
            file("last", &hunk("-deleted file mode 1\n")),
        ];
        let (mut lines, mut patch) = (Lines::default(), CanonicalPatch::new());
        lines.take(all.concat().as_bytes(), &mut |line| patch.take(line));
        assert_eq!(patch.finish().1.shrunk, ["less", "gone", "blob", "last"]);
    }

    #[test]
    fn paths_are_read_from_their_headers() {
        let path = |line: &str| header_path(line.as_bytes());
        assert_eq!(path("diff --git a/x b/x\n").as_deref(), Some("x"));
        assert_eq!(path("diff --git a/x b/y b/x b/y\n").as_deref(), Some("x b/y"));
        assert_eq!(path(r#"diff --git "a/\303\274 \"q\"\t\\" "b/\303\274 \"q\"\t\\""#).as_deref(), Some("ü \"q\"\t\\"));
        assert_eq!(path("diff --git a/ü b/ü").as_deref(), Some("ü"));
        for other in ["+diff --git a/x b/x", "index 1..2", "", "diff --git ", "diff --git x"] {
            assert_eq!(path(other), None, "{other}");
        }
    }
}
