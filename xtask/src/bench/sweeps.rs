//! What the sweep costs beside five thousand tasks that wait.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::Bench;
use super::figure::{Figure, Goal};
use super::issues::{cpu, file, written};
use super::lists::Served;
use crate::interrupt;
use crate::sandbox::Sandbox;

/// Open tasks.
const TASKS: u32 = 5_000;
/// For all of them to be taken in.
const SETTLES_WITHIN: Duration = Duration::from_secs(900);
/// More than lies between the ends of two sweeps.
const PATIENCE: Duration = Duration::from_secs(180);
/// A sweep is over so long after it should be.
const SLACK: Duration = Duration::from_secs(8);

/// `sweep_cpu` and `sweep_written`: processor time of the service, and bytes that it writes, from the end of one sweep to the
/// end of the next, with whatever else it does in that minute.
///
/// # Errors
/// If `orch` does not start, or no sweep comes to its end.
pub fn beside_many(bench: &Bench) -> Result<Vec<Figure>> {
    let sandbox = Sandbox::new(bench.binary())?;
    let running = sandbox.up()?;
    let token = std::fs::read_to_string(sandbox.path("state/token")).context("there is no token")?;
    let service = Served { running: &running, token: token.trim() };
    service.freeze()?;
    file(running.port, token.trim(), 0, TASKS, true)?;
    // What filing them set going is over first.
    let begun = Instant::now();
    while service.get("/queue")?["jobs"]["queued"].as_u64() != Some(0) {
        anyhow::ensure!(begun.elapsed() < SETTLES_WITHIN, "what was filed is not taken in");
        pause(Duration::from_secs(2))?;
    }
    next(&service)?;
    let every = service.get("/queue")?["reconcile"]["every_seconds"].as_u64().context("no interval")?;
    let (before, used, wrote) = (last(&service)?, cpu(running.pid)?, written(running.pid)?);
    // Nothing is asked meanwhile: an answer would be counted.
    pause(Duration::from_secs(every) + SLACK)?;
    let (used, wrote) = (cpu(running.pid)?.saturating_sub(used), written(running.pid)?.saturating_sub(wrote));
    anyhow::ensure!(last(&service)? != before, "no sweep came to its end");
    #[expect(clippy::cast_precision_loss, reason = "bytes stay far below 2^52")]
    let kilobytes = wrote as f64 / 1e3;
    Ok(vec![
        Figure::new("sweep_cpu", used.as_secs_f64(), "s", Goal::ValueAtMost(0.2)),
        Figure::new("sweep_written", kilobytes, "kB", Goal::ValueAtMost(0.0)),
    ])
}

/// When the last sweep ended.
fn last(service: &Served<'_>) -> Result<Option<String>> {
    Ok(service.get("/queue")?["reconcile"]["last_at"].as_str().map(str::to_owned))
}

fn next(service: &Served<'_>) -> Result<()> {
    let (before, begun) = (last(service)?, Instant::now());
    while last(service)? == before {
        anyhow::ensure!(begun.elapsed() < PATIENCE, "no sweep came to its end");
        pause(Duration::from_secs(1))?;
    }
    Ok(())
}

fn pause(time: Duration) -> Result<()> {
    anyhow::ensure!(!interrupt::happened(), "interrupted");
    std::thread::sleep(time);
    Ok(())
}
