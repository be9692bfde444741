//! What the store does for a task costs the same however many tasks have ended: steps of SQLite's machine are counted, so
//! a look through a whole table cannot hide behind a fast machine.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use camino::Utf8Path;
use orch_ports::hosts::{Hosts, Joining};
use orch_ports::keep::Keep;
use orch_ports::lists::{Lists, TaskFilter};
use orch_ports::outbox::Outbox;
use orch_ports::store::{Claim, Job, Store, StoreResult};
use orch_rules::change::{AuditLine, Change, ChangeSet, Guard};
use orch_rules::effect::Effect;
use orch_rules::facts::Policy;
use orch_rules::ids::Timestamp;
use rusqlite::{Connection, StatementStatus, params_from_iter};

use super::connection::writing;
use crate::Database;
use crate::engine::Engine;
use crate::step::{Answer, Row, Step, Value};

/// Counts what its connection does.
struct Counting(Mutex<(Connection, u64)>);

impl Counting {
    fn run(&self, steps: &[Step]) -> StoreResult<Vec<Answer>> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (connection, counted) = &mut *held;
        let mut answers: Vec<Answer> = Vec::new();
        for step in steps {
            if step.only_after_write && answers.last().is_none_or(|before| before.touched == 0) {
                answers.push(Answer::default());
                continue;
            }
            let mut statement = connection.prepare(step.sql).unwrap();
            let columns = statement.column_count();
            let mut rows: Vec<Row> = Vec::new();
            let mut touched = 0;
            if step.rows {
                let mut found = statement.query(params_from_iter(&step.params)).unwrap();
                while let Some(row) = found.next().unwrap() {
                    let value = |at| match row.get_ref(at).unwrap() {
                        rusqlite::types::ValueRef::Integer(number) => Value::Int(number),
                        rusqlite::types::ValueRef::Text(text) => Value::text(String::from_utf8_lossy(text)),
                        _ => Value::Null,
                    };
                    rows.push((0..columns).map(value).collect());
                    touched += 1;
                }
            } else {
                touched = statement.execute(params_from_iter(&step.params)).unwrap() as u64;
            }
            *counted += u64::from(statement.get_status(StatementStatus::VmStep).unsigned_abs());
            step.judge(touched)?;
            answers.push(Answer { touched, rows });
        }
        Ok(answers)
    }

    fn counted(&self) -> u64 {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).1)
    }
}

#[async_trait]
impl Engine for Counting {
    async fn write(&self, steps: Vec<Step>) -> StoreResult<Vec<Answer>> {
        self.run(&steps)
    }
    async fn read(&self, steps: Vec<Step>) -> StoreResult<Vec<Answer>> {
        self.run(&steps)
    }
    async fn backup(&self, _: &Utf8Path) -> StoreResult<()> {
        Ok(())
    }
}

/// A task at work, `a`, beside so many that have ended, with the rows that each of them leaves.
const SEED: &str = "
    INSERT INTO repositories VALUES ('shop', 'SHOP', 'main', 0, NULL, 0, 0, NULL, 0, 0);
    INSERT INTO pipelines VALUES ('p', '{}');
    CREATE TEMP TABLE n AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < MANY)
        SELECT i, printf('t%012d', i) AS id FROM n;
    CREATE TEMP TABLE five AS SELECT 1 AS k UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5;
    INSERT INTO tasks (id, repository, work_item, prefix, number, place, terminal, resting, visit, attempt, pipeline,
            priority, created_at, version, body)
        SELECT id, 'shop', 'SHOP-' || i, 'SHOP', i, 'done', 1, 0, 5, 5, 'p', 0, i, 9, '{}' FROM n
        UNION ALL SELECT 'a', 'shop', 'SHOP-0', 'SHOP', 0, 'review', 0, 0, 1, 1, 'p', 0, 0, 1, '{}';
    INSERT INTO attempts SELECT id, k, k, 'completed', '{}' FROM n, five UNION ALL SELECT 'a', 1, 1, NULL, '{}';
    INSERT INTO checks SELECT id || k, id, 'c' || i, 0, i, '{}' FROM n, five UNION ALL SELECT 'ca', 'a', 'c', 1, 1, '{}';
    INSERT INTO episodes SELECT id, id, 1, 0, i, '{}' FROM n;
    INSERT INTO usage_rows (task, booked_at, body) SELECT id, i, '{}' FROM n, five;
    INSERT INTO audit (task, repository, happened_at, body) SELECT id, 'shop', i, '{}' FROM n, five;
    INSERT INTO natural_keys SELECT 'branch:' || i, id, 1 FROM n;
    INSERT INTO runs SELECT id || '-' || k, 'h', 'agent', id, i, 'over', i FROM n, five;
    INSERT INTO work (kind, ordering_key, task, priority, armed_at, due, state, attempt, fence)
        SELECT 'run_agent', 'run:' || i, id, 0, 0, 0, 'done', 1, 1 FROM n, five;
    INSERT INTO inbox (source, delivery_key, caused_by, received_at, event, answer)
        SELECT 'api', 'k' || i, 'ann', i, '{}', '{}' FROM n;
    INSERT INTO messages (target, message_key, object, kind, made_at, due, state, ended_at, body)
        SELECT 'chat', 'm' || i, id, 'asked', i, i, 'sent', i, '{}' FROM n;
    INSERT INTO lane_entries (repository, task, line, work_item, priority, place, settled, body)
        VALUES ('shop', 'a', 'landing', 'SHOP-0', 0, 1, 0, '{}');";

/// What each call of a task's life costs beside that many finished tasks.
async fn costs(finished: u32) -> Vec<(&'static str, u64)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orch.db");
    let connection = writing(Utf8Path::from_path(&path).unwrap()).unwrap();
    connection.execute_batch("PRAGMA synchronous = OFF").unwrap();
    connection.execute_batch(&format!("BEGIN; {} COMMIT;", SEED.replace("MANY", &finished.to_string()))).unwrap();
    let store = Database { engine: Counting(Mutex::new((connection, 0))) };
    let mut costs = Vec::new();
    let mut cost = |name| costs.push((name, store.engine.counted()));
    let filter = |ended| TaskFilter { repository: Some("shop".into()), ended, limit: 50, ..TaskFilter::default() };
    let kinds: Vec<_> = Job::kinds().collect();
    store.task_facts(&"a".into(), &Policy::default()).await.unwrap();
    cost("task_facts");
    store.lane_facts(&"shop".into(), &Policy::default()).await.unwrap();
    cost("lane_facts");
    let line = AuditLine {
        task: Some("a".into()),
        repository: "shop".into(),
        at: Timestamp(0),
        by: "orch".into(),
        rule: "r".into(),
        text: "t".into(),
    };
    let effect = Effect::RunAgent { task: "a".into(), attempt: 1 };
    let changes = ChangeSet {
        guards: vec![Guard::Version { task: "a".into(), version: 1 }],
        changes: vec![Change::Audit { line }, Change::Perform { effect, due: Timestamp(0) }],
    };
    store.apply(changes, None).await.unwrap();
    cost("apply");
    let joining = Joining {
        host: "h".into(),
        name: "h".into(),
        release: "1".into(),
        kinds: kinds.clone(),
        max_runs: 1,
        lease_ms: None,
    };
    let me = store.join(&joining).await.unwrap();
    cost("join");
    store.reclaim("h").await.unwrap();
    cost("reclaim");
    let claim = Claim { owner: "h".into(), incarnation: me.number, limit: 8, kinds: kinds.clone() };
    assert_eq!(store.claim(claim).await.unwrap().len(), 1);
    cost("claim");
    store.next_due(&kinds, "h").await.unwrap();
    cost("next_due");
    store.bring_near(1).await.unwrap();
    cost("bring_near");
    store.queue().await.unwrap();
    cost("queue");
    store.runs(Some(&"a".into())).await.unwrap();
    cost("runs");
    store.lost_runs(&"h".into()).await.unwrap();
    cost("lost_runs");
    store.next_message_due("chat").await.unwrap();
    store.claim_message("chat", "h").await.unwrap();
    cost("messages");
    store.highest_number(&"shop".into(), "SHOP").await.unwrap();
    store.key_owner("branch:1").await.unwrap();
    store.tasks_by_work_item(&"SHOP-1".into()).await.unwrap();
    cost("look-ups");
    store.active_tasks(None, 100).await.unwrap();
    store.tasks_at_work(&"shop".into(), 100).await.unwrap();
    cost("unfinished tasks");
    store.task_page(&filter(false)).await.unwrap();
    store.task_page(&filter(true)).await.unwrap();
    cost("lists");
    store.history(&"a".into()).await.unwrap();
    cost("history");
    let long = i64::MAX / 4;
    let kept = |work_ms| Keep { work_ms, answers_ms: long, ..Keep::default() };
    // Finished work goes soon; then nothing is old enough.
    while store.tidy(&kept(-long), 500).await.unwrap() > 0 {}
    store.engine.counted();
    assert_eq!(store.tidy(&kept(long), 500).await.unwrap(), 0);
    cost("tidy");
    costs
}

#[tokio::test]
async fn what_has_ended_costs_nothing() {
    let (few, many) = (costs(2_500).await, costs(7_500).await);
    let grown: Vec<_> = few.iter().zip(&many).filter(|(few, many)| many.1 > few.1 + few.1 / 5 + 50).collect();
    assert!(grown.is_empty(), "steps beside 2,500 and 7,500 finished tasks: {grown:?}");
}

/// A database with so many tasks that stand in a line.
fn with_line(standing: u32, line: &str) -> Database<Counting> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orch.db");
    let connection = writing(Utf8Path::from_path(&path).unwrap()).unwrap();
    connection.execute_batch("PRAGMA synchronous = OFF").unwrap();
    let seed = SEED.replace("MANY", "5");
    let entries = format!(
        "INSERT INTO tasks (id, repository, work_item, prefix, number, place, terminal, resting, visit, attempt, pipeline,
             priority, created_at, version, body)
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {standing})
         SELECT printf('w%012d', i), 'shop', 'SHOP-1' || i, 'SHOP', i, 'entering', 0, 0, 0, 0, 'p', 0, i, 1, '{{}}' FROM n;
         INSERT INTO lane_entries (repository, task, line, work_item, priority, place, settled, body)
         SELECT 'shop', id, '{line}', work_item, 0, number, 0, '{{}}' FROM tasks WHERE place = 'entering';"
    );
    connection.execute_batch(&format!("BEGIN; {seed} {entries} COMMIT;")).unwrap();
    Database { engine: Counting(Mutex::new((connection, 0))) }
}

/// What a look at the last of so many that stand in a line costs.
async fn last_in_line(standing: u32, line: &str) -> u64 {
    let store = with_line(standing, line);
    let last = format!("w{standing:012}");
    let facts = store.task_facts(&last.as_str().into(), &Policy::default()).await.unwrap().0;
    assert_eq!(facts.entry_ahead.len() as u32, if line == "entry" { 50 } else { 0 });
    store.engine.counted()
}

#[tokio::test]
async fn a_long_line_costs_who_stands_in_it_what_a_short_one_does() {
    let (short, long) = (last_in_line(60, "entry").await, last_in_line(5_000, "entry").await);
    assert!(long < short + short / 5 + 50, "steps of the last of 60 and of 5,000: {short} and {long}");
}

/// What the places of a page of those in front cost beside so many.
async fn a_page_of_places(standing: u32) -> u64 {
    let store = with_line(standing, "entry");
    let page: Vec<_> = (1..=50).map(|number| format!("w{number:012}").as_str().into()).collect();
    store.places_in_line(&"shop".into(), false, &page).await.unwrap();
    store.engine.counted()
}

#[tokio::test]
async fn the_places_of_a_page_cost_the_same_beside_a_long_line() {
    let (short, long) = (a_page_of_places(60).await, a_page_of_places(5_000).await);
    assert!(long < short + short / 5 + 50, "steps for 50 places beside 60 and 5,000: {short} and {long}");
}
