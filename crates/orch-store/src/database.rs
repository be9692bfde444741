//! The store's calls as lists of steps, the same for every engine.

use std::cmp::Reverse;

use async_trait::async_trait;
use camino::Utf8Path;
use orch_ports::Store;
use orch_ports::intake::Intake;
use orch_ports::keep::Keep;
use orch_ports::store::{
    Accepted, Applied, BaseSeen, Claim, Delivery, Finish, History, InboxAnswer, QueueView, StoreError, StoreResult,
    Work,
};
use orch_rules::actor::Actor;
use orch_rules::base_branch::BaseBranch;
use orch_rules::change::ChangeSet;
use orch_rules::facts::{Policy, RepositoryFacts, TaskFacts};
use orch_rules::ids::{PipelineDigest, RepositoryId, TaskId, Timestamp, WorkItemId};
use orch_rules::issue::Issue;
use orch_rules::lane::Repository;
use orch_rules::observation::{Object, ObjectKind};
use orch_rules::pipeline::Pipeline;
use orch_rules::task::Task;

use crate::engine::Engine;
use crate::read::{facts, lists, repository, repository_columns, task, task_columns};
use crate::row::{int, json, readable, text, unknown_words};
use crate::step::{Answer, Row, Step, Value};
use crate::{intake, plan};

/// A store on an engine: [`crate::SqliteStore`] or [`crate::PostgresStore`].
#[derive(Debug)]
pub struct Database<E> {
    pub(crate) engine: E,
}

impl<E: Engine> Database<E> {
    /// A budget row: ceiling, spent and reserved in millionths of a US dollar; `None` if there is none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn budget(&self, budget: &str) -> StoreResult<Option<(i64, i64, i64)>> {
        let step = Step::rows("SELECT ceiling, spent, reserved FROM budgets WHERE name = ?1", [budget.into()]);
        let what = "a budget";
        match self.one(step).await? {
            Some(row) => Ok(Some((int(what, &row, 0)?, int(what, &row, 1)?, int(what, &row, 2)?))),
            None => Ok(None),
        }
    }

    pub(crate) async fn one(&self, step: Step) -> StoreResult<Option<Row>> {
        Ok(self.list(step).await?.rows.into_iter().next())
    }

    pub(crate) async fn list(&self, step: Step) -> StoreResult<Answer> {
        Ok(self.engine.read(vec![step]).await?.pop().unwrap_or_default())
    }
}

#[async_trait]
impl<E: Engine> Store for Database<E> {
    async fn accept(&self, delivery: Delivery) -> StoreResult<Accepted> {
        lists::accepted(&self.engine.write(plan::accept(&delivery)?).await?)
    }

    async fn accept_issue(&self, issue: &Issue, by: &Actor) -> StoreResult<Accepted> {
        lists::accepted(&self.engine.write(plan::accept_issue(issue, by)?).await?)
    }

    async fn issue_answered(&self, repository: &RepositoryId, key: &str) -> StoreResult<Option<InboxAnswer>> {
        lists::answered(self.one(plan::issue_answered(repository, key)).await?.as_ref())
    }

    async fn wake_waiting(&self, on: &str) -> StoreResult<u64> {
        if self.one(plan::waiting(on)).await?.is_none() {
            return Ok(0);
        }
        Ok(self.engine.write(plan::wake_waiting(on)).await?.iter().map(|answer| answer.touched).sum())
    }

    async fn claim(&self, claim: Claim) -> StoreResult<Vec<Work>> {
        let answers = self.engine.write_unsynced(plan::claim(&claim)).await?;
        let mut taken = Vec::new();
        for row in answers.iter().skip(1).flat_map(|answer| &answer.rows) {
            let row = lists::claimed(row)?;
            match row.work {
                Ok(work) => taken.push((row.priority, work)),
                Err(error) => {
                    tracing::warn!(work = row.id, %error, "a work row waits for a release that knows it");
                    let why = unknown_words(&error, &row.text);
                    self.engine.write(vec![plan::set_aside(row.id, row.fence, &why)]).await?;
                }
            }
        }
        taken.sort_by_key(|(priority, work)| (Reverse(*priority), work.id));
        Ok(taken.into_iter().map(|(_, work)| work).collect())
    }

    async fn reclaim(&self, owner: &str) -> StoreResult<u64> {
        Ok(self.engine.write(plan::reclaim(owner)).await?.iter().map(|answer| answer.touched).sum())
    }

    async fn bring_near(&self, longest_ms: i64) -> StoreResult<u64> {
        // Asked first: a look that finds nothing must not write.
        let far = self.one(plan::far_away(longest_ms)).await?;
        if far.map_or(Ok(0), |row| int("the queue", &row, 0))? == 0 {
            return Ok(0);
        }
        Ok(self.engine.write(plan::bring_near(longest_ms)).await?.iter().map(|answer| answer.touched).sum())
    }

    async fn clock_was_ahead(&self) -> StoreResult<bool> {
        let rows = self.one(plan::written_ahead()).await?;
        Ok(rows.map_or(Ok(0), |row| int("the queue", &row, 0))? > 0)
    }

    async fn tidy(&self, keep: &Keep, most: u32) -> StoreResult<u64> {
        let asked: u64 = self.engine.write(plan::tidy(keep, most)).await?.iter().map(|answer| answer.touched).sum();
        Ok(asked + self.forget_deliveries(keep, most).await?)
    }

    async fn identity(&self) -> StoreResult<Option<String>> {
        self.engine.identity().await
    }

    async fn damage(&self) -> StoreResult<Vec<String>> {
        self.engine.damage().await
    }

    async fn next_due(&self, kinds: &[&'static str], owner: &str) -> StoreResult<Option<Timestamp>> {
        let answers = self.engine.read(vec![plan::next_due(kinds, owner)]).await?;
        match answers.first().and_then(|answer| answer.rows.first()) {
            Some(row) if row.first() != Some(&Value::Null) => Ok(Some(Timestamp(int("the queue", row, 0)?))),
            _ => Ok(None),
        }
    }

    async fn apply(&self, changes: ChangeSet, finish: Option<Finish>) -> StoreResult<Applied> {
        let steps = plan::plan(&changes, finish.as_ref())?;
        if steps.is_empty() {
            return Ok(Applied::default());
        }
        let queues = queues(&steps);
        Ok(applied(queues, &self.engine.write(steps).await?))
    }

    async fn apply_all(&self, all: Vec<(ChangeSet, Option<Finish>)>) -> Vec<StoreResult<Applied>> {
        let (mut planned, mut steps) = (Vec::new(), Vec::new());
        for (changes, finish) in &all {
            planned.push(plan::plan(changes, finish.as_ref()).map(|of_it| {
                let queues = queues(&of_it);
                steps.push(of_it);
                queues
            }));
        }
        let mut written = self.engine.write_all(steps).await.into_iter();
        let mut ended = |queues| match written.next() {
            Some(answers) => answers.map(|answers| applied(queues, &answers)),
            None => Err(StoreError::Failed { detail: "the engine answered another number of questions".into() }),
        };
        planned.into_iter().map(|queues| queues.and_then(&mut ended)).collect()
    }

    async fn task_facts(&self, task: &TaskId, policy: &Policy) -> StoreResult<(TaskFacts, Timestamp)> {
        facts::task_facts(task, policy, &self.engine.read(facts::task_steps(task)).await?)
    }

    async fn lane_facts(
        &self,
        repository: &RepositoryId,
        policy: &Policy,
    ) -> StoreResult<(RepositoryFacts, Timestamp)> {
        facts::lane_facts(repository, policy, &self.engine.read(facts::lane_steps(repository)).await?)
    }

    async fn now(&self) -> StoreResult<Timestamp> {
        match self.one(Step::rows("SELECT now_ms()", [])).await? {
            Some(row) => Ok(Timestamp(int("the clock", &row, 0)?)),
            None => Err(StoreError::Failed { detail: "the database does not tell the time".into() }),
        }
    }

    async fn register(&self, known: &Repository) -> StoreResult<Repository> {
        let id = Value::from(known.id.as_str());
        let insert = Step::run(
            // Raises the version only if something changes: a decision made on the old row must fail its guard.
            "INSERT INTO repositories (id, prefix, base_branch, serial, frozen, freeze_epoch, paused, main_tip,
                 lane_fence, version)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (id) DO UPDATE SET prefix = excluded.prefix, base_branch = excluded.base_branch,
                 serial = excluded.serial, version = repositories.version + 1
             WHERE repositories.prefix <> excluded.prefix OR repositories.base_branch <> excluded.base_branch
                 OR repositories.serial <> excluded.serial",
            [
                id.clone(),
                known.prefix.as_str().into(),
                known.base_branch.as_str().into(),
                known.serial.into(),
                known.frozen.as_ref().map(plan::body).transpose()?.unwrap_or(Value::Null),
                known.freeze_epoch.into(),
                known.paused.into(),
                known.main.as_ref().map(|main| main.as_str()).into(),
                known.lane_fence.into(),
                known.version.into(),
            ],
        );
        let read = Step::rows(concat!("SELECT ", repository_columns!(), " FROM repositories r WHERE r.id = ?1"), [id]);
        let answers = self.engine.write(vec![insert, read]).await?;
        match answers.last().and_then(|answer| answer.rows.first()) {
            Some(row) => repository(row),
            None => Err(StoreError::Missing { what: format!("repository {}", known.id) }),
        }
    }

    async fn keep_pipeline(&self, pipeline: &Pipeline) -> StoreResult<()> {
        let step = Step::run(
            "INSERT INTO pipelines (digest, body) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING",
            [pipeline.digest.as_str().into(), plan::body(pipeline)?],
        );
        self.engine.write(vec![step]).await.map(drop)
    }

    async fn pipeline(&self, digest: &PipelineDigest) -> StoreResult<Pipeline> {
        match self.one(Step::rows("SELECT body FROM pipelines WHERE digest = ?1", [digest.as_str().into()])).await? {
            Some(row) => json(&format!("pipeline {digest}"), &row, 0),
            None => Err(StoreError::Missing { what: format!("pipeline {digest}") }),
        }
    }

    async fn highest_number(&self, repository: &RepositoryId, prefix: &str) -> StoreResult<u32> {
        let step = Step::rows(
            "SELECT COALESCE(MAX(number), 0) FROM tasks WHERE repository = ?1 AND prefix = ?2",
            [repository.as_str().into(), prefix.into()],
        );
        self.one(step).await?.map_or(Ok(0), |row| crate::row::count("tasks", &row, 0))
    }

    async fn base_seen(&self, repository: &RepositoryId) -> StoreResult<Option<BaseSeen>> {
        let (what, row) =
            ("the base branch as it was seen", self.one(intake::kept(LOCAL, &base_of(repository))).await?);
        row.map(|row| Ok(BaseSeen { version: int(what, &row, 0)?, base: json(what, &row, 1)? })).transpose()
    }

    async fn see_base(&self, repository: &RepositoryId, seen: i64, base: &BaseBranch) -> StoreResult<bool> {
        let text = serde_json::to_string(base).map_err(|e| StoreError::Failed { detail: e.to_string() })?;
        match self.engine.write(vec![intake::replace(LOCAL, &base_of(repository), seen, &text)]).await {
            Ok(_) => Ok(true),
            Err(StoreError::Missing { what }) if what == intake::REPLACED => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn key_owner(&self, key: &str) -> StoreResult<Option<TaskId>> {
        let step = Step::rows("SELECT owner FROM natural_keys WHERE name = ?1 AND held = 1", [key.into()]);
        self.one(step).await?.map(|row| text("a natural key", &row, 0).map(TaskId::from)).transpose()
    }

    async fn task(&self, id: &TaskId) -> StoreResult<Option<Task>> {
        let step =
            Step::rows(concat!("SELECT ", task_columns!(), " FROM tasks t WHERE t.id = ?1"), [id.as_str().into()]);
        self.one(step).await?.as_ref().map(task).transpose()
    }

    async fn tasks_by_work_item(&self, work_item: &WorkItemId) -> StoreResult<Vec<Task>> {
        let step = Step::rows(
            concat!(
                "SELECT ",
                task_columns!(),
                " FROM tasks t WHERE work_item = ?1 ORDER BY repository,
                     CASE WHEN place = 'cancelled' THEN 1 ELSE 0 END, created_at DESC, id DESC LIMIT 1000"
            ),
            [work_item.as_str().into()],
        );
        let mut tasks: Vec<Task> = self.list(step).await?.rows.iter().map(task).collect::<StoreResult<_>>()?;
        tasks.dedup_by(|next, kept| next.repository == kept.repository);
        Ok(tasks)
    }

    async fn tasks_at_work(&self, repository: &RepositoryId, most: u32) -> StoreResult<Vec<Task>> {
        let step = Step::rows(
            "SELECT body, version FROM tasks WHERE terminal = 0 AND repository = ?1 AND attempt > 0
             ORDER BY created_at, id LIMIT ?2",
            [repository.as_str().into(), most.into()],
        );
        Ok(readable(&self.list(step).await?, task))
    }

    async fn active_tasks(&self, after: Option<&TaskId>, limit: u32) -> StoreResult<Vec<TaskId>> {
        let step = Step::rows(
            "SELECT id FROM tasks WHERE terminal = 0 AND id > ?1 ORDER BY id LIMIT ?2",
            [after.map_or("", TaskId::as_str).into(), limit.into()],
        );
        self.list(step).await?.rows.iter().map(|row| text("a task", row, 0).map(TaskId::from)).collect()
    }

    async fn history(&self, task: &TaskId) -> StoreResult<History> {
        lists::history(&self.engine.read(lists::history_steps(task)).await?)
    }

    async fn repositories(&self) -> StoreResult<Vec<Repository>> {
        let step = Step::rows(concat!("SELECT ", repository_columns!(), " FROM repositories r ORDER BY r.id"), []);
        Ok(readable(&self.list(step).await?, repository))
    }

    async fn queue(&self) -> StoreResult<QueueView> {
        lists::queue(&self.engine.read(lists::queue_steps()).await?)
    }

    async fn backup(&self, path: &Utf8Path) -> StoreResult<()> {
        self.engine.backup(path).await
    }
}

/// Of each step whether it queues work, and whether its rows tell so.
fn queues(steps: &[Step]) -> Vec<(bool, bool)> {
    steps.iter().map(|step| (step.queues, step.rows)).collect()
}

fn applied(queues: Vec<(bool, bool)>, answers: &[Answer]) -> Applied {
    let queued = queues
        .into_iter()
        .zip(answers)
        .any(|((queues, rows), answer)| queues && if rows { answer.says_yes() } else { answer.touched > 0 });
    Applied { queued }
}

/// What is looked at by this host itself, among the connections of observations.
const LOCAL: &str = "local";

fn base_of(repository: &RepositoryId) -> Object {
    Object::new(ObjectKind::BaseBranch, repository.as_str())
}
