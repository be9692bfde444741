//! Waiting for the end of a run, and proving a lost run dead.

use std::io;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Signal, getuid};

use crate::confinement::cgroup::Groups;
use crate::process::{self, Seen};
use crate::started::Started;
use crate::{Error, RUN_MARK_VARIABLE, RunDirectory, RunResult, RunState};

/// How a run is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// With a result.
    Finished(RunResult),
    /// Its supervisor died without one. It is never started again; what it did is unknown.
    Lost {
        /// Whether no process of the run is left. `false`: something may still write to the clone,
        /// so leave it alone.
        ///
        /// Without confinement this proof has a limit: a process that left the run's session,
        /// its parents *and* replaced the environment it was given cannot be recognised. One of
        /// our user without a readable environment, younger than the run, is no proof either way
        /// and gives `false`.
        tree_dead: bool,
    },
}

/// How long processes of a lost run get to die of SIGKILL.
const DIE_WITHIN: Duration = Duration::from_secs(20);

/// A process that cannot be examined is looked at this often before it counts as doubt.
const DOUBTFUL_LOOKS: u32 = 40;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Blocks until the run is over. Sleeps in the kernel on the run's lock: no timer, no polling, no
/// difference between a run of ours and one adopted from a former process.
///
/// If the run is lost, kills what is left of it before answering.
///
/// # Errors
/// [`Error::NotLaunched`], [`Error::Io`], [`Error::Damaged`] or [`Error::UnknownVersion`] for its
/// result.
pub fn wait(directory: &RunDirectory) -> Result<Ended, Error> {
    let lock = directory.lock_file()?;
    loop {
        match flock(&lock, FlockOperation::LockShared) {
            Ok(()) => break,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Error::io("wait for the lock of", directory.path(), error)),
        }
    }
    match directory.state_under_lock()? {
        RunState::Finished => match directory.result()? {
            Some(result) => Ok(Ended::Finished(result)),
            None => Err(Error::Damaged {
                path: directory.path().join(crate::directory::RESULT),
                problem: "it vanished while it was read".into(),
            }),
        },
        RunState::Lost => {
            // Nobody starts a lost run, so there is no need to keep others from looking meanwhile.
            drop(lock);
            // A torn started.json still says that the run started, but no longer who runs.
            let tree_dead = match directory.started() {
                Ok(Some(started)) => kill_leftovers(&started).unwrap_or(false),
                // Nothing survives the power cut that left it empty.
                Ok(None) => true,
                Err(_) => false,
            };
            Ok(Ended::Lost { tree_dead })
        }
        RunState::NotLaunched | RunState::Running => Err(Error::NotLaunched { path: directory.path().to_owned() }),
    }
}

/// Kills whatever can be recognised as part of the run; `true` if then nothing is left.
fn kill_leftovers(started: &Started) -> io::Result<bool> {
    if process::boot_id()? != started.boot_id {
        // The machine was restarted since: nothing survives that.
        return Ok(true);
    }
    if started.pid_namespace.is_some_and(|namespace| process::pid_namespace(std::process::id()) != Some(namespace)) {
        // It ran beside us, in a container of its own, perhaps: what cannot be seen is not proved dead.
        return Ok(false);
    }
    let groups = Groups::of(started.groups.clone());
    groups.kill();
    let until = Instant::now() + DIE_WITHIN;
    let mut clean_looks = 0;
    let mut doubtful_looks = 0;
    // Two clean looks, because a process may have been born behind the first one's back.
    while clean_looks < 2 {
        let (leftovers, doubt) = find(started)?;
        if leftovers.is_empty() && doubt {
            // In the middle of an exec every process looks doubtful; one that stays so is.
            doubtful_looks += 1;
            if doubtful_looks == DOUBTFUL_LOOKS {
                return Ok(false);
            }
            std::thread::sleep(BETWEEN_LOOKS);
            continue;
        }
        if leftovers.is_empty() {
            clean_looks += 1;
            continue;
        }
        clean_looks = 0;
        for leftover in leftovers {
            let left = until.saturating_duration_since(Instant::now());
            match process::send(leftover.identity, Signal::KILL) {
                Ok(None) => {}
                Ok(Some(handle)) => {
                    let limit = left.try_into().ok();
                    let mut fds = [PollFd::new(&handle, PollFlags::IN)];
                    let _ = poll(&mut fds, limit.as_ref());
                }
                Err(_) => return Ok(false),
            }
        }
        if Instant::now() >= until {
            return Ok(false);
        }
    }
    groups.remove();
    Ok(true)
}

/// The living processes of the run, and whether there is one that might be and cannot be examined.
fn find(started: &Started) -> io::Result<(Vec<Seen>, bool)> {
    let all = process::all()?;
    let agent = started.agent;
    let mark = format!("{RUN_MARK_VARIABLE}={}", started.mark);
    let mut doubt = false;
    let mut found: Vec<Seen> = Vec::new();
    for &seen in all.iter().filter(|p| !p.zombie && !p.kernel_thread) {
        // What is older than the supervisor cannot be its descendant.
        if seen.identity.start_time < started.supervisor.start_time || seen.identity == started.supervisor {
            continue;
        }
        let of_agent = agent.is_some_and(|agent| {
            seen.identity == agent || (seen.session == agent.pid && seen.identity.start_time >= agent.start_time)
        });
        match std::fs::read(format!("/proc/{}/environ", seen.identity.pid)) {
            _ if of_agent => found.push(seen),
            // No environment at all: who dropped it may have dropped our mark.
            Ok(environment) if environment.is_empty() => doubt |= is_ours(seen.identity.pid),
            Ok(environment) => {
                if environment.split(|b| *b == 0).any(|v| v == mark.as_bytes()) {
                    found.push(seen);
                }
            }
            // Other users' processes are not the run's: an unconfined run has our uid. One of
            // ours that hides its environment might be.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                doubt |= is_ours(seen.identity.pid);
            }
            Err(_) => {}
        }
    }
    process::with_descendants(&all, &mut found);
    found.retain(|p| !p.zombie);
    Ok((found, doubt))
}

/// Whether any of the process's four uids is ours.
fn is_ours(pid: i32) -> bool {
    let own = getuid().as_raw().to_string();
    std::fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|status| {
        status
            .lines()
            .find_map(|line| line.strip_prefix("Uid:"))
            .is_some_and(|uids| uids.split_ascii_whitespace().any(|uid| uid == own))
    })
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A child that waits, with exactly this environment.
    fn child(environment: &[(&str, &str)]) -> Child {
        // The line that comes back through it says that its exec is over.
        let mut child = Command::new("/bin/cat")
            .env_clear()
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"up\n").unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        child
    }

    /// A run whose supervisor was started when this process was.
    fn run(mark: &str) -> Started {
        let mut supervisor = process::look(std::process::id().cast_signed()).unwrap();
        supervisor.identity.pid = 0;
        Started {
            pid_namespace: process::pid_namespace(std::process::id()),
            groups: Vec::new(),
            limits: Vec::new(),
            version: crate::VERSION,
            supervisor: supervisor.identity,
            agent: None,
            boot_id: process::boot_id().unwrap(),
            at_ms: 0,
            mark: mark.to_owned(),
        }
    }

    fn end(mut child: Child) {
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_process_is_known_by_its_mark_alone() {
        let ours = child(&[(RUN_MARK_VARIABLE, "run/1")]);
        let other = child(&[(RUN_MARK_VARIABLE, "run/12")]);
        let (found, _) = find(&run("run/1")).unwrap();
        let pids: Vec<_> = found.iter().map(|p| p.identity.pid).collect();
        assert_eq!(pids, [ours.id().cast_signed()]);
        end(ours);
        end(other);
    }

    #[test]
    fn a_process_of_ours_without_an_environment_is_doubt_and_an_older_one_is_not() {
        let stranger = child(&[]);
        let (found, doubt) = find(&run("run/1")).unwrap();
        assert!(found.is_empty() && doubt);
        let mut later = run("run/1");
        let seen = process::look(stranger.id().cast_signed()).unwrap();
        later.supervisor.start_time = seen.identity.start_time + 1_000_000;
        let (found, doubt) = find(&later).unwrap();
        assert!(found.is_empty() && !doubt);
        end(stranger);
    }
}
