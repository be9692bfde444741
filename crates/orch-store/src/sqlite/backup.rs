//! A copy of the database while it is written to.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use orch_ports::store::{StoreError, StoreResult};
use rusqlite::Connection;
use rusqlite::backup::Backup;

use super::connection::{failed, reading};

/// Copies `from` to `to`, which must not exist: into a file beside it first, checked and on the disk before it gets its
/// name. One read snapshot holds for the whole copy, so writers neither wait nor make it start again.
pub(super) fn copy(from: &Utf8Path, to: &Utf8Path) -> StoreResult<()> {
    refuse_existing(to)?;
    let partial = Partial::beside(to)?;
    {
        let source = reading(from)?;
        // A database holds everything; its copy is for this account alone.
        File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&partial.path)
            .map_err(|e| StoreError::Failed { detail: format!("{}: {e}", partial.path) })?;
        let mut target = Connection::open(&partial.path).map_err(|e| failed(&e))?;
        // The file is synchronised once, as a whole, below.
        target.execute_batch("PRAGMA synchronous = OFF").map_err(|e| failed(&e))?;
        let copying = Backup::new(&source, &mut target).map_err(|e| failed(&e))?;
        // All pages in one step: a copy in several steps starts again whenever another connection writes.
        match copying.step(-1).map_err(|e| failed(&e))? {
            rusqlite::backup::StepResult::Done => {}
            other => return Err(StoreError::Failed { detail: format!("the copy was not finished: {other:?}") }),
        }
        drop(copying);
        // Out of write-ahead mode: the copy is one file.
        target.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())).map_err(|e| failed(&e))?;
        let verdict: String =
            target.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(|e| failed(&e))?;
        if verdict != "ok" {
            return Err(StoreError::Failed {
                detail: format!(
                    "the copy of {from} is damaged ({verdict}), so the database probably is: keep older backups"
                ),
            });
        }
        target.close().map_err(|(_, e)| failed(&e))?;
    }
    let io = |e: std::io::Error| StoreError::Failed { detail: format!("{to}: {e}") };
    File::open(&partial.path).and_then(|file| file.sync_all()).map_err(io)?;
    // A link, unlike a rename, never replaces a file that appeared meanwhile.
    fs::hard_link(&partial.path, to).map_err(io)?;
    drop(partial);
    File::open(folder(to)).and_then(|folder| folder.sync_all()).map_err(io)
}

fn refuse_existing(to: &Utf8Path) -> StoreResult<()> {
    if fs::symlink_metadata(to).is_ok() {
        return Err(StoreError::Failed { detail: format!("{to} exists already; name a new file for the backup") });
    }
    Ok(())
}

fn folder(of: &Utf8Path) -> &Utf8Path {
    match of.parent() {
        Some(folder) if !folder.as_str().is_empty() => folder,
        _ => Utf8Path::new("."),
    }
}

/// The unfinished copy; goes away with this value.
struct Partial {
    path: Utf8PathBuf,
}

impl Partial {
    fn beside(to: &Utf8Path) -> StoreResult<Self> {
        let Some(name) = to.file_name() else {
            return Err(StoreError::Failed { detail: format!("{to} is no file name for a backup") });
        };
        let path = folder(to).join(format!(".{name}.{}.partial", std::process::id()));
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::Failed { detail: format!("{path}: {error}") })
            }
            _ => Ok(Self { path }),
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        for suffix in ["", "-journal", "-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{suffix}", self.path));
        }
    }
}
