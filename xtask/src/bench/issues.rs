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
/// The unit of processor times in `/proc`.
const TICK_MS: u64 = 10;
/// No answer takes so long.
const ANSWER: Duration = Duration::from_secs(60);

/// `new_issues`, `new_issue_p99`, `new_issue_cpu` and `new_issue_written`: issues for the backlog, over HTTP on kept
/// connections, each answered with its id.
///
/// # Errors
/// If `orch` does not start, or an issue is not answered by a task of its own.
pub fn filed(bench: &Bench) -> Result<Vec<Figure>> {
    let sandbox = Sandbox::new(bench.binary())?;
    let running = sandbox.up()?;
    let token = std::fs::read_to_string(sandbox.path("state/token")).context("there is no token")?;
    let file = |first: u32, count: u32| file(running.port, token.trim(), first, count, false);
    file(0, WARM)?;
    let (before, used, start) = (written(running.pid)?, cpu(running.pid)?, Instant::now());
    let mut waits = file(WARM, ISSUES)?;
    let seconds = start.elapsed().as_secs_f64();
    let used = cpu(running.pid)?.saturating_sub(used);
    waits.sort_unstable();
    let p99 = waits.get(waits.len() * 99 / 100).copied().unwrap_or_default();
    let bytes = written(running.pid)?.saturating_sub(before);
    #[expect(clippy::cast_precision_loss, reason = "bytes stay far below 2^52")]
    let each = bytes as f64 / f64::from(ISSUES) / 1e3;
    Ok(vec![
        Figure::new("new_issues", f64::from(ISSUES) / seconds, "1/s", Goal::ValueAtLeast(5000.0)),
        Figure::new("new_issue_p99", p99.as_secs_f64() * 1e3, "ms", Goal::ValueAtMost(30.0)),
        Figure::new("new_issue_cpu", used.as_secs_f64() * 1e3 / f64::from(ISSUES), "ms", Goal::ValueAtMost(0.4)),
        Figure::new("new_issue_written", each, "kB", Goal::ValueAtMost(20.0)),
    ])
}

/// All of them at once, by as many clients; no two may get one id. Gives how long each was waited for.
pub(super) fn file(port: u16, token: &str, first: u32, count: u32, start: bool) -> Result<Vec<Duration>> {
    let (next, ids) = (AtomicU32::new(first), Mutex::new(std::collections::BTreeSet::new()));
    let client = || -> Result<Vec<Duration>> {
        let (mut connection, mut waits) = (http::Kept::open(port, token, ANSWER)?, Vec::new());
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= first + count {
                return Ok(waits);
            }
            anyhow::ensure!(!interrupt::happened(), "interrupted");
            let body =
                json!({"title": format!("Issue {number}"), "description": "What is wanted, and why.", "start": start});
            let key = format!("issue-{number}");
            let request = http::Request { path: "/api/v1/tasks", body: Some(&body), key: Some(&key) };
            let asked = Instant::now();
            let (status, task) = connection.ask(&request)?;
            waits.push(asked.elapsed());
            let id = task["id"].as_str().filter(|_| status == 201);
            let id = id.with_context(|| format!("issue {number} was answered by {status}: {task}"))?;
            let new = ids.lock().map_err(|_| anyhow::anyhow!("a client broke down"))?.insert(id.to_owned());
            anyhow::ensure!(new, "{id} was given out twice");
        }
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        let mut waits = Vec::new();
        for client in clients {
            waits.extend(client.join().map_err(|_| anyhow::anyhow!("a client broke down"))??);
        }
        Ok(waits)
    })
}

/// Processor time that a process has used, without that of its children.
pub(super) fn cpu(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let (_, fields) = text.rsplit_once(')').with_context(|| format!("{path} does not say it"))?;
    let ticks = fields.split_whitespace().skip(11).take(2).map_while(|field| field.parse::<u64>().ok()).sum::<u64>();
    Ok(Duration::from_millis(ticks * TICK_MS))
}

/// Bytes that a process has caused to be written to a disk.
pub(super) fn written(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/io");
    let text = std::fs::read_to_string(Path::new(&path)).with_context(|| format!("cannot read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes:"));
    line.and_then(|count| count.trim().parse().ok()).with_context(|| format!("{path} does not say it"))
}
