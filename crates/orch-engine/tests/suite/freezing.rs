//! A freeze that names its cause.

use orch_engine::control::{ControlError, LaneCommand};
use orch_rules::ids::WorkItemId;
use orch_rules::lane::Freeze;
use orch_rules::task::{Task, Wait};

use crate::world::{Process, World, repository};

fn freeze(cause: Option<&WorkItemId>, fixes: &[&WorkItemId]) -> LaneCommand {
    let fixes = fixes.iter().map(|id| (*id).clone()).collect();
    LaneCommand::Freeze { reason: "production is down".to_owned(), cause: cause.cloned(), fixes }
}

async fn lane(process: &Process, command: LaneCommand, key: &str) -> Result<String, ControlError> {
    let answer = process.control.lane_command(&repository(), command, "Uma", key.to_owned()).await?;
    assert!(!answer.pending, "{answer:?}");
    Ok(answer.text)
}

async fn frozen(world: &World) -> Option<Freeze> {
    let all = world.store.repositories().await.unwrap();
    all.into_iter().find(|one| one.id == repository()).unwrap().frozen
}

fn kept(task: &Task) -> bool {
    task.waits.iter().any(|wait| matches!(wait, Wait::Frozen { .. }))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_mends_the_cause_passes_and_nothing_else_and_only_then_it_is_lifted() {
    let world = World::new().await;
    let process = world.start("p1");
    let cause = process.issue("Break it").await;
    world.until_done(&cause).await;
    lane(&process, freeze(Some(&cause.work_item), &[]), "1").await.unwrap();
    let other = process.issue("Something else").await;
    world.until("it is kept out", &other.id, kept).await;
    let fix = process.issue("Mend it").await;
    world.until("it is kept out as well", &fix.id, kept).await;
    let refused = lane(&process, LaneCommand::Unfreeze { force: None }, "2").await.unwrap_err();
    assert!(matches!(&refused, ControlError::Refused { why } if why.contains(cause.work_item.as_str())), "{refused:?}");
    assert_eq!(frozen(&world).await.unwrap().mended, None, "it stays");
    lane(&process, freeze(None, &[&fix.work_item]), "3").await.unwrap();
    let landed = world.until_done(&fix).await.landed;
    assert!(kept(&world.store.task(&other.id).await.unwrap().unwrap()));
    assert_eq!(frozen(&world).await.unwrap().mended, landed);
    lane(&process, LaneCommand::Unfreeze { force: None }, "4").await.unwrap();
    world.until_done(&other).await;
    world.settled(&[&cause, &fix, &other]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_lifts_it_all_the_same_and_says_why() {
    let world = World::new().await;
    let process = world.start("p1");
    let cause = process.issue("Break it").await;
    world.until_done(&cause).await;
    lane(&process, freeze(Some(&cause.work_item), &[]), "1").await.unwrap();
    let blank = lane(&process, LaneCommand::Unfreeze { force: Some("  ".to_owned()) }, "2").await.unwrap_err();
    assert!(matches!(blank, ControlError::Invalid { .. }), "{blank:?}");
    lane(&process, LaneCommand::Unfreeze { force: Some("mended by hand".to_owned()) }, "3").await.unwrap();
    assert_eq!(frozen(&world).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_on_main_is_a_cause_and_only_what_may_land_is_a_fix() {
    let world = World::new().await;
    let process = world.start("p1");
    let done = process.issue("Break it").await;
    world.until_done(&done).await;
    let waiting = process.backlog("Not yet").await;
    for command in [freeze(Some(&waiting.work_item), &[]), freeze(None, &[&done.work_item])] {
        let refused = lane(&process, command, "1").await.unwrap_err();
        assert!(matches!(refused, ControlError::Invalid { .. }), "{refused:?}");
    }
    let nobody = lane(&process, freeze(None, &[&"S-999".into()]), "2").await.unwrap_err();
    assert!(matches!(nobody, ControlError::NotFound { .. }), "{nobody:?}");
    assert_eq!(frozen(&world).await, None);
}
