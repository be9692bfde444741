//! Who is let into the pages. A secret is shown once, to whoever asked for it; what is kept is its hash.

use std::sync::Arc;

use orch_ports::access::{Access, Invitation, Session};
use orch_rules::actor::{Actor, ActorSource};
use orch_rules::identity::{self, PeopleChange, PeopleCommand};
use orch_rules::rights::PersonRole;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Control, ControlError};
use crate::engine::Engine;

/// How long a link lets somebody in, in milliseconds.
const LINK_LASTS_MS: i64 = 24 * 60 * 60_000;
/// How long a session lasts, in milliseconds.
const SESSION_LASTS_MS: i64 = 30 * 24 * 60 * 60_000;

/// A link that works once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// What stands in the link.
    pub secret: String,
    /// Whom it lets in; `None`: somebody who says who they are, as the first admin.
    pub person: Option<String>,
}

/// Somebody whom a link lets in as the first admin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newcomer {
    /// What lists in settings name.
    pub person: String,
    /// What people read.
    pub display: Option<String>,
    /// `en`, `ru`.
    pub language: String,
}

impl Engine {
    /// Links, sessions and passwords are kept there.
    #[must_use]
    pub fn letting_in(mut self, access: Arc<dyn Access>) -> Self {
        self.access = Some(access);
        self
    }
}

impl Control {
    /// A link that lets a person in once, within a day; `person` left out is whoever asks, and the first admin as long
    /// as nobody is one.
    ///
    /// # Errors
    /// [`ControlError::Refused`] with the reason, or the store's.
    pub async fn invite(&self, person: Option<&str>, by: impl Into<Actor>) -> Result<Admission, ControlError> {
        let by = by.into();
        let acting = self.met(&by, &[]).await?;
        let known = self.directory().await?.people;
        let person = identity::invite(&known, &acting, person).map_err(|why| ControlError::Refused { why })?;
        let secret = new_secret();
        let invitation = Invitation { person: person.clone(), by };
        self.access()?.invite(&hash(&secret), &invitation, LINK_LASTS_MS).await?;
        Ok(Admission { secret, person })
    }

    /// Whom a link lets in; `None`: it was used, or ended.
    ///
    /// # Errors
    /// The store's.
    pub async fn invitation(&self, secret: &str) -> Result<Option<Invitation>, ControlError> {
        Ok(self.access()?.invitation(&hash(secret)).await?)
    }

    /// Uses a link up. The person who came in, and the secret of their session.
    ///
    /// # Errors
    /// [`ControlError::Refused`] if the link works no longer, or the newcomer cannot be added; or the store's.
    pub async fn come_in(&self, secret: &str, newcomer: Option<Newcomer>) -> Result<(String, String), ControlError> {
        let invitation = self.invitation(secret).await?.ok_or_else(used)?;
        let person = match (invitation.person, newcomer) {
            (Some(person), _) => {
                self.use_up(secret).await?;
                person
            }
            (None, Some(newcomer)) => self.first_admin(newcomer, &invitation.by, secret).await?,
            (None, None) => {
                return Err(ControlError::Invalid { problems: vec!["say who you are: a name is missing".to_owned()] });
            }
        };
        let session = self.begin_session(&person).await?;
        Ok((person, session))
    }

    /// Of many who use a link at once one does.
    async fn use_up(&self, secret: &str) -> Result<(), ControlError> {
        if self.access()?.use_invitation(&hash(secret)).await? { Ok(()) } else { Err(used()) }
    }

    /// Adds the first admin; the account of the machine that made the link is theirs, so that what it says stays an
    /// admin's word.
    async fn first_admin(&self, newcomer: Newcomer, by: &Actor, secret: &str) -> Result<String, ControlError> {
        let Newcomer { person, display, language } = newcomer;
        let add = PeopleCommand::Add {
            person: person.clone(),
            display,
            language: Some(language),
            role: Some(PersonRole::Admin),
        };
        let people = self.who_is_who()?;
        let (known, acting) = (people.directory().await?.people, self.met(by, &[]).await?);
        let refused = |why| ControlError::Refused { why };
        let change = match known.iter().find(|known| known.person.id == person.trim()) {
            Some(there) => identity::decide(
                &known,
                &acting,
                &PeopleCommand::Role { person: there.person.id.clone(), role: PersonRole::Admin },
            ),
            None => identity::decide(&known, &acting, &add),
        };
        let change = change.map_err(refused)?;
        let PeopleChange::Put(put) = &change else {
            return Err(refused("this link adds nobody".to_owned()));
        };
        let id = put.id.clone();
        // Behind what may still be refused, before anybody is made admin by it.
        self.use_up(secret).await?;
        people.change_people(&change, by).await?;
        let ours = matches!(by.source(), ActorSource::Local) && acting.person.is_none();
        let account = if ours { by.clone() } else { Actor::session(&id) };
        people.change_people(&PeopleChange::Link { person: id.clone(), actor: account }, by).await?;
        tracing::info!(person = id, by = by.wire(), "the first admin came in");
        Ok(id)
    }

    /// A session of a person who showed who they are; its secret.
    ///
    /// # Errors
    /// The store's.
    pub async fn begin_session(&self, person: &str) -> Result<String, ControlError> {
        let secret = new_secret();
        self.access()?.begin_session(&hash(&secret), person, SESSION_LASTS_MS).await?;
        tracing::info!(person, "logged in");
        Ok(secret)
    }

    /// Whose session it is, if it is in force.
    ///
    /// # Errors
    /// The store's.
    pub async fn session(&self, secret: &str) -> Result<Option<Session>, ControlError> {
        Ok(self.access()?.session(&hash(secret)).await?)
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The store's.
    pub async fn log_out(&self, secret: &str) -> Result<(), ControlError> {
        Ok(self.access()?.end_session(&hash(secret)).await?)
    }

    /// What the password of a person is checked against.
    ///
    /// # Errors
    /// The store's.
    pub async fn password(&self, person: &str) -> Result<Option<String>, ControlError> {
        Ok(self.access()?.password(person).await?)
    }

    /// A person has another password: other sessions of theirs than `session` end.
    ///
    /// # Errors
    /// The store's.
    pub async fn set_password(&self, person: &str, phc: Option<&str>, session: &str) -> Result<(), ControlError> {
        let access = self.access()?;
        access.set_password(person, phc).await?;
        access.end_sessions(person, &hash(session)).await?;
        tracing::info!(person, set = phc.is_some(), "another password; other sessions ended");
        Ok(())
    }

    /// What people call an account; empty if nobody knows.
    ///
    /// # Errors
    /// The store's.
    pub async fn called(&self, actor: &Actor) -> Result<String, ControlError> {
        let names = self.who_is_who()?.names(std::slice::from_ref(actor)).await?;
        Ok(names.get(actor).cloned().unwrap_or_default())
    }

    fn access(&self) -> Result<&Arc<dyn Access>, ControlError> {
        let why = || ControlError::Refused { why: "this service lets nobody into its pages".to_owned() };
        self.engine.access.as_ref().ok_or_else(why)
    }
}

fn used() -> ControlError {
    ControlError::Refused { why: "this link was used, or is older than a day: orch open".to_owned() }
}

/// 244 random bits in hexadecimal.
fn new_secret() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

fn hash(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
