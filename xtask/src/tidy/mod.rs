//! `cargo xtask tidy`: holds the walls between crates, names, files and papers.
//!
//! Every rule is a function on texts or on a dependency graph and has a test with a good and a
//! bad input; only this file touches the tree.

mod deps;
mod files;
mod graph;
mod modules;
mod names;
mod papers;
mod purity;
mod source;
mod types;
mod words;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::root;

/// Something a rule does not allow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Path from the repository's root.
    path: String,
    /// Line, from 1; 0 if the whole file is meant.
    line: usize,
    /// Short name of the rule.
    rule: &'static str,
    /// What is wrong and what to do.
    words: String,
}

impl Violation {
    fn new(path: &str, line: usize, rule: &'static str, words: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, rule, words: words.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: [{}] {}", self.path, self.line.max(1), self.rule, self.words)
    }
}

/// A text file of the tree.
#[derive(Debug, Clone)]
pub struct File {
    /// Path from the repository's root, with slashes.
    path: String,
    /// Its contents.
    text: String,
}

impl File {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }
}

/// Runs every rule over the checkout and prints what it finds.
///
/// # Errors
/// If the tree or cargo's answers cannot be read.
pub fn run() -> Result<ExitCode> {
    Ok(if check(&root::find()?)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs every rule over the tree at `root`, prints what it finds, and says whether all is well.
///
/// # Errors
/// If the tree or cargo's answers cannot be read.
pub fn check(root: &Path) -> Result<bool> {
    let files = read_tree(root)?;
    let graph = graph::read(root)?;
    let mut found = deps::check(&graph);
    let surroundings = words::surroundings(root);
    let mut declared = types::Declared::new();
    for file in &files {
        found.extend(check_file(file, &surroundings, &mut declared));
    }
    found.extend(types::check(&declared));
    found.extend(modules::check(&files));
    found.extend(papers::check(&files, &graph.crates()));
    found.sort();
    for violation in &found {
        println!("{violation}");
    }
    match found.len() {
        0 => println!("tidy: {} files, {} crates: all is well", files.len(), graph.crates().len()),
        count => println!("tidy: {count} to put right"),
    }
    Ok(found.is_empty())
}

fn check_file(file: &File, surroundings: &[String], declared: &mut types::Declared) -> Vec<Violation> {
    let mut found = words::check(file, surroundings);
    if file.path.ends_with(".rs") {
        let source = source::Source::parse(&file.text);
        found.extend(names::check(file, &source));
        types::note(file, &source, declared);
        found.extend(files::check(file, &source));
        found.extend(purity::check(file, &source));
    }
    found
}

/// Folders that hold nothing written by hand.
const SKIPPED: &[&str] = &["target", ".git", "node_modules"];

/// Kinds of file the rules read; `.ci/run` has no ending.
const ENDINGS: &[&str] =
    &["rs", "md", "toml", "txt", "sh", "sql", "html", "css", "js", "json", "yml", "yaml", "ftl", "service"];

fn read_tree(root: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from(root)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type()?;
            if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
                folders.push(entry.path());
            } else if kind.is_file() && is_text(&entry.path()) {
                // A text that is not UTF-8 is a fixture; a file gone since is another's work.
                if let Ok(text) = std::fs::read_to_string(entry.path()) {
                    files.push(File::new(&relative(root, &entry.path()), &text));
                }
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn is_text(path: &Path) -> bool {
    let ending = path.extension().and_then(std::ffi::OsStr::to_str);
    ending.is_some_and(|ending| ENDINGS.contains(&ending)) || path.ends_with(".ci/run")
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// The crate a path belongs to, such as `orch-git`; `None` outside `crates/`.
fn crate_of(path: &str) -> Option<&str> {
    path.strip_prefix("crates/")?.split('/').next()
}

/// Whether this file is only built for tests: a file or folder of its path, below the crate's own,
/// is named `tests` or `…_tests`.
fn is_test_file(path: &str) -> bool {
    let inside = crate_of(path).map_or(path, |krate| &path["crates/".len() + krate.len()..]);
    inside
        .split('/')
        .map(|part| part.strip_suffix(".rs").unwrap_or(part))
        .any(|name| name == "tests" || name.ends_with("_tests"))
}

/// Whether this file is production code of a crate (`xtask` is not part of the product).
fn is_production(path: &str) -> bool {
    crate_of(path).is_some_and(|krate| path["crates/".len() + krate.len()..].starts_with("/src/"))
        && !is_test_file(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_sorted_into_production_and_tests() {
        assert!(is_production("crates/orch-git/src/clone.rs"));
        assert!(!is_production("crates/orch-git/src/clone/tests.rs"));
        assert!(!is_production("crates/orch-git/tests/suite/main.rs"));
        assert!(!is_production("crates/orch-git/src/gate/gate_tests/mod.rs"));
        assert!(is_production("crates/orch-git/src/attests.rs"));
        assert!(!is_production("crates/orch-git/examples/bench.rs"));
        assert!(!is_production("xtask/src/main.rs"));
        assert!(is_test_file("crates/orch-git/tests/suite/main.rs"));
        assert_eq!(crate_of("crates/orch-git/src/lib.rs"), Some("orch-git"));
        assert_eq!(crate_of("docs/adr/0001-x.md"), None);
    }

    #[test]
    fn a_violation_can_be_clicked_on() {
        let violation = Violation::new("crates/a/src/b.rs", 0, "names", "say it otherwise");
        assert_eq!(violation.to_string(), "crates/a/src/b.rs:1: [names] say it otherwise");
    }

    #[test]
    fn the_tree_is_read_without_what_is_built() {
        let tree = tempfile::tempdir().unwrap();
        for path in ["target/x.rs", "src/a.rs", "src/b.png", ".ci/run"] {
            let path = tree.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let paths: Vec<String> = read_tree(tree.path()).unwrap().into_iter().map(|file| file.path).collect();
        assert_eq!(paths, [".ci/run", "src/a.rs"]);
    }
}
