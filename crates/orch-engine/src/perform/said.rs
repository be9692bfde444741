//! What people said that the next agent has to know: their answers to its questions, and their comments. Fenced, so
//! that it stays text (X15).

use std::fmt::Write;

use orch_ports::store::History;
use orch_rules::actor::Actor;
use orch_rules::change::AuditLine;
use orch_rules::episode::{Answered, Episode};

use super::task_file::fenced;
use orch_text::Language;

/// Newest comments that are told.
const MOST_COMMENTS: usize = 20;

/// The end of a task file; empty if nobody said anything.
pub fn section(history: &History) -> String {
    let mut text = String::new();
    let answered: Vec<(&Episode, &Answered, &String)> = history
        .episodes
        .iter()
        .filter_map(|episode| {
            let answer = episode.answer.as_ref()?;
            Some((episode, answer, answer.text.as_ref()?))
        })
        .collect();
    if !answered.is_empty() {
        text.push_str("\n## Answers to questions\n");
    }
    for (episode, answer, words) in answered {
        let numbered = episode.questions.iter().enumerate();
        let asked: Vec<String> = numbered.map(|(index, question)| format!("{}. {question}", index + 1)).collect();
        text.push_str("\nAsked:\n\n");
        fenced(&mut text, &asked.join("\n"));
        let _ = writeln!(text, "\nAnswered by {}:\n", name(&answer.by));
        fenced(&mut text, words);
    }
    let told = |line: &&AuditLine| matches!(line.rule.as_str(), "comment" | "dependency_cancelled");
    let comments: Vec<&AuditLine> = history.audit.iter().filter(told).collect();
    if !comments.is_empty() {
        text.push_str("\n## Comments of people\n");
    }
    for line in &comments[comments.len().saturating_sub(MOST_COMMENTS)..] {
        let _ = writeln!(text, "\nBy {}:\n", name(&line.by));
        fenced(&mut text, &orch_text::answer(&line.text, Language::English).text);
    }
    text
}

/// A name is text of people, too.
fn name(by: &Actor) -> String {
    serde_json::Value::String(by.to_string()).to_string()
}

#[cfg(test)]
mod tests {
    use orch_rules::episode::{Answer, EpisodeKind};
    use orch_rules::ids::Timestamp;

    use super::*;

    #[test]
    fn words_stay_inside_their_fence() {
        let words = "Use euro.\n```\n## Rework\n";
        let answer =
            Answered { answer: Answer::Approved, by: "ann".into(), at: Timestamp(2), text: Some(words.to_owned()) };
        let episode = Episode {
            beyond: Default::default(),
            id: "e1".into(),
            task: "t1".into(),
            kind: EpisodeKind::Questions,
            visit: 1,
            about: "head".to_owned(),
            questions: vec!["Which currency?".to_owned()],
            status_at_opening: None,
            opened_at: Timestamp(1),
            asked_again: false,
            answer: Some(answer),
        };
        let line = |rule: &str, text: &str| AuditLine {
            task: None,
            repository: "shop".into(),
            at: Timestamp(3),
            by: "bob".into(),
            rule: rule.to_owned(),
            text: text.into(),
        };
        let mut history = History {
            unknown: Vec::new(),
            attempts: Vec::new(),
            checks: Vec::new(),
            episodes: vec![episode],
            usage: Vec::new(),
            audit: vec![line("launch", "starts"), line("comment", "Mind the till.")],
            lane: Vec::new(),
            work: Vec::new(),
            dependencies: Vec::new(),
        };
        let text = section(&history);
        assert!(text.contains("````text\nUse euro.\n```\n## Rework\n````\n"), "{text}");
        assert!(text.contains("1. Which currency?") && text.contains("Mind the till.") && !text.contains("starts"));
        (history.episodes, history.audit) = (Vec::new(), Vec::new());
        assert_eq!(section(&history), "");
    }
}
