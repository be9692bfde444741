//! Keeping the forge small.
//!
//! Every attempt and every landing leaves packs, loose objects and refs, and every git that is killed leaves half a file.
//! Each of them makes every later git a little slower, so they are joined and removed beside the tasks, never on their
//! way. Nothing that a working copy borrows goes: joining keeps every object, and only what no ref has needed for two
//! weeks is ever dropped; the pins of living copies are refs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::error::{Error, Result};
use crate::forge::Forge;
use crate::locks;
use crate::words::TaskKey;

/// How thoroughly [`Forge::pack`] works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Joins small packs and loose objects; cost grows with what came since the last time.
    Quick,
    /// One pack, a commit graph, and unreachable objects older than two weeks removed; cost grows with the whole
    /// repository.
    Full,
}

/// With more packs than this every git looks noticeably longer for an object.
const MOST_PACKS: usize = 30;
/// Loose objects in the two folders that are counted; there are 256, and names are spread evenly.
const MOST_LOOSE_IN_TWO: usize = 16;
/// Refs that are files of their own.
const MOST_LOOSE_REFS: usize = 400;
/// No git of ours lives longer than ten minutes; what half-written things are older than this belong to the dead.
const DEAD_AFTER: Duration = Duration::from_secs(3600);
/// Between two thorough packings.
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
/// Its time is that of the last thorough packing.
const MARK: &str = "orch-packed";

/// What [`Forge::upkeep`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Upkept {
    /// Packs before and after.
    pub packs: (usize, usize),
    /// Everything was packed anew.
    pub full: bool,
    /// Refs were packed.
    pub refs: bool,
    /// Files that dead gits left.
    pub removed: usize,
}

impl Upkept {
    /// Nothing had to be done.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        !self.full && !self.refs && self.removed == 0 && self.packs.0 == self.packs.1
    }
}

impl Forge {
    /// Joins packs and loose refs when there are too many, packs thoroughly once a week, and removes what dead gits left.
    /// Reading a few folders, if there is nothing to do. Not to be called twice at once; safe beside everything else.
    ///
    /// # Errors
    /// As every call of git; the next call goes on.
    pub fn upkeep(&self, now: SystemTime) -> Result<Upkept> {
        let mut done = Upkept { removed: self.remove_leftovers(now)?, ..Upkept::default() };
        done.packs.0 = self.packs()?;
        let mark = self.path.join(MARK);
        let due = |at: SystemTime| now.duration_since(at).is_ok_and(|age| age > WEEK);
        match fs::metadata(&mark).and_then(|found| found.modified()) {
            Ok(at) if due(at) => {
                self.pack(Packing::Full)?;
                done.full = true;
            }
            Ok(_) => {}
            // A young forge is one pack.
            Err(_) => drop(fs::write(&mark, "")),
        }
        if done.full {
            fs::write(&mark, "").map_err(|error| Error::io("write", &mark, error))?;
        } else if done.packs.0 > MOST_PACKS || self.loose_in(&["17", "a9"]) > MOST_LOOSE_IN_TWO {
            self.pack(Packing::Quick)?;
        }
        if files_below(&self.path.join("refs"), MOST_LOOSE_REFS) >= MOST_LOOSE_REFS {
            self.call().args(["pack-refs", "--all"]).output()?;
            done.refs = true;
        }
        done.packs.1 = self.packs()?;
        Ok(done)
    }

    /// How many packs there are.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn packs(&self) -> Result<usize> {
        let folder = self.path.join("objects/pack");
        let entries = fs::read_dir(&folder).map_err(|error| Error::io("list", &folder, error))?;
        Ok(entries.flatten().filter(|entry| entry.file_name().as_encoded_bytes().ends_with(b".pack")).count())
    }

    fn loose_in(&self, folders: &[&str]) -> usize {
        let count = |folder: &&str| fs::read_dir(self.path.join("objects").join(folder)).map_or(0, Iterator::count);
        folders.iter().map(count).sum()
    }

    /// Half-written files and folders of gits that were killed, and their locks.
    fn remove_leftovers(&self, now: SystemTime) -> Result<usize> {
        let before = now.checked_sub(DEAD_AFTER).unwrap_or(SystemTime::UNIX_EPOCH);
        Ok(remove_unfinished(&self.path, before)? + locks::clear(&self.path, before)?.removed.len())
    }

    /// Removes the attempt and pin refs of tasks whose clones are gone, and gives their number. Their archives stay.
    ///
    /// # Errors
    /// As every call of git.
    pub fn reap(&self, tasks: &[TaskKey]) -> Result<usize> {
        if tasks.is_empty() {
            return Ok(0);
        }
        let folders = tasks.iter().flat_map(|task| {
            // The slash: `ET-1` must not take `ET-10` with it.
            ["attempts", "pin", "told"].map(|kind| format!("refs/orch/{kind}/{task}/"))
        });
        let names = self.refs_below(&folders.collect::<Vec<_>>())?;
        if names.is_empty() {
            return Ok(0);
        }
        let orders: String = names.iter().map(|name| format!("option no-deref\ndelete {name}\n")).collect();
        if !self.ordered(&orders, true) {
            self.call().args(["update-ref", "--stdin"]).input(orders).output()?;
        }
        Ok(names.len())
    }

    /// Packs objects. Nothing else here packs in passing, so this is called now and then; the time limit of
    /// [`Git`](crate::Git) bounds it, and a stopped packing harms nothing.
    ///
    /// # Errors
    /// [`Error::TimedOut`](crate::Error::TimedOut).
    pub fn pack(&self, packing: Packing) -> Result<()> {
        let call = match packing {
            Packing::Quick => self.call().without_limits().args(["repack", "--quiet", "-d", "--geometric=2"]),
            Packing::Full => self.call().without_limits().args(["gc", "--quiet", "--prune=2.weeks.ago"]),
        };
        call.output()?;
        Ok(())
    }
}

/// Removes what git was writing objects into before that moment; the ends of such names are drawn by lot.
pub(crate) fn remove_unfinished(repository: &Path, before: SystemTime) -> Result<usize> {
    let objects = repository.join("objects");
    let mut folders = vec![objects.clone(), objects.join("pack")];
    let entries = fs::read_dir(&objects).map_err(|error| Error::io("list", &objects, error))?;
    folders.extend(entries.flatten().filter(|entry| entry.file_name().len() == 2).map(|entry| entry.path()));
    let mut removed = 0;
    for folder in folders {
        // One that is gone again was emptied by a packing.
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let unfinished = ["tmp_", "incoming-", ".tmp-"]
                .iter()
                .any(|start| entry.file_name().as_encoded_bytes().starts_with(start.as_bytes()));
            if unfinished && entry.metadata().and_then(|found| found.modified()).is_ok_and(|at| at < before) {
                remove(&entry.path())?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}

/// Removes refs of ours that a power cut left empty: those that are moved without waiting for the disk. Git would refuse to
/// pack beside them, and nothing needs them: the run that did has ended.
pub(crate) fn remove_torn(repository: &Path) -> Result<usize> {
    let (mut waiting, mut removed) = (vec![repository.join("refs/orch")], 0);
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(found) if found.is_dir() => waiting.push(entry.path()),
                // A lock is empty until its git writes.
                Ok(found) if found.is_file() && found.len() == 0 && !is_lock(&entry.path()) => {
                    remove(&entry.path())?;
                    removed += 1;
                }
                _ => {}
            }
        }
    }
    Ok(removed)
}

fn is_lock(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "lock")
}

fn remove(path: &PathBuf) -> Result<()> {
    let gone = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match gone {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path, error)),
        _ => Ok(()),
    }
}

/// How many files there are, counted up to `most`.
fn files_below(folder: &Path, most: usize) -> usize {
    let (mut waiting, mut found) = (vec![folder.to_path_buf()], 0);
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => waiting.push(entry.path()),
                _ => found += 1,
            }
            if found >= most {
                return found;
            }
        }
    }
    found
}
