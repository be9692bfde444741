//! The last words: what landed, what it cost, where to look; and the answer for programs.

use std::time::Duration;

use orch_testkit::sample::TEST_COMMAND;
use serde_json::{Value, json};

use super::folder::{Folder, Main};
use super::journey::Traveller;
use super::picture;
use super::report::Report;
use crate::commands::text::{clean, fit, pad, short, usage, width};
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, Style};

/// Widest line.
const WIDEST: usize = 92;

/// The first words.
pub fn greeting(screen: &Screen, issues: usize) -> String {
    let name = screen.styled(Style::Strong, "orch demo");
    format!("{name}  {issues} issues and a small Rust project; only the agent plays by a script")
}

/// The answer for programs, as the last line of stdout.
pub fn answer(screen: &Screen, travellers: &[Traveller], main: &Main, took: Duration) {
    let tasks: Vec<Value> = travellers.iter().map(task).collect();
    screen.json(&json!({
        "tasks": tasks,
        "main": {
            "repository": main.repository,
            "base": main.base,
            "head": main.head,
            "test_command": TEST_COMMAND,
        },
        "duration_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    }));
}

fn task(traveller: &Traveller) -> Value {
    let task = &traveller.detail.task;
    let used = task.usage.clone().unwrap_or_default();
    json!({
        "id": task.id,
        "title": task.title,
        "stage": task.stage,
        "attempts": task.attempts,
        "waiting_on": task.waiting_on,
        // A figure nobody knows is null, never zero.
        "usage": {
            "input_tokens": used.input_tokens,
            "cached_tokens": used.cached_tokens,
            "output_tokens": used.output_tokens,
            "cost_usd": used.cost_usd,
        },
    })
}

/// Why the demo did not do what it promises, if it did not.
pub fn failure(travellers: &[Traveller], report: &Report, folder: &Folder) -> Option<Failure> {
    let astray: Vec<String> = travellers
        .iter()
        .filter(|traveller| traveller.landed().is_none())
        .map(|traveller| format!("{}: {}", traveller.id(), picture::state(&traveller.detail)))
        .collect();
    if !astray.is_empty() {
        return Some(Failure::new(Exit::Failed, format!("not every issue landed ({})", astray.join("; "))));
    }
    let red: Vec<String> = report.commits.iter().filter(|c| c.exit_code != 0).map(|c| short(&c.commit)).collect();
    if let Some(first) = red.first() {
        let what = format!("{} on main fails its own tests", red.join(", "));
        let said = folder.top().join(format!("checkout-{first}.log"));
        return Some(Failure::new(Exit::Failed, what).fix(format!("read what they said: {said}")));
    }
    (report.commits.len() < travellers.len())
        .then(|| Failure::new(Exit::Failed, "there are fewer commits on main than issues that landed"))
}

/// The last words for people. `stays`: the folder is kept.
pub fn lines(
    screen: &Screen,
    travellers: &[Traveller],
    main: &Main,
    report: &Report,
    folder: &Folder,
    took: Duration,
    stays: bool,
) -> Vec<String> {
    let room = screen.width().min(WIDEST).saturating_sub(1);
    let mut lines = vec![String::new(), screen.styled(Style::Strong, "What landed")];
    lines.extend(landed(screen, report, room));
    lines.push(String::new());
    lines.push(screen.styled(Style::Strong, "What it cost"));
    for traveller in travellers {
        let used = traveller.detail.task.usage.as_ref().map_or_else(|| "unknown".to_owned(), usage);
        lines.push(fit(&format!("  {}  {} agent runs  {used}", traveller.id(), traveller.detail.task.attempts), room));
    }
    lines.push(
        screen.styled(Style::Faint, "  The agent was a script: tokens are its bytes, and the money is invented."),
    );
    lines.push(String::new());
    lines.push(screen.styled(Style::Strong, "Where to look"));
    if stays {
        lines.extend(places(screen, travellers, main, folder));
    } else {
        lines.push(format!("  {}", screen.styled(Style::Faint, "The folder is removed. To keep it and look around:")));
        lines.push(format!("  {}", screen.styled(Style::Command, "orch demo --keep")));
        lines.push(format!("  {}", screen.styled(Style::Faint, "To approve what the analyst wrote yourself:")));
        lines.push(format!("  {}", screen.styled(Style::Command, "orch demo --manual")));
    }
    lines.push(String::new());
    lines.push(last(screen, travellers, took));
    lines
}

fn landed(screen: &Screen, report: &Report, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for commit in &report.commits {
        let word = match commit.exit_code {
            0 => "green".to_owned(),
            code => format!("red ({code})"),
        };
        let word = format!("{word}, {}", picture::duration(Duration::from_millis(commit.duration_ms)));
        let style = if commit.exit_code == 0 { Style::Good } else { Style::Bad };
        let left = room.saturating_sub(width(&word) + 16);
        let subject = pad(&fit(&clean(&commit.subject), left), left);
        let name = screen.styled(Style::Strong, &short(&commit.commit));
        lines.push(format!("  {name}  {subject}  {}", screen.styled(style, &word)));
    }
    if lines.is_empty() {
        lines.push("  nothing".to_owned());
    }
    let how = format!("  Each was tested once more on an empty checkout: {TEST_COMMAND}");
    lines.push(fit(&screen.styled(Style::Faint, &how), room));
    lines
}

fn places(screen: &Screen, travellers: &[Traveller], main: &Main, folder: &Folder) -> Vec<String> {
    let mut rows = vec![
        (format!("git -C {} log --first-parent --stat", main.repository), "what was written"),
        (format!("cat {}", folder.report()), "every commit on main, tested"),
    ];
    for traveller in travellers {
        rows.push((format!("{} show {}", folder.command(), traveller.id()), "what happened to it"));
    }
    rows.push((format!("rm -rf {}", folder.top()), "when you have seen enough"));
    let mut lines = Vec::new();
    for (command, why) in rows {
        lines.push(format!("  {}", screen.styled(Style::Faint, &format!("# {why}"))));
        lines.push(format!("  {}", screen.styled(Style::Command, &command)));
    }
    lines
}

fn last(screen: &Screen, travellers: &[Traveller], took: Duration) -> String {
    let landed = travellers.iter().filter(|traveller| traveller.landed().is_some()).count();
    let time = picture::duration(took);
    let by = travellers.iter().filter_map(picture::approved_by).next();
    let approved = by.map(|by| format!(", approved by {by}")).unwrap_or_default();
    if landed == travellers.len() {
        let word = screen.styled(Style::Good, "✓");
        format!("{word} {landed} of {} issues on main in {time}{approved}.", travellers.len())
    } else {
        let word = screen.styled(Style::Bad, "■");
        format!("{word} {landed} of {} issues on main after {time}.", travellers.len())
    }
}
