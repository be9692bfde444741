//! Issues of the built-in board, and rows that wait for something to happen, on both engines.

use std::sync::Arc;

use orch_ports::store::{Claim, Finished, InboxAnswer, Job, Work};
use orch_rules::event::TaskEvent;
use orch_rules::issue::Issue;

use crate::harness::{AsStore as _, World, on_both};
use crate::rows::*;
use crate::work::delivery;

on_both!(
    an_issue_is_stored_once_for_each_repository_and_key,
    many_issues_are_taken_in_beside_each_other,
    what_waits_is_not_tried_and_keeps_nobody_waiting,
    what_waits_goes_on_when_it_happens_or_somebody_starts,
);

fn issue(repository: &str, key: &str) -> Issue {
    Issue {
        repository: repository.into(),
        key: key.into(),
        title: "Add up".into(),
        description: String::new(),
        priority: 3,
        variant: None,
        labels: vec!["docs".into()],
        start: true,
        number: None,
        depends_on: vec!["SHOP-001".into()],
    }
}

fn waits(on: &str) -> Finished {
    Finished::Waits { on: on.into(), why: "nobody has seen it".into() }
}

async fn an_issue_is_stored_once_for_each_repository_and_key(world: World) {
    shop(&*world.store, &["a"]).await;
    let file = async |repository: &str| world.store.accept_issue(&issue(repository, "k"), &"ann".into()).await.unwrap();
    let first = file("shop").await;
    assert!(!first.duplicate && !file("attic").await.duplicate);
    let again = file("shop").await;
    assert_eq!((again.inbox, again.duplicate, again.answer), (first.inbox, true, None));
    let answered = async |key: &str| world.store.issue_answered(&"shop".into(), key).await.unwrap();
    assert_eq!((answered("k").await, answered("other").await), (None, None));
    let work = claim(&*world.store, 9).await.remove(0);
    let Job::Intake { inbox, by, issue: stored } = &work.job else { panic!("{:?}", work.job) };
    assert_eq!((*inbox, by.wire().as_str(), &**stored), (first.inbox, "name:ann", &issue("shop", "k")));
    let answer = InboxAnswer::Opened { task: "b".into() };
    let end = how(&work, Finished::Done { answer: Some(answer.clone()) });
    world.store.apply(set(vec![], vec![]), end).await.unwrap();
    assert_eq!(file("shop").await.answer.as_ref(), Some(&answer));
    assert_eq!(answered("k").await, Some(answer));
    assert_eq!(world.number("SELECT COUNT(*) FROM inbox").await, 2);
}

async fn many_issues_are_taken_in_beside_each_other(world: World) {
    shop(&*world.store, &["a"]).await;
    world.store.accept(delivery("stop", TaskEvent::StopRequested)).await.unwrap();
    for key in 0..20 {
        world.store.accept_issue(&issue("shop", &key.to_string()), &"ann".into()).await.unwrap();
    }
    let taken = claim(&*world.store, 99).await;
    assert_eq!(taken.len(), 21);
    assert_eq!(taken[0].job.kind(), "inbox", "however urgent an issue is, what people told a task goes first");
}

async fn some(world: &World, kind: &'static str) -> Vec<Work> {
    let claim = Claim { owner: "me".into(), incarnation: i64::MAX, limit: 9, kinds: vec![kind] };
    world.store.as_store().claim(claim).await.unwrap()
}

async fn what_waits_is_not_tried_and_keeps_nobody_waiting(world: World) {
    shop(&*world.store, &["a"]).await;
    world.store.accept(delivery("start", TaskEvent::StartRequested { authors: Vec::new() })).await.unwrap();
    let start = some(&world, "inbox").await.remove(0);
    world.store.apply(set(vec![], vec![]), how(&start, waits("base:shop"))).await.unwrap();
    world.store.accept(delivery("stop", TaskEvent::StopRequested)).await.unwrap();
    world.raw("UPDATE work SET due = 0").await;
    let taken = some(&world, "inbox").await;
    assert!(matches!(taken.as_slice(), [Work { job: Job::Inbox { inbox: 2, .. }, .. }]), "{taken:?}");
    world.store.apply(set(vec![], vec![]), done(&taken[0])).await.unwrap();
    assert_eq!(world.store.next_due(&kinds(), "me").await.unwrap(), None, "nobody has to look before it happens");
    let row = world.store.history(&"a".into()).await.unwrap().work.remove(0);
    assert_eq!((row.attempt, row.error.as_deref()), (0, Some("nobody has seen it")));
}

async fn what_waits_goes_on_when_it_happens_or_somebody_starts(world: World) {
    shop(&*world.store, &["a"]).await;
    let store = Arc::clone(&world.store);
    for repository in ["shop", "attic"] {
        store.accept_issue(&issue(repository, "k"), &"ann".into()).await.unwrap();
    }
    for work in some(&world, "intake").await {
        let Job::Intake { issue, .. } = &work.job else { panic!("{:?}", work.job) };
        let on = format!("base:{}", issue.repository);
        store.apply(set(vec![], vec![]), how(&work, waits(&on))).await.unwrap();
    }
    assert_eq!(store.wake_waiting("base:other").await.unwrap(), 0);
    assert_eq!(store.wake_waiting("base:shop").await.unwrap(), 1);
    let first = some(&world, "intake").await;
    assert_eq!(first.len(), 1, "the other one waits on");
    store.apply(set(vec![], vec![]), done(&first[0])).await.unwrap();
    store.reclaim("me").await.unwrap();
    assert_eq!(some(&world, "intake").await.len(), 1);
}
