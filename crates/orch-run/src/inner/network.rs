//! Leaving the host's network for an empty one with nothing but loopback.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;

use rustix::thread::UnshareFlags;

/// Moves this process into a network of its own and raises its loopback interface.
pub(super) fn leave() -> io::Result<()> {
    #[expect(unsafe_code, reason = "the safe form is deprecated for flags that this is not")]
    // SAFETY: this process has one thread, and a new network namespace leaves its open descriptors as they are.
    unsafe {
        rustix::thread::unshare_unsafe(UnshareFlags::NEWNET)?;
    }
    raise_loopback()
}

fn raise_loopback() -> io::Result<()> {
    // Any socket of the namespace will do.
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    #[expect(unsafe_code, reason = "netdevice(7) has no safe form")]
    // SAFETY: the structure is plain data, zeroed, its name is terminated by that, and it outlives both calls.
    let done = unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
            *to = *from as libc::c_char;
        }
        let mut done = libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFFLAGS as _, &mut request);
        if done == 0 {
            request.ifr_ifru.ifru_flags |= (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
            done = libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &mut request);
        }
        done
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
