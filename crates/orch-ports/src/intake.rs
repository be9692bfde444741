//! What comes in: deliveries, looks and observations, as rows.

use async_trait::async_trait;
use orch_rules::actor::Actor;
use orch_rules::ids::{TaskId, Timestamp};
use orch_rules::issue::Issue;
use orch_rules::observation::{Object, ObjectKind};
use orch_rules::outbox::message::NewMessage;

use crate::keep::Keep;
use crate::store::{Delivery, StoreResult};

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
    /// It is looked at then; `None`: now. One that is due sooner stays so.
    pub due: Option<Timestamp>,
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Observed {
    /// Raised by every write; 0 if nothing is kept.
    pub version: i64,
    /// The observation as JSON; empty if nothing is kept.
    pub body: String,
}

/// What a look tells, stored with its end.
#[derive(Debug, Clone, PartialEq)]
pub enum LookTold {
    /// Something happened.
    Event(Delivery),
    /// An issue is to become a task.
    Issue {
        /// Where it comes from.
        source: String,
        /// Known once per source.
        key: String,
        /// Who wants it.
        by: Actor,
        /// As it is now.
        issue: Box<Issue>,
    },
    /// Somebody is told.
    Say(Box<NewMessage>),
}

/// How a look ends.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LookEnd {
    /// What is kept from now on; `None` if nothing is new: then nothing of it is written.
    pub observation: Option<Observed>,
    /// Look again then.
    pub again: Option<Timestamp>,
    /// Why it could not be read, for people.
    pub error: Option<String>,
    /// What follows of it.
    pub told: Vec<LookTold>,
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
    /// When the next look of a connection falls due; `None` if none is queued.
    async fn next_look_due(&self, connection: &str) -> StoreResult<Option<Timestamp>>;
    /// What is kept of every object of a kind.
    async fn all_observed(&self, connection: &str, kind: ObjectKind) -> StoreResult<Vec<(Object, Observed)>>;
    /// The key under which a task's issue is filed ([`orch_rules::issue::Issue::key`]), also if it has ended.
    async fn issue_of(&self, task: &TaskId) -> StoreResult<Option<String>>;
    /// What is kept of an object.
    async fn observed(&self, connection: &str, object: &Object) -> StoreResult<Observed>;
    /// End a look. `seen` is the version it began from: if another look replaced the observation meanwhile, nothing is
    /// written but that it is looked at once more; false then. [`crate::store::StoreError::Stale`] if the claim was
    /// lost.
    async fn end_look(&self, look: &Look, seen: i64, end: LookEnd) -> StoreResult<bool>;
    /// Replaces what is kept of an object, if it still has the version `seen` (0: nothing is kept). False: it was replaced
    /// meanwhile, and nothing was written.
    async fn observe(&self, connection: &str, object: &Object, seen: i64, body: &str) -> StoreResult<bool>;
    /// Looks left in the hands of owners other than this one are queued again.
    async fn reclaim_looks(&self, owner: &str) -> StoreResult<u64>;
    /// Deliveries for a list, newest first.
    async fn deliveries(&self, connection: Option<&str>, limit: u32) -> StoreResult<Vec<DeliveryRow>>;
    /// Forget old bodies and old deliveries, at most `limit` rows of each; how many.
    async fn forget_deliveries(&self, keep: &Keep, limit: u32) -> StoreResult<u64>;
}
