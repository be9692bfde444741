//! What every test stands on: a folder, a spec, a FIFO to wait on, a clock that ends hung tests.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use orch_run::{Confinement, Ended, Kind, Launched, Plan, RunDirectory, RunResult, Spec, StandardInput, launch, wait};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;

/// The longest any step may take; only a hung test comes near it.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// Runs `body` in a thread and fails the test if it takes longer than [`PATIENCE`].
pub fn in_time<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    let thread = std::thread::spawn(move || send.send(body()));
    match receive.recv_timeout(PATIENCE) {
        Ok(value) => value,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("not done within {PATIENCE:?}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(_) => panic!("the step ended without an answer"),
        },
    }
}

/// The program that acts as supervisor. It must be as new as the sources: `cargo test --test suite`
/// does not build examples, and a test of yesterday's supervisor proves nothing.
pub fn supervisor() -> PathBuf {
    const BUILD: &str = "build it with `cargo build -p orch-run --examples`";
    let own = std::env::current_exe().unwrap();
    let target = own.parent().and_then(Path::parent).unwrap();
    let program = target.join("examples/supervise");
    assert!(program.is_file(), "{} is missing: {BUILD}", program.display());
    let built = program.metadata().unwrap().modified().unwrap();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src", "src/supervisor", "src/confinement", "src/inner", "examples"] {
        for source in std::fs::read_dir(here.join(folder)).unwrap() {
            let source = source.unwrap();
            let metadata = source.metadata().unwrap();
            assert!(
                metadata.is_dir() || metadata.modified().unwrap() <= built,
                "{} is older than {}: {BUILD}",
                program.display(),
                source.path().display()
            );
        }
    }
    program
}

/// Notes that a test could not run on this machine.
pub fn not_run_here(name: &str, reason: &str) {
    println!("not run here: {name}: {reason}");
    if let Some(path) = std::env::var_os("ORCH_TEST_NOT_RUN") {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        writeln!(file, "{name}: {reason}").unwrap();
    }
}

/// A throw-away folder with `runs` (run directories) and `clone` (where agents work).
pub struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("runs")).unwrap();
        std::fs::create_dir(folder.path().join("clone")).unwrap();
        Self { folder }
    }

    pub fn runs(&self) -> PathBuf {
        self.folder.path().join("runs")
    }

    pub fn clone_path(&self) -> PathBuf {
        self.folder.path().join("clone")
    }

    /// An agent that is this shell script. Limits so wide that they never matter by themselves.
    pub fn script(&self, script: &str) -> Spec {
        self.command(&["sh", "-c", script])
    }

    pub fn command(&self, argv: &[&str]) -> Spec {
        Spec {
            kind: Kind::Agent,
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            cwd: self.clone_path(),
            env: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin:/usr/sbin".to_owned())]),
            stdin: StandardInput::Null,
            confinement: Confinement::None,
            plan: Plan::default(),
            stop: Vec::new(),
            companion: None,
            deadline_ms: 600_000,
            stall_ms: 0,
            stop_grace_ms: 60_000,
            before: Vec::new(),
            finish: Vec::new(),
            finish_deadline_ms: 600_000,
            result_file: None,
            output_cap_bytes: 1 << 20,
        }
    }

    pub fn create(&self, run_id: &str, spec: &Spec) -> RunDirectory {
        RunDirectory::create(&self.runs(), run_id, spec).unwrap()
    }

    pub fn start(&self, run_id: &str, spec: &Spec) -> RunDirectory {
        let run = self.create(run_id, spec);
        assert_eq!(launch(&run, &supervisor()).unwrap(), Launched::Started);
        run
    }

    /// Starts a run and waits for its result.
    pub fn finish(&self, spec: &Spec) -> (RunDirectory, RunResult) {
        let run = self.start("run-1", spec);
        let result = result(&run);
        (run, result)
    }

    /// A FIFO in the clone; the agent writes to it, the test reads.
    pub fn fifo(&self, name: &str) -> Fifo {
        let path = self.clone_path().join(name);
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        Fifo(path)
    }
}

pub struct Fifo(PathBuf);

impl Fifo {
    /// Waits until somebody has written and closed it again; what was written, trimmed.
    pub fn heard(&self) -> String {
        let path = self.0.clone();
        in_time(move || std::fs::read_to_string(path).unwrap().trim().to_owned())
    }

    pub fn heard_pid(&self) -> i32 {
        self.heard().parse().unwrap()
    }

    /// Lets an agent go on that reads it.
    pub fn open_gate(&self) {
        let path = self.0.clone();
        in_time(move || std::fs::write(path, "go\n").unwrap());
    }
}

pub fn ended(run: &RunDirectory) -> Ended {
    let run = run.clone();
    in_time(move || wait(&run).unwrap())
}

pub fn result(run: &RunDirectory) -> RunResult {
    match ended(run) {
        Ended::Finished(result) => result,
        lost @ Ended::Lost { .. } => panic!(
            "{lost:?}; supervisor.log: {}",
            std::fs::read_to_string(run.path().join("supervisor.log")).unwrap_or_default()
        ),
    }
}

pub fn output(run: &RunDirectory) -> Vec<u8> {
    run.read_output(0, usize::MAX).unwrap().bytes
}

pub fn started(run: &RunDirectory) -> Value {
    let bytes = std::fs::read(run.path().join("started.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

pub fn supervisor_pid(run: &RunDirectory) -> i32 {
    let pid = started(run)["supervisor"]["pid"].as_i64().unwrap();
    i32::try_from(pid).unwrap()
}

/// Whether a process runs. A zombie does not.
pub fn alive(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        let state = stat.rsplit_once(')').unwrap().1.trim_start();
        !state.starts_with(['Z', 'X'])
    })
}

pub fn kill(pid: i32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// How often a thread or process went to sleep so far.
pub fn sleeps(status_path: &str) -> u64 {
    std::fs::read_to_string(status_path)
        .unwrap()
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}
