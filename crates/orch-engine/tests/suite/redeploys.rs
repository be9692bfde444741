//! What people do about a target, and what becomes of it: deployed again, taken for what is wanted; and a deployment whose
//! handler breaks down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use orch_engine::control::{ControlError, LaneCommand, TaskCommand};
use orch_rules::deploy::DeploymentState;
use orch_rules::lane::Freeze;
use orch_rules::task::{Position, Task};
use orch_testkit::fake::{FakeProduction, Fault, Step};

use crate::world::{Process, World, eventually};

async fn in_state(world: &World, task: &Task, state: DeploymentState) {
    let is = |task: &Task| task.deployment.as_ref().is_some_and(|one| one.state == state);
    world.until(state.name(), &task.id, is).await;
}

async fn states(world: &World) -> Vec<&'static str> {
    let mut all = world.store.deployments(100).await.unwrap();
    all.sort_by_key(|one| one.place);
    all.iter().map(|one| one.state.name()).collect()
}

async fn frozen(world: &World) -> Option<Freeze> {
    world.store.repositories().await.unwrap().remove(0).frozen
}

/// Nothing that is brought comes up, until this says false.
fn spoils(world: &World, production: &FakeProduction) -> Arc<AtomicBool> {
    let (spoils, on) = (production.clone(), Arc::new(AtomicBool::new(true)));
    let still = on.clone();
    world.when(move |act| {
        let revision = act.is("hook").then(|| act.order.environment["EXPECTED_REVISION"].clone());
        revision.filter(|_| still.load(Ordering::SeqCst)).into_iter().for_each(|revision| spoils.spoil(&revision));
        None
    });
    on
}

async fn unfreeze(process: &Process) -> Result<(), ControlError> {
    let repository = crate::world::repository();
    let command = LaneCommand::Unfreeze { force: None };
    process
        .control
        .lane_command(&repository, command, "Uma", format!("{:?}", std::time::Instant::now()))
        .await
        .map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revert_that_does_not_come_up_freezes_until_a_person_deployed_it() {
    let (mut world, production) = (World::new().await, FakeProduction::default());
    world.delivers_to(&production);
    let bad = spoils(&world, &production);
    let process = world.start("p1");
    // Nothing ran before: its revert is deployed, too.
    let task = process.issue("Add up").await;
    let freeze = eventually("it is frozen", async || frozen(&world).await).await;
    assert!(freeze.reason.contains("ahead of web") && freeze.reason.contains("redeploy web"), "{}", freeze.reason);
    assert_eq!(states(&world).await, ["failed", "failed"]);
    assert!(unfreeze(&process).await.is_err(), "what it is frozen for stands");
    // That fails as well: nothing changes.
    process.control.redeploy(&"web".into(), None, "Uma").await.unwrap();
    eventually("it failed as well", async || (states(&world).await == ["failed"; 3]).then_some(())).await;
    assert!(world.store_task(&task).await.landed.is_some(), "its revert does not run");
    bad.store(false, Ordering::SeqCst);
    production.repair();
    process.control.redeploy(&"web".into(), None, "Uma").await.unwrap();
    world.until("it is sent back", &task.id, |task| task.retries == 1).await;
    assert_eq!(states(&world).await[..4], ["failed", "superseded", "failed", "healthy"]);
    eventually("it may be lifted", async || frozen(&world).await.filter(|freeze| !freeze.stands()).map(drop)).await;
    unfreeze(&process).await.unwrap();
    let done = world.until_done(&task).await;
    assert_eq!(production.runs(), done.landed.map(|commit| commit.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_what_is_ahead_and_ends_when_it_runs() {
    let (mut world, production) = (World::new().await, FakeProduction::default());
    world.delivers_to(&production);
    let bad = spoils(&world, &production);
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    eventually("it is frozen", async || frozen(&world).await).await;
    process.control.command(&task.work_item, TaskCommand::Stop, "Uma", "stop".to_owned()).await.unwrap();
    process.kill().await;
    let process = world.start("p2");
    bad.store(false, Ordering::SeqCst);
    production.repair();
    process.control.redeploy(&"web".into(), None, "Uma").await.unwrap();
    let ended = world.until("it has ended", &task.id, |task| task.position.is_terminal()).await;
    assert_eq!((ended.position, ended.landed), (Position::Cancelled, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_put_there_is_adopted_and_rolled_back_to_by_its_name() {
    let (mut world, production) = (World::new().await, FakeProduction::default());
    world.delivers_to(&production);
    let process = world.start("p1");
    world.until_done(&process.issue("Add up").await).await;
    production.put(Some("by hand"));
    let task = process.issue("Take away").await;
    eventually("what else runs is known", async || {
        world.store.deploy_line(&"web".into()).await.unwrap().0.drift.map(drop)
    })
    .await;
    in_state(&world, &task, DeploymentState::Queued).await;
    // The next release does not come up: what is brought back is what was adopted, and it is no commit.
    let spoils = production.clone();
    world.when(move |act| {
        let order = act.is("hook").then_some(&act.order)?;
        if order.argv.contains(&"--rollback".to_owned()) {
            assert_eq!(order.environment["ORCH_PREVIOUS_REVISION"], "by hand");
            assert!(!order.environment.contains_key("ORCH_PREVIOUS_ARTIFACT"), "no commit is checked out of it");
        } else if act.order.environment["ORCH_DEPLOY_SEQ"] == "2" {
            spoils.spoil(&order.environment["EXPECTED_REVISION"]);
        }
        None
    });
    let answer = process.control.adopt_target(&"web".into(), "Uma").await.unwrap();
    assert!(answer.text.contains("by hand"), "{}", answer.text);
    world.until("it is sent back", &task.id, |task| task.retries == 1).await;
    assert_eq!(states(&world).await[1], "rolled_back");
    let refused = process.control.roll_back(&"web".into(), Some("nobody knows it"), "Uma", "k".to_owned()).await;
    assert!(matches!(refused, Err(ControlError::Refused { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_of_a_target_while_a_hook_lives() {
    let (mut world, production) = (World::new().await, FakeProduction::default());
    world.delivers_to(&production);
    world.when(|act| act.is("hook").then(|| (String::new(), Step::Hangs)));
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    let run = tokio::task::block_in_place(|| world.runner.until_hanging(|name| name.contains("-deploy-")));
    in_state(&world, &task, DeploymentState::Deploying).await;
    let (web, control) = ("web".into(), &process.control);
    for refused in [
        control.redeploy(&web, None, "Uma").await,
        control.adopt_target(&web, "Uma").await,
        control.roll_back(&web, None, "Uma", "k".to_owned()).await,
    ] {
        assert!(matches!(refused, Err(ControlError::Refused { .. })), "{refused:?}");
    }
    production.put(Some(world.store_task(&task).await.landed.unwrap().as_str()));
    world.runner.end(&run, Step::completes());
    world.until_done(&task).await;
    let nothing = control.redeploy(&web, Some("0000000000000000000000000000000000000000"), "Uma").await;
    assert!(matches!(nothing, Err(ControlError::Refused { .. })), "{nothing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_whose_handler_breaks_down_goes_on_however_often() {
    let (mut world, production) = (World::new().await, FakeProduction::default());
    world.delivers_to(&production);
    let process = world.start("p1");
    // More often than anything else is tried.
    for _ in 0..9 {
        process.store.faults.fail_next("put_deploy_line", Fault::Panic("no such colour".to_owned()));
    }
    let done = world.until_done(&process.issue("Add up").await).await;
    assert_eq!(production.runs(), done.landed.map(|commit| commit.to_string()));
    assert_eq!(production.hooks().len(), 1, "one hook, however often it is asked for");
}
