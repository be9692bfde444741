//! The hosts that share a database.

use orch_ports::hosts::HostRow;
use orch_rules::ids::HostId;
use orch_text::rfc3339;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A host: a state folder with its runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostView {
    /// Identity.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The release that works on it.
    pub release: String,
    /// Whether it is the one that answers.
    pub here: bool,
    /// Whether its lease is in force.
    pub alive: bool,
    /// Since when not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silent_since: Option<String>,
    /// Runs on it that have not ended.
    pub runs: u32,
    /// Agents at once.
    pub max_runs: u32,
}

impl HostView {
    pub(super) fn of(host: &HostRow, here: &HostId) -> Self {
        Self {
            id: host.id.to_string(),
            name: host.name.clone(),
            release: host.release.clone(),
            here: host.id == *here,
            alive: host.alive,
            silent_since: (!host.alive).then(|| rfc3339(host.lease_until)),
            runs: host.runs,
            max_runs: host.max_runs,
        }
    }
}
