//! A name for a change that survives a move of the base.

use sha2::Digest as _;

use crate::error::{Error, Result};
use crate::forge::Forge;
use crate::tree::hex;
use crate::words::{CommitId, PatchId, RepoPath};

/// Everything about the diff is said here, so that no setting can change a name that is stored.
const DIFF: &[&str] = &[
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

impl Forge {
    /// Names the change from the merge base of `main` and `head` to `head`, leaving out one folder. Two git
    /// processes cannot give what one gives here: `git patch-id` drops all white space, and the rest of a line after a
    /// NUL.
    ///
    /// # Errors
    /// [`Error::Failed`] if the two have no common history.
    pub fn patch_id(&self, main: &CommitId, head: &CommitId, without: &RepoPath) -> Result<PatchId> {
        let call = self
            .call()
            .args(DIFF)
            .arg(format!("{main}...{head}"))
            .args(["--", "."])
            .arg(format!(":(top,exclude,literal){without}"));
        let shown = call.shown();
        let mut patch = CanonicalPatch::new();
        let ended = call.stream(|chunk| {
            patch.take(chunk);
            Ok(())
        })?;
        if ended.code != Some(0) {
            return Err(ended.failed(shown));
        }
        let name = patch.finish();
        PatchId::new(name.clone()).map_err(|_| Error::Unexpected { command: shown, answer: name })
    }
}

/// A diff as it comes, without what changes when only the base moves: line numbers, the function name beside them,
/// and blob ids. A binary file's change has nothing but its blob ids, so there they count.
struct CanonicalPatch {
    hash: sha2::Sha256,
    line: Vec<u8>,
    index_line: Vec<u8>,
}

impl CanonicalPatch {
    fn new() -> Self {
        // The version of this reading: another reading must give other names.
        Self {
            hash: sha2::Sha256::new().chain_update("orchestrion patch 1\n"),
            line: Vec::new(),
            index_line: Vec::new(),
        }
    }

    fn take(&mut self, mut chunk: &[u8]) {
        while let Some(end) = chunk.iter().position(|byte| *byte == b'\n') {
            self.line.extend_from_slice(&chunk[..=end]);
            chunk = &chunk[end + 1..];
            self.end_line();
        }
        self.line.extend_from_slice(chunk);
    }

    fn end_line(&mut self) {
        // Lines of content start with a blank, a sign or a backslash, so none of these can be forged by content.
        if self.line.starts_with(b"index ") {
            self.index_line.clone_from(&self.line);
        } else if self.line.starts_with(b"@@ ") {
            self.hash.update(b"@@\n");
        } else {
            if self.line.starts_with(b"Binary files ") {
                self.hash.update(&self.index_line);
            }
            self.hash.update(&self.line);
        }
        self.line.clear();
    }

    fn finish(mut self) -> String {
        if !self.line.is_empty() {
            self.end_line();
        }
        hex(&self.hash.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(diff: &str, chunk: usize) -> String {
        let mut patch = CanonicalPatch::new();
        diff.as_bytes().chunks(chunk).for_each(|part| patch.take(part));
        patch.finish()
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
}
