//! A new issue becomes a task: decided from the row that was stored of it and from what was seen of the base branch.

use std::collections::BTreeMap;
use std::sync::Arc;

use orch_ports::store::{Finish, Finished, InboxAnswer, InboxId, Job, StoreError, StoreResult, Work};
use orch_rules::actor::{Actor, NamesActors};
use orch_rules::base_branch::{BaseBranch, Lines};
use orch_rules::change::{Change, ChangeSet, Guard};
use orch_rules::decide::intake::{self, Intake};
use orch_rules::ids::{RepositoryId, TaskId, Timestamp};
use orch_rules::issue::Issue;
use orch_rules::lane::Repository;
use orch_rules::notice::Notice;
use orch_rules::outbox::message::NewMessage;
use orch_rules::outbox::projection::Need;
use orch_rules::pipeline::Pipeline;
use orch_rules::reason::Reason;
use orch_rules::rights::{self, Acting};
use orch_rules::task::Task;
use tokio::task::JoinSet;

use crate::answers::RowAnswer;
use crate::engine::{Engine, Step};

/// What an issue asks for, resolved; or why it is answered without a task.
type Resolved<T> = Result<T, InboxAnswer>;

/// What issues of one repository that are decided together need to know.
struct Known<'b> {
    lines: Lines<'b>,
    /// Who is who among those who filed them, by their accounts.
    authors: BTreeMap<String, Acting>,
}

impl<'b> Known<'b> {
    fn of(base: &'b BaseBranch) -> Self {
        Self { lines: base.lines(), authors: BTreeMap::new() }
    }
}

impl Engine {
    /// Brings claimed rows of issues to their ends. What cannot be done with the others is done by itself.
    pub(crate) async fn handle_issues(self: Arc<Self>, works: Vec<Work>) {
        let mut by_repository: BTreeMap<RepositoryId, Vec<Work>> = BTreeMap::new();
        let mut alone = Vec::new();
        for work in works {
            match &work.job {
                Job::Intake { issue, .. } => by_repository.entry(issue.repository.clone()).or_default().push(work),
                _ => alone.push(work),
            }
        }
        for (repository, works) in by_repository {
            match self.take_in_together(&repository, &works).await {
                Ok(left) => alone.extend(left),
                Err(error) => {
                    tracing::warn!(%error, %repository, "its new issues are taken in one by one");
                    alone.extend(works);
                }
            }
        }
        let mut handlers = JoinSet::new();
        for work in alone {
            let engine = Arc::clone(&self);
            handlers.spawn(async move { engine.handle(work, Step::Handle).await });
        }
        while let Some(ended) = handlers.join_next().await {
            if let Err(panic) = ended.map_err(tokio::task::JoinError::try_into_panic)
                && let Ok(panic) = panic
            {
                std::panic::resume_unwind(panic);
            }
        }
    }

    /// Gives back those that have to be looked at by themselves.
    async fn take_in_together(&self, repository: &RepositoryId, works: &[Work]) -> StoreResult<Vec<Work>> {
        let row = self.store.repositories().await?.into_iter().find(|row| row.id == *repository);
        let (Some(row), Some(base)) = (row, self.fresh_base(repository).await?) else { return Ok(works.to_vec()) };
        let (mut known, now) = (Known::of(&base), self.store.now().await?);
        let (mut left, mut ready, mut sets) = (Vec::new(), Vec::new(), Vec::new());
        for work in works {
            let Job::Intake { inbox, by, issue } = &work.job else { continue };
            let (mut order, pipeline) = match self.resolve(by, issue, &mut known).await {
                Ok(Ok(resolved)) if issue.number.is_none() => resolved,
                Ok(_) | Err(_) => {
                    left.push(work.clone());
                    continue;
                }
            };
            self.keep(&pipeline).await?;
            let number = self.number(&row, &base).await?;
            order.number = number.number;
            let (task, changes) = intake::intake(&order, &row, &self.served().policy, now);
            let answer = InboxAnswer::Opened { task: task.id.clone() };
            let how = Finished::Done { answer: Some(answer.clone()) };
            sets.push((changes, Some(Finish { work: work.id, fence: work.fence, how })));
            ready.push((work, *inbox, number, RowAnswer { answer, task: Some(Box::new(task)) }));
        }
        let mut named: Vec<&mut dyn NamesActors> = Vec::new();
        named.extend(ready.iter_mut().filter_map(|(.., given)| given.task.as_deref_mut()).map(|task| task as _));
        self.call_by_name(&mut named).await?;
        let mut queued = false;
        for ((work, inbox, number, given), end) in ready.into_iter().zip(self.store.apply_all(sets).await) {
            match end {
                Ok(applied) => {
                    number.keep();
                    queued |= applied.queued;
                    self.answers.give(inbox, given);
                }
                // A key that is held already, for instance.
                Err(_) => left.push(work.clone()),
            }
        }
        self.changes.happened();
        if queued {
            self.nudge();
        }
        Ok(left)
    }

    /// Brings the row of an issue to its end. It is not refused for anything that passes: then it waits.
    pub(crate) async fn take_in(&self, work: &Work, inbox: InboxId, by: &Actor, issue: &Issue) -> StoreResult<()> {
        let Some(repository) = self.store.repositories().await?.into_iter().find(|row| row.id == issue.repository)
        else {
            let what = format!("there is no repository {} any more", issue.repository);
            return self.answer(work, inbox, InboxAnswer::NotFound { what }).await;
        };
        let Some(base) = self.fresh_base(&repository.id).await? else {
            let why = self.not_seen(&repository.id).await?;
            return self.put_off(work, inbox, &repository.id, why).await;
        };
        match self.resolve(by, issue, &mut Known::of(&base)).await? {
            Ok((order, pipeline)) => {
                self.keep(&pipeline).await?;
                let answer = self.open(work, order, issue.number, &repository, &base).await?;
                self.answers.give(inbox, answer);
                Ok(())
            }
            Err(answer) => self.answer(work, inbox, answer).await,
        }
    }

    /// The row ends with this answer; nothing else happens.
    async fn answer(&self, work: &Work, inbox: InboxId, answer: InboxAnswer) -> StoreResult<()> {
        self.finish(work, Finished::Done { answer: Some(answer.clone()) }).await?;
        self.answers.give(inbox, answer);
        Ok(())
    }

    async fn resolve(
        &self,
        by: &Actor,
        issue: &Issue,
        known: &mut Known<'_>,
    ) -> StoreResult<Resolved<(Intake, Pipeline)>> {
        let refused = |why: Reason| Ok(Err(InboxAnswer::Refused { why }));
        let chosen = match known.lines.line(issue.variant.as_deref(), &issue.title, &issue.labels) {
            Ok(chosen) => chosen,
            Err(why) => return refused(why.into()),
        };
        let author = match known.authors.get(&by.wire()) {
            Some(author) => author.clone(),
            None => self.acting(by, &chosen.authors).await?,
        };
        known.authors.entry(by.wire()).or_insert_with(|| author.clone());
        if let Err(why) = rights::may_file(&author, issue.start) {
            return refused(why);
        }
        let depends_on = match self.prerequisites(issue).await? {
            Ok(depends_on) => depends_on,
            Err(answer) => return Ok(Err(answer)),
        };
        let order = Intake {
            task: TaskId(uuid::Uuid::now_v7().to_string()),
            title: issue.title.clone(),
            description: issue.description.clone(),
            author,
            priority: issue.priority,
            start: issue.start,
            issue_key: issue.key.clone(),
            depends_on,
            pipeline: chosen.pipeline.digest.clone(),
            variant: chosen.variant,
            authors: chosen.authors,
            number: 0,
            disambiguate: false,
        };
        Ok(Ok((order, chosen.pipeline)))
    }

    /// The tasks that it waits for: its own repository's come first.
    async fn prerequisites(&self, issue: &Issue) -> StoreResult<Resolved<Vec<TaskId>>> {
        let mut found = Vec::new();
        for id in &issue.depends_on {
            let mut tasks = self.store.tasks_by_work_item(id).await?;
            if let Some(own) = tasks.iter().position(|task| task.repository == issue.repository) {
                tasks = vec![tasks.swap_remove(own)];
            }
            match tasks.as_slice() {
                [task] => found.push(task.id.clone()),
                [] => {
                    let what = format!("there is no task {id}; orch board --all lists them");
                    return Ok(Err(InboxAnswer::NotFound { what }));
                }
                several => {
                    let names: Vec<&str> = several.iter().map(|task| task.repository.as_str()).collect();
                    let why = format!("{id} is a task of several repositories: {}", names.join(", "));
                    return Ok(Err(InboxAnswer::Refused { why: why.into() }));
                }
            }
        }
        Ok(Ok(found))
    }

    async fn keep(&self, pipeline: &Pipeline) -> StoreResult<()> {
        let kept = || self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if kept().contains(&pipeline.digest) {
            return Ok(());
        }
        self.store.keep_pipeline(pipeline).await?;
        kept().insert(pipeline.digest.clone());
        Ok(())
    }

    /// Who filed it at a tracker is told there what holds it from its beginning; who asks here has the answer.
    fn tell_where_it_comes_from(&self, task: &Task, changes: &mut ChangeSet, now: Timestamp) {
        let Some(notice) = Notice::held_at_once(task, now) else { return };
        changes.changes.extend(self.raises(task, Need::Soon));
        let notifiers = self.telling.iter().flat_map(|telling| &telling.notifiers);
        for notifier in notifiers.filter(|notifier| notifier.wants(&notice.kind)) {
            changes.changes.push(Change::Say { message: NewMessage::of(notice.clone(), notifier.name()) });
        }
    }

    /// The task, its keys, its place and the end of the row in one transaction. A number that another process gave out
    /// meanwhile costs a look at the highest one.
    async fn open(
        &self,
        work: &Work,
        mut order: Intake,
        wanted: Option<u32>,
        repository: &Repository,
        base: &BaseBranch,
    ) -> StoreResult<InboxAnswer> {
        let issue_key = intake::issue_key(repository, &order.issue_key);
        let mut number = self.number(repository, base).await?;
        let mut wanted = match wanted {
            Some(wanted) => Some(self.free_from(repository, wanted).await?),
            None => None,
        };
        loop {
            order.number = wanted.unwrap_or(number.number);
            let now = self.store.now().await?;
            let (task, mut changes) = intake::intake(&order, repository, &self.served().policy, now);
            if wanted.is_some() {
                self.tell_where_it_comes_from(&task, &mut changes, now);
            }
            let branch_key = intake::branch_key(repository, &task.branch);
            let answer = InboxAnswer::Opened { task: task.id };
            let how = Finished::Done { answer: Some(answer.clone()) };
            match self.store.apply(changes, Some(Finish { work: work.id, fence: work.fence, how })).await {
                Ok(applied) => {
                    match wanted {
                        Some(given) => self.gave_out(repository, given),
                        None => number.keep(),
                    }
                    self.changes.happened();
                    if applied.queued {
                        self.nudge();
                    }
                    return Ok(answer);
                }
                Err(StoreError::Guard(Guard::Unique { key, .. })) if key == issue_key => {
                    let Some(task) = self.store.key_owner(&issue_key).await? else { continue };
                    let answer = InboxAnswer::Opened { task };
                    self.finish(work, Finished::Done { answer: Some(answer.clone()) }).await?;
                    return Ok(answer);
                }
                Err(StoreError::Guard(Guard::Unique { key, .. })) if key == branch_key && !order.disambiguate => {
                    order.disambiguate = true;
                }
                Err(StoreError::Guard(Guard::Unique { .. })) if wanted.is_some() => {
                    wanted = Some(self.free_from(repository, order.number.saturating_add(1)).await?);
                }
                Err(StoreError::Guard(Guard::Unique { .. })) => {
                    number = self.number_after(repository, number).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }
}
