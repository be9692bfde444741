//! A world with a repository on the line, and what tests ask of it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use orch_testkit::git;
use orch_testkit::sample::{self, TEST_COMMAND};
use orch_testkit::scripted_agent::Script;
use orch_testkit::world::{Running, World};
use serde_json::{Value, json};

/// For anything a test awaits: generous, for the machine may be busy with builds.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two questions to the service.
const BREATH: Duration = Duration::from_millis(100);
/// Who the small repository's commits are by.
const IDENTITY: [(&str, &str); 2] = [("user.name", "A User"), ("user.email", "user@example.org")];

/// A repository that a service may carry tasks in.
pub struct Carried {
    pub world: World,
    pub repository: PathBuf,
    /// Main's tip before anything was carried.
    pub base: String,
}

impl Carried {
    /// The sample project with its own test command.
    pub fn tally(script: &Script) -> Self {
        let world = world();
        let repository = world.path("tally");
        sample::create(&repository).unwrap();
        Self::set_up(world, repository, script, Some(TEST_COMMAND))
    }

    /// A repository of two files whose tests take no time.
    pub fn small(script: &Script) -> Self {
        Self::of_files(script, Some("sh test.sh"))
    }

    /// The same without a test command.
    pub fn untested(script: &Script) -> Self {
        Self::of_files(script, None)
    }

    fn of_files(script: &Script, test: Option<&str>) -> Self {
        let world = world();
        let repository = world.path("small");
        create_small(&repository);
        Self::set_up(world, repository, script, test)
    }

    /// Puts `repository`, which lies in `world`, on the line.
    pub fn set_up(world: World, repository: PathBuf, script: &Script, test: Option<&str>) -> Self {
        let file = world.path("script.toml");
        std::fs::write(&file, toml::to_string(script).unwrap()).unwrap();
        let agent = format!("/usr/bin/env ORCH_SCRIPT={} {} scripted-agent", file.display(), world.program().display());
        Self::by(world, repository, &agent, test)
    }

    /// The same with this command as every agent.
    pub fn by(world: World, repository: PathBuf, agent: &str, test: Option<&str>) -> Self {
        let mut arguments =
            vec!["init", "--yes", "--base", "main", "--id", "code", "--prefix", "IT", "--agent-command", agent];
        if let Some(test) = test {
            arguments.extend(["--test", test]);
        }
        world.run(&repository, &arguments).unwrap().success();
        let base = git(&repository, &["rev-parse", "main"]).unwrap();
        Self { world, repository, base }
    }

    /// Changes the repository's own settings: `from` in `.orch/orch.toml` becomes `to`, committed to main.
    pub fn amend_settings(&self, from: &str, to: &str) {
        let file = self.repository.join(".orch/orch.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{from:?} is not in\n{text}");
        std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
        git(&self.repository, &["commit", "--quiet", "--all", "--message", "Change the settings"]).unwrap();
    }

    /// Starts the service.
    pub fn up(&self) -> Up {
        Up(self.world.start(&self.repository, &[]).unwrap())
    }

    /// Runs the command in the repository; it must succeed.
    pub fn orch(&self, arguments: &[&str]) -> String {
        self.world.run(&self.repository, arguments).unwrap().success().stdout
    }

    /// Its bare repository: the forge.
    pub fn forge(&self) -> PathBuf {
        self.world.state().join("forge/code.git")
    }

    /// Commits on main's first-parent line after `base`, oldest first, with their whole messages.
    pub fn landed(&self) -> Vec<(String, String)> {
        let range = format!("{}..main", self.base);
        let listed =
            git(&self.forge(), &["log", "--first-parent", "--reverse", "--format=%H%x00%B%x01", &range]).unwrap();
        let commits = listed.split('\u{1}').map(str::trim).filter(|commit| !commit.is_empty());
        commits
            .filter_map(|commit| commit.split_once('\0'))
            .map(|(id, text)| (id.to_owned(), text.to_owned()))
            .collect()
    }

    /// The work items of [`Self::landed`], by the trailer of their commits.
    pub fn landed_items(&self) -> Vec<String> {
        let refs = |message: &str| {
            let lines = message.lines().filter_map(|line| line.strip_prefix("Refs: "));
            lines.map(str::to_owned).collect::<Vec<_>>().join("+")
        };
        self.landed().iter().map(|(_, message)| refs(message)).collect()
    }

    /// Runs `command` on an empty checkout of `commit` and gives its exit code.
    pub fn test_commit(&self, commit: &str, command: &str) -> Option<i32> {
        test_commit(&self.forge(), &self.world, commit, command)
    }

    /// A path that agents may wait for.
    pub fn signal(&self, name: &str) -> PathBuf {
        self.world.path(name)
    }

    /// Process ids of the agents at work in this world.
    pub fn agents(&self) -> Vec<u32> {
        let places = self.world.state().join("places");
        let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        processes
            .filter(|process| {
                let words = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
                let cwd = std::fs::read_link(process.path().join("cwd")).unwrap_or_default();
                words.windows(14).any(|part| part == b"scripted-agent") && cwd.starts_with(&places)
            })
            .filter_map(|process| process.file_name().to_str()?.parse().ok())
            .collect()
    }
}

/// A repository of two files with the test command `sh test.sh`.
pub fn create_small(repository: &Path) {
    std::fs::create_dir(repository).unwrap();
    std::fs::write(repository.join("README"), "A repository.\n").unwrap();
    std::fs::write(repository.join("test.sh"), "test -s README\n").unwrap();
    git(repository, &["init", "--quiet", "--template=", "--initial-branch", "main"]).unwrap();
    for (key, value) in IDENTITY {
        git(repository, &["config", key, value]).unwrap();
    }
    git(repository, &["add", "--all"]).unwrap();
    git(repository, &["commit", "--quiet", "--message", "First"]).unwrap();
}

/// Runs `command` on an empty checkout of `commit` of `repository` and gives its exit code.
pub fn test_commit(repository: &Path, world: &World, commit: &str, command: &str) -> Option<i32> {
    let checkout = world.path(&format!("checkout-{commit}"));
    if checkout.exists() {
        std::fs::remove_dir_all(&checkout).unwrap();
    }
    git(repository, &["clone", "--quiet", "--no-checkout", ".", checkout.to_str().unwrap()]).unwrap();
    git(&checkout, &["checkout", "--quiet", "--detach", commit]).unwrap();
    let status = std::process::Command::new("sh").args(["-c", command]).current_dir(&checkout).output().unwrap().status;
    std::fs::remove_dir_all(&checkout).unwrap();
    status.code()
}

/// A world of its own for the program under test.
pub fn world() -> World {
    World::new(env!("CARGO_BIN_EXE_orch"), &|name| std::env::var(name).ok()).unwrap()
}

/// A running service.
pub struct Up(pub Running);

impl Up {
    /// Opens a task that starts at once; its id.
    pub fn open(&self, title: &str) -> String {
        self.open_with(title, json!({}))
    }

    /// The same with further fields of the request.
    pub fn open_with(&self, title: &str, more: Value) -> String {
        let mut request =
            json!({"title": title, "description": format!("What is wanted is this: {title}. Nothing else.")});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, body) = self.0.post("/api/v1/tasks", &request.to_string()).unwrap();
        assert_eq!(status, 201, "{body}");
        let task: Value = serde_json::from_str(&body).unwrap();
        task["id"].as_str().unwrap().to_owned()
    }

    /// A command to a task, which must be accepted.
    pub fn command(&self, id: &str, command: Value) {
        let (status, body) = self.0.post(&format!("/api/v1/tasks/{id}/commands"), &command.to_string()).unwrap();
        assert!(status == 200 || status == 202, "{command} to {id}: {status} {body}");
    }

    /// Everything known of a task.
    pub fn task(&self, id: &str) -> Value {
        self.read(&format!("/api/v1/tasks/{id}"))
    }

    fn read(&self, path: &str) -> Value {
        let (status, body) = self.0.get(path).unwrap();
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Waits until a task is as `wanted`: each answer names the newest change, and the next question waits for another.
    #[track_caller]
    pub fn until(&self, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.task(id);
        while !wanted(&seen) {
            assert!(Instant::now() < deadline, "not in {PATIENCE:?}: {id} {what}; seen:\n{}", summary(&seen));
            // Not every step is a change: rows of the work table are claimed silently. So it is looked at each second.
            seen = self.read(&format!("/api/v1/tasks/{id}?wait=1&after={}", seen["change"]));
        }
        seen
    }

    /// Waits until the task asks for approval, and approves it.
    #[track_caller]
    pub fn approve(&self, id: &str) {
        self.until(id, "asks for approval", |task| waits(task, "human"));
        self.command(id, json!({"command": "approve"}));
    }

    /// Waits until the task is done.
    #[track_caller]
    pub fn done(&self, id: &str) -> Value {
        let task = self.until(id, "ends or stands still", |task| task["ended"] == true || waits(task, "held"));
        assert_eq!(task["stage"], "done", "{}", summary(&task));
        task
    }

    /// The whole log of an attempt.
    pub fn log(&self, id: &str, attempt: u64) -> String {
        let (status, body) = self.0.get(&format!("/api/v1/tasks/{id}/log?attempt={attempt}&max=1048576")).unwrap();
        assert_eq!(status, 200, "{body}");
        serde_json::from_str::<Value>(&body).unwrap()["text"].as_str().unwrap().to_owned()
    }
}

/// Whether the task waits for this kind of thing.
pub fn waits(task: &Value, kind: &str) -> bool {
    task["waiting_on"].as_array().unwrap().iter().any(|wait| wait["kind"] == kind)
}

/// Its attempts of this role, oldest first.
pub fn attempts_of(task: &Value, role: &str) -> Vec<Value> {
    task["attempt_list"].as_array().unwrap().iter().filter(|attempt| attempt["role"] == role).cloned().collect()
}

/// What a message needs of a task.
pub fn summary(task: &Value) -> String {
    let list = |name: &str| task[name].as_array().map_or(&[][..], Vec::as_slice);
    let told: Vec<String> =
        list("timeline").iter().map(|line| format!("  {} {}", line["rule"], line["text"])).collect();
    let (stage, waits, work) = (&task["stage"], &task["waiting_on"], &task["work"]);
    let red = list("checks").iter().rfind(|check| check["outcome"] != "passed").map(|check| &check["excerpt"]);
    format!("stage {stage}, waits {waits}\n{}\nlast red check {red:?}\nwork {work}", told.join("\n"))
}

/// Looks until there is an answer; `Err` says what is seen instead.
#[track_caller]
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = match look() {
            Ok(answer) => return answer,
            Err(seen) => seen,
        };
        assert!(Instant::now() < deadline, "not within {} s: {what}; seen:\n{seen}", PATIENCE.as_secs());
        std::thread::sleep(BREATH);
    }
}

/// An analyst who prints what it was told, and numbers its rounds in the document.
pub fn rounds() -> Script {
    script(
        r#"
        [[play]]
        title = "*"
        [[play.act]]
        role = "analyst"
        steps = [
          { say = "told: {rework}" },
          { document = "01-brd.md", text = "---\nwork_item: {id}\n---\n# Round {round}\n" },
        ]
        "#,
    )
}

/// A script from its text.
pub fn script(text: &str) -> Script {
    Script::parse(text).unwrap()
}
