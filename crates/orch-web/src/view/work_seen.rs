//! What a task made.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The papers of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PapersView {
    /// By name.
    pub documents: Vec<PaperView>,
}

/// A paper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaperView {
    /// From the top of the repository.
    pub path: String,
    /// Markdown.
    pub text: String,
}

/// A change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DiffView {
    /// A unified diff with its statistics before it; empty if nothing is changed.
    pub diff: String,
    /// There is more of it.
    pub cut: bool,
}
