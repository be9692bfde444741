//! The last words: what landed, what it cost, where to look; and the answer for programs.

use std::time::Duration;

use orch_testkit::sample::TEST_COMMAND;
use orch_text::{Language, deployment_state};
use orch_web::view::DeploymentView;
use serde_json::{Value, json};

use super::folder::{Folder, Main};
use super::journey::Traveller;
use super::picture;
use super::report::{self, Proof, Report, TestedCommit};
use super::{checkouts, story};
use crate::commands::text::{clean, counted, fit, pad, short, usage, width, wrap};
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
pub fn answer(screen: &Screen, travellers: &[Traveller], main: &Main, deployed: &[DeploymentView], took: Duration) {
    let tasks: Vec<Value> = travellers.iter().map(task).collect();
    screen.json(&json!({
        "tasks": tasks,
        "main": {
            "repository": main.repository,
            "base": main.base,
            "head": main.head,
            "test_command": TEST_COMMAND,
        },
        "deployments": deployed.iter().map(deployment).collect::<Vec<_>>(),
        "duration_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    }));
}

fn deployment(one: &DeploymentView) -> Value {
    json!({
        "repository": one.repository,
        "target": one.target,
        "work_item": one.work_item,
        "why": one.why,
        "revision": one.revision,
        "state": one.state,
    })
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
        "turns": traveller.turns,
        "usage": {
            "input_tokens": used.input_tokens,
            "cached_tokens": used.cached_tokens,
            "output_tokens": used.output_tokens,
            "cost_usd": used.cost_usd,
        },
    })
}

/// Why the demo did not do what it promises, if it did not.
pub fn failure(
    travellers: &[Traveller],
    report: &Report,
    deployed: &[DeploymentView],
    folder: &Folder,
) -> Option<Failure> {
    let astray: Vec<String> = travellers
        .iter()
        .filter(|traveller| traveller.landed().is_none())
        .map(|traveller| format!("{}: {}", traveller.id(), picture::state(&traveller.detail)))
        .collect();
    if !astray.is_empty() {
        return Some(Failure::new(Exit::Failed, format!("not every issue landed ({})", astray.join("; "))));
    }
    let red = |commits: Vec<&TestedCommit>, what: &str, log: &str| {
        let first = commits.first()?;
        let names: Vec<String> = commits.iter().map(|c| short(&c.commit)).collect();
        let said = checkouts::words(folder, &format!("{}{log}", report::checkout(&first.commit)));
        let failure = Failure::new(Exit::Failed, format!("{} on main {what}", names.join(", ")));
        Some(failure.fix(format!("read what was said: {said}")))
    };
    let of = |wanted: &dyn Fn(&TestedCommit) -> bool| report.commits.iter().filter(|c| wanted(c)).collect::<Vec<_>>();
    let proof = |commit: &TestedCommit, wanted: fn(&Proof) -> bool| commit.proof.as_ref().is_some_and(wanted);
    red(of(&|c| c.exit_code != 0), "fails its own tests", "")
        .or_else(|| red(of(&|c| proof(c, |p| p.after_exit_code != 0)), "fails the test that came with it", ""))
        .or_else(|| red(of(&|c| proof(c, |p| !p.holds())), "brought a test that passes without it", "-before"))
        .or_else(|| {
            let proved = report.commits.iter().filter(|c| c.proof.is_some()).count();
            (proved < travellers.len())
                .then(|| Failure::new(Exit::Failed, "there are fewer commits on main than issues that landed"))
        })
        .or_else(|| {
            let runs = deployed.last().is_some_and(|one| one.state == "healthy");
            (!runs).then(|| Failure::new(Exit::Failed, "what landed last does not run"))
        })
}

/// The last words for people. `stays`: the folder is kept.
pub fn lines(
    screen: &Screen,
    travellers: &[Traveller],
    main: &Main,
    (report, deployed): (&Report, &[DeploymentView]),
    folder: &Folder,
    took: Duration,
    stays: bool,
) -> Vec<String> {
    let room = screen.width().min(WIDEST).saturating_sub(1);
    let mut lines = vec![String::new(), screen.styled(Style::Strong, "What landed")];
    lines.extend(landed(screen, report, room));
    lines.push(String::new());
    lines.push(screen.styled(Style::Strong, "What happened on the way"));
    lines.extend(travellers.iter().flat_map(|traveller| way(screen, traveller, room)));
    lines.push(String::new());
    lines.push(screen.styled(Style::Strong, "What was deployed"));
    lines.extend(releases(screen, deployed, room));
    lines.push(String::new());
    lines.push(screen.styled(Style::Strong, "What it cost"));
    for traveller in travellers {
        let used = traveller.detail.task.usage.as_ref().map_or_else(|| "unknown".to_owned(), usage);
        lines.push(fit(&format!("  {}  {} agent runs  {used}", traveller.id(), traveller.detail.task.attempts), room));
    }
    let script = "  The agent was a script: tokens are its bytes, and the money is invented.";
    lines.push(screen.styled(Style::Faint, script));
    lines.push(String::new());
    lines.push(screen.styled(Style::Strong, "Where to look"));
    if stays {
        lines.extend(places(screen, travellers, main, folder));
    } else {
        lines.push(format!("  {}", screen.styled(Style::Faint, "The folder is removed. To keep it and look around:")));
        lines.push(format!("  {}", screen.styled(Style::Command, "orch demo --keep")));
        lines.push(format!("  {}", screen.styled(Style::Faint, "To approve, answer and grant yourself:")));
        lines.push(format!("  {}", screen.styled(Style::Command, "orch demo --manual")));
    }
    lines.push(String::new());
    lines.push(last(screen, travellers, took));
    lines
}

/// The good ones in one line, and what became of each other one.
fn releases(screen: &Screen, deployed: &[DeploymentView], room: usize) -> Vec<String> {
    let bad = |one: &DeploymentView| !matches!(one.state.as_str(), "healthy" | "superseded");
    let good = deployed.iter().filter(|one| !bad(one)).count();
    let mut lines = vec![format!("  {} healthy", counted(good, "release"))];
    for (at, one) in deployed.iter().enumerate().filter(|(_, one)| bad(one)) {
        let id = one.work_item.as_deref().map(clean).unwrap_or_default();
        let state = deployment_state(&one.state, Language::English);
        let later = |why: &str| {
            let own = deployed.iter().skip(at).filter(|later| later.work_item == one.work_item);
            own.filter(|later| !bad(later)).any(|later| later.why == why)
        };
        let after = if later("revert") && later("change") { "; its revert landed, and it came again" } else { "" };
        let text = format!("{}: {}{after}", short(&one.revision), clean(&state));
        for (number, line) in wrap(&text, room.saturating_sub(width(&id) + 4)).iter().enumerate() {
            let shown = if number == 0 { id.clone() } else { " ".repeat(width(&id)) };
            lines.push(format!("  {shown}  {}", screen.styled(Style::Attention, line)));
        }
    }
    lines
}

/// The turns, behind the issue's id.
fn way(screen: &Screen, traveller: &Traveller, room: usize) -> Vec<String> {
    let id = clean(traveller.id());
    let mut told: Vec<String> = traveller.turns.iter().map(story::sentence).collect();
    if told.is_empty() {
        told.push("straight through".to_owned());
    }
    let lines = told.iter().flat_map(|text| wrap(text, room.saturating_sub(width(&id) + 4)));
    let name = |index: usize| if index == 0 { screen.styled(Style::Strong, &id) } else { " ".repeat(width(&id)) };
    lines.enumerate().map(|(index, text)| format!("  {}  {text}", name(index))).collect()
}

fn landed(screen: &Screen, report: &Report, room: usize) -> Vec<String> {
    // As wide as their widest words.
    let (id, own, all) = (9, 12, 12);
    let left = room.saturating_sub(id + own + all + 20);
    let head = format!(
        "  {}  {}  {}  {}  all tests",
        pad("issue", id),
        pad("commit", 10),
        pad("", left),
        pad("its own test", own)
    );
    let mut lines = vec![fit(&screen.styled(Style::Faint, &head), room)];
    for commit in &report.commits {
        let word = match commit.exit_code {
            0 => "green".to_owned(),
            code => format!("red ({code})"),
        };
        let word = format!("{word}, {}", picture::duration(Duration::from_millis(commit.duration_ms)));
        let style = |good: bool| if good { Style::Good } else { Style::Bad };
        let issue = commit.proof.as_ref().map(|proof| clean(&proof.issue)).unwrap_or_default();
        // The issue's id stands in its own column.
        let subject = clean(&commit.subject).replace(&format!(" ({issue})"), "");
        let (issue, subject) = (pad(&issue, id), pad(&fit(&subject, left), left));
        let name = screen.styled(Style::Strong, &short(&commit.commit));
        let colour = |code: i32| if code == 0 { "green" } else { "red" };
        let proof = match &commit.proof {
            Some(proof) => format!("{} → {}", colour(proof.before_exit_code), colour(proof.after_exit_code)),
            None => "none".to_owned(),
        };
        let proof = screen.styled(style(commit.proof.as_ref().is_some_and(Proof::holds)), &pad(&proof, own));
        lines.push(format!(
            "  {issue}  {name}  {subject}  {proof}  {}",
            screen.styled(style(commit.exit_code == 0), &word)
        ));
    }
    if report.commits.is_empty() {
        lines = vec!["  nothing".to_owned()];
    }
    for how in [
        format!("  Each on an empty checkout: {TEST_COMMAND}"),
        "  Its own test alone: on the commit before → on the commit itself.".to_owned(),
    ] {
        lines.push(fit(&screen.styled(Style::Faint, &how), room));
    }
    lines
}

fn places(screen: &Screen, travellers: &[Traveller], main: &Main, folder: &Folder) -> Vec<String> {
    let mut rows = vec![
        (format!("git -C {} log --first-parent --stat", main.repository), "what was written"),
        (format!("cat {}", folder.report()), "every commit on main, tested"),
    ];
    let turned = travellers.iter().max_by_key(|traveller| traveller.turns.len());
    if let Some(traveller) = turned {
        rows.push((format!("{} show {}", folder.command(), traveller.id()), "one issue's way, or another's"));
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
