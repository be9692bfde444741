//! Spellings of ours and what people read instead.

use orch_ports::store::Job;
use orch_rules::attempt::RunEnd;
use orch_rules::lane::LaneState;
use orch_text::{Language, WordList, word};
use orch_web::view::{QueueReport, TaskDetailView};

use super::tests::{attempt, detail, now, plain, report};
use super::{queue, show};

/// A spelling is for programs; people read the word.
#[test]
fn no_spelling_is_shown_to_people() {
    let shown = |detail: &TaskDetailView, report: &QueueReport| {
        let task = show::lines(detail, true, &plain("100"), now());
        task.into_iter()
            .chain(queue::lines(report, &plain("100"), now()))
            .flat_map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let raw = |text: &str, spelling: &str| {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        spelling.contains('_') && words.into_iter().any(|word| word == spelling)
    };
    let kinds = Job::kinds();
    for (kind, end) in kinds.zip(RunEnd::SPELLINGS.iter().cycle()) {
        let (mut detail, mut report) = (detail(), report());
        detail.task.rule = "approval_waits".to_owned();
        detail.attempt_list = vec![attempt(1, "build", end)];
        detail.work[0].kind = kind.to_owned();
        detail.work[0].error = Some("why".to_owned());
        report.failed = detail.work.clone();
        let text = shown(&detail, &report);
        assert!(!raw(&text, kind) && !raw(&text, end) && !text.contains("approval_waits"), "{kind}, {end}: {text}");
        for word in [word(WordList::Work, kind, Language::English), word(WordList::End, end, Language::English)] {
            assert!(text.contains(&word), "{word}: {text}");
        }
    }
    for place in LaneState::NAMES {
        let (mut detail, mut report) = (detail(), report());
        report.merge_gate.repositories[0].line[0].state = (*place).to_owned();
        for at in &mut detail.lane {
            at.state = (*place).to_owned();
        }
        let text = shown(&detail, &report);
        let word = word(WordList::Place, place, Language::English);
        assert!(text.matches(&word).count() > detail.lane.len(), "{place}: {text}");
    }
}
