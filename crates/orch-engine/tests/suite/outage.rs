//! A vendor that does not serve, an agent that does not start: everybody who needs them waits, one run goes first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use orch_engine::control::{ControlError, TaskCommand};
use orch_rules::budget::Budgets;
use orch_rules::change::{Change, ChangeSet, Guard};
use orch_rules::effect::Effect;
use orch_rules::episode::EpisodeKind;
use orch_rules::ids::Timestamp;
use orch_rules::outage::{Outage, Source};
use orch_rules::task::{Task, Wait};
use orch_testkit::fake::Step;

use crate::world::World;

fn main_credential() -> Source {
    Source::Credential { name: "main".to_owned() }
}

fn waits_for(task: &Task, source: &Source) -> bool {
    task.waits.iter().any(|wait| matches!(wait, Wait::Outage { source: of, .. } if of == source))
}

/// Developers are refused as long as it is on.
fn limit(world: &World, until: Option<Timestamp>) -> Arc<AtomicBool> {
    let limit = Arc::new(AtomicBool::new(true));
    let on = Arc::clone(&limit);
    world.when(move |act| {
        (act.is("developer") && on.load(Ordering::SeqCst)).then(|| (String::new(), Step::refused(until, "usage limit")))
    });
    limit
}

async fn closed(world: &World) -> Outage {
    let outages = world.store.queue().await.unwrap().outages;
    outages.into_iter().find(Outage::is_closed).expect("something is out")
}

/// The pause is over: its row and its alarm are moved to this moment.
async fn the_pause_is_over(world: &World, task: &Task) {
    let mut outage = closed(world).await;
    let now = world.store.now().await.unwrap();
    let (key, version) = (outage.source.key(), outage.version);
    outage.until = Some(now);
    let effect = Effect::WakeWaiters { task: task.id.clone(), key: key.clone(), at: now };
    let changes = vec![Change::PutOutage { outage }, Change::Perform { effect, due: now }];
    world.store.apply(ChangeSet { guards: vec![Guard::OutageVersion { key, version }], changes }, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_usage_limit_pauses_everybody_across_a_restart_and_counts_nothing() {
    let world = World::new().await;
    let until = world.store.now().await.unwrap().plus_ms(3_600_000);
    let limit = limit(&world, Some(until));
    let first = world.start("p1");
    let one = first.issue("Add up").await;
    world.until("it waits for the vendor", &one.id, |task| waits_for(task, &main_credential())).await;
    let two = first.issue("Subtract").await;
    let waiting = world.until("so does the next", &two.id, |task| waits_for(task, &main_credential())).await;
    assert_eq!(waiting.attempt, 0, "it was not even tried");
    first.kill().await;

    let second = world.start("p2");
    second.swept().await;
    let alarms = world.store.queue().await.unwrap().counts;
    assert!(alarms.contains(&("wake_waiters".to_owned(), "queued".to_owned(), 1)), "{alarms:?}");
    assert_eq!(world.runner.launched().len(), 1, "nothing more was started");

    limit.store(false, Ordering::SeqCst);
    the_pause_is_over(&world, &one).await;
    // The test wrote behind the engine's back, which sleeps until the old alarm; any command makes it look.
    let order = TaskCommand::SetPriority { priority: 1 };
    second.control.command(&one.work_item, order, "Uma", "k".to_owned()).await.unwrap();
    for task in [&one, &two] {
        let done = world.until_done(task).await;
        assert_eq!(done.retries, 0);
    }
    let audit = world.history(&one).await.audit;
    let told: Vec<_> =
        audit.iter().filter(|line| line.rule.starts_with("outage")).map(|line| line.rule.as_str()).collect();
    assert_eq!(told.iter().filter(|rule| **rule == "outage").count(), 1, "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_lifted_by_hand_once() {
    let world = World::new().await;
    let limit = limit(&world, None);
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until("it waits for the vendor", &task.id, |task| waits_for(task, &main_credential())).await;
    limit.store(false, Ordering::SeqCst);
    process.control.lift(&main_credential(), "Uma").await.unwrap();
    assert_eq!(world.until_done(&task).await.retries, 0);
    let again = process.control.lift(&main_credential(), "Uma").await;
    assert!(matches!(&again, Err(ControlError::NotFound { what }) if what.contains("nothing is out")), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_does_not_start_is_not_started_again_and_again() {
    let world = World::new().await;
    let broken = Arc::new(AtomicBool::new(true));
    let on = Arc::clone(&broken);
    world.when(move |act| {
        let fails = !act.is("check") && on.load(Ordering::SeqCst);
        let first = if act.attempt == 1 { Step::Hangs } else { Step::spawn_fails("no such program") };
        fails.then(|| (String::new(), first))
    });
    let process = world.start("p1");
    let (one, two) = (process.issue("Add up").await, process.issue("Subtract").await);
    let agent = Source::Agent { name: "fake".to_owned() };
    let runner = process.runner.clone();
    tokio::task::block_in_place(|| {
        let names = [&one, &two].map(|task| runner.until_hanging(|name| name.starts_with(task.id.as_str())));
        names.iter().for_each(|name| assert!(runner.end(name, Step::spawn_fails("no such program"))));
    });
    for task in [&one, &two] {
        world.until("it waits for the agent", &task.id, |task| waits_for(task, &agent)).await;
    }
    assert!(world.runner.launched().len() <= 6, "{:?}", world.runner.launched());
    broken.store(false, Ordering::SeqCst);
    process.control.lift(&agent, "Uma").await.unwrap();
    for task in [&one, &two] {
        world.until_done(task).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_is_used_up_asks_and_goes_on_with_what_is_added() {
    let mut world = World::new().await;
    // Every run of the usual script costs half a dollar.
    world.policy.budgets = Budgets { run_micros: 500_000, task_micros: Some(600_000), ..Budgets::default() };
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    let asked = Wait::Human { asked: EpisodeKind::Budget };
    let waiting = world.until("a human is asked for money", &task.id, |task| task.waits.contains(&asked)).await;
    assert_eq!((waiting.attempt, waiting.retries), (1, 0), "the developer was paid, the reviewer is not");
    let key = format!("budget:task:{}", task.id);
    assert_eq!(world.store.budget_row(&key).await, Some((600_000, 500_000, 0)));
    let order = TaskCommand::RaiseBudget { by_micros: 400_000 };
    let answer = process.control.command(&task.work_item, order, "Uma", "k".to_owned()).await.unwrap();
    assert_eq!(answer.text, "the budget of this task is raised by $0.40");
    world.until_done(&task).await;
    assert_eq!(world.store.budget_row(&key).await, Some((600_000, 1_000_000, 0)));
}

/// A run that used up its own budget holds nobody back and is not started again by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_budget_of_one_run_asks_for_money_and_holds_nobody_else_back() {
    let world = World::new().await;
    world.when(|act| {
        (act.is("developer") && act.work_item == "S-001" && act.attempt == 1).then(|| {
            let report = orch_ports::runner::RunReport::of(
                orch_rules::attempt::RunEnd::Failed { reason: "exit code 1".to_owned() },
                None,
                Some(1),
            );
            let metered = orch_ports::runner::Metered {
                budget_reached: Some("this run has cost $0.57 of its $0.50 (models.main.run_budget_usd)".to_owned()),
                ..Default::default()
            };
            (String::new(), Step::Ends(orch_ports::runner::RunReport { metered: Some(metered), ..report }))
        })
    });
    let process = world.start("p1");
    let one = process.issue("Add up").await;
    let words = world.until_held(&one).await;
    let held = world.store_task(&one).await;
    assert!(words.contains("$0.57 of its $0.50") && words.contains("orch retry S-001"), "{words}");
    assert_eq!((held.attempt, held.retries), (1, 0));
    assert!(world.store.queue().await.unwrap().outages.iter().all(|outage| !outage.is_closed()));
    let two = process.issue("Subtract").await;
    world.until_done(&two).await;
    process.control.command(&one.work_item, TaskCommand::Retry, "Uma", "k".to_owned()).await.unwrap();
    world.until_done(&one).await;
}

/// What the host lacks is found out before a run is begun, and costs no task a retry: a program that is gone or too old,
/// a key that cannot be read, a model that the vendor does not offer.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_host_lacks_is_waited_for_and_nobodys_retry() {
    let agent = Source::Agent { name: "fake".to_owned() };
    for (what, source) in [("program", &agent), ("key", &main_credential()), ("model", &agent)] {
        let world = World::new().await;
        let words = format!("the {what} is not there; put it there");
        let offered = Arc::new(AtomicBool::new(what != "model"));
        let (on, told) = (Arc::clone(&offered), words.clone());
        world.when(move |act| {
            (act.is("developer") && !on.load(Ordering::SeqCst)).then(|| {
                let failed = orch_rules::attempt::RunEnd::Failed { reason: "exit code 1".to_owned() };
                let report = orch_ports::runner::RunReport::of(failed, None, Some(1));
                let metered = orch_ports::runner::Metered { unknown_model: Some(told.clone()), ..Default::default() };
                (String::new(), Step::Ends(orch_ports::runner::RunReport { metered: Some(metered), ..report }))
            })
        });
        let lacks = |words: Option<&str>| match what {
            "program" => *world.agent.lacks.lock().unwrap() = words.map(str::to_owned),
            "key" => world.runner.set_key_trouble(words),
            _ => offered.store(words.is_none(), Ordering::SeqCst),
        };
        lacks(Some(&words));
        let process = world.start("p1");
        let task = process.issue("Add up").await;
        let waiting = world.until("it waits for the host", &task.id, |task| waits_for(task, source)).await;
        assert_eq!(waiting.retries, 0, "{what}");
        let out = closed(&world).await;
        assert!(out.reason.contains(&words), "{what}: {}", out.reason);
        if what != "model" {
            assert_eq!(
                world.runner.launched().iter().filter(|run| run.contains("-1")).count(),
                0,
                "{what}: nothing ran"
            );
        }
        lacks(None);
        the_pause_is_over(&world, &waiting).await;
        let done = world.until_done(&task).await;
        assert_eq!(done.retries, 0, "{what}");
    }
}
