//! Watching one process and everything it starts, until all of it is dead.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, WaitOptions, WaitStatus};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};

use crate::StopStep;
use crate::confinement::cgroup::Groups;
use crate::process::{self, Seen};
use crate::result::End;
use crate::stop::{Phase, Status};

use super::companion::Running;
use super::control::Control;
use super::disk::DiskWatch;
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
    /// Asked in these steps, each of them to the process itself; empty: SIGTERM to its whole tree.
    pub(super) steps: Vec<StopStep>,
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
    /// What it is in words stands in [`Watch::overgrown`].
    Overgrown,
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
    /// The signal of the step of this number was sent; the next one follows at this time.
    Stepping(Why, usize, Instant),
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
    /// A child that is no part of any tree.
    pub(super) companion: Option<Running>,
    /// What the processes of the run are in.
    pub(super) groups: Groups,
    /// What their files take.
    pub(super) disk: Option<DiskWatch>,
    /// What of that was too much.
    overgrown: Option<String>,
}

impl Watch {
    pub(super) fn new(run_id: &str, signals: Signals, control: Control, log: OutputLog) -> Self {
        Self {
            run_id: run_id.to_owned(),
            signals,
            control,
            log,
            phase: Phase::Running,
            stop_requested: false,
            companion: None,
            groups: Groups::default(),
            disk: None,
            overgrown: None,
        }
    }

    /// An end as it is written down.
    pub(super) fn end(&mut self, why: Why) -> End {
        match why {
            Why::Exited(code) => End::Exited { code },
            Why::Signalled(signal) => End::Signalled { signal },
            Why::Deadline => End::Deadline,
            Why::Stalled => End::Stalled,
            Why::Stopped => End::Stopped,
            Why::Overgrown => End::Overgrown { reason: self.overgrown.take().unwrap_or_default() },
        }
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
            let childless = self.reap(child.pid(), &mut status);
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
                } else if self.grows_too_large(now) {
                    Some(Why::Overgrown)
                } else {
                    None
                };
                if let Some(why) = why {
                    if limits.stoppable {
                        self.phase = Phase::Stopping;
                    }
                    step = match limits.steps.first() {
                        Some(first) if status.is_none() => {
                            ask(&child, first);
                            Step::Stepping(why, 0, now + Duration::from_millis(first.wait_ms))
                        }
                        _ => self.ask_all(&child, childless, why, now + limits.grace),
                    };
                }
            }
            if let Step::Stepping(why, at, until) = step {
                if status.is_some() {
                    // It is gone; what it started is asked, too.
                    step = self.ask_all(&child, childless, why, now + limits.grace);
                } else if now >= until {
                    step = match limits.steps.get(at + 1) {
                        Some(next) => {
                            ask(&child, next);
                            Step::Stepping(why, at + 1, now + Duration::from_millis(next.wait_ms))
                        }
                        None => Step::Killing(why, now + DIE_WITHIN),
                    };
                }
            }
            if let Step::Asked(why, until) = step
                && now >= until
            {
                step = Step::Killing(why, now + DIE_WITHIN);
            }
            let wake = match step {
                Step::Running => earliest(earliest(deadline, stall), self.disk.as_ref().map(DiskWatch::next)),
                Step::Asked(why, _) | Step::Killing(why, _) if childless => {
                    // No child at all and we adopt every orphan: the whole tree is dead.
                    return self.ended(&child, output_open, why, Vec::new());
                }
                Step::Asked(_, until) | Step::Stepping(_, _, until) => Some(until),
                Step::Killing(why, until) => {
                    self.groups.kill();
                    self.signal_tree(Signal::KILL, None);
                    if now >= until {
                        let survivors = self.tree().iter().map(|survivor| survivor.identity.pid).collect::<Vec<_>>();
                        note(format_args!("cannot kill: {survivors:?}"));
                        return self.ended(&child, output_open, why, survivors);
                    }
                    Some(now + KILL_AGAIN)
                }
            };
            self.sleep(output_open.then_some(&child), wake);
        }
    }

    fn grows_too_large(&mut self, now: Instant) -> bool {
        let found = self.disk.as_mut().and_then(|disk| disk.look(now));
        let too_large = found.is_some();
        self.overgrown = found.or(self.overgrown.take());
        too_large
    }

    fn ask_all(&self, child: &Child, childless: bool, why: Why, until: Instant) -> Step {
        if !childless {
            // Bubblewrap would take the word for itself and end everything at once.
            self.signal_tree(Signal::TERM, child.wrapped.then(|| child.pid()));
        }
        Step::Asked(why, until)
    }

    /// Every living process of the run.
    fn tree(&self) -> Vec<Seen> {
        let companion = self.companion.as_ref().and_then(Running::pid);
        match process::descendants_without(std::process::id().cast_signed(), companion) {
            Ok(tree) => tree,
            Err(error) => {
                note(format_args!("cannot read /proc: {error}"));
                Vec::new()
            }
        }
    }

    /// Whether no process of the run lives, though the companion does.
    ///
    /// Where the kernel does not tell our children: a look at all processes takes time, and one that forks and dies meanwhile is seen neither as itself nor as its
    /// child. If nobody forked since the look began, nobody got past it; on a machine where somebody always does,
    /// several looks in a row have to agree.
    fn nobody_is_left(&self) -> bool {
        const LOOKS: u32 = 8;
        let companion = self.companion.as_ref().and_then(Running::pid);
        if let Some(children) = process::children() {
            return children.iter().all(|child| Some(*child) == companion);
        }
        for _ in 0..LOOKS {
            let before = process::last_made();
            if !self.tree().is_empty() {
                return false;
            }
            if before.is_some() && before == process::last_made() {
                return true;
            }
        }
        true
    }

    /// Sends `signal` to every process of the run but `spared`.
    fn signal_tree(&self, signal: Signal, spared: Option<i32>) {
        for target in self.tree() {
            let pid = target.identity.pid;
            if Some(pid) == spared {
                continue;
            }
            if let Err(error) = process::send(target.identity, signal) {
                note(format_args!("cannot signal process {pid}: {error}"));
            }
        }
    }

    /// Buries every dead child and keeps the status of `pid`; `true` if no process of the run is left.
    fn reap(&mut self, pid: i32, status: &mut Option<WaitStatus>) -> bool {
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some((dead, its_status))) => {
                    let dead = dead.as_raw_nonzero().get();
                    if dead == pid {
                        *status = Some(its_status);
                    } else if let Some(companion) = self.companion.as_mut().filter(|c| c.pid() == Some(dead)) {
                        companion.died(its_status);
                    }
                }
                // Somebody lives. As long as it is the process itself, nobody needs to know who else.
                Ok(None) => {
                    let companion = self.companion.as_ref().and_then(Running::pid);
                    return status.is_some() && companion.is_some() && self.nobody_is_left();
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return true, // ECHILD: the only other answer there is.
            }
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
        // What comes next, a finish command, is not to suffer for it.
        self.groups.reopen();
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

/// Asks the process itself, whatever stands between it and us.
fn ask(child: &Child, step: &StopStep) {
    let signal = Signal::from_named_raw(step.signal);
    let (Some(target), Some(signal)) = (itself(child), signal) else { return };
    if let Err(error) = process::send(target, signal) {
        note(format_args!("cannot send signal {} to the agent: {error}", step.signal));
    }
}

fn itself(child: &Child) -> Option<process::Identity> {
    if !child.wrapped {
        return process::look(child.pid()).map(|seen| seen.identity);
    }
    // Bubblewrap is the first process of its namespace and starts the command as the second one.
    let below = process::descendants_without(child.pid(), None).ok()?;
    below.iter().map(|seen| seen.identity).find(|identity| process::number_inside(identity.pid) == Some(2))
}
