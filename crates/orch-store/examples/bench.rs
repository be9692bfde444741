//! Measures the SQLite store on this machine; `cargo xtask bench` reads the lines it prints.
//!
//! ```text
//! cargo run --release -p orch-store --example bench -- [--dir DIR] [--rows N] [--rounds N]
//! cargo run --release -p orch-store --example bench -- --fill N FILE
//! ```
//!
//! `--fill` makes a database with N finished tasks (and as many finished work rows) at FILE and measures nothing. `--dir`
//! must be on the disk that is to be measured (default: `target/bench-store`); a memory file system would measure nothing.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people and for xtask")]
#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot run has nothing better to do than stop with the place"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use orch_ports::Store;
use orch_ports::store::{Finish, Finished};
use orch_rules::attempt::{Attempt, Ended, Evidence, ProtectedPaths, RunEnd};
use orch_rules::change::{AuditLine, Change, ChangeSet, Guard, SLOT_RUNS};
use orch_rules::effect::Effect;
use orch_rules::ids::Timestamp;
use orch_rules::lane::Repository;
use orch_rules::pipeline::Role;
use orch_rules::task::{Keys, Position, Task, Wait};
use orch_store::{SqliteStore, plan};
use rusqlite::{Connection, StatementStatus, params_from_iter};

/// Callers at once, and items of one bare transaction.
const PRODUCERS: u32 = 64;
/// Change sets per caller and round.
const EACH: u32 = 120;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
    if let Some(rows) = option("--fill") {
        let at = args.iter().position(|arg| arg == "--fill").unwrap();
        let Some(file) = args.get(at + 2) else {
            eprintln!("--fill N FILE: name the file");
            std::process::exit(2);
        };
        fill(Utf8Path::new(file), rows.parse().unwrap());
        return;
    }
    let dir = Utf8PathBuf::from(option("--dir").map_or("target/bench-store", String::as_str));
    let rows = option("--rows").map_or(1_000_000, |rows| rows.parse().unwrap());
    let rounds = option("--rounds").map_or(5, |rounds| rounds.parse().unwrap());
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    advance(&dir, rounds);
    large(&dir, rows);
    let _ = std::fs::remove_dir_all(&dir);
}

/// One figure as `cargo xtask bench` reads it: a goal is a bound on the value or on value over baseline.
fn print(name: &str, value: f64, unit: &str, baseline: Option<f64>, goals: &[(&str, f64)]) {
    let goals: Vec<_> = goals.iter().map(|(bound, at)| serde_json::json!({ *bound: at })).collect();
    let line = serde_json::json!({"name": name, "value": value, "unit": unit, "baseline": baseline, "goals": goals});
    println!("{line}");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn id(producer: u32) -> String {
    format!("0193c0de-0000-7000-8000-{producer:012}")
}

fn task(producer: u32, attempt: u32) -> Task {
    Task {
        id: id(producer).into(),
        repository: "shop".into(),
        work_item: format!("SHOP-{producer:03}").into(),
        title: "Show the total with tax in the basket".into(),
        description: "As a customer I want to see what I pay before I order. ".repeat(12),
        author: "ann".into(),
        branch: format!("feature/SHOP-{producer:03}-show-the-total-with-tax"),
        priority: 0,
        position: Position::Stage("review".into()),
        visit: attempt,
        pipeline: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        base: Some("4b825dc642cb6eb9a060e54bf8d69288fbee4904".into()),
        head: Some("4b825dc642cb6eb9a060e54bf8d69288fbee4905".into()),
        keys: Some(Keys {
            code: "4b825dc642cb6eb9a060e54bf8d69288fbee4906".into(),
            patch: "4b825dc642cb6eb9a060e54bf8d69288fbee4907".into(),
            irreversible: false,
        }),
        attempt,
        retries: 0,
        rework: None,
        claims: Vec::new(),
        convergence: orch_rules::convergence::Convergence::default(),
        hold: None,
        paused: false,
        hands: None,
        branch_seen: None,
        replay_since: None,
        unlisted: false,
        stop: None,
        landed: None,
        brought: Vec::new(),
        deployment: None,
        waits: vec![Wait::Agent { attempt }],
        rule: "gates_green".into(),
        created_at: Timestamp(1_763_000_000_000 + i64::from(producer)),
        started_at: Some(Timestamp(1_763_000_000_000)),
        entered_at: Timestamp(1_763_000_000_000),
        ended_at: None,
        version: 0,
        beyond: Default::default(),
    }
}

fn attempt(producer: u32, number: u32, ended: bool) -> Attempt {
    let commit = || "4b825dc642cb6eb9a060e54bf8d69288fbee4904".into();
    Attempt {
        beyond: Default::default(),
        task: id(producer).into(),
        number,
        visit: number,
        stage: "review".into(),
        role: Role::Reviewer,
        start: Some(commit()),
        rework: None,
        requested_at: Timestamp(1_763_000_000_000),
        stop_requested: false,
        by_hand: None,
        over: None,
        ended: ended.then(|| Ended {
            how: RunEnd::Completed,
            at: Timestamp(1_763_000_000_000),
            evidence: Some(Evidence {
                irreversible: false,
                start: commit(),
                head: commit(),
                base: commit(),
                code: "4b825dc642cb6eb9a060e54bf8d69288fbee4904".into(),
                patch: "4b825dc642cb6eb9a060e54bf8d69288fbee4904".into(),
                commits: 2,
                documents: vec![],
                changed: (0..8).map(|n| format!("src/basket/total_{n}.rs")).collect(),
                changed_total: 8,
                protected: Some(ProtectedPaths::default()),
                weakened: vec![],
                weakened_total: 0,
                level: None,
                settings: Vec::new(),
                patch_total: None,
                left_out: Vec::new(),
                refused: Vec::new(),
            }),
            trouble: None,
            in_vain: false,
        }),
    }
}

/// What one task's advance to its next stage writes: the old attempt has ended, the next one begins.
fn change_set(producer: u32, number: u32) -> ChangeSet {
    let holder = |number: u32| format!("{}:{number}", id(producer));
    ChangeSet {
        guards: vec![
            Guard::Version { task: id(producer).into(), version: i64::from(number) - 1 },
            Guard::SlotBelow { key: SLOT_RUNS.into(), max: PRODUCERS * 2, holder: holder(number + 1) },
        ],
        changes: vec![
            Change::ReleaseSlot { key: SLOT_RUNS.into(), holder: holder(number) },
            Change::PutTask { task: task(producer, number + 1) },
            Change::PutAttempt { attempt: attempt(producer, number, true) },
            Change::PutAttempt { attempt: attempt(producer, number + 1, false) },
            Change::Perform {
                effect: Effect::RunAgent { task: id(producer).into(), attempt: number + 1 },
                due: Timestamp(0),
            },
            Change::Audit {
                line: AuditLine {
                    task: Some(id(producer).into()),
                    repository: "shop".into(),
                    at: Timestamp(1_763_000_000_000),
                    by: "orch".into(),
                    rule: "gates_green".into(),
                    text: "every gate of review is green: on to testing".into(),
                },
            },
        ],
    }
}

/// The work row that caller `producer` finishes with its change set `number` (from 1).
fn finish(producer: u32, number: u32) -> Finish {
    let work = i64::from(producer) * 1_000_000 + i64::from(number);
    Finish { work, fence: 1, how: Finished::Done { answer: None } }
}

/// A fresh database with a task, an attempt and claimed work rows for every caller.
async fn prepared(path: &Utf8Path, each: u32) -> SqliteStore {
    let store = SqliteStore::open(path).unwrap();
    let repository = Repository {
        id: "shop".into(),
        prefix: "SHOP".into(),
        base_branch: "main".into(),
        serial: false,
        frozen: None,
        freeze_epoch: 0,
        paused: false,
        main: None,
        lane_fence: 0,
        version: 0,
    };
    store.register(&repository).await.unwrap();
    for producer in 1..=PRODUCERS {
        let changes = vec![
            Change::InsertTask { task: task(producer, 1) },
            Change::PutAttempt { attempt: attempt(producer, 1, false) },
        ];
        store.apply(ChangeSet { guards: vec![], changes }, None).await.unwrap();
    }
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(Duration::from_secs(30)).unwrap();
    connection
        .execute(
            "WITH RECURSIVE p (p) AS (SELECT 1 UNION ALL SELECT p + 1 FROM p WHERE p < ?1),
                 n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?2)
             INSERT INTO work (id, kind, ordering_key, priority, armed_at, due, state, attempt, fence, owner)
             SELECT p * 1000000 + n, 'run_agent', 'run:' || p || ':' || n, 0, 0, 0, 'running', 1, 1, 'bench' FROM p, n",
            [PRODUCERS, each],
        )
        .unwrap();
    store
}

/// Grouped change sets of the store against the same statements bare, one transaction for each 64 of them.
fn advance(dir: &Utf8Path, rounds: u32) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (mut ours, mut ratios) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // In turns, so that both meet the same load of the machine.
        let one = runtime.block_on(through_the_store(&dir.join(format!("ours{round}.db"))));
        let other = runtime.block_on(bare_statements(&dir.join(format!("bare{round}.db"))));
        ours.push(one);
        ratios.push(one / other);
    }
    let (ours, ratio) = (median(ours), median(ratios));
    // The baseline is what makes the median of the pairs' ratios: the machine's load changes between the pairs.
    print("advance", ours, "1/s", Some(ours / ratio), &[("value_at_least", 2_000.0), ("ratio_at_least", 0.8)]);
}

async fn through_the_store(path: &Utf8Path) -> f64 {
    let store = Arc::new(prepared(path, EACH).await);
    let start = Instant::now();
    let producers: Vec<_> = (1..=PRODUCERS)
        .map(|producer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for number in 1..=EACH {
                    store.apply(change_set(producer, number), Some(finish(producer, number))).await.unwrap();
                }
            })
        })
        .collect();
    for producer in producers {
        producer.await.unwrap();
    }
    let rate = f64::from(PRODUCERS * EACH) / start.elapsed().as_secs_f64();
    store.close().await.unwrap();
    rate
}

async fn bare_statements(path: &Utf8Path) -> f64 {
    prepared(path, EACH).await.close().await.unwrap();
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")
        .unwrap();
    connection.set_prepared_statement_cache_capacity(64);
    clock(&connection);
    // Statements and parameters are ready before the clock runs: nothing but SQLite is measured.
    let rounds: Vec<Vec<_>> = (1..=EACH)
        .map(|number| {
            (1..=PRODUCERS)
                .flat_map(|producer| {
                    plan::plan(&change_set(producer, number), Some(&finish(producer, number))).unwrap()
                })
                .collect()
        })
        .collect();
    let start = Instant::now();
    for round in &rounds {
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        for step in round {
            let mut statement = connection.prepare_cached(step.sql).unwrap();
            if step.rows {
                let mut rows = statement.query(params_from_iter(&step.params)).unwrap();
                while rows.next().unwrap().is_some() {}
            } else {
                statement.execute(params_from_iter(&step.params)).unwrap();
            }
        }
        connection.execute_batch("COMMIT").unwrap();
    }
    f64::from(PRODUCERS * EACH) / start.elapsed().as_secs_f64()
}

fn clock(connection: &Connection) {
    let flags = rusqlite::functions::FunctionFlags::SQLITE_UTF8;
    connection.create_scalar_function("now_ms", 0, flags, |_| Ok(1_763_000_000_000_i64)).unwrap();
}

/// A database with that many finished tasks and finished work rows.
fn fill(path: &Utf8Path, rows: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = prepared(path, 1).await;
        store.close().await.unwrap();
    });
    let done = Task { position: Position::Done, description: "Short.".into(), waits: vec![], ..task(1, 1) };
    let body = serde_json::to_string(&done).unwrap();
    let connection = Connection::open(path).unwrap();
    // The file is new and can be made again: nothing is lost if this is interrupted.
    connection
        .execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000;")
        .unwrap();
    connection
        .execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
             INSERT INTO tasks (id, repository, work_item, prefix, number, place, terminal, resting, visit, attempt,
                 pipeline, priority, created_at, version, body)
             SELECT printf('0093c0de-0000-7000-8000-%012d', i), 'shop', 'OLD-' || i, 'OLD', i, 'done', 1, 0, 1, 1,
                 'p', 0, i, 9, replace(?2, '0193c0de-0000-7000-8000-000000000001',
                     printf('0093c0de-0000-7000-8000-%012d', i)) FROM n",
            (rows, body),
        )
        .unwrap();
    connection
        .execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
             INSERT INTO work (kind, ordering_key, task, priority, armed_at, due, state, attempt, fence)
             SELECT 'run_agent', 'run:' || i, printf('0093c0de-0000-7000-8000-%012d', i), 0, 0, 0, 'done', 1, 1 FROM n",
            [rows],
        )
        .unwrap();
    connection.execute_batch("PRAGMA journal_mode = WAL").unwrap();
}

/// Queues 64 rows of 32 ordering keys and explains and counts one claim of 8.
fn claim(path: &Utf8Path) -> (Vec<String>, f64, f64) {
    let connection = Connection::open(path).unwrap();
    clock(&connection);
    connection
        .execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 64)
             INSERT INTO work (kind, ordering_key, priority, armed_at, due, state, body)
             SELECT 'publish_branch', 'branch:' || (i % 32), 0, 0, 0, 'queued', '{}' FROM n",
            [],
        )
        .unwrap();
    let params = (",publish_branch,", ",publish_branch,", "me", 8, i64::MAX);
    let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", plan::CLAIM)).unwrap();
    let lines = explain.query_map(params, |row| row.get(3)).unwrap().map(Result::unwrap).collect();
    let mut statement = connection.prepare(plan::CLAIM).unwrap();
    let mut times = Vec::new();
    let mut steps = 0;
    for _ in 0..21 {
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        let start = Instant::now();
        assert_eq!(statement.query_map(params, |_| Ok(())).unwrap().count(), 8);
        times.push(start.elapsed().as_secs_f64() * 1e6);
        steps = statement.reset_status(StatementStatus::VmStep);
        connection.execute_batch("ROLLBACK").unwrap();
    }
    (lines, f64::from(steps), median(times))
}

/// Claim and opening, on an empty database and on one with `rows` finished tasks.
fn large(dir: &Utf8Path, rows: u32) {
    let (small, large) = (dir.join("small.db"), dir.join("large.db"));
    fill(&small, 0);
    let filling = Instant::now();
    fill(&large, rows);
    eprintln!("filled {rows} finished tasks in {:.1} s", filling.elapsed().as_secs_f64());
    let (plan_small, steps_small, time_small) = claim(&small);
    let (plan_large, steps_large, time_large) = claim(&large);
    let same = plan_small == plan_large;
    print("claim_same_plan", f64::from(u8::from(same)), "bool", None, &[("value_at_least", 1.0)]);
    print("claim_vm_steps", steps_large, "count", Some(steps_small), &[("ratio_at_most", 1.05)]);
    print("claim_of_8_rows", time_large, "us", Some(time_small), &[]);
    let open = |path: &Utf8Path| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        median(
            (0..9)
                .map(|_| {
                    let start = Instant::now();
                    let store = SqliteStore::open(path).unwrap();
                    let time = start.elapsed().as_secs_f64() * 1e3;
                    runtime.block_on(store.close()).unwrap();
                    time
                })
                .collect(),
        )
    };
    let (few, many) = (open(&small), open(&large));
    print("store_open_million", many, "ms", Some(few), &[("value_at_most", 20.0)]);
}
