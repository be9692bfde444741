//! What only SQLite has: the file, the group commit, the backup, a full disk.

use std::process::Command;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use orch_ports::Store;
use orch_ports::store::{Claim, StoreError};
use orch_rules::change::{Change, Guard};
use orch_rules::task::Task;
use orch_store::{SqliteStore, plan};
use rusqlite::StatementStatus;
use tokio::sync::Barrier;

use crate::harness::{On, World, not_run_here, run, sqlite};
use crate::rows::*;

#[test]
fn sqlite_group_commit_costs_a_failing_item_only_itself() {
    run("group", On::Sqlite, |world: World| async move {
        shop(&*world.store, &["a"]).await;
        let start = Arc::new(Barrier::new(64));
        let callers: Vec<_> = (0..64)
            .map(|n| {
                let (store, start) = (Arc::clone(&world.store), Arc::clone(&start));
                tokio::spawn(async move {
                    start.wait().await;
                    // Every third takes a key and then fails for want of a slot: the key must not stay taken.
                    let slot = Guard::SlotBelow { key: "runs".into(), max: 0, holder: "x".into() };
                    let key = Guard::Unique { key: format!("k{n}"), owner: "a".into() };
                    let guards = if n % 3 == 0 { vec![key, slot] } else { vec![key] };
                    let answer = store.apply(set(guards, vec![line(&format!("caller {n}")), wake("a")]), None).await;
                    assert_eq!(answer.is_ok(), n % 3 != 0, "{answer:?}");
                })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
        assert_eq!(world.number("SELECT COUNT(*) FROM audit").await, 42);
        assert_eq!(world.number("SELECT COUNT(*) FROM natural_keys").await, 42);
    });
}

#[test]
fn sqlite_answers_only_what_another_process_can_read() {
    run("durable", On::Sqlite, |world: World| async move {
        shop(&*world.store, &["a"]).await;
        for n in 1..=20 {
            write(&*world.store, vec![line("x")]).await.unwrap();
            assert_eq!(world.number("SELECT COUNT(*) FROM audit").await, n);
        }
    });
}

#[test]
fn sqlite_close_flushes_and_ends_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().join("orch.db")).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Arc::new(SqliteStore::open(&path).unwrap());
        shop(&*store, &["a"]).await;
        store.task(&"a".into()).await.unwrap();
        store.close().await.unwrap();
        let names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["orch.db"], "the log is in the file");
        assert!(matches!(store.task(&"a".into()).await, Err(StoreError::Unusable { .. })));
        assert!(matches!(write(&*store, vec![line("x")]).await, Err(StoreError::Unusable { .. })));
        assert!(store.close().await.is_err());
        let again = SqliteStore::open(&path).unwrap();
        assert!(again.task(&"a".into()).await.unwrap().is_some());
    });
}

#[test]
fn sqlite_says_what_is_wrong_with_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = Utf8PathBuf::from_path_buf(folder.path().join("notes.txt")).unwrap();
    std::fs::write(&file, "not a database, but long enough to have a header of its own ".repeat(20)).unwrap();
    let nowhere = file.with_file_name("no").join("such").join("orch.db");
    for path in [file, nowhere] {
        match SqliteStore::open(&path) {
            Err(StoreError::Unusable { detail }) => assert!(detail.contains(path.as_str()), "{detail}"),
            other => panic!("{:?}", other.err()),
        }
    }
}

#[test]
fn sqlite_backup_while_writing_is_one_moment() {
    run("backup", On::Sqlite, |world: World| async move {
        shop(&*world.store, &["a"]).await;
        let text = "x".repeat(2_000);
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let writer = {
            let (store, stop) = (Arc::clone(&world.store), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut number = 0;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    number += 1;
                    let row = Task { attempt: number, ..task("a", 1) };
                    let changes = vec![
                        Change::PutAttempt { attempt: attempt("a", number) },
                        line(&text),
                        Change::PutTask { task: row },
                    ];
                    store.apply(set(vec![version("a", i64::from(number) - 1)], changes), None).await.unwrap();
                }
                number
            })
        };
        let folder = Utf8Path::new(&world.at).parent().unwrap();
        let mut copies = Vec::new();
        for n in 0..5 {
            let before = world.number("SELECT COUNT(*) FROM attempts").await;
            let path = folder.join(format!("copy{n}.db"));
            world.store.backup(&path).await.unwrap();
            let copy = SqliteStore::open(&path).unwrap();
            let kept = copy.task_facts(&"a".into(), &Default::default()).await.unwrap().0;
            assert_eq!(kept.task.attempt, kept.attempt.map_or(0, |attempt| attempt.number), "half a change set");
            assert!(i64::from(kept.task.attempt) >= before);
            copies.push(path);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let written = writer.await.unwrap();
        assert_eq!(world.number("SELECT COUNT(*) FROM attempts").await, i64::from(written));
        // An existing file is never replaced, and nothing half made is left behind.
        let bytes = std::fs::metadata(&copies[0]).unwrap().len();
        let error = world.store.backup(&copies[0]).await.unwrap_err().to_string();
        assert!(error.contains("exists already"), "{error}");
        assert_eq!(std::fs::metadata(&copies[0]).unwrap().len(), bytes);
        assert!(world.store.backup(&folder.join("no").join("copy.db")).await.is_err());
        let partial = std::fs::read_dir(folder)
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("partial"));
        assert_eq!(partial.count(), 0);
    });
}

/// A folder on a disk of two megabytes.
struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
            .arg(folder.path())
            .output()
            .is_ok_and(|output| output.status.success());
        done.then_some(Self { folder })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

#[test]
fn sqlite_full_disk_is_told_and_the_store_goes_on_after() {
    let Some(disk) = SmallDisk::mount() else {
        return not_run_here("store/sqlite/full disk", "a small file system cannot be mounted here");
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let path = Utf8PathBuf::from_path_buf(disk.folder.path().join("orch.db")).unwrap();
        let store = Arc::new(SqliteStore::open(&path).unwrap());
        shop(&*store, &["a"]).await;
        let filler = disk.folder.path().join("filler");
        let _ = std::fs::write(&filler, vec![0_u8; 4 << 20]);
        let text = "x".repeat(20_000);
        let mut written = 0;
        let error = loop {
            match write(&*store, vec![line(&text)]).await {
                Ok(()) => written += 1,
                Err(error) => break error,
            }
            assert!(written < 1_000, "the disk never fills");
        };
        assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
        // Many at once on the full disk: each is told.
        let callers: Vec<_> = (0..8)
            .map(|_| {
                let (store, text) = (Arc::clone(&store), text.clone());
                tokio::spawn(async move { write(&*store, vec![line(&text)]).await })
            })
            .collect();
        for caller in callers {
            assert!(matches!(caller.await.unwrap(), Err(StoreError::Full { .. })));
        }
        assert!(store.task(&"a".into()).await.unwrap().is_some(), "reading goes on");
        std::fs::remove_file(&filler).unwrap();
        write(&*store, vec![line(&text)]).await.unwrap();
        let rows: i64 = sqlite(path.as_str()).query_row("SELECT COUNT(*) FROM audit", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, written + 1, "what was answered with an error is not there, the rest is");
        store.close().await.unwrap();
    });
}

/// Query plan and steps of SQLite's machine for one claim.
fn claim_cost(path: &str) -> (Vec<String>, i32) {
    let connection = sqlite(path);
    let flags = rusqlite::functions::FunctionFlags::SQLITE_UTF8;
    connection.create_scalar_function("now_ms", 0, flags, |_| Ok(1_000_000_i64)).unwrap();
    let params = (",publish_branch,", ",publish_branch,", "me", 8, i64::MAX);
    let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", plan::CLAIM)).unwrap();
    let lines = explain.query_map(params, |row| row.get(3)).unwrap().map(Result::unwrap).collect();
    connection.execute_batch("BEGIN").unwrap();
    let mut statement = connection.prepare(plan::CLAIM).unwrap();
    assert_eq!(statement.query_map(params, |_| Ok(())).unwrap().count(), 8);
    let steps = statement.get_status(StatementStatus::VmStep);
    drop(statement);
    connection.execute_batch("ROLLBACK").unwrap();
    (lines, steps)
}

#[test]
fn sqlite_claim_does_not_see_finished_rows() {
    run("claim cost", On::Sqlite, |world: World| async move {
        shop(&*world.store, &["a"]).await;
        let rows = (0..40).map(|n| publish("a", &format!("key{}", n % 20)));
        write(&*world.store, rows.collect()).await.unwrap();
        let (plan_before, steps_before) = claim_cost(&world.at);
        world
            .raw(
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
                 INSERT INTO work (kind, ordering_key, task, priority, armed_at, due, state, fence, attempt)
                 SELECT 'publish_branch', 'branch:a:key' || (i % 20), 'a', 0, 0, 0, 'done', 1, 1 FROM n; ANALYZE",
            )
            .await;
        let (plan_after, steps_after) = claim_cost(&world.at);
        assert_eq!(plan_before, plan_after);
        assert!(plan_after.iter().any(|line| line.contains("work_queued")), "{plan_after:?}");
        assert!(plan_after.iter().any(|line| line.contains("work_unfinished")), "{plan_after:?}");
        assert!(!plan_after.iter().any(|line| line == "SCAN w" || line == "SCAN e"), "{plan_after:?}");
        let change = f64::from((steps_after - steps_before).abs()) / f64::from(steps_before);
        assert!(change <= 0.05, "{steps_before} steps before, {steps_after} with finished rows");
    });
}

/// The indexes exist for these; without them a list reads the whole table.
#[test]
fn sqlite_look_ups_use_their_indexes() {
    run("plans", On::Sqlite, |world: World| async move {
        let connection = sqlite(&world.at);
        let table = [
            ("SELECT 1 FROM tasks WHERE terminal = 0 AND id > 'x' ORDER BY id LIMIT 5", "tasks_active"),
            (
                "SELECT shown FROM tasks WHERE repository = 'x' AND terminal = 0 ORDER BY created_at, id LIMIT 5",
                "tasks_active_of_repository",
            ),
            ("SELECT shown FROM tasks WHERE place = 'x' ORDER BY created_at, id LIMIT 5", "tasks_place"),
            ("SELECT place, doing, COUNT(*) FROM tasks WHERE repository = 'x' GROUP BY 1, 2", "tasks_census"),
            ("SELECT 1 FROM tasks ORDER BY created_at DESC, id DESC LIMIT 5", "tasks_newest"),
            ("SELECT 1 FROM tasks WHERE wait_slot = 'x' AND terminal = 0", "tasks_waiting_for_slot"),
            ("SELECT 1 FROM tasks WHERE work_item = 'x'", "tasks_work_item"),
            ("SELECT kind, state, COUNT(*) FROM work WHERE state <> 'done' GROUP BY kind, state", "work_shown"),
            ("SELECT 1 FROM work WHERE task = 'x' AND state <> 'done' AND state = 'queued'", "work_shown"),
            ("SELECT MIN(due) FROM work w WHERE w.state = 'queued'", "work_queued"),
            ("SELECT 1 FROM work WHERE state IN ('queued', 'running') AND state = 'running'", "work_unfinished"),
        ];
        for (query, index) in table {
            let detail: String =
                connection.query_row(&format!("EXPLAIN QUERY PLAN {query}"), [], |row| row.get(3)).unwrap();
            assert!(detail.contains(index), "{query}: {detail}");
        }
    });
}

#[test]
fn sqlite_log_does_not_grow_without_end() {
    run("log", On::Sqlite, |world: World| async move {
        shop(&*world.store, &[]).await;
        // 120 MB through the log, one commit after the other.
        let text = "x".repeat(200_000);
        for _ in 0..600 {
            write(&*world.store, vec![line(&text)]).await.unwrap();
        }
        let log = || std::fs::metadata(format!("{}-wal", world.at)).unwrap().len();
        assert!(log() < 80 << 20, "the log has {} bytes", log());
        // Afterwards it gives its room back.
        for _ in 0..300 {
            if log() <= 16 << 20 {
                break;
            }
            write(&*world.store, vec![line(&text)]).await.unwrap();
        }
        assert!(log() <= 16 << 20, "the log keeps {} bytes", log());
    });
}

#[test]
fn sqlite_racing_owners_share_one_file() {
    run("two stores", On::Sqlite, |world: World| async move {
        shop(&*world.store, &["a"]).await;
        let other = SqliteStore::open(&world.at).unwrap();
        write(&other, vec![wake("a")]).await.unwrap();
        assert_eq!(claim(&*world.store, 1).await.len(), 1);
        let claim = Claim { owner: "other".into(), incarnation: i64::MAX, limit: 1, kinds: kinds() };
        assert!(other.claim(claim).await.unwrap().is_empty());
        let slot = |holder: &str| Guard::SlotBelow { key: "runs".into(), max: 1, holder: holder.into() };
        let (one, two) = tokio::join!(
            world.store.apply(set(vec![slot("x")], vec![]), None),
            other.apply(set(vec![slot("y")], vec![]), None)
        );
        assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1);
    });
}

#[test]
fn sqlite_tells_damaged_pages_and_writes_to_no_file_without_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().join("orch.db")).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(&path).unwrap();
        shop(&store, &["a"]).await;
        assert_eq!(store.damage().await.unwrap(), Vec::<String>::new());
        store.close().await.unwrap();
        // Each table's first page in turn; and a file that was cut off.
        let whole = std::fs::read(&path).unwrap();
        let connection = rusqlite::Connection::open(&path).unwrap();
        let page = |table: &str| {
            let asked = format!("SELECT rootpage FROM sqlite_schema WHERE name = '{table}'");
            usize::try_from(connection.query_row(&asked, [], |row| row.get::<_, i64>(0)).unwrap()).unwrap()
        };
        let pages = ["tasks", "attempts", "work", "audit"].map(page);
        drop(connection);
        for page in pages {
            let mut damaged = whole.clone();
            damaged[(page - 1) * 4096..page * 4096].fill(0xa5);
            std::fs::write(&path, damaged).unwrap();
            let store = SqliteStore::open(&path).unwrap();
            let told = store.damage().await.unwrap();
            assert!(told.iter().any(|words| words.contains("table")), "page {page}: {told:?}");
            let _ = store.close().await;
        }
        std::fs::write(&path, &whole).unwrap();
        for suffix in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{path}{suffix}"));
        }
        let store = SqliteStore::open(&path).unwrap();
        write(&store, vec![line("before")]).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        let lost = write(&store, vec![line("after")]).await;
        assert!(matches!(&lost, Err(StoreError::Unusable { detail }) if detail.contains("removed")), "{lost:?}");
        assert!(store.damage().await.unwrap()[0].contains("removed"));
        std::fs::write(&path, "another one").unwrap();
        assert!(write(&store, vec![line("after")]).await.is_err());
    });
}
