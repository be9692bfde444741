//! Copies of this process.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::process::Pid;

/// Which of the two one is.
pub(super) enum Forked {
    Parent(Pid),
    Child,
}

pub(super) fn fork() -> io::Result<Forked> {
    #[expect(unsafe_code, reason = "there is no safe form of fork")]
    // SAFETY: this process has one thread, so no lock is held by another one and the child may do anything.
    let child = unsafe { libc::fork() };
    match child {
        -1 => Err(io::Error::last_os_error()),
        child => Ok(Pid::from_raw(child).map_or(Forked::Child, Forked::Parent)),
    }
}

/// Ends this copy without what the original does at its end.
pub(super) fn end(code: i32) -> ! {
    #[expect(unsafe_code, reason = "the standard exit runs what belongs to the original process")]
    // SAFETY: it ends the process and touches nothing.
    unsafe {
        libc::_exit(code)
    }
}

/// Closes a descriptor in a copy that never returns to the one who owns it there.
pub(super) fn close_here(descriptor: BorrowedFd<'_>) {
    #[expect(unsafe_code, reason = "this copy of the descriptor is ours and is not used again")]
    // SAFETY: the copy of the process that owns it ends in `end`.
    unsafe {
        rustix::io::close(descriptor.as_raw_fd());
    }
}
