//! What a person sees and does of what came in.

use orch_ports::deliveries::{DeliveryFilter, DeliveryId, DeliverySeen, DeliveryState};
use orch_ports::store::InboxAnswer;
use orch_rules::actor::{Actor, NamesActors};
use orch_rules::event::{Event, TaskEvent};
use orch_rules::ids::TaskId;
use orch_rules::issue::Issue;
use orch_rules::people::HumanAnswer;
use orch_rules::rights::Right;
use orch_rules::task::Task;

use super::{Answer, Control, ControlError};

/// A delivery with what it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryDetail {
    /// The row.
    pub seen: DeliverySeen,
    /// The task that it is about, or became; `None`: none, or it is not known.
    pub task: Option<Task>,
    /// What it asks for, by its kind: `issue`, `start_requested`, `frozen`; empty if nobody knows.
    pub kind: String,
}

impl NamesActors for DeliveryDetail {
    fn actors(&mut self, with: &mut dyn FnMut(&mut Actor)) {
        if let Some(by) = &mut self.seen.by {
            with(by);
        }
    }
}

impl Control {
    /// What came in, newest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<DeliveryDetail>, ControlError> {
        let mut details = Vec::new();
        for seen in self.engine.store.deliveries_seen(filter).await? {
            details.push(self.detailed(seen).await?);
        }
        let mut named: Vec<&mut dyn NamesActors> = details.iter_mut().map(|detail| detail as _).collect();
        self.call_by_name(&mut named).await?;
        Ok(details)
    }

    /// One of them.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], or the store's.
    pub async fn delivery(&self, id: DeliveryId) -> Result<DeliveryDetail, ControlError> {
        let mut detail = self.detailed(self.received(id).await?).await?;
        self.call_by_name(&mut [&mut detail]).await?;
        Ok(detail)
    }

    /// Handle it once more, now; a webhook's is looked at again, never believed.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Refused`], or the store's.
    pub async fn replay_delivery(&self, id: DeliveryId, by: impl Into<Actor>) -> Result<Answer, ControlError> {
        self.allow(&by.into(), Right::Steer).await?;
        let seen = self.received(id).await?;
        if names_no_question(&seen) {
            let why =
                "it answers no question by name, and another one may be open by now: answer that one (orch inbox)";
            return Err(ControlError::Refused { why: why.to_owned() });
        }
        if !self.engine.store.replay_delivery(id).await? {
            return Err(refused(&seen, "handled again"));
        }
        self.moved().await?;
        let text = if id.webhook { "what it tells of is looked at again" } else { "it is handled once more" };
        Ok(Answer { text: format!("delivery {id}: {text}"), pending: false })
    }

    /// Give it up.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Refused`], or the store's.
    pub async fn drop_delivery(&self, id: DeliveryId, by: impl Into<Actor>) -> Result<Answer, ControlError> {
        let by = by.into();
        self.allow(&by, Right::Steer).await?;
        let seen = self.received(id).await?;
        if !self.engine.store.drop_delivery(id, &format!("dropped by {}", by.wire())).await? {
            return Err(refused(&seen, "dropped"));
        }
        // What stood behind it may go.
        self.moved().await?;
        Ok(Answer { text: format!("delivery {id} is dropped"), pending: false })
    }

    async fn received(&self, id: DeliveryId) -> Result<DeliverySeen, ControlError> {
        let missing = || ControlError::NotFound {
            what: format!("there is no delivery {id}; orch deliveries list shows what there is"),
        };
        self.engine.store.delivery_seen(id).await?.ok_or_else(missing)
    }

    async fn detailed(&self, seen: DeliverySeen) -> Result<DeliveryDetail, ControlError> {
        let (kind, about) = asks_for(&seen);
        let task = match (&seen.answer, about) {
            (Some(InboxAnswer::Opened { task }), _) => Some(task.clone()),
            (_, about) => about,
        };
        let task = match task {
            Some(task) => self.engine.store.task(&task).await.unwrap_or_default(),
            None => None,
        };
        Ok(DeliveryDetail { seen, task, kind })
    }
}

fn asks_for(seen: &DeliverySeen) -> (String, Option<TaskId>) {
    let body = seen.body.as_deref().unwrap_or_default();
    let word = |event: serde_json::Result<serde_json::Value>| {
        event.ok().and_then(|event| event["event"].as_str().map(str::to_owned)).unwrap_or_default()
    };
    match serde_json::from_str(body) {
        _ if seen.id.webhook => (String::new(), None),
        Ok(Event::Task { task, event }) => (word(serde_json::to_value(&event)), Some(task)),
        Ok(Event::Lane { event, .. }) => (word(serde_json::to_value(&event)), None),
        Err(_) => match serde_json::from_str::<Issue>(body) {
            Ok(_) => ("issue".to_owned(), None),
            Err(_) => (String::new(), None),
        },
    }
}

/// An answer to whichever question was open when it came.
fn names_no_question(seen: &DeliverySeen) -> bool {
    let body = seen.body.as_deref().unwrap_or_default();
    let event = serde_json::from_str(body);
    matches!(
        event,
        Ok(Event::Task { event: TaskEvent::HumanAnswered { answer: HumanAnswer { episode: None, .. } }, .. })
    )
}

fn refused(seen: &DeliverySeen, what: &str) -> ControlError {
    let state = match seen.state {
        DeliveryState::Handling => "it is being handled right now",
        DeliveryState::Accepted => "it had its effect",
        DeliveryState::Refused => "it was answered",
        DeliveryState::Dropped => "it was dropped",
        DeliveryState::Looked => "what it tells of was looked at",
        DeliveryState::Dead if seen.id.webhook => "nothing in it says what to look at",
        DeliveryState::Queued | DeliveryState::Waiting | DeliveryState::Dead => "it changed meanwhile: try again",
    };
    ControlError::Refused { why: format!("delivery {} cannot be {what}: {state}", seen.id) }
}
