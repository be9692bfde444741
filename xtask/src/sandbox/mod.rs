//! A throw-away repository on the line, and `orch up` in it: what a measurement or a crash starts from.

pub mod http;
pub mod proc;

use std::fs::OpenOptions;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;

use crate::{interrupt, process};

/// An agent that does no work: each role leaves the smallest document its gate accepts.
pub const NO_WORK: &str = include_str!("no_work_agent.sh");
/// The built-in line.
const PIPELINE: &str = include_str!("../../../crates/orch-rules/src/pipeline/default.toml");
/// A busy machine may be slow; a broken program must not hold us for ever.
const READY_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// Between two questions whether it is ready: short against what is measured.
const POLL: Duration = Duration::from_micros(200);

/// A repository made ready by `orch init`, with its own state folder and home.
pub struct Sandbox {
    folder: TempDir,
    binary: PathBuf,
}

impl Sandbox {
    /// Makes one for the program `binary`, an absolute path.
    ///
    /// # Errors
    /// If git or `orch init` fails; the message carries their words.
    pub fn new(binary: &Path) -> Result<Self> {
        Self::made(binary, "true", None)
    }

    /// The same with the shell script `agent` in every role, `test` as the test command, and a line that asks no human.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_agent(binary: &Path, agent: &str, test: &str) -> Result<Self> {
        let sandbox = Self::made(binary, test, Some(agent))?;
        sandbox.commit_file(".orch/pipeline.toml", &PIPELINE.replace("approval = true", "approval = false"))?;
        Ok(sandbox)
    }

    fn made(binary: &Path, test: &str, agent: Option<&str>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("orch-sandbox-").tempdir()?;
        let sandbox = Self { folder, binary: binary.to_owned() };
        std::fs::create_dir_all(sandbox.path("home"))?;
        sandbox.git(&["init", "--quiet", "--initial-branch=main", "repository"], "")?;
        std::fs::write(sandbox.path("repository/README.md"), "A throw-away repository.\n")?;
        sandbox.commit()?;
        let mut init = sandbox.orch();
        init.args(["init", "--yes", "--test", test]);
        if let Some(script) = agent {
            let file = sandbox.path("agent.sh");
            std::fs::write(&file, script)?;
            init.arg("--agent-command").arg(format!("/bin/sh {}", file.display()));
        }
        // `orch init --yes` commits as the person; here that is nobody else's name.
        sandbox.git(&["config", "user.name", "sandbox"], "repository")?;
        sandbox.git(&["config", "user.email", "sandbox@localhost"], "repository")?;
        process::read(&mut init)?;
        sandbox.commit()?;
        Ok(sandbox)
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves its folder on the disk, for a person to look at.
    pub fn keep(self) -> PathBuf {
        self.folder.keep()
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a git command in a folder of it says; the machine's own settings play no part.
    ///
    /// # Errors
    /// With git's words.
    pub fn git(&self, arguments: &[&str], folder: &str) -> Result<String> {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=sandbox", "-c", "user.email=sandbox@localhost"]).args(arguments);
        git.current_dir(self.path(folder));
        process::read(self.apart(&mut git))
    }

    /// Adds a file to the repository.
    ///
    /// # Errors
    /// If it cannot be written or committed.
    pub fn commit_file(&self, name: &str, text: &str) -> Result<()> {
        let path = self.path("repository").join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, text)?;
        self.commit()
    }

    /// Where the database will be; its folder exists.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn database(&self) -> Result<PathBuf> {
        std::fs::create_dir_all(self.path("state"))?;
        Ok(self.path("state/orch.db"))
    }

    /// The local forge.
    pub fn forge(&self) -> PathBuf {
        self.path("state/forge/repository.git")
    }

    /// Opens an issue with the service that runs.
    ///
    /// # Errors
    /// With the words of `orch new`.
    pub fn new_issue(&self, title: &str) -> Result<()> {
        process::read(self.orch().args(["new", title])).map(drop)
    }

    /// The board, for an error message.
    pub fn board(&self) -> String {
        process::read(self.orch().args(["board", "--all"])).unwrap_or_else(|error| error.to_string())
    }

    /// Runs a script on the repository and an empty folder; the time it says on its last line, in microseconds.
    ///
    /// # Errors
    /// If it fails or says no time.
    pub fn script(&self, script: &str, folder: &str) -> Result<Duration> {
        let scratch = self.path(folder);
        std::fs::create_dir_all(&scratch)?;
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", script, "script"]).arg(self.path("repository")).arg(&scratch);
        let said = process::read(self.apart(&mut shell))?;
        std::fs::remove_dir_all(&scratch)?;
        let micros = said.lines().last().unwrap_or_default().trim().parse().context("the script said no time")?;
        Ok(Duration::from_micros(micros))
    }

    fn commit(&self) -> Result<()> {
        self.git(&["add", "--all"], "repository")?;
        if !self.git(&["status", "--porcelain"], "repository")?.is_empty() {
            self.git(&["commit", "--quiet", "--message", "Measure"], "repository")?;
        }
        Ok(())
    }

    /// The command, in the repository.
    pub fn orch(&self) -> Command {
        let mut command = Command::new(&self.binary);
        self.apart(command.current_dir(self.path("repository")));
        command
    }

    /// Sets `command` apart from the caller's settings.
    fn apart<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let ours = |name: &str| name.starts_with("ORCH_") || name.starts_with("GIT_") || name.starts_with("XDG_");
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(ours) {
                command.env_remove(name);
            }
        }
        command.env("HOME", self.path("home")).env("GIT_CONFIG_NOSYSTEM", "1").env("ORCH_STATE_DIR", self.path("state"))
            // A run before the first one would be measured with it.
            .env("ORCH_BASE_CHECK_ENABLED", "false")
    }

    /// Starts `orch up`; returns once `/readyz` has answered 200.
    ///
    /// # Errors
    /// If it ends, or is not ready in time; the message carries its words.
    pub fn up(&self) -> Result<Running> {
        let mut running = self.start(self.orch())?;
        running.await_ready()?;
        Ok(running)
    }

    /// A second repository in the same state folder, a copy of the first one.
    ///
    /// # Errors
    /// With the words of git or of `orch init`.
    pub fn second(&self, id: &str, prefix: &str) -> Result<()> {
        self.git(&["clone", "--quiet", "repository", id], "")?;
        self.git(&["remote", "remove", "origin"], id)?;
        self.git(&["config", "user.name", "sandbox"], id)?;
        self.git(&["config", "user.email", "sandbox@localhost"], id)?;
        let mut init = self.orch();
        init.args(["init", "--yes", "--prefix", prefix, "--id", id, "--agent-command"]);
        init.arg(format!("/bin/sh {}", self.path("agent.sh").display())).arg(self.path(id));
        process::read(&mut init).map(drop)
    }

    /// Starts `orch up` with these variables and so many descriptors (0: as many as we have).
    ///
    /// # Errors
    /// As [`Self::up`].
    pub fn up_with(&self, variables: &[(&str, &str)], descriptors: u32) -> Result<Running> {
        let mut command = if descriptors == 0 {
            self.orch()
        } else {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", &format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"")]).arg(&self.binary);
            self.apart(shell.current_dir(self.path("repository")));
            shell
        };
        command.envs(variables.iter().copied());
        let mut running = self.start(command)?;
        running.await_ready()?;
        Ok(running)
    }

    /// The same under strace with these arguments.
    ///
    /// # Errors
    /// As `up`, or if there is no strace.
    pub fn up_traced(&self, strace: &[String]) -> Result<Running> {
        let mut running = self.start_traced(strace)?;
        running.await_ready()?;
        let traced = proc::children(running.child.id())?;
        running.pid = *traced.first().context("strace has no child")?;
        Ok(running)
    }

    /// The same without waiting for it to be ready: it may not live so long. [`Running::pid`] is strace.
    ///
    /// # Errors
    /// If there is no strace.
    pub fn start_traced(&self, strace: &[String]) -> Result<Running> {
        let mut command = Command::new("strace");
        command.args(strace).arg(&self.binary).current_dir(self.path("repository"));
        self.apart(&mut command);
        self.start(command).context("under strace")
    }

    fn start(&self, mut command: Command) -> Result<Running> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let log = self.path("log");
        let output = OpenOptions::new().create(true).append(true).open(&log)?;
        command.args(["up", "--port", &port.to_string()]).stdin(Stdio::null());
        command.stdout(output.try_clone()?).stderr(output).process_group(0);
        let start = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let registered = interrupt::Registered::new(child.id());
        let pid = child.id();
        Ok(Running { child, pid, port, start, ready_after: Duration::ZERO, log, _registered: registered })
    }
}

/// A running `orch up`; dropping it stops it.
pub struct Running {
    child: Child,
    /// The process of `orch` itself, whatever it was started through.
    pub pid: u32,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    start: Instant,
    /// From the start of the process to the first 200 of `/readyz`.
    pub ready_after: Duration,
    log: PathBuf,
    _registered: interrupt::Registered,
}

impl Running {
    /// Waits until `/readyz` answers 200.
    ///
    /// # Errors
    /// If it ends, or is not ready in time; the message carries its words.
    pub fn await_ready(&mut self) -> Result<()> {
        let said = |log: &Path| std::fs::read_to_string(log).unwrap_or_default().trim().to_owned();
        loop {
            if matches!(http::get(self.port, "/readyz", READY_LIMIT), Ok(200)) {
                self.ready_after = self.start.elapsed();
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("`orch up` ended with {status} and said: {}", said(&self.log));
            }
            if self.start.elapsed() > READY_LIMIT {
                bail!("`orch up` was not ready within {} s and said: {}", READY_LIMIT.as_secs(), said(&self.log));
            }
            std::thread::sleep(POLL);
        }
    }

    /// Whether the process that was started has ended.
    pub fn ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = |number: u32| i32::try_from(number).ok().and_then(Pid::from_raw);
        // Once it has ended, the number may be another's.
        if let Some(pid) = pid(self.pid).filter(|_| !self.ended()) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && start.elapsed() < STOP_LIMIT {
            std::thread::sleep(Duration::from_millis(5));
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            if let Some(group) = pid(self.child.id()) {
                let _ = kill_process_group(group, Signal::KILL);
            }
            let _ = self.child.wait();
        }
    }
}
