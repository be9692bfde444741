//! What the web asks of the service behind it.

use std::time::Duration;

use async_trait::async_trait;
use orch_engine::Reconciler;
use orch_engine::control::{
    Answer, ControlError, LaneCommand, LogAsk, LogChunk, NewIssue, OutboxView, Paper, TaskCommand, TaskDetail, TaskName,
};
use orch_ports::forge::Diff;
use orch_ports::outbox::{Message, MessageFilter, MessageId};
use orch_ports::store::{QueueView, TaskFilter};
use orch_rules::facts::RepositoryFacts;
use orch_rules::ids::RepositoryId;
use orch_rules::lane::Repository;
use orch_rules::outage::Source;
use orch_rules::task::Task;

/// The control surface as the web sees it. `by` is the person who asks; the same `key` is the same request.
#[async_trait]
pub trait Front: Send + Sync {
    /// A new issue.
    async fn open_issue(&self, issue: NewIssue, by: &str) -> Result<Task, ControlError>;
    /// A person's command to a task.
    async fn command(
        &self,
        task: &TaskName,
        command: TaskCommand,
        by: &str,
        key: String,
    ) -> Result<Answer, ControlError>;
    /// A person's command to a lane.
    async fn lane_command(
        &self,
        repository: &RepositoryId,
        command: LaneCommand,
        by: &str,
        key: String,
    ) -> Result<Answer, ControlError>;
    /// Lift an outage by hand.
    async fn lift(&self, source: &Source, by: &str) -> Result<Answer, ControlError>;
    /// Messages that leave, and how their targets are.
    async fn outbox(&self, filter: &MessageFilter) -> Result<OutboxView, ControlError>;
    /// One message.
    async fn message(&self, id: MessageId) -> Result<Message, ControlError>;
    /// Send a message again, or now.
    async fn replay_message(&self, id: MessageId) -> Result<Answer, ControlError>;
    /// Give a message up.
    async fn drop_message(&self, id: MessageId, by: &str) -> Result<Answer, ControlError>;
    /// Tasks for a list.
    async fn board(&self, filter: &TaskFilter) -> Result<Vec<Task>, ControlError>;
    /// Everything known of one task.
    async fn show(&self, task: &TaskName) -> Result<TaskDetail, ControlError>;
    /// The work table at a glance.
    async fn queue(&self) -> Result<QueueView, ControlError>;
    /// The sweep for lost wakes.
    fn reconciler(&self) -> Reconciler;
    /// Both lines of a repository, and the host's limits.
    async fn lane(&self, repository: &RepositoryId) -> Result<RepositoryFacts, ControlError>;
    /// All repositories.
    async fn repositories(&self) -> Result<Vec<Repository>, ControlError>;
    /// Read the settings again.
    async fn reread(&self) -> Result<Answer, ControlError>;
    /// Take main as the repository's people have it.
    async fn accept_base(&self, repository: &RepositoryId, by: &str) -> Result<Answer, ControlError>;
    /// A task's papers.
    async fn papers(&self, task: &TaskName) -> Result<Vec<Paper>, ControlError>;
    /// What a task changes.
    async fn diff(&self, task: &TaskName, only: Vec<String>) -> Result<Diff, ControlError>;
    /// Part of a run's log; waits for more if there is nothing yet.
    async fn log(&self, task: &TaskName, ask: LogAsk) -> Result<LogChunk, ControlError>;
    /// Waits until something was written after the change `seen`, for `patience` at most.
    async fn await_change(&self, seen: u64, patience: Duration);
    /// The store is usable; else the reason.
    async fn ready(&self) -> Result<(), String>;
}

#[async_trait]
impl Front for orch_engine::control::Control {
    async fn open_issue(&self, issue: NewIssue, by: &str) -> Result<Task, ControlError> {
        self.open_issue(issue, by).await
    }
    async fn command(
        &self,
        task: &TaskName,
        command: TaskCommand,
        by: &str,
        key: String,
    ) -> Result<Answer, ControlError> {
        self.command(task, command, by, key).await
    }
    async fn lane_command(
        &self,
        repository: &RepositoryId,
        command: LaneCommand,
        by: &str,
        key: String,
    ) -> Result<Answer, ControlError> {
        self.lane_command(repository, command, by, key).await
    }
    async fn lift(&self, source: &Source, by: &str) -> Result<Answer, ControlError> {
        self.lift(source, by).await
    }
    async fn outbox(&self, filter: &MessageFilter) -> Result<OutboxView, ControlError> {
        self.outbox(filter).await
    }
    async fn message(&self, id: MessageId) -> Result<Message, ControlError> {
        self.message(id).await
    }
    async fn replay_message(&self, id: MessageId) -> Result<Answer, ControlError> {
        self.replay_message(id).await
    }
    async fn drop_message(&self, id: MessageId, by: &str) -> Result<Answer, ControlError> {
        self.drop_message(id, by).await
    }
    async fn board(&self, filter: &TaskFilter) -> Result<Vec<Task>, ControlError> {
        self.board(filter).await
    }
    async fn show(&self, task: &TaskName) -> Result<TaskDetail, ControlError> {
        self.show(task).await
    }
    async fn queue(&self) -> Result<QueueView, ControlError> {
        self.queue().await
    }
    fn reconciler(&self) -> Reconciler {
        self.reconciler()
    }
    async fn lane(&self, repository: &RepositoryId) -> Result<RepositoryFacts, ControlError> {
        self.lane(repository).await
    }
    async fn repositories(&self) -> Result<Vec<Repository>, ControlError> {
        self.repositories().await
    }
    async fn reread(&self) -> Result<Answer, ControlError> {
        self.reread().await
    }
    async fn accept_base(&self, repository: &RepositoryId, by: &str) -> Result<Answer, ControlError> {
        self.accept_base(repository, by).await
    }
    async fn papers(&self, task: &TaskName) -> Result<Vec<Paper>, ControlError> {
        self.papers(task).await
    }
    async fn diff(&self, task: &TaskName, only: Vec<String>) -> Result<Diff, ControlError> {
        self.diff(task, only).await
    }
    async fn log(&self, task: &TaskName, ask: LogAsk) -> Result<LogChunk, ControlError> {
        self.log(task, ask).await
    }
    async fn await_change(&self, seen: u64, patience: Duration) {
        self.await_change(seen, patience).await;
    }
    async fn ready(&self) -> Result<(), String> {
        self.ready().await
    }
}
