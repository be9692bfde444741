//! Watching one process and everything it starts, until all of it is dead.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, WaitOptions, WaitStatus};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};

use crate::process;
use crate::result::End;
use crate::stop::{Phase, Status};

use super::control::Control;
use super::log::{OutputLog, note};
use super::spawn::Child;

/// How long a tree gets to die of SIGKILL before it is reported as surviving.
const DIE_WITHIN: Duration = Duration::from_secs(20);
/// How often SIGKILL is repeated meanwhile: a process may have forked while it was looked for.
const KILL_AGAIN: Duration = Duration::from_millis(50);

/// Signals turned into readable sockets.
#[derive(Debug)]
pub(super) struct Signals {
    child: UnixStream,
    stop: UnixStream,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        let (child, child_write) = UnixStream::pair()?;
        let (stop, stop_write) = UnixStream::pair()?;
        child.set_nonblocking(true)?;
        stop.set_nonblocking(true)?;
        signal_hook::low_level::pipe::register(SIGCHLD, child_write)?;
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            signal_hook::low_level::pipe::register(signal, stop_write.try_clone()?)?;
        }
        Ok(Self { child, stop })
    }

    /// Empties a socket; `true` if there was something in it.
    fn drain(mut socket: &UnixStream) -> bool {
        let mut buffer = [0_u8; 64];
        let mut any = false;
        while matches!(socket.read(&mut buffer), Ok(1..)) {
            any = true;
        }
        any
    }
}

/// When a process is stopped.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) deadline: Duration,
    pub(super) stall: Option<Duration>,
    pub(super) grace: Duration,
    /// Whether a stop request ends it.
    pub(super) stoppable: bool,
}

/// Why a process is no longer running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    Exited(i32),
    Signalled(i32),
    Deadline,
    Stalled,
    Stopped,
}

impl From<Why> for End {
    fn from(why: Why) -> Self {
        match why {
            Why::Exited(code) => Self::Exited { code },
            Why::Signalled(signal) => Self::Signalled { signal },
            Why::Deadline => Self::Deadline,
            Why::Stalled => Self::Stalled,
            Why::Stopped => Self::Stopped,
        }
    }
}

/// The end of a process and of all it started.
#[derive(Debug)]
pub(super) struct TreeEnd {
    pub(super) why: Why,
    /// What did not die of SIGKILL.
    pub(super) survivors: Vec<i32>,
}

/// What is being done to the tree.
#[derive(Debug, Clone, Copy)]
enum Step {
    Running,
    /// SIGTERM was sent; SIGKILL follows at this time.
    Asked(Why, Instant),
    /// SIGKILL is being sent; given up at this time.
    Killing(Why, Instant),
}

/// Everything the supervisor listens to.
#[derive(Debug)]
pub(super) struct Watch {
    run_id: String,
    signals: Signals,
    control: Control,
    pub(super) log: OutputLog,
    pub(super) phase: Phase,
    stop_requested: bool,
}

impl Watch {
    pub(super) fn new(run_id: &str, signals: Signals, control: Control, log: OutputLog) -> Self {
        Self { run_id: run_id.to_owned(), signals, control, log, phase: Phase::Running, stop_requested: false }
    }

    /// Watches `child` until it and all its descendants are dead, however it comes to that: no
    /// daemon outlives its run.
    pub(super) fn until_dead(&mut self, child: Child, limits: &Limits) -> TreeEnd {
        let begin = Instant::now();
        let deadline = begin.checked_add(limits.deadline);
        let mut last_output = begin;
        let mut status = None;
        let mut step = Step::Running;
        let mut output_open = true;
        loop {
            if output_open {
                match self.take_output(&child) {
                    Taken::Something => last_output = Instant::now(),
                    Taken::Nothing => {}
                    Taken::End => output_open = false,
                }
            }
            let childless = reap(child.pid(), &mut status);
            let now = Instant::now();
            let stall = limits.stall.and_then(|s| last_output.checked_add(s));
            let passed = |at: Option<Instant>| at.is_some_and(|at| now >= at);
            if matches!(step, Step::Running) {
                let why = if let Some(status) = status {
                    Some(why_of(status))
                } else if self.stop_requested && limits.stoppable {
                    Some(Why::Stopped)
                } else if passed(deadline) {
                    Some(Why::Deadline)
                } else if passed(stall) {
                    Some(Why::Stalled)
                } else {
                    None
                };
                if let Some(why) = why {
                    if limits.stoppable {
                        self.phase = Phase::Stopping;
                    }
                    if !childless {
                        signal_tree(Signal::TERM);
                    }
                    step = Step::Asked(why, now + limits.grace);
                }
            }
            if let Step::Asked(why, until) = step
                && now >= until
            {
                step = Step::Killing(why, now + DIE_WITHIN);
            }
            let wake = match step {
                Step::Running => earliest(deadline, stall),
                Step::Asked(why, _) | Step::Killing(why, _) if childless => {
                    // No child at all and we adopt every orphan: the whole tree is dead.
                    return self.ended(&child, output_open, why, Vec::new());
                }
                Step::Asked(_, until) => Some(until),
                Step::Killing(why, until) => {
                    signal_tree(Signal::KILL);
                    if now >= until {
                        let survivors = survivors();
                        note(format_args!("cannot kill: {survivors:?}"));
                        return self.ended(&child, output_open, why, survivors);
                    }
                    Some(now + KILL_AGAIN)
                }
            };
            self.sleep(output_open.then_some(&child), wake);
        }
    }

    /// Keeps answering for a while when nothing runs.
    pub(super) fn answer_for(&mut self, pause: Duration) {
        let until = Instant::now() + pause;
        while Instant::now() < until {
            self.sleep(None, Some(until));
        }
    }

    fn ended(&mut self, child: &Child, output_open: bool, why: Why, survivors: Vec<i32>) -> TreeEnd {
        // The tree is dead, so what the pipe holds now is all there will be. Only a survivor, or
        // a stranger who was given the pipe, can still write; that is not waited for.
        const MOST_READS: u32 = 64;
        let mut left = if output_open { MOST_READS } else { 0 };
        while left > 0 && matches!(self.take_output(child), Taken::Something) {
            left -= 1;
        }
        TreeEnd { why, survivors }
    }

    /// Reads what is there, but not for ever: a flood must not keep us from looking at the clock.
    fn take_output(&mut self, child: &Child) -> Taken {
        const MOST: usize = 256 * 1024;
        let mut buffer = [0_u8; 16 * 1024];
        let mut taken = 0;
        while taken < MOST {
            match rustix::io::read(&child.output, &mut buffer) {
                Ok(0) => return Taken::End,
                Ok(count) => {
                    taken += count;
                    self.log.take(&buffer[..count]);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => break,
                Err(error) => {
                    note(format_args!("cannot read the run's output: {error}"));
                    return Taken::End;
                }
            }
        }
        if taken > 0 { Taken::Something } else { Taken::Nothing }
    }

    /// Sleeps until something happens or `wake`, and serves the socket.
    fn sleep(&mut self, child: Option<&Child>, wake: Option<Instant>) {
        let mut fds: Vec<PollFd<'_>> = [self.signals.child.as_fd(), self.signals.stop.as_fd()]
            .into_iter()
            .chain(self.control.fds())
            .chain(child.map(|child| child.output.as_fd()))
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
        let timeout = wake
            .map(|wake| wake.saturating_duration_since(Instant::now()))
            .and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => {
                note(format_args!("cannot wait for events: {error}"));
                // The lack of memory behind it passes or kills us; a busy loop helps nobody.
                std::thread::sleep(KILL_AGAIN);
            }
        }
        drop(fds);
        Signals::drain(&self.signals.child);
        let signalled = Signals::drain(&self.signals.stop);
        let status = Status { run_id: self.run_id.clone(), phase: self.phase, output_bytes: self.log.received() };
        let asked = self.control.serve(&status);
        self.stop_requested |= signalled | asked;
    }
}

enum Taken {
    Something,
    Nothing,
    End,
}

fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn why_of(status: WaitStatus) -> Why {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Why::Exited(code),
        (None, Some(signal)) => Why::Signalled(signal),
        // Not reached: stops and continues are not asked for. A code no program can return.
        (None, None) => Why::Exited(-1),
    }
}

/// Buries every dead child and keeps the status of `pid`; `true` if there is no child left.
fn reap(pid: i32, status: &mut Option<WaitStatus>) -> bool {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((dead, its_status))) => {
                if dead.as_raw_nonzero().get() == pid {
                    *status = Some(its_status);
                }
            }
            Ok(None) => return false,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return true, // ECHILD: the only other answer there is.
        }
    }
}

/// Sends `signal` to every descendant of this process.
fn signal_tree(signal: Signal) {
    match process::descendants(std::process::id().cast_signed()) {
        Ok(tree) => {
            for target in tree {
                if let Err(error) = process::send(target.identity, signal) {
                    let pid = target.identity.pid;
                    note(format_args!("cannot signal process {pid}: {error}"));
                }
            }
        }
        Err(error) => note(format_args!("cannot read /proc: {error}")),
    }
}

fn survivors() -> Vec<i32> {
    process::descendants(std::process::id().cast_signed())
        .unwrap_or_default()
        .iter()
        .map(|survivor| survivor.identity.pid)
        .collect()
}
