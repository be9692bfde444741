//! Messages and their targets, on both engines.

use std::sync::Arc;

use orch_ports::keep::Keep;
use orch_ports::outbox::{Ended, MessageFilter, MessageState, Outbox};
use orch_ports::store::StoreError;
use orch_rules::change::Change;
use orch_rules::ids::Timestamp;
use orch_rules::lease::LEASE_MS;
use orch_rules::notice::{Notice, NoticeKind};
use orch_rules::outbox::message::NewMessage;
use orch_rules::outbox::target::Health;

use crate::harness::{World, on_both};
use crate::hosts::joining;
use crate::rows::*;

on_both!(
    a_message_is_written_once_and_with_its_facts,
    messages_of_one_object_go_in_order,
    a_lost_claim_ends_nothing,
    who_died_while_sending_is_followed,
    the_facts_of_a_message_are_those_of_now,
    dead_letters_are_replayed_or_dropped,
    ended_messages_are_forgotten_in_time,
    a_target_is_remembered,
    what_this_release_does_not_know_is_left_alone,
);

fn notice(kind: NoticeKind, task: Option<&str>, occasion: &str) -> Notice {
    serde_json::from_value(serde_json::json!({
        "kind": kind.as_str(), "at": 5, "repository": "shop", "task": task, "text": "why", "occasion": occasion,
    }))
    .unwrap()
}

fn said(kind: NoticeKind, task: Option<&str>, occasion: &str) -> Change {
    Change::Say { message: NewMessage::of(notice(kind, task, occasion), "phone") }
}

fn outbox(world: &World) -> Arc<dyn Outbox> {
    world.outbox()
}

async fn next(world: &World) -> Option<String> {
    outbox(world).claim_message("phone", "me").await.unwrap().map(|message| message.key)
}

async fn a_message_is_written_once_and_with_its_facts(world: World) {
    let store = &*world.store;
    shop(store, &["a"]).await;
    let broken = set(vec![version("a", 7)], vec![said(NoticeKind::Done, Some("a"), "1")]);
    assert!(store.apply(broken, None).await.is_err());
    assert_eq!(next(&world).await, None, "the facts were not written");
    let twice = vec![said(NoticeKind::Done, Some("a"), "1"), said(NoticeKind::Done, Some("a"), "1")];
    assert!(store.apply(set(vec![], twice), None).await.unwrap().queued);
    write(store, vec![said(NoticeKind::Done, Some("a"), "1")]).await.unwrap();
    assert_eq!(next(&world).await.as_deref(), Some("done:1"));
    assert_eq!(next(&world).await, None);
    assert_eq!(outbox(&world).claim_message("mail", "me").await.unwrap(), None, "another target");
}

async fn messages_of_one_object_go_in_order(world: World) {
    let (store, outbox) = (&*world.store, outbox(&world));
    shop(store, &["a", "b"]).await;
    let rows = [("a", "1"), ("a", "2"), ("b", "3")];
    write(store, rows.iter().map(|(task, key)| said(NoticeKind::Done, Some(task), key)).collect()).await.unwrap();
    let first = outbox.claim_message("phone", "me").await.unwrap().unwrap();
    assert_eq!(first.key, "done:1");
    assert_eq!(next(&world).await.as_deref(), Some("done:3"), "the second waits for the first");
    assert_eq!(next(&world).await, None);
    let later = store.now().await.unwrap().plus_ms(3_600_000);
    outbox.end_message(&first, Ended::Again { due: later, error: "away".into() }, None).await.unwrap();
    assert_eq!(next(&world).await, None, "nor does it go before it");
    assert_eq!(outbox.next_message_due("phone").await.unwrap(), Some(later));
    world.raw("UPDATE messages SET due = 0").await;
    let first = outbox.claim_message("phone", "me").await.unwrap().unwrap();
    assert_eq!((first.tries, first.error.as_deref()), (2, Some("away")));
    outbox.end_message(&first, Ended::Sent, None).await.unwrap();
    assert_eq!(next(&world).await.as_deref(), Some("done:2"));
}

async fn a_lost_claim_ends_nothing(world: World) {
    let outbox = outbox(&world);
    write(&*world.store, vec![said(NoticeKind::Done, None, "1")]).await.unwrap();
    let stale = outbox.claim_message("phone", "me").await.unwrap().unwrap();
    assert_eq!(outbox.reclaim_messages("another").await.unwrap(), 1);
    let held = outbox.claim_message("phone", "another").await.unwrap().unwrap();
    let down = Health { reason: "x".into(), ..Health::default() };
    let answer = outbox.end_message(&stale, Ended::Sent, Some(&down)).await;
    assert!(matches!(answer, Err(StoreError::Stale { .. })));
    assert_eq!(outbox.health("phone").await.unwrap(), Health::default(), "nothing of it is written");
    outbox.end_message(&held, Ended::Wait { due: Timestamp(0) }, None).await.unwrap();
    let again = outbox.claim_message("phone", "another").await.unwrap().unwrap();
    assert_eq!(again.tries, held.tries, "a wait is no try");
}

async fn who_died_while_sending_is_followed(world: World) {
    let outbox = outbox(&world);
    write(&*world.store, vec![said(NoticeKind::Done, None, "1")]).await.unwrap();
    assert_eq!(next(&world).await.as_deref(), Some("done:1"));
    let me = joining("me", Some(LEASE_MS));
    world.hosts.join(&me).await.unwrap();
    assert_eq!(outbox.reclaim_messages("another").await.unwrap(), 0, "that of a host is its own");
    assert_eq!(outbox.reclaim_messages("me").await.unwrap(), 1, "its earlier process's");
    assert_eq!(next(&world).await.as_deref(), Some("done:1"));
}

async fn the_facts_of_a_message_are_those_of_now(world: World) {
    let (store, outbox) = (&*world.store, outbox(&world));
    shop(store, &["a"]).await;
    let mut asked = notice(NoticeKind::Asked, Some("a"), "e1");
    asked.episode = Some("e1".into());
    assert!(!outbox.message_facts(&asked).await.unwrap().question_open);
    write(store, vec![Change::PutEpisode { episode: episode("e1", "a", 1) }]).await.unwrap();
    let facts = outbox.message_facts(&asked).await.unwrap();
    assert!(facts.question_open && facts.hold.is_none() && facts.frozen_epoch.is_none() && !facts.outage);
    let held =
        orch_rules::task::Task { hold: Some(orch_rules::task::Hold::Stuck { reason: "red".into() }), ..task("a", 1) };
    store.apply(set(vec![version("a", 0)], vec![Change::PutTask { task: held }]), None).await.unwrap();
    world.raw("UPDATE repositories SET frozen = '{}', freeze_epoch = 4").await;
    let facts = outbox.message_facts(&asked).await.unwrap();
    assert_eq!(
        (facts.hold, facts.frozen_epoch),
        (Some(orch_rules::reason::stuck(orch_rules::reason::quoted("red"))), Some(4))
    );
}

async fn dead_letters_are_replayed_or_dropped(world: World) {
    let outbox = outbox(&world);
    write(&*world.store, vec![said(NoticeKind::Done, None, "1"), said(NoticeKind::Done, None, "2")]).await.unwrap();
    let first = outbox.claim_message("phone", "me").await.unwrap().unwrap();
    assert!(!outbox.replay_message(first.id).await.unwrap(), "it is being sent");
    assert!(!outbox.drop_message(first.id, "no").await.unwrap());
    outbox.end_message(&first, Ended::Dead { error: "404".into() }, None).await.unwrap();
    let dead = MessageFilter { state: Some(MessageState::Dead), ..MessageFilter::default() };
    let listed = outbox.messages(&dead).await.unwrap();
    assert_eq!(listed.iter().map(|row| (row.id, row.error.as_deref())).collect::<Vec<_>>(), [(first.id, Some("404"))]);
    assert!(outbox.replay_message(first.id).await.unwrap());
    let again = outbox.claim_message("phone", "me").await.unwrap().unwrap();
    assert_eq!((again.id, again.tries, again.ended_at), (first.id, 1, None));
    outbox.end_message(&again, Ended::Dead { error: "404".into() }, None).await.unwrap();
    assert!(outbox.drop_message(first.id, "dropped by ann").await.unwrap());
    let row = outbox.message(first.id).await.unwrap().unwrap();
    assert_eq!((row.state, row.error.as_deref()), (MessageState::Dropped, Some("dropped by ann")));
    assert_eq!(outbox.message(999).await.unwrap(), None);
    assert!(!outbox.replay_message(999).await.unwrap());
}

async fn ended_messages_are_forgotten_in_time(world: World) {
    let outbox = outbox(&world);
    let rows = ["1", "2", "3", "4"].map(|key| said(NoticeKind::Done, None, key));
    write(&*world.store, rows.to_vec()).await.unwrap();
    assert_eq!(outbox.forget_messages(&Keep::default(), 10).await.unwrap(), 0);
    let ended = |key: &str, state: &str, ago: i64| {
        format!("UPDATE messages SET state = '{state}', ended_at = {ago} WHERE message_key = 'done:{key}';")
    };
    let now = world.store.now().await.unwrap().0;
    let (month, quarter) = (now - Keep::default().sent_ms - 1_000, now - Keep::default().dead_ms - 1_000);
    let sql = ended("1", "sent", month) + &ended("2", "dead", month) + &ended("3", "dead", quarter);
    world.raw(&sql).await;
    assert_eq!(outbox.forget_messages(&Keep::default(), 1).await.unwrap(), 1, "in bounded pieces");
    assert_eq!(outbox.forget_messages(&Keep::default(), 10).await.unwrap(), 1);
    let kept: Vec<_> = outbox.messages(&MessageFilter::default()).await.unwrap();
    assert_eq!(kept.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), ["done:4", "done:2"]);
}

async fn a_target_is_remembered(world: World) {
    let outbox = outbox(&world);
    write(&*world.store, vec![said(NoticeKind::Done, None, "1")]).await.unwrap();
    let message = outbox.claim_message("phone", "me").await.unwrap().unwrap();
    let down = Health { failures: 3, until: Some(Timestamp(9)), reason: "away".into(), ..Health::default() };
    let again = Ended::Again { due: Timestamp(0), error: "away".into() };
    outbox.end_message(&message, again, Some(&down)).await.unwrap();
    assert_eq!(outbox.health("phone").await.unwrap(), down);
    assert_eq!(outbox.targets().await.unwrap(), [("phone".to_owned(), down)]);
}

async fn what_this_release_does_not_know_is_left_alone(world: World) {
    let outbox = outbox(&world);
    write(&*world.store, vec![said(NoticeKind::Done, None, "1")]).await.unwrap();
    world.raw("UPDATE messages SET body = '{\"mood\": 1}'").await;
    assert_eq!(outbox.claim_message("phone", "me").await.unwrap(), None);
    assert_eq!(outbox.claim_message("phone", "me").await.unwrap(), None);
    assert_eq!(world.number("SELECT COUNT(*) FROM messages WHERE state = 'queued' AND tries = 0").await, 1);
    assert!(outbox.messages(&MessageFilter::default()).await.unwrap().is_empty());
}
