//! What is shown outside, on both engines.

use std::sync::Arc;

use orch_ports::outbox::Outbox;
use orch_ports::projection::{NextProjection, ProjectionEnd, ProjectionFilter, ProjectionRow, ProjectionWritten};
use orch_ports::store::StoreError;
use orch_rules::change::Change;
use orch_rules::ids::Timestamp;
use orch_rules::lease::LEASE_MS;
use orch_rules::outbox::projection::{Need, Raise, Rendering, WRITES_KEPT};
use orch_rules::outbox::target::Health;

use crate::harness::{World, on_both};
use crate::hosts::joining;
use crate::rows::*;

on_both!(
    a_row_is_raised_with_the_facts_and_has_no_payload,
    what_people_need_first_goes_first,
    a_change_during_a_call_is_sent_too,
    who_lost_the_claim_leaves_a_doubt,
    a_write_is_noted_before_its_call_and_the_last_ones_are_kept,
    a_write_that_was_refused_is_no_write,
    what_is_left_in_dead_hands_is_sent_anew,
    what_fails_waits_and_is_pulled_near_by_the_next_change,
    what_is_gone_is_never_raised_again,
    what_replaces_another_holds_its_claim_until_that_is_gone,
    what_this_release_does_not_know_is_shown_and_left_alone,
    what_a_look_saw_is_kept_and_one_that_stands_is_adopted,
);

const KNOWN: &[&str] = &["card", "status"];

fn raised(object: &str, aspect: &str, need: Need) -> Change {
    let (target, object, aspect) = ("board".to_owned(), object.to_owned(), aspect.to_owned());
    Change::Raise { raise: Raise { target, object, aspect, need: need.number() } }
}

fn outbox(world: &World) -> Arc<dyn Outbox> {
    world.outbox()
}

async fn raise(world: &World, object: &str) {
    write(&*world.store, vec![raised(object, "card", Need::Progress)]).await.unwrap();
}

async fn claim(world: &World) -> Option<ProjectionRow> {
    outbox(world).claim_projection("board", KNOWN, "me").await.unwrap()
}

async fn row(world: &World, object: &str) -> ProjectionRow {
    outbox(world).projection("board", object, "card").await.unwrap().unwrap()
}

fn value(value: &str) -> Rendering {
    Rendering::of_value(value)
}

fn arrived(text: &str) -> ProjectionEnd {
    ProjectionEnd::Written { rendering: value(text), written: ProjectionWritten::default() }
}

async fn send(world: &World, row: &ProjectionRow, text: &str) {
    let outbox = outbox(world);
    outbox.begin_projection(row, &value(text), world.store.now().await.unwrap()).await.unwrap();
    outbox.end_projection(row, &arrived(text), None).await.unwrap();
}

async fn a_row_is_raised_with_the_facts_and_has_no_payload(world: World) {
    let store = &*world.store;
    shop(store, &["a"]).await;
    let broken = set(vec![version("a", 7)], vec![raised("task:a", "card", Need::Progress)]);
    assert!(store.apply(broken, None).await.is_err());
    assert_eq!(outbox(&world).next_projection("board", KNOWN).await.unwrap(), NextProjection::default());
    assert_eq!(claim(&world).await, None, "the facts were not written");
    let raises = vec![raised("task:a", "card", Need::Progress); 2];
    assert!(store.apply(set(vec![], raises), None).await.unwrap().queued, "somebody is told of it");
    assert!(outbox(&world).next_projection("board", KNOWN).await.unwrap().now.is_some());
    let claimed = claim(&world).await.unwrap();
    assert_eq!((claimed.state.wanted, claimed.state.sent, claimed.object.as_str()), (2, 0, "task:a"));
    assert_eq!(claim(&world).await, None, "one at a time");
    assert_eq!(outbox(&world).claim_projection("chat", KNOWN, "me").await.unwrap(), None, "another target");
    send(&world, &claimed, "Development").await;
    let sent = row(&world, "task:a").await;
    assert_eq!((sent.state.sent, sent.state.shown), (2, Some(value("Development"))));
    assert_eq!(outbox(&world).next_projection("board", KNOWN).await.unwrap(), NextProjection::default());
    assert_eq!(world.number("SELECT COUNT(*) FROM projections").await, 1);
}

async fn what_people_need_first_goes_first(world: World) {
    for object in ["old", "new", "asks"] {
        raise(&world, object).await;
        world.raw(&format!("UPDATE projections SET due = due - {} WHERE object = 'old'", 1_000)).await;
    }
    write(&*world.store, vec![raised("asks", "card", Need::Soon)]).await.unwrap();
    raise(&world, "old").await;
    let mut order = Vec::new();
    while let Some(row) = claim(&world).await {
        order.push(row.object);
    }
    assert_eq!(order, ["asks", "old", "new"], "one that changes again keeps its turn");
}

async fn a_change_during_a_call_is_sent_too(world: World) {
    raise(&world, "a").await;
    let claimed = claim(&world).await.unwrap();
    raise(&world, "a").await;
    send(&world, &claimed, "one").await;
    let left = row(&world, "a").await;
    assert!(left.is_due() && (left.state.wanted, left.state.sent) == (2, 1), "{left:?}");
    let claimed = claim(&world).await.unwrap();
    send(&world, &claimed, "two").await;
    assert!(!row(&world, "a").await.is_due());
}

async fn who_lost_the_claim_leaves_a_doubt(world: World) {
    let outbox = outbox(&world);
    raise(&world, "a").await;
    let lost = claim(&world).await.unwrap();
    outbox.begin_projection(&lost, &value("one"), Timestamp(5)).await.unwrap();
    assert_eq!(outbox.reclaim_projections("another").await.unwrap(), 1);
    let held = outbox.claim_projection("board", KNOWN, "another").await.unwrap().unwrap();
    assert_eq!(held.state.shown, None, "nobody knows what the other's call wrote");
    outbox.begin_projection(&held, &value("two"), Timestamp(6)).await.unwrap();
    let late = outbox.end_projection(&lost, &arrived("one"), Some(("board", &Health::default()))).await;
    assert!(matches!(late, Err(StoreError::Stale { .. })));
    let begun = outbox.begin_projection(&lost, &value("one"), Timestamp(7)).await;
    assert!(matches!(begun, Err(StoreError::Stale { .. })), "and it may not begin another");
    outbox.doubt_projection("board", "a", "card").await.unwrap();
    outbox.end_projection(&held, &arrived("two"), None).await.unwrap();
    let again = claim(&world).await.unwrap();
    assert!(again.state.doubted > again.state.sent && again.state.is_due(), "{again:?}");
    send(&world, &again, "two").await;
    let settled = row(&world, "a").await;
    assert!(!settled.is_due() && settled.state.doubted <= settled.state.sent);
}

async fn a_write_is_noted_before_its_call_and_the_last_ones_are_kept(world: World) {
    let outbox = outbox(&world);
    for number in 0..30 {
        raise(&world, "a").await;
        let claimed = claim(&world).await.unwrap();
        let text = number.to_string();
        outbox.begin_projection(&claimed, &value(&text), Timestamp(100 + number)).await.unwrap();
        if number == 29 {
            break;
        }
        let written = ProjectionWritten { external_id: Some(format!("m{number}")), replaced: None };
        let end = ProjectionEnd::Written { rendering: value(&text), written };
        outbox.end_projection(&claimed, &end, None).await.unwrap();
    }
    let begun = row(&world, "a").await;
    assert_eq!((begun.state.shown, begun.external_id.as_deref()), (None, Some("m28")));
    let writes = begun.state.writes;
    assert_eq!(writes.len(), WRITES_KEPT);
    assert_eq!(writes.last().map(|write| (write.value.as_str(), write.ended)), Some(("29", None)));
    assert!(writes.first().is_some_and(|write| write.value == "10" && write.ended.is_some()));
    let kept = world.number("SELECT COUNT(*) FROM externals WHERE external_id IS NOT NULL").await;
    assert_eq!(kept, 19, "each with what the product calls it");
}

async fn a_write_that_was_refused_is_no_write(world: World) {
    let outbox = outbox(&world);
    raise(&world, "a").await;
    for (at, refused) in [(5, None), (6, Some(Timestamp(6))), (7, Some(Timestamp(7)))] {
        let claimed = claim(&world).await.unwrap();
        outbox.begin_projection(&claimed, &value("one"), Timestamp(at)).await.unwrap();
        let again = ProjectionEnd::Again { due: Timestamp(0), error: "no".into(), failed: true, refused };
        outbox.end_projection(&claimed, &again, None).await.unwrap();
    }
    let writes = row(&world, "a").await.state.writes;
    let begun: Vec<_> = writes.iter().map(|write| (write.begun, write.ended)).collect();
    assert_eq!(begun, [(Timestamp(5), None)], "the one in doubt may still arrive");
}

async fn what_is_left_in_dead_hands_is_sent_anew(world: World) {
    let outbox = outbox(&world);
    raise(&world, "a").await;
    assert!(claim(&world).await.is_some());
    world.hosts.join(&joining("me", Some(LEASE_MS))).await.unwrap();
    assert_eq!(outbox.reclaim_projections("another").await.unwrap(), 0, "that of a host is its own");
    assert_eq!(outbox.reclaim_projections("me").await.unwrap(), 1, "its earlier process's");
    assert!(claim(&world).await.is_some());
}

async fn what_fails_waits_and_is_pulled_near_by_the_next_change(world: World) {
    let outbox = outbox(&world);
    raise(&world, "a").await;
    let claimed = claim(&world).await.unwrap();
    let later = world.store.now().await.unwrap().plus_ms(3_600_000);
    let down = Health { failures: 3, until: Some(Timestamp(9)), reason: "away".into(), ..Health::default() };
    let again = ProjectionEnd::Again { due: later, error: "away".into(), failed: true, refused: None };
    outbox.end_projection(&claimed, &again, Some(("board", &down))).await.unwrap();
    assert_eq!(outbox.health("board").await.unwrap(), down);
    assert_eq!(claim(&world).await, None);
    assert_eq!(outbox.next_projection("board", KNOWN).await.unwrap(), NextProjection { now: None, later: Some(later) });
    raise(&world, "a").await;
    let claimed = claim(&world).await.unwrap();
    assert_eq!((claimed.tries, claimed.error.as_deref()), (1, Some("away")));
    let wait = ProjectionEnd::Again { due: later, error: "its branch".into(), failed: false, refused: None };
    raise(&world, "a").await;
    outbox.end_projection(&claimed, &wait, None).await.unwrap();
    let claimed = claim(&world).await.expect("what it waits for may have come meanwhile");
    assert_eq!(claimed.tries, 1, "a wait is no try");
    send(&world, &claimed, "x").await;
    let sent = row(&world, "a").await;
    assert_eq!((sent.tries, sent.error), (0, None));
}

async fn what_is_gone_is_never_raised_again(world: World) {
    raise(&world, "a").await;
    let claimed = claim(&world).await.unwrap();
    outbox(&world).end_projection(&claimed, &ProjectionEnd::Gone { error: "404".into() }, None).await.unwrap();
    raise(&world, "a").await;
    assert_eq!(claim(&world).await, None);
    let gone = row(&world, "a").await;
    assert!(!gone.is_due() && gone.ended_at.is_some() && gone.error.as_deref() == Some("404"), "{gone:?}");
}

async fn what_replaces_another_holds_its_claim_until_that_is_gone(world: World) {
    let outbox = outbox(&world);
    raise(&world, "a").await;
    let claimed = claim(&world).await.unwrap();
    outbox.begin_projection(&claimed, &value("x"), Timestamp(5)).await.unwrap();
    let written = ProjectionWritten { external_id: Some("2".into()), replaced: Some("1".into()) };
    let end = ProjectionEnd::Written { rendering: value("x"), written };
    outbox.end_projection(&claimed, &end, None).await.unwrap();
    raise(&world, "a").await;
    assert_eq!(claim(&world).await, None);
    assert_eq!(outbox.reclaim_projections("me").await.unwrap(), 1, "the process died before it was removed");
    let again = claim(&world).await.unwrap();
    assert_eq!((again.replaced.as_deref(), again.external_id.as_deref()), (Some("1"), Some("2")));
    let settled = ProjectionRow { replaced: None, ..again };
    outbox.end_projection(&settled, &ProjectionEnd::Settled, None).await.unwrap();
    let row = row(&world, "a").await;
    assert_eq!((row.replaced, row.state.shown, row.claimed), (None, Some(value("x")), false));
}

async fn what_this_release_does_not_know_is_shown_and_left_alone(world: World) {
    let outbox = outbox(&world);
    write(&*world.store, vec![raised("a", "hologram", Need::Soon)]).await.unwrap();
    assert_eq!(claim(&world).await, None);
    assert_eq!(outbox.next_projection("board", KNOWN).await.unwrap(), NextProjection::default());
    let listed = outbox.projections(&ProjectionFilter { due: true, ..ProjectionFilter::default() }).await.unwrap();
    assert_eq!(listed.iter().map(|row| row.aspect.as_str()).collect::<Vec<_>>(), ["hologram"]);
    raise(&world, "b").await;
    world.raw("UPDATE projections SET body = '{\"shown\": 7}' WHERE object = 'b'").await;
    assert_eq!(claim(&world).await, None);
    assert_eq!(world.number("SELECT COUNT(*) FROM projections WHERE owner IS NULL AND body LIKE '%7%'").await, 1);
    // As the first release with this table wrote them, and with more than this one knows.
    world.raw("UPDATE projections SET due = 0, body = '{\"mood\": 1}' WHERE object = 'b'").await;
    assert!(claim(&world).await.is_some_and(|row| row.state.shown.is_none() && row.tries == 0));
    world.raw("INSERT INTO projections (target, object, aspect, wanted, sent, due, body) VALUES ('board', 'c', 'card', 1, 0, 0, '{}')").await;
    assert!(claim(&world).await.is_some_and(|row| row.need == Need::Progress.number()));
}

async fn what_a_look_saw_is_kept_and_one_that_stands_is_adopted(world: World) {
    let outbox = outbox(&world);
    raise(&world, "a").await;
    let claimed = claim(&world).await.unwrap();
    send(&world, &claimed, "x").await;
    outbox.saw_projection("board", "a", "card", "Approved").await.unwrap();
    let seen = row(&world, "a").await;
    assert!(seen.looked.as_deref() == Some("Approved") && !seen.is_due(), "{seen:?}");
    assert!(outbox.adopt_projection("board", "a", "card", "7").await.unwrap());
    let adopted = claim(&world).await.unwrap();
    assert!(adopted.external_id.as_deref() == Some("7") && adopted.state.doubted > adopted.state.sent);
    assert!(outbox.adopt_projection("board", "a", "card", "8").await.unwrap());
    let written = ProjectionWritten { external_id: Some("9".into()), replaced: None };
    outbox.end_projection(&adopted, &ProjectionEnd::Written { rendering: value("x"), written }, None).await.unwrap();
    let again = row(&world, "a").await;
    assert!(again.external_id.as_deref() == Some("8") && again.is_due(), "adopted during a call: {again:?}");
    assert!(!outbox.adopt_projection("board", "z", "card", "7").await.unwrap());
}
