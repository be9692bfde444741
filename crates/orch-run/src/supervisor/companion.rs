//! The companion: a process beside the run, outside of its confinement, that is its way to the network.

use std::io::{BufRead, BufReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use serde::Deserialize;

use super::log::note;
use crate::{Companion, RUN_ID_VARIABLE, RUN_MARK_VARIABLE};

/// From its start to its line.
const READY_WITHIN: Duration = Duration::from_secs(10);
/// From the end of its input to its end.
const END_WITHIN: Duration = Duration::from_secs(5);

/// Where the run reaches it.
#[derive(Debug)]
pub(super) enum Door {
    /// A port of the host's loopback.
    Port(u16),
    /// A unix socket: a descriptor of its path, by which it can be reached from anywhere.
    Socket(OwnedFd),
}

/// A companion that said it is ready.
#[derive(Debug)]
pub(super) struct Running {
    pid: i32,
    /// Open as long as the run goes on.
    stdin: OwnedFd,
    /// Kept, so that a late word of it is no error for it.
    _stdout: ChildStdout,
    pub(super) door: Door,
    pub(super) key: String,
    alive: bool,
}

#[derive(Deserialize)]
struct Ready {
    ready: bool,
    port: Option<u16>,
    problem: Option<String>,
}

impl Running {
    /// Starts it and waits for its line. The error is for people.
    pub(super) fn start(wanted: &Companion, directory: &Path, run_id: &str, mark: &str) -> Result<Self, String> {
        let (program, arguments) = wanted.argv.split_first().ok_or("the run's proxy has no command")?;
        let socket = wanted.socket.as_ref().map(|socket| directory.join(socket));
        if let Some(folder) = socket.as_ref().and_then(|socket| socket.parent()) {
            std::fs::create_dir_all(folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
        }
        let failed = |e: std::io::Error| format!("cannot start the run's proxy {program:?}: {e}");
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(&wanted.env)
            .env(RUN_ID_VARIABLE, run_id)
            .env(RUN_MARK_VARIABLE, mark)
            // So that its socket's path may be relative: absolute ones can be too long for an address.
            .current_dir(directory)
            // Not in our group: what stops us politely must not stop it before the run is over.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let pid = child.id().cast_signed();
        let (Some(stdin), Some(mut stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the run's proxy has no pipes".to_owned());
        };
        let door = first_line(&mut stdout).and_then(|line| door(&line, socket));
        match door {
            Ok(door) => {
                let key = wanted.key.clone();
                Ok(Self { pid, stdin: stdin.into(), _stdout: stdout, door, key, alive: true })
            }
            Err(problem) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(format!("the run's proxy cannot be used: {problem}"))
            }
        }
    }

    /// Its pid, for the tree that it is no part of.
    pub(super) fn pid(&self) -> Option<i32> {
        self.alive.then_some(self.pid)
    }

    /// It was found dead: that ends nothing, and is told.
    pub(super) fn died(&mut self, how: rustix::process::WaitStatus) {
        self.alive = false;
        note(format_args!("the run's proxy ended before the run ({how:?}); the run goes on without a network"));
    }

    /// Closes its input, gives it time for its last counts, then ends it. Gives whether it had ended before.
    pub(super) fn end(self) -> bool {
        drop(self.stdin);
        let Some(pid) = Pid::from_raw(self.pid).filter(|_| self.alive) else { return !self.alive };
        let handle = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty());
        if let Ok(handle) = handle {
            let until = Instant::now() + END_WITHIN;
            while !readable(handle.as_fd(), until) && Instant::now() < until {}
        }
        if !matches!(waitpid(Some(pid), WaitOptions::NOHANG), Ok(Some(_))) {
            note(format_args!("the run's proxy did not end within {} s and is killed", END_WITHIN.as_secs()));
            let _ = kill_process(pid, Signal::KILL);
            let _ = waitpid(Some(pid), WaitOptions::empty());
        }
        false
    }
}

/// Waits until there is something to read or `until`.
pub(super) fn readable(fd: std::os::fd::BorrowedFd<'_>, until: Instant) -> bool {
    let left = until.saturating_duration_since(Instant::now());
    let timeout = Timespec::try_from(left).ok();
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
    poll(&mut fds, timeout.as_ref()).is_ok_and(|ready| ready > 0)
}

fn first_line(stdout: &mut ChildStdout) -> Result<String, String> {
    const LONGEST: u64 = 4096;
    let until = Instant::now() + READY_WITHIN;
    let mut line = Vec::new();
    while !line.contains(&b'\n') && (line.len() as u64) < LONGEST {
        if !readable(stdout.as_fd(), until) {
            if Instant::now() < until {
                continue;
            }
            return Err(format!("it was not ready within {} s", READY_WITHIN.as_secs()));
        }
        let mut piece = [0_u8; 512];
        match stdout.read(&mut piece) {
            Ok(0) => return Err("it ended without a word; supervisor.log may have some".to_owned()),
            Ok(count) => line.extend_from_slice(&piece[..count]),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(format!("it cannot be heard: {e}")),
        }
    }
    let mut text = String::new();
    BufReader::new(line.as_slice()).read_line(&mut text).map_err(|e| format!("its line is no text: {e}"))?;
    Ok(text)
}

fn door(line: &str, socket: Option<PathBuf>) -> Result<Door, String> {
    let ready: Ready = serde_json::from_str(line).map_err(|_| "its first line is not what was agreed".to_owned())?;
    if !ready.ready {
        return Err(ready.problem.unwrap_or_else(|| "it does not say why".to_owned()));
    }
    let Some(socket) = socket else {
        return ready.port.filter(|port| *port != 0).map(Door::Port).ok_or("it names no port".to_owned());
    };
    let failed = |e: rustix::io::Errno| format!("its socket {} cannot be used: {e}", socket.display());
    // Whoever has a descriptor of it may speak to it; nobody else gets through the run directory.
    let everybody = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP | Mode::ROTH | Mode::WOTH;
    rustix::fs::chmod(&socket, everybody).map_err(failed)?;
    rustix::fs::open(&socket, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
        .map(Door::Socket)
        .map_err(failed)
}
