//! Bad releases and bad hooks, and how each ends: production is back or a person is told, main has what runs, and the task
//! brings its feature again. What stands elsewhere: `deploys`, `redeploys`, `forward`, and the stories `e6` and `i`.

use orch_engine::control::LaneCommand;
use orch_rules::deploy::DeploymentState;
use orch_rules::deploy::looks::LookPlan;
use orch_rules::lane::Freeze;
use orch_rules::task::Task;
use orch_testkit::fake::{FakeProduction, Step};

use crate::world::{Process, World, eventually, repository};

const PLAN: LookPlan = LookPlan { looks: 10, every_ms: 1, good: 3 };

/// One release runs; the next one is about to come.
async fn one_runs() -> (World, FakeProduction, Process) {
    let (mut world, production) = (World::new().await, FakeProduction::default());
    world.delivers_as(&production, |terms| {
        terms.after_deploy = PLAN;
        terms.after_rollback = PLAN;
    });
    let process = world.start("p1");
    world.until_done(&process.issue("Add up").await).await;
    (world, production, process)
}

async fn states(world: &World) -> Vec<&'static str> {
    let mut all = world.store.deployments(100).await.unwrap();
    all.sort_by_key(|one| one.place);
    all.iter().map(|one| one.state.name()).collect()
}

async fn said(world: &World, task: &Task) -> String {
    let all = world.store.deployments_of(&task.id).await.unwrap();
    all.first().map(|one| one.said.clone()).unwrap_or_default()
}

async fn in_state(world: &World, task: &Task, state: DeploymentState) {
    let is = |task: &Task| task.deployment.as_ref().is_some_and(|one| one.state == state);
    world.until(state.name(), &task.id, is).await;
}

async fn frozen(world: &World) -> Option<Freeze> {
    world.store.repositories().await.unwrap().remove(0).frozen
}

/// The hook that bears this number does this instead; the others are good.
fn hook(world: &World, production: &FakeProduction, number: &'static str, does: fn(&FakeProduction, &str) -> Step) {
    let production = production.clone();
    world.when(move |act| {
        let order = act.is("hook").then_some(&act.order)?;
        (order.environment["ORCH_DEPLOY_SEQ"] == number)
            .then(|| (String::new(), does(&production, &order.environment["EXPECTED_REVISION"])))
    });
}

/// Taken back, and its feature is in what runs.
async fn came_again(world: &World, production: &FakeProduction, task: &Task, state: &str) {
    let done = world.until_done(task).await;
    assert_eq!(done.retries, 1, "{}", said(world, task).await);
    assert_eq!(states(world).await, ["healthy", state, "healthy", "healthy"], "{}", said(world, task).await);
    assert_eq!(production.runs(), done.landed.map(|commit| commit.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_good_look_that_comes_late_goes_on_to_its_third() {
    let (world, production, process) = one_runs().await;
    production.answers(|_, look| look >= 9);
    let task = process.issue("Take away").await;
    let done = world.until_done(&task).await;
    assert_eq!((done.retries, states(&world).await), (0, vec!["healthy", "healthy"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_answers_every_other_time_is_rolled_back_at_its_first_bad_look() {
    let (world, production, process) = one_runs().await;
    production.answers(|hooks, look| hooks != 2 || look % 2 == 1);
    let task = process.issue("Take away").await;
    came_again(&world, &production, &task, "rolled_back").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_healthy_and_degrades_freezes_and_is_left_to_people() {
    let (mut world, production) = (World::new().await, FakeProduction::default());
    world.delivers_as(&production, |terms| terms.bake_ms = 3_600_000);
    let process = world.start("p1");
    let done = world.until_done(&process.issue("Add up").await).await;
    production.answers(|_, _| false);
    let freeze = eventually("it is frozen", async || frozen(&world).await).await;
    assert!(freeze.reason.contains("S-001") && freeze.reason.contains("rollback web"), "{}", freeze.reason);
    assert_eq!(production.runs(), done.landed.map(|commit| commit.to_string()), "nobody touched it");
    let of = repository();
    let unfreeze = |key: &str| {
        let command = LaneCommand::Unfreeze { force: None };
        process.control.lane_command(&of, command, "Uma", key.to_owned())
    };
    assert!(unfreeze("a").await.is_err(), "it is not well");
    production.answers(|_, _| true);
    process.control.verify_target(&"web".into(), None, "Uma").await.unwrap();
    unfreeze("b").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_puts_there_while_it_is_watched_holds_the_line_and_freezes_nothing() {
    let (mut world, production) = (World::new().await, FakeProduction::default());
    world.delivers_as(&production, |terms| terms.bake_ms = 3_600_000);
    let process = world.start("p1");
    world.until_done(&process.issue("Add up").await).await;
    production.put(Some("by hand"));
    eventually("what else runs is known", async || {
        world.store.deploy_line(&"web".into()).await.unwrap().0.drift.map(drop)
    })
    .await;
    assert_eq!(frozen(&world).await, None, "it did not degrade");
    process.control.adopt_target(&"web".into(), "Uma").await.unwrap();
    let (line, _) = world.store.deploy_line(&"web".into()).await.unwrap();
    assert!(line.drift.is_none() && line.deployments.iter().all(|one| !one.degraded), "{line:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_answers_two_or_anything_else_freezes_and_its_revert_passes() {
    for code in [2, 77] {
        let (world, production, process) = one_runs().await;
        hook(&world, &production, "2", if code == 2 { |p, _| fails(p, 2) } else { |p, _| fails(p, 77) });
        let task = process.issue("Take away").await;
        came_again(&world, &production, &task, "rolled_back").await;
        let freeze = frozen(&world).await.expect("a person is to look");
        assert!(freeze.mended.is_some() && freeze.reason.contains("does not run on web"), "{freeze:?}");
        let command = LaneCommand::Unfreeze { force: None };
        process.control.lane_command(&repository(), command, "Uma", "k".to_owned()).await.unwrap();
    }
}

fn fails(production: &FakeProduction, code: i32) -> Step {
    production.put(None);
    Step::fails(code)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_says_one_while_the_new_one_answers_is_rolled_back() {
    let (world, production, process) = one_runs().await;
    hook(&world, &production, "2", |production, revision| {
        production.put(Some(revision));
        Step::fails(1)
    });
    let task = process.issue("Take away").await;
    came_again(&world, &production, &task, "rolled_back").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_says_one_and_touched_nothing_rolls_nothing_back() {
    let (world, production, process) = one_runs().await;
    hook(&world, &production, "2", |_, _| Step::fails(1));
    let task = process.issue("Take away").await;
    came_again(&world, &production, &task, "failed").await;
    let hooks = production.hooks();
    assert!(hooks.iter().all(|hook| hook.starts_with("deploy")), "{hooks:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_never_ends_is_settled_by_what_answers() {
    let (world, production, process) = one_runs().await;
    // It did its work, and hung.
    hook(&world, &production, "2", |production, revision| {
        production.put(Some(revision));
        Step::times_out()
    });
    let task = process.issue("Take away").await;
    world.until_done(&task).await;
    assert_eq!(states(&world).await, ["healthy", "healthy"]);
    // It did not.
    hook(&world, &production, "3", |_, _| Step::times_out());
    let task = process.issue("Third").await;
    let done = world.until_done(&task).await;
    assert_eq!(done.retries, 1);
    assert_eq!(states(&world).await[2], "failed", "{}", said(&world, &task).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_was_lost_with_production_down_is_rolled_back() {
    let (world, production, process) = one_runs().await;
    hook(&world, &production, "2", |production, _| {
        production.put(None);
        Step::lost()
    });
    let task = process.issue("Take away").await;
    came_again(&world, &production, &task, "rolled_back").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_hook_does_late_is_seen_and_holds_the_line() {
    let (world, production, process) = one_runs().await;
    hook(&world, &production, "2", |_, _| Step::lost());
    // The remote half of it comes after it was settled.
    let late = production.clone();
    world.when(move |act| {
        let again = act.is("developer") && act.work_item == "S-002" && act.attempt > 1;
        if again {
            late.put(Some("late"));
        }
        None
    });
    let task = process.issue("Take away").await;
    let line = eventually("what else runs is known", async || {
        let (line, _) = world.store.deploy_line(&"web".into()).await.unwrap();
        line.drift.is_some().then_some(line)
    })
    .await;
    assert_eq!((line.drift.as_deref(), states(&world).await[1]), (Some("late"), "failed"));
    process.control.redeploy(&"web".into(), None, "Uma").await.unwrap();
    let done = world.until_done(&task).await;
    let runs = production.runs().unwrap();
    assert_eq!(runs, done.landed.unwrap().as_str(), "what a person deployed has its feature");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_went_away_leaves_it_unknown_until_a_person_says_what_runs() {
    let (world, production, process) = one_runs().await;
    hook(&world, &production, "2", |production, revision| {
        production.put(Some(revision));
        Step::quarantined()
    });
    let task = process.issue("Take away").await;
    in_state(&world, &task, DeploymentState::Unknown).await;
    // A restart begins no second hook, and knows no more.
    process.kill().await;
    let process = world.start("p2");
    process.swept().await;
    in_state(&world, &task, DeploymentState::Unknown).await;
    process.control.verify_target(&"web".into(), None, "Uma").await.unwrap();
    world.until_done(&task).await;
    let hooks = world.runner.launched().into_iter().filter(|name| name.contains("-deploy-")).count();
    assert_eq!((hooks, states(&world).await), (2, vec!["healthy", "healthy"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_way_back_fails_a_person_brings_back_what_ran_before() {
    let (world, production, process) = one_runs().await;
    let first = production.runs().unwrap();
    hook(&world, &production, "2", |production, _| fails(production, 2));
    hook(&world, &production, "3", |production, _| fails(production, 2));
    let task = process.issue("Take away").await;
    in_state(&world, &task, DeploymentState::Broken).await;
    eventually("it is frozen", async || frozen(&world).await).await;
    process.control.roll_back(&"web".into(), Some(&first), "Uma", "k".to_owned()).await.unwrap();
    let done = world.until_done(&task).await;
    assert_eq!(done.retries, 1, "its revert landed, and it came again");
    assert_eq!(production.runs(), done.landed.map(|commit| commit.to_string()));
}
