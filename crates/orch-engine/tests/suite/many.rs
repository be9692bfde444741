//! Much at once: limits are kept, nobody starves, and people are answered all the while.

use std::time::Duration;

use orch_engine::control::LaneCommand;
use orch_testkit::fake::{Fault, Side, Step};

use crate::world::{World, eventually, repository};

fn hang(world: &World, who: &'static str) {
    world.when(move |act| {
        act.is(who).then(|| {
            if who == "developer" {
                let _done = act.usual();
            }
            (String::new(), Step::Hangs)
        })
    });
}

/// A run of the test command, by its name.
fn is_check(run: &str) -> bool {
    run.contains("-check-")
}

/// A developer's run, by its name: the first attempt of its task.
fn is_developer(run: &str) -> bool {
    run.ends_with("-1") && !is_check(run)
}

/// Ends hanging runs of one kind one after the other; never are there more than `most`. Runs of other kinds come and
/// go meanwhile.
async fn end_one_by_one(world: &World, count: usize, most: usize, of_kind: fn(&str) -> bool) {
    for _ in 0..count {
        let run = tokio::task::block_in_place(|| world.runner.until_hanging(of_kind));
        let mut hanging = world.runner.hanging();
        hanging.retain(|run| of_kind(run));
        assert!(hanging.len() <= most, "{hanging:?}");
        assert!(world.runner.end(&run, Step::completes()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_tasks_share_one_slot_and_all_finish() {
    let mut world = World::new().await;
    world.policy.max_runs = 1;
    hang(&world, "developer");
    let process = world.start("p1");
    let mut tasks = Vec::new();
    for title in ["One", "Two", "Three"] {
        tasks.push(process.issue(title).await);
    }
    end_one_by_one(&world, 3, 1, is_developer).await;
    for task in &tasks {
        world.until_done(task).await;
    }
    world.settled(&tasks.iter().collect::<Vec<_>>()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn test_commands_keep_to_their_limit() {
    let mut world = World::new().await;
    world.policy.max_runs = 5;
    world.limits.max_checks = 1;
    hang(&world, "check");
    let process = world.start("p1");
    let mut tasks = Vec::new();
    for title in ["One", "Two", "Three", "Four"] {
        tasks.push(process.issue(title).await);
    }
    eventually("all checks are asked for", async || {
        let counts = world.open_rows("run_check").await;
        (counts == 4).then_some(())
    })
    .await;
    // Each on its head, and each as a candidate.
    end_one_by_one(&world, 8, 1, is_check).await;
    for task in &tasks {
        world.until_done(task).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_falls_due_is_not_forgotten_while_something_waits_for_room() {
    let mut world = World::new().await;
    world.policy.max_runs = 5;
    world.limits.max_checks = 1;
    world.limits.first_retry = Duration::from_millis(300);
    hang(&world, "check");
    let process = world.start("p1");
    process.issue("One").await;
    process.issue("Two").await;
    eventually("a check runs and another waits", async || {
        (world.open_rows("run_check").await == 2 && world.runner.hanging().len() == 1).then_some(())
    })
    .await;
    process.runner.faults.fail_next("ensure", Fault::Passing("busy".to_owned()));
    let third = process.issue("Three").await;
    world.until("its agent worked", &third.id, |task| task.head.is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_tasks_go_through_four_slots() {
    let mut world = World::new().await;
    world.policy.max_runs = 4;
    world.limits.max_checks = 2;
    let process = world.start("p1");
    let mut tasks = Vec::new();
    for n in 0..30 {
        tasks.push(process.issue(&format!("Task {n}")).await);
    }
    for task in &tasks {
        world.until_done(task).await;
    }
    world.settled(&tasks.iter().collect::<Vec<_>>()).await;
    assert_eq!(process.control.reconciler().unblocked_total, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_answered_while_thirty_agents_work_and_the_forge_hangs() {
    let mut world = World::new().await;
    world.policy.max_runs = 40;
    world.limits.max_handled = 4;
    hang(&world, "developer");
    let process = world.start("p1");
    let mut tasks = Vec::new();
    for n in 0..30 {
        tasks.push(process.issue(&format!("Task {n}")).await);
    }
    eventually("thirty agents work", async || (world.runner.hanging().len() == 30).then_some(())).await;
    // More than there is room for stand still in the forge.
    let gates: Vec<_> = (0..6).map(|_| process.forge.faults.gate("publish", Side::Before)).collect();
    for run in world.runner.hanging().into_iter().take(6) {
        assert!(world.runner.end(&run, Step::completes()));
    }
    tokio::task::block_in_place(|| gates[3].reached());
    let answer = process.control.lane_command(&repository(), LaneCommand::Pause, "Uma", "1".to_owned()).await.unwrap();
    assert!(!answer.pending, "{answer:?}");
    let stopped = &tasks[29];
    let stop = orch_engine::control::TaskCommand::Stop;
    process.control.command(&stopped.work_item, stop, "Uma", "2".to_owned()).await.unwrap();
    let cancelled = |task: &orch_rules::task::Task| task.position.is_terminal();
    world.until("a stop gets through", &stopped.id, cancelled).await;
    gates.iter().for_each(|gate| gate.open());
}

/// Threads of this process by this name.
fn threads(name: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    tasks.filter(|task| std::fs::read_to_string(task.path().join("comm")).is_ok_and(|its| its.trim() == name)).count()
}

#[test]
fn runs_that_go_on_keep_no_thread() {
    const FEW: &str = "few-threads";
    let mut few = tokio::runtime::Builder::new_multi_thread();
    let few = few.worker_threads(2).max_blocking_threads(2).thread_name(FEW).enable_all().build().unwrap();
    few.block_on(async {
        let mut world = World::new().await;
        world.policy.max_runs = 20;
        world.limits.max_checks = 5;
        hang(&world, "developer");
        hang(&world, "check");
        let process = world.start("p1");
        let mut tasks = Vec::new();
        for n in 0..20 {
            tasks.push(process.issue(&format!("Task {n}")).await);
        }
        eventually("twenty agents work", async || (world.runner.hanging().len() == 20).then_some(())).await;
        for run in world.runner.hanging().into_iter().take(5) {
            assert!(world.runner.end(&run, Step::completes()));
        }
        eventually("five tests beside the agents", async || {
            let hanging = world.runner.hanging();
            (hanging.iter().filter(|run| is_check(run)).count() == 5 && hanging.len() == 20).then_some(())
        })
        .await;
        assert!(threads(FEW) <= 4, "{} threads for twenty runs", threads(FEW));
        // A later process meets them all, and needs no more.
        process.loops.abort();
        process.runner.kill();
        let later = world.start("p2");
        eventually("it waits for all of them", async || (world.open_rows("run_agent").await == 15).then_some(())).await;
        for run in world.runner.hanging() {
            assert!(world.runner.end(&run, Step::completes()));
        }
        world.when(|act| (act.is("check") || act.is("developer")).then(|| act.usual()));
        for run in world.runner.hanging() {
            world.runner.end(&run, Step::completes());
        }
        for task in &tasks {
            world.until_done(task).await;
        }
        assert!(threads(FEW) <= 4, "{} threads in the end", threads(FEW));
        drop(later);
    });
}
