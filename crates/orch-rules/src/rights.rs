//! What whom may do: asked of a person, or, where nobody knows whose account it is, of the source it is an account of.

use serde::{Deserialize, Serialize};

use crate::actor::{Actor, ActorSource};
use crate::event::{LaneEvent, TaskEvent};
use crate::reason::{self, Reason};

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionKind {
    /// Where issues are.
    Tracker,
    /// Where people talk.
    Chat,
    /// Where the code is.
    Forge,
}

/// What a person may do here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonRole {
    /// Everything, and says who is who.
    Admin,
    /// Everything about the work.
    Member,
    /// Looks.
    Viewer,
}

impl PersonRole {
    /// Every one, the most powerful first.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Member, Self::Viewer];

    /// Spelling for people and for rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Viewer => "viewer",
        }
    }
    /// From its spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == text)
    }
}

/// Somebody whom the service knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// What lists in settings name: `ann`.
    pub id: String,
    /// What people read.
    pub display: String,
    /// Which language they read: `en`, `ru`.
    pub language: String,
    /// What they may do.
    pub role: PersonRole,
}

/// Who acts, and what is known of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acting {
    /// As the outside names them.
    pub actor: Actor,
    /// Whose account it is.
    pub person: Option<Person>,
    /// What the connection is for, if it is an account at one.
    pub connection: Option<ConnectionKind>,
    /// The account is the service's own there.
    pub own: bool,
}

impl Acting {
    /// The service itself.
    pub const ORCH: Self = Self::unknown(Actor::ORCH);

    /// Of whom nothing more is known.
    pub const fn unknown(actor: Actor) -> Self {
        Self { actor, person: None, connection: None, own: false }
    }

    /// Whether a list of people names this one; an empty list names everybody. A display name is never looked at. Who is
    /// known by a bare name alone was stored by an earlier release, which knew nothing else.
    pub fn is_one_of(&self, people: &[String]) -> bool {
        let id = match (&self.person, self.actor.source()) {
            (Some(person), _) => Some(person.id.as_str()),
            (None, ActorSource::Name) => Some(self.actor.id()),
            (None, _) => None,
        };
        people.is_empty() || id.is_some_and(|id| people.iter().any(|name| name == id))
    }

    /// For a refusal: who was meant by the list, and how this account becomes one of them.
    pub fn not_one_of(&self, people: &[String], list: &str) -> Reason {
        let (names, who) = (people.join(", "), &self.actor);
        match (&self.person, who.source()) {
            (Some(person), _) => reason::list_names_other_people(list, names, who, &person.id),
            (None, ActorSource::Name) => reason::list_names_others(list, names, who),
            (None, _) => reason::nobody_knows_as_one(list, names, who, who.wire()),
        }
    }
}

/// What somebody may do or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Start an issue.
    Start,
    /// Answer what is asked: approve, reject, confirm, in words.
    Answer,
    /// Call a task off.
    Stop,
    /// Everything else that changes what happens: retry, edit, skip, pause, freeze, budgets.
    Steer,
    /// Leave words for the next agent.
    Say,
}

impl Right {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Start, Self::Answer, Self::Stop, Self::Steer, Self::Say];

    /// What an event asks for; `None` for what is no person's word but an outcome or a look.
    pub fn of_task(event: &TaskEvent) -> Option<Self> {
        match event {
            TaskEvent::StartRequested { .. } => Some(Self::Start),
            TaskEvent::HumanAnswered { .. } => Some(Self::Answer),
            TaskEvent::StopRequested => Some(Self::Stop),
            TaskEvent::Commented { .. } => Some(Self::Say),
            TaskEvent::RetryRequested
            | TaskEvent::CheckRetried
            | TaskEvent::Paused
            | TaskEvent::Resumed
            | TaskEvent::PrioritySet { .. }
            | TaskEvent::BudgetRaised { .. }
            | TaskEvent::DependencyAdded { .. }
            | TaskEvent::DependencyRemoved { .. }
            | TaskEvent::Edited { .. }
            | TaskEvent::SentBack { .. }
            | TaskEvent::Skipped { .. }
            | TaskEvent::HandsOff
            | TaskEvent::GivenBack => Some(Self::Steer),
            // A review is recorded whoever gave it; whether it answers is asked where it is read.
            TaskEvent::IssueRead { .. }
            | TaskEvent::IssueGone
            | TaskEvent::ForgeReviewed { .. }
            | TaskEvent::PullRequestMerged { .. }
            | TaskEvent::PushSeen { .. }
            | TaskEvent::NotPublished { .. }
            | TaskEvent::BranchSeen { .. }
            | TaskEvent::RunIsOver { .. }
            | TaskEvent::RunEnded { .. }
            | TaskEvent::CheckEnded { .. }
            | TaskEvent::DeploymentSeen { .. }
            | TaskEvent::EffectFailed { .. }
            | TaskEvent::Looked => None,
        }
    }

    /// As [`Right::of_task`].
    pub fn of_lane(event: &LaneEvent) -> Option<Self> {
        match event {
            LaneEvent::FreezeRequested { .. }
            | LaneEvent::UnfreezeRequested { .. }
            | LaneEvent::Paused
            | LaneEvent::Resumed => Some(Self::Steer),
            LaneEvent::DoesNotRun { .. }
            | LaneEvent::RunsNow { .. }
            | LaneEvent::CandidateMade { .. }
            | LaneEvent::CheckEnded { .. }
            | LaneEvent::LandEnded { .. }
            | LaneEvent::EffectFailed { .. }
            | LaneEvent::Looked => None,
        }
    }
}

/// The rights of everybody, in one place.
///
/// | who | start | answer | stop | steer | say |
/// |---|---|---|---|---|---|
/// | one of our own accounts, an agent, a commit's author, the service | | | | | |
/// | a person: admin, member | yes | yes | yes | yes | yes |
/// | a person: viewer | | | | | |
/// | nobody's: an account of the machine, a token, a name of an earlier release | yes | yes | yes | yes | yes |
/// | nobody's: a tracker's | yes | yes | yes | | yes |
/// | nobody's: a chat's, a forge's, one of a connection that is not known, a log-in of who was forgotten | | | | | |
///
/// # Errors
/// Why not.
pub fn may(acting: &Acting, right: Right) -> Result<(), Reason> {
    let who = &acting.actor;
    let nobody = || reason::nobody_knows(who, who.wire());
    if acting.own {
        return Err(reason::own_account(who));
    }
    match (who.source(), &acting.person) {
        (ActorSource::Orch | ActorSource::Role | ActorSource::Git, _) => Err(reason::not_a_commander(who)),
        (_, Some(Person { role: PersonRole::Viewer, id, .. })) => Err(reason::viewer(id)),
        (_, Some(_)) => Ok(()),
        (ActorSource::Local | ActorSource::Token | ActorSource::Name, None) => Ok(()),
        (ActorSource::Connection(_), None) => match (acting.connection, right) {
            (Some(ConnectionKind::Tracker), Right::Start | Right::Answer | Right::Stop | Right::Say) => Ok(()),
            _ => Err(nobody()),
        },
        (ActorSource::Session | ActorSource::Unknown, None) => Err(nobody()),
    }
}

/// Whether somebody may file an issue. An agent may leave a draft: nothing is done about it before a person says so.
///
/// # Errors
/// Why not.
pub fn may_file(acting: &Acting, start: bool) -> Result<(), Reason> {
    match (start, acting.actor.source()) {
        (false, ActorSource::Role) => Ok(()),
        (start, _) => may(acting, if start { Right::Start } else { Right::Say }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(role: PersonRole) -> Option<Person> {
        Some(Person { id: "ann".into(), display: "Ann".into(), language: "en".into(), role })
    }

    #[test]
    fn an_agent_may_leave_a_draft_and_start_nothing() {
        let reviewer = Acting::unknown(Actor::role(crate::pipeline::Role::Reviewer));
        assert!(may_file(&reviewer, false).is_ok() && may_file(&reviewer, true).is_err());
        assert!(may_file(&Acting::ORCH, false).is_err());
        let ann = Acting::unknown(Actor::parse("local:1000"));
        assert!(may_file(&ann, true).is_ok() && may_file(&ann, false).is_ok());
    }

    #[test]
    fn everybody_may_what_the_table_says() {
        let at = |text: &str, connection| Acting { connection, ..Acting::unknown(Actor::parse(text)) };
        let (tracker, chat, forge) =
            (Some(ConnectionKind::Tracker), Some(ConnectionKind::Chat), Some(ConnectionKind::Forge));
        for (acting, all) in [
            (at("local:1000", None), "start answer stop steer say"),
            (at("token:host", None), "start answer stop steer say"),
            (at("session:ann", None), ""),
            (at("name:ann", None), "start answer stop steer say"),
            (at("plane-1:7", tracker), "start answer stop say"),
            (at("chat-1:7", chat), ""),
            (at("gitea-1:7", forge), ""),
            (at("gone-1:7", None), ""),
            (at("orch", None), ""),
            (at("role:analyst", None), ""),
            (at("git:ann", None), ""),
            (Acting { own: true, ..at("plane-1:bot", tracker) }, ""),
            (Acting { own: true, person: person(PersonRole::Admin), ..at("plane-1:bot", tracker) }, ""),
            (Acting { person: person(PersonRole::Admin), ..at("chat-1:7", chat) }, "start answer stop steer say"),
            (Acting { person: person(PersonRole::Member), ..at("gitea-1:7", forge) }, "start answer stop steer say"),
            (Acting { person: person(PersonRole::Viewer), ..at("local:1000", None) }, ""),
        ] {
            let names = ["start", "answer", "stop", "steer", "say"];
            let may: Vec<_> =
                Right::ALL.into_iter().zip(names).filter(|(right, _)| may(&acting, *right).is_ok()).collect();
            let may: Vec<_> = may.into_iter().map(|(_, name)| name).collect();
            assert_eq!(may.join(" "), all, "{acting:?}");
        }
    }

    #[test]
    fn a_list_names_people_and_no_display_name() {
        let list = ["ann".to_owned()];
        let by = |actor: Actor, person: Option<Person>| Acting { person, ..Acting::unknown(actor) }.is_one_of(&list);
        for actor in ["local:1000", "token:ann", "plane-1:ann", "git:ann", "role:ann", "later:ann"] {
            assert!(!by(Actor::parse(actor).known_as("ann"), None), "{actor} is only called ann");
            assert!(by(Actor::parse(actor).known_as("bob"), person(PersonRole::Member)), "{actor} is ann's");
        }
        let other =
            person(PersonRole::Admin).map(|person| Person { id: "bob".into(), display: "ann".into(), ..person });
        assert!(!by(Actor::local(1), other), "somebody else called ann");
        assert!(by(Actor::parse("ann"), None) && !by(Actor::parse("bob"), None), "stored by an earlier release");
        assert!(Acting::unknown(Actor::local(1)).is_one_of(&[]), "nobody named is everybody");
    }
}
