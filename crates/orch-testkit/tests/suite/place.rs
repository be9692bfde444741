//! A repository with tasks' branches, and agents at work in shared clones of it, as the line has them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use orch_rules::pipeline::Role;
use orch_testkit::git;
use orch_testkit::scripted_agent::{Script, run_in};
use tempfile::TempDir;

/// A bare repository and the clones made of it.
pub struct Place {
    pub root: TempDir,
    attempts: u32,
}

/// What one attempt left.
pub struct Attempt {
    pub code: i32,
    pub said: String,
    pub clone: PathBuf,
    pub result: Option<serde_json::Value>,
}

/// One assignment.
pub struct Order<'a> {
    pub role: Role,
    pub id: &'a str,
    pub task_file: &'a str,
    pub script: &'a str,
    pub start: &'a str,
}

impl Place {
    /// With one commit on `main`: `README.md` and `src/a.txt`.
    pub fn new() -> Self {
        let place = Self { root: tempfile::tempdir().unwrap(), attempts: 0 };
        let source = place.path("source");
        fs::create_dir_all(source.join("src")).unwrap();
        fs::write(source.join("README.md"), "read me\n").unwrap();
        fs::write(source.join("src/a.txt"), "one\ntwo\n").unwrap();
        git(&source, &["init", "-q", "-b", "main"]).unwrap();
        identify(&source);
        git(&source, &["add", "."]).unwrap();
        git(&source, &["commit", "-q", "-m", "First"]).unwrap();
        place.adopt(&source);
        place
    }

    /// With the sample project on `main`.
    pub fn with_sample() -> Self {
        let place = Self { root: tempfile::tempdir().unwrap(), attempts: 0 };
        let sample = orch_testkit::sample::create(&place.path("source")).unwrap();
        place.adopt(&sample.directory);
        place
    }

    fn adopt(&self, source: &Path) {
        let source = source.to_str().unwrap();
        git(self.root.path(), &["clone", "-q", "--bare", source, "forge.git"]).unwrap();
        identify(&self.forge());
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn forge(&self) -> PathBuf {
        self.path("forge.git")
    }

    pub fn main(&self) -> String {
        git(&self.forge(), &["rev-parse", "main"]).unwrap()
    }

    /// A shared clone at `start` on a branch of its own that knows no other branch.
    pub fn clone_at(&self, start: &str, name: &str) -> PathBuf {
        let clone = self.path(name);
        let arguments = ["clone", "-q", "--shared", "--no-checkout", "forge.git", name];
        git(self.root.path(), &arguments).unwrap();
        git(&clone, &["checkout", "-q", "-b", "feature", start]).unwrap();
        git(&clone, &["remote", "remove", "origin"]).unwrap();
        git(&clone, &["branch", "-q", "-D", "main"]).unwrap();
        identify(&clone);
        clone
    }

    /// Clones, writes the task file and the script, and lets the agent work; its commits are fetched, like the line
    /// does it.
    pub fn attempt(&mut self, order: &Order<'_>) -> Attempt {
        self.attempt_in(order, &format!("stage-of-{}", order.role.name()))
    }

    /// [`Place::attempt`] in a stage of this name.
    pub fn attempt_in(&mut self, order: &Order<'_>, stage: &str) -> Attempt {
        self.attempts += 1;
        let number = self.attempts;
        let clone = self.clone_at(order.start, &format!("clone-{number}"));
        let environment = self.environment(order, stage, number);
        let mut out = Vec::new();
        let code = run_in(
            &clone,
            &|name| environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()),
            &mut out,
        );
        let reference = format!("HEAD:refs/attempts/{number}");
        git(&self.forge(), &["fetch", "-q", clone.to_str().unwrap(), &reference]).unwrap();
        let result = fs::read_to_string(self.path(&format!("result-{number}.json"))).ok();
        Attempt {
            code,
            said: String::from_utf8(out).unwrap(),
            clone,
            result: result.map(|text| serde_json::from_str(&text).unwrap()),
        }
    }

    /// The environment of an attempt; its files are written.
    pub fn environment(&self, order: &Order<'_>, stage: &str, number: u32) -> Vec<(String, String)> {
        let write = |name: &str, text: &str| {
            let path = self.path(&format!("{name}-{number}"));
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        [
            ("ORCH_ROLE", order.role.name().to_owned()),
            ("ORCH_STAGE", stage.to_owned()),
            ("ORCH_TASK_ID", order.id.to_owned()),
            ("ORCH_TASK_FILE", write("task.md", order.task_file)),
            ("ORCH_DOCS_DIR", format!("docs/work-items/{}", order.id)),
            ("ORCH_ATTEMPT", number.to_string()),
            ("ORCH_RESULT_FILE", self.path(&format!("result-{number}.json")).to_str().unwrap().to_owned()),
            ("ORCH_SCRIPT", write("script.toml", order.script)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// Lands a head as one commit on main, as the lane does. Returns the paths in conflict instead, if there are any.
    pub fn land(&self, head: &str) -> Result<String, Vec<String>> {
        let forge = self.forge();
        let main = self.main();
        match git(&forge, &["merge-tree", "--write-tree", "--name-only", &main, head]) {
            Ok(tree) => {
                let tree = tree.lines().next().unwrap();
                let commit = git(&forge, &["commit-tree", tree, "-p", &main, "-m", "Landed"]).unwrap();
                git(&forge, &["update-ref", "refs/heads/main", &commit, &main]).unwrap();
                Ok(commit)
            }
            Err(_) => {
                let base = git(&forge, &["merge-base", &main, head]).unwrap();
                let ours = git(&forge, &["diff", "--name-only", &base, &main]).unwrap();
                let theirs = git(&forge, &["diff", "--name-only", &base, head]).unwrap();
                Err(ours.lines().filter(|path| theirs.lines().any(|other| other == *path)).map(str::to_owned).collect())
            }
        }
    }
}

impl Attempt {
    pub fn git(&self, arguments: &[&str]) -> String {
        git(&self.clone, arguments).unwrap()
    }

    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    /// A file of the last commit.
    pub fn committed(&self, path: &str) -> String {
        self.git(&["show", &format!("HEAD:{path}")])
    }

    #[track_caller]
    pub fn done(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.said);
        self
    }
}

/// A task file as the line writes it.
pub fn task_file(id: &str, title: &str, rework: Option<&str>) -> String {
    let mut text = format!("---\nid: \"{id}\"\ntitle: {}\n---\n\n", serde_json::json!(title));
    text += &format!("# {id} {title}\n\n## Description\n\n```text\nPlease {title}.\n```\n");
    if let Some(rework) = rework {
        text += &format!("\n## Rework\n\nThis was sent back.\n\n```text\n{rework}\n```\n");
    }
    text += "\n## Documents so far\n\nNone.\n";
    text
}

/// A script with one play for every title.
pub fn everywhere(acts: &str) -> String {
    let text = format!("[[play]]\ntitle = \"*\"\n{acts}\n");
    Script::parse(&text).unwrap();
    text
}

/// The project's test command on a clean checkout, in a target folder shared by the calls of one test.
pub fn cargo_test(place: &Place, commit: &str, arguments: &[&str]) -> (bool, String) {
    let folder = place.path("checkout");
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    git(place.root.path(), &["clone", "-q", "--shared", "--no-checkout", "forge.git", "checkout"]).unwrap();
    git(&folder, &["checkout", "-q", "--detach", commit]).unwrap();
    let output = Command::new("cargo")
        .args(["test", "--offline", "--quiet"])
        .args(arguments)
        .current_dir(&folder)
        .env("CARGO_TARGET_DIR", place.path("target"))
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

fn identify(repository: &Path) {
    git(repository, &["config", "user.name", "Orchestrion"]).unwrap();
    git(repository, &["config", "user.email", "orch@example.invalid"]).unwrap();
}
