//! The task's branch on the forge: it publishes the head column and goes when the task has ended.

use orch_rules::ids::{CommitId, TaskId};

use super::{PerformResult, Performed, blocking};
use crate::engine::Engine;
use crate::house::House;

impl Engine {
    pub(super) async fn publish_branch(
        &self,
        task: &TaskId,
        branch: &str,
        was: Option<&CommitId>,
        head: &CommitId,
    ) -> PerformResult {
        let Some(row) = self.store.task(task).await? else { return Ok(Performed::nothing()) };
        // Its branch is gone, or about to go. An older head is published all the same: the next one builds on it.
        if row.position.is_terminal() {
            return Ok(Performed::nothing());
        }
        let house = self.house(&row.repository)?;
        let (branch, was, head) = (branch.to_owned(), was.cloned(), head.clone());
        blocking(move || Ok(house.forge.publish(&branch, was.as_ref(), &head)?)).await?;
        Ok(Performed::nothing())
    }

    pub(super) async fn clean_up(&self, task: &TaskId, branch: &str, archive: bool) -> PerformResult {
        let Some(row) = self.store.task(task).await? else { return Ok(Performed::nothing()) };
        let house = self.house(&row.repository)?;
        let (id, branch, attempts) = (task.clone(), branch.to_owned(), row.attempt);
        let places = (1..=attempts).map(|n| house.place(&House::run_name(&id, n))).collect();
        blocking(move || Ok(house.forge.clean_up(&id, &branch, archive)?)).await?;
        Ok(Performed { event: None, leftovers: places })
    }
}
