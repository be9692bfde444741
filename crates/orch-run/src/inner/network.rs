//! The loopback interface of a network that has nothing else.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;

/// Raises it: in a new network it is down.
pub(super) fn raise_loopback() -> io::Result<()> {
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
