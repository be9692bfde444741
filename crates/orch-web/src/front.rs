//! What the web asks of the service behind it.

use std::time::Duration;

use async_trait::async_trait;
use orch_engine::Reconciler;
use orch_engine::desk::{
    Answer, Command, DeskError, LaneCommand, LogAsk, LogChunk, NewIssue, OutboxView, Paper, TaskDetail, TaskName,
};
use orch_ports::forge::Diff;
use orch_ports::outbox::{Message, MessageFilter, MessageId};
use orch_ports::store::{QueueView, TaskFilter};
use orch_rules::facts::RepositoryFacts;
use orch_rules::ids::RepositoryId;
use orch_rules::lane::Repository;
use orch_rules::outage::Source;
use orch_rules::task::Task;

/// The desk as the web sees it. `by` is the person who asks; the same `key` is the same request.
#[async_trait]
pub trait Front: Send + Sync {
    /// A new issue.
    async fn open_issue(&self, issue: NewIssue, by: &str) -> Result<Task, DeskError>;
    /// A person's command to a task.
    async fn command(&self, task: &TaskName, command: Command, by: &str, key: String) -> Result<Answer, DeskError>;
    /// A person's command to a lane.
    async fn lane_command(
        &self,
        repository: &RepositoryId,
        command: LaneCommand,
        by: &str,
        key: String,
    ) -> Result<Answer, DeskError>;
    /// Lift an outage by hand.
    async fn lift(&self, source: &Source, by: &str) -> Result<Answer, DeskError>;
    /// Messages that leave, and how their targets are.
    async fn outbox(&self, filter: &MessageFilter) -> Result<OutboxView, DeskError>;
    /// One message.
    async fn message(&self, id: MessageId) -> Result<Message, DeskError>;
    /// Send a message again, or now.
    async fn replay_message(&self, id: MessageId) -> Result<Answer, DeskError>;
    /// Give a message up.
    async fn drop_message(&self, id: MessageId, by: &str) -> Result<Answer, DeskError>;
    /// Tasks for a list.
    async fn board(&self, filter: &TaskFilter) -> Result<Vec<Task>, DeskError>;
    /// Everything known of one task.
    async fn show(&self, task: &TaskName) -> Result<TaskDetail, DeskError>;
    /// The work table at a glance.
    async fn queue(&self) -> Result<QueueView, DeskError>;
    /// The sweep for lost wakes.
    fn reconciler(&self) -> Reconciler;
    /// Both lines of a repository, and the host's limits.
    async fn lane(&self, repository: &RepositoryId) -> Result<RepositoryFacts, DeskError>;
    /// All repositories.
    async fn repositories(&self) -> Result<Vec<Repository>, DeskError>;
    /// Read the settings again.
    async fn reread(&self) -> Result<Answer, DeskError>;
    /// Take main as the repository's people have it.
    async fn accept_base(&self, repository: &RepositoryId, by: &str) -> Result<Answer, DeskError>;
    /// A task's papers.
    async fn papers(&self, task: &TaskName) -> Result<Vec<Paper>, DeskError>;
    /// What a task changes.
    async fn diff(&self, task: &TaskName, only: Vec<String>) -> Result<Diff, DeskError>;
    /// Part of a run's log; waits for more if there is nothing yet.
    async fn log(&self, task: &TaskName, ask: LogAsk) -> Result<LogChunk, DeskError>;
    /// Waits until something was written after the change `seen`, for `patience` at most.
    async fn await_change(&self, seen: u64, patience: Duration);
    /// The store is usable; else the reason.
    async fn ready(&self) -> Result<(), String>;
}

#[async_trait]
impl Front for orch_engine::desk::Desk {
    async fn open_issue(&self, issue: NewIssue, by: &str) -> Result<Task, DeskError> {
        self.open_issue(issue, by).await
    }
    async fn command(&self, task: &TaskName, command: Command, by: &str, key: String) -> Result<Answer, DeskError> {
        self.command(task, command, by, key).await
    }
    async fn lane_command(
        &self,
        repository: &RepositoryId,
        command: LaneCommand,
        by: &str,
        key: String,
    ) -> Result<Answer, DeskError> {
        self.lane_command(repository, command, by, key).await
    }
    async fn lift(&self, source: &Source, by: &str) -> Result<Answer, DeskError> {
        self.lift(source, by).await
    }
    async fn outbox(&self, filter: &MessageFilter) -> Result<OutboxView, DeskError> {
        self.outbox(filter).await
    }
    async fn message(&self, id: MessageId) -> Result<Message, DeskError> {
        self.message(id).await
    }
    async fn replay_message(&self, id: MessageId) -> Result<Answer, DeskError> {
        self.replay_message(id).await
    }
    async fn drop_message(&self, id: MessageId, by: &str) -> Result<Answer, DeskError> {
        self.drop_message(id, by).await
    }
    async fn board(&self, filter: &TaskFilter) -> Result<Vec<Task>, DeskError> {
        self.board(filter).await
    }
    async fn show(&self, task: &TaskName) -> Result<TaskDetail, DeskError> {
        self.show(task).await
    }
    async fn queue(&self) -> Result<QueueView, DeskError> {
        self.queue().await
    }
    fn reconciler(&self) -> Reconciler {
        self.reconciler()
    }
    async fn lane(&self, repository: &RepositoryId) -> Result<RepositoryFacts, DeskError> {
        self.lane(repository).await
    }
    async fn repositories(&self) -> Result<Vec<Repository>, DeskError> {
        self.repositories().await
    }
    async fn reread(&self) -> Result<Answer, DeskError> {
        self.reread().await
    }
    async fn accept_base(&self, repository: &RepositoryId, by: &str) -> Result<Answer, DeskError> {
        self.accept_base(repository, by).await
    }
    async fn papers(&self, task: &TaskName) -> Result<Vec<Paper>, DeskError> {
        self.papers(task).await
    }
    async fn diff(&self, task: &TaskName, only: Vec<String>) -> Result<Diff, DeskError> {
        self.diff(task, only).await
    }
    async fn log(&self, task: &TaskName, ask: LogAsk) -> Result<LogChunk, DeskError> {
        self.log(task, ask).await
    }
    async fn await_change(&self, seen: u64, patience: Duration) {
        self.await_change(seen, patience).await;
    }
    async fn ready(&self) -> Result<(), String> {
        self.ready().await
    }
}
