//! How soon `orch up` is ready.

use anyhow::{Context, Result};

use super::Bench;
use super::figure::{Figure, Goal, median};
use super::orch::Sandbox;
use crate::interrupt;

/// How often it is started; the middle counts.
const STARTS: usize = 11;

/// `ready_empty`: an initialised repository without a task.
///
/// # Errors
/// If `orch` does not start.
pub fn empty(bench: &Bench) -> Result<Vec<Figure>> {
    let sandbox = Sandbox::new(bench)?;
    // The first start makes the database; a restart is what somebody waits for.
    drop(sandbox.up()?);
    let mut times = Vec::new();
    for _ in 0..STARTS {
        anyhow::ensure!(!interrupt::happened(), "interrupted");
        times.push(sandbox.up()?.ready_after.as_secs_f64() * 1000.0);
    }
    let value = median(times).context("it was never started")?;
    Ok(vec![Figure::new("ready_empty", value, "ms", Goal::ValueAtMost(20.0))])
}
