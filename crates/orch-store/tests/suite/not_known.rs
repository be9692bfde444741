//! Rows of a newer release: what this one does with what it does not know.

use orch_ports::store::{Claim, Job};
use orch_rules::event::TaskEvent;

use crate::harness::{World, on_both};
use crate::rows::*;
use crate::work::{branches, delivery};

on_both!(
    what_this_release_does_not_know_is_left_queued_and_shown,
    what_is_not_known_holds_only_what_has_to_come_after_it,
    only_the_named_kinds_are_claimed,
    a_word_that_nobody_checks_is_no_command,
);

/// Rows as a later release writes them: kinds and spellings that this one does not know.
async fn strange(world: &World) {
    let later = [
        ("observe", "look:plane:7", r#"{"work":"observe","object":"plane:7"}"#),
        ("%", "odd:1", "{}"),
        ("", "odd:2", ""),
        ("run_agen_", "odd:3", "{}"),
        ("land", "lane:shop", r#"{"work":"perform","effect":{"effect":"land","onto":"tree"}}"#),
        ("clean_up", "branch:a:x", "no JSON at all"),
        ("stage", "branch:a:y", r#"{"work":"perform","effect":{"effect":"stage","target":"eu"}}"#),
    ];
    for (kind, key, body) in later {
        world
            .raw(&format!(
                "INSERT INTO work (kind, ordering_key, task, priority, armed_at, due, state, body)
                 VALUES ('{kind}', '{key}', 'a', 0, 0, 0, 'queued', '{body}')"
            ))
            .await;
    }
    let event = r#"{"aggregate":"task","task":"a","event":{"event":"relabelled","to":"x"}}"#;
    let sql = format!(
        "INSERT INTO inbox (source, delivery_key, caused_by, received_at, event) VALUES ('plane', 'k', 'ann', 0, '{event}');
         INSERT INTO work (kind, ordering_key, task, inbox, priority, armed_at, due, state)
         SELECT 'inbox', 'task:a', 'a', i.id, 0, 0, 0, 'queued' FROM inbox i WHERE i.source = 'plane'"
    );
    world.raw(&sql).await;
}

async fn what_this_release_does_not_know_is_left_queued_and_shown(world: World) {
    shop(&*world.store, &["a"]).await;
    strange(&world).await;
    let before = world.number("SELECT COUNT(*) FROM work WHERE state = 'queued' AND attempt = 0").await;
    for _ in 0..2 {
        assert!(claim(&*world.store, 9).await.is_empty());
        assert_eq!(world.store.next_due(&kinds(), "me").await.unwrap(), None, "nothing of it wakes the loop");
        assert_eq!(world.number("SELECT COUNT(*) FROM work WHERE state = 'queued' AND attempt = 0").await, before);
        // The next process tries once more: it may be of another release.
        world.store.reclaim("next").await.unwrap();
    }
    assert!(claim(&*world.store, 9).await.is_empty());
    let queue = world.store.queue().await.unwrap();
    assert!(queue.rows.is_empty(), "nothing failed: {:?}", queue.rows);
    assert_eq!(queue.unknown.len(), 8);
    let told: Vec<_> = queue.unknown.iter().map(|row| row.error.clone().unwrap()).collect();
    for words in ["`observe`", "onto", "no JSON at all", "relabelled", "`stage`", "`%`"] {
        assert!(told.iter().any(|text| text.contains(words)), "{words} is not told: {told:#?}");
    }
    let of_task = world.store.history(&"a".into()).await.unwrap().work;
    assert_eq!(of_task.iter().filter(|row| row.error.is_some()).count(), 8, "the task shows them too");
}

/// Earlier releases knew events that answered a question without asking whose word it is. A row of one is kept and
/// shown, and does nothing.
async fn a_word_that_nobody_checks_is_no_command(world: World) {
    shop(&*world.store, &["a"]).await;
    let unchecked = [
        r#"{"event":"approved"}"#,
        r#"{"event":"rejected","reason":"no"}"#,
        r#"{"event":"deploy_confirmed"}"#,
        r#"{"event":"comment_seen"}"#,
        r#"{"event":"status_seen","status":"Approved"}"#,
    ];
    for (number, event) in unchecked.iter().enumerate() {
        let event = format!(r#"{{"aggregate":"task","task":"a","event":{event}}}"#);
        world
            .raw(&format!(
                "INSERT INTO inbox (source, delivery_key, caused_by, received_at, event)
                 VALUES ('desk', 'unchecked {number}', 'ann', 0, '{event}');
                 INSERT INTO work (kind, ordering_key, task, inbox, priority, armed_at, due, state)
                 SELECT 'inbox', 'task:a', 'a', i.id, 0, 0, 0, 'queued' FROM inbox i
                 WHERE i.delivery_key = 'unchecked {number}'"
            ))
            .await;
    }
    world.store.accept(delivery("stop", TaskEvent::StopRequested)).await.unwrap();
    let mut taken = Vec::new();
    for _ in 0..=unchecked.len() {
        taken.extend(claim(&*world.store, 9).await);
    }
    let events: Vec<_> = taken.iter().filter(|work| matches!(&work.job, Job::Inbox { .. })).collect();
    assert_eq!(events.len(), 1, "only the stop is handled: {events:?}");
    let told: Vec<_> = world.store.queue().await.unwrap().unknown.into_iter().filter_map(|row| row.error).collect();
    for word in ["`approved`", "`rejected`", "`deploy_confirmed`", "`comment_seen`", "`status_seen`"] {
        assert!(told.iter().any(|text| text.contains(word)), "{word} is not told: {told:#?}");
    }
}

async fn what_is_not_known_holds_only_what_has_to_come_after_it(world: World) {
    shop(&*world.store, &["a", "b"]).await;
    strange(&world).await;
    let stop = world.store.accept(delivery("stop", TaskEvent::StopRequested)).await.unwrap();
    // Effects behind one of their own key wait; those of other keys, decisions, and what people say do not.
    write(&*world.store, vec![publish("a", "x"), publish("a", "y"), publish("a", "z"), publish("b", "x"), wake("b")])
        .await
        .unwrap();
    let mut taken = Vec::new();
    for _ in 0..3 {
        taken.extend(claim(&*world.store, 9).await);
    }
    let mut names = branches(&taken);
    names.sort();
    assert_eq!(names, ["a/z", "b/x", "decide_task", "inbox"]);
    assert!(taken.iter().any(|work| matches!(work.job, Job::Inbox { inbox, .. } if inbox == stop.inbox)));
    write(&*world.store, vec![wake("a")]).await.unwrap();
    assert!(claim(&*world.store, 9).await.is_empty(), "one decision of a task at a time, as ever");
    for work in &taken {
        world.store.apply(set(vec![], vec![]), done(work)).await.unwrap();
    }
    assert_eq!(branches(&claim(&*world.store, 9).await), ["decide_task"]);
}

async fn only_the_named_kinds_are_claimed(world: World) {
    shop(&*world.store, &["a"]).await;
    write(&*world.store, vec![run_agent("a", 1), publish("a", "x"), wake("a")]).await.unwrap();
    let ask = |kinds| Claim { owner: "me".into(), incarnation: i64::MAX, limit: 9, kinds };
    assert!(world.store.claim(ask(vec![])).await.unwrap().is_empty());
    assert!(world.store.claim(ask(vec!["run", "run_agents", "publish"])).await.unwrap().is_empty());
    assert_eq!(world.store.next_due(&["land"], "me").await.unwrap(), None);
    assert!(world.store.next_due(&["run_agent"], "me").await.unwrap().is_some());
    assert_eq!(branches(&world.store.claim(ask(vec!["decide_task", "land"])).await.unwrap()), ["decide_task"]);
}
