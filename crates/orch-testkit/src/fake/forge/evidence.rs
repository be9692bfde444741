//! What the fake says of commits, as git would.

use std::collections::BTreeSet;

use orch_ports::PortResult;
use orch_ports::workshop::Collected;
use orch_rules::attempt::{Evidence, WeakenedTest};
use orch_rules::gate::is_test_file;
use orch_rules::ids::{CodeId, CommitId, PatchId, WorkItemId};
use orch_rules::verdict::read_document;
use orch_rules::work_item::documents_folder;

use super::{Code, tree_digest};

impl Code {
    /// What the commits from `start` to `head` do.
    pub(super) fn collected(&self, work_item: &WorkItemId, start: &CommitId, head: &CommitId) -> PortResult<Collected> {
        let before = self.known(start)?.files.clone();
        let (main, files) = (self.tip()?, self.known(head)?.files.clone());
        let folder = format!("{}/", documents_folder(work_item));
        let paths: BTreeSet<&String> = before.keys().chain(files.keys()).collect();
        let touched: Vec<&String> = paths.into_iter().filter(|p| before.get(*p) != files.get(*p)).collect();
        let document = |path: &&&String| path.starts_with(&folder) && files.contains_key(**path);
        let changed: Vec<String> = touched.iter().filter(|p| !document(p)).map(|p| (*p).clone()).collect();
        let base = self.merge_base(&main, head);
        let different = |(path, text): &(&String, &String)| base.get(*path) != Some(*text);
        let removed = base.iter().filter(|(path, _)| !files.contains_key(*path));
        let since = self.ancestors(head).difference(&self.ancestors(start)).count();
        let whole = files.iter().filter(different).chain(removed.clone()).map(|(path, _)| path);
        let mut patch_paths: Vec<String> = whole.filter(|path| !path.starts_with(&folder)).cloned().collect();
        patch_paths.sort();
        let lines = |files: &super::Tree, path: &String| files.get(path).map(|text| text.lines().count());
        let shrunk =
            |path: &&String| lines(&base, path).is_some_and(|was| lines(&files, path).is_none_or(|is| is < was));
        let patch_shrunk = patch_paths.iter().filter(shrunk).cloned().collect();
        let tests = touched.iter().filter(|path| is_test_file(path) && !path.starts_with(&folder));
        let mut weakened: Vec<WeakenedTest> =
            tests.filter_map(|path| weakened(path, before.get(*path)?, files.get(*path).map(String::as_str))).collect();
        weakened.sort_by_key(|test| !test.deleted);
        let evidence = Evidence {
            irreversible: false,
            start: start.clone(),
            base: main,
            code: CodeId(tree_digest(files.iter().filter(|(path, _)| !path.starts_with(&folder)))),
            patch: PatchId(tree_digest(files.iter().filter(different).chain(removed))),
            commits: u32::try_from(since).unwrap_or(u32::MAX),
            documents: touched
                .iter()
                .filter(document)
                .filter_map(|path| Some((path.strip_prefix(&folder)?, files.get(*path)?)))
                .map(|(name, text)| read_document(name, text.as_bytes()))
                .collect(),
            changed_total: u32::try_from(changed.len()).unwrap_or(u32::MAX),
            changed: changed.into_iter().take(Evidence::PATHS_KEPT).collect(),
            protected: None,
            weakened_total: u32::try_from(weakened.len()).unwrap_or(u32::MAX),
            level: None,
            settings: Vec::new(),
            patch_total: Some(u32::try_from(patch_paths.len()).unwrap_or(u32::MAX)),
            left_out: Vec::new(),
            refused: Vec::new(),
            weakened: weakened.into_iter().take(Evidence::WEAKENED_KEPT).collect(),
            head: head.clone(),
        };
        Ok(Collected { evidence, patch_paths, patch_links: Vec::new(), patch_shrunk })
    }
}

/// A test that is gone, or that lacks lines it had, whatever their order.
fn weakened(path: &str, before: &str, after: Option<&str>) -> Option<WeakenedTest> {
    let mut left: Vec<&str> = after.unwrap_or_default().lines().collect();
    let mut lost = Vec::new();
    for line in before.lines() {
        match left.iter().position(|other| *other == line) {
            Some(at) => drop(left.swap_remove(at)),
            None => lost.push(format!("-{line}\n")),
        }
    }
    let removed_lines = u32::try_from(lost.len()).unwrap_or(u32::MAX);
    let mut diff = lost.concat();
    diff.truncate(diff.floor_char_boundary(Evidence::DIFF_BYTES));
    (after.is_none() || removed_lines > 0).then(|| WeakenedTest {
        path: path.to_owned(),
        deleted: after.is_none(),
        removed_lines,
        diff,
    })
}
