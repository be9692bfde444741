//! `orch show`.

use clap::Args;
use jiff::Timestamp;
use orch_text::{Language, WordList, word};
use orch_web::view::{AttemptView, CheckView, PapersView, TaskDetailView, TimelineView, UnknownView};

use super::ids::{self, Named, TaskArg};
use super::judged;
use super::text::{
    Mark, between, clean, fit, local, models, pad, short, since, until, usage, usage_short, width, with_short_commits,
    wrap,
};
use crate::client::Caller;
use crate::exit::Failure;
use crate::screen::{Screen, Style, printable};

/// Show everything about a task: where it stands, why it waits, what was tried, what it cost.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  orch show SHOP-003\n  orch show 3 --json | jq .usage")]
pub struct ShowArgs {
    #[command(flatten)]
    pub task: TaskArg,
    /// Its papers, in full: what an approval is about
    #[arg(long)]
    pub docs: bool,
    /// Its whole description and timeline, too
    #[arg(long, short)]
    pub all: bool,
}

/// Width of the names on the left.
const LEFT: usize = 11;
/// Newest lines of the timeline that are shown; `--json` has all.
const TIMELINE: usize = 15;
/// Lines of the description that are shown.
const DESCRIPTION: usize = 12;
/// Lines of a failed check's output that are shown.
const EXCERPT: usize = 12;

/// Runs it.
///
/// # Errors
/// If the service does not answer or knows no such task.
pub fn run(args: &ShowArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let task = ids::task(&args.task, caller)?;
    if args.docs {
        return papers(&task, caller, screen);
    }
    let detail: TaskDetailView = caller.read(&task.address())?;
    screen.json(&detail);
    for line in lines(&detail, args.all, screen, Timestamp::now()) {
        screen.line(&line);
    }
    Ok(())
}

/// What the task wrote, in full.
fn papers(task: &Named, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let papers: PapersView = caller.read(&format!("{}/documents", task.address()))?;
    screen.json(&papers);
    if papers.documents.is_empty() {
        screen.line(&format!("{} has written nothing yet", task.id));
    }
    for (index, paper) in papers.documents.iter().enumerate() {
        if index > 0 {
            screen.line("");
        }
        screen.line(&screen.styled(Style::Strong, &clean(&paper.path)));
        screen.line("");
        for line in printable(paper.text.trim_end()).lines() {
            screen.line(line);
        }
    }
    Ok(())
}

/// The task for people.
pub fn lines(detail: &TaskDetailView, all: bool, screen: &Screen, now: Timestamp) -> Vec<String> {
    let mut lines = head(detail, screen, now);
    let sections = [
        ("The issue", description(detail, all, screen)),
        ("Asked of you", questions(detail, screen)),
        ("Attempts", attempts(detail, screen, now)),
        ("Weakened tests", weakened(detail, screen)),
        ("Findings", judged::findings(detail, screen)),
        ("Verdicts", judged::verdicts(detail, screen)),
        ("Checks", checks(detail, screen, now)),
        ("Queued or failed work", work(detail, screen)),
        ("Not known to this release", unknown(detail, screen)),
        ("Timeline", timeline(detail, all, screen)),
    ];
    for (title, content) in sections {
        if !content.is_empty() {
            lines.push(String::new());
            lines.push(screen.styled(Style::Strong, title));
            lines.extend(content);
        }
    }
    if let Some(command) = &detail.bring_home {
        lines.push(String::new());
        lines.push(screen.styled(Style::Strong, "Bring it home, in your own repository"));
        lines.push(format!("  {}", screen.styled(Style::Command, &printable(command))));
    }
    lines
}

/// A named value, wrapped under itself.
fn rows(name: &str, text: &str, style: Option<Style>, screen: &Screen) -> Vec<String> {
    let parts = wrap(text, screen.width().saturating_sub(LEFT + 2));
    let styled = |part: &String| style.map_or_else(|| part.clone(), |style| screen.styled(style, part));
    let name = |index: usize| screen.styled(Style::Faint, &pad(if index == 0 { name } else { "" }, LEFT));
    parts.iter().enumerate().map(|(index, part)| format!("  {}{}", name(index), styled(part))).collect()
}

fn head(detail: &TaskDetailView, screen: &Screen, now: Timestamp) -> Vec<String> {
    let task = &detail.task;
    let mark = Mark::of(task);
    let room = screen.width().saturating_sub(width(&task.id) + 4);
    let title = wrap(&clean(&task.title), room);
    let mut lines = vec![format!("{} {}", mark.shown(screen), screen.styled(Style::Strong, &clean(&task.id)))];
    for (index, part) in title.iter().enumerate() {
        let part = screen.styled(Style::Strong, &fit(part, room));
        match lines.last_mut().filter(|_| index == 0) {
            Some(first) => first.push_str(&format!("  {part}")),
            None => lines.push(format!("{}{part}", " ".repeat(width(&task.id) + 4))),
        }
    }
    lines.push(String::new());
    lines.extend(rows("stage", &stage(detail, now), None, screen));
    if !detail.pipeline.is_empty() {
        lines.extend(rows("line", &line(detail), Some(Style::Faint), screen));
    }
    for (index, wait) in task.waiting_on.iter().enumerate() {
        let name = if index == 0 { "waits" } else { "" };
        let style = matches!(mark, Mark::Asks | Mark::Stuck).then_some(Style::Attention);
        let left = wait.until.as_ref().map(|at| format!(" (in {})", until(at, now))).unwrap_or_default();
        lines.extend(rows(name, &format!("{}{left}", clean(&wait.text)), style, screen));
    }
    for place in &detail.lane {
        let place_text = place.place.map(|place| format!("number {place}, ")).unwrap_or_default();
        let behind = place.behind.as_ref().map(|id| format!(", behind {}", clean(id))).unwrap_or_default();
        let candidate = place.candidate.as_ref().map(|commit| format!(" {}", short(commit))).unwrap_or_default();
        let cause = place.cause.as_ref().map(|cause| format!(": {}", clean(cause))).unwrap_or_default();
        let name = if place.line == "landing" { "to land" } else { "to start" };
        let state = word(WordList::Place, &clean(&place.state), Language::English);
        let text = format!("{place_text}{state}{candidate}{cause}{behind}");
        lines.extend(rows(name, &text, None, screen));
    }
    if !detail.dependencies.is_empty() {
        let ended = |ended| if ended { " ✓" } else { "" };
        let on: Vec<_> = detail.dependencies.iter().map(|on| format!("{}{}", clean(&on.id), ended(on.ended))).collect();
        lines.extend(rows("depends on", &on.join(", "), None, screen));
    }
    let head = task.head.as_ref().map(|head| format!(" at {}", short(head))).unwrap_or_default();
    lines.extend(rows("branch", &format!("{}{head}", clean(&task.branch)), None, screen));
    if let Some(landed) = &task.landed {
        lines.extend(rows("landed", &format!("as {}", short(landed)), Some(Style::Good), screen));
    }
    if let Some(sum) = &task.usage {
        let models = Some(models(sum)).filter(|models| !models.is_empty()).map(|models| format!(" · {models}"));
        lines.extend(rows("used", &format!("{}{}", usage(sum), models.unwrap_or_default()), None, screen));
    }
    lines.extend(run_lines(detail, screen));
    let priority = if task.priority == 0 { String::new() } else { format!(", priority {}", task.priority) };
    let opened = format!("by {} {} ago{priority}", clean(&task.author), since(&task.created_at, now));
    lines.extend(rows("opened", &opened, None, screen));
    lines
}

/// The newest attempt's run: how it is kept, and while it lasts what it used.
fn run_lines(detail: &TaskDetailView, screen: &Screen) -> Vec<String> {
    let Some(attempt) = detail.attempt_list.last() else { return Vec::new() };
    let Some(level) = &attempt.level else { return Vec::new() };
    let kept = match level.as_str() {
        "L0" => "not confined (L0)".to_owned(),
        level => format!("confined ({})", clean(level)),
    };
    let used = match (&attempt.usage, attempt.outcome.as_str()) {
        (Some(sum), "running") => format!(" · so far {}", usage(sum)),
        // What it used in the end stands in its line below; of what is not known the sum tells.
        _ => String::new(),
    };
    let style = (level == "L0").then_some(Style::Attention);
    let mut lines = rows("run", &format!("attempt {}, {kept}{used}", attempt.number), style, screen);
    for limit in &attempt.limits {
        lines.extend(rows("", &clean(limit), Some(Style::Faint), screen));
    }
    lines
}

fn stage(detail: &TaskDetailView, now: Timestamp) -> String {
    let task = &detail.task;
    let when = match &task.ended_at {
        Some(ended) => format!("{} ago, {} after it was opened", since(ended, now), between(&task.created_at, ended)),
        None => format!("for {}", since(&task.entered_at, now)),
    };
    let retries = match task.retries {
        0 => String::new(),
        1 => ", 1 retry".to_owned(),
        count => format!(", {count} retries"),
    };
    format!("{} {when}{retries}", clean(&task.stage))
}

/// The pipeline with the present stage in brackets.
fn line(detail: &TaskDetailView) -> String {
    let name = |id: &String| if *id == detail.task.stage { format!("[{}]", clean(id)) } else { clean(id) };
    detail.pipeline.iter().map(|stage| name(&stage.id)).collect::<Vec<_>>().join(" → ")
}

/// What a newer release wrote.
fn unknown(detail: &TaskDetailView, screen: &Screen) -> Vec<String> {
    let room = screen.width().saturating_sub(2);
    let text = |part: &UnknownView| format!("{}: {}", clean(&part.part), clean(&part.text));
    detail.unknown.iter().flat_map(|part| wrap(&text(part), room)).map(|line| format!("  {line}")).collect()
}

/// The issue's own words; the beginning of long ones.
fn description(detail: &TaskDetailView, all: bool, screen: &Screen) -> Vec<String> {
    let text = printable(detail.description.trim());
    let most = if all { usize::MAX } else { DESCRIPTION };
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let parts = wrap(line, screen.width().saturating_sub(2));
        if parts.is_empty() {
            lines.push(String::new());
        }
        lines.extend(parts.into_iter().map(|part| format!("  {part}")));
    }
    let left_out = lines.len().saturating_sub(most);
    if left_out > 1 {
        lines.truncate(most);
        let words = format!("  … {left_out} more lines: orch show {} --all", clean(&detail.task.id));
        lines.push(screen.styled(Style::Faint, &words));
    }
    lines
}

fn questions(detail: &TaskDetailView, screen: &Screen) -> Vec<String> {
    let mut lines = Vec::new();
    for episode in detail.episodes.iter().filter(|episode| episode.answer.is_none()) {
        let what = match episode.kind.as_str() {
            "approval" => "approval of",
            "questions" => "answers, for",
            "protected_paths" => "your leave for the protected paths of patch",
            _ => "your word on",
        };
        let about = format!("  {what} {}, asked {}", short(&episode.about), local(&episode.opened_at, screen.zone()));
        lines.push(fit(&about, screen.width()));
        // What it waits for was said above, in the same words.
        if !detail.task.waiting_on.iter().any(|wait| wait.text == episode.text) {
            let parts = wrap(&clean(&episode.text), screen.width().saturating_sub(2));
            lines.extend(parts.iter().map(|part| format!("  {}", screen.styled(Style::Attention, part))));
        }
        if let Some(likely) = detail.forecast.as_ref().filter(|_| episode.kind == "approval") {
            let parts = wrap(&super::inbox::forecast(likely), screen.width().saturating_sub(2));
            lines.extend(parts.iter().map(|part| format!("  {part}")));
        }
        let steps = super::inbox::steps(episode, detail).into_iter().filter(|(what, _)| *what == "read");
        lines.extend(steps.map(|(what, command)| {
            format!(
                "  {} {}",
                screen.styled(Style::Faint, &format!("{what} it:")),
                screen.styled(Style::Command, &command)
            )
        }));
        for (index, question) in episode.questions.iter().enumerate() {
            let parts = wrap(&clean(question), screen.width().saturating_sub(7));
            lines.extend(parts.iter().enumerate().map(|(part_index, part)| {
                let number = if part_index == 0 { format!("{}.", index + 1) } else { String::new() };
                format!("    {} {part}", pad(&number, 2))
            }));
        }
    }
    lines
}

fn attempts(detail: &TaskDetailView, screen: &Screen, now: Timestamp) -> Vec<String> {
    let cells = detail.attempt_list.iter().map(|attempt| {
        let took = match &attempt.ended_at {
            Some(ended) => between(&attempt.requested_at, ended),
            None => since(&attempt.requested_at, now),
        };
        let end = word(WordList::End, &clean(&attempt.outcome), Language::English);
        [attempt.number.to_string(), clean(&attempt.stage), end, took, delivery(attempt)]
    });
    let rows: Vec<[String; 5]> = cells.collect();
    let widths: Vec<usize> =
        (0..4).map(|column| rows.iter().map(|row| width(&row[column])).max().unwrap_or(0)).collect();
    let mut lines = Vec::new();
    for (row, attempt) in rows.iter().zip(&detail.attempt_list) {
        let style = match attempt.outcome.as_str() {
            "completed" | "running" => Style::Good,
            "stopped" => Style::Faint,
            _ => Style::Bad,
        };
        let columns = [
            pad(&row[0], widths[0]),
            pad(&row[1], widths[1]),
            screen.styled(style, &pad(&row[2], widths[2])),
            pad(&row[3], widths[3]),
            row[4].clone(),
        ];
        lines.push(fit(format!("  {}", columns.join("  ")).trim_end(), screen.width()));
        if let Some(reason) = &attempt.reason {
            let indent = " ".repeat(widths[0] + 4);
            let parts = wrap(&clean(reason), screen.width().saturating_sub(indent.len()));
            lines.extend(parts.iter().map(|part| format!("{indent}{}", screen.styled(Style::Bad, part))));
        }
    }
    lines
}

/// What an attempt left and what it used.
fn delivery(attempt: &AttemptView) -> String {
    let count = |count: usize, what: &str| match count {
        0 => None,
        1 => Some(format!("1 {what}")),
        more => Some(format!("{more} {what}s")),
    };
    let files = attempt.changed_files.and_then(|files| count(files as usize, "file"));
    let mut parts: Vec<String> = [count(attempt.documents.len(), "document"), files].into_iter().flatten().collect();
    if attempt.commits == Some(0) {
        parts.push("nothing committed".to_owned());
    }
    // An agent that tells nothing is told of once, in the sum.
    parts.extend(attempt.usage.as_ref().map(usage_short).filter(|used| used != "unknown"));
    parts.join(" · ")
}

/// Tests that the newest attempt which weakened any deleted or took lines from, with the beginning of the change.
fn weakened(detail: &TaskDetailView, screen: &Screen) -> Vec<String> {
    let Some(attempt) = detail.attempt_list.iter().rev().find(|attempt| attempt.weakened_total > 0) else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    for test in &attempt.weakened {
        let text = format!("  attempt {}: {}", attempt.number, clean(&test.text));
        lines.push(screen.styled(Style::Attention, &fit(&text, screen.width())));
        let diff = printable(test.diff.trim_end());
        let hunks = diff.lines().skip_while(|line| !line.starts_with("@@ "));
        lines.extend(hunks.take(EXCERPT).map(|line| {
            fit(&format!("  {} {}", screen.styled(Style::Faint, "│"), line.replace('\t', "  ")), screen.width())
        }));
    }
    let more = attempt.weakened_total.saturating_sub(u32::try_from(attempt.weakened.len()).unwrap_or(u32::MAX));
    if more > 0 {
        lines.push(format!("  and {more} more"));
    }
    lines
}

fn checks(detail: &TaskDetailView, screen: &Screen, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    for (at, check) in detail.checks.iter().enumerate() {
        let (word, style) = match check.outcome.as_str() {
            "passed" => ("passed", Style::Good),
            "running" => ("running", Style::Faint),
            "failed" => ("failed", Style::Bad),
            other => (other, Style::Attention),
        };
        let took = match &check.ended_at {
            Some(ended) => between(&check.requested_at, ended),
            None => since(&check.requested_at, now),
        };
        let of = if check.of == "candidate" { "the candidate" } else { "the branch" };
        let reason = check.reason.as_ref().map(|reason| format!("  {}", clean(reason))).unwrap_or_default();
        let tries = match (&check.first_red, check.outcome.as_str()) {
            (None, _) => String::new(),
            (Some(first), "passed") => format!("  flaky: red at first ({})", clean(first)),
            (Some(_), _) => ", twice".to_owned(),
        };
        let word = screen.styled(style, &pad(&clean(word), 7));
        lines.push(fit(
            &format!("{:>3}  {word}  {}  {}  {took}{reason}{tries}", at + 1, short(&check.commit), pad(of, 14)),
            screen.width(),
        ));
    }
    let Some(newest) = detail.checks.last() else { return lines };
    lines.extend(excerpt(newest, screen));
    if !newest.excerpt.is_empty() {
        lines.push(screen.styled(Style::Faint, &format!("  the whole: orch logs {} --check", clean(&detail.task.id))));
    }
    lines
}

/// The end of what the newest check printed, if it is not green.
fn excerpt(check: &CheckView, screen: &Screen) -> Vec<String> {
    let text = printable(check.excerpt.trim_end());
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(EXCERPT)..]
        .iter()
        .map(|line| {
            fit(&format!("  {} {}", screen.styled(Style::Faint, "│"), line.replace('\t', "  ")), screen.width())
        })
        .collect()
}

fn work(detail: &TaskDetailView, screen: &Screen) -> Vec<String> {
    let shown = detail.work.iter().filter(|work| work.error.is_some() || work.state == "failed");
    shown
        .flat_map(|work| {
            let error = work.error.as_deref().map(clean).unwrap_or_default();
            let (kind, state) = (clean(&work.kind), clean(&work.state));
            let kind = word(WordList::Work, &kind, Language::English);
            let state = word(WordList::State, &state, Language::English);
            let text = format!("{kind}: {state}, {} tries: {error}", work.tries);
            let style = if work.state == "failed" { Style::Bad } else { Style::Attention };
            let parts = wrap(&text, screen.width().saturating_sub(2));
            parts.into_iter().map(|part| format!("  {}", screen.styled(style, &part))).collect::<Vec<_>>()
        })
        .collect()
}

fn timeline(detail: &TaskDetailView, all: bool, screen: &Screen) -> Vec<String> {
    let most = if all { usize::MAX } else { TIMELINE };
    let left_out = detail.timeline.len().saturating_sub(most);
    let shown = &detail.timeline[left_out..];
    let by_width = shown.iter().map(|line| width(&clean(&line.by))).max().unwrap_or(0).min(16);
    let mut lines = Vec::new();
    if left_out > 0 {
        let words = format!("  … {left_out} earlier: orch show {} --all", clean(&detail.task.id));
        lines.push(screen.styled(Style::Faint, &words));
    }
    for line in shown {
        let at = screen.styled(Style::Faint, &local(&line.at, screen.zone()));
        let by = pad(&fit(&clean(&line.by), by_width), by_width);
        let indent = 2 + 19 + 2 + by_width + 2;
        for (index, part) in
            wrap(&with_short_commits(&line.text), screen.width().saturating_sub(indent)).iter().enumerate()
        {
            lines.push(match index {
                0 => format!("  {at}  {by}  {part}"),
                _ => format!("{}{part}", " ".repeat(indent)),
            });
        }
    }
    lines.extend(accounts(shown).map(|text| screen.styled(Style::Faint, &fit(&format!("  {text}"), screen.width()))));
    lines
}

/// Whose accounts those names are: two may be called the same.
fn accounts(shown: &[TimelineView]) -> Option<String> {
    let account = |line: &TimelineView| {
        let named = ["orch", "role:", "git:", "name:"].iter().all(|source| !line.actor.starts_with(source));
        (named && !line.actor.is_empty() && line.actor != line.by)
            .then(|| format!("{} is {}", clean(&line.by), clean(&line.actor)))
    };
    let all: std::collections::BTreeSet<_> = shown.iter().filter_map(account).collect();
    (!all.is_empty()).then(|| all.into_iter().collect::<Vec<_>>().join(" · "))
}
