//! One crash and what comes after it.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::audit::{self, Audit, TEST};
use super::life::{Api, LIMIT, Order, lived};
use super::trace::{End, Point, Seen};
use crate::interrupt;
use crate::sandbox::{NO_WORK, Sandbox};

/// How the attempts of a task end that nothing happens to.
const COMPLETED: &[&str] = &["completed"; 5];
/// The same when the third, the developer's, is lost.
const ONE_LOST: &[&str] = &["completed", "completed", "lost", "completed", "completed", "completed"];
/// Before the agent's script: its first developer waits.
const HELD: &str = include_str!("held_agent.sh");

/// What a crash came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The life or lives that were ended.
    pub lives: Vec<Seen>,
    /// What did not hold.
    pub violations: Vec<String>,
}

/// A life to its good end: the steps there are.
///
/// # Errors
/// If it has none.
pub fn uninjured(binary: &Path) -> Result<Outcome> {
    let sandbox = sandbox(binary, "")?;
    audited(sandbox, COMPLETED, |sandbox, order| Ok(vec![lived(sandbox, order, End::Asked)?]))
}

/// Killed at `point`; with `again`, killed a second time at that step of its recovery.
///
/// # Errors
/// If the sandbox cannot be made.
pub fn of_the_service(binary: &Path, point: Point, again: Option<usize>) -> Result<Outcome> {
    let sandbox = sandbox(binary, "")?;
    audited(sandbox, COMPLETED, |sandbox, order| {
        let mut lives = vec![lived(sandbox, order, End::At(point))?];
        if let Some(step) = again {
            lives.push(lived(sandbox, order, End::After(step))?);
        }
        Ok(lives)
    })
}

/// The supervisor of a working agent is killed.
///
/// # Errors
/// If the sandbox cannot be made.
pub fn of_a_supervisor(binary: &Path) -> Result<Outcome> {
    let sandbox = sandbox(binary, HELD)?;
    audited(sandbox, ONE_LOST, |sandbox, order| {
        let running = sandbox.up()?;
        order.place(&Api::new(&running, sandbox))?;
        let start = Instant::now();
        while !is_held(sandbox) {
            anyhow::ensure!(start.elapsed() < LIMIT && !interrupt::happened(), "no developer came to work");
            thread::sleep(Duration::from_millis(5));
        }
        let runs = sandbox.path("state/runs").display().to_string();
        let found = audit::processes(sandbox.folder());
        let mut supervisors = found.iter().filter(|(_, line)| line.contains(" supervise ") && line.contains(&runs));
        let (pid, _) = supervisors.next().context("the agent has no supervisor")?;
        let pid = i32::try_from(*pid).ok().and_then(Pid::from_raw).context("not a process number")?;
        kill_process(pid, Signal::KILL).context("the supervisor was gone")?;
        let id = order.id.clone().context("no task")?;
        Api::new(&running, sandbox).until_ended(&id)?;
        Ok(Vec::new())
    })
}

/// Whether the first developer is at work: it says so in its home, which is its run's own if it is confined.
fn is_held(sandbox: &Sandbox) -> bool {
    let homes = std::fs::read_dir(sandbox.path("state/scratch")).into_iter().flatten().flatten();
    sandbox.path("home/held").is_dir() || homes.into_iter().any(|run| run.path().join("home/held").is_dir())
}

fn sandbox(binary: &Path, before: &str) -> Result<Sandbox> {
    Sandbox::with_agent(binary, &format!("{before}{NO_WORK}"), TEST)
}

/// Lets `injure` do its worst, starts the service in peace, and looks whether all is well. The sandbox is kept if not.
fn audited(
    sandbox: Sandbox,
    outcomes: &[&str],
    injure: impl FnOnce(&Sandbox, &mut Order) -> Result<Vec<Seen>>,
) -> Result<Outcome> {
    let base = sandbox.git(&["rev-parse", "main"], "repository")?.trim().to_owned();
    let mut order = Order::new();
    let mut audit = Audit::default();
    let mut lives = Vec::new();
    let looked = injure(&sandbox, &mut order).and_then(|seen| {
        lives = seen;
        let task = in_peace(&sandbox, &mut order, outcomes, &mut audit)?;
        audit.leftovers(&sandbox, &base, &task)
    });
    if let Err(error) = looked {
        audit.violations.push(format!("{error:#}"));
    }
    if !audit.violations.is_empty() {
        audit.violations.push(format!("look at {}", sandbox.keep().display()));
    }
    Ok(Outcome { lives, violations: audit.violations })
}

fn in_peace(sandbox: &Sandbox, order: &mut Order, outcomes: &[&str], audit: &mut Audit) -> Result<Value> {
    let running = sandbox.up().context("it does not start again")?;
    let service = Api::new(&running, sandbox);
    order.place(&service)?;
    let id = order.id.clone().context("the accepted task has no id")?;
    let task = service.until_ended(&id)?;
    audit.answers(&service, &task, outcomes)?;
    Ok(task)
}
