//! Messages: what is to be said once, in order for each (target, object).

use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;
use crate::notice::Notice;

/// A message to be written with the facts that it tells of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewMessage {
    /// Said once: a second one of this key and target is not written.
    pub key: String,
    /// The connection's name.
    pub target: String,
    /// Messages of one object go one after the other.
    pub object: String,
    /// What is said.
    pub notice: Notice,
    /// When.
    pub made_at: Timestamp,
}

impl NewMessage {
    /// A notice for a target.
    pub fn of(notice: Notice, target: &str) -> Self {
        Self { key: notice.key(), target: target.to_owned(), object: notice.object(), made_at: notice.at, notice }
    }
}
