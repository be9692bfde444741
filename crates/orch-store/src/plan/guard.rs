//! Guards as steps. Each locks what it looks at (SQLite has one writer and needs no lock; on PostgreSQL a row lock makes
//! the second of two racing transactions look again after the first has committed).

use orch_rules::budget::Pays;
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
            steps.push(budget_row(budget, *ceiling_micros, *amount_micros));
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

/// Adds up what runs have cost; one whose cost is unknown counts as what is set aside for a run, or more if more is known.
macro_rules! spent {
    ($which:literal) => {
        concat!(
            "INSERT INTO budgets (name, ceiling, spent, reserved)
             SELECT CAST(?1 AS TEXT), CAST(?2 AS INTEGER), CAST(COALESCE(SUM(CASE
                 WHEN length(json_extract(u.body, '$.usage.cost_micros')) < 16
                     THEN CAST(json_extract(u.body, '$.usage.cost_micros') AS INTEGER)
                 WHEN length(json_extract(u.body, '$.usage.at_least_micros')) < 16
                     AND CAST(json_extract(u.body, '$.usage.at_least_micros') AS INTEGER) > CAST(?3 AS INTEGER)
                     THEN CAST(json_extract(u.body, '$.usage.at_least_micros') AS INTEGER)
                 ELSE CAST(?3 AS INTEGER) END), 0) AS INTEGER), 0
             FROM usage_rows u WHERE ",
            $which,
            " ON CONFLICT (name) DO UPDATE SET ceiling = excluded.ceiling,
                 spent = CASE WHEN excluded.spent > budgets.spent THEN excluded.spent ELSE budgets.spent END"
        )
    };
}

/// A budget's row with its present ceiling. It counts what was spent before somebody set it, too.
fn budget_row(name: &str, ceiling_micros: u64, amount_micros: u64) -> Step {
    let (ceiling, each) = (amount(ceiling_micros), amount(amount_micros));
    match Pays::of(name) {
        None => Step::run(
            "INSERT INTO budgets (name, ceiling, spent, reserved) VALUES (?1, ?2, 0, 0)
             ON CONFLICT (name) DO UPDATE SET ceiling = excluded.ceiling",
            [name.into(), ceiling],
        ),
        Some(Pays::Task(task)) => Step::run(spent!("u.task = ?4"), [name.into(), ceiling, each, task.as_str().into()]),
        Some(Pays::Between { repository: None, from, until }) => Step::run(
            spent!("u.booked_at >= ?4 AND u.booked_at < ?5"),
            [name.into(), ceiling, each, from.0.into(), until.0.into()],
        ),
        Some(Pays::Between { repository: Some(repository), from, until }) => Step::run(
            spent!(
                "u.booked_at >= ?4 AND u.booked_at < ?5
                 AND EXISTS (SELECT 1 FROM tasks t WHERE t.id = u.task AND t.repository = ?6)"
            ),
            [name.into(), ceiling, each, from.0.into(), until.0.into(), repository.as_str().into()],
        ),
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
