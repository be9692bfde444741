//! Every guard under two racing transactions.

use std::sync::Arc;

use orch_ports::store::{StoreError, StoreResult};
use orch_rules::attempt::RunEnd;
use orch_rules::change::{Change, ChangeSet, Guard};
use orch_rules::ids::Timestamp;
use orch_rules::lane::{Freeze, Repository};
use orch_rules::outage::{Outage, Source};
use tokio::sync::Barrier;

use crate::harness::{World, on_both};
use crate::rows::*;

on_both!(
    every_guard_sees_what_a_racing_transaction_commits,
    version_lets_exactly_one_of_many_through,
    repository_version_lets_exactly_one_of_many_through,
    fence_lets_exactly_one_end_of_an_attempt_through,
    fence_fails_for_an_older_attempt,
    slot_below_holds_with_many_racers,
    slot_below_and_release_are_idempotent_by_holder,
    unique_key_goes_to_exactly_one_owner,
    unique_key_can_be_given_back_and_is_retaken_by_its_owner,
    reserve_never_overdraws_a_budget,
    reserve_and_settle_are_idempotent_by_holder,
    a_run_is_settled_in_every_budget_that_pays_it,
    write_skew_a_landing_never_commits_after_a_freeze,
    write_skew_two_tasks_never_both_take_the_lane,
    a_task_is_inserted_once,
    outage_version_lets_exactly_one_of_many_through,
    a_failing_guard_writes_nothing_at_all,
    a_whole_row_needs_its_version_guard,
    crosswise_locks_are_resolved,
);

fn reserve(amount_micros: u64, holder: &str) -> Guard {
    Guard::Reserve { budget: "month".into(), ceiling_micros: 100, amount_micros, holder: holder.into() }
}
fn slot(max: u32, holder: &str) -> Guard {
    Guard::SlotBelow { key: "runs".into(), max, holder: holder.into() }
}
fn unique(key: &str, owner: &str) -> Guard {
    Guard::Unique { key: key.into(), owner: owner.into() }
}
fn repository_version(version: i64) -> Guard {
    Guard::RepositoryVersion { repository: "shop".into(), version }
}
fn not_frozen(epoch: i64) -> Guard {
    Guard::NotFrozen { repository: "shop".into(), epoch }
}
fn outage_version(version: i64) -> Guard {
    Guard::OutageVersion { key: "credential:main".into(), version }
}
fn lane_held(fence: i64) -> Guard {
    Guard::LaneHeld { repository: "shop".into(), fence }
}
fn fence(attempt: u32) -> Guard {
    Guard::Fence { task: "a".into(), attempt }
}

/// Lets all change sets go at once; answers how many won, and that every loser lost by a guard of this name.
pub async fn race(world: &World, name: &str, sets: Vec<ChangeSet>) -> usize {
    let start = Arc::new(Barrier::new(sets.len()));
    let racers: Vec<_> = sets
        .into_iter()
        .map(|set| {
            let (store, start) = (Arc::clone(&world.store), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                store.apply(set, None).await
            })
        })
        .collect();
    let mut won = 0;
    for racer in racers {
        match racer.await.unwrap() {
            Ok(_) => won += 1,
            Err(StoreError::Guard(guard)) => assert_eq!(guard.name(), name),
            Err(other) => panic!("{other}"),
        }
    }
    won
}

async fn lines(world: &World) -> i64 {
    world.number("SELECT COUNT(*) FROM audit").await
}

/// Somebody else breaks the guard in a transaction that is still open when the change set is checked, then commits.
/// A check on what was committed before would pass: that is write skew.
async fn every_guard_sees_what_a_racing_transaction_commits(world: World) {
    shop(&*world.store, &["a", "b"]).await;
    let mut second = task("b", 2);
    second.attempt = 1;
    let changes = vec![Change::PutTask { task: second }, Change::PutAttempt { attempt: attempt("b", 1) }];
    world.store.apply(set(vec![version("b", 0)], changes), None).await.unwrap();
    world.store.apply(set(vec![slot(1, "x"), reserve(1, "x"), unique("k0", "a")], vec![]), None).await.unwrap();
    let release = Change::ReleaseSlot { key: "runs".into(), holder: "x".into() };
    write(&*world.store, vec![release]).await.unwrap();
    let table = [
        (version("a", 0), "UPDATE tasks SET version = 1 WHERE id = 'a'"),
        (repository_version(0), "UPDATE repositories SET version = 1 WHERE id = 'shop'"),
        (Guard::Fence { task: "b".into(), attempt: 1 }, "UPDATE attempts SET ended = 'lost' WHERE task = 'b'"),
        (slot(1, "y"), "INSERT INTO slot_holders VALUES ('runs', 'z'); UPDATE slots SET used = 1 WHERE name = 'runs'"),
        (lane_held(0), "UPDATE repositories SET lane_fence = 1 WHERE id = 'shop'"),
        (not_frozen(0), "UPDATE repositories SET frozen = '{}' WHERE id = 'shop'"),
        (outage_version(0), "INSERT INTO outages VALUES ('credential:main', 1, NULL)"),
        (outage_version(1), "UPDATE outages SET version = 2 WHERE name = 'credential:main'"),
        (unique("k1", "a"), "INSERT INTO natural_keys VALUES ('k1', 'b', 1)"),
        (reserve(60, "y"), "UPDATE budgets SET spent = 50 WHERE name = 'month'"),
    ];
    for (guard, breaks) in table {
        let held = world.hold(breaks).await;
        let store = Arc::clone(&world.store);
        let changes = set(vec![guard.clone()], vec![line("must not be written")]);
        let racer = tokio::spawn(async move { store.apply(changes, None).await });
        world.somebody_waits().await;
        held.commit().await;
        match racer.await.unwrap() {
            Err(StoreError::Guard(broken)) => assert_eq!(broken, guard),
            other => panic!("{guard:?}: {other:?}"),
        }
        assert_eq!(lines(&world).await, 0, "{guard:?}");
    }
}

async fn version_lets_exactly_one_of_many_through(world: World) {
    shop(&*world.store, &["a"]).await;
    for round in 0..5 {
        let sets = (0..8).map(|racer| {
            let mut row = task("a", 1);
            row.rule = format!("racer {racer}");
            set(vec![version("a", round)], vec![Change::PutTask { task: row }, line(&format!("racer {racer}"))])
        });
        assert_eq!(race(&world, "version", sets.collect()).await, 1);
    }
    assert_eq!(lines(&world).await, 5, "losers wrote nothing");
    assert_eq!(world.store.task(&"a".into()).await.unwrap().unwrap().version, 5);
}

async fn repository_version_lets_exactly_one_of_many_through(world: World) {
    shop(&*world.store, &[]).await;
    let sets = (0..8).map(|racer| {
        let row = Repository { lane_fence: racer + 1, ..repository("shop") };
        set(vec![repository_version(0)], vec![Change::PutRepository { repository: row }, line("moved")])
    });
    assert_eq!(race(&world, "repository_version", sets.collect()).await, 1);
    let row = world.store.repositories().await.unwrap().remove(0);
    assert_eq!((row.version, lines(&world).await), (1, 1));
    assert!(row.lane_fence > 0);
}

async fn with_attempt(world: &World, number: u32) {
    let now = world.store.task(&"a".into()).await.unwrap().unwrap();
    let row = orch_rules::task::Task { attempt: number, ..now.clone() };
    let changes = vec![Change::PutTask { task: row }, Change::PutAttempt { attempt: attempt("a", number) }];
    world.store.apply(set(vec![version("a", now.version)], changes), None).await.unwrap();
}

async fn fence_lets_exactly_one_end_of_an_attempt_through(world: World) {
    shop(&*world.store, &["a"]).await;
    with_attempt(&world, 1).await;
    let ends = (0..8).map(|_| {
        let end = Change::PutAttempt { attempt: ended("a", 1, RunEnd::Completed) };
        set(vec![fence(1)], vec![end, line("ended")])
    });
    assert_eq!(race(&world, "fence", ends.collect()).await, 1);
    assert_eq!(lines(&world).await, 1);
}

async fn fence_fails_for_an_older_attempt(world: World) {
    shop(&*world.store, &["a"]).await;
    assert_eq!(race(&world, "fence", vec![set(vec![fence(1)], vec![])]).await, 0, "there is no attempt");
    with_attempt(&world, 1).await;
    assert_eq!(race(&world, "fence", vec![set(vec![fence(1)], vec![])]).await, 1);
    with_attempt(&world, 2).await;
    assert_eq!(race(&world, "fence", vec![set(vec![fence(1)], vec![])]).await, 0, "a newer one is there");
    assert_eq!(race(&world, "fence", vec![set(vec![fence(2)], vec![])]).await, 1);
}

async fn slot_below_holds_with_many_racers(world: World) {
    shop(&*world.store, &[]).await;
    for round in 0..4 {
        let takers = (0..12).map(|racer| set(vec![slot(3, &format!("h{racer}"))], vec![line("took")]));
        assert_eq!(race(&world, "slot_below", takers.collect()).await, 3);
        assert_eq!(world.store.queue().await.unwrap().slots, vec![("runs".to_owned(), 3)]);
        assert_eq!(lines(&world).await, 3 * (round + 1));
        assert_eq!((world.store.used("runs").await.unwrap(), world.store.used("none").await.unwrap()), (3, 0));
        // Givers and takers at once: the count must stay the number of holders.
        let givers = (0..12).map(|racer| {
            let holder = format!("h{racer}");
            set(vec![], vec![Change::ReleaseSlot { key: "runs".into(), holder }])
        });
        assert_eq!(race(&world, "", givers.collect()).await, 12);
        assert_eq!(world.store.queue().await.unwrap().slots, vec![("runs".to_owned(), 0)]);
    }
    let mixed = (0..12).map(|racer| {
        let holder = format!("m{racer}");
        set(vec![slot(50, &holder)], vec![Change::ReleaseSlot { key: "runs".into(), holder }])
    });
    assert_eq!(race(&world, "slot_below", mixed.collect()).await, 12);
    assert_eq!(world.store.queue().await.unwrap().slots, vec![("runs".to_owned(), 0)]);
}

async fn slot_below_and_release_are_idempotent_by_holder(world: World) {
    let take = |holder: &str| set(vec![slot(1, holder)], vec![]);
    let give = |holder: &str| vec![Change::ReleaseSlot { key: "runs".into(), holder: holder.into() }];
    world.store.apply(take("x"), None).await.unwrap();
    world.store.apply(take("x"), None).await.unwrap();
    assert_eq!(race(&world, "slot_below", vec![take("y")]).await, 0);
    write(&*world.store, give("y")).await.unwrap();
    assert_eq!(race(&world, "slot_below", vec![take("y")]).await, 0, "y gave back what it did not hold");
    write(&*world.store, give("x")).await.unwrap();
    write(&*world.store, give("x")).await.unwrap();
    world.store.apply(take("y"), None).await.unwrap();
    assert_eq!(race(&world, "slot_below", vec![take("x")]).await, 0, "giving back twice gave back two");
}

async fn unique_key_goes_to_exactly_one_owner(world: World) {
    shop(&*world.store, &[]).await;
    let owners = (0..8).map(|racer| set(vec![unique("branch:shop:b", &format!("t{racer}"))], vec![line("took")]));
    assert_eq!(race(&world, "unique", owners.collect()).await, 1);
    assert_eq!(lines(&world).await, 1);
    assert!(world.store.key_owner("branch:shop:b").await.unwrap().is_some());
    assert_eq!(world.store.key_owner("other").await.unwrap(), None);
}

async fn unique_key_can_be_given_back_and_is_retaken_by_its_owner(world: World) {
    let take = |owner: &str| set(vec![unique("k", owner)], vec![]);
    world.store.apply(take("a"), None).await.unwrap();
    world.store.apply(take("a"), None).await.unwrap();
    assert_eq!(race(&world, "unique", vec![take("b")]).await, 0);
    write(&*world.store, vec![Change::ReleaseKeys { owner: "b".into() }]).await.unwrap();
    assert_eq!(world.store.key_owner("k").await.unwrap(), Some("a".into()));
    write(&*world.store, vec![Change::ReleaseKeys { owner: "a".into() }]).await.unwrap();
    assert_eq!(world.store.key_owner("k").await.unwrap(), None);
    world.store.apply(take("b"), None).await.unwrap();
    write(&*world.store, vec![Change::ReleaseKeys { owner: "b".into() }]).await.unwrap();
    world.store.apply(take("a"), None).await.unwrap();
    assert_eq!(world.store.key_owner("k").await.unwrap(), Some("a".into()));
    let kept = world.number("SELECT COUNT(*) FROM natural_keys WHERE owner = 'a' AND held = 0").await;
    assert_eq!(kept, 1, "a key that was given back stays readable");
}

async fn reserve_never_overdraws_a_budget(world: World) {
    shop(&*world.store, &[]).await;
    let one = vec![set(vec![reserve(101, "x")], vec![])];
    assert_eq!(race(&world, "reserve", one).await, 0);
    assert_eq!(world.store.budget("month").await, None, "a guard that fails makes no row");
    let takers = (0..8).map(|racer| set(vec![reserve(30, &format!("h{racer}"))], vec![line("took")]));
    assert_eq!(race(&world, "reserve", takers.collect()).await, 3);
    assert_eq!(world.store.budget("month").await, Some((100, 0, 90)));
    assert_eq!(lines(&world).await, 3);
    assert_eq!(race(&world, "reserve", vec![set(vec![reserve(u64::MAX, "z")], vec![])]).await, 0);
}

async fn reserve_and_settle_are_idempotent_by_holder(world: World) {
    let settle = |spent_micros| vec![Change::Settle { holder: "x".into(), spent_micros: Some(spent_micros) }];
    for _ in 0..2 {
        world.store.apply(set(vec![reserve(80, "x")], vec![]), None).await.unwrap();
        assert_eq!(world.store.budget("month").await, Some((100, 0, 80)));
    }
    for _ in 0..2 {
        write(&*world.store, settle(70)).await.unwrap();
        assert_eq!(world.store.budget("month").await, Some((100, 70, 0)));
    }
    assert_eq!(race(&world, "reserve", vec![set(vec![reserve(31, "y")], vec![])]).await, 0);
    world.store.apply(set(vec![reserve(30, "y")], vec![]), None).await.unwrap();
}

/// A run is paid from several budgets: all of them set aside, or none; all of them settled.
async fn a_run_is_settled_in_every_budget_that_pays_it(world: World) {
    let of = |name: &str, ceiling_micros| Guard::Reserve {
        budget: name.into(),
        ceiling_micros,
        amount_micros: 60,
        holder: "x".into(),
    };
    let both = |ceiling| vec![set(vec![of("task", 100), of("day", ceiling)], vec![])];
    assert_eq!(race(&world, "reserve", both(59)).await, 0);
    assert_eq!(world.store.budget("task").await, None, "none was set aside in the other one");
    assert_eq!(race(&world, "reserve", both(70)).await, 1);
    for _ in 0..2 {
        // Unknown is never zero: what was set aside counts.
        write(&*world.store, vec![Change::Settle { holder: "x".into(), spent_micros: None }]).await.unwrap();
        assert_eq!(world.store.budget("task").await, Some((100, 60, 0)));
        assert_eq!(world.store.budget("day").await, Some((70, 60, 0)));
    }
    let again = || vec![set(vec![of("day", 70)], vec![])];
    assert_eq!(race(&world, "reserve", again()).await, 0);
    assert_eq!(world.store.queue().await.unwrap().budgets, [], "nothing is set aside and nobody waits");
    let raise = |by_micros| vec![Change::RaiseBudget { budget: "day".into(), by_micros }];
    write(&*world.store, raise(49)).await.unwrap();
    assert_eq!(race(&world, "reserve", again()).await, 0);
    write(&*world.store, raise(1)).await.unwrap();
    assert_eq!(race(&world, "reserve", again()).await, 1, "what people add is kept apart from the settings");
    let shown = world.store.queue().await.unwrap().budgets;
    assert_eq!(shown.len(), 1);
    assert_eq!((shown[0].key.as_str(), shown[0].most, shown[0].spent, shown[0].reserved), ("day", 120, 60, 60));
    for _ in 0..9 {
        write(&*world.store, raise(u64::MAX)).await.unwrap();
    }
    write(&*world.store, raise(1)).await.unwrap();
}

/// Each looks at what the other writes: the landing at the freeze, the freeze at the landings so far. Whichever commits
/// second must have seen the first.
async fn write_skew_a_landing_never_commits_after_a_freeze(world: World) {
    shop(&*world.store, &[]).await;
    for _ in 0..10 {
        let now = world.store.repositories().await.unwrap().remove(0);
        let frozen = Repository {
            frozen: Some(Freeze {
                reason: "test".into(),
                by: "ann".into(),
                at: Timestamp(1),
                cause: None,
                fixes: Vec::new(),
                mended: None,
            }),
            freeze_epoch: now.freeze_epoch + 1,
            ..now.clone()
        };
        let freeze = set(
            vec![repository_version(now.version)],
            vec![Change::PutRepository { repository: frozen.clone() }, line("frozen")],
        );
        let land = set(vec![not_frozen(now.freeze_epoch)], vec![line("landed")]);
        let before = lines(&world).await;
        let won = race(&world, "not_frozen", vec![land.clone(), freeze, land]).await;
        assert!(won >= 1, "the freeze always passes");
        assert_eq!(lines(&world).await - before, i64::try_from(won).unwrap());
        // From here on nothing of the old epoch may land.
        let late = vec![set(vec![not_frozen(now.freeze_epoch)], vec![line("landed")])];
        assert_eq!(race(&world, "not_frozen", late).await, 0);
        let thawed = Repository { frozen: None, freeze_epoch: frozen.freeze_epoch + 1, ..frozen };
        let thaw = set(vec![repository_version(now.version + 1)], vec![Change::PutRepository { repository: thawed }]);
        world.store.apply(thaw, None).await.unwrap();
        let old = vec![set(vec![not_frozen(now.freeze_epoch)], vec![])];
        assert_eq!(race(&world, "not_frozen", old).await, 0, "an unfreeze does not bring the old epoch back");
    }
}

/// Two tasks each see a lane that nobody holds and write different rows: without a guard on the lane both would pass.
async fn write_skew_two_tasks_never_both_take_the_lane(world: World) {
    shop(&*world.store, &["a", "b"]).await;
    for round in 0..10 {
        let start = Arc::new(Barrier::new(2));
        let racers = ["a", "b"].map(|id| {
            let taken = Repository { lane_fence: round + 1, ..repository("shop") };
            let guards = vec![lane_held(round), repository_version(round)];
            let changes = set(guards, vec![Change::PutRepository { repository: taken }, line(id)]);
            let (store, start) = (Arc::clone(&world.store), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                store.apply(changes, None).await
            })
        });
        let mut won = 0;
        for racer in racers {
            let answer: StoreResult<_> = racer.await.unwrap();
            won += usize::from(answer.is_ok());
            assert!(matches!(answer, Ok(_) | Err(StoreError::Guard(_))), "{answer:?}");
        }
        assert_eq!(won, 1);
        assert_eq!(lines(&world).await, round + 1);
    }
}

async fn a_task_is_inserted_once(world: World) {
    shop(&*world.store, &[]).await;
    let sets = (0..6).map(|_| set(vec![], vec![Change::InsertTask { task: task("a", 1) }, line("made")]));
    assert_eq!(race(&world, "unique", sets.collect()).await, 1);
    assert_eq!(lines(&world).await, 1);
}

async fn outage_version_lets_exactly_one_of_many_through(world: World) {
    shop(&*world.store, &["a"]).await;
    for round in 0..4 {
        let sets = (0..8).map(|racer| {
            let reason = format!("racer {racer}");
            let row = Outage { reason, failures: 1, ..Outage::none(Source::Credential { name: "main".into() }) };
            set(vec![outage_version(round)], vec![Change::PutOutage { outage: row }, line("out")])
        });
        assert_eq!(race(&world, "outage_version", sets.collect()).await, 1);
        assert_eq!(lines(&world).await, round + 1, "losers wrote nothing");
        let known = world.store.queue().await.unwrap().outages;
        assert_eq!((known.len(), known[0].version), (1, round + 1));
        let (facts, _) = world.store.task_facts(&"a".into(), &Default::default()).await.unwrap();
        assert_eq!(facts.outages, known, "a decision sees what people see");
    }
    let row = Change::PutOutage { outage: Outage::none(Source::Credential { name: "main".into() }) };
    let unguarded = world.store.apply(set(vec![], vec![row]), None).await;
    assert!(matches!(unguarded, Err(StoreError::Failed { detail }) if detail.contains("credential:main")));
}

async fn a_failing_guard_writes_nothing_at_all(world: World) {
    shop(&*world.store, &["a"]).await;
    // Everything that a guard or change can write stands beside one guard that fails.
    let guards = vec![version("a", 0), slot(5, "x"), unique("k", "a"), reserve(1, "x"), repository_version(9)];
    let changes = vec![line("x"), wake("a"), publish("a", "b"), Change::PutAttempt { attempt: attempt("a", 1) }];
    write(&*world.store, vec![wake("a")]).await.unwrap();
    let work = claim(&*world.store, 1).await.remove(0);
    let answer = world.store.apply(set(guards, changes), done(&work)).await;
    assert!(matches!(answer, Err(StoreError::Guard(Guard::RepositoryVersion { .. }))), "{answer:?}");
    assert_eq!(lines(&world).await, 0);
    assert_eq!(world.store.task(&"a".into()).await.unwrap().unwrap().version, 0);
    assert_eq!(world.store.queue().await.unwrap().slots, vec![]);
    assert_eq!(world.store.key_owner("k").await.unwrap(), None);
    assert_eq!(world.store.budget("month").await, None);
    assert_eq!(world.number("SELECT COUNT(*) FROM attempts").await, 0);
    assert_eq!(world.number("SELECT COUNT(*) FROM work").await, 1);
    // The row is still ours and can be finished.
    world.store.apply(set(vec![], vec![]), done(&work)).await.unwrap();
}

async fn a_whole_row_needs_its_version_guard(world: World) {
    shop(&*world.store, &["a", "b"]).await;
    let other = set(vec![version("b", 0)], vec![Change::PutTask { task: task("a", 1) }]);
    let answer = world.store.apply(other, None).await;
    assert!(matches!(answer, Err(StoreError::Failed { .. })), "{answer:?}");
    assert_eq!(world.store.task(&"b".into()).await.unwrap().unwrap().version, 0);
}

/// Change sets that lock the same rows in opposite orders, over and over: all end, none by accident.
async fn crosswise_locks_are_resolved(world: World) {
    shop(&*world.store, &["a", "b"]).await;
    let both = [
        vec![wake("a"), wake("b"), Change::ReleaseSlot { key: "runs".into(), holder: "x".into() }],
        vec![Change::ReleaseSlot { key: "runs".into(), holder: "x".into() }, wake("b"), wake("a")],
    ];
    for _ in 0..10 {
        let sets = (0..8).map(|racer| set(vec![], both[racer % 2].clone()));
        assert_eq!(race(&world, "", sets.collect()).await, 8);
    }
    assert_eq!(world.number("SELECT COUNT(*) FROM work").await, 2);
}

/// The server ends one of two transactions that wait for each other; if it is the store's, the store tries again and
/// its caller never hears of it.
#[test]
fn postgres_deadlock_is_tried_again() {
    crate::harness::run("deadlock", crate::harness::On::Postgres, |world: World| async move {
        shop(&*world.store, &["a", "b"]).await;
        let mut passed = 0;
        for _ in 0..5 {
            let other = crate::harness::postgres(&world.at).await;
            other.batch_execute("BEGIN; UPDATE tasks SET priority = priority WHERE id = 'b'").await.unwrap();
            let store = Arc::clone(&world.store);
            let racer = tokio::spawn(async move {
                let guards = vec![version("a", passed), version("b", passed)];
                store.apply(set(guards, vec![line("passed")]), None).await
            });
            world.somebody_waits().await;
            let other_won = other.batch_execute("UPDATE tasks SET priority = priority WHERE id = 'a'").await.is_ok();
            other.batch_execute("COMMIT").await.unwrap();
            racer.await.unwrap().unwrap();
            passed += 1;
            assert_eq!(lines(&world).await, passed);
            if other_won {
                return;
            }
        }
        panic!("the server never chose the store's transaction");
    });
}
