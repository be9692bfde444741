//! What a story reads and writes past the engine.

use orch_rules::change::{Change, ChangeSet};
use orch_rules::lane::Repository;
use orch_rules::task::{Position, Task};

use crate::world::World;

impl World {
    /// The task as it stands in the store.
    pub async fn store_task(&self, task: &Task) -> Task {
        self.store.task(&task.id).await.unwrap().unwrap()
    }

    /// The task that people name so.
    pub async fn task(&self, work_item: &str) -> Task {
        self.store.tasks_by_work_item(&work_item.into()).await.unwrap().remove(0)
    }

    /// Another repository, with a task of the same name in its backlog.
    pub async fn same_id_elsewhere(&self, work_item: &str, repository: &str) -> Task {
        let shop = self.store.repositories().await.unwrap().remove(0);
        self.store.register(&Repository { id: repository.into(), ..shop }).await.unwrap();
        let other = Task {
            id: "other".into(),
            repository: repository.into(),
            position: Position::Backlog,
            hold: None,
            landed: None,
            brought: Vec::new(),
            ..self.task(work_item).await
        };
        let insert = Change::InsertTask { task: other.clone() };
        self.store.apply(ChangeSet { guards: vec![], changes: vec![insert] }, None).await.unwrap();
        other
    }

    /// Rows of a kind that are not done.
    pub async fn open_rows(&self, kind: &str) -> i64 {
        let counts = self.store.queue().await.unwrap().counts;
        counts.iter().filter(|(of, state, _)| of == kind && state != "done").map(|(_, _, count)| count).sum()
    }
}
