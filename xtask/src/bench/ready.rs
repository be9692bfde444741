//! How soon `orch up` is ready.

use anyhow::{Context, Result};

use super::figure::{Figure, Goal, median};
use super::{Bench, examples};
use crate::sandbox::Sandbox;
use crate::{interrupt, root};

/// How often it is started; the middle counts.
const STARTS: usize = 11;
/// Finished tasks of a long life.
const MANY: u32 = 1_000_000;

/// `ready_empty`: an initialised repository without a task.
///
/// # Errors
/// If `orch` does not start.
pub fn empty(bench: &Bench) -> Result<Vec<Figure>> {
    let value = restart(&Sandbox::new(bench.binary())?)?;
    Ok(vec![Figure::new("ready_empty", value, "ms", Goal::ValueAtMost(20.0))])
}

/// `ready_million`: the same with a million finished tasks, against `ready_empty` as its baseline.
///
/// # Errors
/// If the database cannot be made, or `orch` does not start.
pub fn million(bench: &Bench) -> Result<Vec<Figure>> {
    let empty = restart(&Sandbox::new(bench.binary())?)?;
    let sandbox = Sandbox::new(bench.binary())?;
    examples::fill(&root::find()?, MANY, &sandbox.database()?)?;
    let mut figure = Figure::new("ready_million", restart(&sandbox)?, "ms", Goal::ValueAtMost(100.0));
    figure.baseline = Some(empty);
    Ok(vec![figure])
}

/// Milliseconds from a start to readiness; the middle of several.
fn restart(sandbox: &Sandbox) -> Result<f64> {
    // The first start makes the database and the forge; a restart is what somebody waits for.
    drop(sandbox.up()?);
    let mut times = Vec::new();
    for _ in 0..STARTS {
        anyhow::ensure!(!interrupt::happened(), "interrupted");
        times.push(sandbox.up()?.ready_after.as_secs_f64() * 1000.0);
    }
    median(times).context("it was never started")
}
