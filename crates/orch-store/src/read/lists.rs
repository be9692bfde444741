//! What people look at, and small look-ups.

use orch_ports::store::{
    Accepted, BudgetRow, History, InboxAnswer, Job, QueueView, StoreError, StoreResult, Work, WorkId, WorkRow,
};
use orch_rules::ids::{TaskId, Timestamp, WorkItemId};

use super::{OUTAGES, outage};
use crate::plan::listed;
use crate::row::{count, int, json, kept, known, optional_text, readable, text};
use crate::step::{Answer, Row, Step, Value};

/// Columns of a work row for people, of a table called `w`.
macro_rules! work_columns {
    () => {
        "w.id, w.kind, w.state, w.task, w.attempt, w.due, COALESCE(w.unread, w.error)"
    };
}

fn work_row(row: &Row) -> StoreResult<WorkRow> {
    let what = "a work row";
    let (kind, state) = (text(what, row, 1)?.to_owned(), text(what, row, 2)?.to_owned());
    let strange = state == "queued" && !Job::kinds().any(|known| known == kind);
    Ok(WorkRow {
        id: int(what, row, 0)?,
        task: optional_text(what, row, 3)?.map(Into::into),
        attempt: count(what, row, 4)?,
        due: Timestamp(int(what, row, 5)?),
        error: match optional_text(what, row, 6)? {
            None if strange => Some(format!("this release does not know work of the kind `{kind}`")),
            error => error.map(Into::into),
        },
        kind,
        state,
    })
}

/// What became of a delivery, from the answers to [`crate::plan::accept`].
pub(crate) fn accepted(answers: &[Answer]) -> StoreResult<Accepted> {
    let what = "an inbox row";
    let duplicate = answers.first().is_some_and(|insert| insert.touched == 0);
    let Some(row) = answers.last().and_then(|answer| answer.rows.first()) else {
        return Err(StoreError::Failed { detail: "an accepted delivery is not in the inbox".into() });
    };
    Ok(Accepted { inbox: int(what, row, 0)?, duplicate, answer: answered(Some(row))?.filter(|_| duplicate) })
}

/// What was answered, of a row `(id, answer or NULL)`.
pub(crate) fn answered(row: Option<&Row>) -> StoreResult<Option<InboxAnswer>> {
    let stored = row.map(|row| optional_text("an inbox row", row, 1)).transpose()?.flatten();
    Ok(stored.map(|stored| {
        let strange = |_| InboxAnswer::Accepted { text: format!("handled by a newer release: {stored}").into() };
        serde_json::from_str(stored).unwrap_or_else(strange)
    }))
}

/// A claimed row; its job may be one that this release cannot read.
pub(crate) struct Claimed {
    pub(crate) id: WorkId,
    pub(crate) fence: i64,
    /// Higher goes first.
    pub(crate) priority: i64,
    /// What is asked for, as it is stored.
    pub(crate) text: String,
    pub(crate) work: StoreResult<Work>,
}

/// A row of [`crate::plan::claim`].
pub(crate) fn claimed(row: &Row) -> StoreResult<Claimed> {
    let what = "a work row";
    let (id, fence) = (int(what, row, 0)?, int(what, row, 6)?);
    let work = claimed_job(id, row).and_then(|job| Ok(Work { id, job, attempt: count(what, row, 5)?, fence }));
    let stored = optional_text(what, row, 10)?.or(optional_text(what, row, 7)?).unwrap_or_default();
    Ok(Claimed { id, fence, priority: int(what, row, 8)?, text: stored.to_owned(), work })
}

fn claimed_job(id: i64, row: &Row) -> StoreResult<Job> {
    let what = format!("work row {id}");
    match text(&what, row, 1)? {
        "inbox" => {
            Ok(Job::Inbox { inbox: int(&what, row, 4)?, by: text(&what, row, 9)?.into(), event: json(&what, row, 10)? })
        }
        "intake" => Ok(Job::Intake {
            inbox: int(&what, row, 4)?,
            by: text(&what, row, 9)?.into(),
            issue: Box::new(json(&what, row, 10)?),
        }),
        "decide_task" => Ok(Job::DecideTask { task: text(&what, row, 2)?.into() }),
        "decide_lane" => Ok(Job::DecideLane { repository: text(&what, row, 3)?.into() }),
        _ => json(&what, row, 7),
    }
}

pub(crate) fn history_steps(task: &TaskId) -> Vec<Step> {
    const QUERIES: [&str; 8] = [
        "SELECT body FROM attempts WHERE task = ?1 ORDER BY number",
        "SELECT body FROM checks WHERE task = ?1 ORDER BY requested_at, id",
        "SELECT body FROM episodes WHERE task = ?1 ORDER BY opened_at, id",
        "SELECT body FROM usage_rows WHERE task = ?1 ORDER BY id",
        "SELECT body FROM audit WHERE task = ?1 ORDER BY id",
        "SELECT body FROM lane_entries WHERE task = ?1 ORDER BY line",
        concat!("SELECT ", work_columns!(), " FROM work w WHERE w.task = ?1 AND w.state <> 'done' ORDER BY w.id"),
        "SELECT t.id, t.work_item, t.terminal FROM dependencies d JOIN tasks t ON t.id = d.depends_on
         WHERE d.task = ?1 ORDER BY t.created_at, t.id",
    ];
    let id = Value::from(task.as_str());
    let exists = Step::rows("SELECT id FROM tasks WHERE id = ?1", [id.clone()])
        .or(crate::step::Broken::Missing(format!("task {task}")));
    std::iter::once(exists).chain(QUERIES.into_iter().map(|sql| Step::rows(sql, [id.clone()]))).collect()
}

pub(crate) fn history(answers: &[Answer]) -> StoreResult<History> {
    let [_, attempts, checks, episodes, usage, audit, lane, work, dependencies] = answers else {
        return Err(StoreError::Failed { detail: "the engine answered another number of questions".into() });
    };
    let mut unknown = Vec::new();
    Ok(History {
        attempts: known("an attempt", attempts, kept, &mut unknown),
        checks: known("a check", checks, kept, &mut unknown),
        episodes: known("a question", episodes, kept, &mut unknown),
        usage: known("a run's cost", usage, json, &mut unknown),
        audit: known("a line of its history", audit, json, &mut unknown),
        lane: known("a place in a line", lane, kept, &mut unknown),
        work: readable(work, work_row),
        dependencies: readable(dependencies, |row| {
            let what = "a dependency";
            let work_item: WorkItemId = text(what, row, 1)?.into();
            Ok((text(what, row, 0)?.into(), work_item, int(what, row, 2)? != 0))
        }),
        unknown,
    })
}

/// `+w.id`: sorted after it is found by an index of unfinished rows, not found by walking over all rows in order.
pub(crate) fn queue_steps() -> Vec<Step> {
    vec![
        Step::rows(
            "SELECT kind, state, COUNT(*) FROM work WHERE state <> 'done' GROUP BY kind, state ORDER BY kind, state",
            [],
        ),
        Step::rows(
            concat!(
                "SELECT ",
                work_columns!(),
                " FROM work w WHERE w.state <> 'done' AND w.state IN ('running', 'failed') ORDER BY +w.id LIMIT 200"
            ),
            [],
        ),
        Step::rows(
            concat!(
                "SELECT ",
                work_columns!(),
                " FROM work w WHERE w.state = 'queued' AND (w.unread IS NOT NULL
                     OR replace(?1, ',' || w.kind || ',', '') = ?1) ORDER BY +w.id LIMIT 200"
            ),
            [listed(Job::kinds()).into()],
        ),
        Step::rows("SELECT name, used FROM slots ORDER BY name", []),
        Step::rows(OUTAGES, []),
        Step::rows(
            "SELECT b.name, b.ceiling + b.raised, b.spent, b.reserved FROM budgets b
             WHERE b.reserved > 0 OR EXISTS (SELECT 1 FROM tasks t WHERE t.wait_slot = b.name AND t.terminal = 0)
             ORDER BY b.name LIMIT 50",
            [],
        ),
    ]
}

pub(crate) fn queue(answers: &[Answer]) -> StoreResult<QueueView> {
    let [counts, rows, unknown, slots, outages, budgets] = answers else {
        return Err(StoreError::Failed { detail: "the engine answered another number of questions".into() });
    };
    let what = "the queue";
    let mut unknown_rows = Vec::new();
    Ok(QueueView {
        counts: readable(counts, |row| {
            Ok((text(what, row, 0)?.to_owned(), text(what, row, 1)?.to_owned(), int(what, row, 2)?))
        }),
        rows: readable(rows, work_row),
        unknown: readable(unknown, work_row),
        slots: readable(slots, |row| Ok((text(what, row, 0)?.to_owned(), int(what, row, 1)?))),
        outages: outages.rows.iter().filter_map(|row| outage(row, &mut unknown_rows)).collect(),
        budgets: readable(budgets, |row| {
            Ok(BudgetRow {
                key: text(what, row, 0)?.to_owned(),
                most: int(what, row, 1)?,
                spent: int(what, row, 2)?,
                reserved: int(what, row, 3)?,
            })
        }),
        unknown_rows,
    })
}
