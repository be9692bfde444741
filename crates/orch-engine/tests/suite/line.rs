//! Issues on their way: straight through, sent back, launched again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use orch_engine::control::TaskCommand;
use orch_rules::attempt::RunEnd;
use orch_rules::task::{Position, Task, Wait};
use orch_testkit::fake::{Fault, Step};

use crate::world::{LINES, World, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_goes_straight_through() {
    let world = World::with(&[]).await;
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until("approval is asked for", &task.id, |t| t.waits.iter().any(|w| matches!(w, Wait::Human { .. }))).await;
    process.control.command(&task.work_item, TaskCommand::Approve, "Uma", "yes".to_owned()).await.unwrap();
    let done = world.until_done(&task).await;
    world.settled(&[&task]).await;
    assert_eq!((done.attempt, done.retries), (5, 0));
    let main = world.forge.main();
    assert_eq!(done.landed, Some(main.clone()));
    assert!(world.forge.files(&main).contains_key("src/S-001.txt"));
    assert_eq!(process.control.reconciler().unblocked_total, 0, "nobody had to be found by the sweep");
    let order = world.runner.order(&format!("{}-3", task.id)).unwrap();
    assert_eq!(order.environment["ORCH_ROLE"], "developer");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_of_two_on_the_same_lines_gets_the_conflict() {
    let world = World::new().await;
    world.when(|act| {
        let first = format!("{}\n2\n3\n4\n5\n6\n", act.work_item);
        let elsewhere = LINES.replace('6', "six");
        let text = if act.brief.contains("## Rework") { elsewhere } else { first };
        act.is("developer").then(|| {
            assert_eq!(act.brief.contains("## Rework"), act.brief.contains("conflict with main"), "{}", act.brief);
            act.commit(&[("a.txt", Some(&text))]);
            (String::new(), Step::completes())
        })
    });
    let process = world.start("p1");
    let (one, other) = (process.issue("One").await, process.issue("Other").await);
    let (one_done, other_done) = (world.until_done(&one).await, world.until_done(&other).await);
    world.settled(&[&one, &other]).await;
    let back = if one_done.retries > 0 { &one_done } else { &other_done };
    assert_eq!(one_done.retries + other_done.retries, 1);
    let briefed = world.history(back).await.attempts.into_iter().find_map(|a| a.rework).unwrap();
    assert!(briefed.contains("- a.txt") && briefed.contains("orch-base"), "{briefed}");
    let first = if one_done.retries > 0 { &other_done } else { &one_done };
    let main = world.forge.files(&world.forge.main());
    assert_eq!(main["a.txt"], format!("{}\n2\n3\n4\n5\nsix\n", first.work_item));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_red_check_hands_the_developer_its_output_verbatim() {
    let world = World::new().await;
    world.when(|act| {
        (act.is("developer") && act.attempt == 1).then(|| {
            act.commit(&[("src/S-001.txt", Some("RED"))]);
            (String::new(), Step::completes())
        })
    });
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    let done = world.until_done(&task).await;
    world.settled(&[&task]).await;
    assert_eq!(done.retries, 1);
    let attempts = world.history(&task).await.attempts;
    let told = attempts[1].rework.as_deref().unwrap();
    assert!(told.contains("FAIL: adds_up\nexpected 4, got 5"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_run_is_launched_again_in_the_same_visit() {
    let world = World::new().await;
    world.when(|act| (act.is("developer") && act.attempt == 1).then(|| (String::new(), Step::lost())));
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    let done = world.until_done(&task).await;
    world.settled(&[&task]).await;
    let attempts = world.history(&task).await.attempts;
    assert_eq!((done.retries, attempts[0].visit), (0, attempts[1].visit));
    assert_eq!(attempts[0].ended.as_ref().unwrap().how, RunEnd::LOST);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantined_run_keeps_its_place_and_holds_the_task() {
    let world = World::new().await;
    let (places, seen) = (world.places(), Arc::new(AtomicBool::new(false)));
    let later = Arc::clone(&seen);
    world.when(move |act| {
        let first = act.order.name.trim_end_matches(char::is_numeric).to_owned() + "1";
        if act.attempt == 2 {
            later.store(places.join(first).join("code/a.txt").exists(), Ordering::SeqCst);
        }
        (act.is("developer") && act.attempt == 1).then(|| (String::new(), Step::quarantined()))
    });
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    let held = world.until_held(&task).await;
    assert!(held.contains("cannot be proved dead"), "{held}");
    let place = world.places().join(format!("{}-1", task.id));
    assert_eq!(world.history(&task).await.usage.len(), 1, "it cost money");
    process.control.command(&task.work_item, TaskCommand::Retry, "Uma", "again".to_owned()).await.unwrap();
    world.until_done(&task).await;
    world.settled(&[&task]).await;
    assert!(seen.load(Ordering::SeqCst), "somebody might still write there, and people want to look");
    assert!(!place.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launch_that_fails_in_passing_is_tried_again_as_the_same_attempt() {
    let world = World::new().await;
    let process = world.start("p1");
    for n in 0..3 {
        process.runner.faults.fail_next("ensure", Fault::Passing(format!("busy {n}")));
        process.forge.faults.fail_next("prepare", Fault::Passing(format!("locked {n}")));
    }
    let task = process.issue("Add up").await;
    let done = world.until_done(&task).await;
    world.settled(&[&task]).await;
    assert_eq!((done.attempt, done.retries), (2, 0), "a developer's and a reviewer's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launch_that_cannot_succeed_ends_in_a_hold_with_its_words() {
    let world = World::new().await;
    let process = world.start("p1");
    process.forge.faults.fail_next("prepare", Fault::Lasting("the forge is broken in two".to_owned()));
    let task = process.issue("Add up").await;
    let held = world.until_held(&task).await;
    assert!(
        held.contains("attempt 1 could not be started: the forge is broken in two; mend that, then: orch retry"),
        "{held}"
    );
    assert!(world.runner.launched().is_empty());
    eventually("nothing is left", async || {
        let queue = world.store.queue().await.unwrap();
        let left = world.places().read_dir_utf8().map_or(0, |entries| entries.count());
        (queue.counts.is_empty() && queue.slots.iter().all(|(_, used)| *used == 0) && left == 0).then_some(())
    })
    .await;
    process.control.command(&task.work_item, TaskCommand::Retry, "Uma", "again".to_owned()).await.unwrap();
    world.until_done(&task).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_cannot_be_taken_home_is_paid_for_and_kept() {
    let world = World::new().await;
    let process = world.start("p1");
    process.forge.faults.fail_next("collect", Fault::Lasting("objects are missing".to_owned()));
    let task = process.issue("Add up").await;
    let held = world.until_held(&task).await;
    assert!(held.contains("what attempt 1 left could not be brought home: objects are missing"), "{held}");
    let history = world.history(&task).await;
    assert_eq!(history.usage[0].usage.cost_micros, Some(500_000));
    assert_eq!(history.attempts[0].ended.as_ref().unwrap().how, RunEnd::Completed);
    assert!(world.places().join(format!("{}-1/code", task.id)).exists(), "it may be rescued by hand");
    // Asked for once more it comes home, and nobody is paid again.
    process.control.command(&task.work_item, TaskCommand::Retry, "Uma", "again".to_owned()).await.unwrap();
    world.until_done(&task).await;
    let history = world.history(&task).await;
    assert_eq!((history.attempts.len(), history.usage.len()), (2, 2), "one of each role, each paid once");
    let first = format!("{}-1", task.id);
    assert_eq!(world.runner.launched().iter().filter(|name| **name == first).count(), 1);
}

/// What cannot be collected even when a person asks for it is made anew: nobody stands before a closed door.
#[tokio::test(flavor = "multi_thread")]
async fn work_that_is_collected_in_vain_twice_is_made_anew() {
    let world = World::new().await;
    let process = world.start("p1");
    for _ in 0..2 {
        process.forge.faults.fail_next("collect", Fault::Lasting("objects are missing".to_owned()));
    }
    let task = process.issue("Add up").await;
    let held = world.until_held(&task).await;
    assert!(held.contains("its work is kept and fetched again"), "{held}");
    process.control.command(&task.work_item, TaskCommand::Retry, "Uma", "1".to_owned()).await.unwrap();
    let in_vain =
        |task: &Task| task.hold.as_ref().is_some_and(|hold| hold.reason().to_string().contains("once more in vain"));
    world.until("it was in vain", &task.id, in_vain).await;
    process.control.command(&task.work_item, TaskCommand::Retry, "Uma", "2".to_owned()).await.unwrap();
    let done = world.until_done(&task).await;
    assert_eq!(done.attempt, 3);
}

/// While the machine cannot take in what a run left, nobody waits for its slot, and people see what is going on.
#[tokio::test(flavor = "multi_thread")]
async fn while_work_is_collected_its_slot_is_free_and_nobody_is_paid_again() {
    let world = World::new().await;
    let process = world.start("p1");
    let full = || Fault::Passing("the disk is full".to_owned());
    for _ in 0..4 {
        process.forge.faults.fail_next("collect", full());
    }
    let task = process.issue("Add up").await;
    let waits = |task: &Task| {
        task.waits
            .iter()
            .any(|wait| matches!(wait, Wait::Collecting { attempt: 1, why } if why.contains("the disk is full")))
    };
    world.until("it is collected", &task.id, waits).await;
    let queue = world.store.queue().await.unwrap();
    assert!(queue.slots.iter().all(|(_, used)| *used == 0), "{:?}", queue.slots);
    world.until_done(&task).await;
    world.settled(&[&task]).await;
    let history = world.history(&task).await;
    assert_eq!((history.attempts.len(), history.usage.len()), (2, 2), "one of each role, each paid once");
}

/// The last command of a run fails as often as this machine likes: what the agent left is packed again, and nobody works
/// again for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_last_command_that_failed_is_run_again_and_no_agent_with_it() {
    let world = World::new().await;
    world.unfinished.store(2, std::sync::atomic::Ordering::SeqCst);
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until_done(&task).await;
    let history = world.history(&task).await;
    assert_eq!(history.attempts.len(), 2, "one of each role");
    let packing = world.runner.launched().into_iter().filter(|name| name.contains("-pack-")).count();
    assert_eq!(packing, 2, "one for each");
    world.settled(&[&task]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_judge_left_lying_voids_no_verdict() {
    let world = World::new().await;
    world.when(|act| {
        act.is("reviewer").then(|| {
            act.commit(&[("__pycache__/a.pyc", Some("x")), ("src/extra.rs", Some("mine"))]);
            act.usual()
        })
    });
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until_done(&task).await;
    let main = world.forge.files(&world.forge.main());
    assert!(!main.contains_key("__pycache__/a.pyc") && !main.contains_key("src/extra.rs"), "{main:?}");
    let history = world.history(&task).await;
    let told =
        history.attempts.iter().filter_map(|a| a.ended.as_ref()?.evidence.as_ref()).flat_map(|e| e.left_out.clone());
    assert_eq!(told.collect::<Vec<_>>(), ["__pycache__/a.pyc, src/extra.rs: not for the reviewer to change"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_stopped_before_its_agent_was_launched_never_launches_it() {
    let world = World::new().await;
    let process = world.start("p1");
    let gate = process.forge.faults.gate("prepare", orch_testkit::fake::Side::Before);
    process.forge.faults.fail_next("prepare", Fault::Passing("not now".to_owned()));
    let task = process.issue("Add up").await;
    tokio::task::block_in_place(|| gate.reached());
    process.control.command(&task.work_item, TaskCommand::Stop, "Uma", "stop".to_owned()).await.unwrap();
    gate.open();
    world.until("it is cancelled", &task.id, |t| t.position == Position::Cancelled).await;
    world.settled(&[]).await;
    assert!(world.runner.launched().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_agent_is_stopped_and_its_place_removed() {
    let world = World::new().await;
    world.when(|act| act.is("developer").then(|| (String::new(), Step::Hangs)));
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    let run = tokio::task::block_in_place(|| world.runner.until_hanging(|_| true));
    process.control.command(&task.work_item, TaskCommand::Stop, "Uma", "stop".to_owned()).await.unwrap();
    world.until("it is cancelled", &task.id, |t| t.position == Position::Cancelled).await;
    assert_eq!(world.runner.stops(&run), 1);
    eventually("its place is gone", async || (!world.places().join(&run).exists()).then_some(())).await;
}
