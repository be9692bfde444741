//! How trackers stand, at a glance.

use std::sync::atomic::Ordering;

use orch_rules::ids::Timestamp;

use super::{Board, HookCounts};

/// How a tracker stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackerStanding {
    /// Its name in the settings.
    pub name: String,
    /// The repository whose issues it has.
    pub repository: String,
    /// It was reached, and what stands there was met.
    pub followed: bool,
    /// Why it cannot be followed now; `None` if it is.
    pub trouble: Option<String>,
    /// Since when no webhook tells of what people do there.
    pub silent_since: Option<Timestamp>,
    /// Webhooks that were stored, since this process started.
    pub stored: u64,
    /// That had come before.
    pub repeated: u64,
    /// That concern nobody here.
    pub ignored: u64,
    /// That were not the product's.
    pub refused: u64,
}

impl Board {
    pub(crate) fn standing(&self) -> TrackerStanding {
        let HookCounts { stored, repeated, ignored, refused } = &self.counts;
        let count = |of: &std::sync::atomic::AtomicU64| of.load(Ordering::Relaxed);
        let state = self.state();
        TrackerStanding {
            name: self.name().to_owned(),
            repository: self.project.repository.to_string(),
            followed: state.seen.is_some(),
            trouble: state.trouble.clone(),
            silent_since: state.silent_since,
            stored: count(stored),
            repeated: count(repeated),
            ignored: count(ignored),
            refused: count(refused),
        }
    }

    /// It cannot be followed now, or can again.
    pub(super) fn in_trouble(&self, why: Option<String>) {
        self.state().trouble = why;
    }
}
