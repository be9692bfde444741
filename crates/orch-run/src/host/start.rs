//! Starting a host that outlives the service that needs it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::fs::{Mode, OFlags, openat};
use serde::{Deserialize, Serialize};

use super::{Home, LOG, SUBCOMMAND};
use crate::Error;

/// The argument by which [`Host`](super::Host) starts the process between: it calls [`start_again`] and ends.
pub const BETWEEN: &str = "--between";
/// The argument of the host that a service started; it calls [`super::serve`].
pub const FOR_SERVICE: &str = "--for-service";

/// Far above what a host needs on a busy machine.
const GREETS_WITHIN: Duration = Duration::from_secs(30);
const LONGEST_GREETING: u64 = 4096;
/// A host says little; an old log is not worth more.
const LOG_KEPT: u64 = 1 << 20;

/// Which program is the host when none answers, and all the environment it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Starter {
    /// Run as `program host`.
    pub program: PathBuf,
    /// Nothing is inherited. Holds no secret: it can be read for as long as the host lives.
    pub environment: BTreeMap<OsString, OsString>,
}

/// A new host's one line to who started it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Greeting {
    Ready,
    /// Another host lives in the folder.
    Taken,
    Refused(String),
}

/// Starts a host as nobody's child, in a session of its own; returns when it listens or says why not.
pub(super) fn start(home: &Home, starter: &Starter) -> Result<Greeting, Error> {
    let folder = home.make()?;
    let log = open_log(&folder).map_err(|e| Error::io("open", home.folder.join(LOG), e))?;
    let (ours, theirs) = UnixStream::pair().map_err(|e| Error::io("make a socket for", &home.folder, e))?;
    let mut between = Command::new(&starter.program)
        .args([SUBCOMMAND, BETWEEN])
        .env_clear()
        .envs(&starter.environment)
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::from(log))
        .spawn()
        .map_err(|e| Error::io("start", &starter.program, e))?;
    let mut line = String::new();
    let heard = ours
        .set_read_timeout(Some(GREETS_WITHIN))
        .and_then(|()| BufReader::new(ours.take(LONGEST_GREETING)).read_line(&mut line));
    let greeting = serde_json::from_str(&line);
    if greeting.is_err() {
        // It is no host, or hangs: it must not be waited for.
        let _ = between.kill();
    }
    let _ = between.wait();
    match (greeting, heard) {
        (Ok(greeting), _) => Ok(greeting),
        (Err(_), Err(error)) => Err(Error::io("hear from a host of", &home.folder, error)),
        (Err(_), Ok(_)) => Err(Error::Host {
            path: home.folder.clone(),
            problem: format!("the new one ended without a word; look at {}", home.folder.join(LOG).display()),
        }),
    }
}

fn open_log(folder: &OwnedFd) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let log = File::from(openat(folder, LOG, flags, Mode::RUSR | Mode::WUSR)?);
    if log.metadata()?.len() > LOG_KEPT {
        log.set_len(0)?;
    }
    Ok(log)
}

/// The process between: starts this program once more, as the host proper, with the socket it got as standard input
/// as standard output. Its caller ends then, so the host is nobody's child.
///
/// # Errors
/// With the system's words.
pub fn start_again() -> io::Result<()> {
    crate::supervisor::keep_inherited_files_from_children()?;
    let greeting_socket: OwnedFd = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    // Not by path: the program may be replaced by an upgrade at this very moment.
    let mut command = Command::new("/proc/self/exe");
    std::os::unix::process::CommandExt::arg0(&mut command, "orch");
    command.args([SUBCOMMAND, FOR_SERVICE]).stdin(Stdio::null()).stdout(Stdio::from(greeting_socket));
    // Not waited for on purpose: this process is about to exit.
    command.spawn().map(drop)
}

/// Says how it went to who started us, if that is a socket, and lets go of it.
pub(super) fn greet(greeting: &Greeting) {
    if let Ok(mut line) = serde_json::to_vec(greeting) {
        line.push(b'\n');
        let mut out = io::stdout();
        let _ = out.write_all(&line).and_then(|()| out.flush());
    }
    if let Ok(null) = File::options().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(&null);
    }
}
