//! The host that this process works for: its lease, its runs, and what lost hosts leave behind.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use orch_ports::hosts::{Hosts, Incarnation, Joining, LostRun, RunKind, RunPlace, RunToBe};
use orch_ports::store::{Job, StoreError, Work};
use orch_rules::actor::Actor;
use orch_rules::attempt::Attempt;
use orch_rules::change::{AuditLine, Change, ChangeSet};
use orch_rules::effect::Effect;
use orch_rules::ids::{HostId, TaskId};
use orch_rules::lease::{Pace, Renewal};
use orch_rules::reason::{self, Reason};
use orch_text::Language;

use crate::engine::Engine;
use crate::perform::{MOST_RUNS, PerformError, blocking, late_usage};
use crate::repository_context::RepositoryContext;
use crate::work_folders;

/// The last word to the others gets so long.
const FAREWELL: Duration = Duration::from_secs(2);

/// Which host a process works for, and how it stays one of those that share the store.
#[derive(Clone)]
pub struct Hosting {
    /// All hosts of the store.
    pub hosts: Arc<dyn Hosts>,
    /// This one: random, from the state folder.
    pub id: HostId,
    /// For people.
    pub name: String,
    /// The release of this process.
    pub release: String,
    /// How its lease is kept; `None`: no other host can reach the store.
    pub pace: Option<Pace>,
}

impl Engine {
    /// This process among those of its host.
    pub(crate) fn me(&self) -> Incarnation {
        Incarnation { host: self.hosting.id.clone(), number: self.incarnation.load(Ordering::Relaxed) }
    }

    /// Whether anything may be claimed and begun: until some time before the lease ends.
    pub(crate) fn may_work(&self) -> bool {
        self.hosting.pace.is_none() || self.lease().may_work(self.clock_ms())
    }

    fn lease(&self) -> std::sync::MutexGuard<'_, orch_rules::lease::OwnLease> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds of this process's own clock, which never jumps.
    fn clock_ms(&self) -> i64 {
        i64::try_from(self.clock.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Becomes the newest process of its host.
    pub(crate) async fn join(&self) -> Result<(), StoreError> {
        let joining = Joining {
            host: self.hosting.id.clone(),
            name: self.hosting.name.clone(),
            release: self.hosting.release.clone(),
            kinds: Job::kinds().collect(),
            max_runs: self.served().policy.max_runs,
            lease_ms: self.hosting.pace.map(|pace| pace.lease_ms),
        };
        let asked = self.clock_ms();
        let me = self.hosting.hosts.join(&joining).await?;
        self.incarnation.store(me.number, Ordering::Relaxed);
        self.lease().answered(asked, Renewal::Regained);
        Ok(())
    }

    /// Others need not wait for the end of the lease.
    pub(crate) async fn leave(&self) {
        let me = self.me();
        if self.hosting.pace.is_some()
            && let Ok(Err(error)) = tokio::time::timeout(FAREWELL, self.hosting.hosts.leave(&me)).await
        {
            tracing::debug!(%error, "the lease of this host ends by itself");
        }
    }

    /// Keeps the lease, and takes over from those who lost theirs. Ends only when a younger process has this host's place.
    pub(crate) async fn keep_lease(self: Arc<Self>) {
        self.clone().look_after_lost_runs();
        let Some(pace) = self.hosting.pace else { return };
        let every = Duration::from_millis(u64::try_from(pace.renew_every_ms).unwrap_or(1));
        let mut beat = tokio::time::interval(every);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        beat.tick().await;
        loop {
            beat.tick().await;
            let (asked, could_work) = (self.clock_ms(), self.may_work());
            let me = self.me();
            let renewed = tokio::time::timeout(every, self.hosting.hosts.renew(&me, pace.lease_ms)).await;
            match renewed.unwrap_or_else(|_| Err(StoreError::Failed { detail: "it gave no answer in time".to_owned() }))
            {
                Err(error) => {
                    self.lease().failed();
                    tracing::warn!(%error, "the lease of this host was not renewed");
                }
                Ok(Renewal::Superseded) => {
                    self.lease().answered(asked, Renewal::Superseded);
                    self.superseded.send_replace(true);
                    return;
                }
                Ok(renewal) => {
                    self.lease().answered(asked, renewal);
                    if !could_work {
                        tracing::info!("the lease of this host is in force again");
                    }
                    // Another host may have queued something for this one, and its word of it may be lost.
                    self.due.notify_one();
                    if renewal == Renewal::Regained {
                        self.clone().look_after_lost_runs();
                    }
                }
            }
            if self.lease().may_take_over(self.clock_ms()) {
                self.take_over_from_lost().await;
            }
        }
    }

    async fn take_over_from_lost(&self) {
        let presume_dead_after_ms = self.served().policy.presume_dead_after_ms;
        match self.hosting.hosts.take_over(&self.me(), presume_dead_after_ms).await {
            Ok(taken) if taken.work == 0 && taken.agents == 0 => {}
            Ok(taken) => {
                tracing::warn!(rows = taken.work, agents = taken.agents, "took over the work of a lost host");
                self.changes.happened();
                self.nudge();
            }
            Err(error) => tracing::warn!(%error, "the work of a lost host was not taken over"),
        }
    }

    /// Writes a run down before it is launched. Passes only where it is this host's.
    pub(crate) async fn place(&self, work: &Work, run: RunToBe) -> Result<Placed, PerformError> {
        match self.hosting.hosts.place_run(&self.me(), &run, work).await? {
            RunPlace::Here => Ok(Placed::Here),
            RunPlace::GivenUp { host } => Ok(Placed::GivenUp { host }),
            RunPlace::Elsewhere { host } => Err(PerformError::Elsewhere { run: run.name, host }),
            RunPlace::Full => Err(PerformError::NoRoom("every slot of this host is taken".to_owned())),
        }
    }

    /// A run of another host, if that is where it is.
    ///
    /// # Errors
    /// [`PerformError::Elsewhere`].
    pub(crate) async fn must_be_here(&self, task: &TaskId, name: &str) -> Result<(), PerformError> {
        let runs = self.hosting.hosts.runs(Some(task)).await?;
        let theirs = |run: &&orch_ports::hosts::RunRow| {
            run.name == name && run.state == "launched" && run.host != self.hosting.id
        };
        match runs.iter().find(theirs) {
            None => Ok(()),
            Some(run) => Err(PerformError::Elsewhere { run: name.to_owned(), host: run.host_name.clone() }),
        }
    }

    /// As [`Engine::must_be_here`], of a run that may be over.
    pub(crate) async fn must_have_been_here(&self, task: &TaskId, name: &str) -> Result<(), PerformError> {
        let runs = self.hosting.hosts.runs(Some(task)).await?;
        let (here, there): (Vec<_>, Vec<_>) =
            runs.iter().filter(|run| run.name == name).partition(|run| run.host == self.hosting.id);
        match there.first().filter(|_| here.is_empty()) {
            None => Ok(()),
            Some(run) => Err(PerformError::Elsewhere { run: name.to_owned(), host: run.host_name.clone() }),
        }
    }

    /// What the end of a row's work says of its run.
    pub(crate) fn run_over(&self, work: &Work) -> Option<Change> {
        let name = match &work.job {
            Job::Perform { effect: Effect::RunAgent { task, attempt } } => RepositoryContext::run_name(task, *attempt),
            Job::Perform { effect: Effect::RunCheck { check, .. } } => check.to_string(),
            _ => return None,
        };
        Some(Change::EndRun { name, host: self.hosting.id.clone() })
    }

    /// An agent that ran on a host that was taken for dead: said in the task's history.
    pub(crate) async fn tell_presumed_dead(&self, task: &TaskId, attempt: u32, host: &str) -> Result<(), StoreError> {
        let text = reason::presumed_dead(attempt, host);
        tracing::warn!(%task, "{}", orch_text::answer(&text, Language::English));
        self.tell_task(task, "presumed_dead", text, Vec::new()).await
    }

    async fn tell_task(
        &self,
        task: &TaskId,
        rule: &str,
        text: Reason,
        mut changes: Vec<Change>,
    ) -> Result<(), StoreError> {
        let Some(row) = self.store.task(task).await? else { return Ok(()) };
        let line = AuditLine {
            task: Some(task.clone()),
            repository: row.repository,
            at: self.store.now().await?,
            by: Actor::ORCH,
            rule: rule.to_owned(),
            text,
        };
        changes.push(Change::Audit { line });
        self.store.apply(ChangeSet { guards: Vec::new(), changes }, None).await?;
        self.changes.happened();
        Ok(())
    }

    /// This host may have been taken for dead: the runs that nobody waits for any more are stopped, and paid for.
    fn look_after_lost_runs(self: Arc<Self>) {
        tokio::spawn(async move {
            let lost = match self.hosting.hosts.lost_runs(&self.hosting.id).await {
                Ok(lost) => lost,
                Err(error) => return tracing::warn!(%error, "whether runs of this host were given up is not known"),
            };
            for run in lost {
                if let Err(error) = self.end_lost_run(&run).await {
                    tracing::warn!(run = run.name, error = error.words(), "a run that was given up is looked at later");
                }
            }
            // Tasks that were worked on here may have ended elsewhere.
            self.chores.notify_one();
        });
    }

    async fn end_lost_run(&self, run: &LostRun) -> Result<(), PerformError> {
        tracing::warn!(run = run.name, "this host was taken for dead: its run is stopped");
        let over = Change::EndRun { name: run.name.clone(), host: self.hosting.id.clone() };
        let attempt = self.attempt_of(run).await?;
        let (runner, name) = (self.runner.clone(), run.name.clone());
        let Some((attempt, context)) = attempt else {
            blocking(move || {
                let rounds = (1..=MOST_RUNS).map(|round| format!("{name}-{round}"));
                rounds.chain([name.clone()]).filter(|run| runner.exists(run)).try_for_each(|run| Ok(runner.stop(&run)?))
            })
            .await?;
            self.store.apply(ChangeSet { guards: Vec::new(), changes: vec![over] }, None).await?;
            return Ok(());
        };
        let (folder, ran) = (context.work_folder(&name), attempt.clone());
        let usage = blocking(move || late_usage(&context, &*runner, &ran, &name)).await?;
        let mut changes = vec![over];
        if let Some(usage) = usage {
            let (task, stage, at) = (attempt.task.clone(), attempt.stage.clone(), self.store.now().await?);
            changes.push(Change::AddUsage { task, attempt: attempt.number, stage, usage, at });
        }
        let host = &self.hosting.name;
        let text = reason::heard_of_again(host, attempt.number);
        self.tell_task(&attempt.task, "heard_of_again", text, changes).await?;
        work_folders::remove_if_possible(vec![folder]).await;
        Ok(())
    }

    /// The attempt that a run was, and where; `None` for a check, and for a task that this process does not work on.
    async fn attempt_of(&self, run: &LostRun) -> Result<Option<(Attempt, Arc<RepositoryContext>)>, PerformError> {
        let Some(row) = self.store.task(&run.task).await? else { return Ok(None) };
        if run.kind != RunKind::Agent.as_str() {
            return Ok(None);
        }
        let attempts = self.store.history(&run.task).await?.attempts;
        let named = |attempt: &Attempt| RepositoryContext::run_name(&attempt.task, attempt.number) == run.name;
        let context = self.context(&row.repository)?;
        Ok(attempts.into_iter().find(named).map(|attempt| (attempt, context)))
    }
}

/// A run that this host may act on.
pub(crate) enum Placed {
    /// Launched here, or to be launched here now.
    Here,
    /// Its host was taken for dead.
    GivenUp {
        /// For people.
        host: String,
    },
}
