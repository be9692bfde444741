//! Waiting for what a run prints. The kernel tells when the run's directory changes (inotify(7)); nobody looks again
//! and again.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;

use crate::{Error, RunDirectory, RunState};

/// Between two looks where the kernel has no watch to give (`fs.inotify.max_user_instances`).
const UNWATCHED: Duration = Duration::from_millis(500);

/// Waits until there is output beyond byte `offset`, and says so; `false` if the run is over without more, or `patience`
/// is.
///
/// # Errors
/// [`Error::Io`] if the directory cannot be read.
pub fn await_output(directory: &RunDirectory, offset: u64, patience: Duration) -> Result<bool, Error> {
    let until = Instant::now() + patience;
    // Before the first look: what comes after it is told.
    let watch = watch(directory);
    loop {
        // In this order: what is printed before the end is seen. The supervisor writes the result while it still holds
        // the lock, so the state alone would be told too late, when nothing is written any more.
        let over =
            directory.result()?.is_some() || !matches!(directory.state()?, RunState::Running | RunState::NotLaunched);
        if !directory.read_output(offset, 1)?.bytes.is_empty() {
            return Ok(true);
        }
        let left = until.saturating_duration_since(Instant::now());
        if over || left.is_zero() {
            return Ok(false);
        }
        heard(watch.as_ref(), left);
    }
}

fn watch(directory: &RunDirectory) -> Option<OwnedFd> {
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK).ok()?;
    // The log is written, or made; the result is moved into place; a supervisor that is killed closes its files.
    let changes = inotify::WatchFlags::MODIFY
        | inotify::WatchFlags::CREATE
        | inotify::WatchFlags::MOVED_TO
        | inotify::WatchFlags::CLOSE_WRITE;
    inotify::add_watch(&watch, directory.path(), changes).ok()?;
    Some(watch)
}

/// Returns when something was heard, or not much later than `left`. Early is no harm: the caller looks.
fn heard(watch: Option<&OwnedFd>, left: Duration) {
    let Some(watch) = watch else {
        let nothing = Timespec::try_from(left.min(UNWATCHED)).ok();
        let _early = poll(&mut [], nothing.as_ref());
        return;
    };
    let timeout = Timespec::try_from(left).ok();
    let _early = poll(&mut [PollFd::new(watch, PollFlags::IN)], timeout.as_ref());
    // What was told is of no further interest: empty the queue.
    let mut buffer = [0; 4096];
    while rustix::io::read(watch, &mut buffer).is_ok_and(|read| read > 0) {}
}
