//! What came in, for people: what was asked here, and what webhooks told.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use orch_rules::actor::Actor;
use orch_rules::ids::Timestamp;
use serde::{Deserialize, Serialize};

use crate::store::{InboxAnswer, StoreResult};

/// Names a delivery: `12` was asked here, `w12` was told by a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryId {
    /// It was told by a webhook.
    pub webhook: bool,
    /// Its row.
    pub number: i64,
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}", if self.webhook { "w" } else { "" }, self.number)
    }
}

impl FromStr for DeliveryId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (webhook, digits) = text.strip_prefix('w').map_or((false, text), |digits| (true, digits));
        Ok(Self { webhook, number: digits.parse::<u32>()?.into() })
    }
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It will be handled.
    Queued,
    /// It is handled once what it waits for happens.
    Waiting,
    /// It is being handled.
    Handling,
    /// It had its effect.
    Accepted,
    /// It changed nothing.
    Refused,
    /// What it told of was looked at, or will be.
    Looked,
    /// A person dropped it.
    Dropped,
    /// It could not be handled, and waits for a person.
    Dead,
}

impl DeliveryState {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Waiting,
        Self::Handling,
        Self::Accepted,
        Self::Refused,
        Self::Looked,
        Self::Dropped,
        Self::Dead,
    ];

    /// Its spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Waiting => "waiting",
            Self::Handling => "handling",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Looked => "looked",
            Self::Dropped => "dropped",
            Self::Dead => "dead",
        }
    }
}

/// A delivery as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliverySeen {
    /// Which.
    pub id: DeliveryId,
    /// `board`, `desk`, or the connection of a webhook.
    pub source: String,
    /// The same key of one source is the same delivery.
    pub key: String,
    /// Who caused it; `None`: a webhook does not say so.
    pub by: Option<Actor>,
    /// When it came.
    pub received_at: Timestamp,
    /// What became of it.
    pub state: DeliveryState,
    /// As it is stored; `None` once it is old.
    pub body: Option<String>,
    /// What was answered.
    pub answer: Option<InboxAnswer>,
    /// Why it waits, or was not handled.
    pub error: Option<String>,
}

/// Which deliveries to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Only of this source.
    pub source: Option<String>,
    /// Only in this state.
    pub state: Option<DeliveryState>,
    /// At most so many, newest first.
    pub limit: u32,
}

/// What a person sees and does of what came in.
#[async_trait]
pub trait Deliveries: Send + Sync {
    /// Newest first.
    async fn deliveries_seen(&self, filter: &DeliveryFilter) -> StoreResult<Vec<DeliverySeen>>;
    /// One of them.
    async fn delivery_seen(&self, id: DeliveryId) -> StoreResult<Option<DeliverySeen>>;
    /// What was asked is handled once more, now, if it is dead or waits; what a webhook told of is looked at again. False
    /// if it is in another state, or tells of nothing to look at.
    async fn replay_delivery(&self, id: DeliveryId) -> StoreResult<bool>;
    /// Gives up what is queued, waits or is dead, with this reason; false if it is in another state.
    async fn drop_delivery(&self, id: DeliveryId, why: &str) -> StoreResult<bool>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_as_it_is_written() {
        for text in ["12", "w7"] {
            assert_eq!(text.parse::<DeliveryId>().unwrap().to_string(), text);
        }
        for bad in ["", "w", "-1", "x7", "w-7"] {
            assert!(bad.parse::<DeliveryId>().is_err(), "{bad}");
        }
    }
}
