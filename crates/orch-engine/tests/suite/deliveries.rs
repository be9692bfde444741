//! What came in and could not be handled waits for a person, who has it handled once more or drops it.

use orch_engine::control::{ControlError, LaneCommand, TaskCommand};
use orch_ports::deliveries::{DeliveryFilter, DeliveryId, DeliveryState};
use orch_rules::episode::EpisodeKind;
use orch_rules::task::{Task, Wait};
use orch_testkit::fake::Fault;

use crate::world::{Process, World, eventually, repository};

async fn dead(process: &Process) -> Vec<DeliveryId> {
    let filter = DeliveryFilter { state: Some(DeliveryState::Dead), ..DeliveryFilter::default() };
    process.control.deliveries(&filter).await.unwrap().iter().map(|detail| detail.seen.id).collect()
}

fn breaks_down(process: &Process, call: &str) {
    for _ in 0..8 {
        process.store.faults.fail_next(call, Fault::Panic("no such colour".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_handled_once_more_or_dropped() {
    let world = World::new().await;
    let process = world.start("p1");
    process.swept().await;
    breaks_down(&process, "lane_facts");
    let paused = process.control.lane_command(&repository(), LaneCommand::Pause, "Uma", "1".to_owned()).await;
    assert!(paused.is_err());
    let letter = dead(&process).await.remove(0);
    let detail = process.control.delivery(letter).await.unwrap();
    assert_eq!((detail.kind.as_str(), detail.seen.by.unwrap().wire().as_str()), ("paused", "name:Uma"));
    process.control.replay_delivery(letter, "Uma").await.unwrap();
    eventually("it is paused", async || world.store.repositories().await.unwrap().remove(0).paused.then_some(())).await;
    let why = process.control.drop_delivery(letter, "Uma").await.unwrap_err();
    assert!(why.to_string().contains("it had its effect"), "{why}");

    breaks_down(&process, "apply intake");
    let issue = crate::world::issue("Add up", false);
    process.control.open_issue(issue, "Uma").await.unwrap_err();
    let letter = dead(&process).await.remove(0);
    assert_eq!(process.control.delivery(letter).await.unwrap().kind, "issue");
    process.control.replay_delivery(letter, "Uma").await.unwrap();
    let opened = async || process.control.delivery(letter).await.unwrap().task;
    let task = eventually("it is a task", opened).await;
    assert_eq!(task.title, "Add up");
    assert!(dead(&process).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_answer_is_given_to_no_later_question() {
    let world = World::with(&[(".orch/pipeline.toml", super::base::ASKING)]).await;
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    let asks = |task: &Task| task.waits.contains(&Wait::Human { asked: EpisodeKind::Approval });
    world.until("it wants approval", &task.id, asks).await;
    breaks_down(&process, "task_facts");
    process.control.command(&task, TaskCommand::Approve, "Uma", "1".to_owned()).await.unwrap_err();
    let letter = eventually("it is a dead letter", async || dead(&process).await.pop()).await;
    let refused = process.control.replay_delivery(letter, "Uma").await;
    assert!(matches!(&refused, Err(ControlError::Refused { why }) if why.contains("orch inbox")), "{refused:?}");
    assert!(asks(&world.store_task(&task).await));
    process.control.drop_delivery(letter, "Uma").await.unwrap();
    assert!(dead(&process).await.is_empty());
}
