//! Who is let into the pages: links that work once, sessions, passwords. Only hashes of secrets are kept.

use async_trait::async_trait;
use orch_rules::actor::Actor;
use orch_rules::ids::Timestamp;
use orch_rules::rights::Person;

use crate::store::StoreResult;

/// What a link lets somebody do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Come in as this person; `None`: say who they are, as the first admin.
    pub person: Option<String>,
    /// Who made it.
    pub by: Actor,
}

/// A session of somebody who came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub person: Person,
    /// Since when.
    pub begun_at: Timestamp,
}

/// Links, sessions and passwords as rows. `hash` is the SHA-256 of the secret in hexadecimal.
#[async_trait]
pub trait Access: Send + Sync {
    /// Keeps a link for so many milliseconds; those that ended go.
    async fn invite(&self, hash: &str, invitation: &Invitation, lasts_ms: i64) -> StoreResult<()>;
    /// A link that still works.
    async fn invitation(&self, hash: &str) -> StoreResult<Option<Invitation>>;
    /// Uses a link up. False if it was used meanwhile, or ended.
    async fn use_invitation(&self, hash: &str) -> StoreResult<bool>;
    /// Keeps a session for so many milliseconds; those that ended go.
    async fn begin_session(&self, hash: &str, person: &str, lasts_ms: i64) -> StoreResult<()>;
    /// A session in force, of a person who is still known.
    async fn session(&self, hash: &str) -> StoreResult<Option<Session>>;
    /// Ends one session.
    async fn end_session(&self, hash: &str) -> StoreResult<()>;
    /// Ends every session of a person but one.
    async fn end_sessions(&self, person: &str, but: &str) -> StoreResult<()>;
    /// Keeps what a password is checked against; `None`: there is none any more.
    async fn set_password(&self, person: &str, phc: Option<&str>) -> StoreResult<()>;
    /// What the password of a person who is still known is checked against.
    async fn password(&self, person: &str) -> StoreResult<Option<String>>;
}
