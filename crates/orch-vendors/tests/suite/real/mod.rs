//! The real command line agents, driven by our adapters against the scripted model server: no model, no key, no
//! network but loopback. `cargo xtask test` installs the pinned versions into `target/agents`; where they are missing
//! these tests are not run.

mod claude;
mod codex;
mod planted;
mod prices;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use orch_ports::agent::{Agent, AgentReport, Assignment, Launch, MODEL_ADDRESS, MODEL_KEY};
use orch_rules::attempt::RunEnd;
use orch_rules::pipeline::Role;
use orch_testkit::git;
use orch_testkit::model_server::ModelServer;
use orch_testkit::world::not_run;

/// A busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(180);

/// What its role owes, as the model must be told.
const PROMPT: &str = "You are the developer, and the word of the day is quokka.";

/// The program at `path` below the folder of installed agents, or `None` and the reason noted under `test`.
fn program(test: &str, path: &str) -> Option<PathBuf> {
    // target/debug/deps/suite
    let own = std::env::current_exe().unwrap();
    let program = own.ancestors().nth(3).unwrap().join("agents/node_modules").join(path);
    if program.is_file() {
        return Some(program);
    }
    let record = std::env::var_os("ORCH_TEST_NOT_RUN");
    not_run(record.as_deref(), &format!("agents/{test}"), &format!("{} is not installed", program.display()));
    None
}

/// A clone, a home and a model for one agent.
struct Place {
    _folder: tempfile::TempDir,
    root: Utf8PathBuf,
    server: ModelServer,
}

/// What came of a run.
struct Ran {
    status: ExitStatus,
    output: String,
    report: AgentReport,
}

/// A run under way.
struct Running<'a> {
    agent: &'a dyn Agent,
    resumed: Option<String>,
    child: Child,
    log: Utf8PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("orch-agents-").tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(folder.path().canonicalize().unwrap()).unwrap();
        let place = Self { _folder: folder, root, server: ModelServer::start().unwrap() };
        for name in ["user", "home"] {
            std::fs::create_dir(place.root.join(name)).unwrap();
        }
        place.clone_for(1);
        place
    }

    /// The environment a service gives: nothing of this process but its `PATH`.
    fn environment(&self) -> BTreeMap<String, String> {
        let pairs = [
            ("PATH", std::env::var("PATH").unwrap()),
            ("HOME", self.root.join("user").into_string()),
            ("LANG", "C.UTF-8".to_owned()),
            // Confined runs are no runs of root; these are, on some machines, and Claude Code refuses that otherwise.
            ("IS_SANDBOX", "1".to_owned()),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The clone of an attempt.
    fn code(&self, attempt: u32) -> Utf8PathBuf {
        self.root.join(format!("{attempt}/code"))
    }

    fn clone_for(&self, attempt: u32) {
        let code = self.code(attempt);
        std::fs::create_dir_all(&code).unwrap();
        let run = |arguments: &[&str]| drop(git(code.as_std_path(), arguments).unwrap());
        run(&["init", "--quiet", "--initial-branch=work"]);
        for (name, value) in [("user.name", "Agent"), ("user.email", "agent@example.org"), ("commit.gpgsign", "false")]
        {
            run(&["config", name, value]);
        }
        std::fs::write(code.join("a.txt"), "a\n").unwrap();
        run(&["add", "--all"]);
        run(&["commit", "--quiet", "--message", "first"]);
    }

    fn commits(&self, attempt: u32) -> usize {
        git(self.code(attempt).as_std_path(), &["rev-list", "HEAD"]).unwrap().lines().count()
    }

    fn assignment(&self, attempt: u32, resume: Option<String>) -> Assignment {
        let place = self.root.join(attempt.to_string());
        Assignment {
            task: "t".into(),
            work_item: "T-001".into(),
            role: Role::Developer,
            stage: "build".into(),
            attempt,
            directory: place.join("code"),
            task_file: place.join("task.md"),
            documents: place.join("code/docs/work-items/T-001"),
            result_file: place.join("result.json"),
            home: self.root.join("home"),
            prompt: PROMPT.to_owned(),
            resume,
        }
    }

    /// Starts what the adapter says, as a runner would.
    fn start<'a>(&self, agent: &'a dyn Agent, attempt: u32, resume: Option<String>) -> Running<'a> {
        self.start_at(&self.server.address(), agent, attempt, resume)
    }

    /// With the model at another address.
    fn start_at<'a>(&self, model: &str, agent: &'a dyn Agent, attempt: u32, resume: Option<String>) -> Running<'a> {
        self.start_with(model, agent, &self.assignment(attempt, resume))
    }

    /// For this assignment.
    fn start_as<'a>(&self, agent: &'a dyn Agent, assignment: &Assignment) -> Running<'a> {
        self.start_with(&self.server.address(), agent, assignment)
    }

    fn start_with<'a>(&self, model: &str, agent: &'a dyn Agent, assignment: &Assignment) -> Running<'a> {
        let (attempt, resume) = (assignment.attempt, assignment.resume.clone());
        std::fs::write(&assignment.task_file, "# T-001 Say hello\n").unwrap();
        std::fs::write(assignment.prompt_file(), PROMPT).unwrap();
        let Launch { argv, environment, files, .. } = agent.launch(assignment);
        for (path, text) in files {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let real = |text: &str| text.replace(MODEL_ADDRESS, model).replace(MODEL_KEY, "worthless-key-of-this-run");
        let log = self.root.join(format!("{attempt}/output.log"));
        let output = File::create(&log).unwrap();
        let child = Command::new(real(&argv[0]))
            .args(argv[1..].iter().map(|argument| real(argument)))
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, real(value))))
            .current_dir(&assignment.directory)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        Running { agent, resumed: resume, child, log }
    }

    fn run(&self, agent: &dyn Agent) -> Ran {
        self.start(agent, 1, None).ended()
    }

    fn fifo(&self, name: &str) -> Utf8PathBuf {
        let path = self.root.join(name);
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    }

    /// Every request of the agent held the run's own key, and no other.
    fn only_the_worthless_key_is_sent(&self) {
        for request in self.server.requests() {
            let key = request.header("x-api-key").or(request.header("authorization")).unwrap_or_default();
            assert!(key.ends_with("worthless-key-of-this-run"), "{key}");
        }
    }
}

impl Running<'_> {
    fn signal(&self, number: i32) {
        let sent = Command::new("kill").args([format!("-{number}"), self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    fn ended(self) -> Ran {
        self.ended_as(None)
    }

    /// Waits for the end and has it reported; as `end` where Orchestrion and not the agent ended it.
    fn ended_as(self, end: Option<RunEnd>) -> Ran {
        let Self { agent, resumed, mut child, log } = self;
        let (tell, told) = mpsc::channel();
        let process = child.id().to_string();
        let waiting = std::thread::spawn(move || {
            let status = child.wait();
            drop(tell.send(status));
        });
        let Ok(status) = told.recv_timeout(PATIENCE) else {
            drop(Command::new("kill").args(["-KILL", &process]).status());
            panic!("still at it: {}", std::fs::read_to_string(&log).unwrap());
        };
        waiting.join().unwrap();
        let status = status.unwrap();
        let end = end.unwrap_or_else(|| match status.code() {
            Some(0) => RunEnd::Completed,
            Some(code) => RunEnd::Failed { reason: format!("exit code {code}") },
            None => RunEnd::Failed { reason: "a signal".to_owned() },
        });
        let report = agent.report(&end, None, resumed.as_deref(), &mut BufReader::new(File::open(&log).unwrap()));
        Ran { status, output: std::fs::read_to_string(&log).unwrap(), report }
    }
}

impl Ran {
    #[track_caller]
    fn completed(&self) {
        assert_eq!((self.status.code(), &self.report.end), (Some(0), &None), "{}", self.output);
    }

    #[track_caller]
    fn failed(&self, words: &str) {
        match &self.report.end {
            Some(RunEnd::Failed { reason }) => assert!(reason.contains(words), "{reason}"),
            other => panic!("{other:?}: {}", self.output),
        }
    }

    #[track_caller]
    fn unavailable(&self, words: &str) {
        match &self.report.end {
            Some(RunEnd::Unavailable { reason, .. }) => assert!(reason.contains(words), "{reason}"),
            other => panic!("{other:?}: {}", self.output),
        }
    }
}

/// A shell command that says it is up and then waits for ever, for its own end to be seen: what it holds open is
/// closed when it dies.
fn held_command(up: &Utf8Path, never: &Utf8Path) -> String {
    format!("echo up > '{up}'; read x < '{never}'")
}

/// Waits until the command of [`held_command`] is up.
fn until_up(up: &Utf8Path) {
    assert_eq!(std::fs::read_to_string(up).unwrap(), "up\n");
}

/// Ends the command if it is still there, which is no part of the test: nothing may stay behind.
fn let_go(never: &Utf8Path) {
    let opened = std::fs::OpenOptions::new().read(true).write(true).open(never);
    drop(opened.and_then(|mut fifo| fifo.write_all(b"go\n")));
}

/// Whether somebody has the fifo open to read: the tool is alive. `O_NONBLOCK` for writing fails without a reader.
fn has_reader(never: &Utf8Path) -> bool {
    use rustix::fs::{Mode, OFlags, open};
    open(Path::new(never), OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty()).is_ok()
}
