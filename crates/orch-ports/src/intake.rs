//! What comes in: deliveries, looks and observations, as rows.

use async_trait::async_trait;
use orch_rules::ids::Timestamp;
use orch_rules::observation::Object;

use crate::keep::Keep;
use crate::store::StoreResult;

/// A webhook's delivery, stored before the sender is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// The connection it came to.
    pub connection: String,
    /// The same key is the same delivery.
    pub key: String,
    /// The headers that are used, as JSON.
    pub headers: String,
    /// Raw.
    pub body: String,
    /// What to look at; empty if it could not be understood.
    pub hints: Vec<Object>,
}

/// A delivery as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Row.
    pub id: i64,
    /// The connection it came to.
    pub connection: String,
    /// The same key is the same delivery.
    pub key: String,
    /// When.
    pub received_at: Timestamp,
    /// Raw; `None` once it is old.
    pub body: Option<String>,
    /// Keys of what is looked at for it.
    pub hints: Vec<String>,
    /// `looked`, `unread` or `dropped`.
    pub outcome: String,
}

/// A claimed look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Row.
    pub id: i64,
    /// Where.
    pub connection: String,
    /// At what.
    pub object: Object,
    /// 1 for the first try.
    pub tries: u32,
    /// Raised by every claim.
    pub fence: i64,
}

/// What is kept of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Raised by every write; 0 if nothing is kept.
    pub version: i64,
    /// The observation as JSON; empty if nothing is kept.
    pub body: String,
}

/// How a look ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookEnd {
    /// What is kept from now on; `None` if nothing is new: then nothing of it is written.
    pub observation: Option<Observed>,
    /// Look again then.
    pub again: Option<Timestamp>,
    /// Why it could not be read, for people.
    pub error: Option<String>,
}

/// Deliveries, looks and observations. No look ends on an observation that another one replaced meanwhile.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Store a delivery and queue its looks in one transaction. False if it was known: nothing is stored then, and the
    /// looks are raised all the same.
    async fn deliver(&self, delivery: NewDelivery) -> StoreResult<bool>;
    /// Queue a look, unless one is queued; that one's due time is pulled to `due` if it is later. One that runs is
    /// followed by another.
    async fn hint(&self, connection: &str, object: &Object, due: Timestamp) -> StoreResult<()>;
    /// Take the next due look of a connection.
    async fn claim_look(&self, connection: &str, owner: &str) -> StoreResult<Option<Look>>;
    /// What is kept of an object.
    async fn observed(&self, connection: &str, object: &Object) -> StoreResult<Observed>;
    /// End a look. `seen` is the version it began from: if another look replaced the observation meanwhile, nothing is
    /// written but that it is looked at once more; false then. [`crate::store::StoreError::Stale`] if the claim was
    /// lost.
    async fn end_look(&self, look: &Look, seen: i64, end: LookEnd) -> StoreResult<bool>;
    /// Looks left in the hands of owners other than this one are queued again.
    async fn reclaim_looks(&self, owner: &str) -> StoreResult<u64>;
    /// Deliveries for a list, newest first.
    async fn deliveries(&self, connection: Option<&str>, limit: u32) -> StoreResult<Vec<DeliveryRow>>;
    /// Forget old bodies and old deliveries, at most `limit` rows of each; how many.
    async fn forget_deliveries(&self, keep: &Keep, limit: u32) -> StoreResult<u64>;
}
