//! `orch board`.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use orch_web::view::{ChangesView, RepositoryList, RepositoryView, TaskList, TaskView};

use super::ids::REPOSITORIES;
use super::text::{Mark, clean, fit, pad, since, width, wrap};
use crate::client::{Caller, encoded};
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, Style};

/// Show every task, by stage.
#[derive(Debug, Args)]
#[command(after_help = r#"Examples:
  orch board --all
  orch board --watch
  orch board --json | jq -r '.tasks[] | select(.waiting_on[].kind == "human") | .id'"#)]
pub struct BoardArgs {
    /// Those that have ended, too
    #[arg(long, short)]
    pub all: bool,
    /// Go on: show it anew whenever something has changed, until Ctrl-C
    #[arg(long, short)]
    pub watch: bool,
    /// Only this repository
    #[arg(long, value_name = "REPO")]
    pub repo: Option<String>,
    /// At most so many, the newest; 200 if left out, with --json all
    #[arg(long, value_name = "NUMBER")]
    pub limit: Option<usize>,
}

/// So long the service waits for a change, in seconds; then the board is shown anew for the times on it.
const WAIT: u32 = 25;
/// Between two boards.
const BREATH: Duration = Duration::from_millis(300);
/// Tasks on a board for people, if nobody says.
const LOOKED_AT: usize = 200;

/// Runs it.
///
/// # Errors
/// If the service does not answer.
pub fn run(args: &BoardArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    if !args.watch {
        return once(args, caller, screen);
    }
    if caller.is_alone() {
        return Err(Failure::new(Exit::Unreachable, "no service runs, so nothing will change").fix("start it: orch up"));
    }
    let only = args.repo.as_deref().map(|repo| format!("&repository={}", encoded(repo))).unwrap_or_default();
    let mut seen: ChangesView = caller.read("/api/v1/changes")?;
    loop {
        screen.anew();
        once(args, caller, screen)?;
        let news = format!("/api/v1/changes?wait={WAIT}&after={}{only}", encoded(&seen.next));
        seen = caller.read(&news)?;
        // Many changes come together.
        std::thread::sleep(BREATH);
    }
}

fn once(args: &BoardArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let only = args.repo.as_deref().map(|repo| format!("&repository={}", encoded(repo))).unwrap_or_default();
    // A program wants all of it, a person what can be looked at.
    let most = args.limit.unwrap_or(if screen.is_json() { usize::MAX } else { LOOKED_AT });
    let list = caller.tasks(&format!("ended={}{only}", args.all), most.max(1))?;
    screen.json(&list);
    if screen.is_json() {
        return Ok(());
    }
    let mut known: RepositoryList = caller.read(REPOSITORIES)?;
    known.repositories.retain(|repository| args.repo.as_ref().is_none_or(|only| *only == repository.id));
    for line in lines(&list, &known.repositories, args.all, screen, Timestamp::now()) {
        screen.line(&line);
    }
    Ok(())
}

/// The board: one block per repository, in it one per stage in the order of the line.
pub fn lines(
    list: &TaskList,
    repositories: &[RepositoryView],
    all: bool,
    screen: &Screen,
    now: Timestamp,
) -> Vec<String> {
    let mut lines = Vec::new();
    for repository in repositories {
        let tasks: Vec<&TaskView> = list.tasks.iter().filter(|task| task.repository == repository.id).collect();
        let notice = notice(repository, screen, now);
        if tasks.is_empty() && notice.is_empty() {
            continue;
        }
        if repositories.len() > 1 || !notice.is_empty() {
            lines.push(screen.styled(Style::Strong, &clean(&repository.id)));
            lines.extend(notice);
            lines.push(String::new());
        }
        for (stage, tasks) in by_stage(&tasks, &list.stages) {
            lines.extend(group(&stage, &tasks, screen, now));
            lines.push(String::new());
        }
    }
    if list.tasks.is_empty() {
        lines.extend(empty(repositories, all, screen));
    } else {
        lines.extend(more(list, screen));
        lines.extend(summary(list, screen));
    }
    lines
}

/// That the list goes on.
fn more(list: &TaskList, screen: &Screen) -> Option<String> {
    list.next.as_ref()?;
    let open: u64 = list.counts.values().sum();
    let shown = list.tasks.iter().filter(|task| !task.ended).count() as u64;
    let how_many = match open.saturating_sub(shown) {
        0 => "more that have ended".to_owned(),
        more => format!("{more} more"),
    };
    let text = format!("these are the newest {}; {how_many}: add --limit NUMBER", list.tasks.len());
    Some(screen.styled(Style::Attention, &text))
}

/// What holds the whole repository back.
fn notice(repository: &RepositoryView, screen: &Screen, now: Timestamp) -> Vec<String> {
    let id = clean(&repository.id);
    let frozen = repository.frozen.as_ref().map(|freeze| {
        let (ago, by, reason) = (since(&freeze.at, now), clean(&freeze.by), clean(&freeze.reason));
        let passing = clean(&freeze.passing());
        let passing = if passing.is_empty() { passing } else { format!("; {passing}") };
        format!("frozen {ago} ago by {by}: {reason}{passing}; lift it: orch unfreeze --repo {id}")
    });
    let paused = repository.paused.then(|| format!("paused; go on: orch resume --repo {id}"));
    let trouble = repository.trouble.as_ref().map(|trouble| format!("{}{}", trouble.what(), clean(&trouble.reason)));
    let texts = trouble.iter().chain(&frozen).chain(&paused);
    texts.flat_map(|text| wrap(text, screen.width())).map(|part| screen.styled(Style::Attention, &part)).collect()
}

/// Tasks by stage: what is before the line, the line, what is behind it.
fn by_stage<'a>(tasks: &[&'a TaskView], order: &[String]) -> Vec<(String, Vec<&'a TaskView>)> {
    let mut groups: BTreeMap<(usize, &str), Vec<&TaskView>> = BTreeMap::new();
    for &task in tasks {
        let in_line = order.iter().position(|stage| *stage == task.stage);
        let rank = match in_line {
            Some(place) => place + 1,
            None if task.ended => usize::MAX - usize::from(Mark::of(task) == Mark::Done),
            None => 0,
        };
        groups.entry((rank, &task.stage)).or_default().push(task);
    }
    let sorted = groups.into_iter().map(|((_, stage), mut tasks)| {
        tasks.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.created_at.cmp(&b.created_at)));
        (stage.to_owned(), tasks)
    });
    sorted.collect()
}

fn group(stage: &str, tasks: &[&TaskView], screen: &Screen, now: Timestamp) -> Vec<String> {
    let count = screen.styled(Style::Faint, &tasks.len().to_string());
    let mut lines = vec![format!("{} {count}", screen.styled(Style::Strong, &clean(stage)))];
    let id_width = tasks.iter().map(|task| width(&task.id)).max().unwrap_or(0);
    for task in tasks {
        let age = since(task.ended_at.as_ref().unwrap_or(&task.entered_at), now);
        // Mark, blanks and a gap before the age.
        let room = screen.width().saturating_sub(id_width + width(&age) + 8);
        let title = pad(&fit(&clean(&task.title), room), room);
        let id = screen.styled(Style::Strong, &pad(&clean(&task.id), id_width));
        lines.push(format!("  {} {id}  {title}  {}", Mark::of(task).shown(screen), screen.styled(Style::Faint, &age)));
        let indent = " ".repeat(id_width + 6);
        // What is wrong with the repository stands above, once.
        for wait in task.waiting_on.iter().filter(|wait| wait.kind != "repository") {
            let style = if matches!(wait.kind.as_str(), "human" | "held") { Style::Attention } else { Style::Faint };
            for part in wrap(&clean(&wait.text), screen.width().saturating_sub(indent.len())) {
                lines.push(format!("{indent}{}", screen.styled(style, &part)));
            }
        }
    }
    lines
}

/// Of all that are open; of those that have ended as many as are shown.
fn summary(list: &TaskList, screen: &Screen) -> Vec<String> {
    let shown = |mark: Mark| list.tasks.iter().filter(|task| Mark::of(task) == mark).count() as u64;
    let open = |mark: Mark| list.counts.iter().filter(|(kind, _)| Mark::of_kind(kind) == mark).map(|(_, n)| n).sum();
    let count = |mark: Mark| {
        if list.next.is_none() || matches!(mark, Mark::Done | Mark::CalledOff) { shown(mark) } else { open(mark) }
    };
    let parts = [
        (count(Mark::Asks), "wait for you"),
        (count(Mark::Stuck), "stuck"),
        (count(Mark::Works), "at work"),
        (count(Mark::Waits), "waiting"),
        (count(Mark::Done), "done"),
        (count(Mark::CalledOff), "cancelled"),
    ];
    let words: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| {
            if (*count, *what) == (1, "wait for you") {
                "1 waits for you".to_owned()
            } else {
                format!("{count} {what}")
            }
        })
        .collect();
    let lines = wrap(&words.join(" · "), screen.width());
    lines.iter().map(|line| screen.styled(Style::Faint, line)).collect()
}

fn empty(repositories: &[RepositoryView], all: bool, screen: &Screen) -> Vec<String> {
    let command = |text: &str| screen.styled(Style::Command, text);
    if repositories.is_empty() {
        return vec![format!("No repository yet. Begin in one with: {}", command("orch init"))];
    }
    let mut lines = vec![format!("Nothing on the board. Open a task: {}", command("orch new \"What is wanted\""))];
    if !all {
        lines.push(format!("What has ended: {}", command("orch board --all")));
    }
    lines
}
