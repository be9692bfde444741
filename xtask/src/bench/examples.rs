//! Measurements that stand beside what they measure: `examples/bench.rs` of a crate.
//!
//! Such an example gets the wanted names as arguments (none: all) and prints one object a line:
//! `{"name":"advance","value":2400,"unit":"1/s","baseline":2700,"goals":[{"value_at_least":2000},
//! {"ratio_at_least":0.8}]}`. Other lines are for people and are passed on.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::figure::Figure;
use crate::{process, root};

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

fn metadata(root: &Path) -> Result<Metadata> {
    let answer = process::read(
        Command::new(root::cargo()).args(["metadata", "--format-version", "1", "--no-deps"]).current_dir(root),
    )?;
    serde_json::from_str(&answer).context("cargo metadata answered in another form")
}

/// Where cargo puts what it builds.
///
/// # Errors
/// If cargo fails.
pub fn target_folder(root: &Path) -> Result<PathBuf> {
    Ok(metadata(root)?.target_directory)
}

/// The packages that have such an example.
///
/// # Errors
/// If cargo fails.
pub fn packages(root: &Path) -> Result<Vec<String>> {
    Ok(with_bench(metadata(root)?))
}

fn with_bench(metadata: Metadata) -> Vec<String> {
    let has = |package: &Package| {
        package.targets.iter().any(|target| target.name == "bench" && target.kind.iter().any(|kind| kind == "example"))
    };
    metadata.packages.into_iter().filter(has).map(|package| package.name).collect()
}

/// Builds and runs the example of `package`.
///
/// # Errors
/// If it does not build, ends badly, or prints an object that is not a figure.
pub fn run(root: &Path, package: &str, names: &[String]) -> Result<Vec<Figure>> {
    let output = process::read(
        Command::new(root::cargo())
            .args(["run", "--quiet", "--release", "--package", package, "--example", "bench", "--"])
            .args(names)
            .current_dir(root),
    )?;
    let (figures, words) = parse(&output)?;
    words.iter().for_each(|line| eprintln!("{line}"));
    Ok(figures)
}

/// Makes a database with so many finished tasks at a path where there is none.
///
/// # Errors
/// If the store's example does not build or fails.
pub fn fill(root: &Path, tasks: u32, database: &Path) -> Result<()> {
    let mut example = Command::new(root::cargo());
    example.args(["run", "--quiet", "--release", "--package", "orch-store", "--example", "bench", "--", "--fill"]);
    example.arg(tasks.to_string()).arg(database).current_dir(root);
    process::read(&mut example).map(drop)
}

/// Makes a database old that nobody else uses: what its last finished task left, for so many further tasks, with the base
/// branch at a commit.
///
/// # Errors
/// If the store's example does not build or fails.
pub fn age(root: &Path, tasks: u32, database: &Path, main: &str) -> Result<()> {
    let mut example = Command::new(root::cargo());
    example.args(["run", "--quiet", "--release", "--package", "orch-store", "--example", "age", "--"]);
    example.arg(tasks.to_string()).arg(database).arg(main).current_dir(root);
    process::read(&mut example).map(drop)
}

fn parse(output: &str) -> Result<(Vec<Figure>, Vec<&str>)> {
    let (objects, words): (Vec<&str>, Vec<&str>) = output.lines().partition(|line| line.starts_with('{'));
    let figures = objects
        .into_iter()
        .map(|line| serde_json::from_str(line).with_context(|| format!("not a figure: {line}")))
        .collect::<Result<_>>()?;
    Ok((figures, words))
}

#[cfg(test)]
mod tests {
    use super::super::figure::Goal;
    use super::*;

    #[test]
    fn figures_and_words_are_told_apart() {
        let output = "warming up\n{\"name\":\"advance\",\"value\":2400,\"unit\":\"1/s\",\"baseline\":2700,\"goals\":[{\"value_at_least\":2000},{\"ratio_at_least\":0.8}]}\n";
        let (figures, words) = parse(output).unwrap();
        assert_eq!(words, ["warming up"]);
        assert_eq!(figures.len(), 1);
        assert_eq!(figures[0].goals, [Goal::ValueAtLeast(2000.0), Goal::RatioAtLeast(0.8)]);
        assert_eq!(figures[0].met(), Some(true));
        let error = parse("{\"name\":\"advance\"}").unwrap_err();
        assert!(format!("{error:#}").contains("not a figure"));
    }

    #[test]
    fn only_examples_named_bench_are_run() {
        let answer = r#"{"target_directory":"/t","packages":[
            {"name":"a","targets":[{"name":"bench","kind":["example"]}]},
            {"name":"b","targets":[{"name":"bench","kind":["bin"]},{"name":"x","kind":["example"]}]}]}"#;
        assert_eq!(with_bench(serde_json::from_str(answer).unwrap()), ["a"]);
    }
}
