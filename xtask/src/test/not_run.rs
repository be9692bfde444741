//! Tests that cannot run on this machine say so in a file.
//!
//! Each appends one line `name: reason` to the file named by `ORCH_TEST_NOT_RUN` and returns;
//! the harness counts it as passed, so we take it off again.

use std::path::Path;

use anyhow::{Context, Result};

/// Names that must run in CI: a machine that cannot run them is not fit to judge a change.
const REQUIRED_IN_CI: &[&str] = &[
    "tool/rustfmt",
    "tool/clippy",
    "tool/git",
    "tool/cc",
    "tool/unshare",
    "tool/mount",
    "tool/strace",
    "tool/bwrap",
    "tool/postgres",
    "store/postgres",
    "bare",
    "line",
    "hostile/L3",
    "hostile/L2",
];

/// Something that could not be run on this machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotRun {
    /// Its name; folders by slashes, such as `store/postgres/slot_below`.
    pub name: String,
    /// Why, in words for a person.
    pub reason: String,
}

impl NotRun {
    /// Whether CI must not accept this.
    pub fn required_in_ci(&self) -> bool {
        REQUIRED_IN_CI.iter().any(|prefix| {
            self.name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':', '_']))
        })
    }
}

/// What the tests wrote into `file`, sorted, each name once; nothing if there is no such file.
///
/// # Errors
/// If the file is there and cannot be read.
pub fn read(file: &Path) -> Result<Vec<NotRun>> {
    match std::fs::read(file) {
        Ok(bytes) => Ok(parse(&String::from_utf8_lossy(&bytes))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

fn parse(text: &str) -> Vec<NotRun> {
    let mut all: Vec<NotRun> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            // The colon that ends the name is followed by a space; `a::b` inside it is not.
            let (name, reason) = line.split_once(": ").unwrap_or((line, "no reason given"));
            NotRun { name: name.trim().to_owned(), reason: reason.trim().to_owned() }
        })
        .collect();
    all.sort();
    all.dedup_by(|a, b| a.name == b.name);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_name_and_a_reason() {
        let all = parse("store::b: no server: none\n\nstore::a: x\nstore::a: x\nodd\n");
        let shown: Vec<_> = all.iter().map(|entry| (entry.name.as_str(), entry.reason.as_str())).collect();
        assert_eq!(shown, [("odd", "no reason given"), ("store::a", "x"), ("store::b", "no server: none")]);
    }

    #[test]
    fn no_file_means_everything_ran() {
        assert_eq!(read(Path::new("/nonexistent/not-run")).unwrap(), []);
    }

    #[test]
    fn ci_wants_the_named_set() {
        let named = |name: &str| NotRun { name: name.to_owned(), reason: String::new() }.required_in_ci();
        assert!(named("store/postgres/guards"));
        assert!(named("store/postgres"));
        assert!(named("store/postgres::guards"));
        assert!(!named("store/postgresql_17"));
        assert!(named("hostile/L3/hostile_files") && !named("hostile/L0/hostile_files"));
        assert!(named("line/anthropic/walk") && !named("lines/anthropic"));
        assert!(!named("web/browser"));
    }
}
