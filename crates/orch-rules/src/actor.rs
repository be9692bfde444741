//! Who did something, as the outside names it: a source and an id there. Never a display name: two people may have one,
//! one person may change theirs, and anybody may choose another's. On the wire it is one string, so that a release that
//! knows only names reads it in the same place.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where an id is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActorSource {
    /// The service itself; it has no id.
    Orch,
    /// An account of the machine: its number.
    Local,
    /// A token of the API.
    Token,
    /// A person who logged in.
    Session,
    /// The agent in a role.
    Role,
    /// The author that a commit names: whatever somebody wrote there.
    Git,
    /// A bare name, as releases before this one stored it.
    Name,
    /// An account at a connection, by the connection's id.
    Connection(String),
    /// Of a newer release, in a form that this one does not know; the id is all of it.
    Unknown,
}

/// Who did something. Two are one if source and id are; the name is for reading and is not stored with it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Value", into = "Value")]
pub struct Actor {
    source: ActorSource,
    id: String,
    /// What people know them by, where somebody looked it up.
    name: Option<String>,
    /// As a newer release wrote it; goes back like that.
    stored: Option<Box<Value>>,
}

impl Actor {
    /// The service itself.
    pub const ORCH: Self = Self { source: ActorSource::Orch, id: String::new(), name: None, stored: None };

    fn new(source: ActorSource, id: impl Into<String>) -> Self {
        Self { source, id: id.into(), name: None, stored: None }
    }
    /// An account of this machine.
    pub fn local(uid: u32) -> Self {
        Self::new(ActorSource::Local, uid.to_string())
    }
    /// A token of the API.
    pub fn token(id: impl Into<String>) -> Self {
        Self::new(ActorSource::Token, id)
    }
    /// A person who logged in.
    pub fn session(person: impl Into<String>) -> Self {
        Self::new(ActorSource::Session, person)
    }
    /// The agent in a role.
    pub fn role(role: crate::pipeline::Role) -> Self {
        Self::new(ActorSource::Role, role.name())
    }
    /// The author that a commit names.
    pub fn git(author: impl Into<String>) -> Self {
        Self::new(ActorSource::Git, author)
    }
    /// An account at a connection.
    pub fn at(connection: impl Into<String>, account: impl Into<String>) -> Self {
        Self::new(ActorSource::Connection(connection.into()), account)
    }

    /// From its one string. What has no source is a bare name.
    pub fn parse(text: &str) -> Self {
        if text == "orch" {
            return Self::ORCH;
        }
        let bare = || Self::new(ActorSource::Name, text);
        let Some((source, id)) = text.split_once(':') else { return bare() };
        let of = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
        let named = !source.is_empty() && source != "orch" && source.chars().all(of);
        if !named || id.is_empty() || id.starts_with(' ') {
            return bare();
        }
        let source = match source {
            "local" => ActorSource::Local,
            "token" => ActorSource::Token,
            "session" => ActorSource::Session,
            "role" => ActorSource::Role,
            "git" => ActorSource::Git,
            "name" => ActorSource::Name,
            connection => ActorSource::Connection(connection.to_owned()),
        };
        Self::new(source, id)
    }

    /// Where the id is one.
    pub fn source(&self) -> &ActorSource {
        &self.source
    }
    /// The id there.
    pub fn id(&self) -> &str {
        &self.id
    }
    /// The service itself.
    pub fn is_orch(&self) -> bool {
        self.source == ActorSource::Orch
    }

    /// Its one string.
    pub fn wire(&self) -> String {
        let source = match &self.source {
            ActorSource::Orch => return "orch".to_owned(),
            ActorSource::Unknown => return self.id.clone(),
            ActorSource::Local => "local",
            ActorSource::Token => "token",
            ActorSource::Session => "session",
            ActorSource::Role => "role",
            ActorSource::Git => "git",
            ActorSource::Name => "name",
            ActorSource::Connection(connection) => connection,
        };
        format!("{source}:{}", self.id)
    }

    /// With what people know them by.
    #[must_use]
    pub fn known_as(mut self, name: impl Into<String>) -> Self {
        self.call(name);
        self
    }
    /// Sets what people know them by.
    pub fn call(&mut self, name: impl Into<String>) {
        self.name = Some(name.into()).filter(|name| !name.is_empty());
    }
    /// What people know them by, if somebody looked it up.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// For people: the name, if it is known.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, &self.source) {
            (Some(name), _) => f.write_str(name),
            (None, ActorSource::Role | ActorSource::Git | ActorSource::Name) => f.write_str(&self.id),
            (None, _) => f.write_str(&self.wire()),
        }
    }
}

impl PartialEq for Actor {
    fn eq(&self, other: &Self) -> bool {
        (&self.source, &self.id) == (&other.source, &other.id)
    }
}
impl Eq for Actor {}
impl PartialOrd for Actor {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Actor {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (&self.source, &self.id).cmp(&(&other.source, &other.id))
    }
}
impl Hash for Actor {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.source, &self.id).hash(state);
    }
}

impl From<&str> for Actor {
    fn from(text: &str) -> Self {
        Self::parse(text)
    }
}

impl From<Value> for Actor {
    fn from(value: Value) -> Self {
        if let Value::String(text) = &value {
            return Self::parse(text);
        }
        let part = |name: &str| value.get(name).and_then(Value::as_str);
        let mut actor = match (part("source"), part("id")) {
            (Some(source), Some(id)) => Self::parse(&format!("{source}:{id}")),
            (Some("orch"), None) => Self::ORCH,
            _ => Self::new(ActorSource::Unknown, value.to_string()),
        };
        actor.stored = Some(Box::new(value));
        actor
    }
}

impl From<Actor> for Value {
    fn from(actor: Actor) -> Self {
        match actor.stored {
            Some(stored) => *stored,
            None => Self::String(actor.wire()),
        }
    }
}

/// What names people. Names are looked up for reading; they are not part of any row.
pub trait NamesActors: Send {
    /// Shows each of its actors.
    fn actors(&mut self, see: &mut dyn FnMut(&mut Actor));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text, source, id.
    const SPELLED: [(&str, ActorSource, &str); 7] = [
        ("local:1000", ActorSource::Local, "1000"),
        ("token:host", ActorSource::Token, "host"),
        ("session:ann", ActorSource::Session, "ann"),
        ("role:developer", ActorSource::Role, "developer"),
        ("git:ann", ActorSource::Git, "ann"),
        ("name:ann", ActorSource::Name, "ann"),
        ("orch", ActorSource::Orch, ""),
    ];

    #[test]
    fn one_string_there_and_back() {
        for (text, source, id) in SPELLED {
            let actor = Actor::parse(text);
            assert_eq!((actor.source(), actor.id()), (&source, id), "{text}");
            assert_eq!(serde_json::to_value(&actor).unwrap(), text);
        }
        for text in ["plane-1:4b3c", "plane-1:a:b", "later.sub:x:y", "gitea_2:7", "2fa:x"] {
            let actor = Actor::parse(text);
            assert!(matches!(actor.source(), ActorSource::Connection(_)), "{text}");
            assert_eq!(serde_json::to_value(&actor).unwrap(), text, "what is not known is kept");
        }
    }

    #[test]
    fn a_name_that_earlier_releases_stored_is_a_bare_name() {
        for name in ["ann", "Zoë", "uid 1000", "local", "local:", ":x", "Ann: the boss", "ann: x", "O:R", "orch:1"] {
            let actor = Actor::parse(name);
            assert_eq!((actor.source(), actor.id()), (&ActorSource::Name, name));
            assert_eq!(actor.to_string(), name);
            assert_eq!(Actor::parse(&actor.wire()), actor);
        }
    }

    #[test]
    fn an_object_in_its_place_is_read_and_goes_back_as_it_came() {
        for (stored, wire) in [
            (r#"{"source":"local","id":"1000","since":7}"#, "local:1000"),
            (r#"{"source":"plane-1","id":"4b3c"}"#, "plane-1:4b3c"),
            (r#"{"source":"orch"}"#, "orch"),
            (r#"{"who":"ann"}"#, r#"{"who":"ann"}"#),
            ("7", "7"),
            ("null", "null"),
        ] {
            let actor: Actor = serde_json::from_str(stored).unwrap();
            assert_eq!(actor.wire(), wire);
            assert_eq!(
                serde_json::to_string(&actor).unwrap(),
                serde_json::from_str::<Value>(stored).unwrap().to_string()
            );
        }
    }

    #[test]
    fn a_name_is_for_reading_alone() {
        let actor = Actor::local(1000).known_as("ann");
        assert_eq!(actor, Actor::local(1000).known_as("root"));
        assert_ne!(actor, Actor::local(1001).known_as("ann"));
        assert_eq!((actor.to_string().as_str(), serde_json::to_value(&actor).unwrap()), ("ann", "local:1000".into()));
        assert_eq!(Actor::local(1000).known_as("").to_string(), "local:1000");
    }
}
