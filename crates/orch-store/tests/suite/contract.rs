//! Everything else both engines must do.

use orch_ports::Store;
use orch_rules::attempt::Usage;
use orch_rules::change::{AuditLine, Change};
use orch_rules::ids::Timestamp;
use orch_rules::lane::{Freeze, Repository};
use orch_rules::task::{Position, Task};

use crate::harness::{On, World, on_both};
use crate::rows::*;

on_both!(
    a_repository_is_registered_once_and_kept_up_to_date,
    pipelines_are_kept_by_their_digest,
    work_items_are_found_and_counted,
    active_tasks_come_in_chunks,
    a_history_keeps_everything_in_order,
    an_empty_change_set_is_nothing,
    backup_copies_or_says_how,
);

async fn a_repository_is_registered_once_and_kept_up_to_date(world: World) {
    let store = &*world.store;
    let first = store.register(&repository("shop")).await.unwrap();
    assert_eq!(first, repository("shop"));
    assert_eq!(store.register(&repository("shop")).await.unwrap().version, 0, "nothing changed");
    let frozen = Repository {
        frozen: Some(Freeze {
            reason: "why".into(),
            by: "ann".into(),
            at: Timestamp(3),
            cause: None,
            fixes: Vec::new(),
            mended: None,
        }),
        freeze_epoch: 4,
        paused: true,
        main: Some("m".into()),
        lane_fence: 6,
        ..first
    };
    let guard = orch_rules::change::Guard::RepositoryVersion { repository: "shop".into(), version: 0 };
    store.apply(set(vec![guard], vec![Change::PutRepository { repository: frozen.clone() }]), None).await.unwrap();
    let settings = Repository { prefix: "NEW".into(), base_branch: "trunk".into(), serial: true, ..repository("shop") };
    let kept = store.register(&settings).await.unwrap();
    let expected = Repository { prefix: "NEW".into(), base_branch: "trunk".into(), serial: true, version: 2, ..frozen };
    assert_eq!(kept, expected, "what the lane wrote stays; a decision on the old row fails its guard");
    store.register(&repository("attic")).await.unwrap();
    let all: Vec<_> = store.repositories().await.unwrap().into_iter().map(|row| row.id.0).collect();
    assert_eq!(all, ["attic", "shop"]);
}

async fn pipelines_are_kept_by_their_digest(world: World) {
    world.store.keep_pipeline(&pipeline()).await.unwrap();
    world.store.keep_pipeline(&pipeline()).await.unwrap();
    assert_eq!(world.store.pipeline(&"digest".into()).await.unwrap(), pipeline());
}

async fn work_items_are_found_and_counted(world: World) {
    let store = &*world.store;
    shop(store, &["a"]).await;
    assert_eq!(store.highest_number(&"shop".into(), "ET").await.unwrap(), 0);
    let cancelled = |id: &str, at| Task { position: Position::Cancelled, created_at: Timestamp(at), ..task(id, 1042) };
    let rows = [cancelled("older", 10), cancelled("newer", 20)];
    write(store, rows.iter().map(|row| Change::InsertTask { task: row.clone() }).collect()).await.unwrap();
    assert_eq!(store.highest_number(&"shop".into(), "SHOP").await.unwrap(), 1042);
    assert_eq!(store.highest_number(&"other".into(), "SHOP").await.unwrap(), 0);
    let found = async || store.tasks_by_work_item(&"SHOP-1042".into()).await.unwrap()[0].id.0.clone();
    assert_eq!(found().await, "newer");
    let holder = Task { position: Position::Done, created_at: Timestamp(5), ..task("holder", 1042) };
    write(store, vec![Change::InsertTask { task: holder }]).await.unwrap();
    assert_eq!(found().await, "holder");
    // One prefix of two repositories: each has its own.
    store.register(&repository("attic")).await.unwrap();
    let elsewhere = Task { repository: "attic".into(), created_at: Timestamp(99), ..task("elsewhere", 1042) };
    write(store, vec![Change::InsertTask { task: elsewhere }]).await.unwrap();
    let all = store.tasks_by_work_item(&"SHOP-1042".into()).await.unwrap();
    assert_eq!(all.into_iter().map(|row| row.id.0).collect::<Vec<_>>(), ["elsewhere", "holder"]);
}

async fn active_tasks_come_in_chunks(world: World) {
    let store = &*world.store;
    shop(store, &["a", "b", "c", "d"]).await;
    let ended = Task { position: Position::Done, ..task("b", 2) };
    store.apply(set(vec![version("b", 0)], vec![Change::PutTask { task: ended }]), None).await.unwrap();
    let first = store.active_tasks(None, 2).await.unwrap();
    assert_eq!(first, ["a".into(), "c".into()]);
    assert_eq!(store.active_tasks(first.last(), 2).await.unwrap(), ["d".into()]);
    assert!(store.active_tasks(Some(&"d".into()), 2).await.unwrap().is_empty());
}

async fn a_history_keeps_everything_in_order(world: World) {
    let store = &*world.store;
    shop(store, &["a"]).await;
    let usage = Usage { input_tokens: Some(u64::MAX), cost_micros: None, ..Usage::default() };
    let booked = |attempt| Change::AddUsage {
        task: "a".into(),
        attempt,
        stage: "development".into(),
        usage: usage.clone(),
        at: Timestamp(i64::from(attempt)),
    };
    let told = |text: &str| Change::Audit {
        line: AuditLine {
            task: Some("a".into()),
            repository: "shop".into(),
            at: Timestamp(1),
            by: "orch".into(),
            rule: "r".into(),
            text: text.into(),
        },
    };
    let changes = vec![
        booked(1),
        booked(2),
        // Append-only: the same run may be booked by two who do not know of each other.
        booked(2),
        told("first"),
        told("second"),
        line("not of this task"),
        Change::PutAttempt { attempt: attempt("a", 2) },
        Change::PutAttempt { attempt: attempt("a", 1) },
        Change::PutAttempt { attempt: attempt("a", 1) },
        Change::PutEpisode { episode: episode("e2", "a", 2) },
        Change::PutEpisode { episode: episode("e1", "a", 1) },
        Change::PutCheck { check: check("k", "a", orch_rules::check::CheckKey::Code("c".into())) },
        publish("a", "x"),
    ];
    write(store, changes).await.unwrap();
    let kept = store.history(&"a".into()).await.unwrap();
    assert_eq!(kept.attempts, [attempt("a", 1), attempt("a", 2)]);
    assert_eq!(kept.usage.iter().map(|row| row.attempt).collect::<Vec<_>>(), [1, 2, 2]);
    assert_eq!(kept.usage[0].usage, usage);
    assert_eq!(kept.audit.iter().map(|row| row.text.to_string()).collect::<Vec<_>>(), ["first", "second"]);
    assert_eq!(kept.episodes, [episode("e1", "a", 1), episode("e2", "a", 2)]);
    assert_eq!((kept.checks.len(), kept.work.len()), (1, 1));
}

async fn an_empty_change_set_is_nothing(world: World) {
    assert!(!world.store.apply(set(vec![], vec![]), None).await.unwrap().queued);
}

async fn backup_copies_or_says_how(world: World) {
    shop(&*world.store, &["a"]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = camino::Utf8PathBuf::from_path_buf(folder.path().join("copy.db")).unwrap();
    let answer = world.store.backup(&path).await;
    match world.on {
        On::Sqlite => {
            answer.unwrap();
            let copy = orch_store::SqliteStore::open(&path).unwrap();
            assert!(copy.task(&"a".into()).await.unwrap().is_some());
        }
        On::Postgres => assert!(answer.unwrap_err().to_string().contains("pg_dump")),
    }
}
