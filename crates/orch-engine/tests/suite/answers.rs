//! What people ask: answered once, whatever happens meanwhile.

use std::time::Duration;

use orch_engine::control::{Control, ControlError, LaneCommand, NewIssue, TaskCommand};
use orch_rules::task::Position;
use orch_testkit::fake::{Fault, Side};

use crate::world::{World, eventually, repository};

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_accepted_or_refused_with_the_reason() {
    let world = World::new().await;
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until_done(&task).await;
    let refused = process.control.command(&task.work_item, TaskCommand::Stop, "Uma", "1".to_owned()).await;
    assert!(matches!(&refused, Err(ControlError::Refused { why }) if why.contains("too late")), "{refused:?}");
    let freeze = LaneCommand::Freeze { reason: "a release".to_owned(), cause: None, fixes: Vec::new() };
    let answer = process.control.lane_command(&repository(), freeze, "Uma", "2".to_owned()).await.unwrap();
    assert!(!answer.pending && answer.text.contains("nothing enters"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_is_the_same_command_and_gets_the_same_answer() {
    let world = World::new().await;
    let process = world.start("p1");
    process.swept().await;
    let freeze = || {
        let command = LaneCommand::Freeze { reason: "a release".to_owned(), cause: None, fixes: Vec::new() };
        let control = process.control.clone();
        async move { control.lane_command(&repository(), command, "Uma", "same".to_owned()).await.unwrap() }
    };
    // All are on their way before the first is handled.
    let gate = process.store.faults.gate("lane_facts", Side::Before);
    let requests: Vec<_> = (0..5).map(|_| tokio::spawn(freeze())).collect();
    tokio::task::block_in_place(|| {
        gate.reached();
        process.store.faults.until_called("accept", 5);
    });
    gate.open();
    for request in requests {
        let answer = request.await.unwrap();
        assert!(!answer.pending && answer.text.contains("frozen"), "{answer:?}");
    }
    assert!(freeze().await.text.contains("frozen"), "and later");
    let issue = process.issue("Once").await;
    assert_eq!(process.issue("Once").await.id, issue.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_takes_too_long_is_pending_and_comes_later() {
    let mut world = World::new().await;
    world.limits.answer_within = Duration::from_millis(20);
    let process = world.start("p1");
    process.swept().await;
    let gate = process.store.faults.gate("lane_facts", Side::Before);
    let pause = async || process.control.lane_command(&repository(), LaneCommand::Pause, "Uma", "p".to_owned()).await;
    let answer = pause().await.unwrap();
    assert!(answer.pending, "{answer:?}");
    gate.open();
    let later = eventually("it is answered", async || pause().await.ok().filter(|answer| !answer.pending)).await;
    assert!(later.text.contains("paused"), "{later:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_alone_decides_and_leaves_the_world_to_the_service() {
    let world = World::new().await;
    let (engine, ..) = world.wire("alone");
    let control = Control::alone(engine);
    let issue = NewIssue {
        variant: None,
        labels: Vec::new(),
        repository: None,
        title: "Add up".to_owned(),
        description: String::new(),
        priority: 0,
        start: true,
        depends_on: Vec::new(),
        key: "k".to_owned(),
    };
    let task = control.open_issue(issue, "Uma").await.unwrap().task().unwrap();
    let answer =
        control.command(&task.work_item, TaskCommand::SetPriority { priority: 3 }, "Uma", "p".to_owned()).await;
    assert!(!answer.unwrap().pending);
    let decided = world.store_task(&task).await;
    assert_eq!((decided.attempt, decided.priority), (1, 3), "its agent is asked for");
    assert!(world.runner.launched().is_empty(), "and not launched");
    let _service = world.start("service");
    world.until_done(&task).await;
    world.settled(&[&task]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_alone_answers_although_a_service_died_deciding() {
    let world = World::new().await;
    let service = world.start("service");
    service.swept().await;
    let gate = service.store.faults.gate("lane_facts", Side::Before);
    let control = service.control.clone();
    let dying = tokio::spawn(async move {
        let _ = control.lane_command(&repository(), LaneCommand::Pause, "Uma", "1".to_owned()).await;
    });
    tokio::task::block_in_place(|| gate.reached());
    service.kill().await;
    dying.abort();
    let (engine, ..) = world.wire("alone");
    let answer = Control::alone(engine).lane_command(&repository(), LaneCommand::Resume, "Uma", "2".to_owned()).await;
    assert_eq!(answer.unwrap().text, "goes on", "the pause was heard first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_handler_always_breaks_down_is_parked_and_answered() {
    let world = World::new().await;
    let process = world.start("p1");
    process.swept().await;
    for _ in 0..8 {
        process.store.faults.fail_next("lane_facts", Fault::Panic("no such colour".to_owned()));
    }
    let answer = process.control.lane_command(&repository(), LaneCommand::Pause, "Uma", "1".to_owned()).await;
    assert!(matches!(&answer, Err(ControlError::Refused { why }) if why.contains("no such colour")), "{answer:?}");
    let queue = world.store.queue().await.unwrap();
    assert_eq!(queue.counts, [("inbox".to_owned(), "failed".to_owned(), 1)]);
    // What stood behind it goes on.
    let task = process.issue("Add up").await;
    world.until("it is done", &task.id, |task| task.position == Position::Done).await;
}
