//! Tests that an attempt deleted or took lines from.

use crate::error::Result;
use crate::forge::Forge;
use crate::patch_id::{DIFF, Lines, header_path};
use crate::tree::{Change, ChangeStatus};
use crate::words::CommitId;

/// A file that is gone, or lost lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weakened {
    /// From the top of the repository; bytes that are no UTF-8 read as U+FFFD.
    pub path: String,
    /// It is gone.
    pub deleted: bool,
    /// Lines it lost; a changed line is one that is lost and one that is added.
    pub removed_lines: u32,
    /// The beginning of the change as a unified diff, cut to [`Weakened::DIFF_BYTES`].
    pub diff: Vec<u8>,
}

impl Weakened {
    /// Bytes of a diff that are kept.
    pub const DIFF_BYTES: usize = 4096;
}

/// One file of a diff.
struct Section {
    path: String,
    in_hunk: bool,
    removed: u32,
    diff: Vec<u8>,
}

impl Forge {
    /// Of the changes from `start` to `head` those that weaken a file which `is_test` names, by path. No git process
    /// if none of them could. What the base branch did to them meanwhile is nobody's of this task.
    pub(crate) fn weakened(
        &self,
        (main, start, head): (&CommitId, &CommitId, &CommitId),
        changed: &[Change],
        is_test: impl Fn(&str) -> bool,
    ) -> Result<Vec<Weakened>> {
        let weakens = |change: &&Change| change.status != ChangeStatus::Added && is_test(&change.path);
        let suspects: Vec<&Change> = changed.iter().filter(weakens).collect();
        if suspects.is_empty() {
            return Ok(Vec::new());
        }
        let theirs = if main == start { None } else { self.taken_over(main, start, head)? };
        let from = theirs.as_ref().unwrap_or(start);
        // As text, whatever is in it: a NUL in a test must not hide what it lost.
        let call = self.call().args(DIFF).args(["--text", from.as_str(), head.as_str(), "--", "."]);
        let shown = call.shown();
        let (mut lines, mut sections, mut at) = (Lines::default(), Vec::new(), None);
        let ended = call.stream(|chunk| {
            lines.take(chunk, &mut |line| read(line, &suspects, &mut at, &mut sections));
            Ok(())
        })?;
        lines.end(&mut |line| read(line, &suspects, &mut at, &mut sections));
        if ended.code != Some(0) {
            return Err(ended.failed(shown));
        }
        let found = suspects.into_iter().filter_map(|change| {
            let deleted = change.status == ChangeStatus::Deleted;
            // A file that became a link is a removal and an addition.
            let mut own = sections.iter().filter(|section: &&Section| section.path == change.path);
            let section = own.next();
            let removed_lines = section.map_or(0, |section| section.removed);
            if section.is_none() && theirs.is_some() {
                return None;
            }
            let diff = section.map(|section| section.diff.clone()).unwrap_or_default();
            (deleted || removed_lines > 0).then(|| Weakened { path: change.path.clone(), deleted, removed_lines, diff })
        });
        Ok(found.collect())
    }
}

/// Takes a line of the diff to the section it belongs to; `at` is the present one, if it is wanted.
fn read(line: &[u8], suspects: &[&Change], at: &mut Option<usize>, sections: &mut Vec<Section>) {
    if let Some(path) = header_path(line) {
        *at = suspects.iter().any(|change| change.path == path).then_some(sections.len());
        if at.is_some() {
            sections.push(Section { path, in_hunk: false, removed: 0, diff: Vec::new() });
        }
    }
    let Some(section) = at.and_then(|at| sections.get_mut(at)) else { return };
    section.in_hunk |= line.starts_with(b"@@ ");
    if section.in_hunk && line.starts_with(b"-") {
        section.removed = section.removed.saturating_add(1);
    }
    let room = Weakened::DIFF_BYTES - section.diff.len();
    section.diff.extend_from_slice(&line[..line.len().min(room)]);
}
