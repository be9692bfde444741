//! A database of a newer release under this one: what it does not know waits, everything else goes on.

use orch_engine::control::{ControlError, NewIssue, TaskCommand};
use orch_rules::task::{Position, Task};
use orch_testkit::fake::Step;

use crate::store::Plant;
use crate::world::{Process, World, eventually};

const PLANTS: [Plant; 5] = [
    Plant::Field("waits", r#"[{"kind":"forge_approval","pull":7}]"#),
    Plant::Field("hold", r#"{"kind":"forge_refused","by":"protection"}"#),
    Plant::Field("position", r#"{"at":"deploying","stage":"forge_eu"}"#),
    Plant::Field("hands", r#"{"by":{"source":"forge_hands"}}"#),
    Plant::Attempt("forge_gardener"),
];

async fn waiting(process: &Process, title: &str) -> Task {
    let issue = NewIssue {
        variant: None,
        labels: Vec::new(),
        repository: None,
        title: title.to_owned(),
        description: "what is wanted".to_owned(),
        priority: 0,
        start: false,
        depends_on: Vec::new(),
        key: title.to_owned(),
    };
    process.control.open_issue(issue, "Uma").await.unwrap().task().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_known_is_shown_left_alone_and_stopped() {
    let world = World::new().await;
    let first = world.start("p1");
    // Whoever looks later looks at them.
    first.swept().await;
    let mut tasks = Vec::new();
    for plant in PLANTS {
        tasks.push(waiting(&first, &format!("{plant:?}")).await);
    }
    first.kill().await;
    for (task, plant) in tasks.iter_mut().zip(PLANTS) {
        // Its sweep may have looked at some of them.
        *task = world.store_task(task).await;
        world.strange.plant(task, plant);
    }
    let second = world.start("p2");
    second.swept().await;
    let other = second.issue("Add up").await;
    world.until_done(&other).await;
    let board = second.control.board(&Default::default()).await.unwrap().tasks;
    assert_eq!(board.len(), tasks.len(), "the board shows them");
    for (task, plant) in tasks.iter().zip(PLANTS) {
        let path = format!("{plant:?}");
        assert_eq!(world.store_task(task).await, *task, "{path}: the sweep and the engine left it alone");
        let shown = second.control.show(&task.work_item).await.unwrap();
        if let Plant::Field(..) = plant {
            assert!(shown.history.unknown[0].text.contains("forge_"), "{path}: {:?}", shown.history.unknown);
        }
        let refused = second.control.command(&task.work_item, TaskCommand::Start, "Uma", format!("start {path}")).await;
        assert!(
            matches!(&refused, Err(ControlError::Refused { why }) if why.contains("forge_")),
            "{path}: {refused:?}"
        );
        second.control.command(&task.work_item, TaskCommand::Stop, "Uma", format!("stop {path}")).await.unwrap();
        assert_eq!(world.store_task(task).await.position, Position::Cancelled, "{path}");
    }
    assert!(second.control.board(&Default::default()).await.unwrap().tasks.is_empty());
    second.control.queue().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_run_is_kept_for_the_release_that_knows() {
    let world = World::new().await;
    world.when(|act| {
        act.is("developer").then(|| {
            act.commit(&[("src/x.txt", Some("x"))]);
            (String::new(), Step::Hangs)
        })
    });
    let first = world.start("p1");
    let task = first.issue("Add up").await;
    let run = tokio::task::block_in_place(|| world.runner.until_hanging(|_| true));
    tokio::task::block_in_place(|| first.runner.faults.until_called("when_over", 1));
    world.until("it says that the agent works", &task.id, |task| !task.waits.is_empty()).await;
    world.strange.plant(&task, PLANTS[0]);
    assert!(world.runner.end(&run, Step::completes()));
    let kept = eventually("the outcome is kept", async || world.store.queue().await.unwrap().unknown.pop()).await;
    assert!(kept.kind == "run_agent" && kept.error.unwrap().contains("forge_approval"));
    first.kill().await;
    // Another process of this release keeps it too, and starts nothing that it would have to pay.
    let second = world.start("p2");
    eventually("it is kept again", async || world.store.queue().await.unwrap().unknown.pop()).await;
    second.kill().await;
    // The newer release is back.
    world.strange.known();
    let _third = world.start("p3");
    let done = world.until_done(&task).await;
    assert_eq!((done.attempt, done.retries), (2, 0), "no run is lost and none is repeated");
    world.settled(&[&task]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_the_agent_of_a_task_that_is_not_known() {
    for plant in [PLANTS[0], PLANTS[4]] {
        let world = World::new().await;
        world.when(|act| act.is("developer").then(|| (String::new(), Step::Hangs)));
        let process = world.start("p1");
        let task = process.issue("Add up").await;
        tokio::task::block_in_place(|| world.runner.until_hanging(|_| true));
        world.strange.plant(&task, plant);
        process.control.command(&task.work_item, TaskCommand::Stop, "Uma", "stop".to_owned()).await.unwrap();
        assert_eq!(world.store_task(&task).await.position, Position::Cancelled);
        tokio::task::block_in_place(|| process.runner.faults.until_called("stop", 1));
        eventually("its slot is free and nothing is left to do", async || {
            let queue = world.store.queue().await.unwrap();
            let idle = queue.counts.iter().all(|(_, state, _)| state == "cancelled");
            (idle && queue.slots.iter().all(|(_, used)| *used == 0)).then_some(())
        })
        .await;
    }
}
