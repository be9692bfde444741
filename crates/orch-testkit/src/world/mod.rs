//! A world for end-to-end tests: the real binary with a home, settings and a state folder of its own.
//!
//! ```text
//! let world = World::new(env!("CARGO_BIN_EXE_orch"), &|name| std::env::var(name).ok())?;
//! let sample = sample::create(&world.path("tally"))?;
//! world.run(&sample.directory, &["init", "--yes"])?.success();
//! let service = world.start(&sample.directory, &[])?;
//! let (status, body) = service.get("/queue")?;
//! service.stop()?;
//! ```

mod http;
mod leftovers;
mod not_run;
mod running;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

pub use not_run::not_run;
pub use running::Running;

/// Variables of the machine that programs need to find their tools; nothing else is let in.
const LET_IN: [&str; 6] = ["PATH", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "TMPDIR", "LD_LIBRARY_PATH"];

/// Why the world did not do what a test asked.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// A file, process or connection operation failed.
    #[error("cannot {doing}: {error}")]
    Io {
        /// What was being done.
        doing: String,
        /// Why not.
        error: std::io::Error,
    },
    /// The service ended before it was ready.
    #[error("the service ended before it was ready ({status})\n{output}")]
    NotReady {
        /// Exit status.
        status: String,
        /// What it wrote.
        output: String,
    },
    /// Something did not happen in time.
    #[error("{what} did not happen within {seconds} s\n{output}")]
    TooLate {
        /// What was awaited.
        what: String,
        /// How long.
        seconds: u64,
        /// What the program had written.
        output: String,
    },
}

impl WorldError {
    fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let doing = doing.into();
        move |error| Self::Io { doing, error }
    }
}

/// A temporary folder with a home, settings and state. Dropped: everything that still runs in it is ended, and the
/// folder is removed.
#[derive(Debug)]
pub struct World {
    root: TempDir,
    program: PathBuf,
    environment: BTreeMap<String, String>,
}

/// What a command wrote and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The command line, for messages.
    pub command: String,
    /// Exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Error output.
    pub stderr: String,
}

impl Output {
    /// Itself, if the exit code is `expected`.
    ///
    /// # Panics
    /// With everything the command wrote, otherwise.
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(
            self.code,
            Some(expected),
            "`{}` ended with {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.command,
            self.code,
            self.stdout,
            self.stderr
        );
        self
    }

    /// [`Output::code`] with 0.
    ///
    /// # Panics
    /// If the command failed.
    #[track_caller]
    pub fn success(self) -> Self {
        self.code(0)
    }
}

impl World {
    /// A new world for the binary `program`. `machine` reads the variables of the machine's environment that are let in
    /// (search path and tool chain).
    ///
    /// # Errors
    /// [`WorldError::Io`] if the folder cannot be made.
    pub fn new(program: impl Into<PathBuf>, machine: &dyn Fn(&str) -> Option<String>) -> Result<Self, WorldError> {
        let root = tempfile::Builder::new()
            .prefix("orch-world-")
            .tempdir()
            .map_err(WorldError::io("make a temporary folder"))?;
        let mut environment = BTreeMap::new();
        for name in LET_IN {
            environment.extend(machine(name).map(|value| (name.to_owned(), value)));
        }
        // The tool chain lies in the real home unless the machine says otherwise.
        if let Some(home) = machine("HOME") {
            for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
                let folder = Path::new(&home).join(folder);
                if folder.is_dir() {
                    environment.entry(name.to_owned()).or_insert_with(|| folder.to_string_lossy().into_owned());
                }
            }
        }
        let world = Self { root, program: program.into(), environment };
        for folder in [world.home(), world.state()] {
            std::fs::create_dir_all(&folder).map_err(WorldError::io(format!("make {folder:?}")))?;
        }
        let own = [("HOME", world.home()), ("ORCH_CONFIG", world.config()), ("ORCH_STATE_DIR", world.state())];
        let own = own.map(|(name, path)| (name.to_owned(), path.to_string_lossy().into_owned()));
        let plain = [("LC_ALL", "C.UTF-8"), ("NO_COLOR", "1"), ("GIT_CONFIG_NOSYSTEM", "1")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        // Scripts wait for files of the world, which a confined agent does not see. What confinement does is told by
        // tests of its own, and by worlds that take these away.
        let unconfined = [("ORCH_CONFINEMENT_LEVEL", "L0"), ("ORCH_CONFINEMENT_MIN", "L0")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        // The same for the test of the base branch, which would be a run before each story's own.
        let untested = [("ORCH_BASE_CHECK_ENABLED", "false")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut world = world;
        world.environment.extend(own.into_iter().chain(plain).chain(unconfined).chain(untested));
        Ok(world)
    }

    /// Sets a variable for every program that is started from now on.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Runs of this world are confined as the machine can; see [`World::new`].
    pub fn confined(&mut self) -> &mut Self {
        for name in ["ORCH_CONFINEMENT_LEVEL", "ORCH_CONFINEMENT_MIN"] {
            self.environment.remove(name);
        }
        self
    }

    /// The base branch is tested before work starts on it; see [`World::new`].
    pub fn base_checked(&mut self) -> &mut Self {
        self.environment.remove("ORCH_BASE_CHECK_ENABLED");
        self
    }

    /// A path in the world's folder, outside home and state.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// `HOME`.
    pub fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// `ORCH_CONFIG`: the host file, which need not exist.
    pub fn config(&self) -> PathBuf {
        self.path("home/.config/orch/host.toml")
    }

    /// `ORCH_STATE_DIR`.
    pub fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// The binary under test.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The binary with arguments, in `directory` and in this world's environment; not started yet.
    pub fn command(&self, directory: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(directory).args(arguments).stdin(Stdio::null());
        command.env_clear().envs(&self.environment);
        command
    }

    /// Runs the binary to its end.
    ///
    /// # Errors
    /// [`WorldError::Io`] if it cannot be started; an exit code is no error.
    pub fn run(&self, directory: &Path, arguments: &[&str]) -> Result<Output, WorldError> {
        let line = format!("{} {}", self.program.display(), arguments.join(" "));
        let output = self.command(directory, arguments).output().map_err(WorldError::io(format!("run `{line}`")))?;
        Ok(Output {
            command: line,
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Starts `orch up` on a free port, with further arguments, and returns once `/readyz` answers 200.
    ///
    /// # Errors
    /// [`WorldError::NotReady`] with what it wrote if it ends before; [`WorldError::TooLate`] after a minute.
    pub fn start(&self, directory: &Path, arguments: &[&str]) -> Result<Running, WorldError> {
        let port = free_port()?;
        let port_text = port.to_string();
        let mut all = vec!["up", "--port", &port_text];
        all.extend(arguments);
        Running::start(self.command(directory, &all), port, self.state())
    }

    /// Keeps the folder, for a look at what went wrong, and tells where it is. Nothing is ended.
    pub fn keep(mut self) -> PathBuf {
        self.root.disable_cleanup(true);
        self.root.path().to_owned()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        leftovers::end_all_that_name(self.root.path());
    }
}

/// A port of the loopback interface that nobody listened on a moment ago.
///
/// # Errors
/// [`WorldError::Io`] if there is none.
pub fn free_port() -> Result<u16, WorldError> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(WorldError::io("find a free port"))
}
