//! The loop: claim what is due, handle it, sleep until something happens.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use orch_ports::runner::Runner;
use orch_ports::store::{Claim, Finish, Finished, Job, Store, StoreError, Work};
use orch_rules::event::{Event, LaneEvent, TaskEvent};
use orch_rules::facts::Policy;
use orch_rules::ids::{RepositoryId, TaskId};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::answers::Answers;
use crate::house::House;

/// How much at once, and how often to look without being told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Test commands at once.
    pub max_checks: u32,
    /// Work rows handled at once, agents not counted.
    pub max_handled: u32,
    /// How often every unfinished task and lane is looked at (the net under lost wakes).
    pub sweep_every: Duration,
    /// How long a person's command waits for its answer.
    pub answer_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_checks: 1,
            max_handled: 16,
            sweep_every: Duration::from_secs(60),
            answer_within: Duration::from_secs(10),
        }
    }
}

/// The engine of one process.
pub struct Engine {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) runner: Arc<dyn Runner>,
    pub(crate) houses: BTreeMap<RepositoryId, Arc<House>>,
    pub(crate) policy: Policy,
    pub(crate) limits: Limits,
    pub(crate) answers: Answers,
    owner: String,
    due: Notify,
}

/// Every kind of work that touches the world; a desk without a service leaves them queued.
const EFFECTS: &[&str] =
    &["run_agent", "stop_run", "run_check", "build_candidate", "land", "publish_branch", "clean_up"];

impl Engine {
    /// An engine that is not running yet. `owner` names this process among all that ever claim from this store.
    pub fn new(
        store: Arc<dyn Store>,
        runner: Arc<dyn Runner>,
        houses: Vec<House>,
        policy: Policy,
        limits: Limits,
        owner: String,
    ) -> Self {
        let houses = houses.into_iter().map(|h| (h.repository.clone(), Arc::new(h))).collect();
        Self { store, runner, houses, policy, limits, answers: Answers::default(), owner, due: Notify::new() }
    }

    /// Something was queued.
    pub(crate) fn nudge(&self) {
        self.due.notify_one();
    }

    /// Work until `stop` turns true; then finish what is being handled. Runs of agents and checks are left alone:
    /// they belong to their supervisors and are adopted by the next engine (X3).
    ///
    /// # Errors
    /// Only before the loop begins: the rows of dead owners could not be taken over.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) -> Result<(), StoreError> {
        let taken = self.store.reclaim(&self.owner).await?;
        if taken > 0 {
            tracing::info!(rows = taken, "took over the work of an earlier process");
        }
        let mut handled: JoinSet<Handled> = JoinSet::new();
        let mut busy: BTreeMap<&'static str, u32> = BTreeMap::new();
        let mut waits_for_runs: BTreeMap<tokio::task::Id, &'static str> = BTreeMap::new();
        let mut sweep = tokio::time::interval(self.limits.sweep_every);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let sleep = self.claim_due(&mut handled, &mut busy, &mut waits_for_runs).await;
            tokio::select! {
                _ = stop.changed() => break,
                () = self.due.notified() => {}
                () = sleep_or_forever(sleep) => {}
                _ = sweep.tick() => self.sweep().await,
                Some(done) = handled.join_next_with_id(), if !handled.is_empty() => {
                    let (id, outcome) = match done {
                        Ok((id, outcome)) => (id, Some(outcome)),
                        Err(error) => (error.id(), None),
                    };
                    if let Some(kind) = waits_for_runs.remove(&id) {
                        busy.entry(kind).and_modify(|n| *n = n.saturating_sub(1));
                    }
                    if outcome.is_none() {
                        tracing::error!("a handler panicked; its row is taken over at the next start");
                    }
                }
            }
        }
        // What waits for a run would wait for hours; what is being written is over in a moment.
        let drain = async {
            while let Some(done) = handled.join_next().await {
                drop(done);
            }
        };
        let _ = tokio::time::timeout(Duration::from_millis(500), drain).await;
        handled.abort_all();
        Ok(())
    }

    /// Claim and start handling everything that may be handled now; returns how long nothing will fall due.
    async fn claim_due(
        self: &Arc<Self>,
        handled: &mut JoinSet<Handled>,
        busy: &mut BTreeMap<&'static str, u32>,
        kinds: &mut BTreeMap<tokio::task::Id, &'static str>,
    ) -> Option<Duration> {
        loop {
            let claim = Claim { owner: self.owner.clone(), limit: self.limits.max_handled, without: self.full(busy) };
            let works = match self.store.claim(claim).await {
                Ok(works) => works,
                Err(error) => {
                    tracing::warn!(%error, "cannot claim work; trying again");
                    return Some(Duration::from_secs(2));
                }
            };
            if works.is_empty() {
                break;
            }
            for work in works {
                let kind = work.job.kind();
                *busy.entry(kind).or_default() += 1;
                let engine = Arc::clone(self);
                let handle = handled.spawn(async move { engine.handle(work).await });
                kinds.insert(handle.id(), kind);
            }
            if self.full(busy).iter().any(|k| k == "inbox") {
                break;
            }
        }
        match (self.store.next_due().await, self.store.now().await) {
            // A row that is due already waits for its ordering key or a limit; its end notifies.
            (Ok(Some(due)), Ok(now)) if due > now => u64::try_from(due.since_ms(now)).ok().map(Duration::from_millis),
            (Err(_), _) | (_, Err(_)) => Some(Duration::from_secs(2)),
            _ => None,
        }
    }

    /// Kinds whose own limit is reached.
    fn full(&self, busy: &BTreeMap<&'static str, u32>) -> Vec<String> {
        let mut full = Vec::new();
        if busy.get("run_check").copied().unwrap_or(0) >= self.limits.max_checks {
            full.push("run_check".to_owned());
        }
        let others: u32 = busy.iter().filter(|(k, _)| **k != "run_agent" && **k != "run_check").map(|(_, n)| n).sum();
        if others >= self.limits.max_handled {
            full.extend(
                ["inbox", "decide_task", "decide_lane"].into_iter().chain(EFFECTS.iter().copied()).map(str::to_owned),
            );
        }
        full
    }

    /// Look at every unfinished task and lane. Writes only where a decision was missed.
    pub(crate) async fn sweep(&self) {
        let mut after: Option<TaskId> = None;
        loop {
            let Ok(ids) = self.store.active_tasks(after.as_ref(), 500).await else { return };
            let Some(last) = ids.last().cloned() else { break };
            for task in ids {
                let event = Event::Task { task, event: TaskEvent::Looked };
                if let Err(error) = self.absorb(&event, "orch", None).await {
                    tracing::warn!(%error, "the sweep passed over a task");
                }
            }
            after = Some(last);
        }
        for repository in self.houses.keys() {
            let event = Event::Lane { repository: repository.clone(), event: LaneEvent::Looked };
            if let Err(error) = self.absorb(&event, "orch", None).await {
                tracing::warn!(%error, "the sweep passed over a lane");
            }
        }
    }

    /// Without a running loop: handle what people asked and decide what follows, but leave the world alone. Effects
    /// stay queued for the service.
    ///
    /// # Errors
    /// The store's.
    pub async fn settle(&self) -> Result<(), StoreError> {
        let without: Vec<_> = EFFECTS.iter().copied().map(str::to_owned).collect();
        loop {
            let claim = Claim { owner: self.owner.clone(), limit: 16, without: without.clone() };
            let works = self.store.claim(claim).await?;
            if works.is_empty() {
                return Ok(());
            }
            for work in works {
                self.handle(work).await;
            }
        }
    }

    /// Handle one claimed row to its end. Never fails: what cannot be done now is queued again or parked (B10).
    async fn handle(&self, work: Work) -> Handled {
        let mut pause = Duration::from_millis(200);
        loop {
            let Err(error) = self.handle_once(&work).await else { return Handled };
            match error {
                StoreError::Stale { .. } => return Handled,
                StoreError::Missing { .. } | StoreError::Unreadable { .. } | StoreError::TooNew { .. } => {
                    tracing::error!(%error, work = work.id, "parked");
                    let how = Finished::Failed { error: error.to_string() };
                    let finish = Finish { work: work.id, fence: work.fence, how };
                    let _ = self.store.apply(orch_rules::change::ChangeSet::default(), Some(finish)).await;
                    return Handled;
                }
                // A guard that kept failing, a full disk, a database that is away: nothing is lost, try again.
                _ => {
                    tracing::warn!(%error, work = work.id, "trying again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(30));
                }
            }
        }
    }

    async fn handle_once(&self, work: &Work) -> Result<(), StoreError> {
        match &work.job {
            Job::Inbox { inbox, by, event } => {
                let answer = self.absorb(event, by, Some((work, true))).await?;
                self.answers.give(*inbox, answer);
                Ok(())
            }
            Job::DecideTask { task } => {
                let event = Event::Task { task: task.clone(), event: TaskEvent::Looked };
                self.absorb(&event, "orch", Some((work, false))).await.map(drop)
            }
            Job::DecideLane { repository } => {
                let event = Event::Lane { repository: repository.clone(), event: LaneEvent::Looked };
                self.absorb(&event, "orch", Some((work, false))).await.map(drop)
            }
            Job::Perform { effect } => self.perform(work, effect).await,
        }
    }
}

/// A row was handled, one way or another.
pub(crate) struct Handled;

async fn sleep_or_forever(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}
