//! Guards as steps. Each locks what it looks at (SQLite has one writer and needs no lock; on PostgreSQL a row lock makes
//! the second of two racing transactions look again after the first has committed).

use orch_rules::change::Guard;

use super::amount;
use crate::step::{Broken, Step, Value};

/// The order in which guards are taken: rows that many tasks share last among their kind of wait, so that they are held
/// shortly; an exclusive look at a repository before a shared one, so that nobody upgrades a lock.
pub(super) fn lock_order(guard: &Guard) -> (u8, String) {
    match guard {
        Guard::RepositoryVersion { repository, .. } => (0, repository.0.clone()),
        Guard::NotFrozen { repository, .. } => (1, repository.0.clone()),
        Guard::LaneHeld { repository, .. } => (2, repository.0.clone()),
        Guard::Version { task, .. } => (3, task.0.clone()),
        Guard::Fence { task, .. } => (4, task.0.clone()),
        Guard::Unique { key, .. } => (5, key.clone()),
        Guard::Reserve { budget, .. } => (6, budget.clone()),
        Guard::SlotBelow { key, .. } => (7, key.clone()),
        Guard::OutageVersion { key, .. } => (8, key.clone()),
    }
}

pub(super) fn steps(guard: &Guard, steps: &mut Vec<Step>) {
    let broken = || Broken::Guard(guard.clone());
    match guard {
        Guard::Version { task, version } => steps.push(
            Step::run(
                "UPDATE tasks SET version = version + 1, listed = CASE WHEN listed = version THEN version + 1 ELSE listed END
                 WHERE id = ?1 AND version = ?2",
                [task.as_str().into(), (*version).into()],
            )
            .or(broken()),
        ),
        Guard::RepositoryVersion { repository, version } => steps.push(
            Step::run(
                "UPDATE repositories SET version = version + 1 WHERE id = ?1 AND version = ?2",
                [repository.as_str().into(), (*version).into()],
            )
            .or(broken()),
        ),
        Guard::Fence { task, attempt } => steps.push(
            Step::rows(
                "SELECT a.number FROM tasks t JOIN attempts a ON a.task = t.id AND a.number = t.attempt
                 WHERE t.id = ?1 AND a.number = ?2 AND a.ended IS NULL /*pg FOR NO KEY UPDATE */",
                [task.as_str().into(), (*attempt).into()],
            )
            .or(broken()),
        ),
        Guard::LaneHeld { repository, fence } => steps.push(
            Step::rows(
                "SELECT id FROM repositories WHERE id = ?1 AND lane_fence = ?2 /*pg FOR SHARE */",
                [repository.as_str().into(), (*fence).into()],
            )
            .or(broken()),
        ),
        Guard::NotFrozen { repository, epoch } => steps.push(
            Step::rows(
                "SELECT id FROM repositories WHERE id = ?1 AND frozen IS NULL AND freeze_epoch = ?2 /*pg FOR SHARE */",
                [repository.as_str().into(), (*epoch).into()],
            )
            .or(broken()),
        ),
        Guard::SlotBelow { key, max, holder } => {
            let (slot, holder): (Value, Value) = (key.as_str().into(), holder.as_str().into());
            steps.push(lock_slot(key));
            steps.push(Step::run(
                "INSERT INTO slot_holders (slot, holder)
                 SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM slots WHERE name = ?1 AND used < ?3)
                 ON CONFLICT DO NOTHING",
                [slot.clone(), holder.clone(), (*max).into()],
            ));
            steps.push(
                Step::run(
                    "UPDATE slots SET used = (SELECT COUNT(*) FROM slot_holders h WHERE h.slot = slots.name)
                     WHERE name = ?1 AND EXISTS (SELECT 1 FROM slot_holders h WHERE h.slot = ?1 AND h.holder = ?2)",
                    [slot, holder],
                )
                .or(broken()),
            );
        }
        Guard::Unique { key, owner } => steps.push(
            Step::run(
                "INSERT INTO natural_keys (name, owner, held) VALUES (?1, ?2, 1)
                 ON CONFLICT (name) WHERE held = 1 DO UPDATE SET owner = excluded.owner
                 WHERE natural_keys.owner = excluded.owner",
                [key.as_str().into(), owner.as_str().into()],
            )
            .or(broken()),
        ),
        Guard::OutageVersion { key, version: 0 } => steps.push(
            Step::run(
                "INSERT INTO outages (name, version) VALUES (?1, 1) ON CONFLICT (name) DO NOTHING",
                [key.as_str().into()],
            )
            .or(broken()),
        ),
        Guard::OutageVersion { key, version } => steps.push(
            Step::run(
                "UPDATE outages SET version = version + 1 WHERE name = ?1 AND version = ?2",
                [key.as_str().into(), (*version).into()],
            )
            .or(broken()),
        ),
        Guard::Reserve { budget, ceiling_micros, amount_micros, holder } => {
            let (name, holder): (Value, Value) = (budget.as_str().into(), holder.as_str().into());
            // Makes the row if needed and holds it to the end of the transaction.
            steps.push(Step::run(
                "INSERT INTO budgets (name, ceiling, spent, reserved) VALUES (?1, ?2, 0, 0)
                 ON CONFLICT (name) DO UPDATE SET ceiling = excluded.ceiling",
                [name.clone(), amount(*ceiling_micros)],
            ));
            steps.push(Step::run(
                "INSERT INTO reservations (budget, holder, amount)
                 SELECT name, ?2, ?3 FROM budgets WHERE name = ?1 AND ?3 <= ceiling - spent - reserved + raised
                 ON CONFLICT DO NOTHING",
                [name.clone(), holder.clone(), amount(*amount_micros)],
            ));
            steps.push(
                Step::run(
                    "UPDATE budgets SET reserved =
                         (SELECT SUM(r.amount) FROM reservations r WHERE r.budget = budgets.name)
                     WHERE name = ?1 AND EXISTS (SELECT 1 FROM reservations r WHERE r.budget = ?1 AND r.holder = ?2)",
                    [name, holder],
                )
                .or(broken()),
            );
        }
    }
}

/// Makes the slot row if needed and holds it to the end of the transaction. A statement of its own: the next one then
/// sees what the holder before has committed.
pub(super) fn lock_slot(key: &str) -> Step {
    Step::run(
        "INSERT INTO slots (name, used) VALUES (?1, 0) ON CONFLICT (name) DO UPDATE SET used = slots.used",
        [key.into()],
    )
}
