//! What the person is asked, and what their words mean. Pure.

use orch_web::view::{EpisodeView, ReplyRequest};

use super::journey::Traveller;
use crate::commands::text::{Mark, clean};
use crate::screen::{Screen, Style};

/// What a typed line means.
#[derive(Debug, PartialEq, Eq)]
pub enum Typed {
    /// An answer.
    Reply(ReplyRequest),
    /// Not now.
    Later,
    /// Nothing that fits the question.
    Unclear,
}

/// What `text` means as an answer to a question of this kind.
pub fn understood(kind: &str, text: &str) -> Typed {
    let text = text.trim();
    if kind == "questions" {
        let reply = || Typed::Reply(ReplyRequest::Text { text: text.to_owned() });
        return if text.is_empty() { Typed::Later } else { reply() };
    }
    let (word, reason) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    match word.to_lowercase().as_str() {
        "y" | "yes" => Typed::Reply(ReplyRequest::Approve),
        "r" | "reject" if !reason.trim().is_empty() => {
            Typed::Reply(ReplyRequest::Reject { reason: reason.trim().to_owned() })
        }
        "n" | "no" => Typed::Later,
        _ => Typed::Unclear,
    }
}

/// Asks: what it is about, and the commands that answer. `orch` is the command with the folder's settings, `forge` the
/// repository that has the branch.
pub fn request(screen: &Screen, traveller: &Traveller, orch: &str, forge: &str) -> Vec<String> {
    let Some(open) = traveller.asks() else { return Vec::new() };
    let task = &traveller.detail.task;
    let command = |text: String| format!("  {}", screen.styled(Style::Command, &text));
    let faint = |text: &str| format!("  {}", screen.styled(Style::Faint, text));
    let id = clean(&task.id);
    let wants = match open.kind.as_str() {
        "questions" => "has a question",
        "protected_paths" => "wants to change protected paths",
        _ => "wants your approval",
    };
    let title = clean(&task.title);
    let head = format!("{} {} {wants}: {title}", Mark::Asks.shown(screen), screen.styled(Style::Strong, &id));
    let mut lines = vec![String::new(), head];
    lines.extend(open.questions.iter().map(|question| format!("  {}", clean(question))));
    let branch = clean(&task.branch);
    match open.kind.as_str() {
        "questions" => {}
        "protected_paths" => {
            lines.push(faint("# what it changes"));
            lines.push(command(format!("git -C {forge} diff main...{branch}")));
        }
        _ => {
            if let Some(path) = written(traveller) {
                lines.push(faint("# what the analyst wrote"));
                let path = if path.contains('/') { path } else { format!("docs/work-items/{id}/{path}") };
                lines.push(command(format!("git -C {forge} show {branch}:{path}")));
            }
        }
    }
    lines.push(faint("# in another terminal"));
    lines.extend(answers(orch, &id, open).into_iter().map(command));
    lines
}

fn written(traveller: &Traveller) -> Option<String> {
    let attempts = traveller.detail.attempt_list.iter().rev();
    let newest = attempts.into_iter().find(|attempt| attempt.outcome == "completed")?;
    newest.documents.first().map(|path| clean(path))
}

/// The commands that answer.
fn answers(orch: &str, id: &str, open: &EpisodeView) -> Vec<String> {
    if open.kind == "questions" {
        return vec![format!("{orch} answer {id} \"…\"")];
    }
    vec![format!("{orch} approve {id}"), format!("{orch} reject {id} --reason \"…\"")]
}

/// The question at the terminal itself.
pub fn question(screen: &Screen, traveller: &Traveller) -> String {
    let id = screen.styled(Style::Strong, &clean(traveller.id()));
    match traveller.asks().map(|open| open.kind.as_str()) {
        Some("questions") => format!("\nYour answer to {id} (nothing: not now)  > "),
        Some("protected_paths") => {
            format!("\nLet {id} change exactly these?  y: yes   r REASON: send back   n: not now   > ")
        }
        _ => format!("\nApprove {id}?  y: yes   r REASON: reject   n: not now   > "),
    }
}

/// It was left for later.
pub fn later(screen: &Screen, orch: &str, id: &str, kind: &str) -> String {
    let words = if kind == "questions" { "answer" } else { "approve" };
    let tail = if kind == "questions" { " \"…\"" } else { "" };
    format!(
        "Whenever you like, in another terminal: {}",
        screen.styled(Style::Command, &format!("{orch} {words} {}{tail}", clean(id)))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_answer_a_question_and_never_approve() {
        let text = |text: &str| Typed::Reply(ReplyRequest::Text { text: text.to_owned() });
        assert_eq!(understood("questions", " yes \n"), text("yes"));
        assert_eq!(understood("questions", "  "), Typed::Later);
        for kind in ["approval", "protected_paths"] {
            assert_eq!(understood(kind, "Y"), Typed::Reply(ReplyRequest::Approve));
            assert_eq!(understood(kind, "n"), Typed::Later);
            assert_eq!(understood(kind, "r"), Typed::Unclear, "without a reason nobody is helped");
            assert_eq!(understood(kind, "perhaps"), Typed::Unclear);
            let reason = ReplyRequest::Reject { reason: "too much".to_owned() };
            assert_eq!(understood(kind, "r too much "), Typed::Reply(reason));
        }
    }
}
