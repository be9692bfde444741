//! The feed of changes.

use orch_ports::Store;
use orch_ports::feed::{FeedFilter, FeedPart, FeedPlace};
use orch_ports::keep::Keep;
use orch_rules::change::{Change, Guard};
use orch_rules::task::{Position, Task};

use crate::harness::{On, World, on_both};
use crate::rows::*;

on_both!(
    what_changed_is_told_once_and_in_its_order,
    a_feed_is_read_in_parts_and_for_one_task,
    who_was_away_too_long_is_told_so,
    a_transaction_under_way_keeps_its_place,
);

async fn behind(store: &dyn Store, after: FeedPlace, limit: u32) -> FeedPart {
    store.feed(&FeedFilter { after: Some(after), limit, ..FeedFilter::default() }).await.unwrap()
}

fn words(part: &FeedPart) -> String {
    let word = |it: &orch_ports::feed::Changed| {
        let task = it.task.as_ref().map_or_else(|| it.repository.to_string(), ToString::to_string);
        format!("{task} {}", it.what)
    };
    part.changes.iter().map(word).collect::<Vec<_>>().join(", ")
}

async fn what_changed_is_told_once_and_in_its_order(world: World) {
    let store = &**world.store;
    let begin = store.feed(&FeedFilter::default()).await.unwrap();
    assert_eq!((begin.next, begin.changes.len(), begin.lost), (FeedPlace::default(), 0, false));
    shop(store, &["a", "b"]).await;
    let ended = Task { position: Position::Done, ..task("a", 1) };
    let changes =
        vec![Change::PutTask { task: ended }, line("of nobody"), Change::PutAttempt { attempt: attempt("b", 1) }];
    store.apply(set(vec![version("a", 0)], changes), None).await.unwrap();
    let guard = Guard::RepositoryVersion { repository: "shop".into(), version: 0 };
    let put = Change::PutRepository { repository: repository("shop") };
    store.apply(set(vec![guard], vec![put]), None).await.unwrap();
    // What changes nothing is not told.
    store.apply(set(vec![version("b", 0)], vec![]), None).await.unwrap();
    let all = behind(store, begin.next, 99).await;
    let told = "SHOP-001 opened, SHOP-002 opened, SHOP-001 ended, SHOP-002 changed, shop repository";
    assert_eq!(words(&all).replace(", shop repository, shop repository", ", shop repository"), told);
    assert_eq!(behind(store, all.next, 99).await, FeedPart { next: all.next, ..FeedPart::default() });
    assert_eq!(store.feed(&FeedFilter::default()).await.unwrap().next, all.next, "it begins where it ends now");
}

async fn a_feed_is_read_in_parts_and_for_one_task(world: World) {
    let store = &**world.store;
    shop(store, &["a", "b"]).await;
    for at in 0..4 {
        let change = |id: &str| Change::PutAttempt { attempt: attempt(id, at) };
        write(store, vec![change("a"), change("b")]).await.unwrap();
    }
    let (mut after, mut told) = (FeedPlace::default(), Vec::new());
    loop {
        let part = behind(store, after, 3).await;
        assert!(part.changes.len() <= 3 && !part.lost);
        if part.changes.is_empty() {
            break;
        }
        told.push(words(&part));
        // Asked twice, it is the same.
        assert_eq!(behind(store, after, 3).await, part);
        after = part.next.to_string().parse().unwrap();
    }
    let pair = "SHOP-001 changed, SHOP-002 changed";
    assert_eq!(told.join(", "), format!("SHOP-001 opened, SHOP-002 opened, {pair}, {pair}, {pair}, {pair}"));
    let filter = FeedFilter {
        after: Some(FeedPlace::default()),
        repository: Some("shop".into()),
        task: Some("SHOP-002".into()),
        limit: 99,
    };
    let of_one = store.feed(&filter).await.unwrap();
    assert_eq!((of_one.changes.len(), of_one.next), (5, after));
    let elsewhere = store.feed(&FeedFilter { repository: Some("attic".into()), ..filter }).await.unwrap();
    assert_eq!((elsewhere.changes.len(), elsewhere.next), (0, after));
}

async fn who_was_away_too_long_is_told_so(world: World) {
    let store = &**world.store;
    shop(store, &["a"]).await;
    let early = store.feed(&FeedFilter::default()).await.unwrap().next;
    for at in 0..3 {
        write(store, vec![Change::PutAttempt { attempt: attempt("a", at) }]).await.unwrap();
    }
    let late = store.feed(&FeedFilter::default()).await.unwrap().next;
    world.raw("UPDATE changes SET at = at - 3600001").await;
    store.tidy(&Keep::default(), 100).await.unwrap();
    assert_eq!(world.number("SELECT COUNT(*) FROM changes").await, 1, "the newest stays: numbers go on behind it");
    for lost in [early, FeedPlace::default()] {
        assert_eq!(behind(store, lost, 9).await, FeedPart { lost: true, next: late, changes: vec![] });
    }
    assert_eq!(behind(store, late, 9).await, FeedPart { next: late, ..FeedPart::default() });
}

async fn a_transaction_under_way_keeps_its_place(world: World) {
    let store = &**world.store;
    shop(store, &["a"]).await;
    let begin = store.feed(&FeedFilter::default()).await.unwrap().next;
    if world.on == On::Sqlite {
        // One writes at a time: rows are numbered in the order of their commits.
        return;
    }
    let held = world.hold("INSERT INTO changes (repository, what, at) VALUES ('shop', 'first', 1)").await;
    write(store, vec![Change::PutAttempt { attempt: attempt("a", 1) }]).await.unwrap();
    let waiting = behind(store, begin, 9).await;
    assert_eq!((waiting.changes.len(), waiting.next), (0, begin), "what follows it is not told before it");
    held.commit().await;
    assert_eq!(words(&behind(store, begin, 9).await), "shop first, SHOP-001 changed");
}
