//! What must hold when all is over, looked at from outside: the answers of the service, the forge, the state folder,
//! the process table.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use super::life::Api;
use crate::process;
use crate::sandbox::Sandbox;

/// The sandbox's test command: no developer's work twice on main.
pub const TEST: &str = "test -s README.md && test \"$(cat work.txt 2>/dev/null | wc -l)\" -le 1";
/// The one repository's forge.
const FORGE: &str = "state/forge/repository.git";
/// Refs a forge has when nothing is under way.
const REFS: &str = "refs/heads/main\nrefs/orch/taken/main\nrefs/orch/upstream/main\n";
/// A process that ends by itself has so long.
const LAST_BREATH: Duration = Duration::from_secs(15);

/// The violations found so far.
#[derive(Debug, Default)]
pub struct Audit {
    /// In words; empty is good.
    pub violations: Vec<String>,
}

impl Audit {
    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, found: &T, wanted: &T) {
        if found != wanted {
            self.violations.push(format!("{what}: {found:?} instead of {wanted:?}"));
        }
    }

    fn none<T: std::fmt::Debug>(&mut self, what: &str, found: &[T]) {
        if !found.is_empty() {
            self.violations.push(format!("{what}: {found:?}"));
        }
    }

    /// What the running service says of the `task`; its attempts ended with these `outcomes`, oldest first.
    ///
    /// # Errors
    /// If the service does not answer.
    pub fn answers(&mut self, service: &Api<'_>, task: &Value, outcomes: &[&str]) -> Result<()> {
        let list = |name: &str| task[name].as_array().map_or(&[][..], Vec::as_slice);
        self.same("stage", &task["stage"].as_str(), &Some("done"));
        self.same("retries", &task["retries"].as_u64(), &Some(0));
        let attempts = list("attempt_list");
        let ended: Vec<&str> = attempts.iter().filter_map(|attempt| attempt["outcome"].as_str()).collect();
        self.same("outcomes of the attempts", &ended.as_slice(), &outcomes);
        let numbers: Vec<u64> = attempts.iter().filter_map(|attempt| attempt["number"].as_u64()).collect();
        self.same("numbers of the attempts", &numbers, &(1..=outcomes.len() as u64).collect());
        let booked: Vec<Option<u64>> = attempts.iter().map(|attempt| attempt["usage"]["runs"].as_u64()).collect();
        self.same("rows of usage of each attempt", &booked, &vec![Some(1); outcomes.len()]);
        let checks: Vec<&str> = list("checks").iter().filter_map(|check| check["outcome"].as_str()).collect();
        self.same("checks", &checks, &vec!["passed"; 2]);
        self.none("work left", list("work"));

        let all = service.get("/api/v1/tasks?ended=true")?;
        self.same("tasks", &all["tasks"].as_array().map(Vec::len), &Some(1));
        let queue = service.get("/queue")?;
        for state in ["queued", "running", "failed"] {
            self.same(&format!("{state} work"), &queue["jobs"][state].as_u64(), &Some(0));
        }
        self.same("lost wakes", &queue["reconcile"]["unblocked_total"].as_u64(), &Some(0));
        self.same("slots in use", &queue["agent_slots"]["used"].as_u64(), &Some(0));
        Ok(())
    }

    /// What is left on the disk and in the process table once the service has stopped.
    ///
    /// # Errors
    /// If it cannot be looked at.
    pub fn leftovers(&mut self, sandbox: &Sandbox, base: &str, task: &Value) -> Result<()> {
        self.none("processes left", &processes_after_a_while(sandbox.folder()));
        self.forge(sandbox, base, task)?;
        self.runs(sandbox, task)?;
        let state = sandbox.path("state");
        let mut files = Vec::new();
        below(&state.join("places"), &mut files)?;
        files.retain(|path| path.parent() != Some(&state.join("places")));
        self.none("places left", &files);
        let mut files = Vec::new();
        below(&state, &mut files)?;
        files.retain(|path| unfinished(path));
        self.none("files that were never finished", &files);
        // The copy is checked for integrity before it gets its name.
        let backup = sandbox.path("backup.db");
        if let Err(error) = process::read(sandbox.orch().arg("backup").arg(&backup)) {
            self.violations.push(format!("the database: {error:#}"));
        }
        Ok(())
    }

    fn forge(&mut self, sandbox: &Sandbox, base: &str, task: &Value) -> Result<()> {
        let id = task["id"].as_str().context("a task without an id")?;
        let range = format!("{base}..main");
        let log = sandbox
            .git(&["log", "--first-parent", "--format=%H %(trailers:key=Refs,valueonly,separator=+)", &range], FORGE)?;
        let landed: Vec<&str> = log.lines().collect();
        self.same("commits on main", &landed, &vec![&*format!("{} {id}", task["landed"].as_str().unwrap_or_default())]);
        let refs = sandbox.git(&["for-each-ref", "--format=%(refname)"], FORGE)?;
        // One for each database that has worked with it.
        let refs: String = refs.split_inclusive('\n').filter(|name| !name.starts_with("refs/orch/database/")).collect();
        self.same("refs of the forge", &refs, &REFS.to_owned());
        sandbox.git(&["fsck", "--strict", "--no-dangling"], FORGE)?;
        sandbox.git(&["clone", "--quiet", "--branch", "main", FORGE, "tip"], "")?;
        let mut test = std::process::Command::new("/bin/sh");
        if !process::succeeds(test.args(["-c", TEST]).current_dir(sandbox.path("tip"))) {
            self.violations.push("main's tip is red".to_owned());
        }
        let work = fs::read_to_string(sandbox.path("tip/work.txt")).unwrap_or_default();
        self.same("the developer's work on main", &work, &format!("no work {id}\n"));
        Ok(())
    }

    /// One run directory for each attempt and each check, each with a result unless it was lost.
    fn runs(&mut self, sandbox: &Sandbox, task: &Value) -> Result<()> {
        let list = |name: &str| task[name].as_array().map_or(&[][..], Vec::as_slice);
        let checks: Vec<&str> = list("checks").iter().filter_map(|check| check["id"].as_str()).collect();
        let prefix = checks.first().and_then(|check| check.split_once("-check-")).map_or("", |(prefix, _)| prefix);
        let mut wanted: BTreeSet<String> = checks.iter().map(|check| format!("{check}-1")).collect();
        wanted.extend(list("attempt_list").iter().map(|attempt| format!("{prefix}-{}", attempt["number"])));
        let mut found = BTreeSet::new();
        for run in fs::read_dir(sandbox.path("state/runs")).context("there are no runs")? {
            let name = run?.file_name().to_string_lossy().into_owned();
            // An attempt whose supervisor was killed is packed by a run of its own.
            let packs = name.split_once("-pack-").is_some_and(|(attempt, _)| wanted.contains(attempt));
            if !packs {
                found.insert(name);
            }
        }
        self.same("run directories", &found, &wanted);
        let lost = list("attempt_list").iter().filter(|attempt| attempt["outcome"] == "lost").count();
        let results = found.iter().filter(|run| sandbox.path("state/runs").join(run).join("result.json").is_file());
        self.same("runs with a result", &(results.count() + lost), &found.len());
        Ok(())
    }
}

/// A run directory may keep the hidden file of a writer that was killed: it goes when the directory goes.
fn unfinished(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let ends = [".unfinished", ".new", ".lock", ".tmp", "-journal", "service.json"];
    ends.iter().any(|end| name.ends_with(end)) || name.starts_with("tmp_") || name.starts_with("token.")
}

/// Files and folders below `folder`, without following links.
fn below(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        found.push(entry.path());
        if entry.file_type()?.is_dir() {
            below(&entry.path(), found)?;
        }
    }
    Ok(())
}

/// Processes that work in `folder` or name it, by number and command line.
pub fn processes(folder: &Path) -> Vec<(u32, String)> {
    let text = folder.display().to_string();
    let own = std::process::id();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let found = entries.filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let there = fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
        // One that has ended and was not waited for has no command line and no folder.
        (pid != own && (there || line.contains(&text))).then_some((pid, line))
    });
    found.collect()
}

fn processes_after_a_while(folder: &Path) -> Vec<(u32, String)> {
    let start = Instant::now();
    loop {
        let found = processes(folder);
        if found.is_empty() || start.elapsed() > LAST_BREATH {
            return found;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_a_violation() {
        let mut audit = Audit::default();
        audit.same("x", &1, &1);
        audit.none::<u8>("y", &[]);
        assert!(audit.violations.is_empty());
        audit.same("x", &1, &2);
        audit.none("y", &[3]);
        assert_eq!(audit.violations, ["x: 1 instead of 2", "y: [3]"]);
    }

    #[test]
    fn what_is_left_unfinished_is_known_by_its_name() {
        let left = ["a/service.json", "a/HEAD.lock", "a/tmp_obj_x", "a/token.51f3", "a/x.unfinished"];
        assert!(left.iter().all(|path| unfinished(Path::new(path))));
        assert!(!["a/lock", "a/token", "a/orch.db-wal"].iter().any(|path| unfinished(Path::new(path))));
    }

    #[test]
    fn a_process_is_found_by_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(processes(folder.path()), []);
        let mut child = std::process::Command::new("sleep").arg("60").current_dir(folder.path()).spawn().unwrap();
        let found: Vec<u32> = processes(folder.path()).into_iter().map(|(pid, _)| pid).collect();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found, [child.id()]);
    }
}
