//! Locks that dead git processes left in the local forge.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{Error, Result};

/// What became of the locks found.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    pub removed: Vec<PathBuf>,
    pub kept: Vec<PathBuf>,
}

/// Removes every lock file that is older than `started`, unless a git process still works in the repository:
/// after a crash of the caller its git may have lived on.
pub(crate) fn clear(repository: &Path, started: SystemTime) -> Result<Locks> {
    let mut found = Vec::new();
    lock_files(repository, 1, &mut found)?;
    // Locks of refs and of reflogs lie beside them at any depth; of objects, in these two places.
    for (folder, depth) in [("refs", 32), ("logs", 32), ("objects/info", 2), ("objects/pack", 1), ("worktrees", 3)] {
        lock_files(&repository.join(folder), depth, &mut found)?;
    }
    let mut locks = Locks::default();
    if found.is_empty() {
        return Ok(locks);
    }
    let in_use = works_in(repository);
    for lock in found {
        let newer = fs::symlink_metadata(&lock).and_then(|data| data.modified()).is_ok_and(|at| at >= started);
        if in_use || newer {
            locks.kept.push(lock);
            continue;
        }
        match fs::remove_file(&lock) {
            Ok(()) => locks.removed.push(lock),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("remove the stale lock", &lock, error)),
        }
    }
    Ok(locks)
}

fn lock_files(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("list", folder, error)),
    };
    for entry in entries {
        let entry = entry.map_err(|error| Error::io("list", folder, error))?;
        let kind = entry.file_type().map_err(|error| Error::io("look at", &entry.path(), error))?;
        if kind.is_dir() {
            if depth > 1 {
                lock_files(&entry.path(), depth - 1, found)?;
            }
        } else if entry.file_name().as_encoded_bytes().ends_with(b".lock") {
            found.push(entry.path());
        }
    }
    Ok(())
}

/// Whether a git process has its working directory in the repository, as every git of ours has, and git's own
/// receiver of pushes. Where there is no `/proc` to ask, the caller's exclusive ownership is the only proof.
pub(crate) fn works_in(repository: &Path) -> bool {
    let Ok(repository) = repository.canonicalize() else {
        return false;
    };
    let Ok(processes) = fs::read_dir("/proc") else {
        return false;
    };
    processes.flatten().any(|process| {
        let path = process.path();
        fs::read_link(path.join("cwd")).is_ok_and(|cwd| cwd.starts_with(&repository))
            && fs::read_to_string(path.join("comm")).is_ok_and(|name| name.starts_with("git"))
            // A reader of ours holds no lock, and ends when it finds out that nobody is left to ask.
            && !fs::read(path.join("cmdline")).is_ok_and(|line| line.split(|byte| *byte == 0).any(|word| word == b"cat-file"))
    })
}
