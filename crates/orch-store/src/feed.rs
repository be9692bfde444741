//! The feed of changes: a row for each task or repository that a transaction changed.

use std::collections::BTreeMap;

use async_trait::async_trait;
use orch_ports::feed::{Changed, Feed, FeedFilter, FeedPart, FeedPlace};
use orch_ports::store::{StoreError, StoreResult};
use orch_rules::change::{Change, ChangeSet};
use orch_rules::ids::{RepositoryId, TaskId, Timestamp};

use crate::Database;
use crate::engine::Engine;
use crate::row::{int, optional_text, readable, text};
use crate::step::{Answer, Step, Value};

/// So long a change is kept for those who lost their connection.
pub(crate) const KEPT_MS: i64 = 3_600_000;

/// Notes that something of a task changed.
pub(crate) fn of_task(task: &TaskId, what: &str) -> Step {
    Step::run(
        "INSERT INTO changes (repository, task, work_item, what, at)
         SELECT repository, id, work_item, CAST(?2 AS TEXT), now_ms() FROM tasks WHERE id = ?1",
        [task.as_str().into(), what.into()],
    )
}

fn of_repository(repository: &RepositoryId) -> Step {
    Step::run(
        "INSERT INTO changes (repository, what, at) VALUES (?1, 'repository', now_ms())",
        [repository.as_str().into()],
    )
}

/// What a change set changes, each task and repository once.
pub(crate) fn told(changes: &ChangeSet, steps: &mut Vec<Step>) {
    let mut tasks: BTreeMap<&TaskId, &str> = BTreeMap::new();
    let mut repositories: Vec<&RepositoryId> = Vec::new();
    for change in &changes.changes {
        match change {
            Change::InsertTask { task } => _ = tasks.insert(&task.id, "opened"),
            Change::PutTask { task } if task.position.is_terminal() => _ = tasks.insert(&task.id, "ended"),
            Change::PutTask { task } => _ = tasks.entry(&task.id).or_insert("changed"),
            Change::PutAttempt { attempt } => _ = tasks.entry(&attempt.task).or_insert("changed"),
            Change::PutCheck { check } => _ = tasks.entry(&check.task).or_insert("changed"),
            Change::PutEpisode { episode } => _ = tasks.entry(&episode.task).or_insert("changed"),
            Change::PutLaneEntry { entry } => _ = tasks.entry(&entry.task).or_insert("changed"),
            Change::AddUsage { task, .. } | Change::DeleteLaneEntry { task, .. } => {
                _ = tasks.entry(task).or_insert("changed");
            }
            Change::AddDependency { task, .. } | Change::RemoveDependency { task, .. } => {
                _ = tasks.entry(task).or_insert("changed");
            }
            Change::Audit { line } => match &line.task {
                Some(task) => _ = tasks.entry(task).or_insert("changed"),
                None if !repositories.contains(&&line.repository) => repositories.push(&line.repository),
                None => {}
            },
            Change::PutRepository { repository } if !repositories.contains(&&repository.id) => {
                repositories.push(&repository.id);
            }
            _ => {}
        }
    }
    steps.extend(tasks.into_iter().map(|(task, what)| of_task(task, what)));
    steps.extend(repositories.into_iter().map(of_repository));
}

/// Removes what is older than [`KEPT_MS`]; the newest row stays, so that numbers go on.
pub(crate) fn tidy(most: u32) -> Step {
    Step::run(
        "DELETE FROM changes WHERE id IN (SELECT id FROM changes WHERE id < (SELECT MAX(id) FROM changes)
             ORDER BY id LIMIT ?1) AND at < now_ms() - CAST(?2 AS INTEGER)",
        [most.into(), KEPT_MS.into()],
    )
}

/// The first transaction that may be under way: it may still put rows before those of later ones, so nothing from it on
/// is told yet. Read before the rows, by a look of its own: what had ended by then is seen by the next one. Other
/// databases of the server count for nothing.
const UNDER_WAY: &str = "SELECT /*pg LEAST(pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
    (SELECT MIN(backend_xid::text::bigint) FROM pg_stat_activity WHERE datname = current_database()), */
    9223372036854775807 /*pg ) */";

/// Where the feed ends for now.
fn end(under_way: i64) -> Step {
    Step::rows(
        "SELECT tx, id FROM changes WHERE tx < CAST(?1 AS INTEGER) ORDER BY /*pg tx DESC, */ id DESC LIMIT 1",
        [under_way.into()],
    )
}

fn place(answer: &Answer) -> StoreResult<FeedPlace> {
    let what = "the feed";
    let row = answer.rows.first().map(|row| Ok::<_, StoreError>((int(what, row, 0)?, int(what, row, 1)?)));
    Ok(row.transpose()?.map_or_else(FeedPlace::default, |(transaction, row)| FeedPlace { transaction, row }))
}

#[async_trait]
impl<E: Engine> Feed for Database<E> {
    async fn feed(&self, filter: &FeedFilter) -> StoreResult<FeedPart> {
        let under_way = self.one(Step::rows(UNDER_WAY, [])).await?;
        let under_way = under_way.map_or(Ok(i64::MAX), |row| int("the feed", &row, 0))?;
        let Some(after) = filter.after else {
            return Ok(FeedPart { next: place(&self.list(end(under_way)).await?)?, ..FeedPart::default() });
        };
        let only = |only: Option<&str>| only.map_or(Value::Null, Value::from);
        let answers = self.engine.read(vec![
            end(under_way),
            // The place itself; at the beginning: whether the first row of all is still there.
            Step::rows(
                "SELECT COUNT(*) FROM changes WHERE id = CASE WHEN CAST(?1 AS INTEGER) = 0 THEN 1 ELSE CAST(?1 AS INTEGER) END",
                [after.row.into()],
            ),
            Step::rows(
                "SELECT tx, id, repository, work_item, what, at FROM changes
                 WHERE (/*pg tx > ?1 OR tx = ?1 AND */ id > ?2) AND tx < CAST(?3 AS INTEGER)
                     AND (CAST(?4 AS TEXT) IS NULL OR repository = CAST(?4 AS TEXT))
                     AND (CAST(?5 AS TEXT) IS NULL OR work_item = CAST(?5 AS TEXT))
                 ORDER BY /*pg tx, */ id LIMIT ?6",
                [
                    after.transaction.into(),
                    after.row.into(),
                    under_way.into(),
                    only(filter.repository.as_ref().map(RepositoryId::as_str)),
                    only(filter.task.as_ref().map(|task| task.as_str())),
                    filter.limit.into(),
                ],
            ),
        ]);
        let answers = answers.await?;
        let [end, kept, rows] = answers.as_slice() else {
            return Err(StoreError::Failed { detail: "the engine answered another number of questions".into() });
        };
        let (what, end) = ("the feed", place(end)?);
        let is_kept = kept.rows.first().map_or(Ok(0), |row| int(what, row, 0))? > 0;
        if !is_kept && (after.row > 0 || end > after) {
            return Ok(FeedPart { next: end, lost: true, ..FeedPart::default() });
        }
        let changes: Vec<Changed> = readable(rows, |row| {
            Ok(Changed {
                repository: text(what, row, 2)?.into(),
                task: optional_text(what, row, 3)?.map(Into::into),
                what: text(what, row, 4)?.to_owned(),
                at: Timestamp(int(what, row, 5)?),
            })
        });
        // Everything up to the end was looked through, or as much as was asked for.
        let next = match rows.rows.last().filter(|_| rows.rows.len() >= filter.limit as usize) {
            Some(row) => FeedPlace { transaction: int(what, row, 0)?, row: int(what, row, 1)? },
            None => end.max(after),
        };
        Ok(FeedPart { changes, next, lost: false })
    }
}
