//! Links into the pages.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whom a link lets in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkRequest {
    /// Whoever asks, if left out; as long as nobody is admin, somebody who becomes the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
}

/// A link that works once, within a day.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkView {
    /// Behind the address of the pages. A secret.
    pub path: String,
    /// Whom it lets in; absent: who says who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
}

// By hand, so that the link never reaches a log.
impl std::fmt::Debug for LinkView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkView").field("person", &self.person).finish_non_exhaustive()
    }
}
