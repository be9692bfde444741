//! Applying a change set: every guard inside the same transaction, then every change, in order.

use orch_rules::attempt::{Attempt, RunEnd};
use orch_rules::change::{Change, ChangeSet, Guard};
use orch_rules::effect::Effect;
use orch_rules::lane::{LaneState, Line};
use orch_rules::outage::{Outage, Source};
use orch_rules::pipeline::StageKind;
use orch_rules::task::{Task, Wait};

use super::deciding::Wake;
use super::{Work, WorkState, World};

impl World {
    /// Applies everything or nothing.
    ///
    /// # Errors
    /// Every guard that does not hold, in the order of the change set.
    pub fn apply(&mut self, set: &ChangeSet) -> Result<(), Vec<Guard>> {
        let failed: Vec<Guard> = set.guards.iter().filter(|g| !self.holds(g)).cloned().collect();
        if !failed.is_empty() {
            self.log.failed.extend(failed.iter().cloned());
            return Err(failed);
        }
        self.watch(set);
        for guard in &set.guards {
            self.take(guard);
        }
        for change in &set.changes {
            self.write(change, set);
        }
        Ok(())
    }

    pub fn holds(&self, guard: &Guard) -> bool {
        let repository = |id| self.repositories.get(id);
        match guard {
            Guard::Version { task, version } => self.tasks.get(task).is_some_and(|t| t.version == *version),
            Guard::RepositoryVersion { repository: id, version } => {
                repository(id).is_some_and(|r| r.version == *version)
            }
            Guard::Fence { task, attempt } => {
                self.newest_attempt(task).is_some_and(|a| a.number == *attempt && a.ended.is_none())
            }
            Guard::SlotBelow { key, max, holder } => {
                let held = self.slots.get(key);
                held.is_some_and(|h| h.contains(holder))
                    || held.map_or(0, std::collections::BTreeSet::len) < *max as usize
            }
            Guard::LaneHeld { repository: id, fence } => repository(id).is_some_and(|r| r.lane_fence == *fence),
            Guard::NotFrozen { repository: id, epoch } => {
                repository(id).is_some_and(|r| r.frozen.is_none() && r.freeze_epoch == *epoch)
            }
            Guard::OutageVersion { key, version } => self.outages.get(key).map_or(0, |o| o.version) == *version,
            Guard::Unique { key, owner } => self.keys.get(key).is_none_or(|held| held == owner),
            Guard::Reserve { budget, ceiling_micros, amount_micros, holder } => {
                let row = self.budgets.get(budget).cloned().unwrap_or_default();
                let reserved: u64 = row.reserved.values().sum();
                row.reserved.contains_key(holder) || row.spent + reserved + amount_micros <= ceiling_micros + row.raised
            }
        }
    }

    /// What a guard that holds takes or counts.
    fn take(&mut self, guard: &Guard) {
        match guard {
            Guard::Version { task, .. } => {
                if let Some(task) = self.tasks.get_mut(task) {
                    task.version += 1;
                }
            }
            Guard::RepositoryVersion { repository, .. } => {
                if let Some(repository) = self.repositories.get_mut(repository) {
                    repository.version += 1;
                }
            }
            Guard::SlotBelow { key, holder, .. } => {
                self.slots.entry(key.clone()).or_default().insert(holder.clone());
            }
            Guard::Unique { key, owner } => {
                self.keys.insert(key.clone(), owner.clone());
            }
            Guard::Reserve { budget, ceiling_micros, amount_micros, holder } => {
                let row = self.budgets.entry(budget.clone()).or_default();
                row.ceiling = *ceiling_micros;
                row.reserved.entry(holder.clone()).or_insert(*amount_micros);
            }
            Guard::OutageVersion { key, version } => {
                let version = version + 1;
                match self.outages.get_mut(key) {
                    Some(outage) => outage.version = version,
                    None => {
                        let source = Source::Agent { name: "not told yet".to_owned() };
                        self.outages.insert(key.clone(), Outage { version, ..Outage::none(source) });
                    }
                }
            }
            Guard::Fence { .. } | Guard::LaneHeld { .. } | Guard::NotFrozen { .. } => {}
        }
    }

    fn write(&mut self, change: &Change, set: &ChangeSet) {
        match change {
            Change::InsertTask { task } => {
                if self.tasks.insert(task.id.clone(), task.clone()).is_some() {
                    self.broken(format!("task {} was inserted twice", task.id));
                }
            }
            Change::PutTask { task } => {
                let version = self.tasks.get(&task.id).map_or(0, |t| t.version);
                if !set.guards.iter().any(|g| matches!(g, Guard::Version { task: id, .. } if id == &task.id)) {
                    self.broken(format!("{} was written without its version guard", task.work_item));
                }
                self.tasks.insert(task.id.clone(), Task { version, ..task.clone() });
            }
            Change::PutRepository { repository } => {
                let id = &repository.id;
                if !set.guards.iter().any(|g| matches!(g, Guard::RepositoryVersion { repository: r, .. } if r == id)) {
                    self.broken(format!("{id} was written without its version guard"));
                }
                let version = self.repositories.get(id).map_or(0, |r| r.version);
                let mut repository = repository.clone();
                repository.version = version;
                self.repositories.insert(repository.id.clone(), repository);
            }
            Change::PutOutage { outage } => {
                let key = outage.source.key();
                let guarded = |g: &Guard| matches!(g, Guard::OutageVersion { key: k, .. } if *k == key);
                if !set.guards.iter().any(guarded) {
                    self.broken(format!("{key} was written without its version guard"));
                }
                let version = self.outages.get(&key).map_or(0, |o| o.version);
                self.outages.insert(key, Outage { version, ..outage.clone() });
            }
            Change::PutAttempt { attempt } => {
                let all = self.attempts.entry(attempt.task.clone()).or_default();
                all.retain(|a| a.number != attempt.number);
                all.push(attempt.clone());
                all.sort_by_key(|a| a.number);
            }
            Change::PutEpisode { episode } => {
                let all = self.episodes.entry(episode.task.clone()).or_default();
                match all.iter_mut().find(|e| e.id == episode.id) {
                    Some(old) => *old = episode.clone(),
                    None => all.push(episode.clone()),
                }
            }
            Change::PutCheck { check } => {
                let all = self.checks.entry(check.task.clone()).or_default();
                match all.iter_mut().find(|c| c.id == check.id) {
                    Some(old) => *old = check.clone(),
                    None => all.push(check.clone()),
                }
            }
            Change::PutLaneEntry { entry } => {
                self.lane.insert((entry.repository.clone(), entry.line, entry.task.clone()), entry.clone());
            }
            Change::DeleteLaneEntry { repository, task, line } => {
                self.lane.remove(&(repository.clone(), *line, task.clone()));
            }
            Change::AddDependency { task, on } => {
                self.edges.insert((task.clone(), on.clone()));
            }
            Change::RemoveDependency { task, on } => {
                self.edges.remove(&(task.clone(), on.clone()));
            }
            Change::Perform { effect: Effect::WakeWaiters { key, at, .. }, .. } => {
                self.alarms.insert((*at, key.clone()));
            }
            Change::Perform { effect, .. } => {
                let shown = self.show_effect(effect);
                self.log.effects.push(shown);
                self.work.push(Work { effect: effect.clone(), state: WorkState::Queued });
            }
            Change::CancelQueuedWork { task } => {
                let (gone, kept) = std::mem::take(&mut self.work)
                    .into_iter()
                    .partition(|w| w.state == WorkState::Queued && w.effect.task() == task);
                self.work = kept;
                for work in gone as Vec<Work> {
                    let shown = self.show_effect(&work.effect);
                    self.log.cancelled.push(shown);
                }
            }
            Change::ReleaseSlot { key, holder } => {
                self.slots.entry(key.clone()).or_default().remove(holder);
            }
            Change::ReleaseKeys { owner } => self.keys.retain(|_, held| held != owner),
            Change::Settle { holder, spent_micros } => {
                for budget in self.budgets.values_mut() {
                    if let Some(reserved) = budget.reserved.remove(holder) {
                        budget.spent += spent_micros.unwrap_or(reserved);
                    }
                }
            }
            Change::RaiseBudget { budget, by_micros } => {
                self.budgets.entry(budget.clone()).or_default().raised += by_micros;
            }
            Change::AddUsage { task, attempt, usage, .. } => self.usage.push((task.clone(), *attempt, usage.clone())),
            // Written by the engine, for the targets that it knows.
            Change::Say { .. } | Change::Raise { .. } | Change::EndRun { .. } => {}
            Change::Audit { line } => {
                if line.rule == "skip" {
                    self.skipped.extend(line.task.clone());
                }
                self.log.audit.push(line.clone());
            }
            Change::Wake { task } => self.wake(Wake::Task(task.clone())),
            Change::WakeLane { repository } => self.wake(Wake::Lane(repository.clone())),
            Change::WakeDependents { on } => {
                let waiting: Vec<_> = self.edges.iter().filter(|(_, o)| o == on).map(|(t, _)| t.clone()).collect();
                waiting.into_iter().for_each(|task| self.wake(Wake::Task(task)));
            }
            Change::WakeRepository { repository } => {
                let all = self.tasks.values().filter(|t| &t.repository == repository && !t.position.is_terminal());
                let all: Vec<_> = all.map(|t| t.id.clone()).collect();
                all.into_iter().for_each(|task| self.wake(Wake::Task(task)));
            }
            Change::WakeSlotWaiters { key } => self.wake_waiters(key),
        }
    }

    fn wake_waiters(&mut self, key: &str) {
        let waits = |wait: &Wait| match wait {
            Wait::Slot { key: waited, .. } | Wait::Budget { key: waited } => waited == key,
            Wait::Outage { source, .. } => source.key() == key,
            _ => false,
        };
        let mut all: Vec<&Task> = self.tasks.values().filter(|t| t.waits.iter().any(waits)).collect();
        all.sort_by_key(|t| (std::cmp::Reverse(t.priority), t.started_at, t.id.clone()));
        let all: Vec<_> = all.into_iter().map(|t| t.id.clone()).collect();
        all.into_iter().for_each(|task| self.wake(Wake::Task(task)));
    }

    /// Time passes; whoever is due is woken.
    pub fn pass(&mut self, ms: i64) {
        self.now.0 += ms;
        while let Some((at, key)) = self.alarms.first().cloned().filter(|(at, _)| at.0 <= self.now.0) {
            self.alarms.remove(&(at, key.clone()));
            self.wake_waiters(&key);
        }
    }

    /// Queue "decide again", once.
    pub fn wake(&mut self, wake: Wake) {
        if !self.wakes.contains(&wake) {
            self.wakes.push_back(wake);
        }
    }

    /// What must hold of a change set, seen against the rows as they are before it.
    fn watch(&mut self, set: &ChangeSet) {
        let mut found = Vec::new();
        let mut newest: Option<&Attempt> = None;
        for change in &set.changes {
            match change {
                Change::PutTask { task } => self.watch_task(task, &mut found),
                Change::PutAttempt { attempt } => {
                    let before = newest.or(self.newest_attempt(&attempt.task));
                    watch_attempt(&self.name_of(&attempt.task), attempt, before, &mut found);
                    newest = Some(attempt);
                }
                Change::PutLaneEntry { entry } if entry.line == Line::Entry && entry.state == LaneState::Admitted => {
                    // One that passes a freeze waits for nobody, and the freeze may be of this very decision or lifted by it.
                    let put = set.changes.iter().find_map(|c| match c {
                        Change::PutRepository { repository } => repository.frozen.as_ref(),
                        _ => None,
                    });
                    let before = self.repositories.get(&entry.repository).and_then(|r| r.frozen.as_ref());
                    let freezes: Vec<_> = put.into_iter().chain(before).collect();
                    let serial = self
                        .repositories
                        .get(&entry.repository)
                        .is_some_and(|r| r.serial && !freezes.iter().any(|f| f.passes(&entry.task)));
                    let holding = |e: &&orch_rules::lane::LaneEntry| {
                        e.repository == entry.repository
                            && e.line == Line::Entry
                            && e.task != entry.task
                            && e.state == LaneState::Admitted
                            && (self.edges_unreadable
                                || !self.policy.dependencies
                                || self.open_dependencies(&e.task).is_empty())
                    };
                    let was = self.lane.get(&(entry.repository.clone(), Line::Entry, entry.task.clone()));
                    if serial
                        && self.policy.serial
                        && was.is_some_and(|w| w.state != LaneState::Admitted)
                        && let Some(other) = self.lane.values().find(holding)
                    {
                        found.push(format!("{} enters while {} is unfinished", entry.work_item, other.work_item));
                    }
                }
                Change::PutRepository { repository } => {
                    let old = self.repositories.get(&repository.id);
                    if old.is_some_and(|old| old.lane_fence > repository.lane_fence) {
                        found.push(format!("the lane fence of {} went back", repository.id));
                    }
                }
                _ => {}
            }
        }
        self.violations.extend(found);
    }

    fn watch_task(&mut self, task: &Task, found: &mut Vec<String>) {
        let Some(old) = self.tasks.get(&task.id) else { return };
        if old.position.is_terminal() && old.position != task.position {
            found.push(format!("{} left {}", task.work_item, old.position.name()));
        }
        if task.attempt < old.attempt || task.visit < old.visit {
            found.push(format!("{}: attempt or visit went back", task.work_item));
        }
        let Some(pipeline) = self.pipelines.get(&task.pipeline) else { return };
        let cap = pipeline.stages.iter().map(|s| s.cap.unwrap_or(3)).max().unwrap_or(3);
        if task.retries > cap {
            found.push(format!("{} has {} retries, the cap is {cap}", task.work_item, task.retries));
        }
        let kind =
            |position: &orch_rules::task::Position| position.stage().and_then(|id| pipeline.stage(id)).map(|s| s.kind);
        let (from, to) = (kind(&old.position), kind(&task.position));
        if from == Some(StageKind::Deploy) && to.is_some_and(|k| k != StageKind::Deploy) {
            *self.trips.entry(task.id.clone()).or_default() += 1;
        }
    }
}

fn watch_attempt(name: &str, attempt: &Attempt, newest: Option<&Attempt>, found: &mut Vec<String>) {
    let Some(newest) = newest else {
        if attempt.number != 1 {
            found.push(format!("{name} begins with attempt {}", attempt.number));
        }
        return;
    };
    if attempt.number < newest.number || attempt.number > newest.number + 1 {
        found.push(format!("{name}: attempt {} after {}", attempt.number, newest.number));
    }
    if attempt.number == newest.number + 1 {
        let Some(ended) = &newest.ended else {
            found.push(format!("{name}: attempt {} starts while {} runs", attempt.number, newest.number));
            return;
        };
        // In one visit an agent runs again only if its run was no fault of the work, or on another commit.
        let blameless = matches!(ended.how, RunEnd::Lost { .. } | RunEnd::Stopped | RunEnd::Unavailable { .. });
        if attempt.visit == newest.visit && !blameless && attempt.start == newest.start {
            found.push(format!("{name}: attempt {} repeats {} for nothing", attempt.number, newest.number));
        }
    }
}
