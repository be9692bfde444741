//! Processes as `/proc` shows them: finding descendants, and signalling exactly the process meant.

use std::io;
use std::os::fd::OwnedFd;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

/// A process of this boot. The kernel reuses pids; a pid with its start time is never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) pid: i32,
    /// Clock ticks since boot, field 22 of proc_pid_stat(5).
    pub(crate) start_time: u64,
}

/// What `/proc/PID/stat` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) identity: Identity,
    pub(crate) parent: i32,
    pub(crate) session: i32,
    /// A zombie is dead: it runs nothing, only its parent has not asked yet.
    pub(crate) zombie: bool,
    pub(crate) kernel_thread: bool,
}

/// `PF_KTHREAD` of the kernel's `include/linux/sched.h`.
const KERNEL_THREAD: u64 = 0x0020_0000;

fn parse_stat(text: &str) -> Option<Seen> {
    // The name may contain spaces and parentheses, so the fields are counted from its end.
    let pid = text.split_once(' ')?.0.parse().ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let flags: u64 = fields.get(6)?.parse().ok()?;
    Some(Seen {
        identity: Identity { pid, start_time: fields.get(19)?.parse().ok()? },
        parent: fields.get(1)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        zombie: matches!(*fields.first()?, "Z" | "X" | "x"),
        kernel_thread: flags & KERNEL_THREAD != 0,
    })
}

/// One process, or `None` if it is gone.
pub(crate) fn look(pid: i32) -> Option<Seen> {
    let bytes = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(&String::from_utf8_lossy(&bytes))
}

/// Every process of this pid namespace. A process that comes or goes meanwhile may be missing.
pub(crate) fn all() -> io::Result<Vec<Seen>> {
    let mut seen = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        seen.extend(look(pid));
    }
    Ok(seen)
}

/// The number given to the newest process of this pid namespace (proc_loadavg(5)): while it stays the same, none was
/// made. `None` if `/proc` does not tell.
pub(crate) fn last_made() -> Option<i32> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().nth(4)?.parse().ok()
}

/// Our children, dead ones that nobody has waited for included, as the kernel keeps them at this moment (proc(5)). `None` if
/// `/proc` does not tell.
///
/// Every other list of processes is read one by one, and who forks and dies meanwhile is in none of them. A child that
/// we adopt is ours before its parent is dead, so somebody is always in this one.
pub(crate) fn children() -> Option<Vec<i32>> {
    let text = std::fs::read_to_string("/proc/thread-self/children").ok()?;
    text.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()
}

/// Adds to `roots` every process of `all` that descends from one of them.
pub(crate) fn with_descendants(all: &[Seen], roots: &mut Vec<Seen>) {
    let mut at = 0;
    while let Some(parent) = roots.get(at).map(|root| root.identity.pid) {
        for child in all.iter().filter(|p| p.parent == parent) {
            if !roots.iter().any(|r| r.identity == child.identity) {
                roots.push(*child);
            }
        }
        at += 1;
    }
}

/// The living descendants of `pid`, but for the process `without` and what it started.
pub(crate) fn descendants_without(pid: i32, without: Option<i32>) -> io::Result<Vec<Seen>> {
    let mut all = all()?;
    all.retain(|seen| Some(seen.identity.pid) != without);
    let mut tree: Vec<Seen> = all.iter().filter(|p| p.identity.pid == pid).copied().collect();
    with_descendants(&all, &mut tree);
    tree.retain(|p| p.identity.pid != pid && !p.zombie);
    Ok(tree)
}

/// The process's number in the pid namespace just below ours; `None` if it lives in ours, or deeper.
pub(crate) fn number_inside(pid: i32) -> Option<i32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let numbers: Vec<&str> = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?.split_whitespace().collect();
    match numbers.as_slice() {
        [_, inside] => inside.parse().ok(),
        _ => None,
    }
}

/// Sends `signal` to this process and no other; a process that is gone is no error. The answer
/// becomes readable when the process has died.
pub(crate) fn send(target: Identity, signal: Signal) -> io::Result<Option<OwnedFd>> {
    let Some(pid) = Pid::from_raw(target.pid) else {
        return Ok(None);
    };
    let handle = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(handle) => handle,
        Err(rustix::io::Errno::SRCH) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // The handle now means one process for good; is it still the one that was seen?
    if look(target.pid).is_none_or(|now| now.identity != target) {
        return Ok(None);
    }
    match pidfd_send_signal(&handle, signal) {
        Ok(()) => Ok(Some(handle)),
        Err(rustix::io::Errno::SRCH) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The kernel's name for the time since the machine was started.
pub(crate) fn boot_id() -> io::Result<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(id.trim().to_owned())
}

/// The inode of a process's pid namespace; `None` if it cannot be told.
pub(crate) fn pid_namespace(pid: u32) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(format!("/proc/{pid}/ns/pid")).ok().map(|namespace| namespace.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_made_to_confuse_is_read_right() {
        let text = "42 (a) R 1 (b) S 7 42 41 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 98765 1 2";
        let seen = parse_stat(text).unwrap();
        assert_eq!(seen.identity, Identity { pid: 42, start_time: 98765 });
        assert_eq!((seen.parent, seen.session), (7, 41));
        assert!(!seen.zombie && !seen.kernel_thread);
    }

    #[test]
    fn descendants_are_found_through_generations() {
        let process = |pid, parent| Seen {
            identity: Identity { pid, start_time: 1 },
            parent,
            session: 1,
            zombie: false,
            kernel_thread: false,
        };
        let all = [process(5, 4), process(4, 3), process(9, 1), process(3, 1)];
        let mut tree = vec![process(3, 1)];
        with_descendants(&all, &mut tree);
        let pids: Vec<i32> = tree.iter().map(|p| p.identity.pid).collect();
        assert_eq!(pids, [3, 4, 5]);
    }

    #[test]
    fn a_reused_pid_is_not_signalled() {
        let own = look(std::process::id().cast_signed()).unwrap().identity;
        let other = Identity { start_time: own.start_time + 1, ..own };
        // SIGKILL: had it been sent, this test would not go on.
        assert!(send(other, Signal::KILL).unwrap().is_none());
    }
}
