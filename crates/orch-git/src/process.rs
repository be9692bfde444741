//! One git process: its own process group, fed and read without blocking each other, stopped at a time limit.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process_group, prlimit};

use crate::error::{Error, Result};

/// More than any answer this crate asks for; a stop for an answer somebody else can make grow.
const ANSWER_LIMIT: usize = 256 << 20;

/// How long a look at a ref, or its move, may take on a very slow machine.
const QUICK: Duration = Duration::from_secs(60);

/// What a git process may use. Its children have the same limits, each for itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes of memory of its own; files that it maps to read them do not count.
    pub memory: u64,
    /// Time of the processor, so that a slow machine is no reason.
    pub cpu: Duration,
}

impl Limits {
    /// For looking at what runs have made: more than any honest work needs, and less than would hurt the machine.
    pub const READING: Self = Self { memory: 1 << 30, cpu: Duration::from_secs(600) };
}

/// A git process to be started.
pub(crate) struct Call {
    command: Command,
    directory: PathBuf,
    arguments: Vec<OsString>,
    input: Vec<u8>,
    input_file: Option<File>,
    limit: Duration,
    limits: Option<Limits>,
    /// Bytes of the largest file it may write.
    largest_file: Option<u64>,
    running: Arc<Running>,
}

/// The gits of this process that have not ended, each with its children in a group of its own.
#[derive(Debug, Default)]
pub(crate) struct Running(Mutex<Groups>);

#[derive(Debug, Default)]
struct Groups {
    alive: HashSet<u32>,
    over: bool,
}

impl Running {
    fn groups(&self) -> MutexGuard<'_, Groups> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills every git that has not ended; none is started any more.
    pub(crate) fn end(&self) {
        let mut groups = self.groups();
        groups.over = true;
        for id in groups.alive.drain() {
            kill(id);
        }
    }

    /// To be called before its exit status is taken: afterwards the number may be somebody else's.
    pub(crate) fn forget(&self, child: &Child) {
        self.groups().alive.remove(&child.id());
    }
}

/// An ended git process.
pub(crate) struct Ended {
    pub code: Option<i32>,
    /// What ended it, if it did not end by itself.
    pub signal: Option<i32>,
    pub output: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Call {
    pub(crate) fn new(program: &Path, directory: &Path, limit: Duration, running: &Arc<Running>) -> Self {
        let mut command = Command::new(program);
        // A group of its own: a Ctrl-C at the terminal must not tear a landing, and a stop reaches all children.
        command.env_clear().current_dir(directory).process_group(0);
        Self {
            command,
            directory: directory.to_path_buf(),
            arguments: Vec::new(),
            input: Vec::new(),
            input_file: None,
            limit,
            limits: None,
            largest_file: None,
            running: Arc::clone(running),
        }
    }

    pub(crate) fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    pub(crate) fn without_env(mut self, key: &str) -> Self {
        self.command.env_remove(key);
        self
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_os_string());
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|a| a.as_ref().to_os_string()));
        self
    }

    /// A setting for this call alone, above the pinned ones.
    pub(crate) fn setting(mut self, key: &str, value: &str) -> Self {
        self.arguments.splice(0..0, ["-c".into(), format!("{key}={value}").into()]);
        self
    }

    pub(crate) fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// For a call whose work is over in a moment, whatever the repository: if it is not, something is broken.
    pub(crate) fn quick(mut self) -> Self {
        self.limit = self.limit.min(QUICK);
        self
    }

    /// The input is an open file instead.
    pub(crate) fn input_from(mut self, file: File) -> Self {
        self.input_file = Some(file);
        self
    }

    /// It may use so much.
    pub(crate) fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// No file that it or a child of it writes may be larger, in bytes.
    pub(crate) fn largest_file(mut self, bytes: u64) -> Self {
        self.largest_file = Some(bytes);
        self
    }

    /// It may use what it needs: the user's own repository is read, or the forge as a whole.
    pub(crate) fn without_limits(mut self) -> Self {
        self.limits = None;
        self
    }

    /// What is shown of the call in an error: short, and without credentials.
    pub(crate) fn shown(&self) -> String {
        let mut shown = String::from("git");
        for argument in &self.arguments {
            let argument = argument.to_string_lossy();
            shown.push(' ');
            shown.extend(argument.chars().take(200));
        }
        crate::error::scrub(&shown)
    }

    /// Starts the process for a conversation.
    pub(crate) fn start(mut self) -> Result<(Child, String, Duration)> {
        let shown = self.shown();
        let child = self.spawn()?;
        Ok((child, shown, self.limit))
    }

    fn spawn(&mut self) -> Result<Child> {
        let failed = |source| Error::io("run git in", &self.directory, source);
        let input = self.input_file.take().map_or_else(Stdio::piped, Stdio::from);
        self.command.args(&self.arguments).stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().map_err(failed)?;
        let memory = self.limits.map(|limits| (Resource::Data, limits.memory));
        let cpu = self.limits.map(|limits| (Resource::Cpu, limits.cpu.as_secs()));
        limit(&child, [memory, cpu, self.largest_file.map(|bytes| (Resource::Fsize, bytes))].into_iter().flatten());
        let mut groups = self.running.groups();
        if groups.over {
            drop(groups);
            stop(&mut child, &self.running);
            return Err(failed(std::io::Error::new(std::io::ErrorKind::Interrupted, "this process is ending")));
        }
        groups.alive.insert(child.id());
        drop(groups);
        Ok(child)
    }

    /// Runs to the end, whatever the exit code.
    pub(crate) fn run(self) -> Result<Ended> {
        let mut output = Vec::new();
        let shown = self.shown();
        let mut ended = self.stream(|chunk| {
            if output.len() + chunk.len() > ANSWER_LIMIT {
                return Err(Error::TooLarge { command: shown.clone(), limit: ANSWER_LIMIT });
            }
            output.extend_from_slice(chunk);
            Ok(())
        })?;
        ended.output = output;
        Ok(ended)
    }

    /// Runs to the end and gives the output; another exit code than 0 is an error.
    pub(crate) fn output(self) -> Result<Vec<u8>> {
        let shown = self.shown();
        let ended = self.run()?;
        if ended.code == Some(0) { Ok(ended.output) } else { Err(ended.failed(shown)) }
    }

    /// As [`Call::output`], as trimmed text.
    pub(crate) fn text(self) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.output()?).trim().to_owned())
    }

    /// As [`Call::output`], as text with its blanks.
    pub(crate) fn text_raw(self) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.output()?).into_owned())
    }

    /// Runs to the end, giving the output to `sink` as it comes.
    pub(crate) fn stream(mut self, mut sink: impl FnMut(&[u8]) -> Result<()>) -> Result<Ended> {
        let mut child = self.spawn()?;
        let fed = self.feed(&mut child, &mut sink);
        if fed.is_err() {
            stop(&mut child, &self.running);
        }
        let stderr = fed?;
        self.running.forget(&child);
        let status = child.wait().map_err(|source| Error::io("wait for git in", &self.directory, source))?;
        Ok(Ended { code: status.code(), signal: status.signal(), output: Vec::new(), stderr })
    }

    /// Writes the input and reads both outputs until both are closed.
    fn feed(&self, child: &mut Child, sink: &mut impl FnMut(&[u8]) -> Result<()>) -> Result<Vec<u8>> {
        let failed = |source| Error::io("talk to git in", &self.directory, source);
        let end = Instant::now() + self.limit;
        let mut stdin = child.stdin.take().filter(|_| !self.input.is_empty());
        let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
        if let Some(pipe) = &stdin {
            rustix::fs::fcntl_setfl(pipe, rustix::fs::OFlags::NONBLOCK).map_err(|e| failed(e.into()))?;
        }
        let mut written = 0;
        let mut words = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        while stdout.is_some() || stderr.is_some() {
            let ready = {
                let mut waiting = Vec::with_capacity(3);
                if let Some(pipe) = &stdout {
                    waiting.push((0, PollFd::new(pipe, PollFlags::IN)));
                }
                if let Some(pipe) = &stderr {
                    waiting.push((1, PollFd::new(pipe, PollFlags::IN)));
                }
                if let Some(pipe) = &stdin {
                    waiting.push((2, PollFd::new(pipe, PollFlags::OUT)));
                }
                let mut fds: Vec<_> = waiting.iter().map(|(_, fd)| fd.clone()).collect();
                if !wait(&mut fds, end).map_err(failed)? {
                    return Err(Error::TimedOut { command: self.shown(), limit: self.limit });
                }
                let mut ready = [false; 3];
                for ((which, _), fd) in waiting.iter().zip(&fds) {
                    ready[*which] = !fd.revents().is_empty();
                }
                ready
            };
            if ready[0]
                && let Some(pipe) = &mut stdout
            {
                match pipe.read(&mut buffer).map_err(failed)? {
                    0 => stdout = None,
                    count => sink(&buffer[..count])?,
                }
            }
            if ready[1]
                && let Some(pipe) = &mut stderr
            {
                match pipe.read(&mut buffer).map_err(failed)? {
                    0 => stderr = None,
                    // The end of a flood is kept: git's last words are the reason.
                    count => {
                        words.extend_from_slice(&buffer[..count]);
                        if words.len() > 128 << 10 {
                            words.drain(..words.len() - (64 << 10));
                        }
                    }
                }
            }
            if ready[2]
                && let Some(pipe) = &mut stdin
            {
                match pipe.write(&self.input[written..]) {
                    Ok(count) => written += count,
                    Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::Interrupted) => {}
                    // It stopped reading; why, it tells by its exit code.
                    Err(_) => written = self.input.len(),
                }
                if written == self.input.len() {
                    stdin = None;
                }
            }
        }
        Ok(words)
    }
}

impl Ended {
    /// It neither answered nor complained: for some questions that is the answer *no*.
    pub(crate) fn is_silent(&self) -> bool {
        let blank = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_whitespace);
        blank(&self.output) && blank(&self.stderr)
    }

    pub(crate) fn failed(&self, shown: String) -> Error {
        Error::failed(shown, self.code, &self.stderr)
    }
}

/// Limits a process that has just been started: it has not read a byte of anybody's work yet.
fn limit(child: &Child, limits: impl Iterator<Item = (Resource, u64)>) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let both = |value: u64| Rlimit { current: Some(value), maximum: Some(value) };
    for (resource, value) in limits {
        // It fails for a process that is over, and for one that has less already.
        let _ = prlimit(pid, resource, both(value));
    }
}

/// Waits until one of `fds` is ready (`true`) or the time is over (`false`).
fn wait(fds: &mut [PollFd<'_>], end: Instant) -> std::io::Result<bool> {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let left =
            Timespec { tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: left.subsec_nanos().into() };
        match poll(fds, Some(&left)) {
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits until `pipe` can be read; `false`: the time is over.
pub(crate) fn readable(pipe: &impl AsFd, end: Instant) -> std::io::Result<bool> {
    wait(&mut [PollFd::new(pipe, PollFlags::IN)], end)
}

/// Kills a git process with its children and takes its exit status.
pub(crate) fn stop(child: &mut Child, running: &Running) {
    kill(child.id());
    running.forget(child);
    let _ = child.wait();
}

fn kill(id: u32) {
    if let Some(group) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        // It may be gone already; what counts is the wait.
        let _ = kill_process_group(group, Signal::KILL);
    }
}
