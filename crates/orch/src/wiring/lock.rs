//! One process at a time on one state directory.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::io::Errno;

use crate::client::Caller;
use crate::exit::{Exit, Failure};
use crate::screen::Screen;
use crate::settings::paths::settle_state;

/// Who holds the lock without answering is a service that is just starting or stopping, or a command without one: that is over
/// soon.
pub const SETTLING: Duration = Duration::from_secs(30);
/// After so long a person is told what they wait for.
const TOLD_AFTER: Duration = Duration::from_secs(1);

/// Who has a state directory.
pub enum Occupant {
    /// A service, which answers.
    Service(Caller),
    /// This process, from now on.
    Us(DataLock),
    /// Somebody who held it for all of [`SETTLING`] and did not answer.
    Silent,
}

/// Takes the lock of a state directory, or finds the service on it; waits for whoever passes by.
///
/// # Errors
/// As [`DataLock::take`] and [`Caller::running`].
pub fn occupy(state: &Utf8Path, screen: &Screen) -> Result<Occupant, Failure> {
    let begun = Instant::now();
    let mut told = false;
    loop {
        if let Some(service) = Caller::running(state)? {
            return Ok(Occupant::Service(service));
        }
        if let Some(lock) = DataLock::take(state)? {
            return Ok(Occupant::Us(lock));
        }
        if begun.elapsed() > SETTLING {
            return Ok(Occupant::Silent);
        }
        if !told && begun.elapsed() > TOLD_AFTER {
            told = true;
            screen.note("a service is starting or stopping, or another command is at work; waiting for it …");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Held for as long as it lives; the kernel lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct DataLock {
    /// The directory itself: a file in it can be removed or replaced while it is locked, and the next process would lock
    /// another one of the same name.
    _directory: File,
    /// What earlier releases lock.
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
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = open(state.as_std_path(), flags, Mode::empty()).map_err(|e| failed(e.to_string()))?;
        let directory = File::from(directory);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|e| failed(e.to_string()))?;
        for one in [&directory, &file] {
            match flock(one, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => return Ok(None),
                Err(error) => return Err(failed(error.to_string())),
            }
        }
        Ok(Some(Self { _directory: directory, _file: file }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_that_is_removed_or_replaced_frees_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let state = Utf8Path::from_path(folder.path()).unwrap().join("state");
        let held = DataLock::take(&state).unwrap().unwrap();
        let lock = state.join("lock");
        std::fs::remove_file(&lock).unwrap();
        assert!(DataLock::take(&state).unwrap().is_none(), "removed");
        std::fs::remove_file(&lock).unwrap();
        std::fs::write(&lock, "").unwrap();
        assert!(DataLock::take(&state).unwrap().is_none(), "replaced");
        std::fs::rename(&lock, state.join("old")).unwrap();
        assert!(DataLock::take(&state).unwrap().is_none(), "renamed");
        let link = state.with_file_name("link");
        std::os::unix::fs::symlink(&state, &link).unwrap();
        assert!(DataLock::take(&link).unwrap().is_none(), "by another name");
        drop(held);
        assert!(DataLock::take(&state).unwrap().is_some());
    }

    #[test]
    fn an_earlier_release_is_kept_out_and_keeps_out() {
        let folder = tempfile::tempdir().unwrap();
        let state = Utf8Path::from_path(folder.path()).unwrap();
        let earlier = File::create(state.join("lock")).unwrap();
        flock(&earlier, FlockOperation::NonBlockingLockExclusive).unwrap();
        assert!(DataLock::take(state).unwrap().is_none());
        drop(earlier);
        let held = DataLock::take(state).unwrap().unwrap();
        let earlier = File::create(state.join("lock")).unwrap();
        assert_eq!(flock(&earlier, FlockOperation::NonBlockingLockExclusive), Err(Errno::WOULDBLOCK));
        drop(held);
    }
}
