//! What people look at. Everything is read from the store; nothing here decides.

use orch_ports::lists::{Census, LineFronts, TaskFilter, TaskPage};
use orch_ports::store::{QueueView, StoreError};
use orch_rules::actor::NamesActors;
use orch_rules::attempt::Attempt;
use orch_rules::ids::{PipelineDigest, RepositoryId, WorkItemId};
use orch_rules::lane::Repository;
use orch_rules::pipeline::Pipeline;
use orch_rules::task::Task;
use orch_rules::unknown::Unknown;

use super::standing::Waiting;
use super::{Control, ControlError, RunSoFar, TaskDetail, TaskName};
use crate::perform::blocking;
use crate::repository_context::RepositoryContext;
use crate::sweep::Reconciler;

impl Control {
    /// A page of a list of tasks.
    ///
    /// # Errors
    /// The store's.
    pub async fn board(&self, filter: &TaskFilter) -> Result<TaskPage, ControlError> {
        let mut page = self.engine.store.task_page(filter).await?;
        let mut waiting: Vec<Waiting<'_>> = page.tasks.iter_mut().map(Waiting::from).collect();
        self.stand(&mut waiting).await?;
        self.tell_trouble(&mut waiting).await?;
        let mut named: Vec<&mut dyn NamesActors> = page.tasks.iter_mut().map(|task| task as _).collect();
        self.call_by_name(&mut named).await?;
        Ok(page)
    }

    /// How many unfinished tasks there are by what they wait for before all.
    ///
    /// # Errors
    /// The store's.
    pub async fn counts(&self, repository: Option<&RepositoryId>) -> Result<Vec<(String, u64)>, ControlError> {
        Ok(self.engine.store.task_counts(repository).await?)
    }

    /// How many tasks there are, ended ones too, by place and by what they wait for before all.
    ///
    /// # Errors
    /// The store's.
    pub async fn census(&self, repository: Option<&RepositoryId>) -> Result<Vec<Census>, ControlError> {
        Ok(self.engine.store.task_census(repository).await?)
    }

    /// A pipeline by its digest; `None` if this release cannot read it.
    ///
    /// # Errors
    /// The store's.
    pub async fn pipeline(&self, digest: &PipelineDigest) -> Result<Option<Pipeline>, ControlError> {
        match self.engine.store.pipeline(digest).await {
            Err(StoreError::Unreadable { .. } | StoreError::Missing { .. }) => Ok(None),
            pipeline => Ok(Some(pipeline?)),
        }
    }

    /// Everything about one task.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], or the store's.
    pub async fn show(&self, task: impl Into<TaskName>) -> Result<TaskDetail, ControlError> {
        let change = self.engine.changes.newest();
        let mut task = self.task_of(&task.into()).await?;
        let mut waiting = [Waiting::from(&mut task)];
        self.stand(&mut waiting).await?;
        self.tell_trouble(&mut waiting).await?;
        let mut history = self.engine.store.history(&task.id).await?;
        history.unknown.splice(..0, task.beyond.parts());
        self.tell_elsewhere(&task.id, &mut history.work).await?;
        let pipeline = match self.engine.store.pipeline(&task.pipeline).await {
            Err(StoreError::Unreadable { detail, .. }) => {
                history.unknown.push(Unknown::new("its pipeline", &detail));
                Pipeline { stages: Vec::new(), digest: task.pipeline.clone() }
            }
            pipeline => pipeline?,
        };
        let mut named: Vec<&mut dyn NamesActors> = vec![&mut task];
        named.extend(history.audit.iter_mut().map(|line| line as _));
        named.extend(history.episodes.iter_mut().map(|episode| episode as _));
        self.call_by_name(&mut named).await?;
        let context = self.engine.served().contexts.get(&task.repository).cloned();
        let bring_home = context.filter(|_| task.landed.is_some()).map(|h| h.bring_home.clone());
        let run = self.run_so_far(&task).await;
        let forecast = self.forecast(&task, &history, &pipeline).await?;
        Ok(TaskDetail { task, history, pipeline, bring_home, run, forecast, change })
    }

    /// The newest attempt's run; `None` if there is none, or nothing is known of it.
    async fn run_so_far(&self, task: &Task) -> Option<RunSoFar> {
        let attempt = Some(task.attempt).filter(|number| *number > 0)?;
        let (runner, name) = (self.engine.runner.clone(), RepositoryContext::run_name(&task.id, attempt));
        let state = blocking(move || Ok(runner.state(&name))).await.ok()??;
        let usage = state.metered.map(|metered| metered.usage);
        Some(RunSoFar { attempt, level: state.level, limits: state.limits, usage })
    }

    /// The queue at a glance.
    ///
    /// # Errors
    /// The store's.
    pub async fn queue(&self) -> Result<QueueView, ControlError> {
        Ok(self.engine.store.queue().await?)
    }

    /// The sweep for lost wakes.
    pub fn reconciler(&self) -> Reconciler {
        self.engine.reconciler()
    }

    /// Who stands in front of a repository's lines: at most so many that were let in, that wait, and that land.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], or the store's.
    pub async fn lane(&self, repository: &RepositoryId, most: u32) -> Result<LineFronts, ControlError> {
        let repository = self.pick(Some(repository)).await?;
        let mut fronts = self.engine.store.fronts(&repository.id, &self.engine.served().policy, most).await?;
        self.call_by_name(&mut [&mut fronts.facts.repository]).await?;
        Ok(fronts)
    }

    /// All repositories of this service; one that was taken out of the settings is none of them.
    ///
    /// # Errors
    /// The store's.
    pub async fn repositories(&self) -> Result<Vec<Repository>, ControlError> {
        let mut all = self.engine.store.repositories().await?;
        all.retain(|r| self.engine.served().contexts.contains_key(&r.id));
        let mut named: Vec<&mut dyn NamesActors> = all.iter_mut().map(|repository| repository as _).collect();
        self.call_by_name(&mut named).await?;
        Ok(all)
    }

    /// Can this process work?
    ///
    /// # Errors
    /// In words for people, why not.
    pub async fn ready(&self) -> Result<(), String> {
        self.engine.store.now().await.map_err(|e| e.to_string())?;
        let damage = self.engine.damage.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match damage.first() {
            Some(words) => Err(format!("the database is damaged: {words}; {}", crate::upkeep::DAMAGED)),
            None => Ok(()),
        }
    }

    /// Names of the runs at work now: `SHOP-001 (developer, attempt 3)`.
    ///
    /// # Errors
    /// The store's.
    pub async fn running(&self) -> Result<Vec<String>, StoreError> {
        let at_work = self.at_work().await?;
        let name =
            |(work_item, a): &(WorkItemId, Attempt)| format!("{work_item} ({}, attempt {})", a.role.name(), a.number);
        Ok(at_work.iter().map(name).collect())
    }

    /// Ask every run of an agent to stop; gives their number. Their tasks launch them again later.
    ///
    /// # Errors
    /// The store's.
    pub async fn stop_runs(&self) -> Result<usize, StoreError> {
        let at_work = self.at_work().await?;
        let mut stopped = 0;
        for (_, attempt) in at_work {
            let (runner, name) =
                (self.engine.runner.clone(), RepositoryContext::run_name(&attempt.task, attempt.number));
            let asked = blocking(move || Ok(runner.stop(&name)?)).await;
            stopped += usize::from(asked.is_ok());
        }
        Ok(stopped)
    }

    async fn at_work(&self) -> Result<Vec<(WorkItemId, Attempt)>, StoreError> {
        let store = &self.engine.store;
        let mut found = Vec::new();
        for row in store.queue().await?.rows.iter().filter(|r| r.kind == "run_agent" && r.state == "running") {
            let Some(task) = &row.task else { continue };
            let (facts, _) = store.task_facts(task, &self.engine.served().policy).await?;
            if let Some(attempt) = facts.attempt.filter(|a| a.ended.is_none()) {
                found.push((facts.task.work_item, attempt));
            }
        }
        Ok(found)
    }

    /// The repository that is named, or the only one there is.
    pub(super) async fn pick(&self, named: Option<&RepositoryId>) -> Result<Repository, ControlError> {
        let id = self.named(named)?;
        let row = self.engine.store.repositories().await?.into_iter().find(|row| row.id == id);
        row.ok_or_else(|| ControlError::NotFound { what: format!("there is no repository {id} any more") })
    }

    /// Its id.
    pub(super) fn named(&self, named: Option<&RepositoryId>) -> Result<RepositoryId, ControlError> {
        let served = self.engine.served();
        let all: Vec<&RepositoryId> = served.contexts.keys().collect();
        let names = || all.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(", ");
        match (named, all.as_slice()) {
            (Some(id), all) if all.contains(&id) => Ok(id.clone()),
            (Some(id), _) => Err(ControlError::NotFound {
                what: format!("there is no repository {id}; this service has: {}", names()),
            }),
            (None, [only]) => Ok((*only).clone()),
            (None, []) => {
                Err(ControlError::NotFound { what: "this service has no repository; run orch init in one".to_owned() })
            }
            (None, _) => {
                Err(ControlError::Invalid { problems: vec![format!("name the repository: one of {}", names())] })
            }
        }
    }
}
