//! How many new issues a second are taken in, and what each of them writes.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;

use super::Bench;
use super::figure::{Figure, Goal};
use crate::interrupt;
use crate::sandbox::{Sandbox, http};

/// Who file issues at the same time; each waits for the id of one before it files the next.
const CLIENTS: u32 = 64;
/// Issues that are filed before it is measured.
const WARM: u32 = 256;
/// Issues that are measured.
const ISSUES: u32 = 8_192;
/// No answer takes so long.
const ANSWER: Duration = Duration::from_secs(60);

/// `new_issues` and `new_issue_written`: issues for the backlog, over HTTP, each answered with its id.
///
/// # Errors
/// If `orch` does not start, or an issue is not answered by a task of its own.
pub fn filed(bench: &Bench) -> Result<Vec<Figure>> {
    let sandbox = Sandbox::new(bench.binary())?;
    let running = sandbox.up()?;
    let token = std::fs::read_to_string(sandbox.path("state/token")).context("there is no token")?;
    let file = |first: u32, count: u32| file(running.port, token.trim(), first, count);
    file(0, WARM)?;
    let (before, start) = (written(running.pid)?, Instant::now());
    file(WARM, ISSUES)?;
    let seconds = start.elapsed().as_secs_f64();
    let bytes = written(running.pid)?.saturating_sub(before);
    #[expect(clippy::cast_precision_loss, reason = "bytes stay far below 2^52")]
    let each = bytes as f64 / f64::from(ISSUES) / 1e3;
    Ok(vec![
        Figure::new("new_issues", f64::from(ISSUES) / seconds, "1/s", Goal::ValueAtLeast(1000.0)),
        Figure::new("new_issue_written", each, "kB", Goal::ValueAtMost(20.0)),
    ])
}

/// All of them at once, by as many clients; no two may get one id.
fn file(port: u16, token: &str, first: u32, count: u32) -> Result<()> {
    let (next, ids) = (AtomicU32::new(first), Mutex::new(std::collections::BTreeSet::new()));
    let client = || -> Result<()> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= first + count {
                return Ok(());
            }
            anyhow::ensure!(!interrupt::happened(), "interrupted");
            let body =
                json!({"title": format!("Issue {number}"), "description": "What is wanted, and why.", "start": false});
            let key = format!("issue-{number}");
            let request = http::Request { path: "/api/v1/tasks", body: Some(&body), key: Some(&key) };
            let (status, task) = http::ask(port, token, &request, ANSWER)?;
            let id = task["id"].as_str().filter(|_| status == 201);
            let id = id.with_context(|| format!("issue {number} was answered by {status}: {task}"))?;
            let new = ids.lock().map_err(|_| anyhow::anyhow!("a client broke down"))?.insert(id.to_owned());
            anyhow::ensure!(new, "{id} was given out twice");
        }
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        clients.into_iter().try_for_each(|client| client.join().map_err(|_| anyhow::anyhow!("a client broke down"))?)
    })
}

/// Bytes that a process has caused to be written to a disk.
fn written(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/io");
    let text = std::fs::read_to_string(Path::new(&path)).with_context(|| format!("cannot read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes:"));
    line.and_then(|count| count.trim().parse().ok()).with_context(|| format!("{path} does not say it"))
}
