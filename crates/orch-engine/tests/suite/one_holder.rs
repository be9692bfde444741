//! A process that does not hold the database any more begins nothing.

use orch_engine::control::{Control, TaskCommand};

use crate::world::{World, eventually, issue};

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_hold_the_database_claims_nothing_until_it_does() {
    let world = World::new().await;
    world.held.send_replace(false);
    let process = world.start("p1");
    tokio::task::block_in_place(|| process.store.faults.until_called("reclaim", 1));
    let control = process.control.clone();
    let filed = tokio::spawn(async move { control.open_issue(issue("Add up", true), "Uma").await.is_ok() });
    eventually("it is stored", async || (world.open_rows("intake").await == 1).then_some(())).await;
    assert_eq!(process.store.faults.calls("claim"), 0, "another process may be at work");
    assert!(process.control.reconciler().last.is_none(), "nor does it sweep");
    world.held.send_replace(true);
    assert!(filed.await.unwrap());
    let task = process.issue("Add up").await;
    world.until_done(&task).await;
    world.settled(&[&task]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_beside_a_service_accepts_and_settles_nothing() {
    let world = World::new().await;
    let (engine, store, ..) = world.wire("beside");
    let beside = Control::accepting(engine);
    let first = world.start("p1");
    let task = first.issue("Add up").await;
    world.until_done(&task).await;
    first.kill().await;
    let reclaims = store.faults.calls("reclaim");
    let answer =
        beside.command(&task.work_item, TaskCommand::Comment { text: "why?".to_owned() }, "Uma", "k".to_owned());
    assert!(answer.await.unwrap().pending);
    assert_eq!(store.faults.calls("reclaim"), reclaims, "the rows of others are left alone");
    let queued = async || {
        let counts = world.store.queue().await.unwrap().counts;
        counts.iter().any(|(kind, state, _)| kind == "inbox" && state == "queued").then_some(())
    };
    eventually("it is stored", queued).await;
    let _second = world.start("p2");
    eventually("the service handles it", async || queued().await.is_none().then_some(())).await;
}
