//! Comments below an issue at its tracker: what concerns its task, by the account of the role that it comes from.

use std::sync::Arc;

use orch_ports::notifier::Notifier;
use orch_ports::{Port, PortError, PortResult};
use orch_rules::notice::{Notice, NoticeKind};
use orch_rules::port_error::ErrorKind;
use orch_text::tracker_comment;

use super::Board;

/// A tracker's project as somebody who is told.
pub(super) struct Comments {
    board: Arc<Board>,
}

impl Comments {
    pub(super) fn of(board: Arc<Board>) -> Self {
        Self { board }
    }
}

/// Who says it: transitions speak as the line, questions as who asks them, the end as the deployer (A14).
fn role(notice: &Notice) -> &'static str {
    let agent = notice.attempt.and_then(|number| notice.runs.iter().find(|run| run.attempt.number == number));
    if let Some(run) = agent {
        return run.attempt.role.name();
    }
    match (&notice.kind, notice.text.code()) {
        (NoticeKind::Asked, "asks_questions" | "asks_approval") => "analyst",
        (NoticeKind::Done, _) => "deployer",
        _ => "stream",
    }
}

impl Notifier for Comments {
    fn name(&self) -> &str {
        &self.board.target
    }

    fn wants(&self, kind: &NoticeKind) -> bool {
        use NoticeKind::{Agent, Asked, Done, Held, Stopped};
        matches!(kind, Asked | Held | Done | Stopped | Agent)
    }

    fn fingerprint(&self) -> String {
        self.board.project.tracker.fingerprint()
    }

    fn notify(&self, key: &str, notice: &Notice) -> PortResult<()> {
        // A task of the built-in board has no issue anywhere.
        let Some(filed) = &notice.issue else { return Ok(()) };
        let Some(connection) = self.board.connection() else {
            let words = "it was not reached since the start";
            return Err(PortError::of_object(ErrorKind::Passing, Port::Notifier, self.board.name(), key, words));
        };
        let Some(issue) = filed.strip_prefix(&connection.id).and_then(|rest| rest.strip_prefix(':')) else {
            return Ok(());
        };
        let text = tracker_comment(notice, self.board.project.language);
        self.board.project.tracker.comment(issue, role(notice), key, &text)
    }

    fn look(&self) -> Result<String, String> {
        let access = self.board.project.tracker.access().map_err(|error| error.words)?;
        Ok(format!("comments are written in the project {}", access.project))
    }
}
