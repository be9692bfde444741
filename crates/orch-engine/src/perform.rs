//! Perform committed effects: each calls its port, and its outcome is an event again.

mod agent_run;
mod branch;
mod check_run;
mod lane;
mod task_file;

use std::sync::Arc;

use orch_ports::forge::ForgeError;
use orch_ports::store::{Finish, Finished, StoreError, Work};
use orch_rules::change::ChangeSet;
use orch_rules::effect::Effect;
use orch_rules::event::{Event, LaneEvent, TaskEvent};
use orch_rules::ids::RepositoryId;

use crate::engine::Engine;
use crate::house::House;

/// So often an effect is tried before it is given up and shown.
const MOST_TRIES: u32 = 8;

/// What performing came to.
pub(crate) struct Performed {
    /// To be absorbed together with the end of the work row.
    pub event: Option<Event>,
    /// Places on disk that are of no use once that is written.
    pub leftovers: Vec<camino::Utf8PathBuf>,
}

impl Performed {
    pub fn event(event: Event) -> Self {
        Self { event: Some(event), leftovers: Vec::new() }
    }
    pub fn nothing() -> Self {
        Self { event: None, leftovers: Vec::new() }
    }
}

/// Why it could not be performed.
pub(crate) enum PerformError {
    /// Try again later.
    Passing(String),
    /// Do not.
    Lasting(String),
    /// The store has to be asked again; nothing was done.
    Store(StoreError),
}

impl PerformError {
    /// For people.
    pub fn words(self) -> String {
        match self {
            Self::Passing(text) | Self::Lasting(text) => text,
            Self::Store(error) => error.to_string(),
        }
    }
}

impl From<StoreError> for PerformError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ForgeError> for PerformError {
    fn from(error: ForgeError) -> Self {
        match error {
            ForgeError::Passing(text) => Self::Passing(text),
            ForgeError::Lasting(text) => Self::Lasting(text),
        }
    }
}

impl From<orch_ports::runner::RunnerError> for PerformError {
    fn from(error: orch_ports::runner::RunnerError) -> Self {
        Self::Passing(error.0)
    }
}

impl From<std::io::Error> for PerformError {
    fn from(error: std::io::Error) -> Self {
        Self::Passing(error.to_string())
    }
}

type PerformResult = Result<Performed, PerformError>;

impl Engine {
    /// Perform one effect and finish its row with what came of it.
    pub(crate) async fn perform(&self, work: &Work, effect: &Effect) -> Result<(), StoreError> {
        let performed = match effect {
            Effect::RunAgent { task, attempt } => self.run_agent(task, *attempt).await,
            Effect::StopRun { task, attempt } => self.stop_run(task, *attempt).await,
            Effect::RunCheck { task, check, commit, lane } => self.run_check(task, check, commit, *lane).await,
            Effect::BuildCandidate { repository, task, head, fence } => {
                self.build_candidate(repository, task, head, *fence).await
            }
            Effect::Land { repository, task, candidate, parent, fence } => {
                self.land(repository, task, candidate, parent, *fence).await
            }
            Effect::PublishBranch { task, branch, was, head } => {
                self.publish_branch(task, branch, was.as_ref(), head).await
            }
            Effect::CleanUp { task, branch, archive } => self.clean_up(task, branch, *archive).await,
        };
        let text = match performed {
            Ok(Performed { event, leftovers }) => {
                match event {
                    Some(event) => drop(self.absorb(&event, "orch", Some((work, false))).await?),
                    None => self.finish(work, Finished::Done { answer: None }).await?,
                }
                remove(leftovers).await;
                return Ok(());
            }
            Err(PerformError::Store(error)) => return Err(error),
            Err(PerformError::Passing(text)) if work.attempt < MOST_TRIES => {
                tracing::warn!(effect = effect.kind(), try_number = work.attempt, error = %text, "will try again");
                let wait_ms = 500_i64 << work.attempt.min(7);
                let due = self.store.now().await?.plus_ms(wait_ms);
                return self.finish(work, Finished::Again { due, error: text }).await;
            }
            Err(PerformError::Passing(text) | PerformError::Lasting(text)) => text,
        };
        tracing::error!(effect = effect.kind(), error = %text, "given up");
        self.give_up(work, effect, text).await
    }

    /// Park the row, and tell the aggregate that waits for it.
    async fn give_up(&self, work: &Work, effect: &Effect, error: String) -> Result<(), StoreError> {
        let kind = effect.kind().to_owned();
        let event = match effect {
            Effect::RunAgent { task, attempt } => Event::Task {
                task: task.clone(),
                event: TaskEvent::RunEnded {
                    attempt: *attempt,
                    end: orch_rules::attempt::RunEnd::SpawnFailed { reason: error },
                    evidence: None,
                    usage: None,
                    cut_from: None,
                },
            },
            Effect::RunCheck { task, check, lane, .. } => {
                let outcome = orch_rules::check::CheckOutcome::Unknown { reason: error };
                self.check_event(task, check, outcome, String::new(), *lane).await?
            }
            Effect::BuildCandidate { repository, task, .. } | Effect::Land { repository, task, .. } => Event::Lane {
                repository: repository.clone(),
                event: LaneEvent::EffectFailed { task: task.clone(), effect: kind, error },
            },
            Effect::StopRun { task, .. } | Effect::PublishBranch { task, .. } | Effect::CleanUp { task, .. } => {
                Event::Task { task: task.clone(), event: TaskEvent::EffectFailed { effect: kind, error } }
            }
        };
        self.absorb(&event, "orch", Some((work, false))).await.map(drop)
    }

    async fn finish(&self, work: &Work, how: Finished) -> Result<(), StoreError> {
        let finish = Finish { work: work.id, fence: work.fence, how };
        self.store.apply(ChangeSet::default(), Some(finish)).await?;
        self.nudge();
        Ok(())
    }

    pub(crate) fn house(&self, repository: &RepositoryId) -> Result<Arc<House>, PerformError> {
        self.houses.get(repository).cloned().ok_or_else(|| {
            PerformError::Lasting(format!(
                "repository {repository} is not in this host's settings; register it again with `orch init`"
            ))
        })
    }
}

/// Keep a blocking call off the loop's thread.
pub(crate) async fn blocking<T, F>(call: F) -> Result<T, PerformError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, PerformError> + Send + 'static,
{
    match tokio::task::spawn_blocking(call).await {
        Ok(result) => result,
        Err(error) => Err(PerformError::Passing(format!("a blocking call ended early: {error}"))),
    }
}

/// Best effort: what stays is found by the next clean-up of its task.
async fn remove(places: Vec<camino::Utf8PathBuf>) {
    if places.is_empty() {
        return;
    }
    let removed = blocking(move || {
        for place in places {
            if place.exists() {
                std::fs::remove_dir_all(&place).map_err(|e| PerformError::Passing(format!("{place}: {e}")))?;
            }
        }
        Ok(())
    });
    if let Err(PerformError::Passing(error)) = removed.await {
        tracing::warn!(%error, "a place on disk could not be removed");
    }
}
