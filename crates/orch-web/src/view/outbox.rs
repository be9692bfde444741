//! What leaves, and where to.

use orch_engine::control::{OutboxView, ProjectionSeen};
use orch_ports::outbox::Message;
use orch_rules::outbox::target::Health;
use orch_text::{Language, NoticeText, rfc3339};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The outbox at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutboxReport {
    /// Where messages go to.
    pub targets: Vec<TargetView>,
    /// Newest first.
    pub messages: Vec<MessageView>,
    /// What is not shown yet as it is, what people need first in front.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shown: Vec<ShownView>,
}

/// What is shown of a task outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShownReport {
    /// One for each target and side of the task.
    pub shown: Vec<ShownView>,
}

/// One side of a task, as a target shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShownView {
    /// Where it is shown.
    pub target: String,
    /// What people call the task; what stands in the row, if it is none.
    pub object: String,
    /// Which side of it: `change_request`, `commit_status`.
    pub aspect: String,
    /// `shown`; `due`: not yet as it is now; `sending`; `ended`: there is nothing to show it at any more; `left_alone`:
    /// nothing in the settings shows it, or this release does not know how.
    pub state: String,
    /// Since when it is due, or not before.
    pub due: String,
    /// Failures in a row.
    pub tries: u32,
    /// The last failure, or what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What it is called there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// When it was written there last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_at: Option<String>,
}

/// A target of messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TargetView {
    /// Its name in the settings.
    pub name: String,
    /// `ok`, `down` or `refused`.
    pub state: String,
    /// Since when it is not ok.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Tried again then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The last failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MessageView {
    /// Its number.
    pub id: i64,
    /// Where it goes.
    pub target: String,
    /// What receivers know it by.
    pub key: String,
    /// What it is about: `asked`, `held`, `done`, `stopped`, `frozen`, `unfrozen`, `outage`.
    pub kind: String,
    /// `queued`, `sending`, `sent`, `dropped`, or `dead`: given up.
    pub state: String,
    /// One sentence.
    pub text: String,
    /// When it was written.
    pub made_at: String,
    /// Not sent before.
    pub due: String,
    /// When it was sent or given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// Tries so far.
    pub tries: u32,
    /// Why it was not sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What is sent.
    pub body: serde_json::Value,
}

impl From<&Message> for MessageView {
    fn from(message: &Message) -> Self {
        let words = NoticeText::of(&message.notice, Language::English);
        let body = message.notice.body(&words.text, &words.commands);
        Self {
            id: message.id,
            target: message.target.clone(),
            key: message.key.clone(),
            kind: message.notice.kind.as_str().to_owned(),
            state: message.state.as_str().to_owned(),
            text: words.text,
            made_at: rfc3339(message.made_at),
            due: rfc3339(message.due),
            ended_at: message.ended_at.map(rfc3339),
            tries: message.tries,
            error: message.error.clone(),
            body: serde_json::from_str(&body).unwrap_or_default(),
        }
    }
}

impl From<&ProjectionSeen> for ShownView {
    fn from(seen: &ProjectionSeen) -> Self {
        let row = &seen.row;
        let state = match row {
            row if row.ended_at.is_some() => "ended",
            _ if seen.left_alone => "left_alone",
            row if row.claimed => "sending",
            row if row.is_due() => "due",
            _ => "shown",
        };
        Self {
            target: row.target.clone(),
            object: seen.work_item.as_ref().map_or_else(|| row.object.clone(), ToString::to_string),
            aspect: row.aspect.clone(),
            state: state.to_owned(),
            due: rfc3339(row.due),
            tries: row.tries,
            error: row.error.clone(),
            external_id: row.external_id.clone(),
            written_at: row.state.writes.iter().rev().find_map(|write| write.ended).map(rfc3339),
        }
    }
}

impl From<&(String, Health)> for TargetView {
    fn from((name, health): &(String, Health)) -> Self {
        let state = match (&health.refused, health.until) {
            (Some(_), _) => "refused",
            (None, Some(_)) => "down",
            (None, None) => "ok",
        };
        Self {
            name: name.clone(),
            state: state.to_owned(),
            since: health.since.map(rfc3339),
            until: health.until.map(rfc3339),
            reason: Some(health.reason.clone()).filter(|reason| !reason.is_empty()),
        }
    }
}

impl From<&OutboxView> for OutboxReport {
    fn from(view: &OutboxView) -> Self {
        Self {
            targets: view.targets.iter().map(Into::into).collect(),
            messages: view.messages.iter().map(Into::into).collect(),
            shown: view.shown.iter().map(Into::into).collect(),
        }
    }
}
