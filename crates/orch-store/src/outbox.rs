//! Messages and their targets.

use async_trait::async_trait;
use orch_ports::keep::Keep;
use orch_ports::outbox::{Ended, Message, MessageFilter, MessageId, MessageState, Outbox};
use orch_ports::store::StoreResult;
use orch_rules::ids::Timestamp;
use orch_rules::notice::{Notice, NoticeKind};
use orch_rules::outbox::fate::Facts;
use orch_rules::outbox::message::NewMessage;
use orch_rules::outbox::target::Health;
use orch_rules::task::Task;

use crate::Database;
use crate::engine::Engine;
use crate::plan::body;
use crate::row::{count, int, json, optional_text, readable, text};
use crate::step::{Broken, Row, Step, Value};

/// How many messages a list has if nobody says.
const LIST_DEFAULT: u32 = 200;

macro_rules! message_columns {
    () => {
        "id, target, message_key, made_at, due, state, tries, fence, error, ended_at, body"
    };
}

/// A message that is written with the facts it tells of.
pub(crate) fn say(message: &NewMessage) -> StoreResult<Step> {
    Ok(Step::run(
        "INSERT INTO messages (target, message_key, object, kind, made_at, due, state, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, 'queued', ?6) ON CONFLICT (target, message_key) DO NOTHING",
        [
            message.target.as_str().into(),
            message.key.as_str().into(),
            message.object.as_str().into(),
            message.notice.kind.as_str().into(),
            message.made_at.0.into(),
            body(&message.notice)?,
        ],
    )
    .queues())
}

fn message(row: &Row) -> StoreResult<Message> {
    let what = "a message";
    let spelled = text(what, row, 5)?;
    let state = MessageState::ALL.into_iter().find(|state| state.as_str() == spelled);
    let optional_time = |column: usize| match row.get(column) {
        Some(Value::Null) => Ok(None),
        _ => int(what, row, column).map(|at| Some(Timestamp(at))),
    };
    Ok(Message {
        id: int(what, row, 0)?,
        target: text(what, row, 1)?.to_owned(),
        key: text(what, row, 2)?.to_owned(),
        made_at: Timestamp(int(what, row, 3)?),
        due: Timestamp(int(what, row, 4)?),
        state: state.ok_or_else(|| orch_ports::store::StoreError::Unreadable {
            what: what.to_owned(),
            detail: format!("unknown state `{spelled}`"),
        })?,
        tries: count(what, row, 6)?,
        fence: int(what, row, 7)?,
        error: optional_text(what, row, 8)?.map(str::to_owned),
        ended_at: optional_time(9)?,
        notice: json(what, row, 10)?,
    })
}

/// How a target is.
pub(crate) fn remember(name: &str, health: &Health) -> StoreResult<Step> {
    Ok(Step::run(
        "INSERT INTO targets (name, body) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET body = excluded.body WHERE targets.body <> excluded.body",
        [name.into(), body(health)?],
    ))
}

/// The end of a try; the fence of the claim must hold.
fn end(message: &Message, ended: &Ended) -> Step {
    let (id, fence) = (Value::from(message.id), Value::from(message.fence));
    let step = match ended {
        Ended::Sent => Step::run(
            "UPDATE messages SET state = 'sent', error = NULL, ended_at = now_ms()
             WHERE id = ?1 AND fence = ?2 AND state = 'sending'",
            [id, fence],
        ),
        Ended::Dropped { why } => Step::run(
            "UPDATE messages SET state = 'dropped', error = ?3, ended_at = now_ms()
             WHERE id = ?1 AND fence = ?2 AND state = 'sending'",
            [id, fence, why.as_str().into()],
        ),
        Ended::Dead { error } => Step::run(
            "UPDATE messages SET state = 'dead', error = ?3, ended_at = now_ms()
             WHERE id = ?1 AND fence = ?2 AND state = 'sending'",
            [id, fence, error.as_str().into()],
        ),
        Ended::Again { due, error } => Step::run(
            "UPDATE messages SET state = 'queued', due = ?3, error = ?4
             WHERE id = ?1 AND fence = ?2 AND state = 'sending'",
            [id, fence, due.0.into(), error.as_str().into()],
        ),
        Ended::Wait { due } => Step::run(
            "UPDATE messages SET state = 'queued', due = ?3, tries = tries - 1
             WHERE id = ?1 AND fence = ?2 AND state = 'sending'",
            [id, fence, due.0.into()],
        ),
    };
    step.or(Broken::Stale(message.id))
}

#[async_trait]
impl<E: Engine> Outbox for Database<E> {
    async fn claim_message(&self, target: &str, owner: &str) -> StoreResult<Option<Message>> {
        let due = Step::rows(
            "SELECT 1 FROM messages WHERE target = ?1 AND state = 'queued' AND due <= (SELECT now_ms()) LIMIT 1",
            [target.into()],
        );
        // Asked first, so that an idle look costs no write.
        if self.one(due).await?.is_none() {
            return Ok(None);
        }
        let take = Step::rows(
            concat!(
                "UPDATE messages SET state = 'sending', owner = ?2, tries = tries + 1, fence = fence + 1
                 WHERE id = (SELECT m.id FROM messages m
                     WHERE m.target = ?1 AND m.state = 'queued' AND m.due <= (SELECT now_ms())
                         AND NOT EXISTS (SELECT 1 FROM messages e
                             WHERE e.target = m.target AND e.object = m.object AND e.id < m.id
                                 AND e.state IN ('queued', 'sending'))
                     ORDER BY m.id LIMIT 1 /*pg FOR NO KEY UPDATE SKIP LOCKED */)
                 RETURNING ",
                message_columns!()
            ),
            [target.into(), owner.into()],
        );
        let answers = self.engine.write(vec![take]).await?;
        let Some(row) = answers.first().and_then(|answer| answer.rows.first()) else { return Ok(None) };
        match message(row) {
            Ok(message) => Ok(Some(message)),
            Err(error) => {
                // Left for a release that can read it.
                tracing::error!(%error, "a message is put aside for a day");
                let step = Step::run(
                    "UPDATE messages SET state = 'queued', tries = tries - 1, due = now_ms() + 86400000, error = ?2
                     WHERE id = ?1 AND state = 'sending'",
                    [row.first().cloned().unwrap_or(Value::Null), error.to_string().into()],
                );
                self.engine.write(vec![step]).await?;
                Ok(None)
            }
        }
    }

    async fn next_message_due(&self, target: &str) -> StoreResult<Option<Timestamp>> {
        // Those that an earlier one of their object holds back fall due when that one ends.
        let step = Step::rows(
            "SELECT MIN(m.due) FROM messages m WHERE m.target = ?1 AND m.state = 'queued'
                 AND NOT EXISTS (SELECT 1 FROM messages e
                     WHERE e.target = m.target AND e.object = m.object AND e.id < m.id
                         AND e.state IN ('queued', 'sending'))",
            [target.into()],
        );
        match self.one(step).await? {
            Some(row) if row.first() != Some(&Value::Null) => Ok(Some(Timestamp(int("a message", &row, 0)?))),
            _ => Ok(None),
        }
    }

    async fn message_facts(&self, notice: &Notice) -> StoreResult<Facts> {
        let text_or = |text: Option<&str>| Value::from(text.unwrap_or_default());
        let outage = match notice.kind {
            NoticeKind::Outage => notice.occasion.rsplit_once(':').map(|(source, _)| source),
            _ => None,
        };
        let answers = self
            .engine
            .read(vec![
                Step::rows(
                    "SELECT 1 FROM episodes WHERE id = ?1 AND unanswered = 1",
                    [text_or(notice.episode.as_ref().map(|episode| episode.as_str()))],
                ),
                Step::rows(
                    "SELECT body FROM tasks WHERE id = ?1",
                    [text_or(notice.task.as_ref().map(|task| task.as_str()))],
                ),
                Step::rows(
                    "SELECT freeze_epoch FROM repositories WHERE id = ?1 AND frozen IS NOT NULL",
                    [notice.repository.as_str().into()],
                ),
                Step::rows("SELECT body FROM outages WHERE name = ?1 AND body IS NOT NULL", [text_or(outage)]),
            ])
            .await?;
        let first = |at: usize| answers.get(at).and_then(|answer| answer.rows.first());
        // A row that this release cannot read says nothing against the message.
        let hold = match first(1).map(|row| json::<Task>("a task", row, 0)) {
            Some(Ok(task)) => task.hold.map(|hold| hold.reason()),
            Some(Err(_)) => Some(notice.text.clone()),
            None => None,
        };
        let out = first(3).map(|row| json::<orch_rules::outage::Outage>("an outage", row, 0));
        Ok(Facts {
            // Such a one is never claimed.
            earlier: false,
            question_open: first(0).is_some(),
            hold,
            frozen_epoch: first(2).map(|row| int("a repository", row, 0)).transpose()?,
            outage: out.is_some_and(|outage| outage.map_or(true, |outage| outage.is_closed())),
        })
    }

    async fn end_message(&self, message: &Message, ended: Ended, health: Option<&Health>) -> StoreResult<()> {
        let mut steps = vec![end(message, &ended)];
        if let Some(health) = health {
            steps.push(remember(&message.target, health)?);
        }
        self.engine.write(steps).await.map(drop)
    }

    async fn reclaim_messages(&self, owner: &str) -> StoreResult<u64> {
        let left = Step::rows(
            "SELECT 1 FROM messages WHERE state IN ('queued', 'sending') AND state = 'sending'
                 AND (owner = ?1 OR NOT EXISTS (SELECT 1 FROM hosts h WHERE h.id = messages.owner)) LIMIT 1",
            [owner.into()],
        );
        if self.one(left).await?.is_none() {
            return Ok(0);
        }
        let step = Step::run(
            "UPDATE messages SET state = 'queued'
             WHERE state IN ('queued', 'sending') AND state = 'sending'
                 AND (owner = ?1 OR NOT EXISTS (SELECT 1 FROM hosts h WHERE h.id = messages.owner))",
            [owner.into()],
        );
        Ok(self.engine.write(vec![step]).await?.iter().map(|answer| answer.touched).sum())
    }

    async fn health(&self, target: &str) -> StoreResult<Health> {
        match self.one(Step::rows("SELECT body FROM targets WHERE name = ?1", [target.into()])).await? {
            Some(row) => json("a target", &row, 0),
            None => Ok(Health::default()),
        }
    }

    async fn targets(&self) -> StoreResult<Vec<(String, Health)>> {
        let rows = self.list(Step::rows("SELECT name, body FROM targets ORDER BY name", [])).await?;
        Ok(readable(&rows, |row| Ok((text("a target", row, 0)?.to_owned(), json("a target", row, 1)?))))
    }

    async fn messages(&self, filter: &MessageFilter) -> StoreResult<Vec<Message>> {
        let limit = if filter.limit == 0 { LIST_DEFAULT } else { filter.limit };
        let step = Step::rows(
            concat!(
                "SELECT ",
                message_columns!(),
                " FROM messages WHERE (CAST(?1 AS TEXT) IS NULL OR target = ?1)
                      AND (CAST(?2 AS TEXT) IS NULL OR state = ?2) ORDER BY id DESC LIMIT ?3"
            ),
            [filter.target.as_deref().into(), filter.state.map(MessageState::as_str).into(), limit.into()],
        );
        Ok(readable(&self.list(step).await?, message))
    }

    async fn message(&self, id: MessageId) -> StoreResult<Option<Message>> {
        let step = Step::rows(concat!("SELECT ", message_columns!(), " FROM messages WHERE id = ?1"), [id.into()]);
        self.one(step).await?.as_ref().map(message).transpose()
    }

    async fn replay_message(&self, id: MessageId) -> StoreResult<bool> {
        let step = Step::run(
            // From now on it is as young as on the first day.
            "UPDATE messages SET state = 'queued', due = now_ms(), made_at = now_ms(), tries = 0, ended_at = NULL
             WHERE id = ?1 AND state IN ('queued', 'dead', 'dropped')",
            [id.into()],
        );
        Ok(self.engine.write(vec![step]).await?.iter().any(|answer| answer.touched > 0))
    }

    async fn drop_message(&self, id: MessageId, why: &str) -> StoreResult<bool> {
        let step = Step::run(
            "UPDATE messages SET state = 'dropped', error = ?2, ended_at = now_ms()
             WHERE id = ?1 AND state IN ('queued', 'dead')",
            [id.into(), why.into()],
        );
        Ok(self.engine.write(vec![step]).await?.iter().any(|answer| answer.touched > 0))
    }

    async fn forget_messages(&self, keep: &Keep, limit: u32) -> StoreResult<u64> {
        macro_rules! old {
            () => {
                "ended_at IS NOT NULL AND (state IN ('sent', 'dropped') AND ended_at < (SELECT now_ms()) - CAST(?1 AS INTEGER)
                     OR ended_at < (SELECT now_ms()) - CAST(?2 AS INTEGER))"
            };
        }
        let kept: [Value; 2] = [keep.sent_ms.into(), keep.dead_ms.into()];
        if self
            .one(Step::rows(concat!("SELECT 1 FROM messages WHERE ", old!(), " LIMIT 1"), kept.clone()))
            .await?
            .is_none()
        {
            return Ok(0);
        }
        let [sent, dead] = kept;
        let step = Step::run(
            concat!(
                "DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE ",
                old!(),
                " ORDER BY ended_at LIMIT ?3)"
            ),
            [sent, dead, limit.into()],
        );
        Ok(self.engine.write(vec![step]).await?.iter().map(|answer| answer.touched).sum())
    }
}
