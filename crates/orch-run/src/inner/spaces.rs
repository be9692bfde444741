//! Namespaces of the run's own, made by this process itself: files, network, queues and host name, for the strongest
//! level processes, too. Root needs no user namespace for that; with one, root inside would be root outside.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getppid, set_parent_process_death_signal};
use rustix::thread::{CapabilitySet, CapabilitySets, UnshareFlags};
use serde::{Deserialize, Serialize};

use super::fork::{Forked, close_here, end, fork};
use super::{Doors, Inner, files, filter, network};

/// What to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Spaces {
    /// The supervisor, our parent: without it nothing is made.
    pub(crate) supervisor: i32,
    /// A user namespace comes first: who is not root may make no other.
    pub(crate) user: bool,
    /// Processes, too. The command is the second process in there then.
    pub(crate) processes: bool,
    /// The run's own temporary folder.
    pub(crate) tmp: Option<PathBuf>,
}

/// Goes into new namespaces. It returns in the process that becomes the command, whose parent may be another one then.
pub(super) fn enter(spaces: &Spaces, inner: &Inner, report: &File, null: &File) -> Result<(), String> {
    let failed = |what: &str, error: io::Error| format!("cannot make {what} of the run's own: {error}");
    if spaces.user {
        enter_user_namespace().map_err(|e| failed("a user namespace", e))?;
    }
    let mut wanted = UnshareFlags::NEWNS | UnshareFlags::NEWNET | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    if spaces.processes {
        wanted |= UnshareFlags::NEWPID;
    }
    unshare(wanted).map_err(|e| failed("namespaces", e))?;
    // Where there are control groups at all.
    let _ = unshare(UnshareFlags::NEWCGROUP);
    // A change of rights can take this order away from the kernel, so it is given again.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|e| failed("an end", e.into()))?;
    if getppid().map(|pid| pid.as_raw_nonzero().get()) != Some(spaces.supervisor) {
        return Err("the supervisor is gone".to_owned());
    }
    network::raise_loopback().map_err(|e| failed("a network", e))?;
    rustix::system::sethostname(b"run").map_err(|e| failed("a host name", e.into()))?;
    if !spaces.processes {
        return files::build(inner, spaces);
    }
    let (lives, life) = pipe_with(PipeFlags::CLOEXEC).map_err(|e| failed("a pipe", e.into()))?;
    match fork().map_err(|e| failed("a first process", e))? {
        Forked::Parent(first) => {
            close_here(report.as_fd());
            close_here(lives.as_fd());
            stand_by(null);
            // `life` is held open until here.
            end(code_of(rustix::process::waitpid(Some(first), WaitOptions::empty()).ok().flatten().map(|(_, s)| s)))
        }
        Forked::Child => {
            drop(life);
            set_parent_process_death_signal(Some(Signal::KILL)).map_err(|e| failed("an end", e.into()))?;
            let mut ended = [PollFd::new(&lives, PollFlags::IN)];
            let now = Timespec { tv_sec: 0, tv_nsec: 0 };
            if poll(&mut ended, Some(&now)) != Ok(0) {
                return Err("the supervisor is gone".to_owned());
            }
        }
    }
    files::build(inner, spaces)?;
    match fork().map_err(|e| failed("a second process", e))? {
        Forked::Child => Ok(()),
        Forked::Parent(command) => {
            close_here(report.as_fd());
            stand_by(null);
            // Whoever got hold of it would have no more doors than the command.
            let quiet = rustix::thread::set_no_new_privs(true)
                .map_err(|e| e.to_string())
                .and_then(|()| filter::close(&Doors { network: false, processes: false }));
            if quiet.is_err() {
                end(code_of(None));
            }
            bury_until(command)
        }
    }
}

/// What waits for the others needs no rights, and holds none of the run's output.
fn stand_by(null: &File) {
    let none = CapabilitySet::empty();
    let _ =
        rustix::thread::set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none });
    let _ = rustix::stdio::dup2_stdout(null);
    let _ = rustix::stdio::dup2_stderr(null);
}

/// The first process of the namespace: buries who dies and ends with the command, and with it everybody.
fn bury_until(command: Pid) -> ! {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((dead, status))) if dead == command => end(code_of(Some(status))),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => end(code_of(None)),
        }
    }
}

/// As a shell says it.
fn code_of(status: Option<WaitStatus>) -> i32 {
    let told = status.and_then(|s| s.exit_status().or_else(|| s.terminating_signal().map(|signal| 128 + signal)));
    told.unwrap_or(255)
}

pub(super) fn unshare(flags: UnshareFlags) -> io::Result<()> {
    #[expect(unsafe_code, reason = "the safe form is deprecated for flags that these are not")]
    // SAFETY: this process has one thread, and new namespaces leave its open descriptors as they are.
    unsafe {
        rustix::thread::unshare_unsafe(flags).map_err(Into::into)
    }
}

/// The account stays what it is, inside as outside.
fn enter_user_namespace() -> io::Result<()> {
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    unshare(UnshareFlags::NEWUSER)?;
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("{uid} {uid} 1\n"))?;
    std::fs::write("/proc/self/gid_map", format!("{gid} {gid} 1\n"))
}
