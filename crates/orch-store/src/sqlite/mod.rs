//! SQLite: one file, one writer thread with group commit, read-only connections beside it.
//!
//! Write-ahead log, `synchronous=FULL`: a commit that was answered is on the disk. Nothing wakes up while nothing is
//! asked: threads wait on channels, and nothing is synchronised or checkpointed in the background of an idle store.

mod backup;
mod check;
mod connection;
#[cfg(test)]
mod growth;
mod readers;
mod run;
mod writer;

use std::os::unix::fs::MetadataExt;

use async_trait::async_trait;
use camino::{Utf8Path, Utf8PathBuf};
use orch_ports::store::{StoreError, StoreResult};

use crate::Database;
use crate::engine::Engine;
use crate::step::{Answer, Step};
use readers::Readers;
use writer::Writer;

/// The engine behind [`SqliteStore`].
#[derive(Debug)]
pub struct Sqlite {
    path: Utf8PathBuf,
    /// Device and inode of the file that was opened.
    file: Option<(u64, u64)>,
    writer: Writer,
    readers: Readers,
}

/// A store in one SQLite file.
pub type SqliteStore = Database<Sqlite>;

/// What is damaged in the database file at `path`, in words. Only reads.
///
/// # Errors
/// [`StoreError::Unusable`] if it is no database.
pub fn damage(path: &Utf8Path) -> StoreResult<Vec<String>> {
    check::damage(path)
}

/// Repository, base branch and the main that was seen last, of every repository in the database file at `path`. Only
/// reads.
///
/// # Errors
/// As [`damage`].
pub fn mains(path: &Utf8Path) -> StoreResult<Vec<(String, String, Option<String>)>> {
    check::mains(path)
}

impl SqliteStore {
    /// Opens the database file, makes it if it is not there, and brings its schema up to date. Reads a few pages only,
    /// however large the file is. Its folder must exist and be on a local disk.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] if the file is no database or cannot be opened; [`StoreError::TooNew`] if a newer release
    /// wrote it and this one must not read it; [`StoreError::Full`].
    pub fn open(path: impl AsRef<Utf8Path>) -> StoreResult<Self> {
        let path = path.as_ref().to_owned();
        let writer = Writer::open(&path)?;
        let (file, readers) = (file_at(&path), Readers::new(path.clone()));
        Ok(Self { engine: Sqlite { readers, path, file, writer } })
    }

    /// Ends what is under way, writes the log into the database file and closes it. Later calls fail.
    ///
    /// # Errors
    /// When the writer's thread died.
    pub async fn close(&self) -> StoreResult<()> {
        self.engine.readers.close().await;
        self.engine.writer.close().await
    }
}

/// Which file a path names; `None` if none.
fn file_at(path: &Utf8Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

impl Sqlite {
    /// A file that lost its name goes with this process, and all that was written to it.
    fn in_place(&self) -> StoreResult<()> {
        if file_at(&self.path) == self.file {
            return Ok(());
        }
        Err(StoreError::Unusable {
            detail: format!(
                "{} was removed or replaced while it was in use, so nothing is written to it; stop the service, put a \
                 backup (orch backup) in its place, and start again",
                self.path
            ),
        })
    }
}

#[async_trait]
impl Engine for Sqlite {
    async fn write(&self, steps: Vec<Step>) -> StoreResult<Vec<Answer>> {
        self.in_place()?;
        self.writer.write(steps, true).await
    }

    async fn write_unsynced(&self, steps: Vec<Step>) -> StoreResult<Vec<Answer>> {
        self.in_place()?;
        self.writer.write(steps, false).await
    }

    async fn write_all(&self, all: Vec<Vec<Step>>) -> Vec<StoreResult<Vec<Answer>>> {
        match self.in_place() {
            Ok(()) => self.writer.write_all(all).await,
            Err(error) => all.iter().map(|_| Err(writer::copy(&error))).collect(),
        }
    }

    async fn read(&self, steps: Vec<Step>) -> StoreResult<Vec<Answer>> {
        self.readers.read(steps).await
    }

    async fn identity(&self) -> StoreResult<Option<String>> {
        let path = self.path.clone();
        match tokio::task::spawn_blocking(move || connection::identity(&path)).await {
            Ok(identity) => identity.map(Some),
            Err(error) => Err(StoreError::Failed { detail: format!("a read was broken off: {error}") }),
        }
    }

    async fn damage(&self) -> StoreResult<Vec<String>> {
        if let Err(error) = self.in_place() {
            return Ok(vec![error.to_string()]);
        }
        let path = self.path.clone();
        match tokio::task::spawn_blocking(move || check::damage(&path)).await {
            Ok(found) => found,
            Err(error) => {
                Err(StoreError::Failed { detail: format!("the look at the database was broken off: {error}") })
            }
        }
    }

    async fn backup(&self, path: &Utf8Path) -> StoreResult<()> {
        let (from, to) = (self.path.clone(), path.to_owned());
        match tokio::task::spawn_blocking(move || backup::copy(&from, &to)).await {
            Ok(done) => done,
            Err(error) => Err(StoreError::Failed { detail: format!("the backup was broken off: {error}") }),
        }
    }
}
