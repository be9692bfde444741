//! The sweep: every unfinished task and lane is looked at now and then, the net under lost wakes. A look can only find
//! something green or nothing to do, so it never harms; what it sets going is logged, told in the task's history and
//! counted (G4).

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use orch_ports::store::StoreError;
use orch_rules::actor::Actor;
use orch_rules::change::{AuditLine, Change, ChangeSet, SLOT_RUNS};
use orch_rules::decide::{Decision, Denied, decide_lane, decide_task};
use orch_rules::event::{LaneEvent, TaskEvent};
use orch_rules::facts::Moment;
use orch_rules::ids::{RepositoryId, TaskId, Timestamp};
use orch_rules::reason;
use orch_rules::rights::Acting;
use orch_rules::task::Wait;
use tokio::task::JoinSet;

use crate::engine::Engine;
use crate::work_loop::LONGEST_WAIT_MS;

/// Tasks asked for at once.
const CHUNK: u32 = 500;

/// The sweep at a glance, for `/queue`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciler {
    /// How often it looks.
    pub every: Duration,
    /// Whether it looks at tasks.
    pub enabled: bool,
    /// End of the last whole sweep, by the store's clock; `None` before the first.
    pub last: Option<Timestamp>,
    /// Decisions that nobody had been woken for, since this process started.
    pub unblocked_total: u64,
}

#[derive(Default)]
pub(crate) struct SweepCount {
    unblocked: AtomicU64,
    /// Milliseconds since the epoch; 0 before the first.
    last: AtomicI64,
    /// The last task that was looked at.
    after: Mutex<Option<TaskId>>,
    /// The store's clock at the last sweep, and ours that never jumps.
    clocks: Mutex<Option<(Timestamp, Instant)>>,
}

impl SweepCount {
    /// Whether the store's clock was set back since the last sweep: what was put off meanwhile has a moment of a clock that
    /// was ahead.
    fn was_set_back(&self, now: Timestamp, here: Instant) -> bool {
        let before = self.clocks.lock().unwrap_or_else(PoisonError::into_inner).replace((now, here));
        before.is_some_and(|(then, there)| {
            let passed = i64::try_from(here.duration_since(there).as_millis()).unwrap_or(i64::MAX);
            now.plus_ms(SET_BACK_MS) < then.plus_ms(passed)
        })
    }
}

/// Clocks that are kept right are corrected by less.
const SET_BACK_MS: i64 = 5_000;

impl Engine {
    pub(crate) fn reconciler(&self) -> Reconciler {
        let last = self.swept.last.load(Ordering::Relaxed);
        Reconciler {
            every: self.limits.sweep_every,
            enabled: self.limits.sweeps,
            last: (last != 0).then_some(Timestamp(last)),
            unblocked_total: self.swept.unblocked.load(Ordering::Relaxed),
        }
    }

    /// Never ends; a sweep that breaks down does not keep the next one from coming.
    pub(crate) async fn sweep_forever(self: Arc<Self>) {
        let mut turn = JoinSet::new();
        let mut held = self.held.clone();
        loop {
            // Nobody is left who could change it: it stays as it is.
            let _ = held.wait_for(|held| *held).await;
            let engine = Arc::clone(&self);
            turn.spawn(async move { engine.sweep().await });
            match turn.join_next().await {
                Some(Ok(Ok(now))) => self.swept.last.store(now.0, Ordering::Relaxed),
                Some(Ok(Err(error))) => tracing::warn!(%error, "the sweep was broken off"),
                Some(Err(error)) => tracing::error!(%error, "the sweep broke down"),
                None => {}
            }
            tokio::time::sleep(self.limits.sweep_every).await;
        }
    }

    /// Look at unfinished tasks and at every lane. Writes only where a decision was missed. Of many tasks each sweep
    /// looks at some, and the next one goes on behind them: the net is under everybody, and costs the same for all.
    async fn sweep(&self) -> Result<Timestamp, StoreError> {
        let set_back = self.swept.was_set_back(self.store.now().await?, Instant::now());
        let longest = if set_back { 0 } else { LONGEST_WAIT_MS };
        if self.store.bring_near(longest).await? > 0 {
            tracing::warn!("work waited for a moment that a clock ahead had written; it is due now");
            self.nudge();
        }
        let (outages, now) = (self.store.outages().await?, self.store.now().await?);
        let slot_free = self.store.used(SLOT_RUNS).await? < i64::from(self.served().policy.max_runs);
        // Time alone ends these, and whoever waits may be anywhere.
        let ended = outages.iter().any(|outage| outage.is_closed() && !outage.holds(now));
        let most = if ended { u32::MAX } else { self.limits.looks_a_sweep };
        let looks = if self.limits.sweeps { self.next_to_look_at(most).await? } else { Vec::new() };
        for task in looks {
            if let Err(error) = self.look_at_task(&task, slot_free).await {
                tracing::warn!(%error, %task, "the sweep passed over a task");
            }
        }
        self.compare_all().await;
        self.look_at_branches().await;
        for repository in self.repositories() {
            if let Err(error) = self.look_at_repository(&repository).await {
                tracing::warn!(%error, %repository, "the sweep passed over a repository");
            }
            if let Err(error) = self.look_at_main_ci(&repository, false).await {
                tracing::warn!(error = error.words(), %repository, "the sweep passed over what CI says of it");
            }
            if let Err(error) = self.look_at_untold(&repository).await {
                tracing::warn!(error = error.words(), %repository, "the sweep passed over its reviews");
            }
            let repository = &repository;
            if let Err(error) = self.look_at_lane(repository).await {
                tracing::warn!(%error, %repository, "the sweep passed over a lane");
            }
        }
        self.chores.notify_one();
        self.store.now().await
    }

    /// Unfinished tasks behind the last one that was looked at, each at most once.
    async fn next_to_look_at(&self, most: u32) -> Result<Vec<TaskId>, StoreError> {
        let last = || self.swept.after.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = last().clone();
        let (mut after, mut found, mut round) = (begun.clone(), Vec::new(), begun.is_none());
        while let Some(room) = most.checked_sub(u32::try_from(found.len()).unwrap_or(u32::MAX)).filter(|room| *room > 0)
        {
            let mut ids = self.store.active_tasks(after.as_ref(), room.min(CHUNK)).await?;
            if round && let Some(begun) = &begun {
                ids.retain(|id| id <= begun);
            }
            match ids.last().cloned() {
                Some(last) => after = Some(last),
                None if round => break,
                None => (after, round) = (None, true),
            }
            found.append(&mut ids);
        }
        *last() = after;
        Ok(found)
    }

    async fn look_at_task(&self, task: &TaskId, slot_free: bool) -> Result<(), StoreError> {
        let mut denied = Denied::default();
        loop {
            let (facts, now) = self.store.task_facts(task, &self.served().policy).await?;
            // Whoever gives a slot back wakes those who wait for one; there may be thousands of them.
            if !slot_free && facts.task.waits.iter().any(|wait| matches!(wait, Wait::Slot { .. })) {
                return Ok(());
            }
            let repository = facts.repository.id.clone();
            let Ok(decision) = decide_task(facts, &TaskEvent::Looked, &Acting::ORCH, Moment { now }, denied) else {
                return Ok(());
            };
            // Time alone does this: nobody could have been woken.
            let missed = acts(&decision.changes) && !decision.trace.contains(&"episode_expired");
            // It is about to be decided anyway.
            if missed && self.decision_queued(task).await? {
                return Ok(());
            }
            match self.write(decision, missed, Some(task), &repository, now).await {
                Err(StoreError::Guard(guard)) => match denied.learn(&guard) {
                    Some(learnt) => denied = learnt,
                    // Somebody else wrote meanwhile, and decided.
                    None => return Ok(()),
                },
                Ok(()) if denied != Denied::default() => return self.ask_once_more(task).await,
                done => return done,
            }
        }
    }

    async fn decision_queued(&self, task: &TaskId) -> Result<bool, StoreError> {
        let decides = |kind: &str| matches!(kind, "inbox" | "decide_task");
        let work = self.store.history(task).await?.work;
        Ok(work.iter().any(|row| decides(&row.kind) && matches!(row.state.as_str(), "queued" | "running")))
    }

    async fn look_at_lane(&self, repository: &RepositoryId) -> Result<(), StoreError> {
        let (facts, now) = self.store.lane_facts(repository, &self.served().policy).await?;
        let Ok(decision) = decide_lane(facts, &LaneEvent::Looked, &Acting::ORCH, Moment { now }) else { return Ok(()) };
        // What is queued is not told by lane; a lane that is not counted is set going all the same.
        let missed = acts(&decision.changes) && !self.store.any_work(&["inbox", "decide_lane"]).await?;
        match self.write(decision, missed, None, repository, now).await {
            Err(StoreError::Guard(_)) => Ok(()),
            done => done,
        }
    }

    async fn write(
        &self,
        decision: Decision,
        missed: bool,
        task: Option<&TaskId>,
        repository: &RepositoryId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let Decision { mut changes, trace, .. } = decision;
        if changes.is_empty() {
            return Ok(());
        }
        let rules = trace.join(", ");
        if missed {
            let line = AuditLine {
                task: task.cloned(),
                repository: repository.clone(),
                at,
                by: Actor::ORCH,
                rule: "sweep".to_owned(),
                text: reason::found_by_the_sweep(&rules),
            };
            changes.changes.push(Change::Audit { line });
        }
        let applied = self.store.apply(changes, None).await?;
        self.changes.happened();
        if applied.queued {
            self.nudge();
        }
        if missed {
            self.swept.unblocked.fetch_add(1, Ordering::Relaxed);
            let task = task.map(TaskId::as_str);
            tracing::info!(task, %repository, rules, "the sweep set going what nobody had been woken for");
        }
        Ok(())
    }
}

/// More than the words for why it waits.
fn acts(changes: &ChangeSet) -> bool {
    changes.changes.iter().any(|c| !matches!(c, Change::PutTask { .. } | Change::PutRepository { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_is_told_from_one_that_is_corrected() {
        let (count, begin) = (SweepCount::default(), Instant::now());
        let mut seconds = 0;
        let mut look = |clock: i64| {
            seconds += 60;
            count.was_set_back(Timestamp(clock * 1000), begin + Duration::from_secs(seconds))
        };
        assert!(!look(1_000), "the first look has nothing to compare with");
        assert!(!look(1_059), "a second is a correction");
        assert!(!look(4_800), "set forward");
        assert!(look(1_179), "and right again");
        assert!(!look(1_239));
        assert!(look(1_230), "by more than a correction, though it went on");
    }
}
