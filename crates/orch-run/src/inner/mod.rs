//! The inner step: a process of this program that stands where the agent will stand, closes the doors behind itself
//! one by one, and becomes the agent.
//!
//! Its plan comes on standard input, so nothing of it can be seen in a list of processes, and it tells through a pipe
//! how far it came. The pipe's end without words is the agent's start.

mod files;
mod filter;
mod fork;
mod forward;
mod landlock;
mod network;
mod spaces;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use rustix::process::{Gid, Resource, Rlimit, Signal, Uid, getppid, set_parent_process_death_signal, setrlimit};
use serde::{Deserialize, Serialize};

pub(crate) use spaces::Spaces;

use crate::confinement::paths::Bind;
use crate::{Account, Confinement};

/// Whether runs of this level have a network of their own, with a companion on a unix socket; else a companion listens
/// on the host's loopback.
#[must_use]
pub fn private_network(level: Confinement) -> bool {
    level >= Confinement::Landlock
}

/// The hidden subcommand of the binary that must call [`confine`].
pub const CONFINE: &str = "confine";

/// What the inner step does, in the order it does it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Inner {
    pub(crate) level: Confinement,
    /// The descriptor to tell the supervisor with.
    pub(crate) report: RawFd,
    /// The descriptor of the terminal that the command is at.
    #[serde(default)]
    pub(crate) terminal: Option<RawFd>,
    /// The supervisor, if it is the parent: without it nothing starts.
    pub(crate) parent: Option<i32>,
    /// Namespaces to make first.
    pub(crate) spaces: Option<Spaces>,
    /// The network is a private one, made by us or by who started us.
    pub(crate) private_network: bool,
    /// Port of 127.0.0.1 that leads to the companion, and the descriptor of the companion's socket. Only in a private
    /// network.
    pub(crate) forward: Option<(u16, RawFd)>,
    /// The one port that may be reached in a network that is not private.
    pub(crate) port: Option<u16>,
    /// Soft and hard limits, by their number in setrlimit(2).
    pub(crate) limits: Vec<(Limit, u64)>,
    pub(crate) account: Option<Account>,
    pub(crate) cwd: PathBuf,
    pub(crate) paths: Vec<Bind>,
    /// What takes the place of the host's folders for temporary files, where nothing else keeps it from those.
    #[serde(default)]
    pub(crate) tmp: Option<PathBuf>,
    pub(crate) argv: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
}

/// What a level leaves the run of the host.
#[derive(Debug, Clone, Copy)]
struct Doors {
    /// It has the host's network.
    network: bool,
    /// It sees the host's processes.
    processes: bool,
}

impl Doors {
    fn of(inner: &Inner) -> Self {
        let own_processes = inner.spaces.as_ref().is_none_or(|spaces| spaces.processes);
        Self { network: !inner.private_network, processes: inner.level < Confinement::Bubblewrap || !own_processes }
    }
}

/// Limits of single processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Limit {
    Data,
    Processes,
    OpenFiles,
    FileSize,
    Core,
}

/// What the inner step tells: lines of JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Told {
    /// All doors are closed; what could not be given, one sentence each.
    Confined { missing: Vec<String>, private_network: bool },
    /// The agent was not started.
    Problem(String),
}

/// The main function of the inner step. Call it first thing in `main`, in a process without other threads; it returns
/// only if the agent could not be started, or with what `inside` has done: words behind [`crate::OWN`], and the
/// environment of the run.
#[must_use]
pub fn confine(inside: Inside) -> ExitCode {
    let mut plan = Vec::new();
    let read = std::io::stdin().read_to_end(&mut plan).map_err(|e| e.to_string());
    let Ok(Ok(inner)) = read.map(|_| serde_json::from_slice::<Inner>(&plan)) else {
        // By hand, or by something that is no supervisor: there is nobody to tell.
        return ExitCode::from(2);
    };
    drop(plan);
    let report = match own_descriptor(inner.report) {
        Ok(report) => File::from(report),
        Err(_) => return ExitCode::from(2),
    };
    let tell = |told: &Told| {
        if let Ok(mut line) = serde_json::to_vec(told) {
            line.push(b'\n');
            // One write: a line is whole or absent. Nobody is left to tell it to if it fails.
            let _ = (&report).write_all(&line);
        }
    };
    match start(&inner, &report, &tell) {
        Ok(words) => {
            // Its end without words is the start of the command.
            drop(report);
            inside(words, &inner.env)
        }
        Err(problem) => {
            tell(&Told::Problem(problem));
            ExitCode::from(1)
        }
    }
}

/// What this program does itself within a run.
pub type Inside = fn(&[String], &BTreeMap<String, String>) -> ExitCode;

/// The words for this program itself, if they begin with [`crate::OWN`]; else it does not return but with a problem.
fn start<'i>(inner: &'i Inner, report: &File, tell: &dyn Fn(&Told)) -> Result<&'i [String], String> {
    crate::supervisor::keep_inherited_files_from_children()
        .map_err(|e| format!("cannot look at /proc/self/fd: {e}"))?;
    let null = File::options().read(true).write(true).open("/dev/null").map_err(|e| format!("no /dev/null: {e}"))?;
    rustix::stdio::dup2_stdin(&null).map_err(|e| format!("cannot close standard input: {e}"))?;
    if let Some(spaces) = &inner.spaces {
        spaces::enter(spaces, inner, report, &null)?;
    }
    let mut missing = Vec::new();
    if let Some(tmp) = &inner.tmp
        && let Err(problem) = files::own_tmp(tmp, &inner.paths)
    {
        missing.push(format!("It shares /tmp with this host: {problem}."));
    }
    for (limit, value) in &inner.limits {
        limit_to(*limit, *value)?;
    }
    if let Some(account) = &inner.account {
        become_account(account)?;
    }
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    if let Some(parent) = inner.parent {
        // A change of account takes this order away from the kernel, so it is given again.
        set_parent_process_death_signal(Some(Signal::KILL)).map_err(|e| format!("cannot ask for our end: {e}"))?;
        if getppid().map(|pid| pid.as_raw_nonzero().get()) != Some(parent) {
            return Err("the supervisor is gone".to_owned());
        }
    }
    rustix::process::chdir(&inner.cwd)
        .map_err(std::io::Error::from)
        .map_err(|e| format!("cannot work in {}: {e}{}", inner.cwd.display(), whose(inner, &e)))?;
    if let Some((port, socket)) = inner.forward {
        if inner.private_network {
            forward::start(port, &own_descriptor(socket)?, report.as_fd(), &null)?;
        } else {
            return Err("its proxy listens on a socket and it has no network of its own to reach it in".to_owned());
        }
    }
    rustix::thread::set_no_new_privs(true).map_err(|e| format!("cannot give up new rights: {e}"))?;
    if inner.level >= Confinement::Shared {
        missing.extend(landlock::close(inner)?);
        filter::close(&Doors::of(inner))?;
    }
    tell(&Told::Confined { missing, private_network: inner.private_network });
    if let Some(terminal) = inner.terminal {
        own_descriptor(terminal).and_then(|terminal| {
            take_terminal(terminal.as_fd()).map_err(|e| format!("cannot work at the terminal: {e}"))
        })?;
    }
    let (program, arguments) = inner.argv.split_first().ok_or("there is no command to start")?;
    if program == crate::OWN {
        return Ok(arguments);
    }
    let error = Command::new(program).args(arguments).env_clear().envs(&inner.env).exec();
    Err(format!(
        "cannot start {program:?}: {error}; is it installed, executable and on the PATH of the run's environment?{}",
        whose(inner, &error)
    ))
}

/// Makes a terminal the one of this process, which must not lead a group of others: what it reads from, what it writes
/// to, and what sends its signals.
pub(crate) fn take_terminal(terminal: BorrowedFd<'_>) -> rustix::io::Result<()> {
    // It may lead a session already.
    let _ = rustix::process::setsid();
    rustix::process::ioctl_tiocsctty(terminal)?;
    rustix::stdio::dup2_stdin(terminal)?;
    rustix::stdio::dup2_stdout(terminal)?;
    rustix::stdio::dup2_stderr(terminal)
}

/// What to do when the account is the reason.
fn whose(inner: &Inner, error: &std::io::Error) -> String {
    use std::io::ErrorKind::{NotFound, PermissionDenied};
    if !matches!(error.kind(), PermissionDenied | NotFound) {
        return String::new();
    }
    let files = "a path outside of its reach is named in [confinement] read_only";
    match &inner.account {
        Some(account) => format!(
            " The run has the account `{}` and is confined ({}): that account must be able to get there; {files}",
            account.name,
            inner.level.name()
        ),
        None => format!(" The run is confined ({}): {files}", inner.level.name()),
    }
}

fn own_descriptor(number: RawFd) -> Result<OwnedFd, String> {
    #[expect(unsafe_code, reason = "a descriptor that the supervisor passed by its number")]
    // SAFETY: the number comes from the supervisor's plan, which left that descriptor open for us, and each number of
    // it is asked for once; whether it is open is asked before it is used.
    let passed = unsafe { OwnedFd::from_raw_fd(number) };
    match rustix::io::fcntl_setfd(&passed, rustix::io::FdFlags::CLOEXEC) {
        Ok(()) => Ok(passed),
        Err(error) => {
            // Nothing to close.
            let _ = passed.into_raw_fd();
            Err(format!("descriptor {number} was not passed: {error}"))
        }
    }
}

fn limit_to(limit: Limit, value: u64) -> Result<(), String> {
    let resource = match limit {
        Limit::Data => Resource::Data,
        Limit::Processes => Resource::Nproc,
        Limit::OpenFiles => Resource::Nofile,
        Limit::FileSize => Resource::Fsize,
        Limit::Core => Resource::Core,
    };
    // Never above what we have: raising is not ours to do.
    let most = rustix::process::getrlimit(resource).maximum.map_or(value, |most| most.min(value));
    setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
        .map_err(|e| format!("cannot limit {limit:?} to {value}: {e}"))
}

fn become_account(account: &Account) -> Result<(), String> {
    let failed = |e: rustix::io::Errno| format!("cannot take the account `{}`: {e}", account.name);
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    rustix::thread::set_thread_groups(&[]).map_err(failed)?;
    rustix::thread::set_thread_res_gid(gid, gid, gid).map_err(failed)?;
    rustix::thread::set_thread_res_uid(uid, uid, uid).map_err(failed)
}
