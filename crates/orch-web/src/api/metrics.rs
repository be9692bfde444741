//! The state of the service as numbers, in the text format of Prometheus (version 0.0.4).
//!
//! Every number is read from the store when it is asked for: none is lost by a restart, and two services on one database
//! tell the same. The names are promised; `docs/metrics.md` lists them.

use std::fmt::{Display, Write};

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use orch_engine::control::Control;
use orch_ports::lists::Spent;
use orch_ports::outbox::{MessageFilter, MessageState};
use orch_rules::change::SLOT_RUNS;
use orch_rules::lane::Repository;

use super::Api;
use crate::Problem;

/// The format, with its version.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The state of the service as numbers, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health", responses(
    (status = 200, description = "In the text format of Prometheus, version 0.0.4", content_type = "text/plain", body = String),
    (status = 503, body = Problem, content_type = "application/problem+json"),
))]
pub async fn metrics(State(api): State<Api>) -> Result<Response, Problem> {
    let mut response = told(&api.control).await?.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(FORMAT));
    Ok(response)
}

async fn told(control: &Control) -> Result<String, Problem> {
    let mut text = Text::default();
    text.gauge("orch_info", "The release that answers.");
    text.row(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    let repositories = control.repositories().await?;
    tasks(&mut text, control, &repositories).await?;
    lanes(&mut text, &repositories);
    work(&mut text, control).await?;
    money(&mut text, control).await?;
    let dead = MessageFilter { state: Some(MessageState::Dead), limit: 1_000, ..MessageFilter::default() };
    text.gauge("orch_messages_dead", "Messages that were given up and wait for a person, 1000 at most.");
    text.row(&[], control.outbox(&dead).await?.messages.len());
    Ok(text.text)
}

async fn tasks(text: &mut Text, control: &Control, repositories: &[Repository]) -> Result<(), Problem> {
    text.gauge(
        "orch_tasks",
        "Tasks by repository, place in the line, and what they wait for before all; ended ones too.",
    );
    for repository in repositories {
        for census in control.census(Some(&repository.id)).await? {
            let labels =
                [("repository", repository.id.as_str()), ("place", &census.place), ("waiting_for", &census.doing)];
            text.row(&labels, census.count);
        }
    }
    Ok(())
}

fn lanes(text: &mut Text, repositories: &[Repository]) {
    text.gauge("orch_repository_frozen", "1: nothing enters and nothing lands.");
    for repository in repositories {
        text.row(&[("repository", repository.id.as_str())], u8::from(repository.frozen.is_some()));
    }
    text.gauge("orch_repository_paused", "1: a person paused it.");
    for repository in repositories {
        text.row(&[("repository", repository.id.as_str())], u8::from(repository.paused));
    }
}

async fn work(text: &mut Text, control: &Control) -> Result<(), Problem> {
    let queue = control.queue().await?;
    text.gauge("orch_work", "Pieces of work by kind and state; those that are done are not counted.");
    for (kind, state, count) in &queue.counts {
        text.row(&[("kind", kind), ("state", state)], count);
    }
    text.gauge("orch_runs", "Agents at work.");
    text.row(&[], queue.slots.iter().find(|(key, _)| key == SLOT_RUNS).map_or(0, |(_, used)| *used));
    text.gauge("orch_outage", "1: it failed and what needs it waits.");
    for outage in queue.outages.iter().filter(|outage| outage.is_closed()) {
        text.row(&[("kind", outage.source.kind()), ("name", outage.source.name())], 1);
    }
    text.gauge(
        "orch_budget_usd",
        "Budgets that pay now, in US dollars: most, spent, and set aside for runs under way.",
    );
    for budget in &queue.budgets {
        for (what, micros) in [("most", budget.most), ("spent", budget.spent), ("reserved", budget.reserved)] {
            text.row(&[("budget", &budget.key), ("what", what)], micros as f64 / 1e6);
        }
    }
    let sweep = control.reconciler();
    text.gauge(
        "orch_sweep_unblocked",
        "Decisions since the start of the service that a sweep found and nobody was woken for.",
    );
    text.row(&[], sweep.unblocked_total);
    text.gauge(
        "orch_sweep_last_seconds",
        "When the last whole sweep ended, in seconds since 1970; absent before the first.",
    );
    if let Some(last) = sweep.last {
        text.row(&[], last.0 as f64 / 1e3);
    }
    Ok(())
}

async fn money(text: &mut Text, control: &Control) -> Result<(), Problem> {
    let (_, costs) = control.costs(1, None, 0).await?;
    let rows = |text: &mut Text, name: &str, help: &str, of: &dyn Fn(&Spent) -> Option<f64>| {
        text.gauge(name, help);
        for row in &costs.rows {
            let labels = [
                ("repository", row.repository.as_str()),
                ("stage", &row.stage),
                ("agent", &row.agent),
                ("model", &row.model),
            ];
            if let Some(value) = of(row) {
                text.row(&labels, value);
            }
        }
    };
    rows(text, "orch_cost_today_usd", "What runs told they cost since midnight UTC, in US dollars.", &|row| {
        row.micros.map(|micros| micros as f64 / 1e6)
    });
    rows(text, "orch_runs_today", "Runs that ended since midnight UTC.", &|row| Some(row.runs as f64));
    rows(text, "orch_runs_of_unknown_cost_today", "Of these, runs that did not tell their cost.", &|row| {
        Some(row.silent as f64)
    });
    text.gauge("orch_landed_today", "Tasks that landed since midnight UTC.");
    text.row(&[], costs.landed);
    Ok(())
}

/// The text as it grows, and the number whose rows come now. Writing into a string cannot fail.
#[derive(Default)]
struct Text {
    text: String,
    name: String,
}

impl Text {
    /// Begins a number that goes up and down; its rows follow.
    fn gauge(&mut self, name: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} gauge");
        name.clone_into(&mut self.name);
    }

    fn row(&mut self, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.text, "{}{labels} {value}", self.name);
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_stays_one_label() {
        let mut text = Text::default();
        text.gauge("orch_x", "What it is.");
        text.row(&[("a", "b\"c\\d\ne")], 0.25);
        text.row(&[], 3);
        let rows = "orch_x{a=\"b\\\"c\\\\d\\ne\"} 0.25\norch_x 3\n";
        assert_eq!(text.text, format!("# HELP orch_x What it is.\n# TYPE orch_x gauge\n{rows}"));
    }
}
