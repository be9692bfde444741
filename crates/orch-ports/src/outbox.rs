//! What leaves: messages with their targets, as rows.

use async_trait::async_trait;
use orch_rules::ids::Timestamp;
use orch_rules::notice::Notice;
use orch_rules::outbox::fate::Facts;
use orch_rules::outbox::target::Health;
use serde::{Deserialize, Serialize};

use crate::keep::Keep;
use crate::projection::Projections;
use crate::store::StoreResult;

/// Row number of a message.
pub type MessageId = i64;

/// How far a message is. A spelling of a newer release is kept as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// To be sent when it is due.
    Queued,
    /// Somebody sends it.
    Sending,
    /// It arrived.
    Sent,
    /// Time overtook it, or a person dropped it.
    Dropped,
    /// Given up: a person replays or drops it.
    Dead,
}

impl MessageState {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Sending, Self::Sent, Self::Dropped, Self::Dead];

    /// Spelling in rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Dropped => "dropped",
            Self::Dead => "dead",
        }
    }
}

/// A message as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Row.
    pub id: MessageId,
    /// The connection's name.
    pub target: String,
    /// Said once for each target.
    pub key: String,
    /// What is said.
    pub notice: Notice,
    /// When it was written.
    pub made_at: Timestamp,
    /// Not before.
    pub due: Timestamp,
    /// How far it is.
    pub state: MessageState,
    /// Tries so far, a running one included.
    pub tries: u32,
    /// Raised by every claim.
    pub fence: i64,
    /// Why it was not sent, or the last failure.
    pub error: Option<String>,
    /// When it was sent or given up.
    pub ended_at: Option<Timestamp>,
}

/// The end of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It arrived.
    Sent,
    /// Nobody needs it any more.
    Dropped {
        /// Why.
        why: String,
    },
    /// Try again.
    Again {
        /// Not before.
        due: Timestamp,
        /// Why.
        error: String,
    },
    /// Not yet, and no try was made.
    Wait {
        /// Not before.
        due: Timestamp,
    },
    /// Given up.
    Dead {
        /// Why.
        error: String,
    },
}

/// Which messages to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageFilter {
    /// Only of this target.
    pub target: Option<String>,
    /// Only in this state.
    pub state: Option<MessageState>,
    /// At most so many, newest first.
    pub limit: u32,
}

/// How long a message is tried, in milliseconds.
pub const TRIED_MS: i64 = 7 * 24 * 60 * 60_000;

/// Messages and their targets. They are written with the facts ([`orch_rules::change::Change::Say`]).
#[async_trait]
pub trait Outbox: Projections {
    /// Take the next due message of a target: the oldest whose object has none before it that is neither sent nor given
    /// up. `None` if there is none now.
    async fn claim_message(&self, target: &str, owner: &str) -> StoreResult<Option<Message>>;
    /// When the next message of a target falls due; `None` if none is queued.
    async fn next_message_due(&self, target: &str) -> StoreResult<Option<Timestamp>>;
    /// What the fate of a notice depends on.
    async fn message_facts(&self, notice: &Notice) -> StoreResult<Facts>;
    /// Ends a try, with what it says about the target, in one transaction; [`crate::store::StoreError::Stale`] if the
    /// claim was lost.
    async fn end_message(&self, message: &Message, ended: Ended, health: Option<&Health>) -> StoreResult<()>;
    /// Messages left in the hands of earlier processes of this host, and of owners that are no host, are queued again.
    async fn reclaim_messages(&self, owner: &str) -> StoreResult<u64>;
    /// How a target is.
    async fn health(&self, target: &str) -> StoreResult<Health>;
    /// All targets that something is known of, by name.
    async fn targets(&self) -> StoreResult<Vec<(String, Health)>>;
    /// Messages for a list; one that this release cannot read is left out, and logged.
    async fn messages(&self, filter: &MessageFilter) -> StoreResult<Vec<Message>>;
    /// One message.
    async fn message(&self, id: MessageId) -> StoreResult<Option<Message>>;
    /// Queue a dead or dropped message again, or one that waits for its next try, for now; false if it is in another
    /// state.
    async fn replay_message(&self, id: MessageId) -> StoreResult<bool>;
    /// Give a message up that is queued or dead; false if it is in another state.
    async fn drop_message(&self, id: MessageId, why: &str) -> StoreResult<bool>;
    /// Remove what is kept long enough, at most `limit` rows; how many.
    async fn forget_messages(&self, keep: &Keep, limit: u32) -> StoreResult<u64>;
}
