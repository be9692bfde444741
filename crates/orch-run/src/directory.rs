//! The run directory: the only thing the orchestrator and a supervisor share.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open, openat};
use serde::Deserialize;

use crate::result::RunResult;
use crate::spec::StoredSpec;
use crate::started::Started;
use crate::{Confinement, Error, READS, Spec, VERSION, durable};

pub(crate) const SPEC: &str = "spec.json";
pub(crate) const LOCK: &str = "lock";
pub(crate) const STARTED: &str = "started.json";
pub(crate) const RESULT: &str = "result.json";
pub(crate) const OUTPUT: &str = "output.log";
pub(crate) const SOCKET: &str = "socket";
pub(crate) const CONTROL_KEY: &str = "control.key";
pub(crate) const SUPERVISOR_LOG: &str = "supervisor.log";

/// A handle on one run's directory. Cheap to clone; holds the directory open, so it stays the same
/// directory whatever happens to its path.
#[derive(Debug, Clone)]
pub struct RunDirectory {
    path: PathBuf,
    run_id: String,
    folder: Arc<OwnedFd>,
}

/// Where a run is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// Nothing was ever started.
    NotLaunched,
    /// The supervisor lives.
    Running,
    /// There is a result.
    Finished,
    /// It was started, its supervisor is gone and there is no result.
    Lost,
}

/// A piece of `output.log`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputChunk {
    /// Raw bytes; see [`crate::sanitize_for_terminal`] before showing them.
    pub bytes: Vec<u8>,
    /// The offset to ask for next.
    pub next_offset: u64,
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl RunDirectory {
    /// Creates `root/run_id` with `spec` in it, or finds it if the same run was created before.
    /// `root` exists and belongs to the orchestrator. The directory is the owner's alone (0700).
    ///
    /// # Errors
    /// [`Error::BadRunId`], [`Error::BadSpec`], [`Error::SpecDiffers`] if the id is taken by
    /// another spec, [`Error::UnknownVersion`], [`Error::Io`].
    pub fn create(root: &Path, run_id: &str, spec: &Spec) -> Result<Self, Error> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if run_id.is_empty() || run_id.len() > 128 || run_id.starts_with(['.', '-']) || !run_id.chars().all(fits) {
            return Err(Error::BadRunId { run_id: run_id.to_owned() });
        }
        spec.check(run_id)?;
        let root = std::path::absolute(root).map_err(|e| Error::io("find", root, e))?;
        let path = root.join(run_id);
        let parent = open_folder(&root)?;
        match rustix::fs::mkdirat(&parent, run_id, Mode::RWXU) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(Error::io("create", path, error)),
        }
        // Its name is on the disk with the first file in it that is synced: the common file systems keep that order.
        let folder = Arc::new(open_folder(&path)?);
        let stored = StoredSpec { version: VERSION, run_id: run_id.to_owned(), spec: spec.clone() };
        let bytes = serde_json::to_vec_pretty(&stored)
            .map_err(|e| Error::BadSpec { run_id: run_id.to_owned(), problem: e.to_string() })?;
        let directory = Self { path, run_id: run_id.to_owned(), folder };
        match durable::create(&directory, SPEC, &bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                if directory.stored_spec()?.spec != *spec {
                    return Err(Error::SpecDiffers { run_id: directory.run_id, path: directory.path });
                }
            }
            Err(error) => return Err(Error::io("write", directory.path.join(SPEC), error)),
        }
        Ok(directory)
    }

    /// Opens a directory that [`RunDirectory::create`] made, perhaps long ago and by an older
    /// program.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`] without a readable spec, [`Error::UnknownVersion`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let path = std::path::absolute(path).map_err(|e| Error::io("find", path, e))?;
        let folder = Arc::new(open_folder(&path)?);
        let mut directory = Self { path, run_id: String::new(), folder };
        directory.run_id = directory.stored_spec()?.run_id;
        Ok(directory)
    }

    /// The absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run's id.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// What the run does.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`], [`Error::UnknownVersion`].
    pub fn spec(&self) -> Result<Spec, Error> {
        Ok(self.stored_spec()?.spec)
    }

    /// The result, if there is one. It may exist a moment before the run's lock is free.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`], [`Error::UnknownVersion`].
    pub fn result(&self) -> Result<Option<RunResult>, Error> {
        self.read_json(RESULT)
    }

    /// The level it has, and the limits that hold or that its host could not give, one sentence each, as far as they
    /// are known: of a run that has not started the level alone.
    ///
    /// # Errors
    /// As [`RunDirectory::spec`].
    pub fn confinement(&self) -> Result<(Confinement, Vec<String>), Error> {
        let level = self.spec()?.confinement;
        Ok((level, self.started()?.map(|started| started.limits).unwrap_or_default()))
    }

    /// Where the run is in its life, at this moment, without waiting.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn state(&self) -> Result<RunState, Error> {
        let lock = self.lock_file()?;
        match flock(&lock, FlockOperation::NonBlockingLockShared) {
            Ok(()) => self.state_under_lock(),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(RunState::Running),
            Err(error) => Err(Error::io("lock", self.path.join(LOCK), error)),
        }
    }

    /// The state when nobody holds the lock; the caller keeps a shared one, so nobody gets it.
    pub(crate) fn state_under_lock(&self) -> Result<RunState, Error> {
        if self.exists(RESULT)? {
            Ok(RunState::Finished)
        } else if self.exists(STARTED)? {
            Ok(RunState::Lost)
        } else {
            Ok(RunState::NotLaunched)
        }
    }

    /// Up to `max` bytes of `output.log` from byte `offset` on. Empty bytes mean: nothing there
    /// (yet).
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn read_output(&self, offset: u64, max: usize) -> Result<OutputChunk, Error> {
        let failed = |e| Error::io("read", self.path.join(OUTPUT), e);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut bytes = Vec::new();
        match openat(self.as_fd(), OUTPUT, flags, Mode::empty()) {
            Ok(file) => {
                let file = File::from(file);
                let length = file.metadata().map_err(failed)?.len();
                let there = usize::try_from(length.saturating_sub(offset)).unwrap_or(usize::MAX);
                bytes.resize(there.min(max), 0);
                let mut filled = 0;
                while filled < bytes.len() {
                    match file.read_at(&mut bytes[filled..], offset + filled as u64) {
                        Ok(0) => break,
                        Ok(count) => filled += count,
                        Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                        Err(e) => return Err(failed(e)),
                    }
                }
                bytes.truncate(filled);
            }
            Err(rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(failed(error.into())),
        }
        let next_offset = offset + bytes.len() as u64;
        Ok(OutputChunk { bytes, next_offset })
    }

    pub(crate) fn stored_spec(&self) -> Result<StoredSpec, Error> {
        self.read_json(SPEC)?.ok_or_else(|| Error::Damaged {
            path: self.path.join(SPEC),
            problem: "there is no such file, so this is no run directory".into(),
        })
    }

    /// Who runs; `None` if that is not known any more: after a power cut the file may be empty.
    pub(crate) fn started(&self) -> Result<Option<Started>, Error> {
        match durable::read(self, STARTED) {
            Ok(Some(bytes)) if bytes.is_empty() => Ok(None),
            _ => self.read_json(STARTED),
        }
    }

    /// The lock file, open and not locked.
    pub(crate) fn lock_file(&self) -> Result<OwnedFd, Error> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(self.as_fd(), LOCK, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|e| Error::io("open", self.path.join(LOCK), e))
    }

    /// A path to the socket that always fits into the 108 bytes a socket address has.
    pub(crate) fn short_socket_path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", self.folder.as_raw_fd()))
    }

    pub(crate) fn exists(&self, name: &str) -> Result<bool, Error> {
        match rustix::fs::statat(self.as_fd(), name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(rustix::io::Errno::NOENT) => Ok(false),
            Err(error) => Err(Error::io("look at", self.path.join(name), error)),
        }
    }

    fn read_json<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Result<Option<T>, Error> {
        let path = || self.path.join(name);
        let read = durable::read(self, name).map_err(|e| Error::io("read", path(), e))?;
        let Some(bytes) = read else { return Ok(None) };
        // serde_json's messages name the place, never the text: no value leaks into an error.
        let damaged = |e: serde_json::Error| Error::Damaged {
            path: path(),
            problem: format!("{:?} error in line {}, column {}", e.classify(), e.line(), e.column()),
        };
        // The version first: a much newer file may differ in everything else.
        let Versioned { version } = serde_json::from_slice(&bytes).map_err(damaged)?;
        if version > READS {
            return Err(Error::UnknownVersion { path: path(), found: version, supported: READS });
        }
        serde_json::from_slice(&bytes).map(Some).map_err(damaged)
    }
}

impl AsFd for RunDirectory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }
}

fn open_folder(path: &Path) -> Result<OwnedFd, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    open(path, flags, Mode::empty()).map_err(|e| Error::io("open", path, e))
}
