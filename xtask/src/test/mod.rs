//! `cargo xtask test`: the one test command.
//!
//! Formatting, lints and tidy count as one check each; the tests are counted by what the test
//! harness says. Three outcomes are counted: passed, failed, *not run here*.

mod agents;
mod apt;
mod browser;
mod libtest;
mod not_run;
mod postgres;
mod previous;
mod summary;
mod toolchain;
mod tools;

pub use apt::install;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::Result;
use clap::{Args, ValueEnum};

use self::summary::Summary;
use crate::{interrupt, process, root, tidy};

/// How many tests run at once, as the test harness reads it.
const THREADS: &str = "RUST_TEST_THREADS";

/// So many at least: whoever carries an issue waits for programs a good part of the time.
const LEAST_THREADS: usize = 3;

/// What to run.
#[derive(Args)]
pub struct Options {
    /// Run only these steps, as `--only` does.
    #[arg(value_enum)]
    steps: Vec<Step>,
    /// Run only this step; may be given more than once.
    #[arg(long, value_enum)]
    only: Vec<Step>,
    /// Only tests whose name contains one of these words, or any option of the test harness.
    /// Without `--only` no other step is run then.
    #[arg(last = true)]
    filter: Vec<String>,
}

/// One step of the test command.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// Formatting.
    Fmt,
    /// Lints.
    Clippy,
    /// Dependencies that nobody uses.
    Unused,
    /// Walls between crates, names, files, papers.
    Tidy,
    /// The programs that tests use: installed, or told why not.
    Tools,
    /// Every test, documentation tests included.
    Unit,
    /// The dashboard on a live line, driven by a real browser.
    Browser,
}

impl Options {
    fn wants(&self, step: Step) -> bool {
        match (self.only.is_empty() && self.steps.is_empty(), self.filter.is_empty()) {
            (false, _) => self.only.contains(&step) || self.steps.contains(&step),
            (true, false) => step == Step::Unit,
            (true, true) => true,
        }
    }
}

/// Runs the chosen steps and prints what came of it; the last line is the count.
///
/// # Errors
/// If the work cannot even begin (no checkout, no signal handlers, no temporary folder).
pub fn run(options: &Options) -> Result<ExitCode> {
    interrupt::watch()?;
    let root = root::find()?;
    let mut summary = Summary::default();

    if options.wants(Step::Fmt) {
        checked(&mut summary, "fmt", "rustfmt", "`cargo fmt --all` puts it right", |summary| {
            toolchain::ensure(summary, "rustfmt").then(|| cargo(&root, &["fmt", "--all", "--check"]))
        });
    }
    if options.wants(Step::Clippy) {
        checked(
            &mut summary,
            "clippy",
            "clippy",
            "the lints and their reasons stand in Cargo.toml and clippy.toml",
            |summary| {
                let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
                toolchain::ensure(summary, "clippy").then(|| cargo(&root, &arguments))
            },
        );
    }
    if options.wants(Step::Unused) {
        let advice = "take it out of that Cargo.toml";
        checked(&mut summary, "unused", "cargo-machete", advice, |summary| {
            let program = toolchain::machete(summary, &root)?;
            Some(process::stream(Command::new(program).current_dir(&root), |_| ()).map(|status| status.success()))
        });
    }
    if options.wants(Step::Tidy) {
        checked(&mut summary, "tidy", "tidy", "each line above says what to do", |_| Some(tidy::check(&root)));
    }
    let private = tempfile::Builder::new().prefix("orch-test-").tempdir()?;
    // Before the long build: what cannot be had is known at once.
    if (options.wants(Step::Tools) || options.wants(Step::Unit)) && !interrupt::happened() {
        tools(&mut summary, &root, private.path());
    }
    if options.wants(Step::Unit) && !interrupt::happened() {
        tests(&mut summary, &root, private.path(), &options.filter)?;
    }
    if options.wants(Step::Browser) && !interrupt::happened() {
        browser::run(&mut summary, &root, private.path());
    }
    if interrupt::happened() {
        // 128 + SIGINT, as a shell would say it.
        println!("\ninterrupted: what was started is stopped and removed");
        return Ok(ExitCode::from(130));
    }
    Ok(summary.finish(in_ci()))
}

/// Whether this is a CI machine, where nothing of the named set may be missing.
fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| matches!(value.as_str(), "true" | "1"))
}

/// Runs one step that counts as one check. `None` from `check`: its tool is missing, and the
/// summary already says why.
fn checked(
    summary: &mut Summary,
    name: &str,
    tool: &str,
    advice: &str,
    check: impl FnOnce(&mut Summary) -> Option<Result<bool>>,
) {
    if interrupt::happened() {
        return;
    }
    println!("── {name}");
    let start = Instant::now();
    match check(summary) {
        Some(Ok(true)) => summary.passed += 1,
        Some(Ok(false)) => summary.fail(format!("{name}: {advice}")),
        Some(Err(error)) => summary.fail(format!("{name}: {tool} could not be run: {error:#}")),
        None => {}
    }
    summary.time(name, start.elapsed());
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<bool> {
    let status = process::stream(Command::new(root::cargo()).args(arguments).current_dir(root), |_| ())?;
    Ok(status.success())
}

fn tools(summary: &mut Summary, root: &Path, private: &Path) {
    println!("── tools");
    let start = Instant::now();
    for tool in tools::ALL {
        tools::ensure(summary, tool, private);
    }
    agents::ensure(summary, root, "agents");
    summary.time("tools", start.elapsed());
}

fn tests(summary: &mut Summary, root: &Path, private: &Path, filter: &[String]) -> Result<()> {
    println!("── build");
    let start = Instant::now();
    let built = cargo(root, &["test", "--workspace", "--no-run"]);
    summary.time("build", start.elapsed());
    if interrupt::happened() {
        return Ok(());
    }
    match built {
        Ok(true) => {}
        Ok(false) => {
            summary.fail("build: it does not compile, so no test was run".to_owned());
            return Ok(());
        }
        Err(error) => {
            summary.fail(format!("build: {error:#}"));
            return Ok(());
        }
    }

    let not_run: PathBuf = private.join("not-run");

    println!("── postgres");
    let start = Instant::now();
    let cluster = postgres::start(summary, private);
    summary.time("postgres", start.elapsed());
    if interrupt::happened() {
        return Ok(());
    }

    println!("── previous release");
    let start = Instant::now();
    let previous = previous::ensure(summary, root);
    summary.time("previous", start.elapsed());
    if interrupt::happened() {
        return Ok(());
    }

    println!("── test");
    let start = Instant::now();
    let mut command = Command::new(root::cargo());
    command.args(["test", "--workspace", "--no-fail-fast"]).current_dir(root).env("ORCH_TEST_NOT_RUN", &not_run);
    if !filter.is_empty() {
        command.arg("--").args(filter);
    }
    if std::env::var_os(THREADS).is_none() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        command.env(THREADS, cores.max(LEAST_THREADS).to_string());
    }
    if let Some(cluster) = &cluster {
        command.env("ORCH_TEST_POSTGRES", cluster.url());
    }
    if let Some(previous) = previous {
        command.env("ORCH_TEST_PREVIOUS", previous);
    }
    let mut tally = libtest::Tally::default();
    let status = process::stream(&mut command, |line| tally.line(line));
    let outcome = tally.finish(status.as_ref().is_ok_and(std::process::ExitStatus::success));
    summary.time("test", start.elapsed());
    if let Err(error) = status {
        summary.fail(format!("test: {error:#}"));
    }
    if outcome.passed + outcome.failures.len() + outcome.ignored.len() == 0 && filter.is_empty() {
        summary.fail("test: not one test was found".to_owned());
    }
    let reported = not_run::read(&not_run)?;
    summary.tests(outcome, reported);

    let start = Instant::now();
    drop(cluster);
    summary.time("clean up", start.elapsed());
    Ok(())
}
