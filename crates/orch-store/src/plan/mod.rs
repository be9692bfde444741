//! Change sets compiled to steps. Pure: no database here, so what is written and in which order can be read and tested
//! without one.

mod change;
mod guard;
pub(crate) mod put;
pub(crate) mod work;

use orch_ports::store::{Finish, StoreResult};
use orch_rules::change::ChangeSet;
use serde::Serialize;

pub(crate) use work::listed;
pub use work::{
    CLAIM, accept, accept_issue, accept_issue_of, bring_near, claim, far_away, issue_answered, next_due, reclaim,
    set_aside, tidy, waiting, wake_waiting, written_ahead,
};

use crate::feed;
use crate::step::{Step, Value};

/// Steps of a change set and of the end of the work row that asked for it, for one transaction.
///
/// Order: the work row's fence (a stale attempt must stop whatever else holds), then the guards in an order that is the
/// same for all change sets (so that two of them seldom wait for each other crosswise), then the changes as given, the
/// wakes last.
///
/// # Errors
/// [`orch_ports::store::StoreError::Failed`] if a change set writes a task or repository row as a whole without its
/// version guard, or a row cannot be encoded.
pub fn plan(changes: &ChangeSet, finish: Option<&Finish>) -> StoreResult<Vec<Step>> {
    let mut steps = Vec::with_capacity(changes.guards.len() * 2 + changes.changes.len() + 2);
    if let Some(finish) = finish {
        work::finish(finish, &mut steps)?;
    }
    let mut guards: Vec<_> = changes.guards.iter().collect();
    guards.sort_by_cached_key(|g| guard::lock_order(g));
    for guard in guards {
        guard::steps(guard, &mut steps);
    }
    for change in changes.changes.iter().filter(|change| change::wake_order(change).is_none()) {
        change::steps(change, changes, &mut steps)?;
    }
    feed::told(changes, &mut steps);
    // They only queue "decide again", so they may come last, and in one order: two change sets that wake the same
    // aggregates must not wait for each other crosswise.
    let mut wakes: Vec<_> =
        changes.changes.iter().filter_map(|change| change::wake_order(change).map(|order| (order, change))).collect();
    wakes.sort_by_key(|(order, _)| *order);
    for (_, change) in wakes {
        change::steps(change, changes, &mut steps)?;
    }
    Ok(steps)
}

/// JSON text of a row's body.
pub(crate) fn body<T: Serialize>(row: &T) -> StoreResult<Value> {
    serde_json::to_string(row)
        .map(Value::text)
        .map_err(|e| orch_ports::store::StoreError::Failed { detail: format!("a row cannot be encoded: {e}") })
}

/// Column integer of an unsigned amount. Amounts beyond 2^62 are cut: no sum of two overflows.
fn amount(micros: u64) -> Value {
    Value::Int(i64::try_from(micros).unwrap_or(i64::MAX).min(1 << 62))
}

#[cfg(test)]
mod tests {
    use orch_ports::store::{Finished, StoreError};
    use orch_rules::change::{Change, Guard};
    use orch_rules::ids::{RepositoryId, TaskId};

    use super::*;
    use crate::step::Broken;

    fn frozen() -> Guard {
        Guard::NotFrozen { repository: RepositoryId::from("r"), epoch: 1 }
    }
    fn version() -> Guard {
        Guard::Version { task: TaskId::from("t"), version: 3 }
    }

    #[test]
    fn the_fence_of_the_work_row_comes_first_then_guards_in_one_order() {
        let finish = Finish { work: 7, fence: 2, how: Finished::Done { answer: None } };
        let one = ChangeSet { guards: vec![version(), frozen()], changes: vec![] };
        let other = ChangeSet { guards: vec![frozen(), version()], changes: vec![] };
        let steps = plan(&one, Some(&finish)).unwrap();
        assert_eq!(steps, plan(&other, Some(&finish)).unwrap());
        let broken: Vec<_> = steps.iter().filter_map(|s| s.expect.clone()).collect();
        assert_eq!(broken, vec![Broken::Stale(7), Broken::Guard(frozen()), Broken::Guard(version())]);
    }

    #[test]
    fn wakes_come_last_and_in_one_order() {
        let wake = |task: &str| Change::Wake { task: TaskId::from(task) };
        let release = Change::ReleaseKeys { owner: TaskId::from("t") };
        let lane = Change::WakeLane { repository: RepositoryId::from("r") };
        let one = ChangeSet { guards: vec![], changes: vec![wake("b"), release.clone(), wake("a"), lane.clone()] };
        let other = ChangeSet { guards: vec![], changes: vec![lane, wake("a"), wake("b"), release] };
        let steps = plan(&one, None).unwrap();
        assert_eq!(steps, plan(&other, None).unwrap());
        assert!(!steps[0].queues && steps[1..].iter().all(|step| step.queues));
    }

    #[test]
    fn a_whole_row_without_its_version_guard_is_refused() {
        let set = ChangeSet {
            guards: vec![frozen()],
            changes: vec![Change::PutRepository {
                repository: orch_rules::lane::Repository {
                    id: RepositoryId::from("r"),
                    prefix: "R".into(),
                    base_branch: "main".into(),
                    serial: false,
                    frozen: None,
                    freeze_epoch: 0,
                    paused: false,
                    main: None,
                    lane_fence: 0,
                    version: 0,
                },
            }],
        };
        assert!(matches!(plan(&set, None), Err(StoreError::Failed { .. })));
    }

    #[test]
    fn an_amount_never_overflows_a_sum() {
        let Value::Int(most) = amount(u64::MAX) else { panic!("an amount is a number") };
        assert!(most.checked_add(1 << 61).is_some());
    }
}
