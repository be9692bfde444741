//! The inbox and the work table.

use std::collections::BTreeMap;
use std::sync::Arc;

use orch_ports::hosts::Joining;
use orch_ports::store::{Claim, Delivery, Finish, Finished, InboxAnswer, Job, StoreError};
use orch_rules::change::Change;
use orch_rules::effect::Effect;
use orch_rules::event::{Event, LaneEvent, TaskEvent};
use orch_rules::ids::Timestamp;
use orch_rules::task::Wait;
use tokio::sync::Barrier;

use crate::harness::{World, on_both};
use crate::rows::*;

on_both!(
    a_delivery_is_accepted_once_however_often_it_comes,
    a_duplicate_of_a_handled_delivery_hears_the_answer,
    deliveries_of_one_task_are_handled_in_their_order,
    claim_takes_the_most_urgent_first_and_passes_over_kinds,
    claim_leaves_what_is_not_due,
    an_ordering_key_runs_one_row_at_a_time_in_order,
    a_row_that_waits_for_its_retry_keeps_its_place,
    a_failed_row_does_not_block_its_key,
    racing_claims_never_run_two_rows_of_one_key,
    a_stale_finish_changes_nothing,
    reclaim_queues_what_others_left_running,
    waking_twice_is_one_row_and_waking_a_running_one_another,
    a_retried_wake_merges_with_its_queued_twin,
    a_wake_is_never_lost_between_claims,
    wakes_reach_dependents_waiters_lanes_and_repositories,
    a_finish_tells_that_a_blocked_row_may_run,
    a_stop_cancels_queued_effects_only,
    the_queue_shows_what_is_not_done,
);

pub fn delivery(key: &str, event: TaskEvent) -> Delivery {
    Delivery { source: "cli".into(), key: key.into(), by: "ann".into(), event: Event::Task { task: "a".into(), event } }
}

pub fn branches(work: &[orch_ports::store::Work]) -> Vec<String> {
    work.iter()
        .map(|row| match &row.job {
            Job::Perform { effect: Effect::PublishBranch { task, branch, .. } } => format!("{task}/{branch}"),
            other => other.kind().to_owned(),
        })
        .collect()
}

async fn a_delivery_is_accepted_once_however_often_it_comes(world: World) {
    shop(&*world.store, &["a"]).await;
    let start = Arc::new(Barrier::new(8));
    let senders: Vec<_> = (0..8)
        .map(|_| {
            let (store, start) = (Arc::clone(&world.store), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                store.accept(delivery("k", TaskEvent::StartRequested { authors: Vec::new() })).await.unwrap()
            })
        })
        .collect();
    let mut answers = Vec::new();
    for sender in senders {
        answers.push(sender.await.unwrap());
    }
    assert_eq!(answers.iter().filter(|answer| !answer.duplicate).count(), 1);
    assert!(answers.iter().all(|answer| answer.inbox == answers[0].inbox && answer.answer.is_none()));
    assert_eq!(world.number("SELECT COUNT(*) FROM work").await, 1);
    let elsewhere =
        Delivery { source: "api".into(), ..delivery("k", TaskEvent::StartRequested { authors: Vec::new() }) };
    assert!(!world.store.accept(elsewhere).await.unwrap().duplicate, "keys are per source");
}

async fn a_duplicate_of_a_handled_delivery_hears_the_answer(world: World) {
    shop(&*world.store, &["a"]).await;
    let first = world.store.accept(delivery("k", TaskEvent::StartRequested { authors: Vec::new() })).await.unwrap();
    let work = claim(&*world.store, 9).await.remove(0);
    assert_eq!(
        work.job,
        Job::Inbox {
            inbox: first.inbox,
            by: "ann".into(),
            event: Event::Task { task: "a".into(), event: TaskEvent::StartRequested { authors: Vec::new() } }
        }
    );
    assert_eq!(work.attempt, 1);
    let answer = InboxAnswer::Refused { why: "it runs already".into() };
    let finish = how(&work, Finished::Done { answer: Some(answer.clone()) });
    world.store.apply(set(vec![], vec![]), finish).await.unwrap();
    let again = world.store.accept(delivery("k", TaskEvent::StartRequested { authors: Vec::new() })).await.unwrap();
    assert_eq!((again.inbox, again.duplicate, again.answer), (first.inbox, true, Some(answer)));
    assert!(claim(&*world.store, 9).await.is_empty(), "a duplicate queues nothing");
}

async fn deliveries_of_one_task_are_handled_in_their_order(world: World) {
    shop(&*world.store, &["a"]).await;
    let mut order = Vec::new();
    for key in 0..3 {
        let event = TaskEvent::PrioritySet { priority: key };
        order.push(world.store.accept(delivery(&key.to_string(), event)).await.unwrap().inbox);
    }
    let freeze = LaneEvent::FreezeRequested { reason: "x".into(), cause: None, fixes: Vec::new() };
    let event = Event::Lane { repository: "shop".into(), event: freeze.clone() };
    world.store.accept(Delivery { event, ..delivery("lane", TaskEvent::Looked) }).await.unwrap();
    let mut handled = Vec::new();
    let mut lanes = 0;
    loop {
        let work = claim(&*world.store, 9).await;
        if work.is_empty() {
            break;
        }
        for row in work {
            match &row.job {
                Job::Inbox { event: Event::Lane { event, .. }, .. } => {
                    assert_eq!(*event, freeze);
                    lanes += 1;
                }
                Job::Inbox { inbox, .. } => handled.push(*inbox),
                other => panic!("{other:?}"),
            }
            world.store.apply(set(vec![], vec![]), done(&row)).await.unwrap();
        }
    }
    assert_eq!((handled, lanes), (order, 1));
}

async fn claim_takes_the_most_urgent_first_and_passes_over_kinds(world: World) {
    shop(&*world.store, &["a"]).await;
    let mut urgent = task("u", 9);
    urgent.priority = 5;
    let stop = Change::Perform { effect: Effect::StopRun { task: "a".into(), attempt: 1 }, due: Timestamp(0) };
    let changes = vec![
        Change::InsertTask { task: urgent },
        run_agent("a", 1),
        publish("a", "b1"),
        publish("u", "b2"),
        wake("a"),
        wake("u"),
        stop,
    ];
    write(&*world.store, changes).await.unwrap();
    let wanted = || kinds().into_iter().filter(|kind| *kind != "run_agent").collect();
    let ask = |limit, kinds| Claim { owner: "me".into(), incarnation: i64::MAX, limit, kinds };
    let first = world.store.claim(ask(4, wanted())).await.unwrap();
    assert_eq!(branches(&first), ["decide_task", "stop_run", "decide_task", "u/b2"]);
    assert_eq!(first[0].job, Job::DecideTask { task: "u".into() });
    assert_eq!(branches(&world.store.claim(ask(9, wanted())).await.unwrap()), ["a/b1"]);
    assert_eq!(branches(&world.store.claim(ask(9, kinds())).await.unwrap()), ["run_agent"]);
}

async fn claim_leaves_what_is_not_due(world: World) {
    shop(&*world.store, &["a"]).await;
    assert_eq!(world.store.next_due(&kinds(), "me").await.unwrap(), None);
    let now = world.store.now().await.unwrap();
    let due = now.plus_ms(3_600_000);
    let later = Change::Perform { effect: Effect::RunAgent { task: "a".into(), attempt: 1 }, due };
    let applied = world.store.apply(set(vec![], vec![later]), None).await.unwrap();
    assert!(applied.queued, "somebody must set a timer");
    assert!(claim(&*world.store, 9).await.is_empty());
    assert_eq!(world.store.next_due(&kinds(), "me").await.unwrap(), Some(due));
    world.raw("UPDATE work SET due = 5").await;
    assert_eq!(world.store.next_due(&kinds(), "me").await.unwrap(), Some(Timestamp(5)));
    assert_eq!(claim(&*world.store, 9).await.len(), 1);
    assert_eq!(world.store.next_due(&kinds(), "me").await.unwrap(), None);
    assert!(world.store.now().await.unwrap() >= now);
}

async fn an_ordering_key_runs_one_row_at_a_time_in_order(world: World) {
    shop(&*world.store, &["a"]).await;
    let stop = Change::Perform {
        effect: Effect::CleanUp { task: "a".into(), branch: "x".into(), head: None, archive: true },
        due: Timestamp(0),
    };
    write(&*world.store, vec![publish("a", "x"), publish("a", "y"), stop]).await.unwrap();
    let first = claim(&*world.store, 9).await;
    assert_eq!(branches(&first), ["a/x", "a/y"]);
    assert!(claim(&*world.store, 9).await.is_empty(), "the clean-up waits for the publishing of its branch");
    assert_eq!(world.store.next_due(&kinds(), "me").await.unwrap(), None, "a blocked row sets no timer");
    world.store.apply(set(vec![], vec![]), done(&first[0])).await.unwrap();
    assert_eq!(branches(&claim(&*world.store, 9).await), ["clean_up"]);
}

async fn a_row_that_waits_for_its_retry_keeps_its_place(world: World) {
    shop(&*world.store, &["a"]).await;
    write(&*world.store, vec![publish("a", "x"), publish("a", "x")]).await.unwrap();
    let first = claim(&*world.store, 1).await.remove(0);
    let due = world.store.now().await.unwrap().plus_ms(3_600_000);
    let again = Finished::Again { due, error: "busy".into() };
    world.store.apply(set(vec![], vec![]), how(&first, again)).await.unwrap();
    assert!(claim(&*world.store, 9).await.is_empty(), "the second must not overtake");
    assert_eq!(world.store.next_due(&kinds(), "me").await.unwrap(), Some(due));
    let row = world.store.history(&"a".into()).await.unwrap().work.remove(0);
    assert_eq!((row.attempt, row.error.as_deref(), row.due, row.state.as_str()), (1, Some("busy"), due, "queued"));
    world.raw("UPDATE work SET due = 0").await;
    let second = claim(&*world.store, 9).await.remove(0);
    assert_eq!((second.id, second.attempt), (first.id, 2));
    assert!(second.fence > first.fence);
}

async fn a_failed_row_does_not_block_its_key(world: World) {
    shop(&*world.store, &["a"]).await;
    write(&*world.store, vec![publish("a", "x"), publish("a", "x")]).await.unwrap();
    let first = claim(&*world.store, 9).await.remove(0);
    let failed = Finished::Failed { error: "no such remote".into() };
    let applied = world.store.apply(set(vec![], vec![]), how(&first, failed)).await.unwrap();
    assert!(applied.queued, "the next one may run");
    let second = claim(&*world.store, 9).await;
    assert_eq!(second.len(), 1);
    assert_ne!(second[0].id, first.id);
    let rows = world.store.queue().await.unwrap().rows;
    assert_eq!(rows[0].error.as_deref(), Some("no such remote"));
}

async fn racing_claims_never_run_two_rows_of_one_key(world: World) {
    shop(&*world.store, &["a"]).await;
    let rows = (0..60).map(|n| publish("a", &format!("key{}", n % 5)));
    write(&*world.store, rows.collect()).await.unwrap();
    let running: Arc<std::sync::Mutex<BTreeMap<String, i64>>> = Arc::default();
    let workers: Vec<_> = (0..6)
        .map(|n| {
            let (store, running) = (Arc::clone(&world.store), Arc::clone(&running));
            tokio::spawn(async move {
                let mut order: Vec<(String, i64)> = Vec::new();
                loop {
                    let work = claim_as(&**store, &format!("w{n}"), 2).await;
                    if work.is_empty() && store.queue().await.unwrap().counts.is_empty() {
                        return order;
                    }
                    for row in &work {
                        let key = branches(std::slice::from_ref(row)).remove(0);
                        let other = running.lock().unwrap().insert(key.clone(), row.id);
                        assert_eq!(other, None, "two rows of {key} run at once");
                        order.push((key, row.id));
                    }
                    for row in &work {
                        tokio::task::yield_now().await;
                        running.lock().unwrap().remove(&branches(std::slice::from_ref(row))[0]);
                        store.apply(set(vec![], vec![]), done(row)).await.unwrap();
                    }
                }
            })
        })
        .collect();
    let mut done = 0;
    for worker in workers {
        let order = worker.await.unwrap();
        done += order.len();
        let mut last: BTreeMap<&str, i64> = BTreeMap::new();
        for (key, id) in &order {
            assert!(last.insert(key, *id).is_none_or(|before| before < *id), "{key} out of order");
        }
    }
    assert_eq!(done, 60, "each row ran once");
}

async fn a_stale_finish_changes_nothing(world: World) {
    shop(&*world.store, &["a"]).await;
    write(&*world.store, vec![publish("a", "x")]).await.unwrap();
    let old = claim_as(&*world.store, "dead", 1).await.remove(0);
    assert_eq!(world.store.reclaim("me").await.unwrap(), 1);
    for finish in [done(&old), how(&old, Finished::Failed { error: "x".into() })] {
        let answer = world.store.apply(set(vec![], vec![line("x")]), finish).await;
        assert!(matches!(answer, Err(StoreError::Stale { work }) if work == old.id), "{answer:?}");
    }
    let new = claim(&*world.store, 1).await.remove(0);
    assert_eq!((new.id, new.attempt), (old.id, 2));
    for finish in [done(&old), how(&old, Finished::Failed { error: "x".into() })] {
        let answer = world.store.apply(set(vec![], vec![line("x")]), finish).await;
        assert!(matches!(answer, Err(StoreError::Stale { .. })), "it runs again, but not for the old one: {answer:?}");
    }
    let again = how(&old, Finished::Again { due: Timestamp(0), error: "x".into() });
    let answer = world.store.apply(set(vec![version("a", 99)], vec![line("x")]), again).await;
    assert!(matches!(answer, Err(StoreError::Stale { .. })), "stale comes before any guard: {answer:?}");
    assert_eq!(world.number("SELECT COUNT(*) FROM audit").await, 0);
    world.store.apply(set(vec![], vec![]), done(&new)).await.unwrap();
    let answer = world.store.apply(set(vec![], vec![]), done(&new)).await;
    assert!(matches!(answer, Err(StoreError::Stale { .. })), "a row ends once: {answer:?}");
    let nobody = Some(Finish { work: 4711, fence: 1, how: Finished::Done { answer: None } });
    assert!(matches!(world.store.apply(set(vec![], vec![]), nobody).await, Err(StoreError::Stale { .. })));
}

async fn reclaim_queues_what_others_left_running(world: World) {
    shop(&*world.store, &["a", "b"]).await;
    write(&*world.store, vec![publish("a", "x"), publish("a", "y"), wake("a"), wake("b")]).await.unwrap();
    let dead = claim_as(&*world.store, "dead", 3).await;
    assert_eq!(branches(&dead), ["decide_task", "decide_task", "a/x"]);
    let mine = claim(&*world.store, 9).await;
    assert_eq!(mine.len(), 1);
    // One of the dead one's wakes has a queued twin by now.
    write(&*world.store, vec![wake("a")]).await.unwrap();
    let me = Joining {
        host: "me".into(),
        name: "here".into(),
        release: "1".into(),
        kinds: kinds(),
        max_runs: 1,
        lease_ms: Some(60_000),
    };
    world.hosts.join(&me).await.unwrap();
    assert_eq!(world.store.reclaim("next").await.unwrap(), 3, "a host's own rows are left to it");
    assert_eq!(world.store.reclaim("next").await.unwrap(), 0);
    assert_eq!(branches(&claim(&*world.store, 9).await), ["decide_task", "decide_task", "a/x"]);
    assert!(claim(&*world.store, 9).await.is_empty(), "the twin decides once");
}

async fn waking_twice_is_one_row_and_waking_a_running_one_another(world: World) {
    shop(&*world.store, &["a"]).await;
    write(&*world.store, vec![wake("a"), wake("a")]).await.unwrap();
    write(&*world.store, vec![wake("a")]).await.unwrap();
    let work = claim(&*world.store, 9).await;
    assert_eq!(work.len(), 1);
    let lane = Change::WakeLane { repository: "shop".into() };
    let applied = world.store.apply(set(vec![], vec![wake("a"), lane.clone(), lane]), None).await.unwrap();
    assert!(applied.queued);
    let second = claim(&*world.store, 9).await;
    assert_eq!(branches(&second), ["decide_lane"], "the task is being decided; its next decision waits");
    world.store.apply(set(vec![], vec![]), done(&work[0])).await.unwrap();
    assert_eq!(branches(&claim(&*world.store, 9).await), ["decide_task"]);
    // A wake for nobody is nothing.
    assert!(!world.store.apply(set(vec![], vec![wake("nobody")]), None).await.unwrap().queued);
}

async fn a_retried_wake_merges_with_its_queued_twin(world: World) {
    shop(&*world.store, &["a"]).await;
    write(&*world.store, vec![wake("a")]).await.unwrap();
    let work = claim(&*world.store, 1).await.remove(0);
    write(&*world.store, vec![wake("a")]).await.unwrap();
    let due = world.store.now().await.unwrap().plus_ms(3_600_000);
    world.store.apply(set(vec![], vec![]), how(&work, Finished::Again { due, error: "x".into() })).await.unwrap();
    let twin = claim(&*world.store, 9).await;
    assert_eq!(twin.len(), 1, "the twin decides now, not in an hour");
    // A retry without a twin waits; a wake pulls it forward.
    let again = how(&twin[0], Finished::Again { due, error: "x".into() });
    world.store.apply(set(vec![], vec![]), again).await.unwrap();
    assert!(claim(&*world.store, 9).await.is_empty());
    write(&*world.store, vec![wake("a")]).await.unwrap();
    assert_eq!(claim(&*world.store, 9).await.len(), 1);
    assert!(claim(&*world.store, 9).await.is_empty());
}

/// Writers write and wake; a worker claims and reads. After everything is quiet the last read has seen the last write.
async fn a_wake_is_never_lost_between_claims(world: World) {
    shop(&*world.store, &["a"]).await;
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let store = Arc::clone(&world.store);
            tokio::spawn(async move {
                for _ in 0..15 {
                    store.apply(set(vec![], vec![line("x"), wake("a")]), None).await.unwrap();
                }
            })
        })
        .collect();
    let worker = {
        let store = Arc::clone(&world.store);
        tokio::spawn(async move {
            let mut seen = 0;
            while seen < 60 {
                for row in claim(&**store, 1).await {
                    seen = world.number("SELECT COUNT(*) FROM audit").await;
                    store.apply(set(vec![], vec![]), done(&row)).await.unwrap();
                }
            }
        })
    };
    for writer in writers {
        writer.await.unwrap();
    }
    tokio::time::timeout(crate::harness::PATIENCE, worker).await.expect("the last wake was lost").unwrap();
}

async fn wakes_reach_dependents_waiters_lanes_and_repositories(world: World) {
    let store = &*world.store;
    shop(store, &["a", "b", "c", "d"]).await;
    let drain = async || {
        let mut woken = Vec::new();
        for row in claim(store, 99).await {
            match &row.job {
                Job::DecideTask { task } => woken.push(task.0.clone()),
                Job::DecideLane { repository } => woken.push(format!("lane {repository}")),
                other => panic!("{other:?}"),
            }
            store.apply(set(vec![], vec![]), done(&row)).await.unwrap();
        }
        woken
    };
    let edge = |task: &str| Change::AddDependency { task: task.into(), on: "a".into() };
    write(store, vec![edge("b"), edge("c"), edge("c")]).await.unwrap();
    write(store, vec![Change::WakeDependents { on: "a".into() }]).await.unwrap();
    assert_eq!(drain().await, ["b", "c"]);
    write(store, vec![Change::RemoveDependency { task: "c".into(), on: "a".into() }]).await.unwrap();
    write(store, vec![Change::WakeDependents { on: "a".into() }]).await.unwrap();
    assert_eq!(drain().await, ["b"]);

    let waiting = |id: &str, number, priority, started| {
        let mut row = task(id, number);
        row.priority = priority;
        row.started_at = Some(Timestamp(started));
        row.waits =
            vec![Wait::Paused { scope: orch_rules::task::PauseScope::Task }, Wait::Slot { key: "runs".into(), max: 2 }];
        set(vec![version(id, 0)], vec![Change::PutTask { task: row }])
    };
    for changes in [waiting("b", 2, 0, 9), waiting("c", 3, 0, 5), waiting("d", 4, 7, 9)] {
        store.apply(changes, None).await.unwrap();
    }
    write(store, vec![Change::WakeSlotWaiters { key: "other".into() }]).await.unwrap();
    assert!(drain().await.is_empty());
    write(store, vec![Change::WakeSlotWaiters { key: "runs".into() }]).await.unwrap();
    assert_eq!(drain().await, ["d", "c", "b"], "the most urgent first, then who started first");
    // Who no longer waits is not woken.
    let idle = set(vec![version("d", 1)], vec![Change::PutTask { task: task("d", 4) }]);
    store.apply(idle, None).await.unwrap();
    write(store, vec![Change::WakeSlotWaiters { key: "runs".into() }]).await.unwrap();
    assert_eq!(drain().await, ["c", "b"]);

    let mut ended = task("b", 2);
    ended.position = orch_rules::task::Position::Done;
    store.apply(set(vec![version("b", 1)], vec![Change::PutTask { task: ended }]), None).await.unwrap();
    let all = vec![
        Change::WakeRepository { repository: "shop".into() },
        Change::WakeLane { repository: "shop".into() },
        Change::WakeRepository { repository: "other".into() },
        Change::WakeDependents { on: "a".into() },
    ];
    write(store, all).await.unwrap();
    let mut woken = drain().await;
    woken.sort();
    assert_eq!(woken, ["a", "c", "d", "lane shop"], "a terminal task is left alone");
}

async fn a_finish_tells_that_a_blocked_row_may_run(world: World) {
    shop(&*world.store, &["a"]).await;
    write(&*world.store, vec![publish("a", "x"), publish("a", "x"), publish("a", "y")]).await.unwrap();
    let work = claim(&*world.store, 9).await;
    let ends = async |row| world.store.apply(set(vec![], vec![]), done(row)).await.unwrap().queued;
    assert!(ends(&work[0]).await);
    assert!(!ends(&work[1]).await, "nothing waits behind it");
}

async fn a_stop_cancels_queued_effects_only(world: World) {
    shop(&*world.store, &["a", "b"]).await;
    world.store.accept(delivery("k", TaskEvent::StopRequested)).await.unwrap();
    write(&*world.store, vec![publish("a", "x"), publish("a", "x"), publish("b", "x"), wake("a")]).await.unwrap();
    let taken = claim(&*world.store, 2).await;
    assert_eq!(branches(&taken), ["inbox", "a/x"]);
    let clean_up = Change::Perform {
        effect: Effect::CleanUp { task: "a".into(), branch: "z".into(), head: None, archive: true },
        due: Timestamp(0),
    };
    write(&*world.store, vec![Change::CancelQueuedWork { task: "a".into() }, clean_up]).await.unwrap();
    world.store.apply(set(vec![], vec![]), done(&taken[0])).await.unwrap();
    world.store.apply(set(vec![], vec![]), done(&taken[1])).await.unwrap();
    assert_eq!(branches(&claim(&*world.store, 9).await), ["decide_task", "b/x", "clean_up"]);
    let states: Vec<_> =
        world.store.history(&"a".into()).await.unwrap().work.into_iter().map(|row| row.state).collect();
    assert_eq!(states, ["cancelled", "running", "running"]);
}

async fn the_queue_shows_what_is_not_done(world: World) {
    shop(&*world.store, &["a"]).await;
    write(&*world.store, vec![publish("a", "x"), publish("a", "y"), publish("a", "z"), wake("a")]).await.unwrap();
    let work = claim(&*world.store, 3).await;
    world.store.apply(set(vec![], vec![]), done(&work[0])).await.unwrap();
    let failed = Finished::Failed { error: "why \u{0}".into() };
    world.store.apply(set(vec![], vec![]), how(&work[1], failed)).await.unwrap();
    let queue = world.store.queue().await.unwrap();
    let count = |state: &str| ("publish_branch".to_owned(), state.to_owned(), 1);
    assert_eq!(queue.counts, [count("failed"), count("queued"), count("running")]);
    let rows: Vec<_> = queue.rows.iter().map(|row| (row.id, row.state.as_str())).collect();
    assert_eq!(rows, [(work[1].id, "failed"), (work[2].id, "running")]);
    for (kinds, any) in [(&["inbox", "publish_branch"][..], true), (&["publish", "decide_lane"], false), (&[], false)] {
        assert_eq!(world.store.any_work(kinds).await.unwrap(), any, "{kinds:?}");
    }
    assert_eq!(queue.rows[0].error.as_deref(), Some("why \u{fffd}"), "PostgreSQL stores no NUL");
}

/// A row whose number was given out early and committed late stands before one that is just being claimed: seen from
/// both claims, its key is free.
#[test]
fn postgres_claims_one_at_a_time() {
    crate::harness::run("claims", crate::harness::On::Postgres, |world: World| async move {
        shop(&*world.store, &["a"]).await;
        write(&*world.store, vec![publish("a", "x"), publish("a", "x")]).await.unwrap();
        let last = world.number("SELECT MAX(id) FROM work").await;
        // What another process' claim does, with the lock that claims take, before the earlier row was visible to it.
        let held = world
            .hold(&format!(
                "SELECT pg_advisory_xact_lock(7041776); UPDATE work SET state = 'running', owner = 'x' WHERE id = {last}"
            ))
            .await;
        let store = Arc::clone(&world.store);
        let other = tokio::spawn(async move { claim(&**store, 9).await });
        world.somebody_waits().await;
        held.commit().await;
        assert!(other.await.unwrap().is_empty(), "the key is busy");
    });
}
