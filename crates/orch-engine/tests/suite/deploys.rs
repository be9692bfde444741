//! What landed is deployed: by hooks, known by looks, one after the other, over restarts; what fails comes back.

use std::sync::{Arc, Mutex};

use orch_engine::control::TaskCommand;
use orch_rules::deploy::DeploymentState;
use orch_rules::task::{Position, Task};
use orch_testkit::fake::{FakeProduction, Step};

use crate::world::{World, eventually};

async fn states(world: &World) -> Vec<(String, &'static str)> {
    let mut all = world.store.deployments(100).await.unwrap();
    all.sort_by_key(|one| one.place);
    let name = |id: &Option<orch_rules::ids::WorkItemId>| id.as_ref().map(ToString::to_string).unwrap_or_default();
    all.iter().map(|one| (name(&one.work_item), one.state.name())).collect()
}

async fn in_state(world: &World, task: &Task, state: DeploymentState) {
    let is = |task: &Task| task.deployment.as_ref().is_some_and(|one| one.state == state);
    world.until(state.name(), &task.id, is).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_landed_runs_before_its_task_is_done() {
    let (mut world, production) = (World::new().await, FakeProduction::default());
    world.delivers_to(&production);
    let process = world.start("p1");
    let one = world.until_done(&process.issue("Add up").await).await;
    assert_eq!(production.runs(), one.landed.map(|commit| commit.to_string()));
    let two = world.until_done(&process.issue("Take away").await).await;
    assert_eq!(production.runs(), two.landed.map(|commit| commit.to_string()));
    assert_eq!(states(&world).await, [("S-001".to_owned(), "healthy"), ("S-002".to_owned(), "healthy")]);
    let hooks = production.hooks();
    assert!(hooks.len() == 2 && hooks[0].starts_with("deploy 1 ") && hooks[1].starts_with("deploy 2 "), "{hooks:?}");
    eventually("the places are empty", async || {
        let left = world.places().read_dir_utf8().map_or(0, |entries| entries.count());
        (left == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_does_not_come_up_is_taken_back_and_comes_again_with_its_feature() {
    let (mut world, production) = (World::new().await, FakeProduction::default());
    world.delivers_to(&production);
    let (spoils, forge) = (production.clone(), world.forge.handle());
    // Whatever lands first of the second task is bad.
    world.when(move |act| {
        let revision = act.order.environment.get("EXPECTED_REVISION").cloned().unwrap_or_default();
        let first = act.is("hook") && !act.order.argv.contains(&"--rollback".to_owned());
        if first && forge.files(&revision.as_str().into()).values().any(|text| text.contains("-2-1")) {
            spoils.spoil(&revision);
        }
        None
    });
    let process = world.start("p1");
    let one = world.until_done(&process.issue("Add up").await).await;
    let before = one.landed.unwrap().to_string();
    let told = Arc::new(Mutex::new(String::new()));
    let briefs = told.clone();
    world.when(move |act| {
        if act.is("developer") && act.work_item == "S-002" && act.attempt > 1 {
            act.brief.clone_into(&mut briefs.lock().unwrap());
        }
        let worse = act.is("developer") && act.work_item == "S-002" && act.attempt == 1;
        worse.then(|| {
            act.commit(&[("src/S-002.txt", Some("feature -2-1"))]);
            (String::new(), Step::completes())
        })
    });
    let task = process.issue("Take away").await;
    let done = world.until_done(&task).await;
    assert_eq!(done.retries, 1);
    let told = told.lock().unwrap().clone();
    assert!(told.contains("did not run on web") && told.contains("no healthy answer"), "{told}");
    assert_eq!(production.runs(), done.landed.as_ref().map(ToString::to_string));
    let main = world.forge.files(&world.forge.main());
    assert!(main.contains_key("src/S-002.txt"), "its feature is there: {main:?}");
    let expected = [("S-001", "healthy"), ("S-002", "rolled_back"), ("S-002", "healthy"), ("S-002", "healthy")];
    assert_eq!(states(&world).await, expected.map(|(id, state)| (id.to_owned(), state)));
    let hooks: Vec<String> =
        production.hooks().iter().map(|hook| hook.rsplit_once(' ').unwrap().0.to_owned()).collect();
    assert_eq!(
        hooks,
        ["deploy 1", "deploy 2", "rollback 3", "deploy 4"],
        "its revert is what runs: nothing was deployed"
    );
    assert!(production.hooks()[2].ends_with(&before), "what ran before was brought back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_and_begins_no_hook_twice() {
    let (mut world, production) = (World::new().await, FakeProduction::default());
    world.delivers_to(&production);
    world.when(|act| act.is("hook").then(|| (String::new(), Step::Hangs)));
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    let run = tokio::task::block_in_place(|| world.runner.until_hanging(|name| name.contains("-deploy-")));
    in_state(&world, &task, DeploymentState::Deploying).await;
    process.kill().await;
    let process = world.start("p2");
    process.swept().await;
    let landed = world.store_task(&task).await.landed.unwrap();
    production.put(Some(landed.as_str()));
    world.runner.end(&run, Step::completes());
    world.until_done(&task).await;
    let hooks: Vec<_> = world.runner.launched().into_iter().filter(|name| name.contains("-deploy-")).collect();
    assert_eq!(hooks, [run], "one hook, however often it is asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_says_it_did_and_did_not_is_not_believed() {
    let (mut world, production) = (World::new().await, FakeProduction::default());
    world.delivers_to(&production);
    let process = world.start("p1");
    world.until_done(&process.issue("Add up").await).await;
    let before = production.runs();
    let lies = std::sync::atomic::AtomicBool::new(true);
    world.when(move |act| {
        let first = act.is("hook") && lies.swap(false, std::sync::atomic::Ordering::SeqCst);
        first.then(|| ("deployed!\n".to_owned(), Step::completes()))
    });
    let task = process.issue("Take away").await;
    world.until("it is sent back", &task.id, |task| task.retries == 1).await;
    assert_eq!(production.runs(), before);
    assert_eq!(states(&world).await[1], ("S-002".to_owned(), "rolled_back"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_before_its_turn_calls_the_deployment_off_and_takes_the_change_back() {
    let (mut world, production) = (World::new().await, FakeProduction::default());
    world.delivers_to(&production);
    let process = world.start("p1");
    world.until_done(&process.issue("Add up").await).await;
    let before = world.forge.main();
    // Somebody puts something there by hand: nothing is deployed over it.
    production.put(Some("by hand"));
    let task = process.issue("Take away").await;
    in_state(&world, &task, DeploymentState::Queued).await;
    let line = eventually("what else runs is known", async || {
        let (line, _) = world.store.deploy_line(&"web".into()).await.unwrap();
        line.drift.is_some().then_some(line)
    })
    .await;
    assert_eq!(line.drift.as_deref(), Some("by hand"));
    process.control.command(&task.work_item, TaskCommand::Stop, "Uma", "stop".to_owned()).await.unwrap();
    let ended = world.until("it has ended", &task.id, |task| task.position.is_terminal()).await;
    assert_eq!((ended.position, ended.landed), (Position::Cancelled, None));
    assert_eq!(world.forge.files(&world.forge.main()), world.forge.files(&before));
    assert_eq!(production.runs().as_deref(), Some("by hand"), "nobody deployed over it");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_machine_could_not_begin_takes_nothing_back_and_counts_no_retry() {
    let (mut world, production) = (World::new().await, FakeProduction::default());
    world.delivers_to(&production);
    let times = std::sync::atomic::AtomicU32::new(0);
    world.when(move |act| {
        let fails = act.is("hook") && times.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 2;
        fails.then(|| (String::new(), Step::spawn_fails("no such program")))
    });
    let process = world.start("p1");
    let done = world.until_done(&process.issue("Add up").await).await;
    assert_eq!((done.retries, done.brought.len()), (0, 1));
    assert_eq!(production.hooks().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_bring_back_freezes_its_repository() {
    let (mut world, production) = (World::new().await, FakeProduction::default());
    world.delivers_to(&production);
    let process = world.start("p1");
    world.until_done(&process.issue("Add up").await).await;
    world.when(|act| act.is("hook").then(|| ("it burns\n".to_owned(), Step::fails(2))));
    production.put(None);
    let task = process.issue("Take away").await;
    in_state(&world, &task, DeploymentState::Broken).await;
    let frozen = eventually("it is frozen", async || world.store.repositories().await.unwrap().remove(0).frozen).await;
    assert!(frozen.reason.contains("does not run on web"), "{}", frozen.reason);
    assert_eq!(frozen.cause.map(|cause| cause.work_item), Some(task.work_item.clone()));
    // Somebody brings the one before it back, and says what runs.
    let before = world.store.deploy_line(&"web".into()).await.unwrap().0.runs[0].1.revision.clone();
    production.put(Some(&before));
    process.control.verify_target(&"web".into(), None, "Uma").await.unwrap();
    world.until("it is sent back", &task.id, |task| task.retries == 1).await;
}
