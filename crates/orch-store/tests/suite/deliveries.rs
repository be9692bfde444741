//! What came in, as people see it, on both engines.

use std::sync::Arc;

use orch_ports::deliveries::{DeliveryFilter, DeliveryId, DeliverySeen, DeliveryState};
use orch_ports::intake::NewDelivery;
use orch_ports::keep::Keep;
use orch_ports::store::{Finished, InboxAnswer, Job};
use orch_rules::event::TaskEvent;
use orch_rules::observation::{Object, ObjectKind};

use tokio::task::JoinSet;

use crate::harness::{World, on_both};
use crate::rows::*;
use crate::work::delivery;

on_both!(
    every_state_is_shown_newest_first,
    what_is_dead_is_handled_once_more_or_dropped,
    what_a_webhook_told_is_looked_at_again,
    the_dead_are_kept_until_somebody_cares_or_for_long,
    what_is_being_answered_is_seen_all_the_same,
);

async fn listed(world: &World, state: Option<DeliveryState>) -> Vec<String> {
    let seen = world.store.deliveries_seen(&DeliveryFilter { state, ..DeliveryFilter::default() }).await.unwrap();
    seen.iter().map(|row| format!("{} {}", row.key, row.state.as_str())).collect()
}

async fn one(world: &World, number: i64) -> DeliverySeen {
    world.store.delivery_seen(DeliveryId { webhook: false, number }).await.unwrap().unwrap()
}

/// Five rows of one task, each handled to another end.
async fn five(world: &World) {
    shop(&*world.store, &["a"]).await;
    let ends = [
        Finished::Done { answer: Some(InboxAnswer::Accepted { text: "stopped".into() }) },
        Finished::Done { answer: Some(InboxAnswer::Refused { why: "it has ended".into() }) },
        Finished::Failed { error: "no such colour".into() },
        Finished::Waits { on: "base:shop".into(), why: "nobody has seen it".into() },
    ];
    for (end, key) in ends.into_iter().zip(["k1", "k2", "k3", "k4"]) {
        world.store.accept(delivery(key, TaskEvent::StopRequested)).await.unwrap();
        let work = claim(&*world.store, 1).await.remove(0);
        world.store.apply(set(vec![], vec![]), how(&work, end)).await.unwrap();
    }
    world.store.accept(delivery("k5", TaskEvent::StopRequested)).await.unwrap();
}

async fn every_state_is_shown_newest_first(world: World) {
    five(&world).await;
    let mut all = ["k5 queued", "k4 waiting", "k3 dead", "k2 refused", "k1 accepted"];
    assert_eq!(listed(&world, None).await, all);
    assert_eq!(listed(&world, Some(DeliveryState::Dead)).await, ["k3 dead"]);
    assert_eq!(listed(&world, Some(DeliveryState::Refused)).await, ["k2 refused"]);
    let other = DeliveryFilter { source: Some("board".into()), ..DeliveryFilter::default() };
    assert_eq!(world.store.deliveries_seen(&other).await.unwrap(), []);
    assert_eq!(one(&world, 3).await.error.as_deref(), Some("no such colour"));
    assert_eq!(one(&world, 2).await.answer, Some(InboxAnswer::Refused { why: "it has ended".into() }));
    assert_eq!(world.store.delivery_seen(DeliveryId { webhook: false, number: 99 }).await.unwrap(), None);
    claim(&*world.store, 1).await;
    all[0] = "k5 handling";
    assert_eq!(listed(&world, None).await, all);
}

async fn what_is_dead_is_handled_once_more_or_dropped(world: World) {
    five(&world).await;
    let store = &*world.store;
    let asked = |number| DeliveryId { webhook: false, number };
    for ended in [1, 2, 99] {
        assert!(!store.replay_delivery(asked(ended)).await.unwrap(), "{ended}");
        assert!(!store.drop_delivery(asked(ended), "x").await.unwrap(), "{ended}");
    }
    assert!(store.replay_delivery(asked(3)).await.unwrap());
    assert_eq!(one(&world, 3).await.state, DeliveryState::Queued);
    let work = claim(store, 1).await.remove(0);
    assert_eq!(work.attempt, 1, "with all its tries");
    assert!(!store.drop_delivery(asked(3), "x").await.unwrap(), "it is being handled");
    store.apply(set(vec![], vec![]), how(&work, Finished::Failed { error: "again".into() })).await.unwrap();
    for number in [3, 4] {
        assert!(store.drop_delivery(asked(number), "dropped by ann").await.unwrap());
        let dropped = one(&world, number).await;
        assert_eq!(dropped.answer, Some(InboxAnswer::Dropped { why: "dropped by ann".into() }));
        assert_eq!(dropped.state, DeliveryState::Dropped);
    }
    assert!(store.accept(delivery("k3", TaskEvent::StopRequested)).await.unwrap().duplicate);
    assert_eq!(claim(store, 9).await.len(), 1, "the fifth goes on, and nothing that was dropped");
}

async fn what_a_webhook_told_is_looked_at_again(world: World) {
    let told = |key: &str, hints: Vec<Object>| NewDelivery {
        connection: "plane".into(),
        key: key.into(),
        headers: "{}".into(),
        body: "{\"a\":1}".into(),
        hints,
        due: None,
    };
    let issue = Object::new(ObjectKind::Issue, "7");
    world.intake().deliver(told("d1", vec![issue.clone()])).await.unwrap();
    world.intake().deliver(told("d2", vec![])).await.unwrap();
    let webhook = |number| DeliveryId { webhook: true, number };
    assert_eq!(listed(&world, None).await.len(), 2);
    assert_eq!(listed(&world, Some(DeliveryState::Dead)).await, ["d2 dead"], "nobody could read it");
    let look = world.intake().claim_look("plane", "me").await.unwrap().unwrap();
    let nothing = orch_ports::intake::LookEnd::default();
    world.intake().end_look(&look, 0, nothing).await.unwrap();
    assert!(world.store.replay_delivery(webhook(1)).await.unwrap());
    assert_eq!(world.intake().claim_look("plane", "me").await.unwrap().unwrap().object, issue);
    assert!(!world.store.replay_delivery(webhook(2)).await.unwrap(), "there is nothing to look at");
    assert!(!world.store.drop_delivery(webhook(1), "x").await.unwrap());
    assert!(world.store.drop_delivery(webhook(2), "x").await.unwrap());
    assert_eq!(listed(&world, Some(DeliveryState::Dropped)).await, ["d2 dropped"]);
}

async fn the_dead_are_kept_until_somebody_cares_or_for_long(world: World) {
    five(&world).await;
    let at_once = Keep { work_ms: -1, answers_ms: -1, ..Keep::default() };
    world.store.tidy(&at_once, 100).await.unwrap();
    assert_eq!(listed(&world, None).await, ["k5 queued", "k4 waiting", "k3 dead"]);
    let long = 91 * 24 * 3_600_000_i64;
    world
        .raw(&format!(
            "UPDATE inbox SET received_at = received_at - {long}; UPDATE work SET armed_at = armed_at - {long}"
        ))
        .await;
    world.store.tidy(&Keep { work_ms: 0, answers_ms: 0, ..Keep::default() }, 100).await.unwrap();
    assert_eq!(listed(&world, None).await, ["k5 queued", "k4 waiting"], "what waits is no dead letter");
}

async fn what_is_being_answered_is_seen_all_the_same(world: World) {
    shop(&*world.store, &["a"]).await;
    for round in 0..50 {
        world.store.accept(delivery(&format!("k{round}"), TaskEvent::StopRequested)).await.unwrap();
        let work = claim(&*world.store, 1).await.remove(0);
        let Job::Inbox { inbox: number, .. } = work.job else { panic!("{:?}", work.job) };
        let asked = DeliveryId { webhook: false, number };
        let mut asking = JoinSet::new();
        for _ in 0..8 {
            let store = Arc::clone(&world.store);
            asking.spawn(async move {
                while store.delivery_seen(asked).await.unwrap().expect("it is there").answer.is_none() {}
            });
        }
        let end = Finished::Done { answer: Some(InboxAnswer::Accepted { text: "stopped".into() }) };
        world.store.apply(set(vec![], vec![]), how(&work, end)).await.unwrap();
        while let Some(asked) = asking.join_next().await {
            asked.unwrap();
        }
    }
}
