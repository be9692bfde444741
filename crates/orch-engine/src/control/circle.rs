//! Whether one more edge closes a circle of tasks that wait for each other.

use std::collections::{BTreeSet, VecDeque};

use orch_rules::facts::Dependencies;
use orch_rules::ids::{TaskId, WorkItemId};
use orch_rules::task::Task;

use super::{Control, ControlError};

/// So many tasks are looked at; a circle behind them is found by the next decision.
const MOST_TASKS: usize = 1000;

impl Control {
    /// The circle that `task` would close by waiting for `on`: from `task` to the one that waits for it; empty: none.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn circle(&self, task: &Task, on: &Task) -> Result<Vec<WorkItemId>, ControlError> {
        let mut met: BTreeSet<TaskId> = BTreeSet::new();
        let mut ways = VecDeque::from([(on.id.clone(), vec![task.work_item.clone(), on.work_item.clone()])]);
        while let Some((at, way)) = ways.pop_front() {
            if !met.insert(at.clone()) || met.len() > MOST_TASKS {
                continue;
            }
            let (facts, _) = self.engine.store.task_facts(&at, &self.engine.served().policy).await?;
            let Dependencies::Known { open, .. } = facts.dependencies else { continue };
            if open.iter().any(|next| next.task == task.id) {
                return Ok(way);
            }
            ways.extend(open.into_iter().map(|next| {
                let mut way = way.clone();
                way.push(next.work_item);
                (next.task, way)
            }));
        }
        Ok(Vec::new())
    }
}
