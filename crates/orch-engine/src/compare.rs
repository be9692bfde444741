//! The database and the forges are held against each other: at the start, with every sweep and before a candidate is
//! made. Either may have gone back: to an older backup, to nothing, or by somebody's hand. What differs is told, and
//! adopted where that can be.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use orch_ports::lists::TaskFilter;
use orch_ports::workshop::{LandedWork, Standing};
use orch_rules::actor::Actor;
use orch_rules::change::{AuditLine, Change, ChangeSet};
use orch_rules::event::{Event, TaskEvent};
use orch_rules::ids::{CommitId, RepositoryId, WorkItemId};
use orch_rules::lane::{LaneState, Repository};

use crate::engine::Engine;
use crate::perform::{PerformError, blocking};

/// A git that hangs keeps nobody from starting.
const WITHIN: Duration = Duration::from_secs(30);
/// Landed tasks whose commits are looked for on a main that lacks one.
const MOST_MISSED: u32 = 50;
/// Work items that are named in one sentence.
const MOST_NAMED: usize = 20;

/// What was compared last, by repository: nothing differs until one of both moves.
#[derive(Default)]
pub(crate) struct Compared(Mutex<BTreeMap<RepositoryId, (Option<CommitId>, CommitId)>>);

impl Engine {
    /// Holds every repository's forge against the database; what cannot be asked now is asked with the next sweep.
    pub(crate) async fn compare_all(&self) {
        let repositories = match self.store.repositories().await {
            Ok(repositories) => repositories,
            Err(error) => return tracing::warn!(%error, "database and forges were not compared"),
        };
        for repository in repositories.iter().filter(|row| self.served().contexts.contains_key(&row.id)) {
            match tokio::time::timeout(WITHIN, self.compare(repository)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => self.beside_trouble(&repository.id, error, "not compared").await,
                Err(_) => tracing::warn!(repository = %repository.id, "not compared: git gave no answer in time"),
            }
        }
    }

    /// As [`Engine::compare_all`], of one repository.
    pub(crate) async fn compare_one(&self, id: &RepositoryId) -> Result<(), PerformError> {
        match self.store.repositories().await?.iter().find(|row| row.id == *id) {
            Some(repository) => self.compare(repository).await,
            None => Ok(()),
        }
    }

    async fn compare(&self, repository: &Repository) -> Result<(), PerformError> {
        let context = self.context(&repository.id)?;
        let (database, known) = (self.store.identity().await?, repository.main.clone());
        let before = self.compared.0.lock().unwrap_or_else(PoisonError::into_inner).get(&repository.id).cloned();
        let standing =
            blocking(move || Ok(context.workshop.standing(database.as_deref(), known.as_ref(), before.as_ref())?));
        let Some(standing) = standing.await? else { return Ok(()) };
        if standing.foreign {
            let text = "the forge has worked with another database: this one is new, or another backup; ids that stand in \
                        the forge are not given again";
            self.tell(repository, "another_database", text.to_owned()).await?;
        }
        if let Some(lacking) = &standing.lacks {
            self.tell_lacking(repository, &standing, lacking).await?;
        } else {
            self.adopt(repository, &standing).await?;
        }
        let seen = (repository.main.clone(), standing.tip);
        self.compared.0.lock().unwrap_or_else(PoisonError::into_inner).insert(repository.id.clone(), seen);
        Ok(())
    }

    /// Main has gone back, or the forge is older than the database.
    async fn tell_lacking(&self, at: &Repository, standing: &Standing, lacks: &CommitId) -> Result<(), PerformError> {
        let filter =
            TaskFilter { repository: Some(at.id.clone()), ended: true, limit: MOST_MISSED, ..TaskFilter::default() };
        let landed = self.store.task_page(&filter).await?.tasks;
        let context = self.context(&at.id)?;
        let missing = blocking(move || {
            let mut missing = Vec::new();
            for task in landed {
                if let Some(commit) = &task.shown.landed
                    && !context.workshop.has_landed(commit)?
                {
                    missing.push(task.work_item.to_string());
                }
            }
            Ok(missing)
        });
        let missing = missing.await?;
        let whose = if missing.is_empty() { "no landed task".to_owned() } else { missing.join(", ") };
        let text = format!(
            "{} was moved back, or the forge is older than this database: it is at {} and lacks {lacks}; what landed and is \
             gone from it: {whose}. To have it back, push the commit to the forge again; else open new issues for it",
            at.base_branch, standing.tip
        );
        self.tell(at, "main_moved_back", text).await
    }

    /// What landed after this database was copied: tasks that it has are ended as landed, the others are named.
    async fn adopt(&self, at: &Repository, standing: &Standing) -> Result<(), PerformError> {
        let (mut adopted, mut unknown) = (Vec::new(), Vec::new());
        for LandedWork { work_item, commit } in &standing.landed {
            let all = self.store.tasks_by_work_item(&WorkItemId::from(work_item.as_str())).await?;
            match all.into_iter().find(|task| task.repository == at.id) {
                None => unknown.push(work_item.clone()),
                Some(task) if task.landed.is_some() || task.position.is_terminal() => {}
                Some(task) => {
                    // Its landing is about to be written down, and asks git itself.
                    let lane = self.store.history(&task.id).await?.lane;
                    if lane.iter().any(|entry| matches!(entry.state, LaneState::Landing { .. })) {
                        continue;
                    }
                    let event = TaskEvent::PullRequestMerged { commit: commit.clone() };
                    self.absorb(&Event::Task { task: task.id, event }, &Actor::ORCH, None).await?;
                    adopted.push(work_item.clone());
                }
            }
        }
        for (rule, list, what) in [
            (
                "landed_adopted",
                adopted,
                "which this database had not landed: it is older than the forge. They are done now",
            ),
            (
                "landed_unknown",
                unknown,
                "which this database does not know: it is older than the forge, or another one. Their \
              numbers are not given again",
            ),
        ] {
            if list.is_empty() {
                continue;
            }
            let more = list.len().saturating_sub(MOST_NAMED);
            let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
            let named = list.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
            self.tell(at, rule, format!("{} has {named}{rest}, {what}", at.base_branch)).await?;
        }
        Ok(())
    }

    /// In the log, and in the repository's history.
    async fn tell(&self, at: &Repository, rule: &str, text: String) -> Result<(), PerformError> {
        tracing::warn!(repository = %at.id, "database and forge differ: {text}");
        let line = AuditLine {
            task: None,
            repository: at.id.clone(),
            at: self.store.now().await?,
            by: Actor::ORCH,
            rule: rule.to_owned(),
            text: text.into(),
        };
        self.store.apply(ChangeSet { guards: Vec::new(), changes: vec![Change::Audit { line }] }, None).await?;
        Ok(())
    }
}
