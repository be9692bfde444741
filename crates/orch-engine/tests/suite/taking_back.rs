//! What a task brought to the base branch is taken back before the task is gone.

use orch_engine::control::TaskCommand;
use orch_rules::check::CheckOutcome;
use orch_rules::task::Position;
use orch_testkit::fake::Step;

use crate::world::{SHORT, World};

/// With a stage behind the landing, where a stop may find a task.
fn with_a_deploy() -> String {
    let line = SHORT.replace("next = \"done\"", "next = \"ship\"");
    format!(
        "{line}\n[[stage]]\nid = \"ship\"\nkind = \"deploy\"\nrole = \"deployer\"\non_red = \"make\"\ncap = 3\nnext = \"done\"\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_task_leaves_nothing_on_main() {
    let world = World::with(&[(".orch/pipeline.toml", &with_a_deploy())]).await;
    world.when(|act| act.is("deployer").then(|| (String::new(), Step::Hangs)));
    let process = world.start("p1");
    let before = world.forge.main();
    let task = process.issue("Add up").await;
    let run = tokio::task::block_in_place(|| world.runner.until_hanging(|_| true));
    let landed = world.store_task(&task).await.landed.expect("it has landed");
    assert_eq!(world.forge.main(), landed);
    process.control.command(&task.work_item, TaskCommand::Stop, "Uma", "stop".to_owned()).await.unwrap();
    assert!(!world.store_task(&task).await.position.is_terminal(), "a deploy that runs is waited for");
    world.runner.end(&run, Step::fails(1));
    let ended = world.until("it has ended", &task.id, |task| task.position.is_terminal()).await;
    assert_eq!((ended.position, ended.landed, ended.brought), (Position::Cancelled, None, Vec::new()));
    let main = world.forge.main();
    assert_ne!(main, landed);
    assert_eq!(world.forge.files(&main), world.forge.files(&before), "what it brought is gone");
    let tested = world.history(&task).await.checks;
    assert!(
        tested.iter().any(|check| check.commit == main && check.outcome == Some(CheckOutcome::Passed)),
        "as every candidate it was tested"
    );
}
