//! Whole rows: their columns and their statements.

use orch_ports::lists::Shown;
use orch_ports::store::StoreResult;
use orch_rules::attempt::{Attempt, RunEnd};
use orch_rules::change::Guard;
use orch_rules::check::{Check, CheckKey};
use orch_rules::episode::Episode;
use orch_rules::ids::WorkItemId;
use orch_rules::lane::{LaneEntry, Line, Repository};
use orch_rules::outage::Outage;
use orch_rules::task::{Task, Wait, doing};
use orch_rules::unknown::{self, Keeps};

use super::body;
use crate::step::{Broken, Step, Value};

/// Prefix and number of `PREFIX-NNN`; number 0 for a name of another shape.
pub(crate) fn split_work_item(work_item: &WorkItemId) -> (&str, i64) {
    match work_item.as_str().rsplit_once('-') {
        Some((prefix, number)) => match number.parse::<u32>() {
            Ok(number) => (prefix, number.into()),
            Err(_) => (work_item.as_str(), 0),
        },
        None => (work_item.as_str(), 0),
    }
}

/// Spelling of a line in rows.
pub(crate) fn line(line: Line) -> &'static str {
    match line {
        Line::Entry => "entry",
        Line::Landing => "landing",
    }
}

fn bound_to(key: &CheckKey) -> String {
    match key {
        CheckKey::Code(code) => format!("code:{code}"),
        CheckKey::Candidate(commit) => format!("candidate:{commit}"),
    }
}

/// Spelling of an end in rows; only `lost` is counted.
fn run_end(end: &RunEnd) -> &'static str {
    match end {
        RunEnd::Completed => "completed",
        RunEnd::Failed { .. } => "failed",
        RunEnd::TimedOut => "timed_out",
        RunEnd::Stalled => "stalled",
        RunEnd::Stopped => "stopped",
        RunEnd::Lost { .. } => "lost",
        RunEnd::Quarantined => "quarantined",
        RunEnd::SpawnFailed { .. } => "spawn_failed",
        RunEnd::Unavailable { .. } => "unavailable",
        RunEnd::OverBudget { .. } => "over_budget",
    }
}

/// The row as it is written: what this release does not know of it goes back as it came.
fn whole<T: Keeps>(row: &T) -> StoreResult<Value> {
    match unknown::written(row) {
        Some(written) => body(&written),
        None => body(row),
    }
}

/// What a task is looked for by, and what lists show of it; that is empty for one with parts that this release does not
/// know, which is read whole.
pub(crate) fn listing(task: &Task) -> StoreResult<(Value, Value)> {
    let shown = if task.beyond.is_unknown() { Value::Null } else { body(&Shown::of(task))? };
    Ok((doing(&task.waits).into(), shown))
}

fn task_params(task: &Task) -> StoreResult<[Value; 18]> {
    let (prefix, number) = split_work_item(&task.work_item);
    let slot = task.waits.iter().find_map(|wait| match wait {
        Wait::Slot { key, .. } | Wait::Budget { key } => Some(key.clone()),
        Wait::Outage { source, .. } => Some(source.key()),
        _ => None,
    });
    let (doing, shown) = listing(task)?;
    let resting = task.hold.is_some() || task.paused || task.stop.is_some();
    Ok([
        task.id.as_str().into(),
        task.repository.as_str().into(),
        task.work_item.as_str().into(),
        prefix.into(),
        number.into(),
        task.position.name().into(),
        task.position.is_terminal().into(),
        resting.into(),
        task.visit.into(),
        task.attempt.into(),
        task.keys.as_ref().map(|keys| format!("code:{}", keys.code)).into(),
        task.pipeline.as_str().into(),
        task.priority.into(),
        slot.into(),
        task.started_at.map(|at| at.0).into(),
        whole(task)?,
        doing,
        shown,
    ])
}

pub(super) fn insert_task(task: &Task) -> StoreResult<Step> {
    let params = task_params(task)?;
    let mut step = Step::run(
        "INSERT INTO tasks (id, repository, work_item, prefix, number, place, terminal, resting, visit, attempt, code,
             pipeline, priority, wait_slot, started_at, body, doing, shown, version, created_at, listed, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?19, now_ms())
         ON CONFLICT (id) DO NOTHING",
        params,
    )
    .or(Broken::Guard(Guard::Unique { key: format!("task:{}", task.id), owner: task.id.clone() }));
    step.params.push(task.version.into());
    step.params.push(task.created_at.0.into());
    Ok(step)
}

pub(super) fn put_task(task: &Task) -> StoreResult<Step> {
    Ok(Step::run(
        "UPDATE tasks SET repository = ?2, work_item = ?3, prefix = ?4, number = ?5, place = ?6, terminal = ?7,
             resting = ?8, visit = ?9, attempt = ?10, code = ?11, pipeline = ?12, priority = ?13, wait_slot = ?14,
             started_at = ?15, body = ?16, doing = ?17, shown = ?18, listed = version, updated_at = now_ms()
         WHERE id = ?1",
        task_params(task)?,
    )
    .or(Broken::Missing(format!("task {}", task.id))))
}

/// A freeze is written only when it begins or ends: one of a newer release goes through this one as it is.
pub(super) fn put_repository(repository: &Repository) -> StoreResult<Step> {
    Ok(Step::run(
        "UPDATE repositories SET prefix = ?2, base_branch = ?3, serial = ?4,
             frozen = CASE WHEN freeze_epoch = ?6 THEN frozen ELSE ?5 END, freeze_epoch = ?6,
             paused = ?7, main_tip = ?8, lane_fence = ?9
         WHERE id = ?1",
        [
            repository.id.as_str().into(),
            repository.prefix.as_str().into(),
            repository.base_branch.as_str().into(),
            repository.serial.into(),
            repository.frozen.as_ref().map(body).transpose()?.unwrap_or(Value::Null),
            repository.freeze_epoch.into(),
            repository.paused.into(),
            repository.main.as_ref().map(|main| main.as_str()).into(),
            repository.lane_fence.into(),
        ],
    )
    .or(Broken::Missing(format!("repository {}", repository.id))))
}

pub(super) fn put_outage(key: &str, outage: &Outage) -> StoreResult<Step> {
    Ok(Step::run("UPDATE outages SET body = ?2 WHERE name = ?1", [key.into(), whole(outage)?])
        .or(Broken::Missing(key.to_owned())))
}

pub(super) fn put_attempt(attempt: &Attempt) -> StoreResult<Step> {
    Ok(Step::run(
        "INSERT INTO attempts (task, number, visit, ended, body) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (task, number) DO UPDATE SET visit = excluded.visit, ended = excluded.ended, body = excluded.body",
        [
            attempt.task.as_str().into(),
            attempt.number.into(),
            attempt.visit.into(),
            attempt.ended.as_ref().map(|ended| run_end(&ended.how)).into(),
            whole(attempt)?,
        ],
    ))
}

pub(super) fn put_check(check: &Check) -> StoreResult<Step> {
    Ok(Step::run(
        "INSERT INTO checks (id, task, bound_to, unfinished, requested_at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO UPDATE SET task = excluded.task, bound_to = excluded.bound_to,
             unfinished = excluded.unfinished, requested_at = excluded.requested_at, body = excluded.body",
        [
            check.id.as_str().into(),
            check.task.as_str().into(),
            bound_to(&check.key).into(),
            check.outcome.is_none().into(),
            check.requested_at.0.into(),
            whole(check)?,
        ],
    ))
}

pub(super) fn put_episode(episode: &Episode) -> StoreResult<Step> {
    Ok(Step::run(
        "INSERT INTO episodes (id, task, visit, unanswered, opened_at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO UPDATE SET task = excluded.task, visit = excluded.visit,
             unanswered = excluded.unanswered, opened_at = excluded.opened_at, body = excluded.body",
        [
            episode.id.as_str().into(),
            episode.task.as_str().into(),
            episode.visit.into(),
            episode.is_open().into(),
            episode.opened_at.0.into(),
            whole(episode)?,
        ],
    ))
}

pub(super) fn put_lane_entry(entry: &LaneEntry) -> StoreResult<Step> {
    Ok(Step::run(
        "INSERT INTO lane_entries (repository, task, line, work_item, priority, place, settled, candidate, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (task, line, repository) DO UPDATE SET work_item = excluded.work_item,
             priority = excluded.priority, place = excluded.place, settled = excluded.settled,
             candidate = excluded.candidate, body = excluded.body",
        [
            entry.repository.as_str().into(),
            entry.task.as_str().into(),
            line(entry.line).into(),
            entry.work_item.as_str().into(),
            entry.priority.into(),
            entry.position.into(),
            entry.state.is_settled().into(),
            entry.state.candidate().map(|candidate| format!("candidate:{}", candidate.commit)).into(),
            whole(entry)?,
        ],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_work_item_splits_at_its_last_dash() {
        assert_eq!(split_work_item(&"SHOP-007".into()), ("SHOP", 7));
        assert_eq!(split_work_item(&"A-B-12".into()), ("A-B", 12));
        assert_eq!(split_work_item(&"ODD-x".into()), ("ODD-x", 0));
        assert_eq!(split_work_item(&"plain".into()), ("plain", 0));
        assert_eq!(split_work_item(&"BIG-99999999999".into()), ("BIG-99999999999", 0));
    }
}
