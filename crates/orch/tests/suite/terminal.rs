//! A terminal for the program under test.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// A terminal: our end, and the one for a program.
pub fn terminal() -> (File, OwnedFd) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let theirs = rustix::fs::open(ptsname(&ours, Vec::new()).unwrap(), flags, Mode::empty()).unwrap();
    (File::from(ours), theirs)
}

/// Reads until all of `wanted` was seen; the rest stays.
pub fn read_until(from: &mut File, wanted: &str, seen: &mut String) {
    let mut piece = [0_u8; 4096];
    while !seen.contains(wanted) {
        let count = from.read(&mut piece).unwrap_or_default();
        assert!(count > 0, "it ended before {wanted:?}:\n{seen}");
        seen.push_str(&String::from_utf8_lossy(&piece[..count]));
    }
}
