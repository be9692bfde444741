//! What came in.

use orch_engine::control::DeliveryDetail;
use orch_ports::store::InboxAnswer;
use orch_rules::reason::Reason;
use orch_text::{Language, rfc3339};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Deliveries, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryList {
    /// Without what is stored of them.
    pub deliveries: Vec<DeliveryView>,
}

/// What came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryView {
    /// `12`; `w12` if a webhook told it.
    pub id: String,
    /// `board`, `desk`, or the connection of a webhook.
    pub source: String,
    /// The same key of one source is the same delivery.
    pub key: String,
    /// What people call who caused it; absent if it does not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Their account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// When it came.
    pub received_at: String,
    /// What it asks for: `issue`, `start_requested`; empty if this release does not know.
    pub kind: String,
    /// The task that it is about, or became.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// That task's repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// `queued`, `waiting`, `handling`, `accepted`, `refused`, `looked`, `dropped`, or `dead`: given up.
    pub state: String,
    /// What was answered, what it waits for, or why it could not be handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// As it is stored; absent in lists, and once it is old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<serde_json::Value>,
}

fn answer_in_words(reason: &Reason) -> String {
    orch_text::answer(reason, Language::English).to_string()
}

impl DeliveryView {
    /// For a list.
    pub fn brief(detail: &DeliveryDetail) -> Self {
        let seen = &detail.seen;
        let answered = seen.answer.as_ref().map(|answer| match answer {
            InboxAnswer::Accepted { text } => answer_in_words(text),
            InboxAnswer::Refused { why } => answer_in_words(why),
            InboxAnswer::Dropped { why } => why.clone(),
            InboxAnswer::NotFound { what } => what.clone(),
            InboxAnswer::Opened { .. } => "it is a task".to_owned(),
        });
        Self {
            id: seen.id.to_string(),
            source: seen.source.clone(),
            key: seen.key.clone(),
            by: seen.by.as_ref().map(ToString::to_string),
            actor: seen.by.as_ref().map(|by| by.wire()),
            received_at: rfc3339(seen.received_at),
            kind: detail.kind.clone(),
            task: detail.task.as_ref().map(|task| task.work_item.to_string()),
            repository: detail.task.as_ref().map(|task| task.repository.to_string()),
            state: seen.state.as_str().to_owned(),
            text: answered.or_else(|| seen.error.clone()),
            body: None,
        }
    }

    /// With what is stored.
    pub fn whole(detail: &DeliveryDetail) -> Self {
        let body = detail.seen.body.as_deref();
        let body = body.map(|text| serde_json::from_str(text).unwrap_or_else(|_| text.into()));
        Self { body, ..Self::brief(detail) }
    }
}
