//! The net under lost wakes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::world::{World, eventually};

/// The change set that loses its wakes: 1 is the new issue's, 2 the lane's that lets it in. False if nobody missed them: the
/// issue's own wake may be handled after the lane's, and stands in for it then.
async fn one_lost(which: i32) -> bool {
    let mut world = World::new().await;
    world.limits.sweep_every = Duration::from_millis(50);
    let process = world.start("p1");
    process.swept().await;
    process.store.lose_wakes.store(which, Ordering::SeqCst);
    let task = process.issue("Add up").await;
    world.until_done(&task).await;
    world.settled(&[&task]).await;
    let audit = world.history(&task).await.audit;
    let audit: Vec<_> = audit.into_iter().map(|line| (line.rule, line.text.to_string())).collect();
    let told = audit.iter().filter(|(rule, _)| rule == "sweep").count();
    let before = process.control.reconciler();
    if which == 2 && before.unblocked_total == 0 {
        assert_eq!(told, 0, "{audit:?}");
        return false;
    }
    // Either the task or the lane is found stuck by a new issue's lost wakes.
    assert!(told == 1 || (which == 1 && told == 0), "{audit:?}");
    assert_eq!((before.unblocked_total, before.every), (1, Duration::from_millis(50)), "{audit:?}");
    eventually("it sweeps on", async || (process.control.reconciler().last > before.last).then_some(())).await;
    assert_eq!(process.control.reconciler().unblocked_total, 1);
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_wake_is_found_counted_and_told_once() {
    assert!(one_lost(1).await);
    let mut missed = false;
    for _ in 0..50 {
        missed = missed || one_lost(2).await;
    }
    assert!(missed, "the lane's wakes were lost fifty times, and nobody ever missed them");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_that_breaks_down_is_followed_by_the_next() {
    use orch_testkit::fake::Fault;
    let mut world = World::new().await;
    world.limits.sweep_every = Duration::from_millis(20);
    let process = world.start("p1");
    process.store.faults.fail_next("active_tasks", Fault::Passing("away".to_owned()));
    process.store.faults.fail_next("active_tasks", Fault::Panic("divides by zero".to_owned()));
    tokio::task::block_in_place(|| process.store.faults.until_called("active_tasks", 4));
    assert!(!process.loops.is_finished());
}
