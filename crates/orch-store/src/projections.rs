//! Projections, and what was written outside.

use async_trait::async_trait;
use orch_ports::projection::{NextProjection, ProjectionEnd, ProjectionFilter, ProjectionRow, Projections};
use orch_ports::store::StoreResult;
use orch_rules::ids::Timestamp;
use orch_rules::outbox::projection::{Projection, Raise, Rendering, WRITES_KEPT, Write};
use orch_rules::outbox::target::Health;
use serde::{Deserialize, Serialize};

use crate::Database;
use crate::engine::Engine;
use crate::plan::body;
use crate::plan::work::listed;
use crate::row::{int, json, optional_int, optional_text, readable, text};
use crate::step::{Broken, Row, Step, Value};

/// How many rows a list has if nobody says.
const LIST_DEFAULT: u32 = 200;

const WHAT: &str = "a projection";

macro_rules! projection_columns {
    () => {
        "target, object, aspect, wanted, sent, doubted, need, due, fence, owner, ended_at, external_id, looked, body"
    };
}

/// What only the sender reads and writes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Sender {
    #[serde(skip_serializing_if = "Option::is_none")]
    shown: Option<Rendering>,
    #[serde(skip_serializing_if = "is_zero")]
    tries: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What is shown of something changed. A row that is due keeps its turn, and one that waits after a failure is tried.
pub(crate) fn raise(raise: &Raise) -> Step {
    Step::run(
        "INSERT INTO projections (target, object, aspect, wanted, sent, due, need, body)
         VALUES (?1, ?2, ?3, 1, 0, now_ms(), ?4, '{}')
         ON CONFLICT (target, object, aspect) DO UPDATE SET wanted = projections.wanted + 1, need = excluded.need,
             due = CASE WHEN projections.wanted > projections.sent AND projections.due < excluded.due
                 THEN projections.due ELSE excluded.due END
         WHERE projections.ended_at IS NULL",
        [raise.target.as_str().into(), raise.object.as_str().into(), raise.aspect.as_str().into(), raise.need.into()],
    )
    .queues()
}

fn projection(row: &Row) -> StoreResult<ProjectionRow> {
    let number = |column: usize| int(WHAT, row, column).map(|number| u64::try_from(number).unwrap_or(0));
    let sender: Sender = json(WHAT, row, 13)?;
    Ok(ProjectionRow {
        target: text(WHAT, row, 0)?.to_owned(),
        object: text(WHAT, row, 1)?.to_owned(),
        aspect: text(WHAT, row, 2)?.to_owned(),
        need: int(WHAT, row, 6)?,
        due: Timestamp(int(WHAT, row, 7)?),
        fence: int(WHAT, row, 8)?,
        claimed: optional_text(WHAT, row, 9)?.is_some(),
        ended_at: optional_int(WHAT, row, 10)?.map(Timestamp),
        state: Projection {
            wanted: number(3)?,
            sent: number(4)?,
            doubted: number(5)?,
            shown: sender.shown,
            writes: Vec::new(),
        },
        tries: sender.tries,
        error: sender.error,
        external_id: optional_text(WHAT, row, 11)?.map(str::to_owned),
        replaced: sender.replaced,
        looked: optional_text(WHAT, row, 12)?.map(str::to_owned),
    })
}

fn key(target: &str, object: &str, aspect: &str) -> [Value; 3] {
    [target.into(), object.into(), aspect.into()]
}

fn key_of(row: &ProjectionRow) -> [Value; 3] {
    key(&row.target, &row.object, &row.aspect)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Writes under a claim; the fence must hold. What was raised since is due now, whatever this claim waits for.
fn held(
    row: &ProjectionRow,
    sent: u64,
    due: Timestamp,
    keeps: bool,
    ended: bool,
    sender: &Sender,
) -> StoreResult<Step> {
    let [target, object, aspect] = key_of(row);
    let step = Step::run(
        "UPDATE projections SET sent = CASE WHEN sent < ?5 THEN ?5 ELSE sent END,
             due = CASE WHEN CAST(?6 AS INTEGER) = 0 THEN due WHEN wanted > ?10 THEN now_ms() ELSE CAST(?6 AS INTEGER) END,
             owner = CASE WHEN CAST(?7 AS INTEGER) = 1 THEN owner ELSE NULL END,
             ended_at = CASE WHEN CAST(?8 AS INTEGER) = 1 THEN now_ms() ELSE ended_at END, body = ?9
         WHERE target = ?1 AND object = ?2 AND aspect = ?3 AND fence = ?4 AND owner IS NOT NULL",
        [
            target,
            object,
            aspect,
            row.fence.into(),
            signed(sent).into(),
            due.0.into(),
            keeps.into(),
            ended.into(),
            body(sender)?,
            signed(row.state.wanted).into(),
        ],
    );
    Ok(step.or(Broken::Stale(row.fence)))
}

fn sender_of(row: &ProjectionRow) -> Sender {
    Sender {
        shown: row.state.shown.clone(),
        tries: row.tries,
        error: row.error.clone(),
        replaced: row.replaced.clone(),
    }
}

/// The steps that end a claim.
fn ended(row: &ProjectionRow, end: &ProjectionEnd) -> StoreResult<Vec<Step>> {
    let sender = sender_of(row);
    let well = |sender: Sender| Sender { tries: 0, error: None, ..sender };
    let (wanted, none) = (row.state.wanted, Timestamp(0));
    Ok(match end {
        ProjectionEnd::Settled => vec![held(row, wanted, none, false, false, &well(sender))?],
        ProjectionEnd::Again { due, error, failed, refused } => {
            let tries = row.tries.saturating_add((*failed).into());
            let sender = Sender { tries, error: Some(error.clone()), ..sender };
            let mut steps = vec![held(row, 0, *due, false, false, &sender)?];
            if let Some(begun) = refused {
                let [target, object, aspect] = key_of(row);
                steps.push(Step::run(
                    "DELETE FROM externals
                     WHERE target = ?1 AND object = ?2 AND aspect = ?3 AND number = ?4 AND begun = ?5 AND ended IS NULL",
                    [target, object, aspect, signed(wanted).into(), begun.0.into()],
                ));
            }
            steps
        }
        ProjectionEnd::Gone { error } => {
            vec![held(row, 0, none, false, true, &Sender { error: Some(error.clone()), ..sender })?]
        }
        ProjectionEnd::Written { rendering, written } => {
            let keeps = written.replaced.is_some();
            let sender = Sender { shown: Some(rendering.clone()), replaced: written.replaced.clone(), ..well(sender) };
            let [target, object, aspect] = key_of(row);
            let id: Value = written.external_id.as_deref().into();
            vec![
                held(row, wanted, none, keeps, false, &sender)?,
                // One that was adopted meanwhile stays.
                Step::run(
                    "UPDATE projections SET external_id = CAST(?4 AS TEXT)
                     WHERE target = ?1 AND object = ?2 AND aspect = ?3 AND CAST(?4 AS TEXT) IS NOT NULL
                         AND COALESCE(external_id, '') = COALESCE(CAST(?5 AS TEXT), '')",
                    [target.clone(), object.clone(), aspect.clone(), id.clone(), row.external_id.as_deref().into()],
                ),
                Step::run(
                    "UPDATE externals SET ended = now_ms(), external_id = CAST(?5 AS TEXT)
                     WHERE target = ?1 AND object = ?2 AND aspect = ?3 AND number = ?4 AND begun = (SELECT MAX(e.begun)
                         FROM externals e WHERE e.target = ?1 AND e.object = ?2 AND e.aspect = ?3 AND e.number = ?4)",
                    [target, object, aspect, signed(wanted).into(), id],
                ),
            ]
        }
    })
}

fn written(row: &Row) -> StoreResult<Write> {
    const WHAT: &str = "a write outside";
    Ok(Write {
        number: u64::try_from(int(WHAT, row, 0)?).unwrap_or(0),
        value: text(WHAT, row, 1)?.to_owned(),
        begun: Timestamp(int(WHAT, row, 2)?),
        ended: optional_int(WHAT, row, 3)?.map(Timestamp),
    })
}

impl<E: Engine> Database<E> {
    /// The row with its last writes, oldest first.
    async fn with_writes(&self, mut row: ProjectionRow) -> StoreResult<ProjectionRow> {
        let [target, object, aspect] = key_of(&row);
        let most = u32::try_from(WRITES_KEPT).unwrap_or(u32::MAX);
        let step = Step::rows(
            "SELECT number, value, begun, ended FROM externals WHERE target = ?1 AND object = ?2 AND aspect = ?3
             ORDER BY begun DESC, number DESC LIMIT ?4",
            [target, object, aspect, most.into()],
        );
        row.state.writes = readable(&self.list(step).await?, written);
        row.state.writes.reverse();
        Ok(row)
    }
}

#[async_trait]
impl<E: Engine> Projections for Database<E> {
    async fn next_projection(&self, target: &str, aspects: &[&str]) -> StoreResult<NextProjection> {
        let params: [Value; 2] = [target.into(), listed(aspects.iter().copied()).into()];
        macro_rules! free {
            () => {
                " FROM projections WHERE target = ?1 AND wanted > sent AND owner IS NULL AND ended_at IS NULL
                      AND replace(?2, ',' || aspect || ',', '') <> ?2 "
            };
        }
        let now = Step::rows(
            concat!("SELECT need, due", free!(), "AND due <= (SELECT now_ms()) ORDER BY need, due LIMIT 1"),
            params.clone(),
        );
        let later = Step::rows(concat!("SELECT MIN(due)", free!()), params);
        let answers = self.engine.read(vec![now, later]).await?;
        let row = |at: usize| answers.get(at).and_then(|answer| answer.rows.first());
        let now = match row(0) {
            Some(row) => Some((int(WHAT, row, 0)?, Timestamp(int(WHAT, row, 1)?))),
            None => None,
        };
        let later = row(1).map_or(Ok(None), |row| optional_int(WHAT, row, 0))?.map(Timestamp);
        Ok(NextProjection { now, later: if now.is_some() { None } else { later } })
    }

    async fn claim_projection(
        &self,
        target: &str,
        aspects: &[&str],
        owner: &str,
    ) -> StoreResult<Option<ProjectionRow>> {
        let take = Step::rows(
            concat!(
                "UPDATE projections SET owner = ?3, fence = fence + 1
                 WHERE owner IS NULL AND (target, object, aspect) = (SELECT p.target, p.object, p.aspect FROM projections p
                     WHERE p.target = ?1 AND p.wanted > p.sent AND p.owner IS NULL AND p.ended_at IS NULL
                         AND p.due <= (SELECT now_ms()) AND replace(?2, ',' || p.aspect || ',', '') <> ?2
                     ORDER BY p.need, p.due LIMIT 1 /*pg FOR NO KEY UPDATE SKIP LOCKED */)
                 RETURNING ",
                projection_columns!()
            ),
            [target.into(), listed(aspects.iter().copied()).into(), owner.into()],
        );
        let answers = self.engine.write(vec![take]).await?;
        let Some(row) = answers.first().and_then(|answer| answer.rows.first()) else { return Ok(None) };
        match projection(row) {
            Ok(row) => self.with_writes(row).await.map(Some),
            Err(error) => {
                // Left for a release that can read it.
                tracing::error!(%error, "a projection is put aside for a day");
                let column = |at: usize| row.get(at).cloned().unwrap_or(Value::Null);
                let step = Step::run(
                    "UPDATE projections SET owner = NULL, due = now_ms() + 86400000
                     WHERE target = ?1 AND object = ?2 AND aspect = ?3",
                    [column(0), column(1), column(2)],
                );
                self.engine.write(vec![step]).await?;
                Ok(None)
            }
        }
    }

    async fn begin_projection(&self, row: &ProjectionRow, rendering: &Rendering, at: Timestamp) -> StoreResult<()> {
        let [target, object, aspect] = key_of(row);
        let most = u32::try_from(WRITES_KEPT).unwrap_or(u32::MAX);
        let unknown = Sender { shown: None, ..sender_of(row) };
        self.engine
            .write(vec![
                held(row, 0, Timestamp(0), true, false, &unknown)?,
                Step::run(
                    "INSERT INTO externals (target, object, aspect, number, value, begun) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                     ON CONFLICT (target, object, aspect, number, begun) DO UPDATE SET value = excluded.value",
                    [
                        target.clone(),
                        object.clone(),
                        aspect.clone(),
                        signed(row.state.wanted).into(),
                        rendering.value.as_str().into(),
                        at.0.into(),
                    ],
                ),
                Step::run(
                    "DELETE FROM externals WHERE target = ?1 AND object = ?2 AND aspect = ?3 AND begun < (SELECT MIN(k.begun)
                         FROM (SELECT e.begun FROM externals e WHERE e.target = ?1 AND e.object = ?2 AND e.aspect = ?3
                             ORDER BY e.begun DESC, e.number DESC LIMIT ?4) k)",
                    [target, object, aspect, most.into()],
                ),
            ])
            .await
            .map(drop)
    }

    async fn end_projection(
        &self,
        row: &ProjectionRow,
        end: &ProjectionEnd,
        health: Option<(&str, &Health)>,
    ) -> StoreResult<()> {
        let mut steps = ended(row, end)?;
        if let Some((channel, health)) = health {
            steps.push(crate::outbox::remember(channel, health)?);
        }
        self.engine.write(steps).await.map(drop)
    }

    async fn doubt_projection(&self, target: &str, object: &str, aspect: &str) -> StoreResult<()> {
        let step = Step::run(
            "UPDATE projections SET wanted = wanted + 1, doubted = wanted + 1,
                 due = CASE WHEN wanted > sent AND due < now_ms() THEN due ELSE now_ms() END
             WHERE target = ?1 AND object = ?2 AND aspect = ?3 AND ended_at IS NULL",
            key(target, object, aspect),
        )
        .queues();
        self.engine.write(vec![step]).await.map(drop)
    }

    async fn saw_projection(&self, target: &str, object: &str, aspect: &str, value: &str) -> StoreResult<()> {
        let [target, object, aspect] = key(target, object, aspect);
        let step = Step::run(
            "UPDATE projections SET looked = ?4, due = CASE WHEN due > now_ms() THEN now_ms() ELSE due END
             WHERE target = ?1 AND object = ?2 AND aspect = ?3 AND (looked IS NULL OR looked <> ?4)",
            [target, object, aspect, value.into()],
        );
        self.engine.write(vec![step]).await.map(drop)
    }

    async fn adopt_projection(&self, target: &str, object: &str, aspect: &str, external_id: &str) -> StoreResult<bool> {
        let [target, object, aspect] = key(target, object, aspect);
        let step = Step::run(
            "UPDATE projections SET external_id = ?4, wanted = wanted + 1, doubted = wanted + 1, ended_at = NULL,
                 due = now_ms()
             WHERE target = ?1 AND object = ?2 AND aspect = ?3",
            [target, object, aspect, external_id.into()],
        )
        .queues();
        Ok(self.engine.write(vec![step]).await?.iter().any(|answer| answer.touched > 0))
    }

    async fn reclaim_projections(&self, owner: &str) -> StoreResult<u64> {
        macro_rules! left {
            () => {
                " owner IS NOT NULL AND (owner = ?1 OR NOT EXISTS (SELECT 1 FROM hosts h WHERE h.id = projections.owner))"
            };
        }
        let left = Step::rows(concat!("SELECT 1 FROM projections WHERE", left!(), " LIMIT 1"), [owner.into()]);
        if self.one(left).await?.is_none() {
            return Ok(0);
        }
        let step = Step::run(
            concat!("UPDATE projections SET owner = NULL, wanted = wanted + 1, due = now_ms() WHERE", left!()),
            [owner.into()],
        );
        Ok(self.engine.write(vec![step]).await?.iter().map(|answer| answer.touched).sum())
    }

    async fn projections(&self, filter: &ProjectionFilter) -> StoreResult<Vec<ProjectionRow>> {
        let limit = if filter.limit == 0 { LIST_DEFAULT } else { filter.limit };
        let step = Step::rows(
            concat!(
                "SELECT ",
                projection_columns!(),
                " FROM projections WHERE (CAST(?1 AS TEXT) IS NULL OR target = ?1)
                      AND (CAST(?2 AS TEXT) IS NULL OR object = ?2)
                      AND (CAST(?3 AS INTEGER) = 0 OR wanted > sent AND ended_at IS NULL)
                  ORDER BY CASE WHEN wanted > sent AND ended_at IS NULL THEN 0 ELSE 1 END, need, due DESC, object, aspect
                  LIMIT ?4"
            ),
            [filter.target.as_deref().into(), filter.object.as_deref().into(), filter.due.into(), limit.into()],
        );
        Ok(readable(&self.list(step).await?, projection))
    }

    async fn projection(&self, target: &str, object: &str, aspect: &str) -> StoreResult<Option<ProjectionRow>> {
        let step = Step::rows(
            concat!(
                "SELECT ",
                projection_columns!(),
                " FROM projections WHERE target = ?1 AND object = ?2 AND aspect = ?3"
            ),
            key(target, object, aspect),
        );
        let Some(row) = self.one(step).await? else { return Ok(None) };
        self.with_writes(projection(&row)?).await.map(Some)
    }
}
