//! Becoming nobody's child, with nothing inherited.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{FileType, fstat};
use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use rustix::stdio::{dup2_stdout, stdin, stdout};

use super::{Greeting, SUBCOMMAND};

fn is_socket(fd: BorrowedFd<'_>) -> bool {
    fstat(fd).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Socket)
}

/// Whether this is the process [`crate::launch`] started: it alone has a socket as standard input.
pub(super) fn must_detach() -> bool {
    is_socket(stdin())
}

/// Starts this program once more, as the supervisor proper. When the caller exits, that process is
/// an orphan: no zombie stays with the launcher and no signal to the launcher's group reaches it.
pub(super) fn detach(directory: &Path) -> std::io::Result<()> {
    keep_inherited_files_from_children()?;
    let greeting_socket: OwnedFd = rustix::io::fcntl_dupfd_cloexec(stdin(), 3)?;
    // Not by path: the program may be replaced by an upgrade at this very moment.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("orch").arg(SUBCOMMAND).arg(directory).stdin(Stdio::null()).stdout(Stdio::from(greeting_socket));
    // Not waited for on purpose: this process is about to exit.
    command.spawn().map(drop)
}

/// What the launcher's own parents left open (a lock of a wrapper script, a pipe somebody waits on)
/// must not stay open for the hours of a run.
pub(crate) fn keep_inherited_files_from_children() -> std::io::Result<()> {
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let name = entry?.file_name();
        let Some(number) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        if number <= 2 {
            continue;
        }
        #[expect(unsafe_code, reason = "a flag of a descriptor known by number alone")]
        // SAFETY: the number comes from the list of our open descriptors and this process has
        // one thread, so it is open (but for the one of the list itself, which stays open until
        // the loop ends); only a flag is changed and nothing is closed.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        if let Ok(flags) = fcntl_getfd(fd) {
            fcntl_setfd(fd, flags | FdFlags::CLOEXEC)?;
        }
    }
    Ok(())
}

/// Whether the launcher has died since it asked for this run. Asked with the lock held: whoever comes after it either
/// sees the lock, or prepares the run anew; both at once must not be.
pub(super) fn launcher_is_gone() -> bool {
    if !is_socket(stdout()) {
        return false;
    }
    let socket = stdout();
    let mut poll = [PollFd::new(&socket, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    // An error tells nothing; then the run starts, as it was asked for.
    rustix::event::poll(&mut poll, Some(&now)).is_ok_and(|ready| ready > 0)
        && poll[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
}

/// Tells the launcher how it went and lets go of it. Nobody may be there any more; that is fine.
pub(super) fn greet(greeting: &Greeting) {
    if !is_socket(stdout()) {
        return;
    }
    if let Ok(mut line) = serde_json::to_vec(greeting) {
        line.push(b'\n');
        let mut out = std::io::stdout();
        let _ = out.write_all(&line).and_then(|()| out.flush());
    }
    if let Ok(null) = OpenOptions::new().write(true).open("/dev/null") {
        let _ = dup2_stdout(&null);
    }
}
