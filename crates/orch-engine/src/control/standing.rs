//! Where a task stands in a line, as of now. Its reasons for waiting were written when it was decided last; those in
//! front have moved since, and nobody decides it anew for that.

use std::collections::BTreeMap;

use orch_ports::lists::{ListedTask, PlaceInLine};
use orch_rules::ids::{RepositoryId, TaskId};
use orch_rules::lane::Line;
use orch_rules::task::{Task, Wait};

use super::{Control, ControlError};

/// A task with its reasons for waiting, which are brought up to date.
pub(super) struct Waiting<'a> {
    pub id: &'a TaskId,
    pub repository: &'a RepositoryId,
    pub ended: bool,
    pub waits: &'a mut Vec<Wait>,
}

impl<'a> From<&'a mut Task> for Waiting<'a> {
    fn from(task: &'a mut Task) -> Self {
        let ended = task.position.is_terminal();
        Self { id: &task.id, repository: &task.repository, ended, waits: &mut task.waits }
    }
}

impl<'a> From<&'a mut ListedTask> for Waiting<'a> {
    fn from(task: &'a mut ListedTask) -> Self {
        let ended = task.position.is_terminal();
        Self { id: &task.id, repository: &task.repository, ended, waits: &mut task.shown.waits }
    }
}

impl Control {
    /// Brings the places in the tasks' reasons for waiting up to date.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn stand(&self, tasks: &mut [Waiting<'_>]) -> Result<(), ControlError> {
        let mut lines: BTreeMap<&RepositoryId, Vec<TaskId>> = BTreeMap::new();
        for task in tasks.iter().filter(|task| task.waits.iter().any(in_line)) {
            lines.entry(task.repository).or_default().push(task.id.clone());
        }
        if lines.is_empty() {
            return Ok(());
        }
        let store = &self.engine.store;
        let repositories = store.repositories().await?;
        let mut places = Vec::new();
        for (id, tasks) in lines {
            let serial =
                self.engine.served().policy.serial && repositories.iter().any(|row| row.id == *id && row.serial);
            let found = store.places_in_line(id, serial, &tasks).await?;
            places.extend(found.into_iter().map(|place| (place, serial)));
        }
        for task in tasks {
            for (place, serial) in places.iter().filter(|(place, _)| place.task == *task.id) {
                task.waits.iter_mut().for_each(|wait| stand(wait, place, *serial));
            }
        }
        Ok(())
    }
}

/// It is about a place in a line.
pub(super) fn in_line(wait: &Wait) -> bool {
    matches!(wait, Wait::Entry { .. } | Wait::Lane { .. })
}

fn stand(wait: &mut Wait, now: &PlaceInLine, serial: bool) {
    match (wait, now.line) {
        // Unless they are let in one at a time, nobody is in the way.
        (Wait::Entry { place, behind }, Line::Entry) => {
            (*place, *behind) = (now.place, now.behind.clone().filter(|_| serial));
        }
        (Wait::Lane { place, behind, doing }, Line::Landing) => {
            (*place, *behind, *doing) = (now.place, now.behind.clone(), now.state.name().to_owned());
        }
        _ => {}
    }
}
