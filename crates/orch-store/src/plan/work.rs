//! The work table and the inbox as steps.
//!
//! Rows of one ordering key run one after the other in the order of their rows. Inbox rows and "decide again" rows of
//! one aggregate share a key; effects have their own ([`Effect::ordering_key`]), so that a long run never keeps a stop
//! from being heard.

use orch_ports::keep::Keep;
use orch_ports::store::{Claim, Delivery, Finish, Finished, Job, StoreResult, WorkId};
use orch_rules::actor::Actor;
use orch_rules::effect::Effect;
use orch_rules::event::Event;
use orch_rules::ids::{RepositoryId, TaskId, Timestamp};
use orch_rules::issue::Issue;

use super::body;
use crate::step::{Broken, Step, Value};

/// Bookkeeping goes before effects whatever a task's priority (an `i32`), and by that priority among itself.
const BOOKKEEPING: i64 = 1 << 40;
/// The lane's own effects go before those of tasks.
const LANE: i64 = 1 << 36;

/// Stores a delivery and queues its handling. The answer of the third step is `(inbox id, answer or NULL)`; the first
/// step wrote nothing if the delivery was known.
///
/// # Errors
/// [`orch_ports::store::StoreError::Failed`] if the event cannot be encoded.
pub fn accept(delivery: &Delivery) -> StoreResult<Vec<Step>> {
    let (source, key): (Value, Value) = (delivery.source.as_str().into(), delivery.key.as_str().into());
    let (ordering, task, repository) = match &delivery.event {
        Event::Task { task, .. } => (format!("task:{task}"), Some(task.as_str()), None),
        Event::Lane { repository, .. } => (format!("repository:{repository}"), None, Some(repository.as_str())),
    };
    Ok(vec![
        received(source.clone(), key.clone(), &delivery.by, body(&delivery.event)?),
        Step::run(
            "INSERT INTO work (kind, ordering_key, task, repository, inbox, priority, armed_at, due, state)
             SELECT 'inbox', ?3, CAST(?4 AS TEXT), CAST(?5 AS TEXT), i.id,
                 CAST(?6 AS INTEGER) + COALESCE((SELECT t.priority FROM tasks t WHERE t.id = ?4), 0),
                 i.received_at, i.received_at, 'queued'
             FROM inbox i WHERE i.source = ?1 AND i.delivery_key = ?2",
            [source.clone(), key.clone(), ordering.into(), task.into(), repository.into(), BOOKKEEPING.into()],
        )
        .after_write()
        .queues(),
        answered(source, key),
    ])
}

/// As [`accept`], of an issue of the built-in board. Each is ordered by itself: no two of them are about one task.
///
/// # Errors
/// [`orch_ports::store::StoreError::Failed`] if the issue cannot be encoded.
pub fn accept_issue(issue: &Issue, by: &Actor) -> StoreResult<Vec<Step>> {
    issue_from(BOARD.into(), board_key(&issue.repository, &issue.key), issue, by)
}

/// As [`accept_issue`], of an issue of a tracker: its sender names the occasion, because one issue may be started again.
///
/// # Errors
/// [`orch_ports::store::StoreError::Failed`] if the issue cannot be encoded.
pub fn accept_issue_of(source: &str, key: &str, issue: &Issue, by: &Actor) -> StoreResult<Vec<Step>> {
    issue_from(source.into(), key.into(), issue, by)
}

fn issue_from(source: Value, key: Value, issue: &Issue, by: &Actor) -> StoreResult<Vec<Step>> {
    Ok(vec![
        received(source.clone(), key.clone(), by, body(issue)?),
        Step::run(
            "INSERT INTO work (kind, ordering_key, repository, inbox, priority, armed_at, due, state)
             SELECT 'intake', 'issue:' || i.id, ?3, i.id, CAST(?4 AS INTEGER), i.received_at, i.received_at, 'queued'
             FROM inbox i WHERE i.source = ?1 AND i.delivery_key = ?2",
            [
                source.clone(),
                key.clone(),
                issue.repository.as_str().into(),
                (BOOKKEEPING / 2 + i64::from(issue.priority)).into(),
            ],
        )
        .after_write()
        .queues(),
        answered(source, key),
    ])
}

/// The row of an issue: `(id, answer or NULL)`.
pub fn issue_answered(repository: &RepositoryId, key: &str) -> Step {
    answered(BOARD.into(), board_key(repository, key))
}

fn board_key(repository: &RepositoryId, key: &str) -> Value {
    Value::text(format!("{repository}:{key}"))
}

/// Where issues of the built-in board come from, among the sources of deliveries.
const BOARD: &str = "board";

fn received(source: Value, key: Value, by: &Actor, event: Value) -> Step {
    Step::run(
        "INSERT INTO inbox (source, delivery_key, caused_by, received_at, event)
         VALUES (?1, ?2, ?3, now_ms(), ?4) ON CONFLICT (source, delivery_key) DO NOTHING",
        [source, key, by.wire().into(), event],
    )
}

fn answered(source: Value, key: Value) -> Step {
    Step::rows("SELECT id, answer FROM inbox WHERE source = ?1 AND delivery_key = ?2", [source, key])
}

/// Takes due rows. The answer of the last step is one row per taken row, in no order:
/// `(id, kind, task, repository, inbox, attempt, fence, body, priority, caused_by, event)`.
pub fn claim(claim: &Claim) -> Vec<Step> {
    let [wanted, known] = [listed(claim.kinds.iter().copied()), listed(Job::kinds())];
    vec![
        // One claim at a time: two that run side by side on PostgreSQL could each see the other's row still queued and
        // take two rows of one ordering key.
        Step::rows("SELECT 1 /*pg FROM pg_advisory_xact_lock(7041776) */", []),
        Step::rows(
            CLAIM,
            [wanted.into(), known.into(), claim.owner.as_str().into(), claim.limit.into(), claim.incarnation.into()],
        ),
    ]
}

/// `,a,b,`: what a statement looks a kind up in.
pub(crate) fn listed<'a>(kinds: impl Iterator<Item = &'a str>) -> String {
    kinds.fold(String::from(","), |all, kind| all + kind + ",")
}

/// A queued row `w` of the kinds in `?1` that nothing holds and that is no other host's; `?2` are the kinds that this
/// release knows, `?3` is this host. What it does not know holds the effects behind it and no decision; nor does what
/// waits for something else to happen.
macro_rules! free_row {
    () => {
        "w.state = 'queued' AND w.unread IS NULL AND w.waits_for IS NULL AND (w.host IS NULL OR w.host = ?3) AND replace(?1, ',' || w.kind || ',', '') <> ?1
            AND NOT EXISTS (
                SELECT 1 FROM work e
                WHERE e.ordering_key = w.ordering_key AND e.state IN ('queued', 'running')
                    AND e.id <> w.id AND (e.state = 'running' OR e.id < w.id)
                    AND NOT (e.state = 'queued' AND w.kind IN ('inbox', 'intake', 'decide_task', 'decide_lane')
                        AND (e.unread IS NOT NULL OR e.waits_for IS NOT NULL OR replace(?2, ',' || e.kind || ',', '') = ?2)))"
    };
}

/// The statement of [`claim`]: parameters are the wanted kinds and the known ones (`,a,b,`), the owner, the limit and the
/// owner's incarnation.
pub const CLAIM: &str = concat!(
    "WITH picked AS (
        SELECT w.id FROM work w
        WHERE w.due <= (SELECT now_ms()) AND NOT EXISTS (SELECT 1 FROM hosts h WHERE h.id = ?3
                AND (h.incarnation > ?5 OR h.incarnation = ?5 AND h.lease_until <= now_ms()))
            AND ",
    free_row!(),
    "
        ORDER BY w.priority DESC, w.id LIMIT ?4 /*pg FOR NO KEY UPDATE OF w SKIP LOCKED */)
    UPDATE work SET state = 'running', owner = ?3, claimed_at = now_ms(), attempt = attempt + 1, fence = fence + 1
    WHERE id IN (SELECT id FROM picked)
    RETURNING id, kind, task, repository, inbox, attempt, fence, body, priority,
        (SELECT i.caused_by FROM inbox i WHERE i.id = work.inbox),
        (SELECT i.event FROM inbox i WHERE i.id = work.inbox)"
);

/// The next moment a row of these kinds falls due for this owner; held rows do not count, see [`super::plan`]'s finish.
pub fn next_due(kinds: &[&'static str], owner: &str) -> Step {
    Step::rows(
        concat!("SELECT MIN(w.due) FROM work w WHERE ", free_row!()),
        [listed(kinds.iter().copied()).into(), listed(Job::kinds()).into(), owner.into()],
    )
}

/// Queues again what this owner and those who are no host left running. A "decide again" row whose twin is queued
/// already is done: the twin decides. Rows that could not be read are tried once more: this may be the release that can.
pub fn reclaim(owner: &str) -> Vec<Step> {
    vec![
        Step::run(
            "UPDATE work SET state = CASE WHEN wake IS NOT NULL AND EXISTS (
                    SELECT 1 FROM work w WHERE w.wake = work.wake AND w.state = 'queued' AND w.wake IS NOT NULL)
                THEN 'done' ELSE 'queued' END
             WHERE state IN ('queued', 'running') AND state = 'running'
                 AND (owner = ?1 OR NOT EXISTS (SELECT 1 FROM hosts h WHERE h.id = work.owner))",
            [owner.into()],
        )
        .queues(),
        Step::run(
            "UPDATE work SET unread = NULL WHERE state IN ('queued', 'running') AND state = 'queued'
                 AND unread IS NOT NULL",
            [],
        )
        .queues(),
        // What they wait for may have happened while nobody was here to say so.
        Step::run("UPDATE work SET waits_for = NULL, due = now_ms() WHERE waits_for IS NOT NULL", []).queues(),
    ]
}

/// Whether a row waits for this.
pub fn waiting(on: &str) -> Step {
    Step::rows("SELECT 1 FROM work WHERE waits_for = ?1 LIMIT 1", [on.into()])
}

/// The rows of [`waiting`] are due.
pub fn wake_waiting(on: &str) -> Vec<Step> {
    vec![Step::run("UPDATE work SET waits_for = NULL, due = now_ms() WHERE waits_for = ?1", [on.into()]).queues()]
}

/// How many rows wait for a moment further away than that.
pub fn far_away(longest_ms: i64) -> Step {
    Step::rows("SELECT COUNT(*) FROM work WHERE state = 'queued' AND due > now_ms() + ?1", [longest_ms.into()])
}

/// Whether rows were written at a moment that is still to come: the clock was ahead then.
pub fn written_ahead() -> Step {
    Step::rows("SELECT COUNT(*) FROM work WHERE armed_at > now_ms() + 2000 OR claimed_at > now_ms() + 2000", [])
}

/// Makes the rows of [`far_away`] due now.
pub fn bring_near(longest_ms: i64) -> Vec<Step> {
    vec![
        Step::run("UPDATE work SET due = now_ms() WHERE state = 'queued' AND due > now_ms() + ?1", [longest_ms.into()])
            .queues(),
    ]
}

/// Removes what nobody reads any more: finished work, and deliveries that were answered, by their own moments. Of the
/// deliveries only the oldest are looked at: they come in the order of their moments.
pub fn tidy(keep: &Keep, most: u32) -> Vec<Step> {
    vec![
        Step::run(
            "DELETE FROM work WHERE id IN (
                 SELECT id FROM work WHERE state IN ('done', 'cancelled') AND armed_at < now_ms() - CAST(?1 AS INTEGER) AND due < now_ms() - CAST(?1 AS INTEGER)
                 ORDER BY id LIMIT ?2)",
            [keep.work_ms.into(), most.into()],
        ),
        Step::run(
            "DELETE FROM inbox WHERE id IN (
                 SELECT id FROM (SELECT id, answer, received_at FROM inbox ORDER BY id LIMIT ?2 * 4) AS oldest
                 WHERE answer IS NOT NULL AND received_at < now_ms() - CAST(?1 AS INTEGER) ORDER BY id LIMIT ?2)",
            [keep.answers_ms.into(), most.into()],
        ),
        // What nobody cared about for so long: the row that failed, then what it was to handle.
        Step::run(
            "DELETE FROM inbox WHERE id IN (
                 SELECT w.inbox FROM work w JOIN inbox i ON i.id = w.inbox
                 WHERE w.state <> 'done' AND w.state = 'failed' AND i.received_at < now_ms() - CAST(?1 AS INTEGER)
                 ORDER BY w.id LIMIT ?2)",
            [keep.dead_ms.into(), most.into()],
        ),
        Step::run(
            "DELETE FROM work WHERE id IN (
                 SELECT w.id FROM work w WHERE w.state <> 'done' AND w.state = 'failed' AND w.inbox IS NOT NULL
                     AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.id = w.inbox) ORDER BY w.id LIMIT ?1)",
            [most.into()],
        ),
        Step::run(
            "DELETE FROM runs WHERE state = 'over' AND ended_at < (SELECT now_ms()) - CAST(?1 AS INTEGER) AND name IN (
                 SELECT name FROM runs WHERE state = 'over' AND ended_at < (SELECT now_ms()) - CAST(?1 AS INTEGER) ORDER BY ended_at LIMIT ?2)",
            [keep.work_ms.into(), most.into()],
        ),
        crate::feed::tidy(most),
    ]
}

/// Gives a claimed row back that this release cannot read: it stays queued, as if it had never been claimed, and is
/// passed over until the next process starts.
pub fn set_aside(work: WorkId, fence: i64, why: &str) -> Step {
    Step::run(
        "UPDATE work SET state = 'queued', unread = ?3, attempt = attempt - 1
         WHERE id = ?1 AND fence = ?2 AND state = 'running'",
        [work.into(), fence.into(), why.into()],
    )
    .or(Broken::Stale(work))
    .queues()
}

/// Tries again what was set aside of a task that has ended: there is less to know of it now.
pub(super) fn try_again(task: &TaskId) -> Step {
    Step::run(
        "UPDATE work SET unread = NULL WHERE task = ?1 AND unread IS NOT NULL AND state IN ('queued', 'running')
             AND state = 'queued'",
        [task.as_str().into()],
    )
    .queues()
}

pub(super) fn finish(finish: &Finish, steps: &mut Vec<Step>) -> StoreResult<()> {
    match &finish.how {
        Finished::Done { answer } => {
            steps.push(
                Step::rows(
                    // 1 if a row of the same ordering key may run now.
                    "UPDATE work SET state = 'done', error = NULL WHERE id = ?1 AND fence = ?2 AND state = 'running'
                     RETURNING CASE WHEN EXISTS (
                         SELECT 1 FROM work e WHERE e.ordering_key = work.ordering_key
                             AND e.state IN ('queued', 'running') AND e.id <> work.id) THEN 1 ELSE 0 END",
                    [finish.work.into(), finish.fence.into()],
                )
                .or(Broken::Stale(finish.work))
                .queues(),
            );
            if let Some(answer) = answer {
                steps.push(Step::run(
                    "UPDATE inbox SET answer = ?2 WHERE id = (SELECT w.inbox FROM work w WHERE w.id = ?1)",
                    [finish.work.into(), body(answer)?],
                ));
            }
        }
        Finished::Again { due, error } => steps.push(
            Step::run(
                "UPDATE work SET due = ?3, error = ?4, state = CASE WHEN wake IS NOT NULL AND EXISTS (
                        SELECT 1 FROM work w WHERE w.wake = work.wake AND w.state = 'queued' AND w.wake IS NOT NULL)
                    THEN 'done' ELSE 'queued' END
                 WHERE id = ?1 AND fence = ?2 AND state = 'running'",
                [finish.work.into(), finish.fence.into(), due.0.into(), error.as_str().into()],
            )
            .or(Broken::Stale(finish.work))
            .queues(),
        ),
        // An earlier release does not know that it waits, and asks again in a while.
        Finished::Waits { on, why } => steps.push(
            Step::run(
                "UPDATE work SET state = 'queued', waits_for = ?3, error = ?4, attempt = attempt - 1,
                     due = now_ms() + 3000
                 WHERE id = ?1 AND fence = ?2 AND state = 'running'",
                [finish.work.into(), finish.fence.into(), on.as_str().into(), why.as_str().into()],
            )
            .or(Broken::Stale(finish.work))
            .queues(),
        ),
        Finished::Kept { why } => steps.push(set_aside(finish.work, finish.fence, why)),
        Finished::Failed { error } => steps.push(failed(finish.work, finish.fence, error)),
    }
    Ok(())
}

fn failed(work: WorkId, fence: i64, error: &str) -> Step {
    Step::rows(
        "UPDATE work SET state = 'failed', error = ?3 WHERE id = ?1 AND fence = ?2 AND state = 'running'
         RETURNING CASE WHEN EXISTS (
             SELECT 1 FROM work e WHERE e.ordering_key = work.ordering_key
                 AND e.state IN ('queued', 'running') AND e.id <> work.id) THEN 1 ELSE 0 END",
        [work.into(), fence.into(), error.into()],
    )
    .or(Broken::Stale(work))
    .queues()
}

pub(super) fn perform(effect: &Effect, due: Timestamp, job: Value) -> Step {
    let ahead = match effect {
        // A stop must not wait behind the runs it is to end.
        Effect::StopRun { .. } => BOOKKEEPING,
        // What lands next must not wait behind the checks of all that is still on its way.
        Effect::RunCheck { lane: true, .. } => LANE,
        _ => 0,
    };
    Step::run(
        "INSERT INTO work (kind, ordering_key, task, priority, armed_at, due, state, body)
         VALUES (?1, ?2, ?3, CAST(?4 AS INTEGER) + COALESCE((SELECT t.priority FROM tasks t WHERE t.id = ?3), 0),
             now_ms(), ?5, 'queued', ?6)",
        [
            effect.kind().into(),
            effect.ordering_key().into(),
            effect.task().as_str().into(),
            ahead.into(),
            due.0.into(),
            job,
        ],
    )
    .queues()
}

// A wake that finds its aggregate's row queued touches that row (and thereby holds it): whoever claims it afterwards
// sees what this transaction wrote. One that finds it running queues another.

macro_rules! wake_tasks {
    ($from:literal) => {
        concat!(
            "INSERT INTO work (kind, ordering_key, wake, task, priority, armed_at, due, state)
             SELECT 'decide_task', 'task:' || t.id, 'task:' || t.id, t.id, CAST(?2 AS INTEGER) + t.priority,
                 now_ms(), now_ms(), 'queued' ",
            $from,
            " ON CONFLICT (wake) WHERE state = 'queued' AND wake IS NOT NULL
             DO UPDATE SET due = CASE WHEN work.due < excluded.due THEN work.due ELSE excluded.due END"
        )
    };
}

fn wake(sql: &'static str, what: &str) -> Step {
    Step::run(sql, [what.into(), BOOKKEEPING.into()]).queues()
}

pub(super) fn wake_task(task: &TaskId) -> Step {
    wake(wake_tasks!("FROM tasks t WHERE t.id = ?1"), task.as_str())
}

pub(super) fn wake_dependents(on: &TaskId) -> Step {
    wake(
        wake_tasks!(
            "FROM dependencies d JOIN tasks t ON t.id = d.task
             WHERE d.depends_on = ?1 AND t.terminal = 0 ORDER BY t.priority DESC, t.id"
        ),
        on.as_str(),
    )
}

pub(super) fn wake_repository(repository: &RepositoryId) -> Step {
    wake(
        wake_tasks!(
            "FROM tasks t WHERE t.repository = ?1 AND t.terminal = 0 ORDER BY t.priority DESC, t.created_at, t.id"
        ),
        repository.as_str(),
    )
}

pub(super) fn wake_slot_waiters(key: &str) -> Step {
    wake(
        wake_tasks!(
            "FROM tasks t WHERE t.wait_slot = ?1 AND t.terminal = 0 ORDER BY t.priority DESC, t.started_at, t.id"
        ),
        key,
    )
}

pub(super) fn wake_lane(repository: &RepositoryId) -> Step {
    wake(
        "INSERT INTO work (kind, ordering_key, wake, repository, priority, armed_at, due, state)
         SELECT 'decide_lane', 'repository:' || r.id, 'repository:' || r.id, r.id, CAST(?2 AS INTEGER),
             now_ms(), now_ms(), 'queued'
         FROM repositories r WHERE r.id = ?1
         ON CONFLICT (wake) WHERE state = 'queued' AND wake IS NOT NULL
         DO UPDATE SET due = CASE WHEN work.due < excluded.due THEN work.due ELSE excluded.due END",
        repository.as_str(),
    )
}
