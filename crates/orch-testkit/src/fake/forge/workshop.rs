//! The workshop of the fake.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use orch_ports::PortResult;
use orch_ports::workshop::{
    BranchOrder, BranchState, CandidateOrder, Collected, Diff, DiffOrder, Overlay, Workplace, Workshop,
};
use orch_rules::event::CandidateResult;
use orch_rules::ids::{CommitId, TaskId};
use orch_rules::lane::Candidate;
use orch_rules::path_pattern::any_matches;
use orch_rules::port_error::ErrorKind;
use orch_rules::scope::Scope;
use orch_rules::work_item::{DOCUMENTS, leaving};

use super::super::merge::{Tree, merge};
use super::{Clone, Code, FakeForge, PARCEL, one};

/// The files without the documents that the base branch keeps no longer.
fn without_old_documents(mut files: Tree, order: &CandidateOrder) -> Tree {
    let Some(keep) = order.documents_kept else { return files };
    let within = |path: &str| Some(path.strip_prefix(DOCUMENTS)?.strip_prefix('/')?.split_once('/')?.0.to_owned());
    let folders: BTreeSet<String> = files.keys().filter_map(|path| within(path)).collect();
    let gone = leaving(&folders.into_iter().collect::<Vec<_>>(), &order.work_item, keep);
    files.retain(|path, _| within(path).is_none_or(|folder| !gone.contains(&folder)));
    files
}

/// The files, with what an overlay names as its commit has it.
fn laid_over(code: &Code, files: &Tree, overlay: Option<&Overlay>) -> PortResult<Tree> {
    let mut files = files.clone();
    if let Some(overlay) = overlay {
        let covered = |path: &str| any_matches(&overlay.patterns, path);
        files.retain(|path, _| !covered(path));
        let from = code.known(&overlay.from)?.files.clone();
        files.extend(from.into_iter().filter(|(path, _)| covered(path)));
    }
    Ok(files)
}

/// Puts a tree on disk, in place of whatever is there.
fn write_out(files: &Tree, directory: &Utf8Path) -> PortResult<()> {
    let write = || {
        if directory.exists() {
            std::fs::remove_dir_all(directory)?;
        }
        std::fs::create_dir_all(directory)?;
        for (path, text) in files {
            let file = directory.join(path);
            if let Some(folder) = file.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::write(file, text)?;
        }
        Ok::<_, std::io::Error>(())
    };
    write().map_err(|error| one(ErrorKind::Passing, format!("{directory}: {error}")))
}

impl Workshop for FakeForge {
    fn prepare(
        &self,
        place: &Workplace,
        start: &CommitId,
        aside: &[String],
        overlay: Option<&Overlay>,
    ) -> PortResult<CommitId> {
        self.call("prepare", |code| {
            let mut files = code.known(start)?.files.clone();
            let before = files.len();
            files.retain(|path, _| !aside.contains(path));
            let start = match files.len() == before {
                true => start.clone(),
                false => code.commit(vec![start.clone()], files.clone(), "set aside"),
            };
            write_out(&laid_over(code, &files, overlay)?, &place.directory)?;
            code.clones.insert(place.directory.clone(), Clone { head: start.clone(), files, packed: None });
            Ok(start)
        })
    }

    fn snapshot_command(&self, _: &Workplace, _: &CommitId) -> PortResult<Vec<String>> {
        self.call("snapshot_command", |_| Ok(vec!["true".to_owned()]))
    }

    fn parcel_command(&self, place: &Workplace, _: &CommitId) -> PortResult<Vec<String>> {
        self.call("parcel_command", |_| Ok(vec![PARCEL.to_owned(), place.directory.to_string(), place.message.clone()]))
    }

    fn collect(&self, place: &Workplace, start: &CommitId, scope: &Scope) -> PortResult<Collected> {
        self.call("collect", |code| {
            let before = code.known(start)?.files.clone();
            let Some(packed) = code.clones.get(&place.directory).and_then(|copy| copy.packed.clone()) else {
                return Err(one(ErrorKind::Missing, "the clone was not packed"));
            };
            let after = code.known(&packed)?.files.clone();
            let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            let changed = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
            let (kept, strayed): (Vec<_>, Vec<_>) = changed.partition(|name| scope.takes(name, false));
            let large = |name: &&String| after.get(*name).is_some_and(|text| text.len() as u64 > place.largest_file);
            let (large, kept): (Vec<_>, Vec<_>) = kept.into_iter().partition(large);
            let head = if strayed.is_empty() && large.is_empty() && code.contains(&packed, start) {
                packed
            } else if kept.is_empty() {
                start.clone()
            } else {
                let mut files = before.clone();
                for name in kept {
                    match after.get(name) {
                        Some(text) => files.insert(name.clone(), text.clone()),
                        None => files.remove(name),
                    };
                }
                code.commit(vec![start.clone()], files, &place.message)
            };
            let strayed: Vec<String> = strayed.into_iter().cloned().collect();
            let known = (start.clone(), head.clone(), strayed.clone());
            code.attempts.insert((place.task.clone(), place.attempt), known);
            let mut collected = code.collected(&place.work_item, start, &head)?;
            collected.evidence.left_out.extend(scope.left_out(&strayed));
            collected.evidence.refused.extend(large.iter().map(|name| format!("{name} is too large")));
            Ok(collected)
        })
    }

    fn brought_home(&self, place: &Workplace, scope: &Scope) -> PortResult<Option<(CommitId, Collected)>> {
        self.call("brought_home", |code| {
            let Some((start, head, strayed)) = code.attempts.get(&(place.task.clone(), place.attempt)).cloned() else {
                return Ok(None);
            };
            let mut collected = code.collected(&place.work_item, &start, &head)?;
            collected.evidence.left_out.extend(scope.left_out(&strayed));
            Ok(Some((start, collected)))
        })
    }

    fn checkout(&self, commit: &CommitId, directory: &Utf8PathBuf, overlay: Option<&Overlay>) -> PortResult<()> {
        self.call("checkout", |code| {
            let files = code.known(commit)?.files.clone();
            write_out(&laid_over(code, &files, overlay)?, directory)
        })
    }

    fn candidate(&self, order: &CandidateOrder, onto: &CommitId) -> PortResult<CandidateResult> {
        self.call("candidate", |code| {
            let base = code.merge_base(onto, &order.head);
            let (main, head) = (code.known(onto)?.files.clone(), code.known(&order.head)?.files.clone());
            Ok(match merge(&base, &main, &head).map(|files| without_old_documents(files, order)) {
                Err(paths) => CandidateResult::Conflict { paths },
                Ok(files) if files == main => CandidateResult::Made {
                    candidate: Candidate { commit: onto.clone(), parent: onto.clone(), empty: true },
                },
                Ok(files) => {
                    let message =
                        format!("{}\n{} <{}> {}", order.message, order.identity.name, order.identity.email, order.at.0);
                    let commit = code.commit(vec![onto.clone()], files, &message);
                    CandidateResult::Made { candidate: Candidate { commit, parent: onto.clone(), empty: false } }
                }
            })
        })
    }

    fn reverse(&self, order: &CandidateOrder) -> PortResult<CommitId> {
        self.call("reverse", |code| {
            let parent = code.known(&order.head)?.parents.first().cloned();
            let Some(parent) = parent else {
                return Err(one(ErrorKind::Gone, format!("{} has no parent", order.head)));
            };
            let files = code.known(&parent)?.files.clone();
            Ok(code.commit(vec![order.head.clone()], files, &format!("{}\n{}", order.message, order.at.0)))
        })
    }

    fn diff(&self, order: &DiffOrder) -> PortResult<Diff> {
        self.call("diff", |code| {
            let to = code.known(&order.to)?.clone();
            let from = order.from.clone().or_else(|| to.parents.first().cloned());
            let before = from.map(|from| code.known(&from).cloned()).transpose()?.map(|c| c.files).unwrap_or_default();
            let wanted = |path: &String| {
                (order.only.is_empty() || order.only.contains(path))
                    && order.without.as_ref().is_none_or(|folder| !path.starts_with(&format!("{folder}/")))
            };
            let changed = to.files.iter().filter(|(path, text)| wanted(path) && before.get(*path) != Some(text));
            let added = |text: &String| text.lines().map(|line| format!("+{line}\n")).collect::<String>();
            let text = changed.map(|(path, text)| {
                let head = format!("diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}");
                format!("{head}\n@@ -0,0 +1,{} @@\n{}", text.lines().count(), added(text))
            });
            let text = text.collect();
            Ok(Diff { text, cut: false })
        })
    }

    fn read(&self, commit: &CommitId, path: &str, cap: usize) -> PortResult<Option<String>> {
        self.call("read", |code| match code.known(commit)?.files.get(path) {
            Some(text) if text.len() > cap => {
                Err(one(ErrorKind::Refused, format!("{path} at {commit} is larger than {cap} bytes")))
            }
            found => Ok(found.cloned()),
        })
    }

    fn branch_state(&self, order: &BranchOrder, tip: &CommitId) -> PortResult<BranchState> {
        self.call("branch_state", |code| code.branch_state(order, tip.clone()))
    }

    fn known_base(&self) -> PortResult<CommitId> {
        self.call("known_base", |code| code.tip())
    }

    fn contains(&self, commit: &CommitId, other: &CommitId) -> PortResult<bool> {
        self.call("contains", |code| Ok(code.contains(commit, other)))
    }

    fn archive(&self, task: &TaskId, head: &CommitId) -> PortResult<()> {
        self.call("archive", |code| {
            code.archive.insert(task.clone(), head.clone());
            Ok(())
        })
    }

    fn forget(&self, task: &TaskId) -> PortResult<()> {
        self.call("forget", |code| {
            code.attempts.retain(|(whose, _), _| whose != task);
            Ok(())
        })
    }
}
