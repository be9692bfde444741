//! Who is at the other end of a unix socket.

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

/// The process at the other end, as the kernel recorded it when the connection was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer {
    /// 0 if it is in a pid namespace we cannot see into.
    pub(super) pid: i32,
    pub(super) uid: u32,
}

/// Asks the kernel (`SO_PEERCRED`, unix(7)).
pub(super) fn of(stream: &UnixStream) -> std::io::Result<Peer> {
    // Not rustix's: its answer cannot hold the pid 0 of a process in another pid namespace.
    let mut seen = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    #[expect(unsafe_code, reason = "no safe call tells the peer of another pid namespace")]
    // SAFETY: the descriptor is open for the whole call; the kernel writes at most `length` bytes, the size of `seen`.
    let code = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut seen).cast(),
            &raw mut length,
        )
    };
    if code != 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(Peer { pid: seen.pid, uid: seen.uid })
}

/// Whether a process of this user may be listened to: our own user, or root.
pub(super) fn is_ours(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_end_is_this_process() {
        let (one, _other) = UnixStream::pair().unwrap();
        let peer = of(&one).unwrap();
        assert_eq!(peer.pid, std::process::id().cast_signed());
        assert_eq!(peer.uid, rustix::process::geteuid().as_raw());
        assert!(is_ours(peer.uid) && is_ours(0) && !is_ours(peer.uid.wrapping_add(4_000_001)));
    }
}
