//! Deliveries, looks and observations.

use async_trait::async_trait;
use orch_ports::intake::{DeliveryRow, Intake, Look, LookEnd, LookTold, NewDelivery, Observed};
use orch_ports::keep::Keep;
use orch_ports::store::{StoreError, StoreResult};
use orch_rules::ids::{TaskId, Timestamp};
use orch_rules::observation::{Object, ObjectKind};

use crate::Database;
use crate::engine::Engine;
use crate::plan::{self, body};
use crate::row::{count, int, json, optional_int, optional_text, readable, text};
use crate::step::{Broken, Row, Step};

/// How many deliveries a list has if nobody says.
const LIST_DEFAULT: u32 = 200;

/// Queues a look, or pulls the due time of the one that is queued.
pub(crate) fn hint(connection: &str, object: &Object, due: Option<Timestamp>) -> Step {
    Step::run(
        "INSERT INTO looks (connection, object, state, due)
         VALUES (?1, ?2, 'queued', COALESCE(CAST(?3 AS INTEGER), now_ms()))
         ON CONFLICT (connection, object) WHERE state = 'queued'
         DO UPDATE SET due = excluded.due WHERE looks.due > excluded.due",
        [connection.into(), object.key().into(), due.map(|due| due.0).into()],
    )
}

/// Ends a claimed look; the fence must hold. A finished look leaves no row.
fn finished(look: &Look) -> Step {
    Step::run(
        "DELETE FROM looks WHERE id = ?1 AND fence = ?2 AND state = 'running'",
        [look.id.into(), look.fence.into()],
    )
    .or(Broken::Stale(look.id))
}

/// One row is written if the version is the one the look began from, and none otherwise.
pub(crate) fn replace(connection: &str, object: &Object, seen: i64, body: &str) -> Step {
    Step::run(
        "INSERT INTO observations (connection, object, version, observed_at, body)
         SELECT ?1, ?2, CAST(?3 AS INTEGER) + 1, now_ms(), ?4
         WHERE CAST(?3 AS INTEGER) = COALESCE((SELECT o.version FROM observations o
             WHERE o.connection = ?1 AND o.object = ?2), 0)
         ON CONFLICT (connection, object) DO UPDATE SET version = excluded.version,
             observed_at = excluded.observed_at, body = excluded.body
         WHERE observations.version = excluded.version - 1",
        [connection.into(), object.key().into(), seen.into(), body.into()],
    )
    .or(Broken::Missing(REPLACED.to_owned()))
}

/// `(version, body)`.
pub(crate) fn kept(connection: &str, object: &Object) -> Step {
    Step::rows(
        "SELECT version, body FROM observations WHERE connection = ?1 AND object = ?2",
        [connection.into(), object.key().into()],
    )
}

fn look(row: &Row) -> StoreResult<Look> {
    let what = "a look";
    let key = text(what, row, 2)?;
    let object = Object::parse(key).ok_or_else(|| StoreError::Unreadable {
        what: what.to_owned(),
        detail: format!("this release does not know the object `{key}`"),
    })?;
    Ok(Look {
        id: int(what, row, 0)?,
        connection: text(what, row, 1)?.to_owned(),
        object,
        tries: count(what, row, 3)?,
        fence: int(what, row, 4)?,
    })
}

fn delivery(row: &Row) -> StoreResult<DeliveryRow> {
    let what = "a delivery";
    Ok(DeliveryRow {
        id: int(what, row, 0)?,
        connection: text(what, row, 1)?.to_owned(),
        key: text(what, row, 2)?.to_owned(),
        received_at: Timestamp(int(what, row, 3)?),
        body: optional_text(what, row, 4)?.map(str::to_owned),
        hints: json(what, row, 5)?,
        outcome: text(what, row, 6)?.to_owned(),
    })
}

#[async_trait]
impl<E: Engine> Intake for Database<E> {
    async fn deliver(&self, delivery: NewDelivery) -> StoreResult<bool> {
        let keys: Vec<String> = delivery.hints.iter().map(Object::key).collect();
        let outcome = if keys.is_empty() { "unread" } else { "looked" };
        let mut steps = vec![Step::run(
            "INSERT INTO deliveries (connection, delivery_key, received_at, headers, body, hints, outcome)
             VALUES (?1, ?2, now_ms(), ?3, ?4, ?5, ?6) ON CONFLICT (connection, delivery_key) DO NOTHING",
            [
                delivery.connection.as_str().into(),
                delivery.key.into(),
                delivery.headers.into(),
                delivery.body.into(),
                body(&keys)?,
                outcome.into(),
            ],
        )];
        steps.extend(delivery.hints.iter().map(|object| hint(&delivery.connection, object, delivery.due)));
        Ok(self.engine.write(steps).await?.first().is_some_and(|answer| answer.touched > 0))
    }

    async fn hint(&self, connection: &str, object: &Object, due: Timestamp) -> StoreResult<()> {
        self.engine.write(vec![hint(connection, object, Some(due))]).await.map(drop)
    }

    async fn claim_look(&self, connection: &str, owner: &str) -> StoreResult<Option<Look>> {
        let due = Step::rows(
            "SELECT 1 FROM looks WHERE connection = ?1 AND state = 'queued' AND due <= (SELECT now_ms()) LIMIT 1",
            [connection.into()],
        );
        if self.one(due).await?.is_none() {
            return Ok(None);
        }
        let take = Step::rows(
            "UPDATE looks SET state = 'running', owner = ?2, tries = tries + 1, fence = fence + 1
             WHERE id = (SELECT l.id FROM looks l
                 WHERE l.connection = ?1 AND l.state = 'queued' AND l.due <= (SELECT now_ms())
                     AND NOT EXISTS (SELECT 1 FROM looks r
                         WHERE r.connection = l.connection AND r.object = l.object AND r.state = 'running')
                 ORDER BY l.due, l.id LIMIT 1 /*pg FOR NO KEY UPDATE SKIP LOCKED */)
             RETURNING id, connection, object, tries, fence",
            [connection.into(), owner.into()],
        );
        let answers = self.engine.write(vec![take]).await?;
        let Some(row) = answers.first().and_then(|answer| answer.rows.first()) else { return Ok(None) };
        match look(row) {
            Ok(look) => Ok(Some(look)),
            Err(error) => {
                tracing::error!(%error, "a look is put aside for a day");
                let step = Step::run(
                    "UPDATE looks SET state = 'queued', due = now_ms() + 86400000, error = ?2
                     WHERE id = ?1 AND state = 'running'",
                    [int("a look", row, 0)?.into(), error.to_string().into()],
                );
                self.engine.write(vec![step]).await?;
                Ok(None)
            }
        }
    }

    async fn next_look_due(&self, connection: &str) -> StoreResult<Option<Timestamp>> {
        let step =
            Step::rows("SELECT MIN(due) FROM looks WHERE connection = ?1 AND state = 'queued'", [connection.into()]);
        let row = self.one(step).await?;
        row.map_or(Ok(None), |row| Ok(optional_int("a look", &row, 0)?.map(Timestamp)))
    }

    async fn all_observed(&self, connection: &str, kind: ObjectKind) -> StoreResult<Vec<(Object, Observed)>> {
        let step = Step::rows(
            "SELECT object, version, body FROM observations WHERE connection = ?1 AND object LIKE ?2",
            [connection.into(), format!("{}:%", kind.as_str()).into()],
        );
        let what = "an observation";
        let one = |row: &Row| {
            let key = text(what, row, 0)?;
            let object = Object::parse(key).ok_or_else(|| StoreError::Unreadable {
                what: what.to_owned(),
                detail: format!("this release does not know the object `{key}`"),
            })?;
            Ok((object, Observed { version: int(what, row, 1)?, body: text(what, row, 2)?.to_owned() }))
        };
        Ok(readable(&self.list(step).await?, one))
    }

    async fn issue_of(&self, task: &TaskId) -> StoreResult<Option<String>> {
        let step = Step::rows(
            "SELECT n.name, t.repository FROM natural_keys n JOIN tasks t ON t.id = n.owner
             WHERE n.owner = ?1 AND n.name LIKE 'issue:%' ORDER BY n.held DESC LIMIT 1",
            [task.as_str().into()],
        );
        let what = "an issue's key";
        let Some(row) = self.one(step).await? else { return Ok(None) };
        let (name, repository) = (text(what, &row, 0)?, text(what, &row, 1)?);
        Ok(name.strip_prefix(&format!("issue:{repository}:")).map(str::to_owned))
    }

    async fn observed(&self, connection: &str, object: &Object) -> StoreResult<Observed> {
        match self.one(kept(connection, object)).await? {
            Some(row) => Ok(Observed {
                version: int("an observation", &row, 0)?,
                body: text("an observation", &row, 1)?.to_owned(),
            }),
            None => Ok(Observed { version: 0, body: String::new() }),
        }
    }

    async fn end_look(&self, look: &Look, seen: i64, end: LookEnd) -> StoreResult<bool> {
        let mut steps = vec![finished(look)];
        if let Some(observation) = &end.observation {
            steps.push(replace(&look.connection, &look.object, seen, &observation.body));
        }
        if let Some(again) = end.again {
            steps.push(hint(&look.connection, &look.object, Some(again)));
        }
        for told in &end.told {
            steps.extend(match told {
                LookTold::Say(message) => vec![crate::outbox::say(message)?],
                LookTold::Event(delivery) => plan::accept(delivery)?,
                LookTold::Issue { source, key, by, issue } => plan::accept_issue_of(source, key, issue, by)?,
            });
        }
        match self.engine.write(steps).await {
            Ok(_) => Ok(true),
            Err(StoreError::Missing { what }) if what == REPLACED => {
                let again = vec![finished(look), hint(&look.connection, &look.object, None)];
                self.engine.write(again).await?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    async fn observe(&self, connection: &str, object: &Object, seen: i64, body: &str) -> StoreResult<bool> {
        match self.engine.write(vec![replace(connection, object, seen, body)]).await {
            Ok(_) => Ok(true),
            Err(StoreError::Missing { what }) if what == REPLACED => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn reclaim_looks(&self, owner: &str) -> StoreResult<u64> {
        let left = Step::rows("SELECT 1 FROM looks WHERE state = 'running' AND owner <> ?1 LIMIT 1", [owner.into()]);
        if self.one(left).await?.is_none() {
            return Ok(0);
        }
        // One that was followed by another already is done by that.
        let steps = vec![
            Step::run(
                "DELETE FROM looks WHERE state = 'running' AND owner <> ?1 AND EXISTS (SELECT 1 FROM looks q
                     WHERE q.connection = looks.connection AND q.object = looks.object AND q.state = 'queued')",
                [owner.into()],
            ),
            Step::run("UPDATE looks SET state = 'queued' WHERE state = 'running' AND owner <> ?1", [owner.into()]),
        ];
        Ok(self.engine.write(steps).await?.iter().map(|answer| answer.touched).sum())
    }

    async fn deliveries(&self, connection: Option<&str>, limit: u32) -> StoreResult<Vec<DeliveryRow>> {
        let limit = if limit == 0 { LIST_DEFAULT } else { limit };
        let step = Step::rows(
            "SELECT id, connection, delivery_key, received_at, body, hints, outcome FROM deliveries
             WHERE CAST(?1 AS TEXT) IS NULL OR connection = ?1 ORDER BY id DESC LIMIT ?2",
            [connection.into(), limit.into()],
        );
        Ok(readable(&self.list(step).await?, delivery))
    }

    async fn forget_deliveries(&self, keep: &Keep, limit: u32) -> StoreResult<u64> {
        let old = Step::rows(
            "SELECT 1 FROM deliveries WHERE received_at < (SELECT now_ms()) - CAST(?1 AS INTEGER) AND body IS NOT NULL
                 OR received_at < (SELECT now_ms()) - CAST(?2 AS INTEGER) LIMIT 1",
            [keep.bodies_ms.into(), keep.deliveries_ms.into()],
        );
        if self.one(old).await?.is_none() {
            return Ok(0);
        }
        let steps = vec![
            Step::run(
                "UPDATE deliveries SET body = NULL, headers = NULL WHERE id IN (SELECT id FROM deliveries
                     WHERE body IS NOT NULL AND received_at < (SELECT now_ms()) - CAST(?1 AS INTEGER)
                     ORDER BY received_at LIMIT ?2)",
                [keep.bodies_ms.into(), limit.into()],
            ),
            Step::run(
                "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries
                     WHERE received_at < (SELECT now_ms()) - CAST(?1 AS INTEGER) ORDER BY received_at LIMIT ?2)",
                [keep.deliveries_ms.into(), limit.into()],
            ),
        ];
        Ok(self.engine.write(steps).await?.iter().map(|answer| answer.touched).sum())
    }
}

/// Another look replaced the observation meanwhile.
pub(crate) const REPLACED: &str = "the observation that this look began from";
