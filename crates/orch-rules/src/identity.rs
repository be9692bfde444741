//! Who is who: people, the accounts that are theirs, and how they become it. An account becomes a person's by an admin's
//! word or by a code that this person asked for; by its name never.

use serde::{Deserialize, Serialize};

use crate::actor::{Actor, ActorSource};
use crate::ids::Timestamp;
use crate::rights::{Acting, Person, PersonRole};

/// How long a code links, in milliseconds.
pub const CODE_LASTS_MS: i64 = 10 * 60_000;
/// Languages that people are told things in.
pub const LANGUAGES: [&str; 2] = ["en", "ru"];
/// Most characters of a person's id and display name.
const LONGEST: usize = 200;

/// A person with the accounts that are theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPerson {
    /// Who.
    pub person: Person,
    /// In the order of their strings.
    pub accounts: Vec<Actor>,
}

/// What is asked about people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "people")]
pub enum PeopleCommand {
    /// Somebody is known from now on.
    Add {
        /// What lists in settings name.
        person: String,
        /// What people read; `None`: the same.
        display: Option<String>,
        /// Which language they read; `None`: English.
        language: Option<String>,
        /// What they may do; `None`: a member's.
        role: Option<PersonRole>,
    },
    /// An account is this person's.
    Link {
        /// Whose.
        person: String,
        /// Which.
        actor: Actor,
    },
    /// An account is nobody's.
    Unlink {
        /// Which.
        actor: Actor,
    },
    /// They may do this from now on.
    Role {
        /// Who.
        person: String,
        /// What.
        role: PersonRole,
    },
    /// Their name, their accounts and their row go; what they did stays, with the actor that did it.
    Forget {
        /// Who.
        person: String,
    },
    /// A code that links one account to this person: the one that uses it.
    Code {
        /// Who; `None`: the person who asks.
        person: Option<String>,
    },
}

/// What is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeopleChange {
    /// The row of a person.
    Put(Person),
    /// An account is this person's, if it is nobody's.
    Link {
        /// Whose.
        person: String,
        /// Which.
        actor: Actor,
    },
    /// An account is nobody's.
    Unlink(Actor),
    /// A person and everything known of them.
    Forget(String),
    /// A code for a person.
    Code {
        /// Whose.
        person: String,
    },
}

/// Says who is who, or why not.
///
/// # Errors
/// Why nothing changes, and what to do.
pub fn decide(known: &[KnownPerson], by: &Acting, command: &PeopleCommand) -> Result<PeopleChange, String> {
    // A code for oneself is everybody's; an account becomes one's own by it and no other.
    let own = by.person.as_ref().map(|person| person.id.as_str());
    if let PeopleCommand::Code { person } = command
        && let Some(own) = own
        && person.as_deref().is_none_or(|person| person == own)
        && !by.own
    {
        return Ok(PeopleChange::Code { person: own.to_owned() });
    }
    admin(known, by)?;
    let found = |id: &str| known.iter().find(|known| known.person.id == id);
    let wanted = |id: &str| {
        found(id).ok_or_else(|| {
            format!("nobody here is {id}; orch people list tells who is, orch people add {id} adds them")
        })
    };
    match command {
        PeopleCommand::Add { person, display, language, role } => {
            let id = name("a person's id", person)?;
            if found(&id).is_some() {
                return Err(format!("{id} is known already; orch people list shows them"));
            }
            let display = display.as_ref().map(|display| name("a display name", display)).transpose()?;
            let language = language.clone().unwrap_or_else(|| LANGUAGES[0].to_owned());
            if !LANGUAGES.contains(&language.as_str()) {
                return Err(format!("nothing is told in {language}; it is one of {}", LANGUAGES.join(", ")));
            }
            let display = display.unwrap_or_else(|| id.clone());
            Ok(PeopleChange::Put(Person { id, display, language, role: role.unwrap_or(PersonRole::Member) }))
        }
        PeopleCommand::Link { person, actor } => {
            let person = &wanted(person)?.person.id;
            linkable(actor)?;
            let owner = known.iter().find(|known| known.accounts.contains(actor));
            match owner.map(|owner| &owner.person.id) {
                Some(owner) if owner != person => Err(format!(
                    "{} is {owner}'s; take it from them first: orch people unlink {}",
                    actor.wire(),
                    actor.wire()
                )),
                _ => Ok(PeopleChange::Link { person: person.clone(), actor: actor.clone() }),
            }
        }
        PeopleCommand::Unlink { actor } => {
            let Some(owner) = known.iter().find(|known| known.accounts.contains(actor)) else {
                return Err(format!("{} is nobody's; orch people list shows whose accounts are known", actor.wire()));
            };
            if owner.accounts.len() == 1 {
                not_the_last_admin(known, &owner.person)?;
            }
            Ok(PeopleChange::Unlink(actor.clone()))
        }
        PeopleCommand::Role { person, role } => {
            let person = &wanted(person)?.person;
            if *role != PersonRole::Admin {
                not_the_last_admin(known, person)?;
            }
            Ok(PeopleChange::Put(Person { role: *role, ..person.clone() }))
        }
        PeopleCommand::Forget { person } => {
            let person = &wanted(person)?.person;
            not_the_last_admin(known, person)?;
            Ok(PeopleChange::Forget(person.id.clone()))
        }
        PeopleCommand::Code { person } => {
            let Some(person) = person else {
                return Err("whose account is it to be? Name the person: orch people code PERSON".to_owned());
            };
            Ok(PeopleChange::Code { person: wanted(person)?.person.id.clone() })
        }
    }
}

/// Whom a link may let in: `None` is somebody who says who they are, and is the first admin.
///
/// # Errors
/// Why nobody is let in, and what to do.
pub fn invite(known: &[KnownPerson], by: &Acting, person: Option<&str>) -> Result<Option<String>, String> {
    let own = by.person.as_ref().map(|person| person.id.as_str()).filter(|_| !by.own);
    if own.is_some() && person.is_none_or(|person| Some(person) == own) {
        return Ok(own.map(str::to_owned));
    }
    admin(known, by)?;
    match person {
        Some(id) if known.iter().any(|known| known.person.id == id) => Ok(Some(id.to_owned())),
        Some(id) => Err(format!("nobody here is {id}; orch people add {id} adds them")),
        None => Ok(None),
    }
}

/// Who is admin says who is who; as long as nobody is, whoever has the machine or its token does.
fn admin(known: &[KnownPerson], by: &Acting) -> Result<(), String> {
    let is = |person: &Person| person.role == PersonRole::Admin;
    // One whose account nobody has cannot act.
    let mut admins = known.iter().filter(|known| is(&known.person) && !known.accounts.is_empty()).peekable();
    let ours = matches!(by.actor.source(), ActorSource::Local | ActorSource::Token);
    match admins.peek() {
        _ if by.own => Err(format!("{} is an account of this service; nothing that it says is a command", by.actor)),
        None if ours => Ok(()),
        _ if by.person.as_ref().is_some_and(is) => Ok(()),
        None => Err("who is who is said on the machine of the service, until somebody is admin".to_owned()),
        Some(_) => {
            let names: Vec<_> = admins.map(|known| known.person.id.as_str()).collect();
            Err(format!("only an admin says who is who: {}", names.join(", ")))
        }
    }
}

fn not_the_last_admin(known: &[KnownPerson], person: &Person) -> Result<(), String> {
    let acts = |known: &&KnownPerson| known.person.role == PersonRole::Admin && !known.accounts.is_empty();
    let mut admins = known.iter().filter(acts);
    match (admins.next(), admins.next()) {
        (Some(last), None) if last.person.id == person.id && known.len() > 1 => {
            Err(format!("{} is the only admin; make somebody else one first: orch people role PERSON admin", person.id))
        }
        _ => Ok(()),
    }
}

/// Whether an account can be one person's. What names nobody, or what many share, cannot.
///
/// # Errors
/// Why not.
pub fn linkable(actor: &Actor) -> Result<(), String> {
    let why = match actor.source() {
        ActorSource::Local | ActorSource::Token => return Ok(()),
        ActorSource::Connection(_) if is_shared(actor.id()) => "many people share it",
        ActorSource::Connection(_) => return Ok(()),
        ActorSource::Session => "whoever logs in is a person already",
        ActorSource::Git => "a commit names whomever its author wrote there",
        ActorSource::Name => "it is a name, and anybody may be called so",
        ActorSource::Orch | ActorSource::Role => "it is nobody's account",
        ActorSource::Unknown => "this release does not know what it is",
    };
    Err(format!("{} cannot be a person's: {why}", actor.wire()))
}

/// Accounts behind which anybody may stand: a chat's anonymous admins and channels, a forge's ghost, a guest.
fn is_shared(id: &str) -> bool {
    const SHARED: [&str; 8] =
        ["777000", "1087968824", "136817688", "ghost", "anonymous", "guest", "unknown", "sender_chat"];
    let id = id.to_ascii_lowercase();
    // A chat's own number is below nought: a group or a channel that speaks as itself.
    SHARED.contains(&id.as_str()) || id.starts_with('-') || id.starts_with("sender_chat")
}

/// The account of the machine whose *account name*, as the system has it, is a name in a list: it is that person's without
/// anybody's word, once. Somebody who was added by hand, or whose account was taken away, is not met again like this.
pub fn adopts(list: &[String], known: &[KnownPerson], forgotten: &[String], by: &Acting) -> Option<Person> {
    if by.own || by.person.is_some() || *by.actor.source() != ActorSource::Local {
        return None;
    }
    let name = by.actor.name().filter(|name| list.iter().any(|listed| listed == name))?;
    let met = known.iter().any(|known| known.person.id == name) || forgotten.iter().any(|id| id == name);
    (!met).then(|| Person {
        id: name.to_owned(),
        display: name.to_owned(),
        language: LANGUAGES[0].to_owned(),
        role: PersonRole::Member,
    })
}

/// A code, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkCode {
    /// Whose account is to be linked.
    pub person: String,
    /// It links until then.
    pub until: Timestamp,
}

/// How a code came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeSaid {
    /// By the account itself: logged in, or with its key.
    Directly,
    /// In a comment or a message that anybody may have written or changed.
    Written {
        /// Who stands as its author made it.
        by_its_author: bool,
        /// Somebody changed it since.
        edited: bool,
    },
}

/// Whether an account becomes the person's who asked for the code.
///
/// # Errors
/// Why not, and what to do.
pub fn redeem(code: Option<&LinkCode>, by: &Acting, said: CodeSaid, now: Timestamp) -> Result<PeopleChange, String> {
    let anew = "ask for a new one: orch people code";
    let Some(code) = code else { return Err(format!("there is no such code, or it was used; {anew}")) };
    if now >= code.until {
        return Err(format!("the code is older than ten minutes; {anew}"));
    }
    if let CodeSaid::Written { by_its_author, edited } = said
        && (!by_its_author || edited)
    {
        return Err(format!("the code stands where somebody else may have written it; {anew}"));
    }
    if by.own {
        return Err(format!("{} is an account of this service", by.actor));
    }
    linkable(&by.actor)?;
    match &by.person {
        Some(person) if person.id != code.person => Err(format!("{} is {}'s account", by.actor.wire(), person.id)),
        _ => Ok(PeopleChange::Link { person: code.person.clone(), actor: by.actor.clone() }),
    }
}

fn name(what: &str, text: &str) -> Result<String, String> {
    let text = text.trim();
    let bad = text.is_empty() || text.chars().count() > LONGEST || text.chars().any(char::is_control);
    if bad {
        return Err(format!("{what} has 1 to {LONGEST} characters and no control characters"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
