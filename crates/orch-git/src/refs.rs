//! Moving refs. A git that moves them is kept for the next order, because a task gives many and a start costs more than a
//! move. Whatever it says, the ref is looked at afterwards.

use std::fs;
use std::io::ErrorKind;

use crate::error::{Error, Result, show};
use crate::forge::{Forge, sync_folder};
use crate::objects::Talk;
use crate::words::CommitId;

/// An old value as git reads it: of no ref, the null id.
fn spelt(old: Option<&CommitId>, to: &CommitId) -> String {
    old.map_or_else(|| "0".repeat(to.as_str().len()), ToString::to_string)
}

fn update(name: &str, to: &CommitId, expected: Option<Option<&CommitId>>) -> String {
    let old = expected.map(|old| format!(" {}", spelt(old, to))).unwrap_or_default();
    format!("option no-deref\nupdate {name} {to}{old}\n")
}

impl Forge {
    /// Moves a ref. `expected`: `None` = whatever it is, `Some(None)` = it must not exist.
    pub(crate) fn move_ref(&self, name: &str, to: &CommitId, expected: Option<Option<&CommitId>>) -> Result<()> {
        if !self.ordered(&update(name, to, expected), true) {
            let mut call = self.call().args(["update-ref", "--no-deref", name, to.as_str()]).quick();
            if let Some(old) = expected {
                call = call.arg(spelt(old, to));
            }
            let shown = call.shown();
            let ended = call.run()?;
            if ended.code != Some(0) {
                return self.unmoved(name, to, expected, ended.failed(shown));
            }
        }
        self.moved(name, to)
    }

    /// As [`Forge::move_ref`], and a power cut does not take the move back. Git syncs the new ref's content before it
    /// renames it into place, but not the folder. Other folders need no sync: on the common file systems one orders
    /// everything renamed before it.
    pub(crate) fn move_ref_for_good(
        &self,
        name: &str,
        to: &CommitId,
        expected: Option<Option<&CommitId>>,
    ) -> Result<()> {
        self.move_ref(name, to, expected)?;
        sync_folder(self.path.join(name).parent().unwrap_or(&self.path))
    }

    /// Moves a ref from wherever it is, without waiting for the disk.
    pub(crate) fn move_ref_unsynced(&self, name: &str, to: &CommitId) -> Result<()> {
        if !self.ordered(&update(name, to, None), false) {
            let call = self.call().setting("core.fsync", "none").args(["update-ref", "--no-deref", name, to.as_str()]);
            let shown = call.shown();
            let ended = call.run()?;
            if ended.code != Some(0) {
                return self.unmoved(name, to, None, ended.failed(shown));
            }
        }
        self.moved(name, to)
    }

    /// Has an order carried out by a git that is kept for the next one. `false`: it is not known whether it was, and whoever
    /// asks has it done by a git of its own, which says why if it cannot be.
    pub(crate) fn ordered(&self, order: &str, synced: bool) -> bool {
        let idle = &self.movers[usize::from(synced)];
        // One that was kept may have been killed meanwhile; nothing is asked of it before it answers.
        let kept = idle.take().and_then(|mut talk| talk.begins().is_ok().then_some(talk));
        let begun = kept.map_or_else(|| self.mover(synced).and_then(|mut talk| talk.begins().map(|()| talk)), Ok);
        let Ok(mut talk) = begun else { return false };
        let done = talk.carries_out(order).is_ok();
        if done {
            idle.give(talk);
        }
        done
    }

    fn mover(&self, synced: bool) -> Result<Talk> {
        let call = self.call().args(["update-ref", "--stdin"]).quick();
        Talk::with(if synced { call } else { call.setting("core.fsync", "none") }, &self.git.running)
    }

    /// Whether a ref is where git says it was moved to: an exit code alone is worth no landing.
    fn moved(&self, name: &str, to: &CommitId) -> Result<()> {
        match self.resolve(name)? {
            Some(found) if found == *to => Ok(()),
            found => Err(Error::Unexpected {
                command: format!("git update-ref {name} {to}"),
                answer: format!("{name} is at {} afterwards", show(&found)),
            }),
        }
    }

    fn unmoved(&self, name: &str, to: &CommitId, expected: Option<Option<&CommitId>>, failure: Error) -> Result<()> {
        if let Error::Failed { stderr, .. } = &failure
            && (stderr.contains("nonexistent object") || stderr.contains("not a valid SHA1"))
        {
            return Err(Error::NotFound { repository: self.path.clone(), what: to.to_string() });
        }
        self.stale(name, expected, failure)
    }

    /// The names of all refs in these folders (each with its last slash), sorted: read from git's own files where it keeps refs in
    /// files.
    pub(crate) fn refs_below(&self, folders: &[String]) -> Result<Vec<String>> {
        if self.path.join("reftable").exists() {
            let listed = self.call().args(["for-each-ref", "--format=%(refname)"]).args(folders).text()?;
            return Ok(listed.lines().map(str::to_owned).collect());
        }
        let mut names = Vec::new();
        // The loose ones first: one that is packed meanwhile is met in the other file then.
        let mut waiting: Vec<String> = folders.iter().map(|folder| folder.trim_end_matches('/').to_owned()).collect();
        while let Some(folder) = waiting.pop() {
            let path = self.path.join(&folder);
            let entries = match fs::read_dir(&path) {
                Ok(entries) => entries,
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
                Err(error) => return Err(Error::io("list", &path, error)),
            };
            for entry in entries {
                let entry = entry.map_err(|error| Error::io("list", &path, error))?;
                let kind = entry.file_type().map_err(|error| Error::io("look at", &entry.path(), error))?;
                let Some(name) = entry.file_name().to_str().map(|name| format!("{folder}/{name}")) else { continue };
                match kind {
                    kind if kind.is_dir() => waiting.push(name),
                    _ if name.ends_with(".lock") => {}
                    _ => names.push(name),
                }
            }
        }
        let packed = self.path.join("packed-refs");
        match fs::read_to_string(&packed) {
            Ok(text) => names.extend(
                text.lines()
                    .filter_map(|line| line.split_once(' '))
                    .filter(|(_, name)| folders.iter().any(|folder| name.starts_with(folder.as_str())))
                    .map(|(_, name)| name.to_owned()),
            ),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("read", &packed, error)),
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Removes a ref; one that is not there is fine. `expected`: where it must be.
    pub(crate) fn remove_ref(&self, name: &str, expected: Option<&CommitId>) -> Result<()> {
        if let Some(expected) = expected
            && self.ordered(&format!("option no-deref\ndelete {name} {expected}\n"), true)
            && self.resolve(name)?.is_none()
        {
            return Ok(());
        }
        let call = self.call().args(["update-ref", "--no-deref", "-d", name]).args(expected.map(CommitId::as_str));
        let shown = call.shown();
        let ended = call.run()?;
        // Whatever it says.
        let Some(found) = self.resolve(name)? else { return Ok(()) };
        if ended.code == Some(0) {
            return Err(Error::Unexpected { command: shown, answer: format!("{name} is at {found} afterwards") });
        }
        self.stale(name, expected.map(Some), ended.failed(shown))
    }

    /// The reason a ref could not be changed: it is not where it should be, or `otherwise`.
    fn stale(&self, name: &str, expected: Option<Option<&CommitId>>, otherwise: Error) -> Result<()> {
        if let Some(expected) = expected {
            let found = self.resolve(name)?;
            if found.as_ref() != expected {
                return Err(Error::StaleRef { name: name.to_owned(), expected: expected.cloned(), found });
            }
        }
        Err(otherwise)
    }
}
