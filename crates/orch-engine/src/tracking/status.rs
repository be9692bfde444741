//! The status of an issue at its tracker: it shows how the task stands, and commands nothing (A12).

use std::sync::Arc;

use orch_ports::projection::{
    ProjectionFilter, ProjectionTarget, ProjectionWrite, ProjectionWritten, ShowFate, ShownAspect, ShownText, TaskShown,
};
use orch_ports::store::StoreError;
use orch_ports::{Port, PortError, PortResult};
use orch_rules::change::{Change, ChangeSet};
use orch_rules::ids::RepositoryId;
use orch_rules::outbox::projection::{Aspect, Raise, Rendering};
use orch_rules::port_error::ErrorKind;
use orch_rules::tracker_status::Indicated;

use super::Board;
use crate::engine::Engine;

/// The one aspect that a tracker shows of a task. People set it, too: that is how they command.
pub(super) const STATUS: &str = "status";
const ASPECTS: &[ShownAspect] = &[ShownAspect { name: STATUS, aspect: Aspect::Shared }];
/// Rows that are raised at once when the states are known.
const AT_ONCE: u32 = 5_000;

/// A tracker's project as something that shows tasks.
pub(super) struct StatusTarget {
    board: Arc<Board>,
}

impl StatusTarget {
    pub(super) fn of(board: Arc<Board>) -> Self {
        Self { board }
    }

    /// The task's issue, if it is one of this project.
    fn issue(&self, facts: &TaskShown) -> Result<String, ShowFate> {
        let Some(filed) = &facts.issue else { return Err(ShowFate::Drop("its task has no issue at a tracker")) };
        let Some(connection) = self.board.connection() else {
            return Err(ShowFate::Wait("its tracker was not reached since the start"));
        };
        let issue = filed.strip_prefix(&connection.id).and_then(|rest| rest.strip_prefix(':'));
        issue.map(str::to_owned).ok_or(ShowFate::Drop("its issue is at another tracker"))
    }

    fn rendered(&self, facts: &TaskShown) -> Result<ShowFate, ShowFate> {
        let issue = self.issue(facts)?;
        let Some(Indicated { key, about }) =
            Indicated::of_task(&facts.task, facts.pipeline.as_ref(), &facts.history.episodes)
        else {
            return Ok(ShowFate::Drop("what a person set says it"));
        };
        let Some(state) = self.board.states().of_key(key).map(str::to_owned) else {
            return Ok(ShowFate::Wait("the project has no state that shows it"));
        };
        let text = format!("{issue} {state}");
        Ok(ShowFate::Send(ShownText { text, rendering: Rendering { value: state, about } }))
    }

    fn error(&self, kind: ErrorKind, issue: &str, words: &str) -> PortError {
        PortError::of_object(kind, Port::Projection, self.board.name(), issue, words)
    }
}

impl ProjectionTarget for StatusTarget {
    fn name(&self) -> &str {
        &self.board.target
    }

    fn fingerprint(&self) -> String {
        self.board.project.tracker.fingerprint()
    }

    fn aspects(&self) -> &[ShownAspect] {
        ASPECTS
    }

    fn shows(&self, repository: &RepositoryId) -> bool {
        *repository == self.board.project.repository
    }

    fn render(&self, _aspect: &str, facts: &TaskShown) -> ShowFate {
        self.rendered(facts).unwrap_or_else(|fate| fate)
    }

    fn read(&self, facts: &TaskShown, _aspect: &str) -> PortResult<Option<String>> {
        let Ok(issue) = self.issue(facts) else { return Ok(None) };
        match self.board.project.tracker.detail(&issue)?.found {
            Some(found) => Ok(Some(found.state)),
            // One that was put away comes back, perhaps.
            None if facts.task.position.is_terminal() => {
                Err(self.error(ErrorKind::Gone, &issue, "its issue is not there any more"))
            }
            None => Err(self.error(ErrorKind::Missing, &issue, "its issue is not there now")),
        }
    }

    fn write(&self, write: &ProjectionWrite<'_>) -> PortResult<ProjectionWritten> {
        let Some((issue, state)) = write.text.split_once(' ') else { return Ok(ProjectionWritten::default()) };
        let written = self.board.project.tracker.set_state(issue, state);
        if written.as_ref().is_err_and(|error| error.kind == ErrorKind::Refused) {
            // The project may have lost it: no event tells of that.
            self.board.doubt_states();
        }
        written.map(|()| ProjectionWritten::default())
    }

    fn look(&self, facts: &TaskShown) {
        if let Ok(issue) = self.issue(facts) {
            self.board.state().wanted.insert(issue);
        }
    }
}

impl Engine {
    /// What waits for the project to be known, or for a state of it, is shown.
    pub(super) async fn show_what_waits(&self, board: &Board) -> Result<(), StoreError> {
        let Some(telling) = &self.telling else { return Ok(()) };
        let filter = ProjectionFilter {
            target: Some(board.target.clone()),
            due: true,
            limit: AT_ONCE,
            ..ProjectionFilter::default()
        };
        let rows = telling.outbox.projections(&filter).await?;
        let raise = |row: orch_ports::projection::ProjectionRow| Change::Raise {
            raise: Raise { target: row.target, object: row.object, aspect: row.aspect, need: row.need },
        };
        let changes: Vec<Change> = rows.into_iter().filter(|row| row.error.is_some()).map(raise).collect();
        if !changes.is_empty() {
            self.store.apply(ChangeSet { guards: Vec::new(), changes }, None).await?;
            self.nudge();
        }
        Ok(())
    }
}
