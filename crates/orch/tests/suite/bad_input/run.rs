//! Running one row.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use super::{Row, With, snapshot, table};

/// Generous: the machine may be busy with builds.
const LIMIT: Duration = Duration::from_secs(120);

/// Shell words that a setup can use.
const PRELUDE: &str = r#"
set -eu
repository() {
    git init -q -b main
    git config user.name 'A User'
    git config user.email user@example.org
    echo Hello > README
    printf 'test:\n\ttrue\n' > Makefile
    git add . && git commit -q -m First
}
"#;

/// One row's own world: a home, a configuration and a state of its own, none of which exist yet but the home.
struct World {
    top: PathBuf,
    _folder: tempfile::TempDir,
}

pub fn row(case: &str) {
    let row = table().into_iter().find(|row| row.case == case).expect("a row of this name");
    let world = World::new();
    world.shell(&row.setup);
    let beside = Beside::start(row.with, &world);
    let port = beside.port().to_string();
    let fill = |text: &str| {
        text.replace("{top}", world.top.to_str().unwrap())
            .replace("{port}", &port)
            .replace("{enormous}", &"enormous ".repeat(12_000).replace(' ', "_"))
    };

    let before = snapshot::take(&world.top, &row.ignore);
    let ended = world.run(&row, &shlex::split(&fill(&row.command)).expect("a command"));
    let after = snapshot::take(&world.top, &row.ignore);
    drop(beside);

    let said = format!("\n--- stdout\n{}\n--- stderr\n{}", ended.stdout, ended.stderr);
    assert_eq!(ended.status.code(), Some(row.exit), "exit code; {said}");
    for (stream, texts) in [(&ended.stderr, &row.stderr), (&ended.stdout, &row.stdout)] {
        for text in texts {
            assert!(stream.contains(&fill(text)), "{text:?} is missing; {said}");
        }
    }
    for text in &row.lacks {
        assert!(!ended.stdout.contains(text) && !ended.stderr.contains(text), "{text:?} is there; {said}");
    }
    let mut changed = snapshot::difference(&before, &after);
    changed.retain(|path| !row.changed.contains(path));
    assert!(changed.is_empty(), "changed although it must not be: {changed:?}; {said}");
    for path in &row.changed {
        assert!(after.get(path) != before.get(path), "{path} should have changed; {said}");
    }
    if !row.then.is_empty() {
        assert_eq!(world.shell(&row.then), row.prints.trim_start_matches('\n'), "{said}");
    }
}

/// What a command said and how it ended.
struct Ended {
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Paths are compared with what git says, which resolves links.
        let top = folder.path().canonicalize().unwrap();
        std::fs::create_dir(top.join("home")).unwrap();
        std::fs::create_dir(top.join("repo")).unwrap();
        Self { top, _folder: folder }
    }

    fn command(&self, program: &str, folder: &str) -> Command {
        let orch = Path::new(env!("CARGO_BIN_EXE_orch"));
        let path = format!("{}:{}", orch.parent().unwrap().display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new(program);
        command
            .current_dir(self.top.join(folder))
            .env_clear()
            .env("PATH", path)
            .env("TOP", &self.top)
            .env("HOME", self.top.join("home"))
            .env("ORCH_CONFIG", self.top.join("config/host.toml"))
            .env("ORCH_STATE_DIR", self.top.join("state"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs shell lines in the repository's folder; what they print.
    fn shell(&self, lines: &str) -> String {
        let ended = self.command("sh", "repo").args(["-c", &format!("{PRELUDE}\n{lines}")]).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "the shell lines failed: {lines}\n{said}");
        String::from_utf8(ended.stdout).unwrap()
    }

    fn run(&self, row: &Row, words: &[String]) -> Ended {
        let (program, arguments) = words.split_first().expect("a program");
        let folder = row.folder.as_deref().unwrap_or("repo");
        let mut child = self.command(program, folder).args(arguments).spawn().unwrap();
        let stdout = lines(child.stdout.take().unwrap());
        let stderr = lines(child.stderr.take().unwrap());
        let mut said = String::new();
        if let Some(text) = &row.until {
            said = wait_for(&stderr, text, &mut child, &stdout);
            terminate(&child);
        }
        let status = end(&mut child);
        said.extend(stderr.iter());
        Ended { status, stdout: stdout.iter().collect(), stderr: said }
    }
}

/// Reads a stream line by line on a thread of its own; the channel closes with the stream.
fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            if send.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
            line.clear();
        }
    });
    receive
}

/// Reads until a line has `text`; everything that was read. `other` is told if it never comes.
fn wait_for(stream: &Receiver<String>, text: &str, child: &mut Child, other: &Receiver<String>) -> String {
    let deadline = Instant::now() + LIMIT;
    let mut said = String::new();
    while !said.contains(text) {
        match stream.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => said.push_str(&line),
            Err(_) => {
                let _gone = child.kill();
                let other: String = other.iter().collect();
                panic!("{text:?} never came: {said}\n--- the other stream\n{other}");
            }
        }
    }
    said
}

fn terminate(child: &Child) {
    let status = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// Waits for the end, with a limit: a test that hangs says nothing.
fn end(child: &mut Child) -> ExitStatus {
    let (send, watch) = mpsc::channel::<()>();
    let id = child.id().to_string();
    let watchdog = std::thread::spawn(move || {
        if watch.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
            let _gone = Command::new("kill").args(["-KILL", &id]).status();
        }
    });
    let status = child.wait().unwrap();
    drop(send);
    watchdog.join().unwrap();
    status
}

/// What runs beside the command, until it is dropped.
enum Beside {
    Nothing,
    Port(TcpListener),
    /// With what it says: as long as that is kept, its pipes are read and it never blocks.
    Service(Child, #[expect(dead_code, reason = "kept, not read")] [Receiver<String>; 2]),
}

impl Beside {
    fn start(with: Option<With>, world: &World) -> Self {
        match with {
            None => Self::Nothing,
            Some(With::Port) => Self::Port(TcpListener::bind("127.0.0.1:0").unwrap()),
            Some(With::Service) => {
                let mut service = world.command("orch", "repo");
                let mut child = service.args(["up", "--port", "0"]).spawn().unwrap();
                // It says where it listens once it does.
                let stdout = lines(child.stdout.take().unwrap());
                let stderr = lines(child.stderr.take().unwrap());
                wait_for(&stdout, "127.0.0.1:", &mut child, &stderr);
                Self::Service(child, [stdout, stderr])
            }
        }
    }

    fn port(&self) -> u16 {
        match self {
            Self::Port(listener) => listener.local_addr().unwrap().port(),
            _ => 0,
        }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if let Self::Service(child, _) = self {
            terminate(child);
            let _status = end(child);
        }
    }
}
