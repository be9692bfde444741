//! What a person sees and does of what leaves.

use std::collections::BTreeMap;
use std::sync::Arc;

use orch_ports::outbox::{Message, MessageFilter, MessageId, MessageState, Outbox};
use orch_ports::projection::{ProjectionFilter, ProjectionRow};
use orch_rules::actor::Actor;
use orch_rules::ids::{TaskId, WorkItemId};
use orch_rules::outbox::projection::{object_of, task_of};
use orch_rules::outbox::target::Health;
use orch_rules::rights::Right;

use super::{Answer, Control, ControlError, TaskName};

/// The outbox at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutboxView {
    /// Newest first.
    pub messages: Vec<Message>,
    /// What is to be shown and is not yet; then what is, if all of it was asked for.
    pub shown: Vec<ProjectionSeen>,
    /// Every target of the settings, and every other that something is known of; by name.
    pub targets: Vec<(String, Health)>,
}

/// One side of something that is shown outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectionSeen {
    /// As it is stored.
    pub row: ProjectionRow,
    /// What people call the task that it shows.
    pub work_item: Option<WorkItemId>,
    /// Nothing in the settings is its target, or this release does not know its aspect: it is left alone.
    pub left_alone: bool,
}

impl Control {
    /// Messages with their targets, and what is to be shown there.
    ///
    /// # Errors
    /// The store's.
    pub async fn outbox(&self, filter: &MessageFilter) -> Result<OutboxView, ControlError> {
        let Some(telling) = &self.engine.telling else { return Ok(OutboxView::default()) };
        let mut targets = telling.outbox.targets().await?;
        for name in self.engine.channels() {
            if !targets.iter().any(|(known, _)| *known == name) {
                targets.push((name, Health::default()));
            }
        }
        targets.sort_by(|one, other| one.0.cmp(&other.0));
        let due = ProjectionFilter { target: filter.target.clone(), due: true, limit: filter.limit, object: None };
        // In a state of messages nothing is shown.
        let rows = if filter.state.is_none() { telling.outbox.projections(&due).await? } else { Vec::new() };
        Ok(OutboxView { messages: telling.outbox.messages(filter).await?, targets, shown: self.seen(rows).await? })
    }

    /// Everything that is shown of a task outside.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], or the store's.
    pub async fn shown(&self, name: &TaskName) -> Result<Vec<ProjectionSeen>, ControlError> {
        let Some(telling) = &self.engine.telling else { return Ok(Vec::new()) };
        let task = self.task_of(name).await?;
        let of = ProjectionFilter { object: Some(object_of(&task.id)), ..ProjectionFilter::default() };
        let mut rows = Vec::new();
        for row in telling.outbox.projections(&of).await? {
            // With its writes.
            let whole = telling.outbox.projection(&row.target, &row.object, &row.aspect).await?;
            rows.push(whole.unwrap_or(row));
        }
        self.seen(rows).await
    }

    async fn seen(&self, rows: Vec<ProjectionRow>) -> Result<Vec<ProjectionSeen>, ControlError> {
        let mut seen = Vec::with_capacity(rows.len());
        let mut called: BTreeMap<TaskId, Option<WorkItemId>> = BTreeMap::new();
        for row in rows {
            let work_item = match task_of(&row.object) {
                None => None,
                Some(id) => match called.get(&id) {
                    Some(known) => known.clone(),
                    None => {
                        let found = self.engine.store.task(&id).await.ok().flatten().map(|task| task.work_item);
                        called.insert(id, found.clone());
                        found
                    }
                },
            };
            let left_alone = !self.engine.knows_how_to_show(&row.target, &row.aspect);
            seen.push(ProjectionSeen { row, work_item, left_alone });
        }
        Ok(seen)
    }

    /// A look saw what stands of an aspect of a task at a target, see [`crate::Engine::saw_shown`].
    ///
    /// # Errors
    /// The store's.
    pub async fn saw_shown(
        &self,
        target: &str,
        task: &TaskId,
        aspect: &str,
        value: &str,
        by_us: Option<bool>,
    ) -> Result<(), ControlError> {
        Ok(self.engine.saw_shown(target, task, aspect, value, by_us).await?)
    }

    /// One message.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], or the store's.
    pub async fn message(&self, id: MessageId) -> Result<Message, ControlError> {
        match &self.engine.telling {
            Some(telling) => telling.outbox.message(id).await?.ok_or_else(|| missing(id)),
            None => Err(missing(id)),
        }
    }

    /// Send a message again, or now.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Refused`] if it was sent, or the store's.
    pub async fn replay_message(&self, id: MessageId) -> Result<Answer, ControlError> {
        let (outbox, message) = self.kept(id).await?;
        if !outbox.replay_message(id).await? {
            return Err(refused(&message, "sent again"));
        }
        self.engine.nudge();
        let text = format!("message {id} is queued for {}; its fate is decided anew", message.target);
        Ok(Answer { text, pending: false })
    }

    /// Give a message up.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Refused`] if it was sent or given up, or the store's.
    pub async fn drop_message(&self, id: MessageId, by: impl Into<Actor>) -> Result<Answer, ControlError> {
        let by = by.into();
        self.allow(&by, Right::Steer).await?;
        let by = by.wire();
        let (outbox, message) = self.kept(id).await?;
        if !outbox.drop_message(id, &format!("dropped by {by}")).await? {
            return Err(refused(&message, "dropped"));
        }
        // Those behind it may go.
        self.engine.nudge();
        Ok(Answer { text: format!("message {id} is dropped"), pending: false })
    }

    async fn kept(&self, id: MessageId) -> Result<(Arc<dyn Outbox>, Message), ControlError> {
        let message = self.message(id).await?;
        let telling = self.engine.telling.as_ref().ok_or_else(|| missing(id))?;
        Ok((telling.outbox.clone(), message))
    }
}

fn missing(id: MessageId) -> ControlError {
    ControlError::NotFound { what: format!("there is no message {id}; orch outbox list shows what there is") }
}

fn refused(message: &Message, what: &str) -> ControlError {
    let state = match message.state {
        MessageState::Sending => "it is being sent right now",
        MessageState::Sent => "it was sent",
        MessageState::Dropped => "it was dropped",
        MessageState::Queued | MessageState::Dead => "it changed meanwhile: try again",
    };
    ControlError::Refused { why: format!("message {} cannot be {what}: {state}", message.id) }
}
