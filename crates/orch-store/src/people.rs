//! People, accounts, codes, connections and names.

use std::collections::BTreeMap;

use async_trait::async_trait;
use orch_ports::people::{Directory, People};
use orch_ports::store::{StoreError, StoreResult};
use orch_rules::actor::{Actor, ActorSource};
use orch_rules::connection::{Connection, NewConnection};
use orch_rules::identity::{CODE_LASTS_MS, KnownPerson, LinkCode, PeopleChange};
use orch_rules::ids::Timestamp;
use orch_rules::rights::{Acting, ConnectionKind, Person, PersonRole};

use crate::Database;
use crate::engine::Engine;
use crate::plan::body;
use crate::row::{int, json, text};
use crate::step::{Broken, Row, Step};

/// Somebody else was quicker.
const TAKEN: &str = "the account or the code";

/// What stands before and behind the colon.
fn parts(actor: &Actor) -> (String, String) {
    let wire = actor.wire();
    wire.split_once(':').map_or((String::new(), wire.clone()), |(source, id)| (source.to_owned(), id.to_owned()))
}

/// A role that this release does not know looks.
pub(crate) fn person(row: &Row, at: usize) -> StoreResult<Person> {
    let what = "a person";
    Ok(Person {
        id: text(what, row, at)?.to_owned(),
        display: text(what, row, at + 1)?.to_owned(),
        language: text(what, row, at + 2)?.to_owned(),
        role: PersonRole::parse(text(what, row, at + 3)?).unwrap_or(PersonRole::Viewer),
    })
}

fn kind(text: &str) -> Option<ConnectionKind> {
    serde_json::from_value(serde_json::Value::from(text)).ok()
}

fn link(person: &str, actor: &Actor, by: &Actor) -> Step {
    let (source, id) = parts(actor);
    Step::run(
        "INSERT INTO identities (source, id, person, linked_by, linked_at)
         SELECT ?1, ?2, ?3, ?4, now_ms() WHERE EXISTS (SELECT 1 FROM people p WHERE p.person = ?3 AND p.forgotten = 0)
         ON CONFLICT (source, id) DO UPDATE SET linked_by = excluded.linked_by
         WHERE identities.person = excluded.person",
        [source.into(), id.into(), person.into(), by.wire().into()],
    )
    .or(Broken::Missing(TAKEN.to_owned()))
}

fn steps(change: &PeopleChange, by: &Actor) -> Vec<Step> {
    match change {
        PeopleChange::Put(person) => vec![Step::run(
            "INSERT INTO people (person, display, language, role) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (person) DO UPDATE SET display = excluded.display, language = excluded.language,
                 role = excluded.role, forgotten = 0",
            [
                person.id.as_str().into(),
                person.display.as_str().into(),
                person.language.as_str().into(),
                person.role.name().into(),
            ],
        )],
        PeopleChange::Link { person, actor } => vec![link(person, actor, by)],
        PeopleChange::Unlink(actor) => {
            let (source, id) = parts(actor);
            vec![
                Step::run("DELETE FROM identities WHERE source = ?1 AND id = ?2", [source.into(), id.into()])
                    .or(Broken::Missing(TAKEN.to_owned())),
            ]
        }
        PeopleChange::Forget(person) => {
            let of = || person.as_str().into();
            vec![
                Step::run(
                    "DELETE FROM actor_names WHERE actor IN
                         (SELECT i.source || ':' || i.id FROM identities i WHERE i.person = ?1)",
                    [of()],
                ),
                Step::run("DELETE FROM identities WHERE person = ?1", [of()]),
                Step::run("DELETE FROM link_codes WHERE person = ?1", [of()]),
                Step::run("DELETE FROM access_links WHERE person = ?1", [of()]),
                Step::run("DELETE FROM access_sessions WHERE person = ?1", [of()]),
                Step::run("DELETE FROM access_passwords WHERE person = ?1", [of()]),
                Step::run(
                    "UPDATE people SET display = '', language = '', role = 'viewer', forgotten = 1 WHERE person = ?1",
                    [of()],
                ),
            ]
        }
        PeopleChange::Code { .. } => Vec::new(),
    }
}

impl<E: Engine> Database<E> {
    /// False if somebody else was quicker.
    async fn unless_taken(&self, steps: Vec<Step>) -> StoreResult<bool> {
        match self.engine.write(steps).await {
            Ok(_) => Ok(true),
            Err(StoreError::Missing { what }) if what == TAKEN => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl<E: Engine> People for Database<E> {
    async fn directory(&self) -> StoreResult<Directory> {
        let people = "SELECT person, display, language, role, forgotten FROM people ORDER BY person";
        let accounts = "SELECT person, source, id FROM identities ORDER BY source, id";
        let answers = self.engine.read(vec![Step::rows(people, []), Step::rows(accounts, [])]).await?;
        let [people, accounts] = answers.as_slice() else { return Ok(Directory::default()) };
        let mut directory = Directory::default();
        for row in &people.rows {
            let person = person(row, 0)?;
            match int("a person", row, 4)? {
                0 => directory.people.push(KnownPerson { person, accounts: Vec::new() }),
                _ => directory.forgotten.push(person.id),
            }
        }
        for row in &accounts.rows {
            let what = "an account";
            let whose = text(what, row, 0)?;
            let actor = Actor::parse(&format!("{}:{}", text(what, row, 1)?, text(what, row, 2)?));
            if let Some(known) = directory.people.iter_mut().find(|known| known.person.id == whose) {
                known.accounts.push(actor);
            }
        }
        Ok(directory)
    }

    async fn acting(&self, actor: &Actor) -> StoreResult<Acting> {
        let mut acting = Acting::unknown(actor.clone());
        if actor.is_orch() {
            return Ok(acting);
        }
        let (source, id) = parts(actor);
        // Who logged in is known by the person's id.
        let whose = match actor.source() {
            ActorSource::Session => Step::rows(
                "SELECT person, display, language, role FROM people WHERE person = ?1 AND forgotten = 0",
                [id.as_str().into()],
            ),
            _ => Step::rows(
                "SELECT p.person, p.display, p.language, p.role FROM identities i JOIN people p ON p.person = i.person
                 WHERE i.source = ?1 AND i.id = ?2",
                [source.as_str().into(), id.as_str().into()],
            ),
        };
        let connection = Step::rows("SELECT kind, accounts FROM connections WHERE id = ?1", [source.as_str().into()]);
        let answers = self.engine.read(vec![whose, connection]).await?;
        let row = |at: usize| answers.get(at).and_then(|answer| answer.rows.first());
        acting.person = row(0).map(|row| person(row, 0)).transpose()?;
        if let (ActorSource::Connection(_), Some(row)) = (actor.source(), row(1)) {
            let what = "a connection";
            acting.connection = kind(text(what, row, 0)?);
            let own: Vec<String> = json(what, row, 1)?;
            acting.own = own.contains(&id);
        }
        Ok(acting)
    }

    async fn change_people(&self, change: &PeopleChange, by: &Actor) -> StoreResult<bool> {
        self.unless_taken(steps(change, by)).await
    }

    async fn keep_code(&self, code: &str, person: &str) -> StoreResult<()> {
        let steps = vec![
            Step::run("DELETE FROM link_codes WHERE person = ?1 OR until < now_ms()", [person.into()]),
            Step::run(
                "INSERT INTO link_codes (code, person, until) VALUES (?1, ?2, now_ms() + CAST(?3 AS INTEGER))",
                [code.into(), person.into(), CODE_LASTS_MS.into()],
            ),
        ];
        self.engine.write(steps).await.map(drop)
    }

    async fn code(&self, code: &str) -> StoreResult<Option<LinkCode>> {
        let row = self.one(Step::rows("SELECT person, until FROM link_codes WHERE code = ?1", [code.into()])).await?;
        let what = "a code";
        let read =
            |row: &Row| Ok(LinkCode { person: text(what, row, 0)?.to_owned(), until: Timestamp(int(what, row, 1)?) });
        row.as_ref().map(read).transpose()
    }

    async fn use_code(&self, code: &str, change: &PeopleChange, by: &Actor) -> StoreResult<bool> {
        let mut all = vec![
            Step::run("DELETE FROM link_codes WHERE code = ?1", [code.into()]).or(Broken::Missing(TAKEN.to_owned())),
        ];
        all.extend(steps(change, by));
        self.unless_taken(all).await
    }

    async fn call(&self, actor: &Actor) -> StoreResult<()> {
        let Some(name) = actor.name() else { return Ok(()) };
        let wire = actor.wire();
        let known =
            Step::rows("SELECT 1 FROM actor_names WHERE actor = ?1 AND name = ?2", [wire.as_str().into(), name.into()]);
        // Asked first: what is known already must not write.
        if self.one(known).await?.is_some() {
            return Ok(());
        }
        let step = Step::run(
            "INSERT INTO actor_names (actor, name) VALUES (?1, ?2) ON CONFLICT (actor) DO UPDATE SET name = excluded.name",
            [wire.into(), name.into()],
        );
        self.engine.write(vec![step]).await.map(drop)
    }

    async fn names(&self, actors: &[Actor]) -> StoreResult<BTreeMap<Actor, String>> {
        let steps = actors.iter().map(|actor| {
            let (source, id) = parts(actor);
            Step::rows(
                "SELECT COALESCE(
                     (SELECT p.display FROM identities i JOIN people p ON p.person = i.person
                      WHERE i.source = ?1 AND i.id = ?2),
                     (SELECT n.name FROM actor_names n WHERE n.actor = ?3))",
                [source.into(), id.into(), actor.wire().into()],
            )
        });
        let answers = self.engine.read(steps.collect()).await?;
        let name = |(actor, answer): (&Actor, &crate::step::Answer)| {
            let name = text("a name", answer.rows.first()?, 0).ok()?;
            Some((actor.clone(), name.to_owned()))
        };
        Ok(actors.iter().zip(&answers).filter_map(name).collect())
    }

    async fn connect(&self, connection: &NewConnection) -> StoreResult<Connection> {
        let kind_name = body(&connection.kind)?;
        let crate::step::Value::Text(kind_name) = kind_name else {
            return Err(StoreError::Failed { detail: "a kind of connection has no spelling".into() });
        };
        let kind_name = kind_name.trim_matches('"').to_owned();
        let (server, project) = (connection.server_key(), connection.project.clone());
        let put = Step::run(
            "INSERT INTO connections (id, number, kind, server, project, accounts)
             SELECT ?1 || '-' || CAST(n.number AS TEXT), n.number, ?2, ?3, ?4, ?5
             FROM (SELECT COALESCE(MAX(number), 0) + 1 AS number FROM connections) n WHERE true
             ON CONFLICT (kind, server, project) DO UPDATE SET accounts = excluded.accounts
             WHERE connections.accounts <> excluded.accounts",
            [
                connection.product.as_str().into(),
                kind_name.as_str().into(),
                server.as_str().into(),
                project.as_str().into(),
                body(&connection.accounts)?,
            ],
        );
        let read = Step::rows(
            "SELECT id FROM connections WHERE kind = ?1 AND server = ?2 AND project = ?3",
            [kind_name.as_str().into(), server.as_str().into(), project.as_str().into()],
        );
        let answers = self.engine.write(vec![put, read]).await?;
        let Some(row) = answers.last().and_then(|answer| answer.rows.first()) else {
            return Err(StoreError::Missing { what: format!("the connection {}", connection.name) });
        };
        Ok(Connection {
            id: text("a connection", row, 0)?.to_owned(),
            kind: connection.kind,
            server,
            project,
            accounts: connection.accounts.clone(),
        })
    }
}
