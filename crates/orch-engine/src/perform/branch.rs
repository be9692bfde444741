//! The task's branch on the forge: it publishes the head column and goes when the task has ended.

use orch_rules::ids::{CommitId, TaskId};
use orch_rules::pipeline::Role;

use super::kept::Kept;
use super::{PerformResult, Performed, blocking};
use crate::engine::Engine;
use crate::house::House;
use crate::places;

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

    pub(super) async fn clean_up(
        &self,
        task: &TaskId,
        branch: &str,
        head: Option<&CommitId>,
        archive: bool,
    ) -> PerformResult {
        let Some(row) = self.store.task(task).await? else { return Ok(Performed::nothing()) };
        let house = self.house(&row.repository)?;
        let checks = self.store.history(task).await?.checks;
        let runs = (1..=row.attempt).map(|number| House::run_name(task, number));
        let leftovers = runs.chain(checks.into_iter().map(|check| check.id.to_string()));
        // Before the row is finished: nobody would look for them afterwards.
        let homes = Role::ALL.into_iter().map(|role| Kept::of(&house, task, role).folder());
        places::remove(leftovers.map(|name| house.place(&name)).chain(homes).collect()).await?;
        let (id, branch, head) = (task.clone(), branch.to_owned(), head.cloned());
        blocking(move || Ok(house.forge.clean_up(&id, &branch, head.as_ref(), archive)?)).await?;
        Ok(Performed::nothing())
    }
}
