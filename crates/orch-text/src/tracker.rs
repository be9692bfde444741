//! What is said below an issue at its tracker: what is so, and which status answers it.

use fluent_bundle::FluentArgs;
use orch_rules::attempt::Attempt;
use orch_rules::notice::{Notice, NoticeKind, NoticeRun};
use orch_rules::pipeline::Role;

use crate::alert::Alert;
use crate::card_figures::{Figures, money};
use crate::catalogue::text;
use crate::language::Language;

/// A comment of plain lines: what a person has to know of a notice, and what to do on the board about it.
#[must_use]
pub fn comment(notice: &Notice, language: Language) -> String {
    let alert = Alert::of(notice, language);
    let mut parts = vec![alert.headline];
    if notice.title.as_ref() != Some(&alert.detail) && !alert.detail.is_empty() {
        parts.push(alert.detail);
    }
    if !alert.questions.is_empty() {
        parts.push(alert.questions.iter().map(|question| format!("- {question}")).collect::<Vec<_>>().join("\n"));
    }
    parts.extend(work(notice, language));
    let way_out = match (&notice.kind, notice.text.code()) {
        (NoticeKind::Asked, "asks_approval" | "asks_protected") => Some("tracker-approve"),
        (NoticeKind::Asked, "asks_questions") => Some("tracker-answer"),
        (NoticeKind::Asked, "asks_confirmation") => Some("tracker-confirm"),
        (NoticeKind::Held, "entry_check_failed") => Some("tracker-mend"),
        (NoticeKind::Tracker, "set_again") => return parts.swap_remove(0),
        _ => None,
    };
    match way_out {
        Some(message) => parts.push(text(language, message, &FluentArgs::new())),
        None if alert.loud && !alert.commands.is_empty() => parts.push(alert.commands.join("\n")),
        None => {}
    }
    parts.join("\n\n")
}

/// What its agents did: one of them, with the documents it wrote; at the end all, by role.
fn work(notice: &Notice, language: Language) -> Vec<String> {
    let of = |runs: &[&NoticeRun]| {
        let usage: Vec<_> =
            runs.iter().flat_map(|run| run.usage.iter().map(|used| (run.attempt.number, used))).collect();
        let attempts: Vec<&Attempt> = runs.iter().map(|run| &run.attempt).collect();
        let figures = Figures::of(&attempts, &usage);
        let told = [figures.with_cached(language), money(&figures, language)];
        told.into_iter().flatten().collect::<Vec<_>>().join(" · ")
    };
    match (&notice.kind, notice.text.code()) {
        (NoticeKind::Agent, "agent_done") | (NoticeKind::Asked, "asks_approval") => {
            let mut lines = Vec::new();
            let run = match notice.attempt {
                Some(number) => notice.runs.iter().find(|run| run.attempt.number == number),
                None => notice.runs.iter().rfind(|run| run.attempt.ended.is_some()),
            };
            if let Some(run) = run {
                lines.push(of(&[run]));
                lines.extend(documents(notice, &run.attempt, language));
            }
            lines.retain(|line| !line.is_empty());
            lines
        }
        (NoticeKind::Done, _) => {
            let mut roles: Vec<Role> = Vec::new();
            for run in &notice.runs {
                if !roles.contains(&run.attempt.role) {
                    roles.push(run.attempt.role);
                }
            }
            let line = |role: &Role| {
                let runs: Vec<&NoticeRun> = notice.runs.iter().filter(|run| run.attempt.role == *role).collect();
                let mut args = FluentArgs::new();
                args.set("role", role.name());
                args.set("count", runs.len());
                let figures = of(&runs);
                let who = text(language, "tracker-runs", &args);
                if figures.is_empty() { format!("- {who}") } else { format!("- {who} · {figures}") }
            };
            let lines: Vec<String> = roles.iter().map(line).collect();
            if lines.is_empty() { lines } else { vec![lines.join("\n")] }
        }
        _ => Vec::new(),
    }
}

/// The documents that a run left, by their paths on the task's branch.
fn documents(notice: &Notice, attempt: &Attempt, language: Language) -> Option<String> {
    let evidence = attempt.ended.as_ref()?.evidence.as_ref()?;
    let folder = notice.work_item.as_ref().map(ToString::to_string).unwrap_or_default();
    let paths: Vec<String> =
        evidence.documents.iter().map(|document| format!("docs/work-items/{folder}/{}", document.path)).collect();
    let mut args = FluentArgs::new();
    args.set("paths", paths.join(", "));
    (!paths.is_empty()).then(|| text(language, "tracker-documents", &args))
}

#[cfg(test)]
mod tests {
    use orch_rules::ids::Timestamp;
    use orch_rules::reason::{self, Reason};

    use super::*;

    fn notice(kind: NoticeKind, text: Reason) -> Notice {
        Notice {
            kind,
            at: Timestamp(1),
            repository: "shop".into(),
            task: Some("t".into()),
            work_item: Some("SHOP-001".into()),
            title: Some("Say hello".to_owned()),
            stage: Some("analysis".to_owned()),
            text,
            episode: None,
            questions: Vec::new(),
            epoch: None,
            occasion: "e".to_owned(),
            attempt: None,
            issue: None,
            runs: Vec::new(),
        }
    }

    #[test]
    fn a_comment_names_the_status_that_answers() {
        let id = orch_rules::ids::WorkItemId::from("SHOP-001");
        let asks = notice(NoticeKind::Asked, reason::asks_approval(&id, "Say hello"));
        let said = comment(&asks, Language::English);
        assert!(said.contains("“Approved”") && said.contains("“Rejected”") && !said.contains("orch approve"), "{said}");
        let mut asks = notice(NoticeKind::Asked, reason::asks_questions(&id, "Say hello", "a"));
        asks.questions = vec!["Which colour?".to_owned()];
        let said = comment(&asks, Language::Russian);
        assert!(
            said.contains("- Which colour?") && said.contains("“To Analyse”") && said.contains("комментари"),
            "{said}"
        );
        let failed = reason::entry_check_failed(vec![reason::title_long(230, 200)]);
        let said = comment(&notice(NoticeKind::Held, failed), Language::English);
        assert!(said.contains("200") && said.contains("“To Analyse”"), "{said}");
        let done = notice(NoticeKind::Done, reason::task_done(&id, "Say hello"));
        assert!(!comment(&done, Language::English).contains("orch"), "nobody has to do anything");
    }
}
