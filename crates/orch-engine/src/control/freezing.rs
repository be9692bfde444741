//! What a freeze names: whose change is to blame, and who is to mend it.

use orch_rules::event::LaneEvent;
use orch_rules::ids::{RepositoryId, WorkItemId};
use orch_rules::lane::NamedTask;
use orch_rules::task::Task;

use super::{Control, ControlError, TaskName};

impl Control {
    /// The event of a freeze, with what it names found.
    pub(super) async fn freeze(
        &self,
        repository: &RepositoryId,
        reason: String,
        cause: Option<&WorkItemId>,
        fixes: &[WorkItemId],
    ) -> Result<LaneEvent, ControlError> {
        let mut problems = Vec::new();
        let mut named = Vec::new();
        for fix in fixes {
            let task = self.in_repository(repository, fix).await?;
            if task.position.is_terminal() {
                problems
                    .push(format!("{fix} is {} and lands nothing more; name a task that does", task.position.name()));
            }
            named.push(of(task));
        }
        let cause = match cause {
            None => None,
            Some(cause) => {
                let task = self.in_repository(repository, cause).await?;
                if task.landed.is_none() {
                    problems
                        .push(format!("nothing of {cause} is on the base branch; name what is to mend it as a fix"));
                }
                Some(of(task))
            }
        };
        if !problems.is_empty() {
            return Err(ControlError::Invalid { problems });
        }
        Ok(LaneEvent::FreezeRequested { reason, cause, fixes: named })
    }

    async fn in_repository(&self, repository: &RepositoryId, work_item: &WorkItemId) -> Result<Task, ControlError> {
        self.task_of(&TaskName { repository: Some(repository.clone()), work_item: work_item.clone() }).await
    }
}

fn of(task: Task) -> NamedTask {
    NamedTask { task: task.id, work_item: task.work_item }
}
