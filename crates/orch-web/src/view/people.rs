//! Who is who.

use orch_ports::people::Directory;
use orch_rules::actor::Actor;
use orch_rules::identity::PeopleCommand;
use orch_rules::rights::PersonRole;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Everybody who is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PeopleList {
    /// By id.
    pub people: Vec<PersonView>,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PersonView {
    /// What lists in settings name.
    pub person: String,
    /// What people read.
    pub display: String,
    /// `en`, `ru`.
    pub language: String,
    /// `admin`, `member`, `viewer`.
    pub role: String,
    /// Accounts that are theirs: `local:1000`.
    pub accounts: Vec<String>,
}

impl From<&Directory> for PeopleList {
    fn from(directory: &Directory) -> Self {
        let view = |known: &orch_rules::identity::KnownPerson| PersonView {
            person: known.person.id.clone(),
            display: known.person.display.clone(),
            language: known.person.language.clone(),
            role: known.person.role.name().to_owned(),
            accounts: known.accounts.iter().map(Actor::wire).collect(),
        };
        Self { people: directory.people.iter().map(view).collect() }
    }
}

/// What is said about who is who.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "say", deny_unknown_fields)]
pub enum PeopleRequest {
    /// Somebody is known from now on.
    Add {
        /// What lists in settings name.
        person: String,
        /// What people read; left out: the same.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        display: Option<String>,
        /// `en`, `ru`; left out: `en`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        language: Option<String>,
        /// `admin`, `member`, `viewer`; left out: `member`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>)]
        role: Option<PersonRole>,
    },
    /// An account is this person's.
    Link {
        /// Whose.
        person: String,
        /// Which: `local:1000`.
        account: String,
    },
    /// An account is nobody's.
    Unlink {
        /// Which.
        account: String,
    },
    /// They may do this from now on.
    Role {
        /// Who.
        person: String,
        /// `admin`, `member`, `viewer`.
        #[schema(value_type = String)]
        role: PersonRole,
    },
    /// Their name and their accounts go; what they did stays, with the account's id.
    Forget {
        /// Who.
        person: String,
    },
    /// A code that links the account that uses it, for ten minutes.
    Code {
        /// Whose it becomes; left out: that of the person who asks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<String>,
    },
    /// The account that asks becomes the person's whose code this is.
    UseCode {
        /// As it was told.
        code: String,
    },
}

impl PeopleRequest {
    /// As the control surface takes it; the code, if one is used.
    ///
    /// # Errors
    /// The code.
    pub fn into_command(self) -> Result<PeopleCommand, String> {
        Ok(match self {
            Self::Add { person, display, language, role } => PeopleCommand::Add { person, display, language, role },
            Self::Link { person, account } => PeopleCommand::Link { person, actor: Actor::parse(&account) },
            Self::Unlink { account } => PeopleCommand::Unlink { actor: Actor::parse(&account) },
            Self::Role { person, role } => PeopleCommand::Role { person, role },
            Self::Forget { person } => PeopleCommand::Forget { person },
            Self::Code { person } => PeopleCommand::Code { person },
            Self::UseCode { code } => return Err(code),
        })
    }
}
