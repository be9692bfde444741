//! Changes as steps.

use orch_ports::store::{Job, StoreError, StoreResult, UsageRow};
use orch_rules::change::{Change, ChangeSet, Guard};

use super::work::{perform, try_again, wake_dependents, wake_lane, wake_repository, wake_slot_waiters, wake_task};
use super::{amount, body, guard, put};
use crate::step::{Step, Value};

/// Most that is added to a budget at once: a million US dollars in millionths. Many of them still make no sum overflow.
const MOST_RAISED_MICROS: u64 = 1_000_000_000_000;

pub(super) fn steps(change: &Change, all: &ChangeSet, steps: &mut Vec<Step>) -> StoreResult<()> {
    match change {
        Change::InsertTask { task } => steps.push(put::insert_task(task)?),
        Change::PutTask { task } => {
            let guarded = all.guards.iter().any(|g| matches!(g, Guard::Version { task: id, .. } if *id == task.id));
            if !guarded {
                return Err(unguarded("task", task.id.as_str()));
            }
            steps.push(put::put_task(task)?);
            if task.position.is_terminal() {
                steps.push(try_again(&task.id));
            }
        }
        Change::PutRepository { repository } => {
            let guarded = all
                .guards
                .iter()
                .any(|g| matches!(g, Guard::RepositoryVersion { repository: id, .. } if *id == repository.id));
            if !guarded {
                return Err(unguarded("repository", repository.id.as_str()));
            }
            steps.push(put::put_repository(repository)?);
        }
        Change::PutOutage { outage } => {
            let key = outage.source.key();
            let guarded = all.guards.iter().any(|g| matches!(g, Guard::OutageVersion { key: k, .. } if *k == key));
            if !guarded {
                return Err(unguarded("outage", &key));
            }
            steps.push(put::put_outage(&key, outage)?);
        }
        Change::PutAttempt { attempt } => steps.push(put::put_attempt(attempt)?),
        Change::PutEpisode { episode } => steps.push(put::put_episode(episode)?),
        Change::PutCheck { check } => steps.push(put::put_check(check)?),
        Change::PutLaneEntry { entry } => steps.push(put::put_lane_entry(entry)?),
        Change::DeleteLaneEntry { repository, task, line } => steps.push(Step::run(
            "DELETE FROM lane_entries WHERE task = ?1 AND line = ?2 AND repository = ?3",
            [task.as_str().into(), put::line(*line).into(), repository.as_str().into()],
        )),
        Change::AddDependency { task, on } => steps.push(Step::run(
            "INSERT INTO dependencies (task, depends_on) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            [task.as_str().into(), on.as_str().into()],
        )),
        Change::RemoveDependency { task, on } => steps.push(Step::run(
            "DELETE FROM dependencies WHERE task = ?1 AND depends_on = ?2",
            [task.as_str().into(), on.as_str().into()],
        )),
        Change::Perform { effect, due } => {
            let job = body(&Job::Perform { effect: effect.clone() })?;
            steps.push(perform(effect, *due, job));
        }
        Change::CancelQueuedWork { task } => steps.push(Step::run(
            "UPDATE work SET state = 'cancelled' WHERE task = ?1 AND state <> 'done' AND state = 'queued'
                 AND kind NOT IN ('inbox', 'decide_task', 'decide_lane', 'wake_waiters')",
            [task.as_str().into()],
        )),
        Change::ReleaseSlot { key, holder } => {
            let slot: Value = key.as_str().into();
            steps.push(guard::lock_slot(key));
            steps.push(Step::run(
                "DELETE FROM slot_holders WHERE slot = ?1 AND holder = ?2",
                [slot.clone(), holder.as_str().into()],
            ));
            steps.push(Step::run(
                "UPDATE slots SET used = (SELECT COUNT(*) FROM slot_holders h WHERE h.slot = slots.name)
                 WHERE name = ?1",
                [slot],
            ));
        }
        Change::ReleaseKeys { owner } => steps
            .push(Step::run("UPDATE natural_keys SET held = 0 WHERE owner = ?1 AND held = 1", [owner.as_str().into()])),
        Change::Settle { holder, spent_micros } => {
            let holder: Value = holder.as_str().into();
            // In one order, so that two that share two budgets do not wait for each other crosswise.
            steps.push(Step::rows(
                "SELECT b.name FROM budgets b WHERE b.name IN (SELECT r.budget FROM reservations r WHERE r.holder = ?1)
                 ORDER BY b.name /*pg FOR NO KEY UPDATE */",
                [holder.clone()],
            ));
            // Only a reservation that is still there is settled, so that a repeated settlement books nothing.
            steps.push(Step::run(
                "UPDATE budgets SET
                     spent = spent + COALESCE(CAST(?2 AS INTEGER),
                         (SELECT r.amount FROM reservations r WHERE r.budget = budgets.name AND r.holder = ?1)),
                     reserved = reserved -
                         (SELECT r.amount FROM reservations r WHERE r.budget = budgets.name AND r.holder = ?1)
                 WHERE name IN (SELECT r.budget FROM reservations r WHERE r.holder = ?1)",
                [holder.clone(), spent_micros.map(amount).into()],
            ));
            steps.push(Step::run("DELETE FROM reservations WHERE holder = ?1", [holder]));
        }
        Change::RaiseBudget { budget, by_micros } => steps.push(Step::run(
            "INSERT INTO budgets (name, ceiling, spent, reserved, raised) VALUES (?1, 0, 0, 0, ?2)
             ON CONFLICT (name) DO UPDATE SET raised = budgets.raised + excluded.raised",
            [budget.as_str().into(), amount((*by_micros).min(MOST_RAISED_MICROS))],
        )),
        Change::AddUsage { task, attempt, stage, usage, at } => {
            let row = UsageRow { attempt: *attempt, stage: stage.clone(), usage: usage.clone(), at: *at };
            steps.push(Step::run(
                "INSERT INTO usage_rows (task, booked_at, body) VALUES (?1, ?2, ?3)",
                [task.as_str().into(), at.0.into(), body(&row)?],
            ));
        }
        Change::EndRun { name, host } => steps.push(crate::hosts::end_run(name, host)),
        Change::Say { message } => steps.push(crate::outbox::say(message)?),
        Change::Raise { raise } => steps.push(crate::projections::raise(raise)),
        Change::Audit { line } => steps.push(Step::run(
            "INSERT INTO audit (task, repository, happened_at, body) VALUES (?1, ?2, ?3, ?4)",
            [
                line.task.as_ref().map(|task| task.as_str()).into(),
                line.repository.as_str().into(),
                line.at.0.into(),
                body(line)?,
            ],
        )),
        Change::Wake { task } => steps.push(wake_task(task)),
        Change::WakeLane { repository } => steps.push(wake_lane(repository)),
        Change::WakeDependents { on } => steps.push(wake_dependents(on)),
        Change::WakeRepository { repository } => steps.push(wake_repository(repository)),
        Change::WakeSlotWaiters { key } => steps.push(wake_slot_waiters(key)),
    }
    Ok(())
}

/// For a wake, its place among the wakes of a change set.
pub(super) fn wake_order(change: &Change) -> Option<(u8, &str)> {
    match change {
        Change::WakeLane { repository } => Some((0, repository.as_str())),
        Change::Wake { task } => Some((1, task.as_str())),
        Change::WakeDependents { on } => Some((2, on.as_str())),
        Change::WakeSlotWaiters { key } => Some((3, key)),
        Change::WakeRepository { repository } => Some((4, repository.as_str())),
        _ => None,
    }
}

fn unguarded(what: &str, id: &str) -> StoreError {
    StoreError::Failed {
        detail: format!(
            "a change set writes {what} {id} without its version guard, so it could undo what another wrote"
        ),
    }
}
