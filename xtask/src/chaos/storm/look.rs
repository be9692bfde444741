//! The look from outside at everything that was accepted in a storm.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::Result;
use serde_json::Value;

use super::{Storm, held};

impl Storm<'_> {
    /// What the service says of its tasks, what ran, and what is on both mains.
    pub(super) fn look(&mut self, tasks: &[Value]) -> Result<()> {
        let mut violations = Vec::new();
        let mut by_title: BTreeMap<String, usize> = BTreeMap::new();
        for task in tasks {
            *by_title.entry(task["title"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
            let id = task["id"].as_str().unwrap_or_default();
            if held(task) {
                violations.push(format!("{id} waits for a person: {}", task["waiting_on"]));
            } else if task["stage"] != "done" {
                violations.push(format!("{id} did not end: {} {}", task["stage"], task["waiting_on"]));
            }
            if task["retries"].as_u64().unwrap_or(0) > 0 {
                violations
                    .push(format!("{id} was sent back {} times: an agent's work was thrown away", task["retries"]));
            }
        }
        for (key, id) in &self.orders {
            let times = by_title.get(&format!("Storm {key}")).copied().unwrap_or(0);
            if times != 1 {
                violations.push(format!("{key} ({id:?}) is there {times} times"));
            }
        }
        violations.extend(self.twice()?);
        let landed = self.landed(tasks, &mut violations)?;
        self.outcome.levels = self.levels()?;
        self.outcome.counts.insert("accepted", self.orders.values().flatten().count());
        self.outcome.counts.insert("tasks", tasks.len());
        self.outcome.counts.insert("landed", landed);
        self.outcome.counts.insert("held", tasks.iter().filter(|task| held(task)).count());
        self.outcome.violations.append(&mut violations);
        Ok(())
    }

    /// Attempts that began twice since the last backup was put back.
    fn twice(&mut self) -> Result<Vec<String>> {
        let mut before = self.ran_before.clone();
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for attempt in self.said("ran ")? {
            if let Some(at) = before.iter().position(|earlier| *earlier == attempt) {
                before.swap_remove(at);
            } else if !seen.insert(attempt.clone()) {
                found.push(format!("the attempt {attempt} ran twice"));
            }
        }
        Ok(found)
    }

    /// What runs said on lines that begin so, one entry for each line; also of those whose directories went meanwhile.
    pub(super) fn said(&mut self, word: &str) -> Result<Vec<String>> {
        self.listen()?;
        let lines = self.heard.values().flat_map(|log| log.lines());
        Ok(lines.filter_map(|line| Some(line.strip_prefix(word)?.trim().to_owned())).collect())
    }

    /// Keeps what runs have said so far.
    pub(super) fn listen(&mut self) -> Result<()> {
        for folder in self.run_folders()? {
            let Ok(log) = fs::read(folder.join("output.log")) else { continue };
            let log = String::from_utf8_lossy(&log).into_owned();
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // A full disk costs its output and nothing else: the run of a test is called by the commit.
            let result = fs::read(folder.join("result.json")).unwrap_or_default();
            let green = serde_json::from_slice(&result).is_ok_and(|result: Value| result["end"]["exited"]["code"] == 0);
            if let (true, Some((_, commit))) = (green, name.split_once("-check-")) {
                self.green.insert(commit.chars().take_while(char::is_ascii_hexdigit).collect());
            }
            let heard = self.heard.entry(name).or_default();
            // One that was made anew is another one.
            *heard = if log.starts_with(heard.as_str()) { log } else { format!("{heard}{log}") };
        }
        Ok(())
    }

    fn run_folders(&self) -> Result<Vec<PathBuf>> {
        match fs::read_dir(self.sandbox.path("state/runs")) {
            Ok(listed) => Ok(listed.flatten().map(|entry| entry.path()).collect()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// Runs by the level they were confined to.
    fn levels(&self) -> Result<BTreeMap<String, usize>> {
        let mut found = BTreeMap::new();
        for folder in self.run_folders()? {
            let Ok(result) = fs::read(folder.join("result.json")) else { continue };
            let result: Value = serde_json::from_slice(&result)?;
            *found.entry(result["confinement"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
        Ok(found)
    }

    /// Every task is on its main once, and every tip is whole.
    fn landed(&mut self, tasks: &[Value], violations: &mut Vec<String>) -> Result<usize> {
        let mut all = 0;
        let tested: BTreeSet<String> = self.said("tested ")?.into_iter().collect();
        for repository in ["repository", "other"] {
            let forge = format!("state/forge/{repository}.git");
            self.sandbox.git(&["fsck", "--connectivity-only", "--no-dangling"], &forge)?;
            let format = "--format=%H %(trailers:key=Refs,valueonly,separator=%x2C)";
            let log = self.sandbox.git(&["log", "--first-parent", format, "main"], &forge)?;
            let mut ids = Vec::new();
            for (commit, id) in log.lines().filter_map(|line| line.split_once(' ')).filter(|(_, id)| !id.is_empty()) {
                if !tested.contains(commit) && !self.green.contains(&commit[..12.min(commit.len())]) {
                    violations.push(format!("{commit} ({id}) is on main of {repository} and was never tested"));
                }
                ids.push(id.trim());
            }
            all += ids.len();
            for task in tasks.iter().filter(|task| task["repository"] == repository && task["stage"] == "done") {
                let id = task["id"].as_str().unwrap_or_default();
                let times = ids.iter().filter(|landed| **landed == id).count();
                if times != 1 {
                    violations.push(format!("{id} is on main of {repository} {times} times"));
                }
            }
        }
        Ok(all)
    }
}
