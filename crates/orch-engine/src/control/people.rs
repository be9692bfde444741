//! What people answer and edit, as events.

use orch_rules::event::TaskEvent;
use orch_rules::ids::EpisodeId;
use orch_rules::people::{HumanAnswer, Reply};
use orch_rules::work_item::clean_title;

use super::ControlError;
use super::orders::{DESCRIPTION_CAP, TITLE_CAP, words_of};

/// An answer; who may give it is read when it is handled.
pub(super) fn answered(episode: Option<EpisodeId>, reply: Reply) -> Result<TaskEvent, ControlError> {
    let reply = match reply {
        Reply::Reject { reason } => Reply::Reject { reason: words_of("reason", &reason)? },
        // Verbatim: only an empty one is refused.
        Reply::Text { text } => words_of("answer", &text).map(|_| Reply::Text { text })?,
        other => other,
    };
    Ok(TaskEvent::HumanAnswered { answer: HumanAnswer { episode, since: None, people: Vec::new(), reply } })
}

pub(super) fn edited(
    title: Option<String>,
    description: Option<String>,
    priority: Option<i32>,
) -> Result<TaskEvent, ControlError> {
    let mut problems = Vec::new();
    if title.is_none() && description.is_none() && priority.is_none() {
        problems.push("nothing is to be changed: give a title, a description or a priority".to_owned());
    }
    let title = title.map(|title| clean_title(&title));
    if title.as_ref().is_some_and(String::is_empty) {
        problems.push("the title is empty: one line that says what is wanted".to_owned());
    }
    for (what, text, cap) in [("title", &title, TITLE_CAP), ("description", &description, DESCRIPTION_CAP)] {
        let bytes = text.as_ref().map_or(0, String::len);
        if bytes > cap {
            problems.push(format!("the {what} has {bytes} bytes, at most {cap} are kept"));
        }
    }
    if problems.is_empty() {
        return Ok(TaskEvent::Edited { title, description, priority });
    }
    Err(ControlError::Invalid { problems })
}
