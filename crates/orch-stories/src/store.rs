//! A store whose calls can fail, stop at a gate, or never answer because their process ended.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use camino::Utf8Path;
use orch_ports::Store;
use orch_ports::access::Access;
use orch_ports::deliveries::*;
use orch_ports::deploys::DeployLines;
use orch_ports::feed::*;
use orch_ports::hosts::*;
use orch_ports::intake::Intake;
use orch_ports::keep::Keep;
use orch_ports::lists::*;
use orch_ports::outbox::Outbox;
use orch_ports::people::People;
use orch_ports::store::*;
use orch_rules::actor::Actor;
use orch_rules::base_branch::BaseBranch;
use orch_rules::change::{Change, ChangeSet};
use orch_rules::deploy::Deployment;
use orch_rules::deploy::line::DeployLine;
use orch_rules::facts::{Policy, RepositoryFacts, TaskFacts};
use orch_rules::forecast::LandedCost;
use orch_rules::ids::{DeployTarget, HostId, PipelineDigest, RepositoryId, TaskId, Timestamp, WorkItemId};
use orch_rules::issue::Issue;
use orch_rules::lane::{LaneState, Repository};
use orch_rules::lease::Renewal;
use orch_rules::outage::Outage;
use orch_rules::pipeline::Pipeline;
use orch_rules::task::Task;
use orch_rules::unknown::{self, Unknown};
use orch_store::{PostgresStore, SqliteStore};
use orch_testkit::fake::{Fault, Faults};

/// Everything that a database keeps.
#[async_trait]
pub trait Backend: Store + Outbox + Hosts + People + Access + Intake {
    /// Ceiling, spent and reserved.
    async fn budget_row(&self, name: &str) -> Option<(i64, i64, i64)>;
}

#[async_trait]
impl Backend for SqliteStore {
    async fn budget_row(&self, name: &str) -> Option<(i64, i64, i64)> {
        self.budget(name).await.unwrap()
    }
}

#[async_trait]
impl Backend for PostgresStore {
    async fn budget_row(&self, name: &str) -> Option<(i64, i64, i64)> {
        self.budget(name).await.unwrap()
    }
}

/// Calls: the names of the trait's methods; also `apply usage`, `apply run_agent`, … by what a change set contains.
pub struct FaultyStore {
    /// The store behind it.
    pub inner: Arc<dyn Backend>,
    /// What goes wrong with it.
    pub faults: Arc<Faults>,
    /// The next change set of this kind loses its wakes when it is written: 1 makes a task, 2 lets one in; 0 is none.
    pub lose_wakes: AtomicI32,
    /// What a newer release wrote.
    pub strange: Arc<Strange>,
    /// Everything that this process accepted.
    pub deliveries: Mutex<Vec<Delivery>>,
    /// Nobody can ask it anything.
    pub away: Arc<AtomicBool>,
}

/// Parts of tasks that this release does not know, as if they stood in their rows.
#[derive(Default)]
pub struct Strange(Mutex<Vec<(TaskId, Plant)>>);

/// What stands there, and where.
#[derive(Debug, Clone, Copy)]
pub enum Plant {
    /// A field of the task.
    Field(&'static str, &'static str),
    /// The newest attempt.
    Attempt(&'static str),
}

impl Strange {
    /// From now on it stands in the task's row.
    pub fn plant(&self, task: &Task, plant: Plant) {
        self.0.lock().unwrap().push((task.id.clone(), plant));
    }
    /// The newer release is back: it knows all of it.
    pub fn known(&self) {
        self.0.lock().unwrap().clear();
    }
    fn of(&self, id: &TaskId) -> Option<Plant> {
        self.0.lock().unwrap().iter().find(|(task, _)| task == id).map(|(_, plant)| *plant)
    }
    fn task(&self, task: Task) -> Task {
        let Some(Plant::Field(field, stored)) = self.of(&task.id).filter(|_| !task.position.is_terminal()) else {
            return task;
        };
        let mut row = serde_json::to_value(&task).unwrap();
        row[field] = serde_json::from_str(stored).unwrap();
        let (mut read, beyond) = unknown::read(&row.to_string(), &task);
        read.version = task.version;
        read.beyond.join(beyond);
        read
    }
    fn facts(&self, facts: TaskFacts) -> TaskFacts {
        let mut facts = TaskFacts { task: self.task(facts.task), ..facts };
        facts.unknown.extend(facts.task.beyond.parts());
        if let Some(Plant::Attempt(stored)) = self.of(&facts.task.id) {
            facts.attempt = None;
            facts.unknown.push(Unknown::new("an attempt", stored));
        }
        facts
    }
}

impl FaultyStore {
    async fn at(&self, step: impl FnOnce() -> Result<(), Fault>) -> StoreResult<()> {
        let done = tokio::task::block_in_place(|| catch_unwind(AssertUnwindSafe(step)));
        if self.faults.is_killed() {
            std::future::pending::<()>().await;
        }
        match done {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Fault::Lasting(detail))) => Err(StoreError::Full { detail }),
            Ok(Err(Fault::Passing(detail) | Fault::Panic(detail))) => Err(StoreError::Failed { detail }),
            Ok(Err(Fault::Port(error))) => Err(StoreError::Failed { detail: error.words }),
            Err(panic) => resume_unwind(panic),
        }
    }
    async fn before(&self, call: &str) -> StoreResult<()> {
        self.at(|| self.faults.enter(call)).await?;
        if self.away.load(Ordering::SeqCst) {
            return Err(StoreError::Failed { detail: "it is away".to_owned() });
        }
        Ok(())
    }
    async fn after<T>(&self, call: &str, answer: StoreResult<T>) -> StoreResult<T> {
        self.at(|| {
            self.faults.leave(call);
            Ok(())
        })
        .await?;
        answer
    }
}

/// What stands out in a change set.
fn label(changes: &ChangeSet) -> &'static str {
    let of = |change: &Change| match change {
        Change::AddUsage { .. } => Some("apply usage"),
        Change::InsertTask { .. } => Some("apply intake"),
        Change::Perform { effect, .. } => Some(match effect.kind() {
            "run_agent" => "apply run_agent",
            "run_check" => "apply run_check",
            "build_candidate" => "apply build_candidate",
            "land" => "apply land",
            "clean_up" => "apply clean_up",
            _ => "apply other",
        }),
        _ => None,
    };
    let found: Vec<_> = changes.changes.iter().filter_map(of).collect();
    found.iter().find(|l| **l == "apply usage").or(found.first()).copied().unwrap_or("apply other")
}

macro_rules! through {
    ($self:ident, $name:literal, $call:expr) => {{
        $self.before($name).await?;
        let answer = $call.await;
        $self.after($name, answer).await
    }};
}

#[async_trait]
impl Store for FaultyStore {
    async fn accept(&self, delivery: Delivery) -> StoreResult<Accepted> {
        self.deliveries.lock().unwrap().push(delivery.clone());
        through!(self, "accept", self.inner.accept(delivery))
    }
    async fn accept_issue(&self, issue: &Issue, by: &Actor) -> StoreResult<Accepted> {
        through!(self, "accept", self.inner.accept_issue(issue, by))
    }
    async fn issue_answered(&self, repository: &RepositoryId, key: &str) -> StoreResult<Option<InboxAnswer>> {
        self.inner.issue_answered(repository, key).await
    }
    async fn wake_waiting(&self, on: &str) -> StoreResult<u64> {
        through!(self, "wake_waiting", self.inner.wake_waiting(on))
    }
    async fn claim(&self, claim: Claim) -> StoreResult<Vec<Work>> {
        through!(self, "claim", self.inner.claim(claim))
    }
    async fn reclaim(&self, owner: &str) -> StoreResult<u64> {
        through!(self, "reclaim", self.inner.reclaim(owner))
    }
    async fn next_due(&self, kinds: &[&'static str], owner: &str) -> StoreResult<Option<Timestamp>> {
        through!(self, "next_due", self.inner.next_due(kinds, owner))
    }
    async fn apply(&self, mut changes: ChangeSet, finish: Option<Finish>) -> StoreResult<Applied> {
        let label = label(&changes);
        self.before("apply").await?;
        self.before(label).await?;
        let wakes = |change: &Change| matches!(change, Change::Wake { .. } | Change::WakeLane { .. });
        let wanted = self.lose_wakes.load(Ordering::SeqCst);
        let loses = changes.changes.iter().any(|change| match change {
            Change::InsertTask { .. } => wanted == 1,
            Change::PutLaneEntry { entry } => wanted == 2 && entry.state == LaneState::Admitted,
            _ => false,
        });
        if loses {
            changes.changes.retain(|change| !wakes(change));
        }
        let answer = self.inner.apply(changes, finish).await;
        // One that was not written, for a guard that failed, has lost nothing.
        if loses && answer.is_ok() {
            self.lose_wakes.store(0, Ordering::SeqCst);
        }
        self.after(label, answer).await
    }
    async fn task_facts(&self, task: &TaskId, policy: &Policy) -> StoreResult<(TaskFacts, Timestamp)> {
        through!(self, "task_facts", async {
            let (facts, now) = self.inner.task_facts(task, policy).await?;
            Ok((self.strange.facts(facts), now))
        })
    }
    async fn lane_facts(&self, id: &RepositoryId, policy: &Policy) -> StoreResult<(RepositoryFacts, Timestamp)> {
        through!(self, "lane_facts", self.inner.lane_facts(id, policy))
    }
    async fn now(&self) -> StoreResult<Timestamp> {
        through!(self, "now", self.inner.now())
    }
    async fn register(&self, repository: &Repository) -> StoreResult<Repository> {
        self.inner.register(repository).await
    }
    async fn keep_pipeline(&self, pipeline: &Pipeline) -> StoreResult<()> {
        self.inner.keep_pipeline(pipeline).await
    }
    async fn pipeline(&self, digest: &PipelineDigest) -> StoreResult<Pipeline> {
        self.inner.pipeline(digest).await
    }
    async fn highest_number(&self, repository: &RepositoryId, prefix: &str) -> StoreResult<u32> {
        self.inner.highest_number(repository, prefix).await
    }
    async fn base_seen(&self, repository: &RepositoryId) -> StoreResult<Option<BaseSeen>> {
        through!(self, "base_seen", self.inner.base_seen(repository))
    }
    async fn see_base(&self, repository: &RepositoryId, seen: i64, base: &BaseBranch) -> StoreResult<bool> {
        through!(self, "see_base", self.inner.see_base(repository, seen, base))
    }
    async fn key_owner(&self, key: &str) -> StoreResult<Option<TaskId>> {
        self.inner.key_owner(key).await
    }
    async fn task(&self, task: &TaskId) -> StoreResult<Option<Task>> {
        through!(self, "task", async { Ok(self.inner.task(task).await?.map(|task| self.strange.task(task))) })
    }
    async fn tasks_by_work_item(&self, work_item: &WorkItemId) -> StoreResult<Vec<Task>> {
        Ok(self.inner.tasks_by_work_item(work_item).await?.into_iter().map(|task| self.strange.task(task)).collect())
    }
    async fn tasks_at_work(&self, repository: &RepositoryId, most: u32) -> StoreResult<Vec<Task>> {
        self.inner.tasks_at_work(repository, most).await
    }
    async fn active_tasks(&self, after: Option<&TaskId>, limit: u32) -> StoreResult<Vec<TaskId>> {
        through!(self, "active_tasks", self.inner.active_tasks(after, limit))
    }
    async fn history(&self, task: &TaskId) -> StoreResult<History> {
        self.inner.history(task).await
    }
    async fn repositories(&self) -> StoreResult<Vec<Repository>> {
        self.inner.repositories().await
    }
    async fn bring_near(&self, longest_ms: i64) -> StoreResult<u64> {
        self.inner.bring_near(longest_ms).await
    }
    async fn clock_was_ahead(&self) -> StoreResult<bool> {
        self.inner.clock_was_ahead().await
    }
    async fn tidy(&self, keep: &Keep, most: u32) -> StoreResult<u64> {
        self.inner.tidy(keep, most).await
    }
    async fn identity(&self) -> StoreResult<Option<String>> {
        self.inner.identity().await
    }
    async fn damage(&self) -> StoreResult<Vec<String>> {
        self.inner.damage().await
    }
    async fn queue(&self) -> StoreResult<QueueView> {
        self.inner.queue().await
    }
    async fn backup(&self, path: &Utf8Path) -> StoreResult<()> {
        self.inner.backup(path).await
    }
}

#[async_trait]
impl Lists for FaultyStore {
    async fn task_page(&self, filter: &TaskFilter) -> StoreResult<TaskPage> {
        let mut page = self.inner.task_page(filter).await?;
        for listed in page.tasks.iter_mut().filter(|listed| self.strange.of(&listed.id).is_some()) {
            if let Some(task) = self.inner.task(&listed.id).await? {
                *listed = ListedTask::from(&self.strange.task(task));
            }
        }
        Ok(page)
    }
    async fn task_counts(&self, repository: Option<&RepositoryId>) -> StoreResult<Vec<(String, u64)>> {
        self.inner.task_counts(repository).await
    }
    async fn spent(&self, filter: &SpentFilter) -> StoreResult<Costs> {
        self.inner.spent(filter).await
    }
    async fn landed_costs(&self, repository: &RepositoryId, most: u32) -> StoreResult<Vec<LandedCost>> {
        self.inner.landed_costs(repository, most).await
    }
    async fn task_census(&self, repository: Option<&RepositoryId>) -> StoreResult<Vec<Census>> {
        self.inner.task_census(repository).await
    }
    async fn places_in_line(
        &self,
        repository: &RepositoryId,
        serial: bool,
        tasks: &[TaskId],
    ) -> StoreResult<Vec<PlaceInLine>> {
        self.inner.places_in_line(repository, serial, tasks).await
    }
    async fn fronts(&self, repository: &RepositoryId, policy: &Policy, most: u32) -> StoreResult<LineFronts> {
        self.inner.fronts(repository, policy, most).await
    }
    async fn outages(&self) -> StoreResult<Vec<Outage>> {
        through!(self, "outages", self.inner.outages())
    }
    async fn used(&self, slot: &str) -> StoreResult<i64> {
        through!(self, "used", self.inner.used(slot))
    }
    async fn any_work(&self, kinds: &[&str]) -> StoreResult<bool> {
        through!(self, "any_work", self.inner.any_work(kinds))
    }
}

#[async_trait]
impl Feed for FaultyStore {
    async fn feed(&self, filter: &FeedFilter) -> StoreResult<FeedPart> {
        self.inner.feed(filter).await
    }
}

#[async_trait]
impl DeployLines for FaultyStore {
    async fn deploy_line(&self, target: &DeployTarget) -> StoreResult<(DeployLine, i64)> {
        self.inner.deploy_line(target).await
    }
    async fn put_deploy_line(&self, line: &DeployLine, version: i64) -> StoreResult<bool> {
        self.before("put_deploy_line").await?;
        self.inner.put_deploy_line(line, version).await
    }
    async fn deploy_lines(&self) -> StoreResult<Vec<DeployLine>> {
        self.inner.deploy_lines().await
    }
    async fn deployments_of(&self, task: &TaskId) -> StoreResult<Vec<Deployment>> {
        self.inner.deployments_of(task).await
    }
    async fn deployments(&self, most: u32) -> StoreResult<Vec<Deployment>> {
        self.inner.deployments(most).await
    }
}

#[async_trait]
impl Deliveries for FaultyStore {
    async fn deliveries_seen(&self, filter: &DeliveryFilter) -> StoreResult<Vec<DeliverySeen>> {
        self.inner.deliveries_seen(filter).await
    }
    async fn delivery_seen(&self, id: DeliveryId) -> StoreResult<Option<DeliverySeen>> {
        self.inner.delivery_seen(id).await
    }
    async fn replay_delivery(&self, id: DeliveryId) -> StoreResult<bool> {
        self.inner.replay_delivery(id).await
    }
    async fn drop_delivery(&self, id: DeliveryId, why: &str) -> StoreResult<bool> {
        self.inner.drop_delivery(id, why).await
    }
}

#[async_trait]
impl Hosts for FaultyStore {
    async fn join(&self, joining: &Joining) -> StoreResult<Incarnation> {
        through!(self, "join", self.inner.join(joining))
    }
    async fn renew(&self, me: &Incarnation, lease_ms: i64) -> StoreResult<Renewal> {
        through!(self, "renew", self.inner.renew(me, lease_ms))
    }
    async fn leave(&self, me: &Incarnation) -> StoreResult<()> {
        through!(self, "leave", self.inner.leave(me))
    }
    async fn hosts(&self) -> StoreResult<Vec<HostRow>> {
        self.inner.hosts().await
    }
    async fn place_run(&self, me: &Incarnation, run: &RunToBe, work: &Work) -> StoreResult<RunPlace> {
        through!(self, "place_run", self.inner.place_run(me, run, work))
    }
    async fn hand_over(&self, me: &HostId, run: &str, work: &Work) -> StoreResult<bool> {
        through!(self, "hand_over", self.inner.hand_over(me, run, work))
    }
    async fn take_over(&self, me: &Incarnation, presume_dead_after_ms: i64) -> StoreResult<TakenOver> {
        through!(self, "take_over", self.inner.take_over(me, presume_dead_after_ms))
    }
    async fn lost_runs(&self, host: &HostId) -> StoreResult<Vec<LostRun>> {
        through!(self, "lost_runs", self.inner.lost_runs(host))
    }
    async fn runs(&self, task: Option<&TaskId>) -> StoreResult<Vec<RunRow>> {
        self.inner.runs(task).await
    }
}
