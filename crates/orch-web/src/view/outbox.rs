//! Messages that leave, and where to.

use orch_engine::control::OutboxView;
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
        }
    }
}
