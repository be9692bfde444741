//! One process at a time on one state directory.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;

use camino::Utf8Path;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::exit::{Exit, Failure};
use crate::settings::paths::settle_state;

/// Held for as long as it lives; the kernel lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataLock {
    /// Takes the lock of a state directory, which is made if it is missing. `None`: another process has it.
    ///
    /// # Errors
    /// [`Exit::Failed`] if the directory or the lock file cannot be made.
    pub fn take(state: &Utf8Path) -> Result<Option<Self>, Failure> {
        settle_state(state)?;
        let path = state.join("lock");
        let failed = |what: String| {
            Failure::new(Exit::Failed, format!("the lock of the state folder cannot be taken: {what}"))
                .at(path.to_string())
                .fix("run orch as the user who owns the state folder, on a local file system")
        };
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|e| failed(e.to_string()))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(failed(error.to_string())),
        }
    }
}
