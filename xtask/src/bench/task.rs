//! A whole task whose agents do no work: what is left is Orchestrion and git.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::Bench;
use super::figure::{Figure, Goal, median};
use super::strace;
use crate::interrupt;
use crate::sandbox::{NO_WORK, Sandbox};

/// What a task needs of git, and nothing else.
const SCRIPT: &str = include_str!("no_work_task.sh");
/// Pairs of a task and a script; their medians are compared.
const PAIRS: u32 = 7;
/// No task takes so long.
const LIMIT: Duration = Duration::from_secs(60);
/// Between two looks at main.
const LOOK: Duration = Duration::from_micros(500);

/// `no_work_task`: from `orch new` to main, against the script, in pairs.
///
/// # Errors
/// If `orch` or the script fails.
pub fn against_script(bench: &Bench) -> Result<Vec<Figure>> {
    let sandbox = Sandbox::with_agent(bench.binary(), NO_WORK, "true")?;
    let _running = sandbox.up()?;
    let (mut tasks, mut scripts) = (Vec::new(), Vec::new());
    // The first pair warms both up.
    for pair in 0..=PAIRS {
        let task = land(&sandbox)?;
        let script = sandbox.script(SCRIPT, &format!("script-{pair}"))?;
        if pair > 0 {
            tasks.push(task.as_secs_f64() * 1e3);
            scripts.push(script.as_secs_f64() * 1e3);
        }
    }
    let median = |values| median(values).context("no pair was measured");
    let mut figure = Figure::new("no_work_task", median(tasks)?, "ms", Goal::RatioAtMost(1.5));
    figure.baseline = Some(median(scripts)?);
    Ok(vec![figure])
}

/// `task_git_processes` and `task_fsyncs`: counted over one task, under strace.
///
/// # Errors
/// If there is no strace, or the task fails.
pub fn counted(bench: &Bench) -> Result<Vec<Figure>> {
    let counts = second(&Sandbox::with_agent(bench.binary(), NO_WORK, "true")?)?;
    Ok(vec![at_most("task_git_processes", counts.git(), 45.0), at_most("task_fsyncs", counts.syncs, 70.0)])
}

/// `committed_git_processes`: the same in a repository with attributes and a set-up, where agents commit what they do; their own
/// gits are counted.
///
/// # Errors
/// As [`counted`].
pub fn committed(bench: &Bench) -> Result<Vec<Figure>> {
    let agent = format!("{NO_WORK}git add --all && git commit --quiet --message work\n");
    let sandbox = Sandbox::with_agent(bench.binary(), &agent, "true")?;
    sandbox.commit_file(".gitattributes", "* text=auto\n")?;
    sandbox.commit_file(".gitignore", "built\n")?;
    let settings = fs::read_to_string(sandbox.path("repository/.orch/orch.toml"))?;
    let set_up = settings.replacen("# command = \"npm ci\"", "command = \"mkdir -p built\"", 1);
    anyhow::ensure!(set_up != settings, "`orch init` leaves no place for a set-up");
    sandbox.commit_file(".orch/orch.toml", &set_up)?;
    Ok(vec![at_most("committed_git_processes", second(&sandbox)?.git(), 80.0)])
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn at_most(name: &str, count: usize, most: f64) -> Figure {
    Figure::new(name, count as f64, "count", Goal::ValueAtMost(most))
}

/// What the second task costs.
fn second(sandbox: &Sandbox) -> Result<strace::Counts> {
    let trace = sandbox.path("trace");
    let running = sandbox.up_traced(&strace::arguments(&trace))?;
    land(sandbox)?;
    let start = strace::now();
    land(sandbox)?;
    let during = start..strace::now();
    drop(running);
    let text = fs::read_to_string(&trace).with_context(|| format!("cannot read {}", trace.display()))?;
    Ok(strace::count(&text, &during))
}

/// Opens an issue and waits until main has moved.
///
/// # Errors
/// If it is not opened or does not land.
pub fn land(sandbox: &Sandbox) -> Result<Duration> {
    let main: PathBuf = sandbox.forge().join("refs/heads/main");
    let before = tip(sandbox)?;
    let start = Instant::now();
    sandbox.new_issue("No work")?;
    loop {
        // It may lie among the packed refs until it moves.
        if fs::read_to_string(&main).is_ok_and(|now| now.trim() != before) {
            return Ok(start.elapsed());
        }
        if interrupt::happened() || start.elapsed() > LIMIT {
            bail!("the task did not land within {} s; it stands so:\n{}", LIMIT.as_secs(), sandbox.board());
        }
        std::thread::sleep(LOOK);
    }
}

/// Main, once the service has one: it answers before it has made its forge.
fn tip(sandbox: &Sandbox) -> Result<String> {
    let forge = sandbox.forge().display().to_string();
    let start = Instant::now();
    loop {
        match sandbox.git(&["--git-dir", &forge, "rev-parse", "--verify", "--quiet", "refs/heads/main"], "") {
            Ok(tip) => return Ok(tip.trim().to_owned()),
            Err(error) if interrupt::happened() || start.elapsed() > LIMIT => return Err(error),
            Err(_) => std::thread::sleep(LOOK),
        }
    }
}
