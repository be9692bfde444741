//! What decisions see.

use std::sync::Arc;

use orch_ports::store::StoreError;
use orch_rules::attempt::RunEnd;
use orch_rules::change::Change;
use orch_rules::check::{Check, CheckKey, CheckOutcome};
use orch_rules::episode::{Answer, Answered, Episode, EpisodeKind};
use orch_rules::facts::{Dependencies, Policy, TaskFacts};
use orch_rules::ids::{CheckId, Timestamp};
use orch_rules::lane::{Candidate, Ejection, LaneState, Line};
use orch_rules::task::{Keys, Position, Task};

use crate::harness::{World, on_both};
use crate::rows::*;

on_both!(
    a_task_comes_back_as_it_was_written,
    the_newest_attempt_and_the_lost_ones_of_this_visit,
    checks_of_the_present_keys_and_unfinished_ones,
    episodes_of_this_visit_and_open_ones,
    dependencies_that_are_open_and_cycles,
    places_in_the_lines,
    a_lane_sees_both_lines_in_order,
    facts_are_one_snapshot,
    what_is_missing_is_named,
    a_row_that_cannot_be_read_is_named_and_never_guessed,
);

async fn facts(world: &World, id: &str) -> TaskFacts {
    world.store.task_facts(&id.into(), &Policy::default()).await.unwrap().0
}

async fn put(world: &World, row: Task) {
    let now = world.store.task(&row.id).await.unwrap().unwrap().version;
    world
        .store
        .apply(set(vec![version(row.id.as_str(), now)], vec![Change::PutTask { task: row }]), None)
        .await
        .unwrap();
}

async fn a_task_comes_back_as_it_was_written(world: World) {
    shop(&*world.store, &["a"]).await;
    let mut row = task("a", 1);
    assert_eq!(facts(&world, "a").await.task, row);
    row.title = "שלום \u{202e}𝄞".into();
    row.priority = -3;
    row.started_at = Some(Timestamp(7));
    put(&world, row.clone()).await;
    row.version = 1;
    let policy = Policy { max_runs: 77, ..Policy::default() };
    let (facts, now) = world.store.task_facts(&"a".into(), &policy).await.unwrap();
    assert_eq!(facts.task, row);
    assert_eq!(facts.policy, policy);
    assert_eq!(*facts.pipeline, pipeline());
    assert_eq!(facts.repository, repository("shop"));
    assert!(facts.attempt.is_none() && facts.checks.is_empty() && facts.episodes.is_empty() && facts.lane.is_empty());
    assert_eq!(facts.dependencies, Dependencies::Known { open: vec![], cycle: None, cancelled: vec![] });
    assert!(now <= world.store.now().await.unwrap() && now.0 > 1_600_000_000_000);
}

async fn the_newest_attempt_and_the_lost_ones_of_this_visit(world: World) {
    shop(&*world.store, &["a", "b"]).await;
    let mut rows = [
        ended("a", 1, RunEnd::LOST),
        ended("a", 2, RunEnd::LOST),
        ended("a", 3, RunEnd::Completed),
        ended("a", 4, RunEnd::LOST),
        attempt("a", 10),
        ended("b", 11, RunEnd::LOST),
    ];
    rows[3].visit = 2;
    rows[0].visit = 2;
    rows[4].visit = 2;
    write(&*world.store, rows.iter().map(|row| Change::PutAttempt { attempt: row.clone() }).collect()).await.unwrap();
    put(&world, Task { visit: 2, attempt: 10, ..task("a", 1) }).await;
    let seen = facts(&world, "a").await;
    assert_eq!((seen.attempt.as_ref(), seen.lost_in_visit), (Some(&rows[4]), 2));
    let end = ended("a", 10, RunEnd::LOST);
    write(&*world.store, vec![Change::PutAttempt { attempt: end.clone() }]).await.unwrap();
    assert_eq!(facts(&world, "a").await.attempt, Some(end));
}

fn finished(id: &str, key: CheckKey, at: i64) -> Check {
    Check { outcome: Some(CheckOutcome::Passed), requested_at: Timestamp(at), ..check(id, "a", key) }
}

async fn checks_of_the_present_keys_and_unfinished_ones(world: World) {
    shop(&*world.store, &["a", "b"]).await;
    let mut rows = vec![
        finished("old", CheckKey::Code("k0".into()), 1),
        finished("head, later", CheckKey::Code("k1".into()), 5),
        finished("head", CheckKey::Code("k1".into()), 2),
        finished("candidate", CheckKey::Candidate("c1".into()), 3),
        finished("other candidate", CheckKey::Candidate("c0".into()), 3),
        finished("a commit spelled like the code", CheckKey::Candidate("k1".into()), 3),
        check("running", "a", CheckKey::Code("k0".into())),
    ];
    rows.push(check("another's", "b", CheckKey::Code("k1".into())));
    write(&*world.store, rows.into_iter().map(|check| Change::PutCheck { check }).collect()).await.unwrap();
    let seen = async || facts(&world, "a").await.checks.into_iter().map(|check| check.id.0).collect::<Vec<_>>();
    assert_eq!(seen().await, ["running"]);
    put(
        &world,
        Task { keys: Some(Keys { code: "k1".into(), patch: "p".into(), irreversible: false }), ..task("a", 1) },
    )
    .await;
    assert_eq!(seen().await, ["running", "head", "head, later"]);
    let candidate = Candidate { commit: "c1".into(), parent: "m".into(), empty: false };
    let state = LaneState::Testing { candidate, check: CheckId::from("candidate") };
    write(&*world.store, vec![Change::PutLaneEntry { entry: entry("a", Line::Landing, 1, state) }]).await.unwrap();
    assert_eq!(seen().await, ["running", "head", "candidate", "head, later"]);
}

async fn episodes_of_this_visit_and_open_ones(world: World) {
    shop(&*world.store, &["a", "b"]).await;
    let answered = |row: Episode| {
        let answer = Answered { answer: Answer::Approved, by: "ann".into(), at: Timestamp(9), text: None };
        Episode { answer: Some(answer), ..row }
    };
    let rows = [
        episode("this", "a", 3),
        answered(episode("this, answered", "a", 3)),
        answered(episode("old", "a", 1)),
        episode("old, open", "a", 2),
        episode("another's", "b", 3),
        // A grant holds beyond its visit; a text that reads like one does not make one.
        answered(Episode { kind: EpisodeKind::ProtectedPaths, ..episode("old, granted", "a", 1) }),
        Episode { kind: EpisodeKind::ProtectedPaths, ..episode("another's, granted", "b", 1) },
        answered(Episode { about: r#""kind":"protected_paths""#.into(), ..episode("old, about a grant", "a", 1) }),
    ];
    write(&*world.store, rows.into_iter().map(|episode| Change::PutEpisode { episode }).collect()).await.unwrap();
    put(&world, Task { visit: 3, ..task("a", 1) }).await;
    let seen: Vec<_> = facts(&world, "a").await.episodes.into_iter().map(|row| row.id.0).collect();
    assert_eq!(seen, ["old, granted", "old, open", "this", "this, answered"]);
}

async fn dependencies_that_are_open_and_cycles(world: World) {
    shop(&*world.store, &["a", "b", "c", "d"]).await;
    let edge = |task: &str, on: &str| Change::AddDependency { task: task.into(), on: on.into() };
    write(&*world.store, vec![edge("a", "b"), edge("a", "c"), edge("b", "c")]).await.unwrap();
    let seen = async |id: &str| match facts(&world, id).await.dependencies {
        Dependencies::Known { open, cycle, cancelled } => (
            open.iter()
                .map(|d| format!("{}={}", d.task, d.work_item))
                .chain(cancelled.iter().map(|d| format!("{}={} cancelled", d.task, d.work_item)))
                .collect::<Vec<_>>(),
            cycle.map(|items| items.into_iter().map(|item| item.0).collect::<Vec<_>>().join(" ")),
        ),
        Dependencies::Unknown => panic!("they can be read"),
    };
    assert_eq!(seen("a").await, (vec!["b=SHOP-002".to_owned(), "c=SHOP-003".to_owned()], None));
    write(&*world.store, vec![edge("c", "a")]).await.unwrap();
    assert_eq!(seen("a").await.1.as_deref(), Some("SHOP-001 SHOP-003"));
    assert_eq!(seen("b").await.1.as_deref(), Some("SHOP-002 SHOP-003 SHOP-001"));
    assert_eq!(seen("d").await, (vec![], None));
    // A task that ended waits for nobody and is waited for by nobody.
    put(&world, Task { position: Position::Done, ..task("c", 3) }).await;
    assert_eq!(seen("a").await, (vec!["b=SHOP-002".to_owned()], None));
    put(&world, Task { position: Position::Cancelled, ..task("c", 3) }).await;
    assert_eq!(seen("a").await, (vec!["b=SHOP-002".to_owned(), "c=SHOP-003 cancelled".to_owned()], None));
    assert_eq!(
        world.store.history(&"a".into()).await.unwrap().dependencies,
        [("b".into(), "SHOP-002".into(), false), ("c".into(), "SHOP-003".into(), true)]
    );
}

async fn places_in_the_lines(world: World) {
    shop(&*world.store, &["a", "b", "c", "d", "e"]).await;
    let put = |entry| Change::PutLaneEntry { entry };
    let settled = LaneState::Ejected { cause: Ejection::Unknown { reason: "x".into() } };
    let mut urgent = entry("e", Line::Landing, 9, LaneState::Queued);
    urgent.priority = 1;
    let rows = vec![
        put(entry("a", Line::Landing, 5, LaneState::Queued)),
        put(entry("b", Line::Landing, 4, settled)),
        put(entry("c", Line::Landing, 3, LaneState::Building { fence: 1 })),
        put(entry("d", Line::Landing, 5, LaneState::Queued)),
        put(urgent),
        put(entry("d", Line::Entry, 1, LaneState::Admitted)),
        put(entry("a", Line::Entry, 2, LaneState::Queued)),
        put(entry("b", Line::Entry, 3, LaneState::Queued)),
    ];
    write(&*world.store, rows).await.unwrap();
    let seen = facts(&world, "a").await;
    assert_eq!(seen.ahead, ["item of e".into(), "item of c".into()]);
    assert_eq!(seen.entry_ahead, ["item of d".into()]);
    assert_eq!(seen.lane.len(), 2);
    // The task breaks a tie of position.
    assert_eq!(facts(&world, "d").await.ahead, ["item of e".into(), "item of c".into(), "item of a".into()]);
    let leave = Change::DeleteLaneEntry { repository: "shop".into(), task: "a".into(), line: Line::Landing };
    write(&*world.store, vec![leave.clone(), leave]).await.unwrap();
    let seen = facts(&world, "a").await;
    assert_eq!((seen.lane.len(), seen.ahead.len()), (1, 0));
    assert_eq!(world.store.history(&"a".into()).await.unwrap().lane, seen.lane);
}

async fn a_lane_sees_both_lines_in_order(world: World) {
    let store = &*world.store;
    shop(store, &["a", "b", "c", "d"]).await;
    let put_entry = |entry| Change::PutLaneEntry { entry };
    let mut urgent = entry("c", Line::Entry, 9, LaneState::Queued);
    urgent.priority = 2;
    let rows = vec![
        put_entry(entry("a", Line::Entry, 2, LaneState::Queued)),
        put_entry(entry("b", Line::Entry, 1, LaneState::Admitted)),
        put_entry(urgent),
        put_entry(entry("d", Line::Landing, 1, LaneState::Queued)),
        put_entry(entry("b", Line::Landing, 2, LaneState::Queued)),
        Change::AddDependency { task: "a".into(), on: "d".into() },
        Change::PutEpisode { episode: episode("open", "b", 1) },
    ];
    write(store, rows).await.unwrap();
    put(&world, Task { paused: true, ..task("b", 2) }).await;
    let lane = async || store.lane_facts(&"shop".into(), &Policy::default()).await.unwrap().0;
    let seen = lane().await;
    let entries: Vec<_> = seen.entry.iter().map(|e| (e.entry.task.as_str(), e.ready, e.resting)).collect();
    assert_eq!(entries, [("c", true, false), ("b", true, true), ("a", false, false)]);
    let landing: Vec<_> = seen.landing.iter().map(|e| (e.entry.task.as_str(), e.resting, e.awaits_human)).collect();
    assert_eq!(landing, [("d", false, false), ("b", true, true)]);
    put(&world, Task { position: Position::Done, ..task("d", 4) }).await;
    assert!(lane().await.entry[2].ready, "what it waits for has ended");
    let other = store.lane_facts(&"other".into(), &Policy::default()).await;
    assert!(matches!(other, Err(StoreError::Missing { .. })), "{other:?}");
}

/// A writer changes two rows together; a reader never sees one without the other.
async fn facts_are_one_snapshot(world: World) {
    shop(&*world.store, &["a"]).await;
    let writer = {
        let store = Arc::clone(&world.store);
        tokio::spawn(async move {
            for number in 1..=60 {
                let row = Task { attempt: number, ..task("a", 1) };
                let changes = vec![Change::PutAttempt { attempt: attempt("a", number) }, Change::PutTask { task: row }];
                store.apply(set(vec![version("a", i64::from(number) - 1)], changes), None).await.unwrap();
            }
        })
    };
    let mut seen = 0;
    while !writer.is_finished() || seen == 0 {
        let facts = facts(&world, "a").await;
        assert_eq!(facts.task.attempt, facts.attempt.map_or(0, |attempt| attempt.number));
        assert_eq!(facts.task.version, i64::from(facts.task.attempt));
        seen += 1;
    }
    writer.await.unwrap();
}

async fn what_is_missing_is_named(world: World) {
    let policy = Policy::default();
    let answer = world.store.task_facts(&"a".into(), &policy).await;
    assert!(matches!(&answer, Err(StoreError::Missing { what }) if what == "task a"), "{answer:?}");
    shop(&*world.store, &[]).await;
    let odd = Task { pipeline: "gone".into(), ..task("a", 1) };
    write(&*world.store, vec![Change::InsertTask { task: odd }]).await.unwrap();
    let answer = world.store.task_facts(&"a".into(), &policy).await;
    assert!(matches!(&answer, Err(StoreError::Missing { what }) if what == "pipeline gone"), "{answer:?}");
    let answer = world.store.pipeline(&"gone".into()).await;
    assert!(matches!(answer, Err(StoreError::Missing { .. })), "{answer:?}");
    let answer = world.store.history(&"nobody".into()).await;
    assert!(matches!(&answer, Err(StoreError::Missing { what }) if what == "task nobody"), "{answer:?}");
    let answer = write(&*world.store, vec![line("x"), Change::PutAttempt { attempt: attempt("nobody", 1) }]).await;
    assert!(matches!(answer, Err(StoreError::Missing { .. })), "{answer:?}");
    let stray = Task { repository: "nowhere".into(), ..task("s", 3) };
    let answer = write(&*world.store, vec![Change::InsertTask { task: stray }]).await;
    assert!(matches!(answer, Err(StoreError::Missing { .. })), "{answer:?}");
    assert_eq!(world.number("SELECT COUNT(*) FROM audit").await, 0);
    assert_eq!(world.store.task(&"nobody".into()).await.unwrap(), None);
    assert_eq!(world.store.tasks_by_work_item(&"SHOP-404".into()).await.unwrap(), []);
}

async fn a_row_that_cannot_be_read_is_named_and_never_guessed(world: World) {
    let store = &*world.store;
    shop(store, &["a", "b"]).await;
    write(store, vec![Change::PutEpisode { episode: episode("e", "a", 1) }, publish("a", "x"), publish("b", "x")])
        .await
        .unwrap();
    // What a newer release might have written.
    world.raw("UPDATE episodes SET body = replace(body, '\"approval\"', '\"seance\"')").await;
    world.raw("UPDATE work SET body = replace(body, 'publish_branch', 'teleport') WHERE task = 'a'").await;
    let unknown = facts(&world, "a").await.unknown;
    assert!(unknown.len() == 1 && unknown[0].text.contains("seance"), "{unknown:?}");
    let history = store.history(&"a".into()).await.unwrap();
    assert!(history.episodes.is_empty() && history.unknown == unknown, "a list goes on without it, and says so");
    // The work row stays as it is and is shown; the other one is taken.
    let taken = claim(store, 9).await;
    assert_eq!(taken.len(), 1);
    let kept = store.queue().await.unwrap().unknown.remove(0);
    assert_eq!((kept.state.as_str(), kept.task), ("queued", Some("a".into())));
    assert!(kept.error.unwrap().contains("teleport"));
    assert_eq!(world.number("SELECT COUNT(*) FROM work WHERE body LIKE '%teleport%'").await, 1, "left as it is");
    world.raw("UPDATE tasks SET body = '{}' WHERE id = 'a'").await;
    let parts = store.task(&"a".into()).await.unwrap().unwrap().beyond.parts();
    assert!(parts.iter().any(|part| part.part == "title" && part.text.contains("missing")), "{parts:?}");
    let listed = store.task_page(&Default::default()).await.unwrap().tasks;
    assert_eq!(listed.iter().map(|row| row.work_item.as_str()).collect::<Vec<_>>(), ["SHOP-002", "SHOP-001"]);
}
