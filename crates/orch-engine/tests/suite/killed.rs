//! A process that ends anywhere costs time and nothing else (X2, X3).

use orch_ports::runner::{Ordered, RunOrder};
use orch_testkit::fake::{Side, Step};

use crate::world::{World, issue};

/// Ends the process at its first call of `call`, and lets another one finish.
async fn killed_at(room: &str, call: &str, side: Side) {
    let world = World::new().await;
    let first = world.start("p1");
    let faults = match room {
        "store" => &first.store.faults,
        "forge" => &first.forge.faults,
        _ => &first.runner.faults,
    };
    let gate = faults.gate(call, side);
    let control = first.control.clone();
    let filing = tokio::spawn(async move { control.open_issue(issue("Add up", true), "Uma").await.is_ok() });
    tokio::task::block_in_place(|| gate.reached());
    first.kill().await;
    filing.abort();
    let second = world.start("p2");
    // Whoever had no answer asks again: it is the same issue.
    let task = second.issue("Add up").await;
    let done = world.until_done(&task).await;
    world.settled(&[&task]).await;
    assert_eq!((done.attempt, done.retries), (2, 0), "{room} {call} {side:?}");
    assert_eq!(second.control.reconciler().unblocked_total, 0, "{room} {call} {side:?}: a wake was lost");
}

macro_rules! killed {
    ($($name:ident: $room:literal $call:literal;)+) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            killed_at($room, $call, Side::Before).await;
            killed_at($room, $call, Side::After).await;
        }
    )+};
}

killed! {
    around_the_acceptance_of_an_issue: "store" "accept";
    around_its_intake: "store" "apply intake";
    around_the_decision_to_launch: "store" "apply run_agent";
    around_the_clone: "forge" "prepare";
    around_the_place_of_a_run: "store" "place_run";
    around_the_launch: "runner" "ensure";
    around_the_wait: "runner" "when_over";
    around_the_end_of_a_run: "runner" "wait";
    around_the_collecting: "forge" "collect";
    around_the_booking_of_a_run: "store" "apply usage";
    around_the_publishing: "forge" "publish";
    around_the_decision_to_check: "store" "apply run_check";
    around_a_checkout: "forge" "checkout";
    around_the_candidate: "forge" "candidate";
    around_the_decision_to_land: "store" "apply land";
    around_the_landing: "forge" "land";
    around_the_end: "store" "apply clean_up";
    around_the_archiving: "forge" "forget";
    around_the_removal: "forge" "remove";
    around_a_claim: "store" "claim";
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_adopted_by_one_process_after_the_other() {
    let world = World::new().await;
    world.when(|act| {
        act.is("developer").then(|| {
            act.commit(&[("src/x.txt", Some("x"))]);
            (String::new(), Step::Hangs)
        })
    });
    let mut process = world.start("p1");
    let task = process.issue("Add up").await;
    let run = tokio::task::block_in_place(|| world.runner.until_hanging(|_| true));
    for n in 2..12 {
        tokio::task::block_in_place(|| process.runner.faults.until_called("when_over", 1));
        process.kill().await;
        process = world.start(&format!("p{n}"));
    }
    tokio::task::block_in_place(|| process.runner.faults.until_called("when_over", 1));
    assert!(world.runner.end(&run, Step::completes()));
    let done = world.until_done(&task).await;
    world.settled(&[&task]).await;
    assert_eq!((done.attempt, done.retries), (2, 0));
}

/// A process may die while the host has its order in hand, to launch it a moment later: the next one makes no second place
/// under a run that begins.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_in_the_hosts_hand_is_heard_out_before_its_place_is_made() {
    let made = |process: &crate::world::Process| {
        process.forge.faults.calls("prepare") + process.forge.faults.calls("checkout")
    };
    let usual = {
        let world = World::new().await;
        let process = world.start("p1");
        world.until_done(&process.issue("Add up").await).await;
        made(&process)
    };
    let kinds: [fn(&RunOrder) -> bool; 2] = [|o| o.ordered == Ordered::Agent, |o| o.ordered == Ordered::Check];
    for kind in kinds {
        let world = World::new().await;
        world.runner.keep_busy(kind);
        let first = world.start("p1");
        let task = first.issue("Add up").await;
        tokio::task::block_in_place(|| world.runner.until_in_hand());
        let before = made(&first);
        first.kill().await;
        let second = world.start("p2");
        let done = world.until_done(&task).await;
        world.settled(&[&task]).await;
        assert_eq!((before + made(&second), done.attempt, done.retries), (usual, 2, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_thought_dead_changes_nothing() {
    let world = World::new().await;
    for (room, call) in [("forge", "collect"), ("store", "apply usage"), ("forge", "land"), ("store", "apply land")] {
        let task = {
            let stale = world.start("stale");
            let faults = if room == "store" { &stale.store.faults } else { &stale.forge.faults };
            let gate = faults.gate(call, Side::Before);
            let task = stale.issue(&format!("{room} {call}")).await;
            tokio::task::block_in_place(|| gate.reached());
            let other = world.start("other");
            let done = world.until_done(&task).await;
            assert_eq!((done.attempt, done.retries), (2, 0), "{call}");
            let before = world.history(&done).await;
            gate.open();
            // It does what it was about to do, and stops when asked.
            stale.stop.send(true).unwrap();
            stale.loops.await.unwrap().unwrap();
            let after = world.history(&done).await;
            assert_eq!((before.usage, before.attempts), (after.usage, after.attempts), "{call}");
            other.stop.send(true).unwrap();
            other.loops.await.unwrap().unwrap();
            done
        };
        assert_eq!(world.store_task(&task).await.landed, task.landed, "{call}");
    }
    assert_eq!(world.forge.landed().len(), 4, "each lands once");
}

/// A forge that went back does not have what ran after the backup began at: nobody can judge it, and nobody waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_place_on_a_commit_that_nobody_has_holds_nobody() {
    let world = World::new().await;
    let first = world.start("p1");
    let gate = first.forge.faults.gate("collect", Side::Before);
    let task = first.issue("Add up").await;
    tokio::task::block_in_place(|| gate.reached());
    first.kill().await;
    std::fs::write(world.places().join(format!("{}-1/start", task.id)), "f".repeat(40)).unwrap();
    let _second = world.start("p2");
    let done = world.until_done(&task).await;
    assert_eq!((done.attempt, done.retries), (3, 0));
}

/// A database that went back finds a run whose place is gone: what came home before counts, and what never did is made anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_is_gone_holds_nobody() {
    for (side, attempts) in [(Side::After, 2), (Side::Before, 3)] {
        let world = World::new().await;
        let first = world.start("p1");
        let gate = first.forge.faults.gate("collect", side);
        let task = first.issue("Add up").await;
        tokio::task::block_in_place(|| gate.reached());
        first.kill().await;
        std::fs::remove_dir_all(world.places().join(format!("{}-1", task.id))).unwrap();
        let _second = world.start("p2");
        let done = world.until_done(&task).await;
        assert_eq!((done.attempt, done.retries), (attempts, 0), "{side:?}");
    }
}
