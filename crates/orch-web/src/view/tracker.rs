//! The trackers that are followed.

use orch_engine::TrackerStanding;
use orch_text::rfc3339;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A tracker that is followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrackerView {
    /// Its name in the settings.
    pub name: String,
    /// Whose issues it has.
    pub repository: String,
    /// Whether it was reached since the service started.
    pub followed: bool,
    /// Why it cannot be followed now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Since when no webhook tells of what people do there; it is found by asking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_silent_since: Option<String>,
    /// Webhooks since the service started.
    pub webhooks: WebhookCounts,
}

/// Webhooks of a tracker, by what became of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookCounts {
    /// Stored and looked at.
    pub stored: u64,
    /// Had come before.
    pub repeated: u64,
    /// Concern nobody here.
    pub ignored: u64,
    /// Were not signed, or not with the secret, or too long.
    pub refused: u64,
}

impl From<&TrackerStanding> for TrackerView {
    fn from(of: &TrackerStanding) -> Self {
        Self {
            name: of.name.clone(),
            repository: of.repository.clone(),
            followed: of.followed,
            trouble: of.trouble.clone(),
            webhook_silent_since: of.silent_since.map(rfc3339),
            webhooks: WebhookCounts {
                stored: of.stored,
                repeated: of.repeated,
                ignored: of.ignored,
                refused: of.refused,
            },
        }
    }
}
