//! What came in, for people.

use async_trait::async_trait;
use orch_ports::deliveries::{Deliveries, DeliveryFilter, DeliveryId, DeliverySeen, DeliveryState};
use orch_ports::store::{InboxAnswer, StoreResult};
use orch_rules::ids::Timestamp;
use orch_rules::observation::Object;

use crate::Database;
use crate::engine::Engine;
use crate::intake::hint;
use crate::plan::body;
use crate::row::{int, json, optional_text, readable, text};
use crate::step::{Row, Step};

/// How many there are in a list if nobody says.
const LIST_DEFAULT: u32 = 200;
/// So many are looked through for those in a state that only their answer tells.
const LOOKED_THROUGH: u32 = 10_000;

/// Rows that are not answered, from their work: `(id, source, key, by, at, event, answer, state, waits_for, error)`.
macro_rules! open {
    ($which:literal) => {
        concat!(
            "SELECT i.id, i.source, i.delivery_key, i.caused_by, i.received_at, i.event, i.answer, w.state, w.waits_for,
                 COALESCE(w.unread, w.error)
             FROM work w JOIN inbox i ON i.id = w.inbox
             WHERE w.state <> 'done' AND w.state IN ('queued', 'running', 'failed') AND i.answer IS NULL ",
            $which
        )
    };
}

/// Rows that are answered.
macro_rules! ended {
    ($which:literal) => {
        concat!(
            "SELECT i.id, i.source, i.delivery_key, i.caused_by, i.received_at, i.event, i.answer, 'done', NULL, NULL
             FROM inbox i WHERE i.answer IS NOT NULL ",
            $which
        )
    };
}

/// `(id, connection, key, at, body, hints, outcome)`.
macro_rules! told {
    ($which:literal) => {
        concat!("SELECT id, connection, delivery_key, received_at, body, hints, outcome FROM deliveries ", $which)
    };
}

fn asked(row: &Row) -> StoreResult<DeliverySeen> {
    let what = "a delivery";
    let strange = |stored: &str| InboxAnswer::Accepted { text: format!("handled by a newer release: {stored}").into() };
    let answer =
        optional_text(what, row, 6)?.map(|stored| serde_json::from_str(stored).unwrap_or_else(|_| strange(stored)));
    let waits = optional_text(what, row, 8)?.is_some();
    let state = match (&answer, text(what, row, 7)?) {
        (Some(InboxAnswer::Accepted { .. } | InboxAnswer::Opened { .. }), _) => DeliveryState::Accepted,
        (Some(InboxAnswer::Refused { .. } | InboxAnswer::NotFound { .. }), _) => DeliveryState::Refused,
        (Some(InboxAnswer::Dropped { .. }), _) => DeliveryState::Dropped,
        (None, "failed") => DeliveryState::Dead,
        (None, "running") => DeliveryState::Handling,
        (None, _) if waits => DeliveryState::Waiting,
        (None, _) => DeliveryState::Queued,
    };
    Ok(DeliverySeen {
        id: DeliveryId { webhook: false, number: int(what, row, 0)? },
        source: text(what, row, 1)?.to_owned(),
        key: text(what, row, 2)?.to_owned(),
        by: Some(text(what, row, 3)?.into()),
        received_at: Timestamp(int(what, row, 4)?),
        state,
        body: Some(text(what, row, 5)?.to_owned()),
        answer,
        error: optional_text(what, row, 9)?.map(str::to_owned),
    })
}

fn told(row: &Row) -> StoreResult<DeliverySeen> {
    let what = "a delivery";
    let state = match text(what, row, 6)? {
        "unread" => DeliveryState::Dead,
        "dropped" => DeliveryState::Dropped,
        _ => DeliveryState::Looked,
    };
    let unread = || "nothing in it says what to look at".to_owned();
    Ok(DeliverySeen {
        id: DeliveryId { webhook: true, number: int(what, row, 0)? },
        source: text(what, row, 1)?.to_owned(),
        key: text(what, row, 2)?.to_owned(),
        by: None,
        received_at: Timestamp(int(what, row, 3)?),
        state,
        body: optional_text(what, row, 4)?.map(str::to_owned),
        answer: None,
        error: (state == DeliveryState::Dead).then(unread),
    })
}

#[async_trait]
impl<E: Engine> Deliveries for Database<E> {
    async fn deliveries_seen(&self, filter: &DeliveryFilter) -> StoreResult<Vec<DeliverySeen>> {
        let limit = if filter.limit == 0 { LIST_DEFAULT } else { filter.limit };
        let through = if filter.state.is_some() { LOOKED_THROUGH } else { limit };
        let all = [filter.source.as_deref().into(), through.into()];
        let steps = vec![
            Step::rows(
                open!("AND (CAST(?1 AS TEXT) IS NULL OR i.source = ?1) ORDER BY i.id DESC LIMIT ?2"),
                all.clone(),
            ),
            Step::rows(
                ended!("AND (CAST(?1 AS TEXT) IS NULL OR i.source = ?1) ORDER BY i.id DESC LIMIT ?2"),
                all.clone(),
            ),
            Step::rows(told!("WHERE CAST(?1 AS TEXT) IS NULL OR connection = ?1 ORDER BY id DESC LIMIT ?2"), all),
        ];
        let answers = self.engine.read(steps).await?;
        let mut seen = Vec::new();
        for (answer, read) in answers.iter().zip([asked, asked, told]) {
            seen.extend(readable(answer, read));
        }
        seen.retain(|delivery| filter.state.is_none_or(|state| state == delivery.state));
        seen.sort_by_key(|delivery| std::cmp::Reverse((delivery.received_at, delivery.id.number)));
        seen.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(seen)
    }

    async fn delivery_seen(&self, id: DeliveryId) -> StoreResult<Option<DeliverySeen>> {
        if id.webhook {
            return self
                .one(Step::rows(told!("WHERE id = ?1"), [id.number.into()]))
                .await?
                .as_ref()
                .map(told)
                .transpose();
        }
        // On one snapshot: between two reads it could pass from the one to the other and be seen in neither.
        let of_it = || [id.number.into()];
        let steps = vec![Step::rows(ended!("AND i.id = ?1"), of_it()), Step::rows(open!("AND i.id = ?1"), of_it())];
        let answers = self.engine.read(steps).await?;
        let row = answers.iter().flat_map(|answer| &answer.rows).next();
        row.map(asked).transpose()
    }

    async fn replay_delivery(&self, id: DeliveryId) -> StoreResult<bool> {
        if !id.webhook {
            let step = Step::run(
                "UPDATE work SET state = 'queued', due = now_ms(), attempt = 0, waits_for = NULL
                 WHERE inbox = ?1 AND state IN ('queued', 'failed')",
                [id.number.into()],
            )
            .queues();
            return Ok(self.engine.write(vec![step]).await?.iter().any(|answer| answer.touched > 0));
        }
        let step = Step::rows("SELECT connection, hints FROM deliveries WHERE id = ?1", [id.number.into()]);
        let Some(row) = self.one(step).await? else { return Ok(false) };
        let (connection, keys) = (text("a delivery", &row, 0)?, json::<Vec<String>>("a delivery", &row, 1)?);
        let objects: Vec<Object> = keys.iter().filter_map(|key| Object::parse(key)).collect();
        if objects.is_empty() {
            return Ok(false);
        }
        let mut steps: Vec<Step> = objects.iter().map(|object| hint(connection, object, None)).collect();
        steps.push(Step::run("UPDATE deliveries SET outcome = 'looked' WHERE id = ?1", [id.number.into()]));
        self.engine.write(steps).await.map(|_| true)
    }

    async fn drop_delivery(&self, id: DeliveryId, why: &str) -> StoreResult<bool> {
        let number = id.number;
        let steps = if id.webhook {
            vec![Step::run(
                "UPDATE deliveries SET outcome = 'dropped' WHERE id = ?1 AND outcome = 'unread'",
                [number.into()],
            )]
        } else {
            let answer = InboxAnswer::Dropped { why: why.to_owned() };
            vec![
                Step::run(
                    "UPDATE work SET state = 'cancelled', waits_for = NULL WHERE inbox = ?1 AND state IN ('queued', 'failed')",
                    [number.into()],
                )
                .queues(),
                Step::run("UPDATE inbox SET answer = ?2 WHERE id = ?1", [number.into(), body(&answer)?]).after_write(),
            ]
        };
        Ok(self.engine.write(steps).await?.first().is_some_and(|answer| answer.touched > 0))
    }
}
