//! `orch outbox`.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use orch_web::view::{AnswerView, MessageView, OutboxReport, ShownReport, ShownView, TargetView};

use super::ids::{self, TaskArg};
use super::text::{clean, fit, pad, since};
use crate::client::{Caller, encoded};
use crate::exit::Failure;
use crate::screen::{Screen, Style, printable};

/// Show what people are told of, what is shown of tasks outside, and what did not arrive.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  orch outbox list\n  orch outbox list --state dead\n  orch outbox show 12\n  \
                  orch outbox show SHOP-003\n  orch outbox replay 12\n  orch outbox drop 12")]
pub struct OutboxArgs {
    #[command(subcommand)]
    command: OutboxCommand,
}

#[derive(Debug, Subcommand)]
enum OutboxCommand {
    /// Messages, newest first, how their targets are, and what is not shown there yet
    List {
        /// Only of this target, a `name` of [[notify]]
        #[arg(long, value_name = "NAME")]
        target: Option<String>,
        /// Only in this state
        #[arg(long, value_parser = ["queued", "sending", "sent", "dropped", "dead"])]
        state: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// One message, with what is sent; or what is shown of a task outside
    Show {
        /// The message's number, or the task: SHOP-001
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Send a message again that was given up or dropped, or one that waits for its next try, now
    Replay {
        /// Its number
        id: u32,
    },
    /// Give a message up
    Drop {
        /// Its number
        id: u32,
    },
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, knows no such message, or refuses.
pub fn run(args: &OutboxArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    match &args.command {
        OutboxCommand::List { target, state, limit } => {
            let mut path = format!("/api/v1/outbox?limit={limit}");
            for (name, value) in [("target", target), ("state", state)] {
                path.extend(value.iter().map(|value| format!("&{name}={}", encoded(value))));
            }
            let report: OutboxReport = caller.read(&path)?;
            screen.json(&report);
            for line in lines(&report, screen, Timestamp::now()) {
                screen.line(&line);
            }
        }
        OutboxCommand::Show { id } if id.parse::<u32>().is_err() => {
            let task = ids::task(&TaskArg::from(id.as_str()), caller)?;
            let report: ShownReport = caller.read(&format!("{}/shown", task.address()))?;
            screen.json(&report);
            if report.shown.is_empty() {
                screen.line(&format!("{} is shown nowhere outside", task.id));
            }
            for shown in &report.shown {
                screen.line(&of_shown(shown, screen, Timestamp::now()));
            }
        }
        OutboxCommand::Show { id } => {
            let message: MessageView = caller.read(&format!("/api/v1/outbox/{id}"))?;
            screen.json(&message);
            for line in details(&message) {
                screen.line(&line);
            }
        }
        OutboxCommand::Replay { id } => act(&format!("/api/v1/outbox/{id}/replay"), caller, screen)?,
        OutboxCommand::Drop { id } => act(&format!("/api/v1/outbox/{id}/drop"), caller, screen)?,
    }
    Ok(())
}

fn act(path: &str, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let answer: AnswerView = caller.send(path, &serde_json::json!({}))?;
    screen.json(&answer);
    screen.line(&printable(&answer.text));
    Ok(())
}

fn lines(report: &OutboxReport, screen: &Screen, now: Timestamp) -> Vec<String> {
    let mut lines: Vec<String> = report.targets.iter().map(|target| of_target(target, screen, now)).collect();
    if lines.is_empty() {
        lines.push("Nobody is told of anything: add a [[notify]] to the host file.".to_owned());
    } else if report.messages.is_empty() {
        lines.push(screen.styled(Style::Faint, "no messages"));
    }
    lines.extend(report.shown.iter().map(|shown| of_shown(shown, screen, now)));
    for message in &report.messages {
        let style = match message.state.as_str() {
            "dead" => Style::Bad,
            "queued" | "sending" => Style::Attention,
            _ => Style::Faint,
        };
        let state = screen.styled(style, &pad(&clean(&message.state), 8));
        let why = message.error.as_deref().map(|why| format!("  ({})", clean(why))).unwrap_or_default();
        let line = format!(
            "{:>5}  {state} {}  {}{why}",
            message.id,
            pad(&format!("{} ago", since(&message.made_at, now)), 9),
            clean(&message.text)
        );
        lines.push(fit(&line, screen.width()));
    }
    lines
}

fn of_shown(shown: &ShownView, screen: &Screen, now: Timestamp) -> String {
    let (style, state) = match shown.state.as_str() {
        "shown" => (Style::Good, "shown".to_owned()),
        "due" if shown.tries > 0 => (Style::Attention, format!("not shown yet, {} failed", tries(shown.tries))),
        "due" => (Style::Attention, "not shown yet".to_owned()),
        "ended" => (Style::Faint, "ended".to_owned()),
        "left_alone" => (Style::Faint, "left alone".to_owned()),
        other => (Style::Attention, clean(other)),
    };
    let id = shown.external_id.as_deref().map(|id| format!(" {}", clean(id))).unwrap_or_default();
    let why = shown.error.as_deref().map(|why| format!("  ({})", clean(why))).unwrap_or_default();
    let at = shown.written_at.as_deref().map(|at| format!(", written {} ago", since(at, now))).unwrap_or_default();
    let (object, aspect, target) = (clean(&shown.object), clean(&shown.aspect), clean(&shown.target));
    fit(&format!("{object}  {aspect}{id} at {target}: {}{at}{why}", screen.styled(style, &state)), screen.width())
}

fn tries(tries: u32) -> String {
    if tries == 1 { "1 try".to_owned() } else { format!("{tries} tries") }
}

fn of_target(target: &TargetView, screen: &Screen, now: Timestamp) -> String {
    let name = screen.styled(Style::Strong, &clean(&target.name));
    let reason = target.reason.as_deref().map(clean).unwrap_or_default();
    let lasting = target.since.as_deref().map(|at| format!(" for {}", since(at, now))).unwrap_or_default();
    let text = match target.state.as_str() {
        "ok" => screen.styled(Style::Good, "ok"),
        "refused" => {
            screen.styled(Style::Bad, &format!("refused{lasting}: {reason}; change the settings, then restart orch up"))
        }
        _ => screen.styled(Style::Attention, &format!("down{lasting}: {reason}")),
    };
    fit(&format!("{name}  {text}"), screen.width())
}

fn details(message: &MessageView) -> Vec<String> {
    let tries = tries(message.tries);
    let mut lines = vec![
        format!("{} to {}: {}", clean(&message.kind), clean(&message.target), clean(&message.text)),
        format!("{}, {tries}, written {}", clean(&message.state), clean(&message.made_at)),
    ];
    lines.extend(message.error.as_deref().map(|error| format!("why: {}", clean(error))));
    lines.extend(message.ended_at.as_deref().map(|at| format!("ended {}", clean(at))));
    let body = serde_json::to_string_pretty(&message.body).unwrap_or_default();
    lines.extend(body.lines().map(printable));
    lines
}
