//! What it costs to look at ten thousand open tasks that stand in one line.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::Bench;
use super::figure::{Figure, Goal, median};
use super::issues::file;
use crate::interrupt;
use crate::sandbox::{Running, Sandbox, http, proc};

/// Open tasks.
const TASKS: u32 = 10_000;
/// How often each answer is asked for; the middle counts.
const TIMES: usize = 51;
/// No answer takes so long.
const ANSWER: Duration = Duration::from_secs(60);

/// `list_of_50`, `show_one`, `queue_at_a_glance` and `memory_after_lists`: beside [`TASKS`] that wait in a frozen repository.
///
/// # Errors
/// If `orch` does not start, or a page leaves tasks out.
pub fn looked_at(bench: &Bench) -> Result<Vec<Figure>> {
    let sandbox = Sandbox::new(bench.binary())?;
    let running = sandbox.up()?;
    let token = std::fs::read_to_string(sandbox.path("state/token")).context("there is no token")?;
    let service = Served { running: &running, token: token.trim() };
    service.freeze()?;
    file(running.port, token.trim(), 0, TASKS, true)?;
    let one = service.get("/api/v1/tasks?limit=1")?["tasks"][0]["id"].as_str().context("no task")?.to_owned();
    let ms = |name, path: &str, goal| -> Result<Figure> {
        Ok(Figure::new(name, service.middle(path)?, "ms", Goal::ValueAtMost(goal)))
    };
    let figures = vec![
        ms("list_of_50", "/api/v1/tasks?limit=50", 3.0)?,
        ms("show_one", &format!("/api/v1/tasks/{one}"), 1.0)?,
        ms("queue_at_a_glance", "/queue", 20.0)?,
    ];
    service.all()?;
    #[expect(clippy::cast_precision_loss, reason = "kibibytes stay far below 2^52")]
    let megabytes = proc::sample(running.pid)?.resident_kib as f64 * 1024.0 / 1e6;
    let memory = Figure::new("memory_after_lists", megabytes, "MB", Goal::ValueAtMost(30.0));
    Ok(figures.into_iter().chain([memory]).collect())
}

pub(super) struct Served<'s> {
    pub running: &'s Running,
    pub token: &'s str,
}

impl Served<'_> {
    fn ask(&self, path: &str, body: Option<&Value>) -> Result<Value> {
        anyhow::ensure!(!interrupt::happened(), "interrupted");
        let request = http::Request { path, body, key: None };
        let (status, answer) = http::ask(self.running.port, self.token, &request, ANSWER)?;
        anyhow::ensure!((200..300).contains(&status), "{path} was answered by {status}: {answer}");
        Ok(answer)
    }

    pub(super) fn get(&self, path: &str) -> Result<Value> {
        self.ask(path, None)
    }

    /// Nobody is let in, so that all of them go on standing in line.
    pub(super) fn freeze(&self) -> Result<()> {
        let repositories = self.get("/api/v1/repositories")?;
        let id = repositories["repositories"][0]["id"].as_str().context("no repository")?;
        let freeze = json!({"command": "freeze", "reason": "only looked at"});
        self.ask(&format!("/api/v1/repositories/{id}/lane/commands"), Some(&freeze)).map(drop)
    }

    fn middle(&self, path: &str) -> Result<f64> {
        let mut times = Vec::new();
        for _ in 0..TIMES {
            let start = Instant::now();
            self.get(path)?;
            times.push(start.elapsed().as_secs_f64() * 1000.0);
        }
        median(times).context("it was never asked for")
    }

    /// Every page, one after the other.
    fn all(&self) -> Result<()> {
        let (mut after, mut seen) = (String::new(), 0);
        loop {
            let page = self.get(&format!("/api/v1/tasks?limit=1000{after}"))?;
            seen += page["tasks"].as_array().map_or(0, Vec::len);
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        anyhow::ensure!(seen == TASKS as usize, "{seen} of {TASKS} tasks were listed");
        Ok(())
    }
}
