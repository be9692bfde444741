//! Tasks that would wait for each other in a circle: the edge that would close it is refused, however long it is.

use orch_engine::control::{ControlError, TaskCommand};
use orch_rules::task::Task;

use crate::world::{Process, World};

async fn depend(process: &Process, task: &Task, on: &Task) -> Result<(), String> {
    let command = TaskCommand::Depend { on: on.work_item.clone() };
    // Each time anew: the same key is the same answer.
    let key = uuid::Uuid::now_v7().to_string();
    match process.control.command(&task.work_item, command, "Uma", key).await {
        Ok(_) => Ok(()),
        Err(ControlError::Refused { why }) => Err(why),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_closes_a_circle_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let process = world.start("p1");
    let mut tasks = Vec::new();
    for title in ["one", "two", "three", "four"] {
        tasks.push(process.backlog(title).await);
    }
    let names = |at: &[usize]| at.iter().map(|n| tasks[*n].work_item.to_string()).collect::<Vec<_>>().join(" → ");
    for (from, to) in [(0, 1), (1, 2), (0, 2), (2, 3)] {
        depend(&process, &tasks[from], &tasks[to]).await.unwrap();
    }
    for (from, to, circle) in [(1, 0, vec![1, 0]), (2, 0, vec![2, 0]), (3, 0, vec![3, 0, 2]), (3, 1, vec![3, 1, 2])] {
        let why = depend(&process, &tasks[from], &tasks[to]).await.unwrap_err();
        assert!(why.contains(&names(&circle)) && why.contains("--remove"), "{why}");
    }
    assert!(depend(&process, &tasks[0], &tasks[0]).await.unwrap_err().contains("for itself"));
    // One edge less, and there is no circle.
    let away = TaskCommand::Undepend { on: tasks[3].work_item.clone() };
    process.control.command(&tasks[2].work_item, away, "Uma", "away".to_owned()).await.unwrap();
    depend(&process, &tasks[3], &tasks[0]).await.unwrap();
    for task in &tasks {
        assert_eq!(world.store_task(task).await.hold, None);
        assert!(world.history(task).await.dependencies.len() <= 2);
    }
}
