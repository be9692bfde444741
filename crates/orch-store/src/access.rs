//! Links, sessions and passwords of the pages.

use async_trait::async_trait;
use orch_ports::access::{Access, Invitation, Session};
use orch_ports::store::{StoreError, StoreResult};
use orch_rules::actor::Actor;
use orch_rules::ids::Timestamp;

use crate::Database;
use crate::engine::Engine;
use crate::people::person;
use crate::row::{int, optional_text, text};
use crate::step::{Broken, Row, Step};

/// Somebody else was quicker, or it ended.
const USED: &str = "the link";

#[async_trait]
impl<E: Engine> Access for Database<E> {
    async fn invite(&self, hash: &str, invitation: &Invitation, lasts_ms: i64) -> StoreResult<()> {
        let steps = vec![
            Step::run("DELETE FROM access_links WHERE until < now_ms()", []),
            Step::run(
                "INSERT INTO access_links (hash, person, made_by, until)
                 VALUES (?1, ?2, ?3, now_ms() + CAST(?4 AS INTEGER))",
                [
                    hash.into(),
                    invitation.person.as_deref().map_or(crate::step::Value::Null, Into::into),
                    invitation.by.wire().into(),
                    lasts_ms.into(),
                ],
            ),
        ];
        self.engine.write(steps).await.map(drop)
    }

    async fn invitation(&self, hash: &str) -> StoreResult<Option<Invitation>> {
        let step =
            Step::rows("SELECT person, made_by FROM access_links WHERE hash = ?1 AND until >= now_ms()", [hash.into()]);
        let what = "a link";
        let read = |row: &Row| {
            let person = optional_text(what, row, 0)?.map(str::to_owned);
            Ok(Invitation { person, by: Actor::parse(text(what, row, 1)?) })
        };
        self.one(step).await?.as_ref().map(read).transpose()
    }

    async fn use_invitation(&self, hash: &str) -> StoreResult<bool> {
        let step = Step::run("DELETE FROM access_links WHERE hash = ?1 AND until >= now_ms()", [hash.into()])
            .or(Broken::Missing(USED.to_owned()));
        match self.engine.write(vec![step]).await {
            Ok(_) => Ok(true),
            Err(StoreError::Missing { what }) if what == USED => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn begin_session(&self, hash: &str, person: &str, lasts_ms: i64) -> StoreResult<()> {
        let steps = vec![
            Step::run("DELETE FROM access_sessions WHERE until < now_ms()", []),
            Step::run(
                "INSERT INTO access_sessions (hash, person, begun_at, until)
                 VALUES (?1, ?2, now_ms(), now_ms() + CAST(?3 AS INTEGER))",
                [hash.into(), person.into(), lasts_ms.into()],
            ),
        ];
        self.engine.write(steps).await.map(drop)
    }

    async fn session(&self, hash: &str) -> StoreResult<Option<Session>> {
        let step = Step::rows(
            "SELECT p.person, p.display, p.language, p.role, s.begun_at FROM access_sessions s
             JOIN people p ON p.person = s.person WHERE s.hash = ?1 AND s.until >= now_ms() AND p.forgotten = 0",
            [hash.into()],
        );
        let read = |row: &Row| Ok(Session { person: person(row, 0)?, begun_at: Timestamp(int("a session", row, 4)?) });
        self.one(step).await?.as_ref().map(read).transpose()
    }

    async fn end_session(&self, hash: &str) -> StoreResult<()> {
        let step = Step::run("DELETE FROM access_sessions WHERE hash = ?1", [hash.into()]);
        self.engine.write(vec![step]).await.map(drop)
    }

    async fn end_sessions(&self, person: &str, but: &str) -> StoreResult<()> {
        let step =
            Step::run("DELETE FROM access_sessions WHERE person = ?1 AND hash <> ?2", [person.into(), but.into()]);
        self.engine.write(vec![step]).await.map(drop)
    }

    async fn set_password(&self, person: &str, phc: Option<&str>) -> StoreResult<()> {
        let step = match phc {
            None => Step::run("DELETE FROM access_passwords WHERE person = ?1", [person.into()]),
            Some(phc) => Step::run(
                "INSERT INTO access_passwords (person, hash) VALUES (?1, ?2)
                 ON CONFLICT (person) DO UPDATE SET hash = excluded.hash",
                [person.into(), phc.into()],
            ),
        };
        self.engine.write(vec![step]).await.map(drop)
    }

    async fn password(&self, person: &str) -> StoreResult<Option<String>> {
        let step = Step::rows(
            "SELECT a.hash FROM access_passwords a JOIN people p ON p.person = a.person
             WHERE a.person = ?1 AND p.forgotten = 0",
            [person.into()],
        );
        let read = |row: &Row| Ok(text("a password", row, 0)?.to_owned());
        self.one(step).await?.as_ref().map(read).transpose()
    }
}
