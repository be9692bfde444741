//! What is kept within bounds beside the tasks, never on their way: the forges' packs and refs, rows that nobody reads any
//! more, directories of runs that ended long ago. What is done is logged; nothing here decides anything.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orch_ports::keep::Keep;
use orch_ports::store::StoreError;
use orch_rules::effect::Effect;
use orch_rules::ids::TaskId;

use crate::engine::Engine;
use crate::perform::blocking;
use crate::work_folders;

/// Between two rounds, however much is done.
const BREATH: Duration = Duration::from_secs(1);
/// Between two looks at rows and run directories.
const ROUND: Duration = Duration::from_secs(600);
/// Between two looks at every page of the database.
const PAGES: Duration = Duration::from_secs(24 * 3600);
/// Rows that are removed in one transaction.
const CHUNK: u32 = 500;
/// Transactions in one round.
const MOST_CHUNKS: u32 = 100;

/// How long things are kept that nobody needs any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Rows.
    pub rows: Keep,
    /// Directories of runs, with their logs, of tasks that have ended.
    pub runs: Duration,
    /// So many of them at most, whatever their age; the oldest go first.
    pub most_runs: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self { rows: Keep::default(), runs: 30 * Duration::from_secs(24 * 3600), most_runs: 500 }
    }
}

/// Effects after which there may be something to do.
pub(crate) fn leaves_something(effect: &Effect) -> bool {
    matches!(effect, Effect::RunAgent { .. } | Effect::Land { .. } | Effect::CleanUp { .. })
}

impl Engine {
    /// Never ends. Works only after somebody left something behind.
    pub(crate) async fn upkeep_forever(self: Arc<Self>) {
        let (mut rows, mut pages) = (None::<Instant>, None::<Instant>);
        let due = |last: Option<Instant>, every| last.is_none_or(|at| at.elapsed() >= every);
        loop {
            if due(pages, PAGES) {
                self.look_at_pages().await;
                pages = Some(Instant::now());
            }
            self.chores.notified().await;
            for (repository, context) in &self.served().contexts {
                let context = Arc::clone(context);
                match blocking(move || Ok(context.workshop.upkeep()?)).await {
                    Ok(Some(done)) => tracing::info!(%repository, "upkeep of the forge: {done}"),
                    Ok(None) => {}
                    Err(error) => self.beside_trouble(repository, error, "the forge was not kept up").await,
                }
            }
            if due(rows, ROUND) {
                match self.remove_what_is_over().await {
                    Ok((0, 0)) => {}
                    Ok((rows, runs)) => tracing::info!(rows, runs, "removed what is over and was kept long enough"),
                    Err(error) => tracing::warn!(%error, "what is over was not removed"),
                }
                rows = Some(Instant::now());
            }
            tokio::time::sleep(BREATH).await;
        }
    }

    /// Looks at the whole database; what is damaged is told with every question whether the service is ready.
    async fn look_at_pages(&self) {
        match self.store.damage().await {
            Ok(found) => {
                for words in &found {
                    tracing::error!("the database is damaged: {words}; {}", crate::upkeep::DAMAGED);
                }
                *self.damage.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = found;
            }
            Err(error) => tracing::warn!(%error, "the pages of the database were not looked at"),
        }
    }

    async fn remove_what_is_over(&self) -> Result<(u64, u64), StoreError> {
        let mut rows = 0;
        for _ in 0..MOST_CHUNKS {
            let removed = self.store.tidy(&self.limits.retention.rows, CHUNK).await?;
            rows += removed;
            if removed < u64::from(CHUNK) {
                break;
            }
        }
        self.remove_folders().await?;
        Ok((rows, self.remove_runs().await?))
    }

    /// Work folders of tasks that have ended. The clean-up of a task removes those of the host that does it; another host
    /// may have worked on it, too.
    async fn remove_folders(&self) -> Result<(), StoreError> {
        let contexts: Vec<_> = self.served().contexts.values().map(|context| context.work_folders.clone()).collect();
        for root in contexts {
            let listed = blocking(move || Ok(work_folders::list(&root)?)).await.unwrap_or_default();
            let mut over = Vec::new();
            for folder in listed {
                let Some(task) = folder.file_name().and_then(task_of) else { continue };
                if self.store.task(&task).await?.is_some_and(|row| row.position.is_terminal()) {
                    over.push(folder);
                }
            }
            work_folders::remove_if_possible(over).await;
        }
        Ok(())
    }

    /// Directories of runs whose task has ended, or is not known: the old ones, and the oldest of too many.
    async fn remove_runs(&self) -> Result<u64, StoreError> {
        let kept = self.limits.retention.clone();
        let runner = self.runner.clone();
        let Ok(mut runs) = blocking(move || Ok(runner.kept_runs()?)).await else { return Ok(0) };
        runs.sort_by_key(|run| std::cmp::Reverse(run.age));
        let too_many = runs.len().saturating_sub(kept.most_runs);
        let mut ended = BTreeMap::<TaskId, bool>::new();
        let mut removed = 0;
        for (place, run) in runs.into_iter().enumerate() {
            if place >= too_many && run.age <= kept.runs {
                break;
            }
            let Some(task) = task_of(&run.name) else { continue };
            let over = match ended.get(&task) {
                Some(over) => *over,
                None => {
                    let over = self.store.task(&task).await?.is_none_or(|row| row.position.is_terminal());
                    ended.insert(task, over);
                    over
                }
            };
            if over {
                let (runner, name) = (self.runner.clone(), run.name);
                removed += u64::from(blocking(move || Ok(runner.remove_run(&name)?)).await.is_ok());
            }
        }
        Ok(removed)
    }
}

/// What to do about a damaged database.
pub(crate) const DAMAGED: &str = "stop the service and put a backup (orch backup) in its place";

/// The task in the name of a run or of a check: both begin with its id.
fn task_of(run: &str) -> Option<TaskId> {
    let id = run.get(..36)?;
    uuid::Uuid::parse_str(id).ok().map(|_| TaskId::from(id))
}
