//! What people want done: new issues and commands.

use std::time::Duration;

use orch_ports::store::{Accepted, Delivery, InboxAnswer, StoreError};
use orch_rules::actor::Actor;
use orch_rules::change::Guard;
use orch_rules::decide::intake::{self, Intake};
use orch_rules::event::{Event, LaneEvent, TaskEvent};
use orch_rules::ids::{RepositoryId, TaskId};
use orch_rules::people::Reply;
use orch_rules::rights::Right;
use orch_rules::task::Task;
use orch_rules::work_item::clean_title;

use super::people;
use super::{Answer, Control, ControlError, Handles, LaneCommand, NewIssue, TaskCommand, TaskName};

/// Longest description that is stored, in bytes; longer ones belong into the repository.
pub(super) const DESCRIPTION_CAP: usize = 256 * 1024;
/// Longest title that is stored at all, in bytes; the entry check has its own, shorter limit.
pub(super) const TITLE_CAP: usize = 8 * 1024;
/// Between two looks for an answer that another process gives, if no change is heard of.
const LOOK_FOR_ANSWER: Duration = Duration::from_secs(1);
/// Longest reason, in bytes.
const REASON_CAP: usize = 16 * 1024;
/// What people ask here, among the sources of deliveries. Stored with each key, so it stays as it was first spelled.
const DELIVERY_SOURCE: &str = "desk";
/// So many numbers are tried before giving up.
const MOST_NUMBERS: u32 = 1000;

impl Control {
    /// A new issue becomes a task, once per key.
    ///
    /// # Errors
    /// [`ControlError::Invalid`] with everything wrong about it; [`ControlError::NotFound`] for an unknown repository or
    /// dependency; [`ControlError::Refused`] if the repository's pipeline file is unusable.
    pub async fn open_issue(&self, issue: NewIssue, by: impl Into<Actor>) -> Result<Task, ControlError> {
        let problems = problems(&issue);
        if !problems.is_empty() {
            return Err(ControlError::Invalid { problems });
        }
        let repository = self.pick(issue.repository.as_ref()).await?;
        let issue_key = intake::issue_key(&repository, &issue.key);
        // Asked again: answered without a look at the repository.
        if self.engine.store.key_owner(&issue_key).await?.is_some() {
            return self.existing(&issue_key).await;
        }
        let by = by.into();
        self.allow(&by, if issue.start { Right::Start } else { Right::Say }).await?;
        let mut depends_on = Vec::new();
        for on in &issue.depends_on {
            depends_on.push(self.task_near(&repository.id, on).await?.id);
        }
        let Some(base) = self.engine.fresh_base(&repository.id).await? else {
            return Err(ControlError::Unavailable { why: self.engine.not_seen(&repository.id).await? });
        };
        let chosen = base
            .line(issue.variant.as_deref(), &issue.title, &issue.labels)
            .map_err(|why| ControlError::Refused { why })?;
        let pipeline = chosen.pipeline;
        let store = &self.engine.store;
        store.keep_pipeline(&pipeline).await?;
        let mut number = self.number(&repository, &base).await?;
        let first = number.number;
        let mut order = Intake {
            task: TaskId(uuid::Uuid::now_v7().to_string()),
            title: issue.title,
            description: issue.description,
            author: self.met(&by, &chosen.authors).await?,
            priority: issue.priority,
            start: issue.start,
            issue_key: issue.key,
            depends_on,
            pipeline: pipeline.digest,
            variant: chosen.variant,
            authors: chosen.authors,
            number: first,
            disambiguate: false,
        };
        for _ in 0..MOST_NUMBERS {
            let now = store.now().await?;
            let (task, changes) = intake::intake(&order, &repository, &self.engine.served().policy, now);
            let branch_key = intake::branch_key(&repository, &task.branch);
            match store.apply(changes, None).await {
                Ok(_) => {
                    number.keep();
                    self.engine.changes.happened();
                    self.moved().await?;
                    return Ok(task);
                }
                Err(StoreError::Guard(Guard::Unique { key, .. })) if key == issue_key => {
                    return self.existing(&issue_key).await;
                }
                Err(StoreError::Guard(Guard::Unique { key, .. })) if key == branch_key => {
                    order.disambiguate = true;
                }
                Err(StoreError::Guard(_)) => {
                    // A row has it that this process did not write.
                    number.keep();
                    number = self.number(&repository, &base).await?;
                    order.number = number.number;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(ControlError::Refused { why: format!("no free number was found after {}-{first}", repository.prefix) })
    }

    async fn existing(&self, issue_key: &str) -> Result<Task, ControlError> {
        let owner = self.engine.store.key_owner(issue_key).await?;
        let task = match owner {
            Some(owner) => self.engine.store.task(&owner).await?,
            None => None,
        };
        task.ok_or_else(|| ControlError::Refused { why: "the same request is being handled right now".to_owned() })
    }

    /// A person's command on a task. The same key is the same command.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Invalid`], or [`ControlError::Refused`] by the rules.
    pub async fn command(
        &self,
        task: impl Into<TaskName>,
        command: TaskCommand,
        by: impl Into<Actor>,
        key: String,
    ) -> Result<Answer, ControlError> {
        let task = self.task_of(&task.into()).await?;
        let event = match command {
            TaskCommand::Start => TaskEvent::StartRequested { authors: Vec::new() },
            TaskCommand::Approve => people::answered(None, Reply::Approve)?,
            TaskCommand::Reject { reason } => people::answered(None, Reply::Reject { reason })?,
            TaskCommand::ConfirmDeploy => people::answered(None, Reply::Confirm)?,
            TaskCommand::Answer { episode, reply } => people::answered(episode, reply)?,
            TaskCommand::Edit { title, description, priority } => people::edited(title, description, priority)?,
            TaskCommand::SendBack { to, reason } => TaskEvent::SentBack { to, reason: words_of("reason", &reason)? },
            TaskCommand::Skip { reason } => {
                TaskEvent::Skipped { reason: words_of("reason", &reason)?, people: Vec::new() }
            }
            TaskCommand::HandsOff => TaskEvent::HandsOff,
            TaskCommand::GiveBack => TaskEvent::GivenBack,
            TaskCommand::Comment { text } => TaskEvent::Commented { text: words_of("comment", &text)? },
            TaskCommand::Stop => TaskEvent::StopRequested,
            TaskCommand::Retry => TaskEvent::RetryRequested,
            TaskCommand::Pause => TaskEvent::Paused,
            TaskCommand::Resume => TaskEvent::Resumed,
            TaskCommand::SetPriority { priority } => TaskEvent::PrioritySet { priority },
            TaskCommand::RaiseBudget { by_micros } => TaskEvent::BudgetRaised { by_micros },
            TaskCommand::Depend { on } => {
                let on = self.task_near(&task.repository, &on).await?;
                let circle = self.circle(&task, &on).await?;
                TaskEvent::DependencyAdded { on: on.id, circle }
            }
            TaskCommand::Undepend { on } => {
                TaskEvent::DependencyRemoved { on: self.task_near(&task.repository, &on).await?.id }
            }
        };
        self.deliver(Event::Task { task: task.id, event }, by.into(), key).await
    }

    /// A person's command on a repository's lane.
    ///
    /// # Errors
    /// As [`Control::command`].
    pub async fn lane_command(
        &self,
        repository: &RepositoryId,
        command: LaneCommand,
        by: impl Into<Actor>,
        key: String,
    ) -> Result<Answer, ControlError> {
        let repository = self.pick(Some(repository)).await?.id;
        let event = match command {
            LaneCommand::Freeze { reason } => LaneEvent::FreezeRequested { reason: words_of("reason", &reason)? },
            LaneCommand::Unfreeze => LaneEvent::UnfreezeRequested,
            LaneCommand::Pause => LaneEvent::Paused,
            LaneCommand::Resume => LaneEvent::Resumed,
        };
        self.deliver(Event::Lane { repository, event }, by.into(), key).await
    }

    /// Inbox row first; then wait, for a person's patience, for what becomes of it.
    async fn deliver(&self, event: Event, by: Actor, key: String) -> Result<Answer, ControlError> {
        self.met(&by, &[]).await?;
        let delivery = Delivery { source: DELIVERY_SOURCE.to_owned(), key, by, event };
        let accepted = self.engine.store.accept(delivery.clone()).await?;
        if let Some(answer) = accepted.answer {
            return said(answer);
        }
        let pending = || Answer { text: "stored; it will be handled".to_owned(), pending: true };
        if self.handles == Handles::Elsewhere {
            return Ok(pending());
        }
        let waiting = self.engine.answers.wait(accepted.inbox);
        self.moved().await?;
        let answered = async {
            tokio::select! {
                answer = waiting => answer.ok(),
                answer = self.answered_elsewhere(delivery) => Some(Ok(answer)),
            }
        };
        match tokio::time::timeout(self.engine.limits.answer_within, answered).await {
            Ok(Some(Ok(answer))) => said(answer),
            Ok(Some(Err(why))) => Ok(Answer { text: format!("stored; it waits: {why}"), pending: true }),
            _ => Ok(pending()),
        }
    }

    /// The answer to a delivery that another process handles: it stands in the store. Looked for with every change that is
    /// heard of; without other processes never.
    async fn answered_elsewhere(&self, delivery: Delivery) -> InboxAnswer {
        if self.engine.hosting.pace.is_none() {
            std::future::pending::<()>().await;
        }
        loop {
            let seen = self.engine.changes.newest();
            if let Ok(Accepted { answer: Some(answer), .. }) = self.engine.store.accept(delivery.clone()).await {
                return answer;
            }
            self.engine.changes.after(seen, LOOK_FOR_ANSWER).await;
        }
    }

    /// Something was queued: tell the loop, or be the loop.
    pub(super) async fn moved(&self) -> Result<(), ControlError> {
        match self.handles {
            Handles::Here => self.engine.settle().await?,
            Handles::Loop => self.engine.nudge(),
            Handles::Elsewhere => {}
        }
        Ok(())
    }
}

fn said(answer: InboxAnswer) -> Result<Answer, ControlError> {
    match answer {
        InboxAnswer::Accepted { text } => Ok(Answer { text, pending: false }),
        InboxAnswer::Refused { why } => Err(ControlError::Refused { why }),
    }
}

/// What a person said, without blanks around it.
pub(super) fn words_of(what: &str, text: &str) -> Result<String, ControlError> {
    let text = text.trim();
    let problem = if text.is_empty() {
        format!("the {what} is empty: say it in a sentence")
    } else if text.len() > REASON_CAP {
        format!("the {what} has {} bytes, at most {REASON_CAP} are kept", text.len())
    } else {
        return Ok(text.to_owned());
    };
    Err(ControlError::Invalid { problems: vec![problem] })
}

fn problems(issue: &NewIssue) -> Vec<String> {
    let mut problems = Vec::new();
    if clean_title(&issue.title).is_empty() {
        problems.push("the title is empty: one line that says what is wanted".to_owned());
    }
    if issue.title.len() > TITLE_CAP {
        problems.push(format!("the title has {} bytes, at most {TITLE_CAP} are kept", issue.title.len()));
    }
    if issue.description.len() > DESCRIPTION_CAP {
        problems.push(format!(
            "the description has {} bytes, at most {DESCRIPTION_CAP} are kept; put longer texts into the repository",
            issue.description.len()
        ));
    }
    if issue.key.is_empty() {
        problems.push("the idempotency key is empty".to_owned());
    }
    problems
}
