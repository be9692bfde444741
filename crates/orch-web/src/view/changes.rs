//! What changed.

use orch_ports::feed::FeedPart;
use orch_text::rfc3339;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A part of the feed of changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangesView {
    /// In their order.
    pub changes: Vec<ChangeView>,
    /// Where to go on: `after` of the next request.
    pub next: String,
    /// What stood behind `after` is not kept any more (an hour): look at everything anew, and go on at `next`.
    pub lost: bool,
}

/// Something that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeView {
    /// Where.
    pub repository: String,
    /// Of which task; absent: of the repository itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// `opened`, `changed` or `ended` for a task, `repository`; a newer release may say more.
    pub what: String,
    /// When.
    pub at: String,
}

impl From<FeedPart> for ChangesView {
    fn from(part: FeedPart) -> Self {
        let changes = part.changes.into_iter().map(|change| ChangeView {
            repository: change.repository.to_string(),
            task: change.task.map(|task| task.to_string()),
            what: change.what,
            at: rfc3339(change.at),
        });
        Self { changes: changes.collect(), next: part.next.to_string(), lost: part.lost }
    }
}
