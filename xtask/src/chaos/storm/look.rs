//! The look from outside at everything that was accepted in a storm.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

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
        self.outcome.counts.insert("accepted", self.orders.values().flatten().count());
        self.outcome.counts.insert("tasks", tasks.len());
        self.outcome.counts.insert("landed", landed);
        self.outcome.counts.insert("held", tasks.iter().filter(|task| held(task)).count());
        self.outcome.violations.append(&mut violations);
        Ok(())
    }

    /// Attempts that began twice.
    fn twice(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.sandbox.folder())?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !(name.starts_with("ran") && name.ends_with(".log")) {
                continue;
            }
            let mut seen = BTreeSet::new();
            for line in fs::read_to_string(entry.path())?.lines() {
                if !seen.insert(line.to_owned()) {
                    found.push(format!("the attempt {line} ran twice"));
                }
            }
        }
        Ok(found)
    }

    /// Every task is on its main once, and every tip is whole.
    fn landed(&self, tasks: &[Value], violations: &mut Vec<String>) -> Result<usize> {
        let mut all = 0;
        for repository in ["repository", "other"] {
            let forge = format!("state/forge/{repository}.git");
            self.sandbox.git(&["fsck", "--connectivity-only", "--no-dangling"], &forge)?;
            let format = "--format=%H %(trailers:key=Refs,valueonly,separator=%x2C)";
            let log = self.sandbox.git(&["log", "--first-parent", format, "main"], &forge)?;
            let tested = fs::read_to_string(self.sandbox.path("tested.log")).unwrap_or_default();
            let mut ids = Vec::new();
            for (commit, id) in log.lines().filter_map(|line| line.split_once(' ')).filter(|(_, id)| !id.is_empty()) {
                if !tested.lines().any(|line| line == commit) {
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
