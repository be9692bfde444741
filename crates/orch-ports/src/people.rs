//! Who is who, as rows: people, accounts, codes, connections, and what actors are called.

use std::collections::BTreeMap;

use async_trait::async_trait;
use orch_rules::actor::Actor;
use orch_rules::connection::{Connection, NewConnection};
use orch_rules::identity::{KnownPerson, LinkCode, PeopleChange};
use orch_rules::rights::Acting;

use crate::store::StoreResult;

/// Everybody who is known, and who was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    /// In the order of their ids.
    pub people: Vec<KnownPerson>,
    /// Ids of those who were forgotten.
    pub forgotten: Vec<String>,
}

/// Who is who.
#[async_trait]
pub trait People: Send + Sync {
    /// Everybody.
    async fn directory(&self) -> StoreResult<Directory>;
    /// Whose account an actor is, what its connection is for, and whether it is our own there.
    async fn acting(&self, actor: &Actor) -> StoreResult<Acting>;
    /// Writes what was decided about people, at an actor's word. False, and nothing is written, if an account became
    /// somebody else's meanwhile.
    async fn change_people(&self, change: &PeopleChange, by: &Actor) -> StoreResult<bool>;
    /// Keeps a code for a person; older ones of theirs end.
    async fn keep_code(&self, code: &str, person: &str) -> StoreResult<()>;
    /// A code that is kept.
    async fn code(&self, code: &str) -> StoreResult<Option<LinkCode>>;
    /// Uses a code up and links in one transaction. False, and nothing is written, if it was used meanwhile or the account
    /// became somebody else's.
    async fn use_code(&self, code: &str, change: &PeopleChange, by: &Actor) -> StoreResult<bool>;
    /// Keeps what an actor is called now. Writes nothing if that is known.
    async fn call(&self, actor: &Actor) -> StoreResult<()>;
    /// What actors are called: the display name of their person, else what they were called last.
    async fn names(&self, actors: &[Actor]) -> StoreResult<BTreeMap<Actor, String>>;
    /// The connection to a project: the same one for the same project, whatever the settings call it.
    async fn connect(&self, connection: &NewConnection) -> StoreResult<Connection>;
}
