//! Stores that fail for a while, handlers that break down, and an end in good order.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use orch_engine::Limits;
use orch_engine::control::NewIssue;
use orch_ports::{Port, PortError};
use orch_rules::attempt::RunEnd;
use orch_rules::ids::Timestamp;
use orch_rules::outage::Source;
use orch_rules::port_error::ErrorKind;
use orch_rules::task::{Task, Wait};
use orch_testkit::fake::{Fault, Side, Step};

use crate::world::{World, repository};

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_for_a_while_loses_nothing() {
    let world = World::new().await;
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    for call in ["claim", "task_facts", "lane_facts", "apply", "next_due", "now", "task"] {
        process.store.faults.fail_next(call, Fault::Passing("the database is away".to_owned()));
        process.store.faults.fail_next(call, Fault::Lasting("the disk is full".to_owned()));
    }
    let done = world.until_done(&task).await;
    world.settled(&[&task]).await;
    assert_eq!((done.attempt, done.retries), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_at_the_start_is_waited_for() {
    let world = World::new().await;
    let (engine, store, ..) = world.wire("p1");
    store.faults.fail_next("reclaim", Fault::Passing("the database is away".to_owned()));
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let loops = tokio::spawn(engine.run(stopped));
    tokio::task::block_in_place(|| store.faults.until_called("claim", 1));
    assert!(!loops.is_finished());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_breaks_down_is_asked_again() {
    let world = World::new().await;
    let process = world.start("p1");
    for call in ["prepare", "collect", "checkout", "publish", "candidate", "land", "remove", "forget"] {
        process.forge.faults.fail_next(call, Fault::Panic(format!("{call} divides by zero")));
    }
    let task = process.issue("Add up").await;
    let done = world.until_done(&task).await;
    world.settled(&[&task]).await;
    assert_eq!((done.attempt, done.retries), (2, 0));
}

/// What a forge says in passing, of its own state or of our credentials is nobody's attempt and no retry.
#[tokio::test(flavor = "multi_thread")]
async fn what_says_nothing_of_the_task_is_never_counted_against_it() {
    let one = |kind| PortError::of_object(kind, Port::Forge, "shop", "refs/heads/x", "a forge says so");
    let all = |kind| one(kind).widened();
    for error in [
        one(ErrorKind::Passing),
        one(ErrorKind::InDoubt),
        one(ErrorKind::RateLimited { until: Timestamp(0) }),
        one(ErrorKind::Missing),
        one(ErrorKind::Unauthorised),
        all(ErrorKind::Passing),
        all(ErrorKind::Refused),
        all(ErrorKind::Missing),
        all(ErrorKind::Gone),
        all(ErrorKind::Malformed),
    ] {
        let mut world = World::new().await;
        world.limits.look_at_trouble = Duration::from_millis(20);
        // So soon after each other a task can begin to wait just when what it waits for is over: the sweep is its net.
        world.limits.sweep_every = Duration::from_millis(200);
        let process = world.start("p1");
        for call in ["prepare", "collect", "checkout", "publish", "candidate", "land", "remove", "forget"] {
            for _ in 0..2 {
                process.forge.faults.fail_next(call, Fault::Port(error.clone()));
            }
        }
        let task = process.issue("Add up").await;
        let done = world.until_done(&task).await;
        assert_eq!(done.retries, 0, "{error:?}");
        let history = world.history(&task).await;
        let ran = history.attempts.iter().filter(|attempt| {
            let ended = attempt.ended.as_ref();
            ended.is_some_and(|ended| !matches!(ended.how, RunEnd::SpawnFailed { .. }))
        });
        assert_eq!(ran.count(), 2, "{error:?}: one of each role");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_the_forge_is_heeded() {
    let world = World::new().await;
    let process = world.start("p1");
    let until = world.store.now().await.unwrap().plus_ms(1_500);
    let limited = PortError::of_object(ErrorKind::RateLimited { until }, Port::Forge, "shop", "candidate", "429");
    process.forge.faults.fail_next("candidate", Fault::Port(limited));
    let task = process.issue("Add up").await;
    world.until_done(&task).await;
    assert!(world.store.now().await.unwrap() >= until);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_host_is_waited_for_however_long_it_takes() {
    let world = World::new().await;
    let process = world.start("p1");
    // More often than an effect is tried before it is given up.
    for _ in 0..20 {
        process.runner.faults.fail_next("room", Fault::Passing("the disk is full".to_owned()));
    }
    let task = process.issue("Add up").await;
    let done = world.until_done(&task).await;
    world.settled(&[&task]).await;
    assert_eq!((done.attempt, done.retries), (2, 0), "waiting for room is no retry");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_breaks_down_does_not_keep_its_row() {
    let world = World::new().await;
    let process = world.start("p1");
    process.swept().await;
    let task = process.issue("Add up").await;
    for call in ["task_facts", "lane_facts", "task", "apply usage", "apply land"] {
        process.store.faults.fail_next(call, Fault::Panic(format!("{call} divides by zero")));
    }
    let done = world.until_done(&task).await;
    world.settled(&[&task]).await;
    assert_eq!((done.attempt, done.retries), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_written_when_the_service_stops_is_finished() {
    let world = World::new().await;
    let process = world.start("p1");
    let gate = process.forge.faults.gate("land", Side::After);
    let task = process.issue("Add up").await;
    tokio::task::block_in_place(|| gate.reached());
    process.stop.send(true).unwrap();
    gate.open();
    process.loops.await.unwrap().unwrap();
    let entry = world.history(&task).await.lane;
    let landed = entry.iter().any(|entry| entry.state.is_settled());
    assert!(landed || world.store_task(&task).await.landed.is_some(), "{entry:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_does_not_keep_the_service_from_stopping() {
    let world = World::new().await;
    world.when(|act| act.is("developer").then(|| (String::new(), Step::Hangs)));
    let process = world.start("p1");
    process.issue("Add up").await;
    tokio::task::block_in_place(|| process.runner.faults.until_called("when_over", 1));
    process.stop.send(true).unwrap();
    process.loops.await.unwrap().unwrap();
    assert_eq!(world.runner.launched().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_was_stopped_before_it_began_ends_at_once() {
    let world = World::new().await;
    let (engine, store, ..) = world.wire("p1");
    let (_stop, mut stopped) = tokio::sync::watch::channel(true);
    stopped.mark_unchanged();
    engine.run(stopped).await.unwrap();
    assert_eq!(store.faults.calls("claim"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_machine_cannot_do_for_long_is_no_fact_about_a_task() {
    let mut world = World::new().await;
    world.limits = Limits { first_retry: Duration::from_millis(1), ..world.limits.clone() };
    let process = world.start("p1");
    // More often than any count of tries that could be given up.
    for call in ["prepare", "collect", "checkout", "publish", "candidate", "land", "remove", "forget"] {
        for _ in 0..10 {
            process.forge.faults.fail_next(call, Fault::Passing("Too many open files".to_owned()));
        }
    }
    let task = process.issue("Add up").await;
    let done = world.until_done(&task).await;
    world.settled(&[&task]).await;
    assert_eq!((done.attempt, done.retries), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_the_machine_could_not_start_is_the_same_attempt() {
    let world = World::new().await;
    let left = AtomicU32::new(6);
    world.when(move |_| {
        let short = "cannot start: Resource temporarily unavailable (os error 11)";
        let again = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        again.then(|| (String::new(), Step::spawn_fails(short)))
    });
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    let done = world.until_done(&task).await;
    world.settled(&[&task]).await;
    assert_eq!((done.attempt, done.retries), (2, 0));
    let outages = world.store.queue().await.unwrap().outages;
    assert!(outages.iter().all(|outage| outage.failures == 0), "{outages:?}");
}

/// A number belongs to a row. Whoever ends without one, for whatever reason, gives it back.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_no_row_bears_is_given_out_again() {
    let world = World::new().await;
    let process = world.start("p1");
    process.swept().await;
    let issue = |key: &str| NewIssue {
        repository: None,
        title: format!("Thing {key}"),
        description: "what is wanted".to_owned(),
        priority: 0,
        variant: None,
        labels: Vec::new(),
        start: false,
        depends_on: Vec::new(),
        key: key.to_owned(),
    };
    let open = async |key: &str| process.control.open_issue(issue(key), "Uma").await.unwrap().task().unwrap().work_item;
    let first = open("first").await;
    assert!(first.as_str().ends_with("-001"), "{first}");
    for fault in [Fault::Lasting("the disk is full".to_owned()), Fault::Passing("the database is away".to_owned())] {
        process.store.faults.fail_next("apply intake", fault);
    }
    let mut ids = Vec::new();
    for key in ["second", "second", "third"] {
        ids.push(open(key).await.to_string());
    }
    assert_eq!(ids[0], ids[1], "a repeated key is the same issue");
    assert!(ids[0].ends_with("-002") && ids[2].ends_with("-003"), "{ids:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_ask_at_once_get_a_number_each() {
    let world = World::new().await;
    let process = world.start("p1");
    let asked: Vec<_> = (0..100)
        .map(|n| {
            let control = process.control.clone();
            let issue = NewIssue {
                repository: None,
                title: format!("Thing {n}"),
                description: "what is wanted".to_owned(),
                priority: 0,
                variant: None,
                labels: Vec::new(),
                start: false,
                depends_on: Vec::new(),
                key: format!("key {}", n / 2),
            };
            tokio::spawn(async move { control.open_issue(issue, "Uma").await.unwrap().task().unwrap().work_item })
        })
        .collect();
    let mut ids = std::collections::BTreeMap::<_, u32>::new();
    for answer in asked {
        *ids.entry(answer.await.unwrap()).or_default() += 1;
    }
    assert_eq!(ids.len(), 50, "a repeated key is the same issue: {ids:?}");
    assert!(ids.values().all(|answers| *answers == 2), "{ids:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_looks_at_some_of_many_and_in_time_at_all() {
    let mut world = World::new().await;
    world.limits = Limits { looks_a_sweep: 7, sweep_every: Duration::from_millis(20), ..world.limits.clone() };
    let process = world.start("p1");
    let mut tasks = Vec::new();
    for n in 0..30 {
        process.store.lose_wakes.store(i32::from(n == 17), Ordering::SeqCst);
        tasks.push(process.issue(&format!("Thing {n}")).await);
    }
    for task in &tasks {
        world.until_done(task).await;
    }
}

/// A server that is away holds what lives there, pays nobody for work that could not be delivered, and goes on by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_delays_and_loses_nothing() {
    let mut world = World::new().await;
    world.limits.look_at_trouble = Duration::from_millis(20);
    world.forge.on_server("git.example.org", true);
    let process = world.start("p1");
    let before = process.issue("Add up").await;
    world.until_done(&before).await;
    world.forge.on_server("git.example.org", false);
    let during = process.issue("Take away").await;
    let source = Source::Repository { name: repository().to_string() };
    let waits = |task: &Task| task.waits.iter().any(|w| matches!(w, Wait::Outage { source: of, .. } if *of == source));
    world.until("it waits for the server", &during.id, waits).await;
    let outages = world.store.queue().await.unwrap().outages;
    let outage = outages.iter().find(|outage| outage.is_closed()).unwrap();
    assert!(outage.reason.contains("git.example.org cannot be reached"), "{}", outage.reason);
    assert_eq!(world.store.task(&during.id).await.unwrap().unwrap().attempt, 0, "nobody is paid");
    world.forge.on_server("git.example.org", true);
    let done = world.until_done(&during).await;
    assert_eq!(done.retries, 0);
}
