//! Lists: columns of tasks in pages, places as counts.

use std::collections::BTreeMap;

use async_trait::async_trait;
use orch_ports::lists::{
    Census, Costs, Cursor, LineFronts, ListedTask, Lists, PAGE, PlaceInLine, Shown, SpentFilter, TaskFilter, TaskPage,
};
use orch_ports::store::StoreResult;
use orch_rules::facts::Policy;
use orch_rules::forecast::LandedCost;
use orch_rules::ids::{RepositoryId, TaskId, Timestamp};
use orch_rules::lane::{LaneEntry, LaneState, Line};
use orch_rules::outage::Outage;
use orch_rules::task::Task;

use crate::Database;
use crate::engine::Engine;
use crate::plan::put::{line, listing};
use crate::read::facts::{fronts, fronts_steps, standing_order};
use crate::read::{OUTAGES, outage, position, task, task_columns};
use crate::row::{count, int, kept, optional_int, optional_text, readable, text};
use crate::step::{Answer, Row, Step, Value};

/// Rows of earlier releases that are listed anew in one transaction.
const ANEW: u32 = 500;

/// The columns [`listed`] reads, of a table called `t`. The row itself only where nothing else holds.
macro_rules! listed_columns {
    () => {
        "t.id, t.repository, t.work_item, t.place, t.terminal, t.pipeline, t.priority, t.attempt, t.created_at, t.started_at,
         t.updated_at, CASE WHEN t.listed = t.version THEN t.shown END,
         CASE WHEN t.listed = t.version AND t.shown IS NOT NULL THEN NULL ELSE t.body END, t.version,
         (SELECT CAST(SUM(CASE WHEN length(json_extract(u.body, '$.usage.cost_micros')) < 16
             THEN CAST(json_extract(u.body, '$.usage.cost_micros') AS INTEGER) END) AS INTEGER) FROM usage_rows u WHERE u.task = t.id)"
    };
}

/// Newest first, behind a row, so many; the rows themselves are read only once they are chosen.
macro_rules! page {
    ($which:literal) => {
        concat!(
            "SELECT ",
            listed_columns!(),
            " FROM tasks t WHERE t.id IN (SELECT id FROM tasks WHERE ",
            $which,
            " AND (created_at < ?1 OR (created_at = ?1 AND id < ?2)) ORDER BY created_at DESC, id DESC LIMIT ?3)
             ORDER BY t.created_at DESC, t.id DESC"
        )
    };
}

/// A page of one place, or of what was searched for: what is not asked for is empty.
fn searched(filter: &TaskFilter, params: [Value; 3]) -> Step {
    let mut step = Step::rows(
        page!(
            "(?4 = '' OR repository = ?4) AND (place = ?5 OR (?5 = '' AND (terminal = 0 OR ?6 = 'ended')))
             AND (?7 = '' OR (terminal = 0 AND doing IN (?7, ?8, ?9, ?10)))
             AND (?11 = '' OR lower(work_item) LIKE ?11 ESCAPE '!'
                 OR lower(json_extract(shown, '$.title')) LIKE ?11 ESCAPE '!' OR json_extract(shown, '$.title') LIKE ?12 ESCAPE '!')"
        ),
        params,
    );
    let ended = if filter.ended { "ended" } else { "" };
    step.params.extend([
        filter.repository.as_ref().map_or("", RepositoryId::as_str).into(),
        filter.place.as_deref().unwrap_or_default().into(),
        ended.into(),
    ]);
    let kinds = (0..4).map(|at| filter.doing.get(at).or(filter.doing.first()).map_or("", String::as_str));
    step.params.extend(kinds.map(Value::from));
    let like = filter.search.as_ref().map(|words| {
        let plain = words.replace('!', "!!").replace('%', "!%").replace('_', "!_");
        format!("%{plain}%")
    });
    let like = like.unwrap_or_default();
    step.params.extend([like.to_ascii_lowercase().into(), like.into()]);
    step
}

fn page(filter: &TaskFilter, most: u32) -> Step {
    let (at, id) = filter.after.as_ref().map_or((i64::MAX, ""), |after| (after.created_at.0, after.task.as_str()));
    let params = [at.into(), id.into(), most.into()];
    if filter.place.is_some() || filter.search.is_some() {
        return searched(filter, params);
    }
    let repository = filter.repository.as_ref().map(|repository| Value::from(repository.as_str()));
    let mut step = match (&repository, filter.ended, filter.doing.is_empty()) {
        (None, true, true) => Step::rows(page!("1 = 1"), params),
        (None, false, true) => Step::rows(page!("terminal = 0"), params),
        (Some(_), true, true) => Step::rows(page!("repository = ?4"), params),
        (Some(_), false, true) => Step::rows(page!("repository = ?4 AND terminal = 0"), params),
        (None, _, false) => Step::rows(page!("terminal = 0 AND doing IN (?4, ?5, ?6, ?7)"), params),
        (Some(_), _, false) => {
            Step::rows(page!("repository = ?4 AND terminal = 0 AND doing IN (?5, ?6, ?7, ?8)"), params)
        }
    };
    step.params.extend(repository);
    if !filter.doing.is_empty() {
        // One that is named twice is found once.
        let kinds = (0..4).map(|at| filter.doing.get(at).or(filter.doing.first()).map(String::as_str));
        step.params.extend(kinds.map(Value::from));
    }
    step
}

/// A row of [`listed_columns`]; `None` if what is kept beside it cannot be read, so that it has to be read whole.
fn listed(row: &Row) -> StoreResult<Option<ListedTask>> {
    let what = "a task of a list";
    let updated_at = optional_int(what, row, 10)?.map(Timestamp);
    let cost_micros = optional_int(what, row, 14)?.and_then(|micros| u64::try_from(micros).ok());
    if let Some(body) = row.get(12).filter(|body| **body != Value::Null) {
        let whole: Row = [body.clone(), row[13].clone()].into_iter().chain(whole_columns(row)).collect();
        return Ok(Some(ListedTask { updated_at, cost_micros, ..ListedTask::from(&task(&whole)?) }));
    }
    let Ok(shown) = serde_json::from_str::<Shown>(optional_text(what, row, 11)?.unwrap_or_default()) else {
        return Ok(None);
    };
    Ok(Some(ListedTask {
        id: text(what, row, 0)?.into(),
        repository: text(what, row, 1)?.into(),
        work_item: text(what, row, 2)?.into(),
        position: position(text(what, row, 3)?, int(what, row, 4)? != 0),
        pipeline: text(what, row, 5)?.into(),
        priority: i32::try_from(int(what, row, 6)?).unwrap_or_default(),
        attempt: count(what, row, 7)?,
        created_at: Timestamp(int(what, row, 8)?),
        started_at: optional_int(what, row, 9)?.map(Timestamp),
        updated_at,
        cost_micros,
        shown,
        unknown: Vec::new(),
    }))
}

/// What [`task_columns`] has behind the version, as far as a list knows it.
fn whole_columns(row: &Row) -> [Value; 10] {
    let at = |index: usize| row.get(index).cloned().unwrap_or(Value::Null);
    [at(0), at(1), at(2), at(3), at(4), 0.into(), at(7), at(5), at(6), at(8)]
}

impl<E: Engine> Database<E> {
    /// Lists anew what an earlier release has written meanwhile, of unfinished tasks: those are looked for by columns.
    async fn list_anew(&self) -> StoreResult<()> {
        loop {
            let step = Step::rows(
                concat!(
                    "SELECT ",
                    task_columns!(),
                    " FROM tasks t WHERE t.terminal = 0 AND t.listed <> t.version LIMIT ?1"
                ),
                [ANEW.into()],
            );
            let found: Vec<Task> = readable(&self.list(step).await?, task);
            if found.is_empty() {
                return Ok(());
            }
            let steps = found.iter().map(|task| {
                let (doing, shown) = listing(task)?;
                Ok(Step::run(
                    "UPDATE tasks SET listed = version, doing = ?3, shown = ?4 WHERE id = ?1 AND version = ?2",
                    [task.id.as_str().into(), task.version.into(), doing, shown],
                ))
            });
            self.engine.write(steps.collect::<StoreResult<_>>()?).await?;
        }
    }

    async fn is_behind(&self) -> StoreResult<bool> {
        let step = Step::rows("SELECT 1 FROM tasks WHERE terminal = 0 AND listed <> version LIMIT 1", []);
        Ok(self.one(step).await?.is_some())
    }

    /// The rows of one page, some of them read whole.
    async fn rows(&self, filter: &TaskFilter, most: u32) -> StoreResult<Vec<ListedTask>> {
        let answer = self.list(page(filter, most)).await?;
        let mut tasks = Vec::with_capacity(answer.rows.len());
        for row in &answer.rows {
            match listed(row) {
                Ok(Some(task)) => tasks.push(task),
                Ok(None) => {
                    let id = text("a task of a list", row, 0)?.into();
                    tasks.extend(orch_ports::Store::task(self, &id).await?.as_ref().map(ListedTask::from));
                }
                Err(error) => tracing::warn!(%error, "a row is left out of a list"),
            }
        }
        Ok(tasks)
    }
}

#[async_trait]
impl<E: Engine> Lists for Database<E> {
    async fn task_page(&self, filter: &TaskFilter) -> StoreResult<TaskPage> {
        if (!filter.doing.is_empty() || filter.search.is_some()) && self.is_behind().await? {
            self.list_anew().await?;
        }
        let limit = if filter.limit == 0 { PAGE } else { filter.limit };
        let mut tasks = self.rows(filter, limit.saturating_add(1)).await?;
        let more = tasks.len() > limit as usize;
        tasks.truncate(limit as usize);
        let last = tasks.last().filter(|_| more);
        let next = last.map(|last| Cursor { created_at: last.created_at, task: last.id.clone() });
        Ok(TaskPage { tasks, next })
    }

    async fn task_counts(&self, repository: Option<&RepositoryId>) -> StoreResult<Vec<(String, u64)>> {
        if self.is_behind().await? {
            self.list_anew().await?;
        }
        let step = match repository {
            None => {
                Step::rows("SELECT doing, COUNT(*) FROM tasks WHERE terminal = 0 GROUP BY doing ORDER BY doing", [])
            }
            Some(repository) => Step::rows(
                "SELECT doing, COUNT(*) FROM tasks WHERE terminal = 0 AND repository = ?1 GROUP BY doing ORDER BY doing",
                [repository.as_str().into()],
            ),
        };
        let what = "the tasks";
        let counted = |row: &Row| {
            Ok((optional_text(what, row, 0)?.unwrap_or_default().to_owned(), int(what, row, 1)?.unsigned_abs()))
        };
        Ok(readable(&self.list(step).await?, counted))
    }

    async fn task_census(&self, repository: Option<&RepositoryId>) -> StoreResult<Vec<Census>> {
        if self.is_behind().await? {
            self.list_anew().await?;
        }
        let step = match repository {
            None => Step::rows(
                "SELECT place, CASE WHEN terminal = 0 THEN COALESCE(doing, '') ELSE '' END, COUNT(*) FROM tasks
                 GROUP BY 1, 2 ORDER BY 1, 2",
                [],
            ),
            Some(repository) => Step::rows(
                "SELECT place, CASE WHEN terminal = 0 THEN COALESCE(doing, '') ELSE '' END, COUNT(*) FROM tasks
                 WHERE repository = ?1 GROUP BY 1, 2 ORDER BY 1, 2",
                [repository.as_str().into()],
            ),
        };
        let what = "the tasks";
        let counted = |row: &Row| {
            Ok(Census {
                place: text(what, row, 0)?.to_owned(),
                doing: text(what, row, 1)?.to_owned(),
                count: int(what, row, 2)?.unsigned_abs(),
            })
        };
        Ok(readable(&self.list(step).await?, counted))
    }

    async fn places_in_line(
        &self,
        repository: &RepositoryId,
        serial: bool,
        tasks: &[TaskId],
    ) -> StoreResult<Vec<PlaceInLine>> {
        // The repository is looked at afterwards: named here, SQLite would look through its whole line for each task.
        let entries = tasks.iter().map(|task| {
            Step::rows("SELECT body FROM lane_entries WHERE task = ?1 AND settled = 0", [task.as_str().into()])
        });
        let mut lines: BTreeMap<Line, Vec<LaneEntry>> = BTreeMap::new();
        for answer in self.engine.read(entries.collect()).await? {
            for entry in readable(&answer, |row| kept::<LaneEntry>("a place in a line", row, 0)) {
                if entry.repository == *repository && entry.state != LaneState::Admitted {
                    lines.entry(entry.line).or_default().push(entry);
                }
            }
        }
        let mut all = Vec::new();
        for (line, mut entries) in lines {
            entries.sort_by(|a, b| standing_order(a).cmp(&standing_order(b)));
            all.extend(self.places(repository, line, serial, entries).await?);
        }
        Ok(all)
    }

    async fn fronts(&self, repository: &RepositoryId, policy: &Policy, most: u32) -> StoreResult<LineFronts> {
        fronts(repository, policy, &self.engine.read(fronts_steps(repository, most)).await?)
    }

    async fn spent(&self, filter: &SpentFilter) -> StoreResult<Costs> {
        crate::spent::costs(&self.engine.read(crate::spent::steps(filter)).await?)
    }

    async fn landed_costs(&self, repository: &RepositoryId, most: u32) -> StoreResult<Vec<LandedCost>> {
        let answer = self.list(crate::spent::landed_step(repository, most)).await?;
        Ok(readable(&answer, crate::spent::landed_cost))
    }

    async fn outages(&self) -> StoreResult<Vec<Outage>> {
        let answer = self.list(Step::rows(OUTAGES, [])).await?;
        Ok(answer.rows.iter().filter_map(|row| outage(row, &mut Vec::new())).collect())
    }

    async fn used(&self, slot: &str) -> StoreResult<i64> {
        let answer = self.list(Step::rows("SELECT used FROM slots WHERE name = ?1", [slot.into()])).await?;
        answer.rows.first().map_or(Ok(0), |row| int("a slot", row, 0))
    }

    async fn any_work(&self, kinds: &[&str]) -> StoreResult<bool> {
        let step = Step::rows(
            "SELECT 1 FROM work w WHERE w.state IN ('queued', 'running') AND replace(?1, ',' || w.kind || ',', '') <> ?1
             LIMIT 1",
            [crate::plan::listed(kinds.iter().copied()).into()],
        );
        Ok(!self.list(step).await?.rows.is_empty())
    }
}

/// Who stands before an entry among those who were not let in.
fn before(entry: &LaneEntry) -> Step {
    Step::rows(
        "SELECT (SELECT COUNT(*) FROM lane_entries WHERE repository = ?1 AND line = ?2 AND settled = 0
                     AND body NOT LIKE '%\"state\":{\"state\":\"admitted\"}%' AND priority > ?3)
              + (SELECT COUNT(*) FROM lane_entries WHERE repository = ?1 AND line = ?2 AND settled = 0
                     AND body NOT LIKE '%\"state\":{\"state\":\"admitted\"}%' AND priority = ?3 AND place < ?4)
              + (SELECT COUNT(*) FROM lane_entries WHERE repository = ?1 AND line = ?2 AND settled = 0
                     AND body NOT LIKE '%\"state\":{\"state\":\"admitted\"}%' AND priority = ?3 AND place = ?4 AND task < ?5)",
        [
            entry.repository.as_str().into(),
            line(entry.line).into(),
            entry.priority.into(),
            entry.position.into(),
            entry.task.as_str().into(),
        ],
    )
}

/// Everybody from one entry to another, in the order of the line.
fn between(first: &LaneEntry, last: &LaneEntry) -> Step {
    let (repository, line) = (Value::from(first.repository.as_str()), Value::from(line(first.line)));
    if first.priority == last.priority {
        return Step::rows(
            "SELECT task FROM lane_entries WHERE repository = ?1 AND line = ?2 AND settled = 0
                 AND body NOT LIKE '%\"state\":{\"state\":\"admitted\"}%' AND priority = ?3 AND place >= ?4 AND place <= ?5
             ORDER BY priority DESC, place, task",
            [repository, line, first.priority.into(), first.position.into(), last.position.into()],
        );
    }
    Step::rows(
        "SELECT task FROM lane_entries WHERE repository = ?1 AND line = ?2 AND settled = 0
             AND body NOT LIKE '%\"state\":{\"state\":\"admitted\"}%' AND priority <= ?3 AND priority >= ?4
         ORDER BY priority DESC, place, task",
        [repository, line, first.priority.into(), last.priority.into()],
    )
}

impl<E: Engine> Database<E> {
    /// The places of entries of one line, which are given in its order: those before the first are counted, those from it
    /// to the last are read.
    async fn places(
        &self,
        repository: &RepositoryId,
        of: Line,
        serial: bool,
        entries: Vec<LaneEntry>,
    ) -> StoreResult<Vec<PlaceInLine>> {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(Vec::new()) };
        let at: [Value; 2] = [repository.as_str().into(), line(of).into()];
        let mut steps = vec![
            before(first),
            Step::rows(
                "SELECT work_item FROM lane_entries WHERE repository = ?1 AND line = ?2 AND settled = 0
                     AND body NOT LIKE '%\"state\":{\"state\":\"admitted\"}%' ORDER BY priority DESC, place, task LIMIT 1",
                at.clone(),
            ),
            Step::rows(
                "SELECT work_item FROM lane_entries WHERE repository = ?1 AND line = ?2 AND settled = 0
                     AND body LIKE '%\"state\":{\"state\":\"admitted\"}%' ORDER BY priority DESC, place, task LIMIT 1",
                at.clone(),
            ),
            Step::rows(
                "SELECT COUNT(*) FROM lane_entries WHERE repository = ?1 AND line = ?2 AND settled = 0
                     AND body LIKE '%\"state\":{\"state\":\"admitted\"}%'",
                at,
            ),
        ];
        if entries.len() > 1 {
            steps.push(between(first, last));
        }
        let answers = self.engine.read(steps).await?;
        let number = |at: usize| {
            answers.get(at).and_then(|answer| answer.rows.first()).map_or(Ok(0), |row| int("a line", row, 0))
        };
        let name = |at: usize| {
            let row = answers.get(at).and_then(|answer: &Answer| answer.rows.first());
            row.map(|row| text("a line", row, 0)).transpose()
        };
        let inside = if serial { number(3)? } else { 0 };
        let front = match name(2)?.filter(|_| serial) {
            Some(admitted) => Some(admitted),
            None => name(1)?,
        };
        let ahead = number(0)? + inside;
        let mut ranks: BTreeMap<&str, i64> = BTreeMap::new();
        ranks.insert(first.task.as_str(), 0);
        if let Some(span) = answers.get(4) {
            let tasks = span.rows.iter().filter_map(|row| text("a line", row, 0).ok());
            let from = tasks.skip_while(|task| *task != first.task.as_str());
            ranks.extend((0..).zip(from).map(|(rank, task)| (task, rank)));
        }
        Ok(entries
            .iter()
            .filter_map(|entry| {
                let place = ahead + ranks.get(entry.task.as_str())? + 1;
                let behind = front.filter(|front| *front != entry.work_item.as_str());
                Some(PlaceInLine {
                    task: entry.task.clone(),
                    line: of,
                    place: u32::try_from(place).unwrap_or(u32::MAX),
                    behind: behind.map(Into::into),
                    state: entry.state.clone(),
                })
            })
            .collect())
    }
}
