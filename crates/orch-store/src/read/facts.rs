//! What decisions see: one snapshot each.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use orch_ports::lists::LineFronts;
use orch_ports::store::{StoreError, StoreResult};
use orch_rules::facts::{Dependencies, Dependency, EntryFacts, LandingFacts, Policy, RepositoryFacts, TaskFacts};
use orch_rules::ids::{RepositoryId, TaskId, Timestamp, WorkItemId};
use orch_rules::lane::{LaneEntry, LaneState};
use orch_rules::pipeline::Pipeline;
use orch_rules::unknown::Unknown;

use super::{OUTAGES, outage, repository, repository_columns, task, task_columns};
use crate::row::{count, int, json, kept, known, readable, text};
use crate::step::{Answer, Step};

/// Who stands before the task ?1 in a line, if it stands there itself.
macro_rules! ahead {
    ($line:literal, $most:literal) => {
        concat!(
            "SELECT o.work_item FROM lane_entries o
             WHERE o.repository = (SELECT m.repository FROM lane_entries m WHERE m.task = ?1 AND m.line = '",
            $line,
            "') AND o.line = '",
            $line,
            "' AND o.settled = 0 AND o.task <> ?1
                 AND o.priority >= (SELECT m.priority FROM lane_entries m WHERE m.task = ?1 AND m.line = '",
            $line,
            "') AND (o.priority > (SELECT m.priority FROM lane_entries m WHERE m.task = ?1 AND m.line = '",
            $line,
            "') OR o.place < (SELECT m.place FROM lane_entries m WHERE m.task = ?1 AND m.line = '",
            $line,
            "') OR (o.place = (SELECT m.place FROM lane_entries m WHERE m.task = ?1 AND m.line = '",
            $line,
            "') AND o.task < ?1)) ORDER BY o.priority DESC, o.place, o.task",
            $most
        )
    };
}

/// Everything a task's decision sees; read by [`task_facts`].
pub(crate) fn task_steps(id: &TaskId) -> Vec<Step> {
    const QUERIES: [&str; 12] = [
        concat!("SELECT ", task_columns!(), ", now_ms() FROM tasks t WHERE t.id = ?1"),
        concat!(
            "SELECT ",
            repository_columns!(),
            " FROM tasks t JOIN repositories r ON r.id = t.repository WHERE t.id = ?1"
        ),
        "SELECT p.body FROM tasks t JOIN pipelines p ON p.digest = t.pipeline WHERE t.id = ?1",
        "SELECT body FROM attempts WHERE task = ?1 ORDER BY number DESC LIMIT 1",
        "SELECT COUNT(*) FROM attempts a JOIN tasks t ON t.id = a.task AND t.visit = a.visit
         WHERE a.task = ?1 AND a.ended = 'lost'",
        // A check may bear the key of the head, of the candidate, or still run.
        "SELECT c.body FROM checks c JOIN tasks t ON t.id = c.task
         LEFT JOIN lane_entries e ON e.task = t.id AND e.line = 'landing' AND e.repository = t.repository
         WHERE c.task = ?1 AND (c.unfinished = 1 OR c.bound_to = t.code OR c.bound_to = e.candidate)
         ORDER BY c.requested_at, c.id",
        // A grant of protected paths holds beyond its visit. No text inside a JSON string can look like that field: its
        // quotes would be escaped.
        "SELECT e.body FROM episodes e JOIN tasks t ON t.id = e.task
         WHERE e.task = ?1 AND (e.visit = t.visit OR e.unanswered = 1 OR e.body LIKE '%\"kind\":\"protected_paths\"%')
         ORDER BY e.opened_at, e.id",
        "SELECT t.id, t.work_item, t.terminal FROM dependencies d JOIN tasks t ON t.id = d.depends_on
         WHERE d.task = ?1 AND (t.terminal = 0 OR t.place = 'cancelled') ORDER BY t.created_at, t.id",
        // Every edge between unfinished tasks that can be reached from here. Without an edge this is one look into an
        // index; UNION keeps each edge once, so a cycle ends the walk.
        "WITH RECURSIVE reached (task, depends_on) AS (
             SELECT d.task, d.depends_on FROM dependencies d
             JOIN tasks t ON t.id = d.depends_on AND t.terminal = 0 WHERE d.task = ?1
             UNION
             SELECT d.task, d.depends_on FROM reached r JOIN dependencies d ON d.task = r.depends_on
             JOIN tasks t ON t.id = d.depends_on AND t.terminal = 0)
         SELECT r.task, r.depends_on, t.work_item FROM reached r JOIN tasks t ON t.id = r.task LIMIT 10000",
        "SELECT body FROM lane_entries WHERE task = ?1 ORDER BY line",
        // Those in front, in the order of an index: asked by a join, the whole line would be read and sorted for each task
        // that stands in it.
        ahead!("landing", ""),
        ahead!("entry", " LIMIT 50"),
    ];
    let of_task = QUERIES.into_iter().map(|sql| Step::rows(sql, [id.as_str().into()]));
    of_task.chain([Step::rows(OUTAGES, [])]).collect()
}

/// The facts in the answers to [`task_steps`].
pub(crate) fn task_facts(id: &TaskId, policy: &Policy, answers: &[Answer]) -> StoreResult<(TaskFacts, Timestamp)> {
    let [
        task_row,
        repository_row,
        pipeline_row,
        attempt,
        lost,
        checks,
        episodes,
        waited_for,
        edges,
        lane,
        ahead,
        entry_ahead,
        outages,
    ] = answers
    else {
        return Err(StoreError::Failed { detail: "the engine answered another number of questions".into() });
    };
    let Some(row) = task_row.rows.first() else {
        return Err(StoreError::Missing { what: format!("task {id}") });
    };
    let task = task(row)?;
    let mut unknown = task.beyond.parts();
    let now = Timestamp(int("the clock", row, 12)?);
    let repository = match repository_row.rows.first() {
        Some(row) => repository(row)?,
        None => return Err(StoreError::Missing { what: format!("repository {}", task.repository) }),
    };
    let pipeline = match pipeline_row.rows.first() {
        Some(row) => json("a pipeline", row, 0).unwrap_or_else(|_| {
            unknown.push(Unknown::new("its pipeline", text("a pipeline", row, 0).unwrap_or("no text")));
            Pipeline { stages: Vec::new(), digest: task.pipeline.clone() }
        }),
        None => return Err(StoreError::Missing { what: format!("pipeline {}", task.pipeline) }),
    };
    let (mut open, mut cancelled) = (Vec::new(), Vec::new());
    for row in &waited_for.rows {
        let what = "a dependency";
        let dependency = Dependency { task: text(what, row, 0)?.into(), work_item: text(what, row, 1)?.into() };
        if int(what, row, 2)? == 0 { &mut open } else { &mut cancelled }.push(dependency);
    }
    let lane: Vec<LaneEntry> = known("a place in a line", lane, kept, &mut unknown);
    for entry in &lane {
        if let LaneState::Unknown(state) = &entry.state {
            unknown.push(Unknown::new("a place in a line", &state.to_string()));
        }
    }
    let facts = TaskFacts {
        pipeline: Arc::new(pipeline),
        repository,
        attempt: known("an attempt", attempt, kept, &mut unknown).pop(),
        lost_in_visit: lost.rows.first().map_or(Ok(0), |row| count("attempts", row, 0))?,
        checks: known("a check", checks, kept, &mut unknown),
        episodes: known("a question", episodes, kept, &mut unknown),
        dependencies: Dependencies::Known { open, cycle: cycle(id, edges)?, cancelled },
        lane,
        ahead: work_items(ahead)?,
        entry_ahead: work_items(entry_ahead)?,
        outages: outages.rows.iter().filter_map(|row| outage(row, &mut Vec::new())).collect(),
        policy: policy.clone(),
        unknown,
        task,
    };
    Ok((facts, now))
}

fn work_items(answer: &Answer) -> StoreResult<Vec<WorkItemId>> {
    answer.rows.iter().map(|row| text("a place in a line", row, 0).map(WorkItemId::from)).collect()
}

/// The shortest cycle through `start` in edges `(task, depends on, work item of task)`, beginning with `start`.
fn cycle(start: &TaskId, edges: &Answer) -> StoreResult<Option<Vec<WorkItemId>>> {
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for row in &edges.rows {
        let what = "a dependency";
        let (from, to) = (text(what, row, 0)?, text(what, row, 1)?);
        next.entry(from).or_default().push(to);
        names.insert(from, text(what, row, 2)?);
    }
    // The engines give rows in no order; the same edges must name the same cycle.
    next.values_mut().for_each(|tasks| tasks.sort_unstable());
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([start.as_str()]);
    while let Some(at) = queue.pop_front() {
        for &to in next.get(at).into_iter().flatten() {
            if to == start.as_str() {
                let mut through = vec![at];
                while let Some(before) = came_from.get(through[through.len() - 1]) {
                    through.push(before);
                }
                let named = |id: &&str| WorkItemId::from(names.get(id).copied().unwrap_or(id));
                return Ok(Some(through.iter().rev().map(named).collect()));
            }
            if !came_from.contains_key(to) {
                came_from.insert(to, at);
                queue.push_back(to);
            }
        }
    }
    Ok(None)
}

/// Everything a lane's decision sees; read by [`lane_facts`].
pub(crate) fn lane_steps(id: &RepositoryId) -> Vec<Step> {
    vec![
        Step::rows(
            concat!("SELECT ", repository_columns!(), ", now_ms() FROM repositories r WHERE r.id = ?1"),
            [id.as_str().into()],
        ),
        Step::rows(
            "SELECT e.body, t.resting, CASE WHEN EXISTS (
                 SELECT 1 FROM dependencies d JOIN tasks o ON o.id = d.depends_on AND o.terminal = 0
                 WHERE d.task = e.task) THEN 0 ELSE 1 END
             FROM lane_entries e JOIN tasks t ON t.id = e.task
             WHERE e.repository = ?1 AND e.line = 'entry' ORDER BY e.priority DESC, e.place, e.task",
            [id.as_str().into()],
        ),
        Step::rows(
            "SELECT e.body, t.resting, CASE WHEN EXISTS (
                 SELECT 1 FROM episodes q WHERE q.task = e.task AND q.unanswered = 1) THEN 1 ELSE 0 END
             FROM lane_entries e JOIN tasks t ON t.id = e.task
             WHERE e.repository = ?1 AND e.line = 'landing' ORDER BY e.priority DESC, e.place, e.task",
            [id.as_str().into()],
        ),
    ]
}

/// The facts in the answers to [`lane_steps`].
pub(crate) fn lane_facts(
    id: &RepositoryId,
    policy: &Policy,
    answers: &[Answer],
) -> StoreResult<(RepositoryFacts, Timestamp)> {
    let [head, entry, landing] = answers else {
        return Err(StoreError::Failed { detail: "the engine answered another number of questions".into() });
    };
    let Some(row) = head.rows.first() else {
        return Err(StoreError::Missing { what: format!("repository {id}") });
    };
    let what = "a place in a line";
    let facts = RepositoryFacts {
        repository: repository(row)?,
        // One place that cannot be read must not stop everybody in its line.
        entry: readable(entry, |row| {
            Ok(EntryFacts {
                entry: kept(what, row, 0)?,
                resting: int(what, row, 1)? != 0,
                ready: int(what, row, 2)? != 0,
            })
        }),
        landing: readable(landing, |row| {
            Ok(LandingFacts {
                entry: kept(what, row, 0)?,
                resting: int(what, row, 1)? != 0,
                awaits_human: int(what, row, 2)? != 0,
            })
        }),
        policy: policy.clone(),
    };
    Ok((facts, Timestamp(int("the clock", row, 10)?)))
}

/// Those in front of a repository's lines; read by [`fronts`].
pub(crate) fn fronts_steps(id: &RepositoryId, most: u32) -> Vec<Step> {
    macro_rules! entering {
        ($admitted:literal) => {
            concat!(
                "SELECT e.body, t.resting, CASE WHEN EXISTS (
                     SELECT 1 FROM dependencies d JOIN tasks o ON o.id = d.depends_on AND o.terminal = 0
                     WHERE d.task = e.task) THEN 0 ELSE 1 END
                 FROM lane_entries e JOIN tasks t ON t.id = e.task
                 WHERE e.repository = ?1 AND e.line = 'entry' AND e.settled = 0 AND e.body ",
                $admitted,
                " '%\"state\":{\"state\":\"admitted\"}%' ORDER BY e.priority DESC, e.place, e.task LIMIT ?2"
            )
        };
    }
    let at = || [id.as_str().into(), most.into()];
    vec![
        Step::rows(
            concat!("SELECT ", repository_columns!(), ", now_ms() FROM repositories r WHERE r.id = ?1"),
            [id.as_str().into()],
        ),
        Step::rows(entering!("LIKE"), at()),
        Step::rows(entering!("NOT LIKE"), at()),
        Step::rows(
            "SELECT e.body, t.resting, CASE WHEN EXISTS (
                 SELECT 1 FROM episodes q WHERE q.task = e.task AND q.unanswered = 1) THEN 1 ELSE 0 END
             FROM lane_entries e JOIN tasks t ON t.id = e.task
             WHERE e.repository = ?1 AND e.line = 'landing' ORDER BY e.priority DESC, e.place, e.task LIMIT ?2",
            at(),
        ),
        Step::rows(
            "SELECT (SELECT COUNT(*) FROM lane_entries WHERE repository = ?1 AND line = 'entry' AND settled = 0
                         AND body LIKE '%\"state\":{\"state\":\"admitted\"}%'),
                    (SELECT COUNT(*) FROM lane_entries WHERE repository = ?1 AND line = 'entry' AND settled = 0
                         AND body NOT LIKE '%\"state\":{\"state\":\"admitted\"}%'),
                    (SELECT COUNT(*) FROM lane_entries WHERE repository = ?1 AND line = 'landing')",
            [id.as_str().into()],
        ),
    ]
}

/// The lines in the answers to [`fronts_steps`].
pub(crate) fn fronts(id: &RepositoryId, policy: &Policy, answers: &[Answer]) -> StoreResult<LineFronts> {
    let [head, admitted, waiting, landing, counts] = answers else {
        return Err(StoreError::Failed { detail: "the engine answered another number of questions".into() });
    };
    let what = "the lines of a repository";
    let entry = Answer { touched: 0, rows: admitted.rows.iter().chain(&waiting.rows).cloned().collect() };
    let (mut facts, _) = lane_facts(id, policy, &[head.clone(), entry, landing.clone()])?;
    facts.entry.sort_by(|a, b| standing_order(&a.entry).cmp(&standing_order(&b.entry)));
    let counted = |at| counts.rows.first().map_or(Ok(0), |row| int(what, row, at)).map(i64::unsigned_abs);
    Ok(LineFronts { facts, admitted: counted(0)?, waiting: counted(1)?, landing: counted(2)? })
}

/// The order of a line.
pub(crate) fn standing_order(entry: &LaneEntry) -> (Reverse<i32>, i64, &TaskId) {
    (Reverse(entry.priority), entry.position, &entry.task)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::Value;

    fn edges(pairs: &[(&str, &str)]) -> Answer {
        let rows = pairs.iter().map(|(from, to)| vec![Value::from(*from), (*to).into(), from.to_uppercase().into()]);
        Answer { touched: 0, rows: rows.collect() }
    }

    #[test]
    fn the_shortest_cycle_through_the_task_is_named_from_the_task_on() {
        let found = |pairs| {
            cycle(&"a".into(), &edges(pairs))
                .unwrap()
                .map(|c| c.iter().map(|w| w.0.clone()).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(found(&[]), None);
        assert_eq!(found(&[("a", "b"), ("b", "c")]), None);
        assert_eq!(found(&[("a", "b"), ("b", "c"), ("c", "b")]), None, "a cycle elsewhere is not this task's");
        assert_eq!(found(&[("b", "a"), ("a", "b")]).as_deref(), Some("A B"));
        assert_eq!(found(&[("a", "b"), ("b", "c"), ("c", "d"), ("d", "a"), ("b", "d")]).as_deref(), Some("A B D"));
        assert_eq!(found(&[("a", "a")]).as_deref(), Some("A"));
    }
}
