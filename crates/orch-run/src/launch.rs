//! Starting a supervisor that outlives the process that asked for it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::fs::{Mode, OFlags, openat};

use crate::directory::SUPERVISOR_LOG;
use crate::supervisor::{Greeting, SUBCOMMAND, SUPERVISOR_VARIABLE};
use crate::{Error, RunDirectory, RunState};

/// Far above what a supervisor needs on a busy machine; a program that is none must not hold up who launches.
const GREETS_WITHIN: Duration = Duration::from_secs(60);

/// What a launch met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Launched {
    /// The run was started by this call; its supervisor holds the lock.
    Started,
    /// Somebody started it before and it is still running.
    AlreadyRunning,
    /// It is over; the result is there.
    AlreadyFinished,
    /// It was started before and was lost. It is not started again; see [`crate::wait`].
    Lost,
}

/// Starts the run unless it was ever started, and returns when its supervisor holds the lock.
/// However often and from however many processes it is called, the agent starts at most once.
///
/// `supervisor_program` is run as `program supervise <directory>` and must call
/// [`crate::supervise`] then. It gets none of our environment, `/` as its directory and none of our files,
/// and it is not our child: it leaves no zombie here, and our end is not its end (a container's or
/// a cgroup's end still is).
///
/// # Errors
/// [`Error::SupervisorFailed`] if the supervisor said no or died first: then nothing was started
/// and the launch may be repeated. [`Error::Io`].
pub fn launch(directory: &RunDirectory, supervisor_program: &Path) -> Result<Launched, Error> {
    match directory.state()? {
        RunState::NotLaunched => {}
        RunState::Running => return Ok(Launched::AlreadyRunning),
        RunState::Finished => return Ok(Launched::AlreadyFinished),
        RunState::Lost => return Ok(Launched::Lost),
    }
    let (mut log, log_start) = open_log(directory)?;
    let log_for_child = log.try_clone().map_err(|e| Error::io("open", directory.path().join(SUPERVISOR_LOG), e))?;
    let (ours, theirs) = UnixStream::pair().map_err(|e| Error::io("make a socket for", directory.path(), e))?;
    // The supervisor we start finds a socket as its standard input; by that it knows that it
    // must start itself once more as nobody's child, with the socket as standard output, and end.
    let started = Command::new(supervisor_program)
        .arg(SUBCOMMAND)
        .arg(directory.path())
        .env_clear()
        .env(SUPERVISOR_VARIABLE, directory.run_id())
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::from(log_for_child))
        .spawn();
    let mut between = started.map_err(|e| Error::io("start", supervisor_program, e))?;
    // We have nothing to say: a program that is no supervisor must not wait for our words.
    let _ = ours.shutdown(std::net::Shutdown::Write);
    let mut greeting = String::new();
    // The command above held the last copy of `theirs` here, so a dead supervisor is the end of file. One that greets
    // too late finds the socket closed and starts nothing.
    let read = ours
        .set_read_timeout(Some(GREETS_WITHIN))
        .and_then(|()| BufReader::new(ours.take(4096)).read_line(&mut greeting));
    let understood = serde_json::from_str(&greeting);
    if understood.is_err() {
        let _ = between.kill();
    }
    let waited = between.wait();
    let failed = |problem: String| Err(Error::SupervisorFailed { path: directory.path().to_owned(), problem });
    if read.as_ref().is_err_and(|e| matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)) {
        return failed(format!("it said nothing for {} s; is the machine overloaded?", GREETS_WITHIN.as_secs()));
    }
    waited.map(drop).and(read.map(drop)).map_err(|e| Error::io("hear from the supervisor of", directory.path(), e))?;
    match understood {
        Ok(Greeting::Started) => Ok(Launched::Started),
        Ok(Greeting::AlreadyRunning) => Ok(Launched::AlreadyRunning),
        Ok(Greeting::AlreadyFinished) => Ok(Launched::AlreadyFinished),
        Ok(Greeting::Lost) => Ok(Launched::Lost),
        Ok(Greeting::Refused(problem)) => failed(problem),
        Err(_) => failed(last_words(&mut log, log_start)),
    }
}

fn open_log(directory: &RunDirectory) -> Result<(File, u64), Error> {
    let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let path = || directory.path().join(SUPERVISOR_LOG);
    let file =
        openat(directory, SUPERVISOR_LOG, flags, Mode::RUSR | Mode::WUSR).map_err(|e| Error::io("open", path(), e))?;
    let file = File::from(file);
    let length = file.metadata().map_err(|e| Error::io("look at", path(), e))?.len();
    Ok((file, length))
}

/// What the supervisor wrote to its log since `from`, shortened.
fn last_words(log: &mut File, from: u64) -> String {
    let mut words = Vec::new();
    let read = log.seek(SeekFrom::Start(from)).and_then(|_| log.take(2048).read_to_end(&mut words));
    let words = crate::sanitize_for_terminal(&words);
    match read {
        Ok(_) if !words.trim().is_empty() => words.trim().to_owned(),
        _ => format!("it ended without a word; try it by hand and see whether it knows `{SUBCOMMAND}`"),
    }
}
