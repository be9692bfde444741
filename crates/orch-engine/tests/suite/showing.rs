//! What is shown outside of a task, however the outside is doing.

use std::sync::Arc;
use std::time::Duration;

use orch_engine::control::TaskCommand;
use orch_ports::projection::{ProjectionFilter, ProjectionRow, ShowFate, ShownText};
use orch_ports::{Port, PortError};
use orch_rules::outbox::projection::object_of;
use orch_rules::port_error::ErrorKind;
use orch_rules::task::Task;
use orch_testkit::fake::{FakeTarget, Fault, Side};

use crate::world::{SHORT, World, eventually};

async fn with(target: &FakeTarget) -> World {
    let mut world = World::with(&[(".orch/pipeline.toml", SHORT)]).await;
    world.shown_by.push(Arc::new(target.clone()));
    world
}

async fn row(world: &World, task: &Task, aspect: &str) -> Option<ProjectionRow> {
    world.store.projection("board", &object_of(&task.id), aspect).await.unwrap()
}

/// Waits until what is shown of a task is what is to be shown, and everything of it was sent.
async fn shown(world: &World, target: &FakeTarget, task: &Task, text: &str) {
    eventually(&format!("{text} is shown"), async || {
        let due =
            world.store.projections(&ProjectionFilter { due: true, ..ProjectionFilter::default() }).await.unwrap();
        let there = target.there();
        let cards: Vec<_> = there.cards.values().filter(|(item, _)| *item == task.work_item.to_string()).collect();
        let status = there.statuses.get(task.work_item.as_str()).map(String::as_str);
        let right = cards.len() == 1 && cards[0].1 == text && status == Some(text);
        (due.is_empty() && right).then_some(())
    })
    .await;
}

fn fails(kind: ErrorKind) -> Fault {
    Fault::Port(PortError::of_object(kind, Port::Projection, "board", "card", "away"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_one_card_that_follows_it() {
    let target = FakeTarget::new("board");
    let world = with(&target).await;
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until_done(&task).await;
    shown(&world, &target, &task, "done").await;
    let texts = target.written("S-001", "card");
    assert!(texts.windows(2).all(|two| two[0] != two[1]), "what stands is not written again: {texts:?}");
    assert_eq!(texts.last().map(String::as_str), Some("done"));
    let row = row(&world, &task, "card").await.unwrap();
    assert_eq!((row.external_id.as_deref(), row.state.sent), (Some("1"), row.state.wanted));
    world.settled(&[&task]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_where_nothing_shows_it() {
    let world = World::new().await;
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until_done(&task).await;
    assert!(world.store.projections(&ProjectionFilter::default()).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_during_a_call_is_shown_behind_it() {
    let target = FakeTarget::new("board");
    let world = with(&target).await;
    let gate = target.faults.gate("write", Side::Before);
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    tokio::task::block_in_place(|| gate.reached());
    world.until_done(&task).await;
    gate.open();
    shown(&world, &target, &task, "done").await;
    let texts = target.written("S-001", "card");
    assert!(texts.len() <= 3, "everything that happened meanwhile is one write: {texts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_write_of_a_process_that_died_is_written_over() {
    let target = FakeTarget::new("board");
    let world = with(&target).await;
    let gate = target.faults.gate("write", Side::Before);
    let first = world.start("p1");
    let task = first.issue("Add up").await;
    tokio::task::block_in_place(|| gate.reached());
    first.kill().await;
    let second = world.start("p2");
    world.until_done(&task).await;
    eventually("the second one's is there", async || {
        let there = target.there();
        there.statuses.get("S-001").filter(|text| *text == "done").map(drop)
    })
    .await;
    // Now the first one's arrives. A look sees an older value of ours, which proves it.
    gate.open();
    let late = eventually("it arrives", async || {
        let (cards, statuses) = (target.written("S-001", "card"), target.written("S-001", "status"));
        let aspect = [("card", cards), ("status", statuses)];
        aspect.into_iter().find_map(|(aspect, texts)| {
            let last = texts.last()?.clone();
            (last != "done").then_some((aspect, last))
        })
    })
    .await;
    second.control.saw_shown("board", &task.id, late.0, &late.1, None).await.unwrap();
    eventually("it is written over", async || {
        (target.written("S-001", late.0).last().map(String::as_str) == Some("done")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_intent_and_answer_is_a_repeated_write_of_the_same_card() {
    let target = FakeTarget::new("board");
    let world = with(&target).await;
    let first = world.start("p1");
    let task = first.backlog("Add up").await;
    first.control.command(&task.work_item, TaskCommand::Start, "Uma", "1".to_owned()).await.unwrap();
    eventually("the card has its number", async || row(&world, &task, "card").await?.external_id).await;
    let gate = target.faults.gate("write", Side::After);
    tokio::task::block_in_place(|| gate.reached());
    first.kill().await;
    let begun = world.store.projections(&ProjectionFilter { due: true, ..ProjectionFilter::default() }).await.unwrap();
    assert!(begun.iter().any(|row| row.state.shown.is_none()), "the intent is stored: {begun:?}");
    let _second = world.start("p2");
    gate.open();
    world.until_done(&task).await;
    shown(&world, &target, &task, "done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_while_another_one_was_adopted_goes() {
    let target = FakeTarget::new("board");
    let world = with(&target).await;
    let process = world.start("p1");
    let task = loop {
        let gate = target.faults.gate("write", Side::After);
        let task = process.issue("Add up").await;
        tokio::task::block_in_place(|| gate.reached());
        // The status may be written first.
        let card_is_there = target.there().cards.values().any(|(item, _)| *item == task.work_item.to_string());
        if card_is_there {
            let older = (task.work_item.to_string(), "of a call in doubt".to_owned());
            target.there().cards.insert(70, older);
            assert!(world.store.adopt_projection("board", &object_of(&task.id), "card", "70").await.unwrap());
        }
        gate.open();
        if card_is_there {
            break task;
        }
    };
    world.until_done(&task).await;
    shown(&world, &target, &task, "done").await;
    assert!(target.there().cards.contains_key(&70), "{:?}", target.there().cards);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_away_costs_lateness_and_one_call_finds_out() {
    let target = FakeTarget::new("board");
    let world = with(&target).await;
    for _ in 0..2 {
        target.faults.fail_next("write", fails(ErrorKind::Passing));
        target.faults.fail_next("read", fails(ErrorKind::Passing));
    }
    let process = world.start("p1");
    let tasks = [process.issue("Add up").await, process.issue("Take away").await];
    eventually("the target is down", async || world.store.health("board").await.unwrap().is_down().then_some(())).await;
    for task in &tasks {
        world.until_done(task).await;
    }
    let calls = target.faults.calls("write") + target.faults.calls("read");
    assert!(calls <= 3, "nobody asks as long as it is down: {calls}");
    for task in &tasks {
        shown(&world, &target, task, "done").await;
    }
    let calls = target.faults.calls("write");
    assert!(calls <= 3 + 4, "each thing is written once, however much happened: {calls}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_in_doubt_is_awaited_before_the_next_one_of_its_aspect() {
    let target = FakeTarget::new("board");
    let world = with(&target).await;
    target.there().longest_call_ms = 3_600_000;
    target.faults.fail_next("write", fails(ErrorKind::InDoubt));
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until_done(&task).await;
    // What happens to its task meanwhile asks anew, and is told the same.
    let doubted = eventually("one of the two waits", async || {
        let rows = world.store.projections(&ProjectionFilter::default()).await.unwrap();
        let waits = |row: &&ProjectionRow| row.error.as_deref().is_some_and(|error| error.contains("may still arrive"));
        let row = rows.iter().find(waits)?;
        (row.due > world.store.now().await.unwrap().plus_ms(3_000_000)).then(|| row.aspect.clone())
    })
    .await;
    assert_eq!(target.written("S-001", &doubted), Vec::<String>::new());
    target.there().longest_call_ms = 0;
    process.control.saw_shown("board", &task.id, &doubted, "something", Some(false)).await.unwrap();
    shown(&world, &target, &task, "done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_stop_it_until_they_change() {
    let target = FakeTarget::new("board");
    let world = with(&target).await;
    target.faults.fail_next("write", fails(ErrorKind::Unauthorised));
    target.faults.fail_next("read", fails(ErrorKind::Unauthorised));
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until_done(&task).await;
    let health = world.store.health("board").await.unwrap();
    assert!(health.refused.is_some(), "{health:?}");
    assert!(target.there().writes.is_empty() && target.faults.calls("write") + target.faults.calls("read") == 1);
    target.there().credentials = "others".to_owned();
    target.faults.calm();
    let other = process.issue("Take away").await;
    world.until_done(&other).await;
    for task in [&task, &other] {
        shown(&world, &target, task, "done").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_set_is_looked_at_before_it_is_written_over() {
    let target = FakeTarget::new("board");
    let world = with(&target).await;
    let process = world.start("p1");
    let task = process.backlog("Add up").await;
    target.there().statuses.insert("S-001".to_owned(), "Approved".to_owned());
    process.control.command(&task.work_item, TaskCommand::Start, "Uma", "1".to_owned()).await.unwrap();
    world.until_done(&task).await;
    eventually("a look is asked for", async || (target.there().looks > 0).then_some(())).await;
    assert_eq!(target.there().statuses["S-001"], "Approved");
    process.control.saw_shown("board", &task.id, "status", "Approved", Some(false)).await.unwrap();
    shown(&world, &target, &task, "done").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_ends_and_what_waits_is_sent_when_its_time_comes() {
    let target = FakeTarget::rendering("board", |facts| match facts.task.landed {
        None => ShowFate::Wait("the landing"),
        Some(_) => ShowFate::Send(ShownText::value("landed")),
    });
    let world = with(&target).await;
    target.faults.fail_next("read", fails(ErrorKind::Gone));
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    let done = world.until_done(&task).await;
    assert!(done.landed.is_some());
    eventually("the card is there", async || (target.written("S-001", "card") == ["landed"]).then_some(())).await;
    let status = eventually("the status is gone", async || {
        row(&world, &task, "status").await.filter(|row| row.ended_at.is_some())
    })
    .await;
    assert!(!status.is_due() && target.there().statuses.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_has_its_pace_and_people_are_served_first() {
    let target = FakeTarget::rendering("board", |facts| {
        if facts.task.waits.is_empty() && !facts.task.position.is_terminal() {
            return ShowFate::Drop("nothing yet");
        }
        ShowFate::Send(ShownText::value(facts.task.position.name()))
    });
    let mut world = with(&target).await;
    world.policy.max_runs = 1;
    target.there().wait = Duration::from_secs(3_600);
    let process = world.start("p1");
    let tasks = [process.issue("One").await, process.issue("Two").await, process.issue("Three").await];
    world.until_done(&tasks[0]).await;
    assert!(target.there().writes.is_empty(), "its pace is kept");
    let due = world.store.projections(&ProjectionFilter { due: true, ..ProjectionFilter::default() }).await.unwrap();
    assert_eq!(due.first().map(|row| row.object.clone()), Some(object_of(&tasks[0].id)), "it has ended: {due:?}");
    for task in &tasks {
        world.until_done(task).await;
    }
    target.there().wait = Duration::ZERO;
    let last = process.issue("Four").await;
    world.until_done(&last).await;
    for task in tasks.iter().chain([&last]) {
        shown(&world, &target, task, "done").await;
    }
}
