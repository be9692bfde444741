//! Two repositories with one prefix: an id alone says which task only as long as one of them has it.

use orch_engine::control::{ControlError, LogAsk, LogOf, TaskCommand, TaskName};
use orch_rules::task::Position;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_command_never_means_the_task_of_another_repository() {
    let world = World::new().await;
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    let task = world.until_done(&task).await;
    let other = world.same_id_elsewhere(task.work_item.as_str(), "web").await;
    let ambiguous = |error: &ControlError| match error {
        ControlError::Ambiguous { repositories, .. } => {
            repositories.iter().map(|id| id.as_str()).collect::<Vec<_>>() == ["shop", "web"]
        }
        _ => false,
    };
    let bare = &task.work_item;
    assert!(ambiguous(&process.control.show(bare).await.unwrap_err()));
    let stop = process.control.command(bare, TaskCommand::Stop, "Uma", "bare".to_owned()).await;
    assert!(ambiguous(&stop.unwrap_err()));
    let ask =
        LogAsk { of: LogOf::Attempt(None), offset: 0, max: 1, readable: false, patience: std::time::Duration::ZERO };
    assert!(ambiguous(&process.control.log(bare, ask).await.unwrap_err()));
    assert_eq!(world.store_task(&other).await.position, Position::Backlog, "nothing was stopped");
    // With the repository it is clear; another task of the same repository needs no more than its id.
    assert_eq!(process.control.show(&task).await.unwrap().task.id, task.id);
    assert_eq!(process.control.show(&other).await.unwrap().task.id, other.id);
    let none = TaskName { repository: Some("gone".into()), work_item: task.work_item.clone() };
    assert!(matches!(process.control.show(&none).await, Err(ControlError::NotFound { what }) if what.contains("gone")));
    let second = process.backlog("Take away").await;
    let depend = TaskCommand::Depend { on: task.work_item.clone() };
    process.control.command(&second, depend, "Uma", "depend".to_owned()).await.unwrap();
    let on = world.history(&second).await.dependencies;
    assert!(on.len() == 1 && on[0].0 == task.id, "{on:?}");
    process.control.command(&other, TaskCommand::Stop, "Uma", "stop".to_owned()).await.unwrap();
    assert_eq!(world.store_task(&other).await.position, Position::Cancelled);
    assert_eq!(world.store_task(&task).await.position, Position::Done);
}
