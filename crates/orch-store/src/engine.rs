//! What the two engines have in common.

use async_trait::async_trait;
use camino::Utf8Path;
use orch_ports::store::StoreResult;

use crate::step::{Answer, Step};

/// Runs lists of steps. Knows nothing of what they mean.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// All steps in one durable transaction, or none. Answers stand in the order of the steps; a skipped step has an
    /// empty answer. Returns only after the commit is on disk.
    async fn write(&self, steps: Vec<Step>) -> StoreResult<Vec<Answer>>;
    /// As [`Engine::write`] of each of them, whatever becomes of the others. Answers in their order.
    async fn write_all(&self, all: Vec<Vec<Step>>) -> Vec<StoreResult<Vec<Answer>>> {
        let mut written = Vec::with_capacity(all.len());
        for steps in all {
            written.push(self.write(steps).await);
        }
        written
    }
    /// As [`Engine::write`], but on the disk only with the next one. For what a machine that stops takes back by itself: a
    /// claim is void when who made it is gone, and a run ends with its machine.
    async fn write_unsynced(&self, steps: Vec<Step>) -> StoreResult<Vec<Answer>> {
        self.write(steps).await
    }
    /// All steps on one consistent snapshot.
    async fn read(&self, steps: Vec<Step>) -> StoreResult<Vec<Answer>>;
    /// What tells this database from every other; `None` if it has no such mark.
    async fn identity(&self) -> StoreResult<Option<String>> {
        Ok(None)
    }
    /// What is damaged, in words; empty where the engine looks after itself.
    async fn damage(&self) -> StoreResult<Vec<String>> {
        Ok(Vec::new())
    }
    /// A consistent copy while the database is in use.
    async fn backup(&self, path: &Utf8Path) -> StoreResult<()>;
}
