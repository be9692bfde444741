//! Which task is meant: prefixes belong to repositories, and two of them may have the same.

use orch_rules::ids::{RepositoryId, WorkItemId};
use orch_rules::task::Task;

use super::{Control, ControlError};

/// A task as people name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskName {
    /// Whose; `None` as long as only one repository has the id.
    pub repository: Option<RepositoryId>,
    /// `PREFIX-NNN`.
    pub work_item: WorkItemId,
}

impl From<&WorkItemId> for TaskName {
    fn from(work_item: &WorkItemId) -> Self {
        Self { repository: None, work_item: work_item.clone() }
    }
}

impl From<&Self> for TaskName {
    fn from(name: &Self) -> Self {
        name.clone()
    }
}

impl From<&Task> for TaskName {
    fn from(task: &Task) -> Self {
        Self { repository: Some(task.repository.clone()), work_item: task.work_item.clone() }
    }
}

impl Control {
    /// The task that is named.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Ambiguous`], or the store's.
    pub(super) async fn task_of(&self, name: &TaskName) -> Result<Task, ControlError> {
        let TaskName { repository, work_item } = name;
        let mut found = self.engine.store.tasks_by_work_item(work_item).await?;
        if let Some(repository) = repository {
            found.retain(|task| task.repository == *repository);
        }
        if found.len() > 1 {
            let repositories = found.into_iter().map(|task| task.repository).collect();
            return Err(ControlError::Ambiguous { work_item: work_item.clone(), repositories });
        }
        found.pop().ok_or_else(|| {
            let place = repository.as_ref().map(|id| format!(" in the repository {id}")).unwrap_or_default();
            ControlError::NotFound { what: format!("there is no task {work_item}{place}; orch board --all lists them") }
        })
    }

    /// A task that one of `repository` names: its own come first.
    pub(super) async fn task_near(
        &self,
        repository: &RepositoryId,
        work_item: &WorkItemId,
    ) -> Result<Task, ControlError> {
        let near = TaskName { repository: Some(repository.clone()), work_item: work_item.clone() };
        match self.task_of(&near).await {
            Err(ControlError::NotFound { .. }) => self.task_of(&work_item.into()).await,
            found => found,
        }
    }
}
