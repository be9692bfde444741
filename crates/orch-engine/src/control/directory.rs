//! Who is who: whose account asks, what people are called, and what is said about it.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use super::orders::in_words;
use orch_ports::people::{Directory, People};
use orch_ports::store::StoreError;
use orch_rules::actor::{Actor, ActorSource, NamesActors};
use orch_rules::event::{Event, TaskEvent};
use orch_rules::identity::{self, CodeSaid, PeopleChange, PeopleCommand};
use orch_rules::rights::{self, Acting, Right};

use super::{Answer, Control, ControlError};
use crate::engine::Engine;

/// So many names are known by heart.
const MOST_CALLED: usize = 1_000;

impl Engine {
    /// Who is who is kept there.
    #[must_use]
    pub fn knowing(mut self, people: Arc<dyn People>) -> Self {
        self.people = Some(people);
        self
    }

    /// Who acts, and what is known of them now. The account of the machine whose name, as the machine has it, stands in the
    /// list is that person's from now on.
    pub(crate) async fn acting(&self, by: &Actor, list: &[String]) -> Result<Acting, StoreError> {
        let Some(people) = self.people.as_ref().filter(|_| !by.is_orch()) else {
            return Ok(Acting::unknown(by.clone()));
        };
        let mut acting = people.acting(by).await?;
        if list.is_empty() || acting.person.is_some() || *by.source() != ActorSource::Local {
            return Ok(acting);
        }
        if let Some(name) = people.names(std::slice::from_ref(by)).await?.remove(by) {
            acting.actor.call(name);
        }
        let Directory { people: known, forgotten } = people.directory().await?;
        let Some(person) = identity::adopts(list, &known, &forgotten, &acting) else { return Ok(acting) };
        let link = PeopleChange::Link { person: person.id.clone(), actor: by.clone() };
        people.change_people(&PeopleChange::Put(person.clone()), &Actor::ORCH).await?;
        if people.change_people(&link, &Actor::ORCH).await? {
            tracing::info!(person = person.id, actor = by.wire(), "the account of a listed name is theirs");
            acting.person = Some(person);
        }
        Ok(acting)
    }

    /// Tells what people call those who did something.
    pub(crate) async fn call_by_name(&self, rows: &mut [&mut dyn NamesActors]) -> Result<(), StoreError> {
        let Some(people) = &self.people else { return Ok(()) };
        let mut actors = BTreeSet::new();
        for row in &mut *rows {
            row.actors(&mut |actor| {
                actors.insert(actor.clone());
            });
        }
        actors.retain(|actor| !matches!(actor.source(), ActorSource::Orch | ActorSource::Role | ActorSource::Git));
        if actors.is_empty() {
            return Ok(());
        }
        let names = people.names(&actors.into_iter().collect::<Vec<_>>()).await?;
        for row in rows {
            row.actors(&mut |actor| {
                if let Some(name) = names.get(actor) {
                    actor.call(name.as_str());
                }
            });
        }
        Ok(())
    }
}

/// The people whom an event's list names; empty: nobody is named.
pub(crate) fn listed(event: &Event) -> &[String] {
    match event {
        Event::Task { event: TaskEvent::HumanAnswered { answer }, .. } => &answer.people,
        Event::Task { event: TaskEvent::Skipped { people, .. }, .. } => people,
        Event::Task { event: TaskEvent::StartRequested { authors }, .. } => authors,
        _ => &[],
    }
}

impl Control {
    /// Who asks. Keeps what they are called, for reading.
    pub(super) async fn met(&self, by: &Actor, list: &[String]) -> Result<Acting, ControlError> {
        self.call(by).await?;
        Ok(self.engine.acting(by, list).await?)
    }

    /// Keeps what somebody is called; asks the store once for each name.
    pub(super) async fn call(&self, by: &Actor) -> Result<(), ControlError> {
        let known = || self.engine.called.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(people), Some(name)) = (&self.engine.people, by.name())
            && *by.source() != ActorSource::Name
            && known().get(&by.wire()).is_none_or(|called| called != name)
        {
            people.call(by).await?;
            let mut known = known();
            if known.len() >= MOST_CALLED {
                known.clear();
            }
            known.insert(by.wire(), name.to_owned());
        }
        Ok(())
    }

    /// Refuses who may not do that.
    pub(super) async fn allow(&self, by: &Actor, right: Right) -> Result<(), ControlError> {
        let acting = self.met(by, &[]).await?;
        rights::may(&acting, right).map_err(|why| ControlError::Refused { why: in_words(&why) })
    }

    /// Tells what people call those who did something.
    pub(super) async fn call_by_name(&self, rows: &mut [&mut dyn NamesActors]) -> Result<(), ControlError> {
        Ok(self.engine.call_by_name(rows).await?)
    }

    /// Everybody who is known.
    ///
    /// # Errors
    /// The store's.
    pub async fn directory(&self) -> Result<Directory, ControlError> {
        match &self.engine.people {
            Some(people) => Ok(people.directory().await?),
            None => Ok(Directory::default()),
        }
    }

    /// Says who is who.
    ///
    /// # Errors
    /// [`ControlError::Refused`] with the reason, or the store's.
    pub async fn people_command(&self, command: PeopleCommand, by: impl Into<Actor>) -> Result<Answer, ControlError> {
        let by = by.into();
        let people = self.who_is_who()?;
        let acting = self.met(&by, &[]).await?;
        let known = people.directory().await?.people;
        let change = identity::decide(&known, &acting, &command).map_err(|why| ControlError::Refused { why })?;
        let text = match &change {
            PeopleChange::Code { person } => {
                let code = new_code();
                people.keep_code(&code, person).await?;
                return said(format!(
                    "{code} links one account to {person}, within ten minutes. With the account: orch people link --code {code}"
                ));
            }
            PeopleChange::Put(person) => format!("{} is {}", person.id, person.role.name()),
            PeopleChange::Link { person, actor } => format!("{} is {person}'s", actor.wire()),
            PeopleChange::Unlink(actor) => format!("{} is nobody's", actor.wire()),
            PeopleChange::Forget(person) => {
                format!("{person} is forgotten: name and accounts are gone, what was done stays with the account's id")
            }
        };
        if !people.change_people(&change, &by).await? {
            return Err(ControlError::Refused {
                why: "somebody else changed that meanwhile; look: orch people list".into(),
            });
        }
        // Whoever is forgotten has no name any more.
        self.engine.called.lock().unwrap_or_else(PoisonError::into_inner).clear();
        tracing::info!(by = by.wire(), ?change, "who is who");
        said(text)
    }

    /// The account that asks becomes the person's who asked for the code.
    ///
    /// # Errors
    /// [`ControlError::Refused`] with the reason, or the store's.
    pub async fn use_code(&self, code: &str, by: impl Into<Actor>) -> Result<Answer, ControlError> {
        let by = by.into();
        let people = self.who_is_who()?;
        let code = code.trim().to_ascii_uppercase();
        let (acting, kept) = (self.met(&by, &[]).await?, people.code(&code).await?);
        let now = self.engine.store.now().await?;
        let refused = |why| ControlError::Refused { why };
        let change = identity::redeem(kept.as_ref(), &acting, CodeSaid::Directly, now).map_err(refused)?;
        if !people.use_code(&code, &change, &by).await? {
            return Err(refused("the code was used meanwhile; ask for a new one: orch people code".to_owned()));
        }
        tracing::info!(by = by.wire(), ?change, "who is who, by a code");
        said(format!("{} is {}'s", by.wire(), kept.map(|code| code.person).unwrap_or_default()))
    }

    pub(super) fn who_is_who(&self) -> Result<&Arc<dyn People>, ControlError> {
        let why = || ControlError::Refused { why: "this service does not know people".to_owned() };
        self.engine.people.as_ref().ok_or_else(why)
    }
}

fn said(text: String) -> Result<Answer, ControlError> {
    Ok(Answer { text, pending: false })
}

/// Twelve digits that nobody guesses in ten minutes: `4F1A-09BC-77D2`.
fn new_code() -> String {
    let name = uuid::Uuid::now_v7().simple().to_string().to_ascii_uppercase();
    let digits = &name[name.len() - 12..];
    format!("{}-{}-{}", &digits[..4], &digits[4..8], &digits[8..])
}
