//! Starting a process of the run: the one place where confinement is applied.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{MemfdFlags, Mode, OFlags, memfd_create};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitOptions, getpid, getppid, set_parent_process_death_signal, setsid};

use super::companion::readable;
use super::site::Site;
use crate::confinement::bubblewrap;
use crate::inner::{CONFINE, Told, take_terminal};
use crate::{Confinement, RUN_ID_VARIABLE, RUN_MARK_VARIABLE, StandardInput};

/// From the start of the inner step to its end; it only asks the kernel.
const CONFINED_WITHIN: Duration = Duration::from_secs(60);

/// A started process. Dropping it neither waits nor kills: reaping is the watch's.
#[derive(Debug)]
pub(super) struct Child {
    pid: i32,
    /// It waits for a namespace of processes below it, in which the command itself is the second one.
    pub(super) wrapped: bool,
    /// The reading end of its stdout and stderr, non-blocking.
    pub(super) output: OwnedFd,
    /// What this host could not give it, one sentence each.
    pub(super) missing: Vec<String>,
}

impl Child {
    pub(super) fn pid(&self) -> i32 {
        self.pid
    }
}

/// Starts `argv` the way the site wants its processes: its directory, exactly its environment, its
/// confinement, a session of its own, both outputs in one pipe unless it is at a terminal. The error is for people.
pub(super) fn start(site: &Site, argv: &[String], stdin: &StandardInput) -> Result<Child, String> {
    let spec = &site.spec;
    let program = argv.first().ok_or("there is no command to start")?;
    if !spec.cwd.is_dir() {
        // Else the system's "not found" would seem to mean the program.
        return Err(format!("cannot start {program:?}: its working directory {} is not there", spec.cwd.display()));
    }
    let failed = |error: std::io::Error| {
        format!(
            "cannot start {program:?}: {error}; is it installed, executable and on the PATH of the run's environment?"
        )
    };
    let (output, write_end) = pipe_with(PipeFlags::CLOEXEC).map_err(|e| failed(e.into()))?;
    // Only our end: the agent expects an ordinary pipe.
    rustix::fs::fcntl_setfl(&output, rustix::fs::OFlags::NONBLOCK).map_err(|e| failed(e.into()))?;
    let error_end = write_end.try_clone().map_err(failed)?;
    let terminal = opened(stdin)?;
    let mut prepared =
        if site.has_inner() { through_inner(site, argv, terminal.as_ref())? } else { plainly(site, argv) };
    let command = &mut prepared.command;
    command
        .env(RUN_ID_VARIABLE, &site.run_id)
        .env(RUN_MARK_VARIABLE, &site.mark)
        .stdout(Stdio::from(write_end))
        .stderr(Stdio::from(error_end));
    let supervisor = getpid();
    let passed = prepared.passed.iter().map(AsRawFd::as_raw_fd).chain(site.socket()).collect::<Vec<RawFd>>();
    let at = terminal.as_ref().map(AsRawFd::as_raw_fd);
    let (passed, own_terminal) =
        if site.has_inner() { (passed.into_iter().chain(at).collect(), None) } else { (Vec::new(), at) };
    let entrances: Vec<RawFd> = site.entrances.iter().map(AsRawFd::as_raw_fd).collect();
    #[expect(unsafe_code, reason = "the session must be new before the program runs")]
    // SAFETY: between fork and exec only system calls are made, on descriptors that stay open until the end of this
    // function; nothing is allocated, no lock is taken, and this process has one thread.
    unsafe {
        command.pre_exec(move || {
            setsid()?;
            // If the supervisor is killed, the agent is not left behind unwatched; and if it was
            // killed a moment ago, the agent does not start. So a lost run has no process that
            // could still become the agent.
            set_parent_process_death_signal(Some(Signal::KILL))?;
            if getppid() != Some(supervisor) {
                return Err(rustix::io::Errno::CHILD.into());
            }
            for entrance in &entrances {
                // A limit that does not hold would be a promise broken in silence.
                rustix::io::write(std::os::fd::BorrowedFd::borrow_raw(*entrance), b"0")?;
            }
            for passed in &passed {
                rustix::io::fcntl_setfd(std::os::fd::BorrowedFd::borrow_raw(*passed), rustix::io::FdFlags::empty())?;
            }
            if let Some(terminal) = own_terminal {
                take_terminal(std::os::fd::BorrowedFd::borrow_raw(terminal))?;
            }
            Ok(())
        });
    }
    let spawned = command.spawn().map_err(failed)?;
    let mut child = Child {
        pid: spawned.id().cast_signed(),
        wrapped: spec.confinement == Confinement::Bubblewrap,
        output,
        missing: Vec::new(),
    };
    let report = prepared.report.take();
    // Our copies of what was passed: the report ends when the others' copies do.
    drop(prepared);
    if let Some(report) = report {
        match confined(report, &child) {
            Ok(missing) => child.missing = missing,
            Err(problem) => {
                let pid = Pid::from_raw(child.pid);
                if let Some(pid) = pid {
                    let _ = rustix::process::kill_process(pid, Signal::KILL);
                }
                let _ = rustix::process::waitpid(pid, WaitOptions::empty());
                return Err(problem);
            }
        }
    }
    Ok(child)
}

/// A command that is not started yet.
struct Prepared {
    command: Command,
    /// Descriptors it finds open, by their numbers.
    passed: Vec<OwnedFd>,
    /// What the inner step tells.
    report: Option<OwnedFd>,
}

fn plainly(site: &Site, argv: &[String]) -> Prepared {
    let argv = site.with_companion(argv);
    let mut command = match argv.first().map(String::as_str).unwrap_or_default() {
        crate::OWN => {
            let mut own = Command::new("/proc/self/exe");
            own.arg(crate::INSIDE);
            own
        }
        program => Command::new(program),
    };
    command.args(argv.iter().skip(1)).current_dir(&site.spec.cwd).env_clear().envs(site.env());
    command.stdin(Stdio::null());
    Prepared { command, passed: Vec::new(), report: None }
}

/// The terminal that is named, without making it this process's own.
fn opened(stdin: &StandardInput) -> Result<Option<OwnedFd>, String> {
    let StandardInput::Terminal(path) = stdin else { return Ok(None) };
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let terminal = rustix::fs::open(path, flags, Mode::empty());
    terminal.map(Some).map_err(|e| format!("cannot open the terminal {}: {e}", path.display()))
}

fn through_inner(site: &Site, argv: &[String], terminal: Option<&OwnedFd>) -> Result<Prepared, String> {
    let failed = |e: std::io::Error| format!("cannot prepare the confinement: {e}");
    let (report, write_end) = pipe_with(PipeFlags::CLOEXEC).map_err(|e| failed(e.into()))?;
    let plan = serde_json::to_vec(&site.inner(argv, write_end.as_raw_fd(), terminal.map(AsRawFd::as_raw_fd)))
        .map_err(|e| failed(e.into()))?;
    let mut passed = vec![write_end];
    let mut command = if site.in_bubblewrap() {
        let bwrap = bubblewrap::program().ok_or("bubblewrap (bwrap) is gone from this host; install it again")?;
        // By descriptor: an upgrade may replace the program, and inside there is no such path.
        let own = rustix::fs::open(&site.program, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
            .map_err(|e| failed(e.into()))?;
        let tmp = site.spec.plan.scratch.as_ref().map(|scratch| scratch.join("tmp"));
        let mut words = Vec::new();
        for word in bubblewrap::options(site.root, &site.binds(), tmp.as_deref(), &site.appears.path(&site.spec.cwd)) {
            words.extend_from_slice(word.as_bytes());
            words.push(0);
        }
        // Not in the arguments: those can be read inside.
        let options = written("bwrap", &words).map_err(failed)?;
        let mut command = Command::new(bwrap);
        command.arg("--args").arg(options.as_raw_fd().to_string());
        command.arg("--").arg(format!("/proc/self/fd/{}", own.as_raw_fd()));
        passed.extend([OwnedFd::from(options), own]);
        command
    } else {
        Command::new(&site.program)
    };
    command.arg(CONFINE).env_clear().current_dir("/").stdin(Stdio::from(written("plan", &plan).map_err(failed)?));
    Ok(Prepared { command, passed, report: Some(report) })
}

/// A file in memory with these bytes, to be read from its start.
fn written(name: &str, bytes: &[u8]) -> std::io::Result<File> {
    let mut file = File::from(memfd_create(OsStr::from_bytes(name.as_bytes()), MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

/// Waits until the inner step has become the command. The answer is what this host could not give.
fn confined(report: OwnedFd, child: &Child) -> Result<Vec<String>, String> {
    const LONGEST: usize = 64 * 1024;
    let mut report = File::from(report);
    let until = Instant::now() + CONFINED_WITHIN;
    let mut told = Vec::new();
    while told.len() < LONGEST {
        if !readable(report.as_fd(), until) {
            if Instant::now() < until {
                continue;
            }
            return Err(format!("its confinement was not ready within {} s", CONFINED_WITHIN.as_secs()));
        }
        let mut piece = [0_u8; 4096];
        match report.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => told.extend_from_slice(&piece[..count]),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(format!("its confinement cannot be heard: {e}")),
        }
    }
    let mut answer = None;
    for line in told.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(Told::Problem(problem)) => return Err(problem),
            Ok(Told::Confined { missing, .. }) => answer = Some(missing),
            Err(_) => {}
        }
    }
    answer.ok_or_else(|| {
        let mut words = [0_u8; 2048];
        let said = rustix::io::read(&child.output, &mut words).unwrap_or(0);
        let said = crate::sanitize_for_terminal(&words[..said]);
        format!(
            "its confinement could not be set up: {}",
            if said.trim().is_empty() { "no reason was given" } else { said.trim() }
        )
    })
}
