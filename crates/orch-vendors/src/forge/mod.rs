//! Forges.

pub mod gitea;
pub mod local;
pub mod reach;
pub mod remote;

/// The beginning of a commit's name, as people quote it.
fn short(commit: &orch_git::CommitId) -> &str {
    let id = commit.as_str();
    id.get(..10).unwrap_or(id)
}
