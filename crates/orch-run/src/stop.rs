//! Talking to a live supervisor: one line in, one line of JSON out.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::directory::CONTROL_KEY;
use crate::{Error, RunDirectory, RunState, durable};

/// Far above what a supervisor needs on a busy machine; it never waits for anybody.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
const LONGEST_ANSWER: u64 = 4096;

/// What became of a stop request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopRequest {
    /// The supervisor has taken it; the run ends within its grace. [`crate::wait`] tells how.
    Stopping,
    /// There is nothing to stop: not launched, finished or lost.
    NotRunning,
}

/// What a supervisor is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The agent runs.
    Running,
    /// The agent's tree is being stopped.
    Stopping,
    /// The finish commands run, or the result is being written.
    Finishing,
}

/// A supervisor's answer to `status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The run.
    pub run_id: String,
    /// What is going on.
    pub phase: Phase,
    /// Bytes of output so far.
    pub output_bytes: u64,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StopAnswer {
    pub(crate) stopping: bool,
}

/// Asks a run to stop. Returns when the supervisor has taken the request, not when the run is over.
/// Asking twice is the same as asking once.
///
/// # Errors
/// [`Error::NoAnswer`] if the run lives and does not answer, [`Error::Io`].
pub fn request_stop(directory: &RunDirectory) -> Result<StopRequest, Error> {
    match ask::<StopAnswer>(directory, "stop")? {
        Some(StopAnswer { stopping: true }) => Ok(StopRequest::Stopping),
        Some(_) => Err(no_answer(directory, "it refused to stop")),
        None => Ok(StopRequest::NotRunning),
    }
}

/// Asks a run what it is doing; `None` if it is not running.
///
/// # Errors
/// As [`request_stop`].
pub fn request_status(directory: &RunDirectory) -> Result<Option<Status>, Error> {
    ask(directory, "status")
}

fn ask<T: for<'de> Deserialize<'de>>(directory: &RunDirectory, request: &str) -> Result<Option<T>, Error> {
    let exchange = || {
        // A supervisor of an earlier release made none and asks for none.
        let key = durable::read(directory, CONTROL_KEY)?.unwrap_or_default();
        let request = format!("{request} {}", String::from_utf8_lossy(&key));
        let mut stream = UnixStream::connect(directory.short_socket_path())?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        stream.set_write_timeout(Some(ANSWER_WITHIN))?;
        stream.write_all(format!("{}\n", request.trim_end()).as_bytes())?;
        let mut line = String::new();
        let limited = std::io::Read::take(stream, LONGEST_ANSWER);
        BufReader::new(limited).read_line(&mut line)?;
        Ok::<_, std::io::Error>(line)
    };
    if directory.state()? != RunState::Running {
        return Ok(None);
    }
    match exchange() {
        Ok(line) => match serde_json::from_str(&line) {
            Ok(answer) => Ok(Some(answer)),
            // It may have ended between the connection and the answer.
            Err(_) if directory.state()? != RunState::Running => Ok(None),
            Err(_) => Err(no_answer(directory, "its answer was not understood")),
        },
        Err(_) if directory.state()? != RunState::Running => Ok(None),
        Err(error) => Err(no_answer(directory, &error.to_string())),
    }
}

fn no_answer(directory: &RunDirectory, problem: &str) -> Error {
    Error::NoAnswer { path: directory.path().to_owned(), problem: problem.to_owned() }
}
