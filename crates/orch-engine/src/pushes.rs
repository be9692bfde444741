//! People's pushes to task branches, found by looking: a forge that tells of none is looked at by the sweep.

use std::collections::BTreeMap;
use std::sync::Arc;

use orch_ports::store::StoreError;
use orch_rules::actor::Actor;
use orch_rules::event::{Event, TaskEvent};
use orch_rules::ids::{CommitId, RepositoryId};
use orch_rules::task::Task;

use crate::engine::Engine;
use crate::perform::blocking;

/// Tasks of one repository that are compared in one sweep.
const MOST: u32 = 10_000;

impl Engine {
    /// Compares every branch that was published with its task's head: one look per repository. Whatever differs is told
    /// to the task, which decides whether it is worth a closer look.
    pub(crate) async fn look_at_branches(&self) {
        for repository in self.repositories() {
            if let Err(words) = self.look_at_branches_of(&repository).await {
                tracing::warn!(%repository, error = words, "the sweep passed over the branches");
            }
        }
    }

    pub(crate) async fn look_at_branches_of(&self, repository: &RepositoryId) -> Result<(), String> {
        let store = |error: StoreError| error.to_string();
        let mut tasks = self.store.tasks_at_work(repository, MOST).await.map_err(store)?;
        tasks.retain(|task| task.position.stage().is_some() && task.head != task.base);
        if tasks.is_empty() {
            return Ok(());
        }
        let context = self.context(repository).map_err(|error| error.words())?;
        let branches =
            blocking(move || Ok(Arc::new(context.forge.branches()?))).await.map_err(|error| error.words())?;
        for task in tasks {
            let Some(tip) = pushed(&task, &branches) else { continue };
            // Its head is about to be published, or its branch is being looked at.
            let busy = |kind: &str| matches!(kind, "publish_branch" | "observe_branch");
            let work = self.store.history(&task.id).await.map_err(store)?.work;
            if work.iter().any(|row| busy(&row.kind) && matches!(row.state.as_str(), "queued" | "running")) {
                continue;
            }
            let event = Event::Task { task: task.id.clone(), event: TaskEvent::PushSeen { tip } };
            self.absorb(&event, &Actor::ORCH, None).await.map_err(store)?;
        }
        Ok(())
    }
}

/// Where a branch is, if that is news; `Some(None)`: it is gone.
fn pushed(task: &Task, branches: &BTreeMap<String, CommitId>) -> Option<Option<CommitId>> {
    let head = task.head.as_ref()?;
    let tip = branches.get(&task.branch);
    let known = tip == Some(head) || (tip.is_some() && tip == task.branch_seen.as_ref());
    (!known).then(|| tip.cloned())
}
