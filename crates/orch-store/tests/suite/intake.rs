//! Deliveries, looks and observations, on both engines.

use std::sync::Arc;

use orch_ports::intake::{Intake, Look, LookEnd, LookTold, NewDelivery, Observed};
use orch_ports::keep::Keep;
use orch_ports::store::{Delivery, StoreError};
use orch_rules::actor::Actor;
use orch_rules::base_branch::{BaseBranch, FileSeen};
use orch_rules::event::{Event, TaskEvent};
use orch_rules::ids::Timestamp;
use orch_rules::issue::Issue;
use orch_rules::observation::{Object, ObjectKind};

use crate::harness::{AsStore as _, World, on_both};
use crate::rows::shop;

on_both!(
    a_duplicate_stores_nothing_and_still_raises_the_look,
    one_look_is_queued_and_a_hint_pulls_it,
    a_hint_during_a_look_is_followed_by_another,
    a_look_that_finds_nothing_new_writes_nothing,
    an_older_look_does_not_replace_a_newer_one,
    two_first_looks_write_one_observation,
    looks_of_the_dead_are_done_again,
    bodies_are_forgotten_before_their_deliveries,
    an_object_that_this_release_does_not_know_is_left_alone,
    a_base_branch_is_replaced_in_place_by_the_newest_look_alone,
    what_a_look_tells_is_stored_with_its_end_or_not_at_all,
    everything_kept_of_a_kind_is_listed,
    a_task_knows_its_issue_also_after_its_end,
);

fn issue(id: &str) -> Object {
    Object::new(ObjectKind::Issue, id)
}
fn delivery(key: &str, hints: &[&str]) -> NewDelivery {
    NewDelivery {
        connection: "plane".into(),
        key: key.into(),
        headers: "{}".into(),
        body: "raw".into(),
        hints: hints.iter().map(|id| issue(id)).collect(),
        due: None,
    }
}
fn intake(world: &World) -> Arc<dyn Intake> {
    world.intake()
}
async fn claim(world: &World) -> Option<Look> {
    intake(world).claim_look("plane", "me").await.unwrap()
}
fn found(body: &str) -> LookEnd {
    LookEnd { observation: Some(Observed { version: 0, body: body.into() }), ..LookEnd::default() }
}
fn nothing() -> LookEnd {
    LookEnd::default()
}

async fn a_duplicate_stores_nothing_and_still_raises_the_look(world: World) {
    let intake = intake(&world);
    assert!(intake.deliver(delivery("d1", &["1", "2"])).await.unwrap());
    for id in ["1", "2"] {
        let look = claim(&world).await.unwrap();
        assert_eq!(look.object, issue(id));
        assert!(intake.end_look(&look, 0, nothing()).await.unwrap());
    }
    assert!(!intake.deliver(delivery("d1", &["1"])).await.unwrap());
    assert_eq!(claim(&world).await.map(|look| look.object), Some(issue("1")));
    assert!(intake.deliver(delivery("d2", &[])).await.unwrap());
    let rows = intake.deliveries(Some("plane"), 0).await.unwrap();
    let told: Vec<_> = rows.iter().map(|row| (row.key.as_str(), row.outcome.as_str(), row.hints.len())).collect();
    assert_eq!(told, [("d2", "unread", 0), ("d1", "looked", 2)]);
    assert!(intake.deliveries(Some("gitea"), 0).await.unwrap().is_empty());
}

async fn one_look_is_queued_and_a_hint_pulls_it(world: World) {
    let intake = intake(&world);
    let later = world.store.now().await.unwrap().plus_ms(3_600_000);
    intake.hint("plane", &issue("1"), later).await.unwrap();
    assert_eq!(claim(&world).await, None);
    intake.hint("plane", &issue("1"), later.plus_ms(1)).await.unwrap();
    intake.hint("plane", &issue("1"), Timestamp(1)).await.unwrap();
    assert_eq!(world.number("SELECT COUNT(*) FROM looks").await, 1);
    assert!(claim(&world).await.is_some());
}

async fn a_hint_during_a_look_is_followed_by_another(world: World) {
    let intake = intake(&world);
    intake.hint("plane", &issue("1"), Timestamp(1)).await.unwrap();
    let look = claim(&world).await.unwrap();
    intake.hint("plane", &issue("1"), Timestamp(1)).await.unwrap();
    assert_eq!(claim(&world).await, None, "never two at once");
    let end = LookEnd { again: Some(Timestamp(5)), ..found("a") };
    assert!(intake.end_look(&look, 0, end).await.unwrap());
    let next = claim(&world).await.unwrap();
    assert!(intake.end_look(&next, 1, nothing()).await.unwrap());
    assert_eq!(claim(&world).await, None, "its own wish and the hint are one");
}

async fn a_look_that_finds_nothing_new_writes_nothing(world: World) {
    let intake = intake(&world);
    intake.hint("plane", &issue("1"), Timestamp(1)).await.unwrap();
    let look = claim(&world).await.unwrap();
    assert!(intake.end_look(&look, 0, found("a")).await.unwrap());
    let kept = intake.observed("plane", &issue("1")).await.unwrap();
    assert_eq!(kept, Observed { version: 1, body: "a".into() });
    intake.hint("plane", &issue("1"), Timestamp(1)).await.unwrap();
    let look = claim(&world).await.unwrap();
    assert!(intake.end_look(&look, 1, nothing()).await.unwrap());
    assert_eq!(intake.observed("plane", &issue("1")).await.unwrap(), kept);
    assert_eq!(world.number("SELECT COUNT(*) FROM looks").await, 0);
}

async fn an_older_look_does_not_replace_a_newer_one(world: World) {
    let intake = intake(&world);
    intake.hint("plane", &issue("1"), Timestamp(1)).await.unwrap();
    let slow = claim(&world).await.unwrap();
    assert_eq!(intake.reclaim_looks("another").await.unwrap(), 1);
    let quick = intake.claim_look("plane", "another").await.unwrap().unwrap();
    assert!(matches!(intake.end_look(&slow, 0, found("old")).await, Err(StoreError::Stale { .. })));
    world.raw("INSERT INTO observations VALUES ('plane', 'issue:1', 1, 1, 'newer')").await;
    assert!(!intake.end_look(&quick, 0, found("old")).await.unwrap());
    assert_eq!(intake.observed("plane", &issue("1")).await.unwrap().body, "newer");
    assert!(claim(&world).await.is_some(), "and it is looked at again");
}

async fn what_a_look_tells_is_stored_with_its_end_or_not_at_all(world: World) {
    let intake = intake(&world);
    shop(&*world.store, &["a"]).await;
    let event = || Delivery {
        source: "plane-1".into(),
        key: "k1".into(),
        by: Actor::at("plane-1", "ann"),
        event: Event::Task { task: "a".into(), event: TaskEvent::StopRequested },
    };
    let object = issue("1");
    let filed = || LookTold::Issue {
        source: "plane-1".into(),
        key: "k2".into(),
        by: Actor::at("plane-1", "ann"),
        issue: Box::new(Issue {
            repository: "shop".into(),
            key: "plane-1:7".into(),
            title: "Say hello".into(),
            description: String::new(),
            priority: 0,
            variant: None,
            labels: Vec::new(),
            start: true,
            number: None,
            depends_on: Vec::new(),
        }),
    };
    let inbox = async || world.number("SELECT COUNT(*) FROM inbox WHERE source = 'plane-1'").await;
    let told = || LookEnd { told: vec![LookTold::Event(event()), filed()], ..found("a") };
    intake.hint("plane", &object, Timestamp(1)).await.unwrap();
    assert_eq!(intake.next_look_due("plane").await.unwrap(), Some(Timestamp(1)));
    let look = claim(&world).await.unwrap();
    assert_eq!(intake.next_look_due("plane").await.unwrap(), None);
    world.raw("INSERT INTO observations VALUES ('plane', 'issue:1', 1, 1, 'newer')").await;
    assert!(!intake.end_look(&look, 0, told()).await.unwrap());
    assert_eq!(inbox().await, 0, "it began from an older observation");
    let look = claim(&world).await.unwrap();
    assert!(intake.end_look(&look, 1, told()).await.unwrap());
    assert_eq!((inbox().await, intake.observed("plane", &look.object).await.unwrap().version), (2, 2));
    intake.hint("plane", &look.object, Timestamp(1)).await.unwrap();
    let look = claim(&world).await.unwrap();
    assert!(intake.end_look(&look, 2, told()).await.unwrap());
    assert_eq!(inbox().await, 2, "the same is told once");
}

async fn everything_kept_of_a_kind_is_listed(world: World) {
    let intake = intake(&world);
    let project = Object::new(ObjectKind::Project, "p");
    assert!(intake.observe("plane", &issue("1"), 0, "a").await.unwrap());
    assert!(intake.observe("plane", &issue("2"), 0, "b").await.unwrap());
    assert!(intake.observe("plane", &project, 0, "c").await.unwrap());
    assert!(intake.observe("other", &issue("3"), 0, "d").await.unwrap());
    assert!(!intake.observe("plane", &issue("1"), 0, "x").await.unwrap(), "it was replaced meanwhile");
    assert!(intake.observe("plane", &issue("1"), 1, "e").await.unwrap());
    let mut all = intake.all_observed("plane", ObjectKind::Issue).await.unwrap();
    all.sort();
    let kept = |version, body: &str| Observed { version, body: body.into() };
    assert_eq!(all, [(issue("1"), kept(2, "e")), (issue("2"), kept(1, "b"))]);
}

async fn a_task_knows_its_issue_also_after_its_end(world: World) {
    shop(&*world.store, &["a", "b"]).await;
    let of = async |task: &str| intake(&world).issue_of(&task.into()).await.unwrap();
    world
        .raw(
            "INSERT INTO natural_keys VALUES ('branch:shop:x', 'a', 1);
             INSERT INTO natural_keys VALUES ('issue:shop:plane-1:7', 'a', 1)",
        )
        .await;
    assert_eq!(of("a").await.as_deref(), Some("plane-1:7"));
    world.raw("UPDATE natural_keys SET held = 0").await;
    assert_eq!(of("a").await.as_deref(), Some("plane-1:7"));
    assert_eq!(of("b").await, None);
}

async fn two_first_looks_write_one_observation(world: World) {
    let intake = intake(&world);
    for object in ["1", "2"] {
        intake.hint("plane", &issue(object), Timestamp(1)).await.unwrap();
    }
    let (one, mut other) = (claim(&world).await.unwrap(), claim(&world).await.unwrap());
    other.object = one.object.clone();
    let (first, second) =
        tokio::join!(intake.end_look(&one, 0, found("one")), intake.end_look(&other, 0, found("other")));
    assert!(first.unwrap() ^ second.unwrap(), "one of them began from what the other replaced");
    assert_eq!(intake.observed("plane", &issue("1")).await.unwrap().version, 1);
}

async fn looks_of_the_dead_are_done_again(world: World) {
    let intake = intake(&world);
    intake.hint("plane", &issue("1"), Timestamp(1)).await.unwrap();
    intake.hint("plane", &issue("2"), Timestamp(1)).await.unwrap();
    assert!(claim(&world).await.is_some() && claim(&world).await.is_some());
    intake.hint("plane", &issue("1"), Timestamp(1)).await.unwrap();
    assert_eq!(intake.reclaim_looks("me").await.unwrap(), 0);
    assert_eq!(intake.reclaim_looks("successor").await.unwrap(), 2);
    assert_eq!(world.number("SELECT COUNT(*) FROM looks WHERE state = 'queued'").await, 2);
}

async fn bodies_are_forgotten_before_their_deliveries(world: World) {
    let intake = intake(&world);
    for key in ["new", "week", "quarter"] {
        intake.deliver(delivery(key, &["1"])).await.unwrap();
    }
    assert_eq!(intake.forget_deliveries(&Keep::default(), 10).await.unwrap(), 0);
    let now = world.store.now().await.unwrap().0;
    for (key, at) in
        [("week", now - Keep::default().bodies_ms - 1_000), ("quarter", now - Keep::default().deliveries_ms - 1_000)]
    {
        world.raw(&format!("UPDATE deliveries SET received_at = {at} WHERE delivery_key = '{key}'")).await;
    }
    assert!(intake.forget_deliveries(&Keep::default(), 10).await.unwrap() > 0);
    let rows = intake.deliveries(None, 0).await.unwrap();
    let told: Vec<_> = rows.iter().map(|row| (row.key.as_str(), row.body.is_some())).collect();
    assert_eq!(told, [("week", false), ("new", true)]);
    assert!(!intake.deliver(delivery("week", &["1"])).await.unwrap(), "it is known all the same");
}

async fn an_object_that_this_release_does_not_know_is_left_alone(world: World) {
    world.raw("INSERT INTO looks (connection, object, state, due) VALUES ('plane', 'mood:1', 'queued', 1)").await;
    assert_eq!(claim(&world).await, None);
    assert_eq!(claim(&world).await, None);
    assert_eq!(world.number("SELECT COUNT(*) FROM looks WHERE state = 'queued'").await, 1);
}

async fn a_base_branch_is_replaced_in_place_by_the_newest_look_alone(world: World) {
    let store = world.store.as_store();
    let base = |tip: &str| BaseBranch {
        branch: "main".into(),
        tip: tip.into(),
        settings: FileSeen::Text("[check]".into()),
        pipelines: [("p.toml".to_owned(), FileSeen::Absent)].into(),
        highest: [("ET".to_owned(), 7)].into(),
        obstacle: None,
        tests: orch_rules::base_check::BaseTests::default(),
    };
    let (shop, web) = ("shop".into(), "web".into());
    assert_eq!(store.base_seen(&shop).await.unwrap(), None);
    assert!(store.see_base(&shop, 0, &base("a")).await.unwrap());
    assert!(!store.see_base(&shop, 0, &base("late")).await.unwrap(), "another first look was quicker");
    assert!(store.see_base(&web, 0, &base("w")).await.unwrap());
    let seen = store.base_seen(&shop).await.unwrap().unwrap();
    assert_eq!((seen.version, &seen.base), (1, &base("a")));
    assert!(store.see_base(&shop, 1, &base("b")).await.unwrap());
    assert!(!store.see_base(&shop, 1, &base("late")).await.unwrap());
    assert_eq!(store.base_seen(&shop).await.unwrap().unwrap().base, base("b"));
    assert_eq!(store.base_seen(&web).await.unwrap().unwrap().base, base("w"));
}
