//! Red may be flaky: a check is repeated once by itself, and by hand for nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use orch_engine::control::{ControlError, LogAsk, LogOf, TaskCommand};
use orch_rules::check::{Check, CheckKey, CheckOutcome};
use orch_rules::task::Task;
use orch_testkit::fake::Step;

use crate::world::{Act, Process, SHORT, World, eventually};

/// The tests run on the developer's work before it goes on, too; red is for a person to look at.
fn tested() -> String {
    once().replacen("cap = 1", "cap = 1\ngates = [\"check_code_changed\", \"check_ci_green\"]", 1)
}

/// Whoever is sent back once is held when that changes nothing.
fn once() -> String {
    SHORT.replace("cap = 3", "cap = 1")
}

/// A developer that finds nothing to mend.
fn helpless(act: &Act) -> Option<(String, Step)> {
    (act.is("developer") && act.attempt > 1).then(|| (String::new(), Step::completes()))
}

/// The review is in what lands, and not in what the developer left.
fn is_of_candidate(act: &Act) -> bool {
    let items = act.order.directory.join("docs/work-items").read_dir_utf8();
    act.is("check") && items.into_iter().flatten().flatten().any(|item| item.path().join("12-review.md").exists())
}

fn red() -> (String, Step) {
    ("FAIL: a clock was slow\n".to_owned(), Step::fails(1))
}

async fn again(process: &Process, task: &Task, key: &str) -> Result<String, ControlError> {
    let answer = process.control.command(&task.work_item, TaskCommand::RetryCheck, "Uma", key.to_owned()).await?;
    Ok(format!("{answer:?}"))
}

const LOG: LogAsk = LogAsk { of: LogOf::Check(None), offset: 0, max: 5, readable: true, patience: Duration::ZERO };

/// Read in small parts, as somebody does who follows it; and the name of the run.
async fn whole_log(process: &Process, task: &Task, of: LogOf) -> (String, String) {
    let (mut text, mut offset) = (String::new(), 0);
    loop {
        let part = process.control.log(&task.work_item, LogAsk { of, offset, ..LOG }).await.unwrap();
        text.push_str(&part.text);
        if part.ended {
            return (text, part.run);
        }
        assert!(part.next > offset, "{part:?}");
        offset = part.next;
    }
}

async fn checks(world: &World, task: &Task) -> Vec<Check> {
    world.history(task).await.checks
}

#[tokio::test(flavor = "multi_thread")]
async fn red_once_is_tried_again_and_told_as_flaky() {
    let world = World::with(&[(".orch/pipeline.toml", &tested())]).await;
    world.when(|act| act.is("check").then(|| ("all is well\n".to_owned(), Step::completes())));
    world.when(|act| (act.is("check") && act.order.name.ends_with("-1")).then(red));
    world.when(helpless);
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until_done(&task).await;
    let history = world.history(&task).await;
    assert_eq!(history.attempts.len(), 2, "one of each role");
    assert_eq!(history.checks.len(), 2, "the head's and the candidate's");
    for check in &history.checks {
        assert_eq!((&check.outcome, check.first_red.is_some()), (&Some(CheckOutcome::Passed), true), "{check:?}");
    }
    let flaky =
        history.audit.iter().filter(|line| matches!(line.text.code(), "tests_flaky" | "candidate_flaky")).count();
    assert!(flaky >= 2, "people are told of both: {:?}", history.audit);
    // Both tries can be read, as one log with an end.
    for (of, number) in [(LogOf::Check(None), 2), (LogOf::Check(Some(1)), 1)] {
        let (log, run) = whole_log(&process, &task, of).await;
        assert_eq!(log, "FAIL: a clock was slow\n== try 2 ==\nall is well\n");
        assert_eq!(run, format!("{}-check-{number}", task.work_item));
    }
    let none = LogAsk { of: LogOf::Check(Some(3)), ..LOG };
    let none = process.control.log(&task.work_item, none).await.unwrap_err().to_string();
    assert!(none.contains("has no check 3; the newest is 2"), "{none}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_hangs_is_not_waited_for_twice() {
    let world = World::with(&[(".orch/pipeline.toml", &tested())]).await;
    world.when(|act| act.is("check").then(|| (String::new(), Step::times_out())));
    world.when(helpless);
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until_held(&task).await;
    let runs = world.runner.launched();
    assert!(!runs.iter().any(|name| name.contains("check") && name.ends_with("-2")), "{runs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn red_twice_is_repeated_by_hand_and_pays_nobody() {
    let world = World::with(&[(".orch/pipeline.toml", &tested())]).await;
    let broken = Arc::new(AtomicBool::new(true));
    let slow = broken.clone();
    world.when(move |act| (act.is("check") && slow.load(Ordering::SeqCst)).then(red));
    world.when(helpless);
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until_held(&task).await;
    let history = world.history(&task).await;
    assert!(history.audit.iter().any(|line| line.text.code() == "tests_fail_twice"), "{:?}", history.audit);
    let paid = history.attempts.len();
    // Still red: held as before, and nobody worked.
    again(&process, &task, "1").await.unwrap();
    let ended = async || checks(&world, &task).await.pop().is_some_and(|check| check.ended_at.is_some()).then_some(());
    eventually("the repeated tests ended", ended).await;
    assert!(world.store_task(&task).await.hold.is_some());
    broken.store(false, Ordering::SeqCst);
    again(&process, &task, "2").await.unwrap();
    world.until_done(&task).await;
    let history = world.history(&task).await;
    assert_eq!(history.attempts.len(), paid + 1, "the reviewer's is the only new one");
    assert!(matches!(again(&process, &task, "3").await, Err(ControlError::Refused { .. })), "it is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_red_candidate_is_made_and_tested_again_by_hand() {
    let world = World::with(&[(".orch/pipeline.toml", &once())]).await;
    let broken = Arc::new(AtomicBool::new(true));
    let slow = broken.clone();
    world.when(move |act| (is_of_candidate(act) && slow.load(Ordering::SeqCst)).then(red));
    world.when(helpless);
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until_held(&task).await;
    let newest = checks(&world, &task).await.pop().unwrap();
    assert!(matches!(newest.key, CheckKey::Candidate(_)), "{newest:?}");
    broken.store(false, Ordering::SeqCst);
    again(&process, &task, "1").await.unwrap();
    let done = world.until_done(&task).await;
    assert_eq!(done.attempt, 3, "nobody worked for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_repeated_while_an_agent_works() {
    let world = World::new().await;
    world.when(|act| act.is("developer").then(|| (String::new(), Step::Hangs)));
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.runner.until_hanging(|name| name.starts_with(&task.id.to_string()));
    let refused = again(&process, &task, "1").await.unwrap_err().to_string();
    assert!(refused.contains("an agent works on it already"), "{refused}");
}
