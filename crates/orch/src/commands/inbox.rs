//! `orch inbox`.

use clap::Args;
use jiff::Timestamp;
use orch_web::view::{EpisodeView, ForecastView, RepositoryList, RepositoryView, TaskDetailView};

use super::ids::REPOSITORIES;
use super::text::{clean, fit, money, since, width, wrap};
use crate::client::{Caller, encoded};
use crate::exit::Failure;
use crate::screen::{Screen, Style};

/// What waits for you: what is asked, what to read, and what to type.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  orch inbox\n  orch inbox --json | jq -r '.tasks[].id'")]
pub struct InboxArgs {
    /// Only this repository
    #[arg(long, value_name = "REPO")]
    pub repo: Option<String>,
}

/// Runs it.
///
/// # Errors
/// If the service does not answer.
pub fn run(args: &InboxArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let asked = waiting(args.repo.as_deref(), &["human", "held"], caller)?;
    screen.json(&serde_json::json!({"tasks": asked}));
    let broken = broken(args.repo.as_deref(), caller)?;
    if asked.is_empty() && broken.is_empty() {
        screen.line("Nothing waits for you.");
    }
    for (index, detail) in asked.iter().enumerate() {
        if index > 0 {
            screen.line("");
        }
        for line in lines(detail, screen, Timestamp::now()) {
            screen.line(&line);
        }
    }
    if !broken.is_empty() {
        if !asked.is_empty() {
            screen.line("");
        }
        let text = format!("nothing starts in {} before somebody mends it: orch repo list", broken.join(", "));
        for part in wrap(&text, screen.width()) {
            screen.line(&screen.styled(Style::Attention, &part));
        }
    }
    Ok(())
}

/// Repositories that cannot be worked in before a person does something.
fn broken(repo: Option<&str>, caller: &Caller) -> Result<Vec<String>, Failure> {
    let known: RepositoryList = caller.read(REPOSITORIES)?;
    let is = |known: &&RepositoryView| {
        repo.is_none_or(|repo| repo == known.id)
            && known.trouble.as_ref().is_some_and(|trouble| trouble.holds && !trouble.passes)
    };
    Ok(known.repositories.iter().filter(is).map(|known| clean(&known.id)).collect())
}

/// Tasks that wait for a person in one of these ways, the longest first.
pub fn waiting(repo: Option<&str>, kinds: &[&str], caller: &Caller) -> Result<Vec<TaskDetailView>, Failure> {
    let only = repo.map(|repo| format!("&repository={}", encoded(repo))).unwrap_or_default();
    let mut tasks = caller.tasks(&format!("waiting={}{only}", kinds.join(",")), usize::MAX)?.tasks;
    tasks.sort_by(|a, b| a.entered_at.cmp(&b.entered_at));
    tasks
        .iter()
        .map(|task| {
            caller.read(&format!("/api/v1/repositories/{}/tasks/{}", encoded(&task.repository), encoded(&task.id)))
        })
        .collect()
}

/// One task: what is asked, what to read, what to type.
pub fn lines(detail: &TaskDetailView, screen: &Screen, now: Timestamp) -> Vec<String> {
    let task = &detail.task;
    let open: Vec<&EpisodeView> = detail.episodes.iter().filter(|episode| episode.answer.is_none()).collect();
    let age = since(open.first().map_or(&task.entered_at, |episode| &episode.opened_at), now);
    let room = screen.width().saturating_sub(width(&task.id) + width(&age) + 4);
    let id = screen.styled(Style::Strong, &clean(&task.id));
    let title = fit(&clean(&task.title), room);
    let mut lines = vec![format!("{id}  {title}  {}", screen.styled(Style::Faint, &age))];
    let said = |text: &str, style: Option<Style>| -> Vec<String> {
        let parts = wrap(text, screen.width().saturating_sub(2)).into_iter();
        parts.map(|part| format!("  {}", style.map_or(part.clone(), |style| screen.styled(style, &part)))).collect()
    };
    if open.is_empty() {
        let held = task.waiting_on.iter().find(|wait| wait.kind == "held");
        lines.extend(said(&held.map(|wait| clean(&wait.text)).unwrap_or_default(), Some(Style::Attention)));
    }
    for episode in open {
        lines.extend(said(&asked(episode), Some(Style::Attention)));
        for (index, question) in episode.questions.iter().enumerate() {
            lines.extend(said(&format!("{}. {}", index + 1, clean(question)), None));
        }
        if let Some(likely) = detail.forecast.as_ref().filter(|_| episode.kind == "approval") {
            lines.extend(said(&forecast(likely), None));
        }
        for (what, command) in steps(episode, detail) {
            lines.push(format!(
                "  {} {}",
                screen.styled(Style::Faint, &format!("{what}:")),
                screen.styled(Style::Command, &command)
            ));
        }
    }
    lines
}

/// What comparable work cost from here on.
pub fn forecast(likely: &ForecastView) -> String {
    let [usual, least, most] = [likely.median_usd, likely.least_usd, likely.most_usd].map(money);
    format!(
        "what follows cost {usual} in the middle, {least} to {most}: so it was for {} tasks that landed here",
        likely.tasks
    )
}

/// What an open question asks, without the commands.
fn asked(episode: &EpisodeView) -> String {
    match episode.kind.as_str() {
        "approval" => "wants your approval of what it wrote".to_owned(),
        "questions" => "has questions for you".to_owned(),
        "protected_paths" => "changes protected files and wants your leave".to_owned(),
        "budget" => "wants money for another run".to_owned(),
        "confirm_deploy" => "wants your word before production".to_owned(),
        _ => clean(&episode.text),
    }
}

/// What to read, and what to type.
pub fn steps(episode: &EpisodeView, detail: &TaskDetailView) -> Vec<(&'static str, String)> {
    let id = clean(&detail.task.id);
    let read_docs = ("read", format!("orch show {id} --docs"));
    let read_diff = ("read", format!("orch diff {id}"));
    let say_no = ("no", format!("orch reject {id} --reason \"…\""));
    let papers = detail.attempt_list.iter().any(|attempt| !attempt.documents.is_empty());
    let changes = detail.attempt_list.iter().any(|attempt| attempt.changed_files.is_some_and(|files| files > 0));
    let read = || {
        let docs = Some(read_docs.clone()).filter(|_| papers);
        docs.into_iter().chain(Some(read_diff.clone()).filter(|_| changes))
    };
    match episode.kind.as_str() {
        "approval" => read().chain([("yes", format!("orch approve {id}")), say_no]).collect(),
        "protected_paths" => vec![read_diff, ("yes", format!("orch approve {id}")), say_no],
        "questions" => read().chain([("answer", format!("orch answer {id} \"…\""))]).collect(),
        "budget" => vec![("yes", format!("orch budget {id} --raise 5")), ("no", format!("orch stop {id}"))],
        "confirm_deploy" => vec![read_diff, ("yes", format!("orch confirm {id}")), ("no", format!("orch stop {id}"))],
        _ => vec![("see", format!("orch show {id}"))],
    }
}
