//! `orch deliveries`.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use orch_web::view::{AnswerView, DeliveryList, DeliveryView};

use super::text::{clean, fit, pad, since};
use crate::client::{Caller, encoded};
use crate::exit::Failure;
use crate::screen::{Screen, Style, printable};

/// Show what was asked and told, and what could not be handled.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  orch deliveries list\n  orch deliveries list --state dead\n  orch deliveries show 12\n  \
                  orch deliveries replay 12\n  orch deliveries drop 12"
)]
pub struct DeliveriesArgs {
    #[command(subcommand)]
    command: DeliveriesCommand,
}

#[derive(Debug, Subcommand)]
enum DeliveriesCommand {
    /// Deliveries, newest first
    List {
        /// Only of this source: board (new issues), desk (commands), or a connection
        #[arg(long, value_name = "NAME")]
        source: Option<String>,
        /// Only in this state
        #[arg(long, value_parser = ["queued", "waiting", "handling", "accepted", "refused", "looked", "dropped", "dead"])]
        state: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// One delivery, as it is stored
    Show {
        /// Its number
        id: String,
    },
    /// Handle one more time what was given up or waits; what a webhook told of is looked at again
    Replay {
        /// Its number
        id: String,
    },
    /// Give a delivery up
    Drop {
        /// Its number
        id: String,
    },
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such delivery, or refuses.
pub fn run(args: &DeliveriesArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    match &args.command {
        DeliveriesCommand::List { source, state, limit } => {
            let mut path = format!("/api/v1/deliveries?limit={limit}");
            for (name, value) in [("source", source), ("state", state)] {
                path.extend(value.iter().map(|value| format!("&{name}={}", encoded(value))));
            }
            let list: DeliveryList = caller.read(&path)?;
            screen.json(&list);
            for line in lines(&list, screen, Timestamp::now()) {
                screen.line(&line);
            }
        }
        DeliveriesCommand::Show { id } => {
            let delivery: DeliveryView = caller.read(&address(id, ""))?;
            screen.json(&delivery);
            for line in details(&delivery) {
                screen.line(&line);
            }
        }
        DeliveriesCommand::Replay { id } => act(&address(id, "/replay"), caller, screen)?,
        DeliveriesCommand::Drop { id } => act(&address(id, "/drop"), caller, screen)?,
    }
    Ok(())
}

fn address(id: &str, act: &str) -> String {
    format!("/api/v1/deliveries/{}{act}", encoded(id))
}

fn act(path: &str, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let answer: AnswerView = caller.send(path, &serde_json::json!({}))?;
    screen.json(&answer);
    screen.line(&printable(&answer.text));
    Ok(())
}

fn lines(list: &DeliveryList, screen: &Screen, now: Timestamp) -> Vec<String> {
    if list.deliveries.is_empty() {
        return vec![screen.styled(Style::Faint, "no deliveries")];
    }
    let line = |delivery: &DeliveryView| {
        let style = match delivery.state.as_str() {
            "dead" => Style::Bad,
            "queued" | "waiting" | "handling" => Style::Attention,
            _ => Style::Faint,
        };
        let state = screen.styled(style, &pad(&clean(&delivery.state), 8));
        let what: Vec<String> = [Some(&delivery.kind), delivery.task.as_ref(), delivery.by.as_ref()]
            .into_iter()
            .flatten()
            .filter(|word| !word.is_empty())
            .map(|word| clean(word))
            .collect();
        let why = delivery.text.as_deref().map(|why| format!("  ({})", clean(why))).unwrap_or_default();
        let line = format!(
            "{:>5}  {state} {}  {}  {}{why}",
            clean(&delivery.id),
            pad(&format!("{} ago", since(&delivery.received_at, now)), 9),
            pad(&clean(&delivery.source), 6),
            what.join(" "),
        );
        fit(&line, screen.width())
    };
    list.deliveries.iter().map(line).collect()
}

fn details(delivery: &DeliveryView) -> Vec<String> {
    let by = delivery.by.as_deref().map(|by| format!(" by {}", clean(by))).unwrap_or_default();
    let mut lines = vec![
        format!("{} from {}{by}, {}", clean(&delivery.kind), clean(&delivery.source), clean(&delivery.received_at)),
        format!("{}, key {}", clean(&delivery.state), clean(&delivery.key)),
    ];
    lines.extend(delivery.task.as_deref().map(|task| format!("task {}", clean(task))));
    lines.extend(delivery.text.as_deref().map(|text| format!("why: {}", clean(text))));
    let body = delivery.body.as_ref().map(|body| serde_json::to_string_pretty(body).unwrap_or_default());
    lines.extend(body.unwrap_or_default().lines().map(printable));
    lines
}
