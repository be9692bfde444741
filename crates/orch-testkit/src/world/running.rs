//! A running `orch up`.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use super::WorldError;
use super::http::request;

/// For starting and for stopping, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two questions whether it is ready, and for the last words of one that ended.
const BREATH: Duration = Duration::from_millis(50);

/// What the threads that read the service's output report.
enum Heard {
    /// A line that tells the address it listens on.
    Address,
    /// An output ended: the process has ended, or will.
    End,
}

/// A running service. Dropped: killed; its runs go on until the world is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    port: u16,
    state: PathBuf,
    output: Arc<Mutex<String>>,
    heard: Receiver<Heard>,
}

impl Running {
    /// Starts `command` and returns once `/readyz` answers 200. The sign to ask is a line with the address.
    pub(super) fn start(mut command: Command, port: u16, state: PathBuf) -> Result<Self, WorldError> {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(WorldError::io(format!("start `{command:?}`")))?;
        let output = Arc::new(Mutex::new(String::new()));
        let (tell, heard) = channel();
        let address = format!(":{port}");
        if let Some(stdout) = child.stdout.take() {
            listen(stdout, address.clone(), Arc::clone(&output), tell.clone());
        }
        if let Some(stderr) = child.stderr.take() {
            listen(stderr, address, Arc::clone(&output), tell);
        }
        let mut service = Self { child, port, state, output, heard };
        service.await_ready()?;
        Ok(service)
    }

    fn await_ready(&mut self) -> Result<(), WorldError> {
        let deadline = Instant::now() + PATIENCE;
        let left = || deadline.saturating_duration_since(Instant::now());
        match self.heard.recv_timeout(left()) {
            Ok(Heard::Address) => {}
            Err(RecvTimeoutError::Timeout) => return Err(self.too_late("a line with the address")),
            Ok(Heard::End) | Err(RecvTimeoutError::Disconnected) => {
                return self.ended_early(left());
            }
        }
        // It listens; until it is ready it says so itself, and each question waits for its answer.
        while !left().is_zero() {
            if self.get("/readyz").is_ok_and(|(status, _)| status == 200) {
                return Ok(());
            }
            if self.ends_within(BREATH)? {
                return self.ended_early(left());
            }
        }
        Err(self.too_late("/readyz answering 200"))
    }

    fn ended_early(&mut self, limit: Duration) -> Result<(), WorldError> {
        if !self.ends_within(limit)? {
            return Err(self.too_late("a line with the address"));
        }
        let status = self.child.wait().map_err(WorldError::io("wait for the service"))?;
        // What it wrote last is still on its way: the threads end with the outputs.
        while self.heard.recv_timeout(BREATH).is_ok() {}
        Err(WorldError::NotReady { status: status.to_string(), output: self.output() })
    }

    /// Waits for the end of the process, which the kernel tells, and says whether it came.
    fn ends_within(&self, limit: Duration) -> Result<bool, WorldError> {
        let Some(pid) = self.raw_pid() else {
            return Ok(true);
        };
        let doing = "watch the service's process";
        let watch = pidfd_open(pid, PidfdFlags::empty()).map_err(|error| WorldError::io(doing)(error.into()))?;
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
            match poll(&mut [PollFd::new(&watch, PollFlags::IN)], Some(&timeout)) {
                Ok(ready) => return Ok(ready > 0),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(WorldError::io(doing)(error.into())),
            }
        }
    }

    fn too_late(&self, what: &str) -> WorldError {
        WorldError::TooLate { what: what.to_owned(), seconds: PATIENCE.as_secs(), output: self.output() }
    }

    /// The port it listens on, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it wrote so far, both outputs, line by line.
    pub fn output(&self) -> String {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The access token, from the file `token` of the state folder.
    pub fn token(&self) -> Option<String> {
        std::fs::read_to_string(self.state.join("token")).ok().map(|text| text.trim().to_owned())
    }

    /// `GET path` with the token: status code and body.
    ///
    /// # Errors
    /// [`WorldError::Io`] if there is no answer.
    pub fn get(&self, path: &str) -> Result<(u16, String), WorldError> {
        self.request("GET", path, None)
    }

    /// `POST path` with the token and a JSON body: status code and body.
    ///
    /// # Errors
    /// [`WorldError::Io`] if there is no answer.
    pub fn post(&self, path: &str, json: &str) -> Result<(u16, String), WorldError> {
        self.request("POST", path, Some(json))
    }

    fn request(&self, method: &str, path: &str, body: Option<&str>) -> Result<(u16, String), WorldError> {
        request(self.port, method, path, self.token().as_deref(), body)
            .map_err(WorldError::io(format!("{method} {path} on port {}", self.port)))
    }

    /// Asks it to end (SIGTERM) and waits until it has. Runs go on.
    ///
    /// # Errors
    /// [`WorldError::TooLate`] if it does not end within a minute; it is killed then.
    pub fn stop(mut self) -> Result<ExitStatus, WorldError> {
        self.signal(Signal::TERM);
        if !self.ends_within(PATIENCE)? {
            return Err(self.too_late("the end of the service after SIGTERM"));
        }
        self.child.wait().map_err(WorldError::io("wait for the service"))
    }

    /// Kills it (SIGKILL), as a crash does, and waits until it is gone. Runs go on.
    ///
    /// # Errors
    /// [`WorldError::Io`] if it cannot be waited for.
    pub fn kill(mut self) -> Result<ExitStatus, WorldError> {
        self.signal(Signal::KILL);
        self.child.wait().map_err(WorldError::io("wait for the service"))
    }

    fn signal(&self, signal: Signal) {
        // Not yet waited for, so the id is still its own; an ended process takes a signal without an answer.
        if let Some(pid) = self.raw_pid() {
            let _ = kill_process(pid, signal);
        }
    }

    fn raw_pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only if it has ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Collects lines until the end and tells what it hears. The thread ends with the output.
fn listen(from: impl Read + Send + 'static, address: String, output: Arc<Mutex<String>>, tell: Sender<Heard>) {
    thread::spawn(move || {
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).into_owned();
            output.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            if text.contains(&address) {
                let _ = tell.send(Heard::Address);
            }
            line.clear();
        }
        let _ = tell.send(Heard::End);
    });
}
