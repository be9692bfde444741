//! What a person sees and does of messages that leave.

use std::sync::Arc;

use orch_ports::outbox::{Message, MessageFilter, MessageId, MessageState, Outbox};
use orch_rules::actor::Actor;
use orch_rules::outbox::target::Health;
use orch_rules::rights::Right;

use super::{Answer, Control, ControlError};

/// The outbox at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutboxView {
    /// Newest first.
    pub messages: Vec<Message>,
    /// Every target of the settings, and every other that something is known of; by name.
    pub targets: Vec<(String, Health)>,
}

impl Control {
    /// Messages and their targets.
    ///
    /// # Errors
    /// The store's.
    pub async fn outbox(&self, filter: &MessageFilter) -> Result<OutboxView, ControlError> {
        let Some(telling) = &self.engine.telling else { return Ok(OutboxView::default()) };
        let mut targets = telling.outbox.targets().await?;
        for notifier in &telling.notifiers {
            if !targets.iter().any(|(name, _)| name == notifier.name()) {
                targets.push((notifier.name().to_owned(), Health::default()));
            }
        }
        targets.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(OutboxView { messages: telling.outbox.messages(filter).await?, targets })
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
