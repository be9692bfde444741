//! Waiting for a file to appear, without looking again and again.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};

use super::AgentError;

/// Returns once `path` exists.
///
/// # Errors
/// [`AgentError::NeverCame`] after `limit`; [`AgentError::File`] if its folder cannot be watched.
pub(super) fn wait_for_file(path: &Path, limit: Duration) -> Result<(), AgentError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let failed = |error: rustix::io::Errno| AgentError::File {
        doing: "watch the folder of the file to wait for",
        path: folder.to_owned(),
        error: error.into(),
    };
    let watch = init(CreateFlags::CLOEXEC).map_err(failed)?;
    add_watch(&watch, folder, WatchFlags::CREATE | WatchFlags::MOVED_TO).map_err(failed)?;
    let deadline = Instant::now() + limit;
    // Looked at after the watch stands, so that a file made in between is seen.
    while !path.exists() {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        let mut ready = [PollFd::new(&watch, PollFlags::IN)];
        match poll(&mut ready, Some(&timeout)) {
            Ok(0) => {
                return Err(AgentError::NeverCame { path: path.to_owned(), seconds: limit.as_secs() });
            }
            Ok(_) => {
                // What happened does not matter: the file is looked for again.
                let mut events = [0_u8; 4096];
                rustix::io::read(&watch, &mut events).map_err(failed)?;
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(())
}
