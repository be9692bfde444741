//! The repository's set-up command: before every agent and every check, and what its failure is called.

use orch_ports::runner::{Metered, Ordered, RunReport};
use orch_rules::attempt::RunEnd;
use orch_testkit::fake::Step;

use crate::world::{SHORT, World};

const SETTINGS: &str =
    "[setup]\ncommand = \"npm ci\"\ntimeout_seconds = 5\n[check]\ncommand = \"test\"\ntimeout_seconds = 7\n";
const BROKEN: &str = "== set-up ==\nset-up| no such registry\n== set-up failed: exit code 4\n";
const WORDS: &str = "the set-up of the clone failed: exit code 4; its last words: no such registry";

async fn world() -> World {
    World::with(&[(".orch/pipeline.toml", SHORT), (".orch/orch.toml", SETTINGS)]).await
}

fn broken() -> (String, Step) {
    (BROKEN.to_owned(), Step::fails(1))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_run_begins_with_the_set_up_and_has_its_time_besides_its_own() {
    let world = world().await;
    let process = world.start("p1");
    let done = world.until_done(&process.issue("Add up").await).await;
    assert_eq!((done.attempt, done.retries), (2, 0));
    for name in world.runner.launched() {
        let order = world.runner.order(&name).unwrap();
        let own = if order.ordered == Ordered::Check { 7_000 } else { 0 };
        assert_eq!(order.deadline_ms, own, "{name}");
        let set_up = order.set_up.unwrap();
        assert!(set_up.deadline_ms > 5_000, "{name}");
        assert_eq!((set_up.argv[4].as_str(), set_up.argv[5].as_str()), ("npm ci", "5"), "{name}");
        assert!(!set_up.environment.contains_key("ORCH_ROLE"), "{name}: it does not know whom it is for");
        assert!(order.ordered != Ordered::Check || order.argv == ["/bin/sh", "-c", "test"], "{name}");
        assert!(order.ordered != Ordered::Check || order.model.is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_whose_set_up_failed_is_unknown_and_not_the_developers_red() {
    let world = world().await;
    world.when(|act| act.is("check").then(broken));
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    let words = world.until_held(&task).await;
    let held = world.store_task(&task).await;
    assert_eq!((held.attempt, held.retries), (1, 0), "{words}");
    assert!(words.contains(WORDS), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_whose_set_up_failed_was_not_started() {
    let world = world().await;
    world.when(|act| (act.is("developer") && act.attempt == 1).then(broken));
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until_done(&task).await;
    let history = world.history(&task).await;
    let end = &history.attempts[0].ended.as_ref().unwrap().how;
    assert!(matches!(end, RunEnd::SpawnFailed { reason, .. } if reason.starts_with(WORDS)), "{end:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_up_that_used_the_model_has_its_price() {
    let world = world().await;
    let report = || {
        let mut metered = Metered { requests: 1, ..Metered::default() };
        metered.usage.cost_micros = Some(250_000);
        let end = RunEnd::Failed { reason: "exit code 1".to_owned() };
        RunReport { metered: Some(metered), ..RunReport::of(end, None, Some(1)) }
    };
    world.when(move |act| (act.is("developer") && act.attempt == 1).then(|| (BROKEN.to_owned(), Step::Ends(report()))));
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until_done(&task).await;
    let history = world.history(&task).await;
    let end = &history.attempts[0].ended.as_ref().unwrap().how;
    assert!(matches!(end, RunEnd::Failed { reason } if reason.starts_with(WORDS)), "{end:?}");
    assert_eq!(history.usage[0].usage.cost_micros, Some(250_000));
}

/// A set-up is the longest step to a first landed change: who writes documents alone does without, unless the line says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_set_up_runs_where_tests_do_unless_the_line_says_otherwise() {
    let author = "[[stage]]\nid = \"think\"\nkind = \"author\"\nrole = \"analyst\"\n";
    for (of_author, of_builder, with) in [
        ("", "", &["check", "developer", "reviewer"][..]),
        ("setup = true\n", "", &["analyst", "check", "developer", "reviewer"]),
        ("setup = false\n", "setup = false\n", &["check", "reviewer"]),
    ] {
        let build = format!("kind = \"build\"\n{of_builder}");
        let line = format!("{author}{of_author}\n{}", SHORT.replacen("kind = \"build\"\n", &build, 1));
        let world = World::with(&[(".orch/pipeline.toml", line.as_str()), (".orch/orch.toml", SETTINGS)]).await;
        let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let says = seen.clone();
        world.when(move |act| {
            let told = act.brief.contains("The set-up command, run in this clone before you started");
            says.lock().unwrap().push((act.who.clone(), act.order.set_up.is_some(), told));
            None
        });
        let process = world.start("p1");
        let task = process.issue("Add up").await;
        let done = world.until_done(&task).await;
        assert_eq!(done.retries, 0);
        let mut seen = seen.lock().unwrap().clone();
        seen.sort();
        seen.dedup();
        let ready: Vec<_> = seen.iter().filter(|(_, set_up, _)| *set_up).map(|(who, ..)| who.as_str()).collect();
        assert_eq!(ready, with);
        assert!(seen.iter().all(|(who, set_up, told)| who == "check" || set_up == told), "{seen:?}");
    }
}
