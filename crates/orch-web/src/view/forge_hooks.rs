//! Webhooks of forges, as programs see them.

use orch_engine::ForgeHookCounts;
use orch_rules::ids::RepositoryId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Webhooks that came since the service began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForgeHooksView {
    /// The repository; empty: one that there is not.
    pub repository: String,
    /// Stored, and looked at.
    pub stored: u64,
    /// Known already.
    pub repeated: u64,
    /// Of no concern here.
    pub ignored: u64,
    /// Not signed, wrongly signed, too long, or of an unknown repository.
    pub refused: u64,
    /// When the newest one that was signed came, in milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<i64>,
}

impl ForgeHooksView {
    /// Of one repository.
    pub fn of((repository, counts): (RepositoryId, ForgeHookCounts)) -> Self {
        let ForgeHookCounts { stored, repeated, ignored, refused, last } = counts;
        let last = last.map(|last| last.0);
        Self { repository: repository.to_string(), stored, repeated, ignored, refused, last }
    }
}
