//! Figures of the loop (`cargo xtask bench`).
//!
//! `sleeping_runs_memory`: what an engine on SQLite with 2,000 agents at work, none of which says anything, holds in memory
//! (`RssAnon`); `sleeping_runs_threads`: threads of such a process. The forge and the runs are the test kit's, in memory
//! too, so the first figure is above the engine's own.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use orch_stories::world::World;
use orch_testkit::fake::Step;
use serde_json::{Value, json};

/// Agents at work.
const RUNS: u32 = 2000;
/// For all of them to begin.
const PATIENCE: Duration = Duration::from_secs(600);

fn main() -> ExitCode {
    let names: Vec<_> = std::env::args().skip(1).collect();
    let wanted = ["sleeping_runs_memory", "sleeping_runs_threads"];
    if !names.is_empty() && !wanted.iter().any(|one| names.iter().any(|name| name == one)) {
        return ExitCode::SUCCESS;
    }
    let measured =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map(|runtime| runtime.block_on(sleeping()));
    match measured {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => complain(&error),
        Err(error) => complain(&error.to_string()),
    }
}

async fn sleeping() -> Result<(), String> {
    let mut world = World::new().await;
    world.policy.max_runs = RUNS;
    world.when(|act| act.is("developer").then(|| (String::new(), Step::Hangs)));
    let process = world.start("one");
    for n in 0..RUNS {
        process.issue(&format!("Task {n}")).await;
    }
    let begun = Instant::now();
    while world.runner.hanging().len() < RUNS as usize {
        if begun.elapsed() > PATIENCE {
            return Err(format!("only {} of {RUNS} agents began", world.runner.hanging().len()));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // A blocking thread that has nothing to do ends after ten seconds.
    tokio::time::sleep(Duration::from_secs(12)).await;
    tell("sleeping_runs_memory", status("RssAnon:")? * 1.024 / 1000.0, "MB", json!([{"value_at_most": 50.0}]));
    tell("sleeping_runs_threads", status("Threads:")?, "count", json!([{"value_at_most": 64.0}]));
    Ok(())
}

/// A figure of proc_pid_status(5).
fn status(name: &str) -> Result<f64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or_else(|| format!("no {name}"))?;
    line.trim().trim_end_matches(" kB").parse().map_err(|_| format!("{name} is no number"))
}

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
fn tell(name: &str, value: f64, unit: &str, goals: Value) {
    println!("{}", json!({"name": name, "value": value, "unit": unit, "baseline": null, "goals": goals}));
}

#[expect(clippy::print_stderr, reason = "whoever measures must hear why there is no figure")]
fn complain(error: &str) -> ExitCode {
    eprintln!("{error}");
    ExitCode::FAILURE
}
