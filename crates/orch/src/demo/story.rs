//! What happened to an issue on its way that does not happen to every issue: it came back, or a person was asked.

use jiff::Timestamp;
use orch_web::view::{AttemptView, TaskDetailView};
use serde::Serialize;

use crate::commands::text::clean;

/// Rules whose line in the timeline says that red led back.
const BACK: [&str; 3] = ["gate_red", "lane_sent_back", "deploy_failed"];
/// Before what the agent was told, in the log of its run.
const TOLD: &str = "told: ";
/// Lines that the agent's own doings begin with; they end what it was told.
const DOINGS: [&str; 2] = ["committed: ", "merged main"];

/// One turn of the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Turn {
    /// Red led back.
    SentBack {
        /// The stage that was red.
        from: String,
        /// Why, as the line tells it.
        why: String,
        /// What the agent got, word for word as its run printed it; empty if it is not known.
        told: String,
    },
    /// A person was asked something other than to approve what was written.
    Asked {
        /// `questions`, `protected_paths`, …
        kind: String,
        /// The questions, or the paths.
        about: Vec<String>,
        /// The person's words, else what they decided.
        answer: String,
        /// Who.
        by: String,
    },
}

/// The runs that were told why work came back: the index of the turn, and the attempt's number.
pub fn told_runs(detail: &TaskDetailView) -> Vec<u32> {
    let after = |at: &str| {
        let at: Option<Timestamp> = at.parse().ok();
        let later = |attempt: &&AttemptView| attempt.requested_at.parse::<Timestamp>().ok() >= at;
        at.and_then(|_| detail.attempt_list.iter().find(later)).map_or(0, |attempt| attempt.number)
    };
    reds(detail).map(|(at, ..)| after(at)).collect()
}

fn reds(detail: &TaskDetailView) -> impl Iterator<Item = (&str, &str, &str)> {
    let back = detail.timeline.iter().filter(|line| BACK.contains(&line.rule.as_str()));
    back.map(|line| {
        let (from, why) = line.text.split_once(" is red: ").unwrap_or(("", &line.text));
        (line.at.as_str(), from, why)
    })
}

/// All turns. `logs` are those of [`told_runs`], in their order.
pub fn turns(detail: &TaskDetailView, logs: &[String]) -> Vec<Turn> {
    let mut turns = Vec::new();
    for (index, (_, from, why)) in reds(detail).enumerate() {
        let told = logs.get(index).map(|log| told(log)).unwrap_or_default();
        turns.push(Turn::SentBack { from: from.to_owned(), why: why.to_owned(), told });
    }
    for episode in detail.episodes.iter().filter(|episode| episode.kind != "approval") {
        let Some(answer) = &episode.answer else { continue };
        turns.push(Turn::Asked {
            kind: episode.kind.clone(),
            about: episode.questions.clone(),
            answer: answer.text.clone().or_else(|| answer.reason.clone()).unwrap_or_else(|| answer.answer.clone()),
            by: answer.by.clone(),
        });
    }
    turns
}

fn told(log: &str) -> String {
    let Some((_, rest)) = log.split_once(TOLD) else { return String::new() };
    let ends = |line: &&str| DOINGS.iter().any(|doing| line.starts_with(doing));
    rest.lines().take_while(|line| !ends(line)).collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// One sentence for the table.
pub fn sentence(turn: &Turn) -> String {
    match turn {
        Turn::SentBack { from, why, told } => {
            let gist = gist(told).unwrap_or_else(|| why.clone());
            format!("{} sent it back: {}", clean(from), clean(&gist))
        }
        Turn::Asked { kind, about, answer, by } if kind == "questions" => {
            format!("asked “{}”; {} said “{}”", clean(&about.join(" ")), clean(by), clean(answer))
        }
        Turn::Asked { kind, about, answer, by } if kind == "protected_paths" && answer == "approved" => {
            format!("{} let it change {}", clean(by), clean(&about.join(", ")))
        }
        Turn::Asked { answer, by, .. } => format!("{} was asked and said “{}”", clean(by), clean(answer)),
    }
}

/// What says most: a path in conflict, a finding that blocks, a test that failed.
fn gist(told: &str) -> Option<String> {
    let lines = || told.lines().map(str::trim);
    if told.starts_with("conflict") {
        let paths: Vec<&str> = lines().filter_map(|line| line.strip_prefix("- ")).collect();
        return Some(format!("conflict with main in {}", paths.join(", ")));
    }
    if told.starts_with("it did not run") {
        return lines().next().map(str::to_owned);
    }
    let finding = lines().find_map(|line| line.strip_prefix("- ").filter(|line| line.starts_with('P')));
    let failed = || {
        let first = lines().find_map(|line| line.strip_prefix("---- "))?;
        Some(format!("its test {} failed", first.split_whitespace().next()?))
    };
    finding.map(str::to_owned).or_else(failed).or_else(|| lines().next().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_agent_was_told_ends_where_it_goes_to_work() {
        let log = "developer of A-1, round 2: t\ntold: why\n\n- P0 `a`: no\n- P2 b\ncommitted: m\ntold: x\n";
        assert_eq!(told(log), "why\n\n- P0 `a`: no\n- P2 b");
        assert_eq!(told("nothing of it"), "");
    }

    #[test]
    fn the_table_shows_the_line_that_says_most() {
        let gist = |told: &str| gist(told).unwrap_or_default();
        assert_eq!(gist("x\n\n- P0 `a`: no\n"), "P0 `a`: no");
        assert_eq!(gist("red\n\nfailures:\n\n---- a_test stdout ----\n"), "its test a_test failed");
        assert_eq!(gist("conflict with main at 1\n\nMerge:\n- src/a.rs\n- b\n"), "conflict with main in src/a.rs, b");
        assert_eq!(gist("something else\nmore"), "something else");
        assert_eq!(gist(""), "");
    }

    #[test]
    fn an_answer_is_told_with_its_question() {
        let asked = |kind: &str, about: &str, answer: &str| Turn::Asked {
            kind: kind.to_owned(),
            about: vec![about.to_owned()],
            answer: answer.to_owned(),
            by: "ann".to_owned(),
        };
        assert_eq!(sentence(&asked("questions", "Which?", "This")), "asked “Which?”; ann said “This”");
        assert_eq!(sentence(&asked("protected_paths", "Cargo.toml", "approved")), "ann let it change Cargo.toml");
        assert_eq!(sentence(&asked("protected_paths", "Cargo.toml", "too much")), "ann was asked and said “too much”");
    }
}
