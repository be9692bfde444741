//! What people want done: new issues and commands.

use std::time::Duration;

use orch_ports::store::{Accepted, Delivery, InboxAnswer, InboxId, StoreResult};
use orch_rules::actor::Actor;
use orch_rules::event::{Event, LaneEvent, TaskEvent};
use orch_rules::ids::RepositoryId;
use orch_rules::issue::Issue;
use orch_rules::people::Reply;
use orch_rules::reason::Reason;
use orch_rules::task::Task;
use orch_rules::work_item::clean_title;
use orch_text::Language;

use super::people;
use super::{Answer, Control, ControlError, Handles, LaneCommand, NewIssue, TaskCommand, TaskName};
use crate::answers::RowAnswer;
use crate::engine::Engine;

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

impl Control {
    /// A new issue is stored, once per key; a worker makes a task of it. The task, if that was soon enough.
    ///
    /// # Errors
    /// [`ControlError::Invalid`] with everything wrong about it; [`ControlError::NotFound`] for an unknown repository or
    /// dependency; [`ControlError::Refused`] if it may not be, or the repository's pipeline file is unusable.
    pub async fn open_issue(&self, issue: NewIssue, by: impl Into<Actor>) -> Result<Opened, ControlError> {
        let problems = problems(&issue);
        if !problems.is_empty() {
            return Err(ControlError::Invalid { problems });
        }
        let (repository, by) = (self.named(issue.repository.as_ref())?, by.into());
        if let Some(answer) = self.engine.store.issue_answered(&repository, &issue.key).await? {
            return self.opened(answer.into()).await;
        }
        self.call(&by).await?;
        let issue = Issue {
            repository,
            key: issue.key,
            title: issue.title,
            description: issue.description,
            priority: issue.priority,
            variant: issue.variant,
            labels: issue.labels,
            start: issue.start,
            number: None,
            depends_on: issue.depends_on,
        };
        match self.outcome(Asked::Issue { issue, by }).await? {
            Outcome::Waits { inbox, text } => {
                let text = format!("{text}\nhow it stands: orch deliveries show {inbox}");
                Ok(Opened::Stored { inbox, text })
            }
            Outcome::Answered(given) => self.opened(given).await,
        }
    }

    async fn opened(&self, given: RowAnswer) -> Result<Opened, ControlError> {
        let InboxAnswer::Opened { task: id } = &given.answer else {
            return said(given.answer).and_then(|answer| Err(ControlError::Refused { why: answer.text }));
        };
        if let Some(task) = given.task {
            return Ok(Opened::Task(task));
        }
        let gone = || ControlError::NotFound { what: "the task of this issue is gone".to_owned() };
        let mut task = self.engine.store.task(id).await?.ok_or_else(gone)?;
        self.call_by_name(&mut [&mut task]).await?;
        Ok(Opened::Task(Box::new(task)))
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
            TaskCommand::RetryCheck => TaskEvent::CheckRetried,
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
            LaneCommand::Freeze { reason, cause, fixes } => {
                let reason = words_of("reason", &reason)?;
                self.freeze(&repository, reason, cause.as_ref(), &fixes).await?
            }
            LaneCommand::Unfreeze { force } => {
                LaneEvent::UnfreezeRequested { force: force.map(|why| words_of("force", &why)).transpose()? }
            }
            LaneCommand::Pause => LaneEvent::Paused,
            LaneCommand::Resume => LaneEvent::Resumed,
        };
        self.deliver(Event::Lane { repository, event }, by.into(), key).await
    }

    /// A command is stored, then answered.
    async fn deliver(&self, event: Event, by: Actor, key: String) -> Result<Answer, ControlError> {
        self.met(&by, &[]).await?;
        let delivery = Delivery { source: DELIVERY_SOURCE.to_owned(), key, by, event };
        match self.outcome(Asked::Event(delivery)).await? {
            Outcome::Answered(given) => said(given.answer),
            Outcome::Waits { text, .. } => Ok(Answer { text, pending: true }),
        }
    }

    /// Inbox row first; then wait, for a person's patience, for what becomes of it.
    async fn outcome(&self, asked: Asked) -> Result<Outcome, ControlError> {
        let accepted = self.engine.accept(&asked).await?;
        if let Some(answer) = accepted.answer {
            return Ok(Outcome::Answered(answer.into()));
        }
        let inbox = accepted.inbox;
        let waits = |text: String| Outcome::Waits { inbox, text };
        let pending = || waits("stored; it will be handled".to_owned());
        let patience = self.engine.limits.answer_within;
        if self.handles == Handles::Elsewhere {
            // Whoever opens an issue wants its id, and the service that has the database gives it.
            let given = match asked {
                Asked::Issue { .. } => tokio::time::timeout(patience, self.answer_in_store(&asked)).await.ok(),
                Asked::Event(_) => None,
            };
            return Ok(given.map_or_else(pending, |answer| Outcome::Answered(answer.into())));
        }
        let waiting = self.engine.answers.wait(inbox);
        match (&asked, self.handles) {
            (Asked::Issue { .. }, Handles::Loop) => self.engine.nudge_intake(),
            _ => self.moved().await?,
        }
        let answered = async {
            tokio::select! {
                answer = waiting => answer.ok(),
                answer = self.answered_elsewhere(&asked) => Some(Ok(answer.into())),
            }
        };
        Ok(match tokio::time::timeout(patience, answered).await {
            Ok(Some(Ok(given))) => Outcome::Answered(given),
            Ok(Some(Err(why))) => waits(format!("stored; it waits: {why}")),
            _ => pending(),
        })
    }

    /// The answer to what another process handles: it stands in the store. Looked for with every change that is heard of;
    /// without other processes never.
    async fn answered_elsewhere(&self, asked: &Asked) -> InboxAnswer {
        if self.engine.hosting.pace.is_none() {
            std::future::pending::<()>().await;
        }
        self.answer_in_store(asked).await
    }

    async fn answer_in_store(&self, asked: &Asked) -> InboxAnswer {
        loop {
            let seen = self.engine.changes.newest();
            if let Ok(Accepted { answer: Some(answer), .. }) = self.engine.accept(asked).await {
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

/// What a person asks, as it is stored.
enum Asked {
    Event(Delivery),
    Issue { issue: Issue, by: Actor },
}

/// What became of it while its sender waited.
enum Outcome {
    Answered(RowAnswer),
    Waits { inbox: InboxId, text: String },
}

/// What became of a new issue.
#[derive(Debug, Clone, PartialEq)]
pub enum Opened {
    /// It is this task.
    Task(Box<Task>),
    /// It is stored, and will be one.
    Stored {
        /// Its inbox row.
        inbox: InboxId,
        /// For people.
        text: String,
    },
}

impl Opened {
    /// The task, if it is one by now.
    pub fn task(self) -> Option<Task> {
        match self {
            Self::Task(task) => Some(*task),
            Self::Stored { .. } => None,
        }
    }
}

impl Engine {
    async fn accept(&self, asked: &Asked) -> StoreResult<Accepted> {
        match asked {
            Asked::Event(delivery) => self.store.accept(delivery.clone()).await,
            Asked::Issue { issue, by } => self.store.accept_issue(issue, by).await,
        }
    }
}

fn said(answer: InboxAnswer) -> Result<Answer, ControlError> {
    match answer {
        InboxAnswer::Opened { task } => Ok(Answer { text: format!("it is the task {task}"), pending: false }),
        InboxAnswer::NotFound { what } => Err(ControlError::NotFound { what }),
        InboxAnswer::Dropped { why } => Err(ControlError::Refused { why }),
        InboxAnswer::Accepted { text } => Ok(Answer { text: in_words(&text), pending: false }),
        InboxAnswer::Refused { why } => Err(ControlError::Refused { why: in_words(&why) }),
    }
}

/// With what helps.
pub(super) fn in_words(reason: &Reason) -> String {
    orch_text::answer(reason, Language::English).to_string()
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
