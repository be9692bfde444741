//! The base branch itself is tested before anybody is paid for work on it, once for each commit that did not land here.

use std::time::Duration;

use orch_rules::task::Task;
use orch_testkit::fake::Step;

use crate::world::{Act, LINES, Process, SHORT, World, eventually, repository};

const SETTINGS: &str = "[check]\ncommand = \"test\"\n";

async fn world() -> World {
    let mut world = World::with(&[(".orch/pipeline.toml", SHORT), (".orch/orch.toml", SETTINGS)]).await;
    world.limits.base_check = true;
    world.limits.look_at_trouble = Duration::from_millis(20);
    world
}

fn of_base(act: &Act) -> bool {
    act.order.name.starts_with("base-")
}

fn base_runs(world: &World) -> Vec<String> {
    world.runner.launched().into_iter().filter(|name| name.starts_with("base-")).collect()
}

async fn until_it_waits(process: &Process, task: &Task, words: &str) {
    eventually(words, async || {
        let waits = process.control.show(task).await.unwrap().task.waits;
        serde_json::to_string(&waits).unwrap().contains(words).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_works_before_the_first_tip_is_green_and_what_lands_needs_no_other_test() {
    let world = world().await;
    world.when(|act| of_base(act).then(|| (String::new(), Step::Hangs)));
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    let run = world.runner.until_hanging(|name| name.starts_with("base-"));
    until_it_waits(&process, &task, "is being tested, once").await;
    assert_eq!(world.runner.launched(), [run.as_str()]);
    assert!(world.runner.end(&run, Step::completes()));
    world.until_done(&task).await;
    world.until_done(&process.issue("Take away").await).await;
    assert_eq!(base_runs(&world), [run], "the landed commits were tested as candidates");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_red_main_is_told_as_that_and_costs_nobody_anything() {
    let world = world().await;
    world.forge.user_commits(&[("src/old.txt", Some("RED\n"))], true);
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    until_it_waits(&process, &task, "main itself is red at").await;
    until_it_waits(&process, &task, "exit code 1; its last words: expected 4, got 5").await;
    assert_eq!(base_runs(&world).len(), 2, "red once may be flaky");
    assert_eq!(world.runner.launched().len(), 2, "no agent was started");
    let now = world.store_task(&task).await;
    assert_eq!((now.attempt, now.retries), (0, 0));
    world.forge.user_commits(&[("src/old.txt", Some("green\n"))], true);
    world.until_done(&task).await;
}

/// Whoever wants an issue to mend a red main says so; for that tip alone, and what is still red does not land.
#[tokio::test(flavor = "multi_thread")]
async fn a_red_main_is_mended_by_a_task_when_a_person_says_so() {
    let world = world().await;
    world.forge.user_commits(&[("src/old.txt", Some("RED\n"))], true);
    world.when(|act| {
        let mends = act.is("developer") && act.brief.contains("Mend main");
        mends.then(|| {
            act.commit(&[("src/old.txt", Some("green\n"))]);
            (String::new(), Step::completes())
        })
    });
    let process = world.start("p1");
    let task = process.issue("Mend main").await;
    until_it_waits(&process, &task, "orch resume --red-base shop").await;
    process.control.accept_red_base(&repository(), "Uma").await.unwrap();
    world.until_done(&task).await;
    // The landed main is looked at after the task was told done.
    let again = async || process.control.accept_red_base(&repository(), "Uma").await.err();
    let refused = eventually("the new main is known", again).await.to_string();
    assert!(refused.contains("not known to be red"), "{refused}");
    // Another commit is another question.
    world.forge.user_commits(&[("src/new.txt", Some("RED\n"))], true);
    let other = process.issue("Add up").await;
    until_it_waits(&process, &other, "main itself is red at").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn red_once_and_then_green_is_green() {
    let world = world().await;
    world.when(|act| (of_base(act) && act.order.name.ends_with("-1")).then(|| (String::new(), Step::fails(1))));
    let process = world.start("p1");
    world.until_done(&process.issue("Add up").await).await;
    assert_eq!(base_runs(&world).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_told_is_nobodys_red_and_a_new_tip_is_asked_at_once() {
    let world = world().await;
    world.when(|act| of_base(act).then(|| (String::new(), Step::fails(127))));
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    until_it_waits(&process, &task, "cannot be told: the test command could not be run (exit code 127)").await;
    assert_eq!(base_runs(&world).len(), 1, "a missing program is not there a second time");
    world.forge.user_commits(&[("b.txt", Some("b\n"))], true);
    eventually("the new tip is tested", async || (base_runs(&world).len() == 2).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_killed_meets_the_test_again() {
    let world = world().await;
    world.when(|act| of_base(act).then(|| (String::new(), Step::Hangs)));
    let first = world.start("p1");
    let task = first.issue("Add up").await;
    let run = world.runner.until_hanging(|name| name.starts_with("base-"));
    first.kill().await;
    let second = world.start("p2");
    until_it_waits(&second, &task, "is being tested, once").await;
    world.runner.end(&run, Step::completes());
    world.until_done(&task).await;
    assert_eq!(base_runs(&world), [run], "it was not begun again");
}

#[tokio::test(flavor = "multi_thread")]
async fn work_goes_on_beside_the_test_of_a_later_tip_and_stops_if_that_is_red() {
    let world = world().await;
    let process = world.start("p1");
    world.until_done(&process.issue("Add up").await).await;
    let green = base_runs(&world);
    let before = green.clone();
    world.when(move |act| (of_base(act) && !before.contains(&act.order.name)).then(|| (String::new(), Step::Hangs)));
    world.forge.user_commits(&[("a.txt", Some(&LINES.replace('1', "one")))], true);
    let task = process.issue("Take away").await;
    world.until_done(&task).await;
    let run = world.runner.until_hanging(|name| name.starts_with("base-"));
    assert!(!green.contains(&run));
    world.runner.end(&run, Step::completes());
}
