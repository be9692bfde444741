//! One task in one sandbox, over the lives of a service that is killed.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::trace::{End, Seen, Watch};
use crate::interrupt;
use crate::sandbox::http::{self, Request};
use crate::sandbox::{Running, Sandbox};

/// A busy machine may be slow; a task that does no work takes seconds.
pub const LIMIT: Duration = Duration::from_secs(120);
/// An answer of the service.
const ANSWER: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// A task that somebody asks for until the answer is known.
pub struct Order {
    /// What the request is called, each time.
    key: String,
    /// The task, once it was accepted.
    pub id: Option<String>,
}

impl Order {
    /// One that was never sent.
    pub fn new() -> Self {
        Self { key: format!("chaos-{}", std::process::id()), id: None }
    }

    /// Sends it. What was accepted once must be the same task each time.
    ///
    /// # Errors
    /// If nobody knows what became of it, or it was refused, or became another task.
    pub fn place(&mut self, service: &Api<'_>) -> Result<()> {
        let body = json!({"title": "No work"});
        let request = Request { path: "/api/v1/tasks", body: Some(&body), key: Some(&self.key) };
        let (status, answer) = service.ask(&request)?;
        let id = answer["id"].as_str().filter(|_| matches!(status, 200 | 201)).map(str::to_owned);
        let id = id.with_context(|| format!("a new task was refused: {status} {answer}"))?;
        match &self.id {
            Some(known) if *known != id => bail!("the accepted task {known} became {id} when it was asked for again"),
            _ => self.id = Some(id),
        }
        Ok(())
    }
}

/// What a running service answers to.
pub struct Api<'a> {
    running: &'a Running,
    sandbox: &'a Sandbox,
}

impl<'a> Api<'a> {
    /// Of this sandbox.
    pub fn new(running: &'a Running, sandbox: &'a Sandbox) -> Self {
        Self { running, sandbox }
    }

    fn ask(&self, request: &Request<'_>) -> Result<(u16, Value)> {
        let token = std::fs::read_to_string(self.sandbox.path("state/token")).context("there is no token")?;
        http::ask(self.running.port, token.trim(), request, ANSWER)
    }

    /// What is under `path`.
    ///
    /// # Errors
    /// If it does not answer, or not with 200.
    pub fn get(&self, path: &str) -> Result<Value> {
        let (status, answer) = self.ask(&Request { path, body: None, key: None })?;
        anyhow::ensure!(status == 200, "{path}: {status} {answer}");
        Ok(answer)
    }

    /// The task once it has ended and nothing is left to be done for it, else `None`.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn ended(&self, id: &str) -> Result<Option<Value>> {
        let task = self.get(&format!("/api/v1/tasks/{id}"))?;
        let rests = task["work"].as_array().is_some_and(|rows| rows.iter().all(|row| row["state"] == "failed"));
        Ok(Some(task).filter(|task| task["ended"] == true && rests))
    }

    /// Waits for that.
    ///
    /// # Errors
    /// As [`Self::get`], and after [`LIMIT`], with the task as it stands.
    pub fn until_ended(&self, id: &str) -> Result<Value> {
        let start = Instant::now();
        loop {
            if let Some(task) = self.ended(id)? {
                return Ok(task);
            }
            if interrupt::happened() || start.elapsed() > LIMIT {
                let task = self.get(&format!("/api/v1/tasks/{id}"))?;
                bail!(
                    "{id} did not end within {} s: stage {}, waits {}, work {}",
                    LIMIT.as_secs(),
                    task["stage"],
                    task["waiting_on"],
                    task["work"]
                );
            }
            thread::sleep(LOOK);
        }
    }
}

/// A life under strace: until it is killed, or until the task has ended and it is asked to stop.
///
/// # Errors
/// If it ends by itself, is never ready, or the task stands still.
pub fn lived(sandbox: &Sandbox, order: &mut Order, end: End) -> Result<Seen> {
    let watch = Watch::new(end)?;
    let mut running = sandbox.start_traced(&watch.arguments())?;
    let ready = running.await_ready();
    if ready.is_ok() {
        until_it_rests(sandbox, order, &mut running);
    }
    if let Some(service) = watch.service() {
        running.pid = service;
    }
    let left_alone = running.ended();
    drop(running);
    let seen = watch.finish()?;
    if seen.killed.is_none() {
        ready?;
        anyhow::ensure!(!left_alone, "the service ended by itself");
    }
    Ok(seen)
}

/// Until the service has ended, or the task has, or stands still for too long. A service that is killed answers no
/// more: what is asked here may fail.
fn until_it_rests(sandbox: &Sandbox, order: &mut Order, running: &mut Running) {
    let start = Instant::now();
    while !running.ended() && start.elapsed() < LIMIT && !interrupt::happened() {
        let service = Api::new(running, sandbox);
        match &order.id {
            Some(id) if matches!(service.ended(id), Ok(Some(_))) => return,
            Some(_) => {}
            None => drop(order.place(&service)),
        }
        thread::sleep(LOOK);
    }
}
