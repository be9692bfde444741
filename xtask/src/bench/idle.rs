//! What `orch up` costs while there is nothing to do.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::figure::{Figure, Goal};
use super::{Bench, strace};
use crate::interrupt;
use crate::sandbox::{Sandbox, proc};

/// After the start, before the measurement: what is done once is not idling.
const SETTLE: Duration = Duration::from_secs(3);
/// How long it is watched.
const WATCH: Duration = Duration::from_secs(10);

/// `idle_memory` and `idle_wakeups`.
///
/// # Errors
/// If `orch` does not start or does not stay.
pub fn at_rest(bench: &Bench) -> Result<Vec<Figure>> {
    let sandbox = Sandbox::new(bench.binary())?;
    let running = sandbox.up()?;
    pause(SETTLE)?;
    let before = proc::sample(running.pid)?;
    let start = Instant::now();
    pause(WATCH)?;
    let after = proc::sample(running.pid)?;
    let seconds = start.elapsed().as_secs_f64();
    let waits = after.waits.saturating_sub(before.waits);
    #[expect(clippy::cast_precision_loss, reason = "kibibytes and counts stay far below 2^52")]
    let (megabytes, wakeups) = (after.resident_kib as f64 * 1024.0 / 1e6, waits as f64 / seconds);
    Ok(vec![
        Figure::new("idle_memory", megabytes, "MB", Goal::ValueAtMost(15.0)),
        Figure::new("idle_wakeups", wakeups, "1/s", Goal::ValueAtMost(2.0)),
    ])
}

/// `idle_fsyncs` and `idle_git_processes`, in ten seconds.
///
/// # Errors
/// If there is no strace, or `orch` does not start.
pub fn traced(bench: &Bench) -> Result<Vec<Figure>> {
    let sandbox = Sandbox::new(bench.binary())?;
    let trace = sandbox.path("trace");
    let running = sandbox.up_traced(&strace::arguments(&trace))?;
    pause(SETTLE)?;
    let start = strace::now();
    pause(WATCH)?;
    let during = start..strace::now();
    drop(running);
    let text = std::fs::read_to_string(&trace).with_context(|| format!("cannot read {}", trace.display()))?;
    let counts = strace::count(&text, &during);
    // A trace that never saw the program start saw nothing else either.
    anyhow::ensure!(!strace::count(&text, &(0.0..f64::MAX)).programs.is_empty(), "the trace is empty");
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    let (syncs, git) = (counts.syncs as f64, counts.git() as f64);
    Ok(vec![
        Figure::new("idle_fsyncs", syncs, "count", Goal::ValueAtMost(0.0)),
        Figure::new("idle_git_processes", git, "count", Goal::ValueAtMost(0.0)),
    ])
}

fn pause(time: Duration) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < time {
        anyhow::ensure!(!interrupt::happened(), "interrupted");
        thread::sleep(Duration::from_millis(50).min(time.saturating_sub(start.elapsed())));
    }
    Ok(())
}
