//! The workshop and `LocalForge` under their contracts: a user's repository and a bare one beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use orch_git::{BranchName, Git, Origin};
use orch_ports::forge::Forge;
use orch_ports::workshop::{Workplace, Workshop};
use orch_rules::ids::{CommitId, TaskId};
use orch_testkit::contract;
use orch_testkit::fake::forge::Edit;
use orch_vendors::forge::local::LocalForge;
use orch_vendors::workshop::{GitWorkshop, Opening};

struct Bench {
    folder: tempfile::TempDir,
    workshop: GitWorkshop,
    forge: LocalForge,
}

/// Git as a user or an agent runs it, with none of the settings of this machine.
fn try_git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", "/nonexistent")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .args(["-c", "user.name=Uma", "-c", "user.email=uma@example.org", "-c", "protocol.file.allow=always"])
        .args(arguments)
        .output()
        .unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    try_git(folder, arguments).unwrap_or_else(|| panic!("git {arguments:?} failed"))
}

fn edit(folder: &Path, edits: &[Edit<'_>]) {
    for (name, text) in edits {
        let file = folder.join(name);
        match text {
            Some(text) => {
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, text).unwrap();
            }
            None => std::fs::remove_file(file).unwrap(),
        }
    }
}

pub fn commit(folder: &Path, edits: &[Edit<'_>], message: &str) -> CommitId {
    edit(folder, edits);
    git(folder, &["add", "--all"]);
    git(folder, &["commit", "--quiet", "--message", message]);
    CommitId(git(folder, &["rev-parse", "HEAD"]))
}

/// An agent in its clone.
pub fn work(place: &Workplace, edits: &[Edit<'_>], message: Option<&str>) {
    match message {
        Some(message) => drop(commit(place.directory.as_std_path(), edits, message)),
        None => edit(place.directory.as_std_path(), edits),
    }
}

/// An agent gives its clone another history.
pub fn rewrite(place: &Workplace) {
    let clone = place.directory.as_std_path();
    git(clone, &["checkout", "--quiet", "--orphan", "rewritten"]);
    git(clone, &["commit", "--quiet", "--message", "rewritten"]);
}

pub fn run_commands(place: &Workplace, commands: &[Vec<String>]) {
    for command in commands {
        let status = Command::new(&command[0]).args(&command[1..]).current_dir(&place.directory).status().unwrap();
        assert!(status.success(), "{command:?}");
    }
}

pub fn files(directory: &Utf8PathBuf) -> BTreeMap<String, String> {
    let (mut found, mut waiting) = (BTreeMap::new(), vec![directory.clone()]);
    while let Some(folder) = waiting.pop() {
        for entry in folder.read_dir_utf8().unwrap().map(Result::unwrap) {
            if entry.file_name() == ".git" {
            } else if entry.file_type().unwrap().is_dir() {
                waiting.push(entry.path().to_owned());
            } else {
                let name = entry.path().strip_prefix(directory).unwrap().to_string();
                found.insert(name, std::fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    found
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("orch vendors ü ").tempdir().unwrap();
        let source = folder.path().join("user");
        std::fs::create_dir(&source).unwrap();
        git(&source, &["init", "--quiet", "--initial-branch=main"]);
        let first: Vec<_> = contract::workshop::FIRST.iter().map(|(path, text)| (*path, Some(*text))).collect();
        commit(&source, &first, "first");
        let origin = Origin { source, base: BranchName::new("main").unwrap() };
        let program = Git::detect(std::env::var_os("PATH").unwrap()).unwrap();
        let bare = folder.path().join("state/forge.git");
        let opening = Arc::new(Opening::new(move || {
            let opened = orch_git::Forge::create_from(&program, origin.clone(), &bare, SystemTime::now());
            opened.map(|opened| opened.forge).map_err(|error| error.to_string())
        }));
        Self { folder, workshop: GitWorkshop::new(Arc::clone(&opening)), forge: LocalForge::new(opening) }
    }
    fn user(&self) -> PathBuf {
        self.folder.path().join("user")
    }
    fn bare(&self) -> PathBuf {
        self.folder.path().join("state/forge.git")
    }
    fn named(&self, name: &str) -> Option<CommitId> {
        try_git(&self.bare(), &["rev-parse", "--verify", "--quiet", name]).map(CommitId)
    }
}

impl contract::Bench for Bench {
    fn workshop(&self) -> &dyn Workshop {
        &self.workshop
    }
    fn forge(&self) -> &dyn Forge {
        &self.forge
    }
    fn merges(&self, branch: &str) {
        git(&self.user(), &["pull", "--quiet", "--ff-only", self.bare().to_str().unwrap(), branch]);
    }
    fn directory(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join("places").join(name)
    }
    fn work(&self, place: &Workplace, edits: &[Edit<'_>], message: Option<&str>) {
        work(place, edits, message);
    }
    fn rewrite(&self, place: &Workplace) {
        rewrite(place);
    }
    fn run_commands(&self, place: &Workplace, commands: &[Vec<String>]) {
        run_commands(place, commands);
    }
    fn user_commits(&self, edits: &[Edit<'_>], pulled: bool) -> CommitId {
        if pulled {
            git(&self.user(), &["pull", "--quiet", "--no-rebase", "--no-edit", self.bare().to_str().unwrap(), "main"]);
        }
        commit(&self.user(), edits, "by hand")
    }
    fn push(&self, branch: &str, edits: &[Edit<'_>]) -> CommitId {
        let copy = self.folder.path().join("person");
        git(self.folder.path(), &["clone", "--quiet", "--branch", branch, "state/forge.git", "person"]);
        let pushed = commit(&copy, edits, "by hand");
        git(&copy, &["push", "--quiet", "origin", &format!("HEAD:{branch}")]);
        pushed
    }
    fn branch(&self, name: &str) -> Option<CommitId> {
        self.named(&format!("refs/heads/{name}"))
    }
    fn archived(&self, task: &TaskId) -> Option<CommitId> {
        self.named(&format!("refs/orch/archive/{task}"))
    }
    fn files(&self, directory: &Utf8PathBuf) -> BTreeMap<String, String> {
        files(directory)
    }
}

#[test]
fn it_keeps_the_contract() {
    contract::run(contract::workshop::suite(), |_| Bench::new());
    contract::run(contract::forge::suite(), |_| Bench::new());
    contract::run(contract::forge::beside(), |_| Bench::new());
    contract::run(contract::branches::suite(), |_| Bench::new());
}
