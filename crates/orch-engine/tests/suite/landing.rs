//! A landing that was begun ends as landed, moved or refused, whatever happens on the way.

use orch_engine::control::TaskCommand;
use orch_rules::lane::LandingRefused;
use orch_testkit::fake::{Fault, Side};

use crate::world::{World, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_landing_in_doubt_is_asked_for_again_and_lands_once() {
    let world = World::new().await;
    let process = world.start("p1");
    world.forge.keep_silent();
    let task = process.issue("Add up").await;
    let done = world.until_done(&task).await;
    assert!(process.forge.faults.calls("land") >= 2);
    assert_eq!((world.forge.landed(), done.landed), (vec![world.forge.main()], Some(world.forge.main())));
    assert_eq!(done.retries, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_landing_that_breaks_down_is_never_given_up() {
    let world = World::new().await;
    let process = world.start("p1");
    // More often than a handler that breaks down is tried.
    for _ in 0..10 {
        process.forge.faults.fail_next("land", Fault::Panic("it divides by zero".to_owned()));
    }
    let task = process.issue("Add up").await;
    let done = world.until_done(&task).await;
    assert_eq!((done.landed, done.hold, done.retries), (Some(world.forge.main()), None, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_landing_that_is_refused_holds_its_task_and_no_other() {
    let world = World::new().await;
    let process = world.start("p1");
    let protected = LandingRefused { by: "git.example.org".to_owned(), why: "main is protected".to_owned() };
    world.forge.refuse_landings(Some(protected));
    let task = process.issue("Add up").await;
    let held = world.until_held(&task).await;
    assert!(held.contains("git.example.org") && held.contains("main is protected"), "{held}");
    assert!(held.contains("orch retry"), "it says what to do: {held}");
    assert_eq!(world.store_task(&task).await.retries, 0, "nobody has to work again for it");
    world.forge.refuse_landings(None);
    let other = process.issue("Take away").await;
    world.until_done(&other).await;
    process.control.command(&task.work_item, TaskCommand::Retry, "Uma", "again".to_owned()).await.unwrap();
    world.until_done(&task).await;
    let agents = world.history(&task).await.attempts.len();
    assert_eq!(agents, 2, "one of each role");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_a_landing_in_doubt() {
    let world = World::new().await;
    let process = world.start("p1");
    world.forge.keep_silent();
    let gate = process.forge.faults.gate("land", Side::After);
    let task = process.issue("Add up").await;
    tokio::task::block_in_place(|| gate.reached());
    process.control.command(&task.work_item, TaskCommand::Stop, "Uma", "stop".to_owned()).await.unwrap();
    assert!(!world.store_task(&task).await.position.is_terminal());
    gate.open();
    let ended = eventually("it has ended", async || {
        Some(world.store_task(&task).await).filter(|task| task.position.is_terminal())
    })
    .await;
    assert_eq!(ended.landed, Some(world.forge.main()), "what is on main is told as landed");
}
