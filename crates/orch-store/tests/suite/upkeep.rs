//! What is put in order beside the work: moments of a fast clock, rows that nobody reads any more.

use orch_ports::keep::Keep;
use orch_ports::store::{Claim, Finish, Finished, InboxAnswer};
use orch_rules::change::Change;
use orch_rules::effect::Effect;
use orch_rules::event::TaskEvent;

use crate::harness::{World, on_both};
use crate::rows::*;
use crate::work::delivery;

on_both!(
    a_moment_that_a_clock_ahead_wrote_is_now,
    a_clock_that_was_ahead_is_known_by_its_rows,
    what_nobody_reads_any_more_is_removed,
);

async fn a_moment_that_a_clock_ahead_wrote_is_now(world: World) {
    let store = &*world.store;
    shop(store, &["a"]).await;
    let now = store.now().await.unwrap();
    for (branch, away) in [("soon", 60_000), ("far", 365 * 24 * 3_600_000)] {
        let effect = Effect::PublishBranch { task: "a".into(), branch: branch.into(), was: None, head: "h".into() };
        write(store, vec![Change::Perform { effect, due: now.plus_ms(away) }]).await.unwrap();
    }
    assert!(!store.clock_was_ahead().await.unwrap(), "a long pause is no clock");
    let tasks = ["a".into()];
    let waiting = |history: orch_ports::store::History| history.work.into_iter().map(|row| row.due).max();
    assert_eq!(store.bring_near(10 * 60_000).await.unwrap(), 1);
    assert_eq!(store.bring_near(10 * 60_000).await.unwrap(), 0);
    let latest = waiting(store.history(&tasks[0]).await.unwrap()).unwrap();
    assert_eq!(latest, now.plus_ms(60_000), "what waits for its pause goes on waiting");
}

async fn a_clock_that_was_ahead_is_known_by_its_rows(world: World) {
    let now = world.store.now().await.unwrap().0;
    for (armed, claimed, ahead) in [(now, "NULL".to_owned(), false), (now, (now + 60_000).to_string(), true)] {
        let row = format!(
            "INSERT INTO work (kind, ordering_key, priority, armed_at, claimed_at, due, state)
             VALUES ('inbox', 'k', 0, {armed}, {claimed}, {armed}, 'done')"
        );
        world.raw(&row).await;
        assert_eq!(world.store.clock_was_ahead().await.unwrap(), ahead);
    }
}

async fn what_nobody_reads_any_more_is_removed(world: World) {
    let store = &*world.store;
    shop(store, &["a"]).await;
    for key in ["old", "new"] {
        store.accept(delivery(key, TaskEvent::Looked)).await.unwrap();
    }
    let claim = Claim { owner: "me".into(), incarnation: i64::MAX, limit: 1, kinds: vec!["inbox"] };
    let taken = store.claim(claim).await.unwrap();
    let answer = Some(InboxAnswer::Accepted { text: "done".into() });
    let finish = Finish { work: taken[0].id, fence: taken[0].fence, how: Finished::Done { answer } };
    store.apply(set(Vec::new(), Vec::new()), Some(finish)).await.unwrap();
    let (work, answers) = (Keep { work_ms: -1_000, ..Keep::default() }, Keep { answers_ms: -1_000, ..Keep::default() });
    assert_eq!(store.tidy(&Keep::default(), 100).await.unwrap(), 0, "both are kept for a while");
    assert_eq!(store.tidy(&work, 100).await.unwrap(), 1, "the finished row; its answer is kept");
    assert!(store.accept(delivery("old", TaskEvent::Looked)).await.unwrap().duplicate);
    assert_eq!(store.tidy(&answers, 100).await.unwrap(), 1, "the answer; what waits is kept");
    assert_eq!(store.tidy(&answers, 100).await.unwrap(), 0);
    assert!(store.accept(delivery("new", TaskEvent::Looked)).await.unwrap().duplicate);
    assert!(!store.accept(delivery("old", TaskEvent::Looked)).await.unwrap().duplicate);
}
