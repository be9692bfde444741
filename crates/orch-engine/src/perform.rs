//! Perform committed effects: each calls its port, and its outcome is an event again.

mod agent_run;
mod await_ci;
mod branch;
mod bring_home;
mod by_facts;
mod check_run;
mod commit_test;
mod deploy;
mod deploy_kept;
mod deploy_words;
mod kept;
mod known;
mod lane;
mod said;
pub(crate) mod set_up;
mod task_file;

pub(crate) use agent_run::late_usage;
pub(crate) use await_ci::{CI_NEWS, CiAsked, CiTerms, name_required, no_product, statuses};
pub(crate) use check_run::check_terms;
pub use check_run::{check_order, check_outcome};
pub(crate) use commit_test::{MOST_RUNS, Test, Tested};
pub(crate) use deploy::DeployOrder;
pub use set_up::{DONE as SET_UP_DONE, LINE as SET_UP_LINE};
pub(crate) use task_file::fenced;

use std::sync::Arc;

use orch_ports::PortError;
use orch_ports::store::{Finished, InboxAnswer, StoreError, Work};
use orch_rules::actor::Actor;
use orch_rules::attempt::{RunEnd, Usage};
use orch_rules::change::{Change, ChangeSet};
use orch_rules::effect::Effect;
use orch_rules::event::{Event, LaneEvent, TaskEvent};
use orch_rules::ids::{RepositoryId, TaskId, Timestamp};
use orch_rules::outbox::projection::Need;
use orch_rules::port_error::ForEffect;
use orch_rules::standing::Standing;
use orch_rules::task::Task;

use crate::engine::Engine;
use crate::prompt::PromptError;
use crate::repository_context::RepositoryContext;
use crate::upkeep::leaves_something;
use crate::work_folders;

/// So often a step is tried that may never succeed: about half an hour.
const MOST_DOUBTED: u32 = 32;

/// What performing came to.
pub(crate) struct Performed {
    /// To be absorbed together with the end of the work row.
    pub event: Option<Event>,
    /// Places on disk that are of no use once that is written.
    pub leftovers: Vec<camino::Utf8PathBuf>,
    /// What shows this task waits for the end of the work row.
    pub shown: Option<Box<Task>>,
    /// What is done next for the same end.
    pub then: Option<Effect>,
}

impl Performed {
    pub fn event(event: Event) -> Self {
        Self { event: Some(event), ..Self::nothing() }
    }
    pub fn nothing() -> Self {
        Self { event: None, leftovers: Vec::new(), shown: None, then: None }
    }
}

/// Why it could not be performed: what a port said, or what is this engine's own.
pub(crate) enum PerformError {
    /// A port: what follows goes by the kind of its error.
    Port(PortError),
    /// A run could not be launched, which may be the machine or more: tried again for a long time, then given up.
    Launch(PortError),
    /// The machine said no, or nothing could be found out: tried again as this step, for as long as that takes.
    Passing(String),
    /// Do not.
    Lasting(String),
    /// This release does not know enough of the task to do it: kept for one that does.
    Unknown(String),
    /// The host has no room: wait as long as that takes.
    NoRoom(String),
    /// Something else is to be done first, and is under way.
    Waits(String),
    /// Half of it was done. Trying again may do the rest; the event says what stands without it.
    Half {
        /// Why not all of it.
        error: Box<PerformError>,
        /// Told when it is given up.
        event: Event,
    },
    /// The run is another host's, and so is what is to be done with it.
    Elsewhere {
        /// Its name.
        run: String,
        /// That host's name.
        host: String,
    },
    /// The store has to be asked again; nothing was done.
    Store(StoreError),
}

impl PerformError {
    /// Whether it is tried again after the try of that number. What the machine could not do never becomes a fact about
    /// the task: no number of tries makes it one.
    fn again(&self, tried: u32) -> bool {
        match self {
            Self::Port(error) => !error.is_fact(),
            Self::Passing(_)
            | Self::NoRoom(_)
            | Self::Waits(_)
            | Self::Store(_)
            | Self::Unknown(_)
            | Self::Elsewhere { .. } => true,
            Self::Launch(_) => tried < MOST_DOUBTED,
            Self::Lasting(_) => false,
            Self::Half { error, .. } => error.again(tried),
        }
    }

    /// The repository cannot be worked in, and says so until that is mended.
    fn is_held(&self) -> bool {
        matches!(self, Self::Port(error) if error.for_effect() == ForEffect::Mend)
    }

    /// When a port wants to be asked again at the earliest.
    fn not_before(&self) -> Option<Timestamp> {
        match self {
            Self::Port(error) | Self::Launch(error) => error.not_before(),
            Self::Half { error, .. } => error.not_before(),
            _ => None,
        }
    }

    /// For people.
    pub fn words(self) -> String {
        match self {
            Self::Port(error) | Self::Launch(error) => error.words,
            Self::Passing(text)
            | Self::Lasting(text)
            | Self::NoRoom(text)
            | Self::Waits(text)
            | Self::Unknown(text) => text,
            Self::Half { error, .. } => error.words(),
            Self::Elsewhere { host, .. } => format!("its run is on host {host}"),
            Self::Store(error) => error.to_string(),
        }
    }
}

impl From<StoreError> for PerformError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<PortError> for PerformError {
    fn from(error: PortError) -> Self {
        Self::Port(error)
    }
}

impl From<PromptError> for PerformError {
    fn from(error: PromptError) -> Self {
        match error {
            PromptError::Port(error) => Self::Port(error),
            PromptError::Unusable(text) => Self::Lasting(text),
        }
    }
}

impl From<std::io::Error> for PerformError {
    fn from(error: std::io::Error) -> Self {
        Self::Passing(error.to_string())
    }
}

pub(crate) type PerformResult = Result<Performed, PerformError>;

impl Engine {
    /// Perform one effect; nothing is written.
    pub(crate) async fn perform(&self, work: &Work, effect: &Effect) -> PerformResult {
        match effect {
            Effect::RunAgent { task, attempt } => self.run_agent(work, task, *attempt).await,
            Effect::StopRun { task, attempt } => self.stop_run(task, *attempt).await,
            Effect::RunCheck { task, check, commit, lane } => self.run_check(work, task, check, commit, *lane).await,
            Effect::AwaitCi { task, check, commit, lane, first_red } => {
                let asked = CiAsked {
                    task: task.clone(),
                    check: check.clone(),
                    commit: commit.clone(),
                    lane: *lane,
                    first_red: first_red.clone(),
                };
                self.await_ci(asked).await
            }
            Effect::BuildCandidate { repository, task, head, fence } => {
                self.build_candidate(repository, task, (head, false), *fence).await
            }
            Effect::BuildRevert { repository, task, of, fence } => {
                self.build_candidate(repository, task, (of, true), *fence).await
            }
            Effect::Land { repository, task, candidate, parent, fence } => {
                self.land(repository, task, candidate, parent, *fence).await
            }
            Effect::Deploy { task, repository, target, deployment, commit, reverts, irreversible } => {
                let order = DeployOrder {
                    task: task.clone(),
                    repository: repository.clone(),
                    target: target.clone(),
                    deployment: deployment.clone(),
                    commit: commit.clone(),
                    reverts: reverts.clone(),
                    irreversible: *irreversible,
                };
                self.deploy(work, order).await
            }
            Effect::PublishBranch { task, branch, was, head } => {
                self.publish_branch(task, branch, was.as_ref(), head).await
            }
            Effect::ObserveBranch { task, branch, head, since, replay } => {
                self.observe_branch(task, branch, head, since, *replay).await
            }
            Effect::CleanUp { task, branch, head, archive } => {
                self.clean_up(task, branch, head.as_ref(), *archive).await
            }
            Effect::WakeWaiters { key, .. } => {
                let changes = vec![Change::WakeSlotWaiters { key: key.clone() }];
                if self.store.apply(ChangeSet { guards: Vec::new(), changes }, None).await?.queued {
                    self.nudge();
                }
                Ok(Performed::nothing())
            }
        }
    }

    /// Finish an effect's row with what came of it: absorbed, queued again, or given up.
    pub(crate) async fn conclude(
        &self,
        work: &Work,
        effect: &Effect,
        performed: PerformResult,
    ) -> Result<(), StoreError> {
        let not_before = performed.as_ref().err().and_then(PerformError::not_before);
        let mut stays = false;
        let (error, again, told) = match performed {
            Ok(Performed { event, leftovers, shown, then }) => {
                match event {
                    Some(event) => {
                        let answer = self.absorb(&event, &Actor::ORCH, Some((work, false))).await?;
                        if matches!(answer, InboxAnswer::Refused { .. }) {
                            // Kept: whoever can decide on it needs what there is on disk.
                            return Ok(());
                        }
                    }
                    None => {
                        let mut more = shown.map_or_else(Vec::new, |task| self.raises(&task, Need::Progress));
                        more.extend(then.map(|effect| Change::Perform { effect, due: Timestamp(0) }));
                        self.finish_with(work, Finished::Done { answer: None }, more).await?;
                    }
                }
                work_folders::remove_if_possible(leftovers).await;
                if leaves_something(effect) {
                    self.chores.notify_one();
                }
                return Ok(());
            }
            Err(PerformError::Store(error)) => return Err(error),
            Err(PerformError::Unknown(why)) => {
                tracing::warn!(effect = effect.kind(), %why, "kept for a release that knows");
                return self.finish(work, Finished::Kept { why }).await;
            }
            Err(PerformError::Waits(error)) => {
                tracing::debug!(effect = effect.kind(), %error, "waits");
                return self.wait(work, self.limits.first_retry, error).await;
            }
            Err(PerformError::NoRoom(error)) => {
                tracing::warn!(effect = effect.kind(), %error, "waits for room");
                return self.wait(work, self.limits.look_for_room, error).await;
            }
            Err(PerformError::Elsewhere { run, host }) => {
                if self.hosting.hosts.hand_over(&self.hosting.id, &run, work).await? {
                    tracing::info!(effect = effect.kind(), run, host, "left to the host that has the run");
                    self.changes.happened();
                    return Ok(());
                }
                return self.wait(work, std::time::Duration::ZERO, format!("its run was on host {host}")).await;
            }
            Err(error) if error.is_held() => return self.unavailable(work, effect, error.words()).await,
            Err(PerformError::Half { error, .. }) if error.is_held() => {
                return self.wait(work, self.limits.look_at_trouble, error.words()).await;
            }
            Err(PerformError::Half { error, mut event }) => {
                let again = error.again(work.attempt);
                let words = error.words();
                if again {
                    self.run_is_over(work, &event, &words).await?;
                }
                if let Event::Task { event: TaskEvent::RunEnded { trouble, .. }, .. } = &mut event {
                    *trouble = Some(words.clone());
                }
                (words, again, Some(event))
            }
            Err(error) => {
                let again = error.again(work.attempt);
                stays = match &error {
                    PerformError::Port(error) => error.is_fact(),
                    error => matches!(error, PerformError::Lasting(_)),
                };
                (error.words(), again, None)
            }
        };
        let effect_kind = effect.kind();
        if again {
            tracing::warn!(effect = effect_kind, try_number = work.attempt, %error, "will try again");
            return self.again(work, error, not_before).await;
        }
        tracing::error!(effect = effect_kind, %error, "given up");
        let (mut event, leftovers) = match told {
            Some(event) => (event, Vec::new()),
            None => self.given_up(effect, error).await?,
        };
        if let Event::Task {
            event: TaskEvent::RunEnded { end: RunEnd::SpawnFailed { reason, .. }, trouble, .. }, ..
        } = &mut event
        {
            *trouble = stays.then(|| reason.clone());
        }
        if matches!(self.absorb(&event, &Actor::ORCH, Some((work, false))).await?, InboxAnswer::Refused { .. }) {
            return Ok(());
        }
        work_folders::remove_if_possible(leftovers).await;
        Ok(())
    }

    /// Tells the task and the host that a run is over, although what it left is not home yet.
    async fn run_is_over(&self, work: &Work, ended: &Event, why: &str) -> Result<(), StoreError> {
        let Event::Task { task, event: TaskEvent::RunEnded { attempt, end, usage, .. } } = ended else { return Ok(()) };
        let event =
            TaskEvent::RunIsOver { attempt: *attempt, end: end.clone(), usage: usage.clone(), why: why.to_owned() };
        self.absorb(&Event::Task { task: task.clone(), event }, &Actor::ORCH, None).await?;
        let changes = self.run_over(work).into_iter().collect();
        self.store.apply(ChangeSet { guards: Vec::new(), changes }, None).await.map(drop)
    }

    async fn wait(&self, work: &Work, pause: std::time::Duration, error: String) -> Result<(), StoreError> {
        let pause = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        let due = self.store.now().await?.plus_ms(pause);
        self.finish(work, Finished::Again { due, error }).await
    }

    /// The effect's repository cannot be worked in: that is written down, and the effect waits until it is mended. A
    /// run that was not launched gives its slot back instead: others need it.
    async fn unavailable(&self, work: &Work, effect: &Effect, error: String) -> Result<(), StoreError> {
        let Some(task) = self.store.task(effect.task()).await? else {
            return self.finish(work, Finished::Done { answer: None }).await;
        };
        self.repository_stands(&task.repository, &Standing::Trouble(error.clone())).await?;
        if let Effect::RunAgent { task, attempt } = effect {
            let (runner, name) = (self.runner.clone(), RepositoryContext::run_name(task, *attempt));
            if !blocking(move || Ok(runner.was_launched(&name)?)).await.unwrap_or(true) {
                let (event, leftovers) = self.run_given_up(task, *attempt, error).await?;
                self.absorb(&event, &Actor::ORCH, Some((work, false))).await?;
                work_folders::remove_if_possible(leftovers).await;
                return Ok(());
            }
        }
        self.wait(work, self.limits.look_at_trouble, error).await
    }

    /// What is told to the aggregate that waits for an effect, and what may be removed then.
    async fn given_up(&self, effect: &Effect, error: String) -> Result<(Event, Vec<camino::Utf8PathBuf>), StoreError> {
        let kind = effect.kind().to_owned();
        let event = match effect {
            Effect::RunAgent { task, attempt } => return self.run_given_up(task, *attempt, error).await,
            Effect::RunCheck { task, check, lane, .. } | Effect::AwaitCi { task, check, lane, .. } => {
                self.check_event(task, check, Tested::unknown(&error), *lane).await?
            }
            Effect::BuildCandidate { repository, task, .. }
            | Effect::BuildRevert { repository, task, .. }
            | Effect::Land { repository, task, .. } => Event::Lane {
                repository: repository.clone(),
                event: LaneEvent::EffectFailed { task: task.clone(), effect: kind, error },
            },
            Effect::PublishBranch { task, was, .. } => {
                Event::Task { task: task.clone(), event: TaskEvent::NotPublished { was: was.clone(), error } }
            }
            Effect::StopRun { task, .. }
            | Effect::Deploy { task, .. }
            | Effect::ObserveBranch { task, .. }
            | Effect::CleanUp { task, .. }
            | Effect::WakeWaiters { task, .. } => {
                Event::Task { task: task.clone(), event: TaskEvent::EffectFailed { effect: kind, error } }
            }
        };
        Ok((event, Vec::new()))
    }

    /// A run that was never launched leaves nothing. One that was, and of which nobody can tell how it ended, may
    /// still be at work: two agents at once must never be.
    async fn run_given_up(
        &self,
        task: &TaskId,
        attempt: u32,
        error: String,
    ) -> Result<(Event, Vec<camino::Utf8PathBuf>), StoreError> {
        let name = RepositoryContext::run_name(task, attempt);
        let (runner, asked) = (self.runner.clone(), name.clone());
        let launched = blocking(move || Ok(runner.was_launched(&asked)?)).await.unwrap_or(true);
        let row = self.store.task(task).await?;
        let context = row.and_then(|row| self.served().contexts.get(&row.repository).cloned());
        let (end, usage, leftovers) = if launched {
            (RunEnd::Quarantined, Some(Usage::default()), Vec::new())
        } else {
            (RunEnd::not_started(error), None, context.map(|context| context.work_folder(&name)).into_iter().collect())
        };
        let event = TaskEvent::RunEnded { attempt, end, evidence: None, usage, cut_from: None, trouble: None };
        Ok((Event::Task { task: task.clone(), event }, leftovers))
    }

    pub(crate) fn context(&self, repository: &RepositoryId) -> Result<Arc<RepositoryContext>, PerformError> {
        self.served().contexts.get(repository).cloned().ok_or_else(|| {
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
