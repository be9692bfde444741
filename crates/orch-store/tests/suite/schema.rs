//! Migrations: from nothing, from every earlier schema, from a later one.

use orch_ports::store::{Finish, Finished, Job, StoreError, StoreResult};
use orch_rules::event::{Event, TaskEvent};
use orch_rules::rights::Acting;
use orch_store::postgres::dialect;
use orch_store::schema::{META, MIGRATIONS, READS};
use orch_store::{PostgresStore, SqliteStore};

use crate::harness::{On, Under, postgres, sqlite, with_address};
use crate::rows::*;

async fn open(on: On, at: &str) -> StoreResult<Under> {
    Ok(match on {
        On::Sqlite => Under::Sqlite(SqliteStore::open(at)?.into()),
        On::Postgres => Under::Postgres(PostgresStore::connect(at).await?.into()),
    })
}

async fn raw(on: On, at: &str, sql: &str) {
    match on {
        On::Sqlite => sqlite(at).execute_batch(sql).unwrap(),
        On::Postgres => postgres(at).await.batch_execute(&dialect(sql)).await.unwrap(),
    }
}

/// A database as the release of schema `version` left it.
async fn at_version(on: On, at: &str, version: usize) {
    raw(on, at, META).await;
    for migration in &MIGRATIONS[..version] {
        raw(on, at, migration.sql).await;
        let (number, reader) = (migration.number, migration.min_reader);
        raw(on, at, "DELETE FROM meta").await;
        raw(on, at, &format!("INSERT INTO meta VALUES (1, {number}, {reader})")).await;
    }
    if version > 0 {
        raw(on, at, "INSERT INTO repositories VALUES ('kept', 'K', 'main', 0, NULL, 0, 0, NULL, 0, 0)").await;
        names(on, at).await;
    }
}

/// A name wherever earlier releases kept who did something: an author, a stop, hands, waits, an answer, a freeze, the
/// history, and an answer that was accepted and is not handled yet.
async fn names(on: On, at: &str) {
    let row = serde_json::json!({
        "id": "old", "repository": "kept", "work_item": "K-001", "title": "t", "description": "", "author": "ann",
        "branch": "b", "priority": 0, "position": {"at": "stage", "stage": "analysis"}, "visit": 1, "pipeline": "digest",
        "base": null, "head": null, "keys": null, "attempt": 0, "retries": 0, "rework": null, "hold": null,
        "paused": false, "stop": {"by": "bob", "at": 1}, "hands": {"by": "Zoë W.", "since": 1, "returning": false},
        "landed": null, "waits": [{"kind": "hands", "by": "Zoë W."}, {"kind": "unlisted", "author": "ann"}], "rule": "r",
        "created_at": 1, "started_at": null, "entered_at": 1, "ended_at": null, "version": 1,
    });
    let asked = serde_json::json!({
        "id": "e", "task": "old", "kind": "approval", "visit": 1, "about": "x", "questions": [], "status_at_opening": null,
        "opened_at": 1, "answer": {"answer": "approved", "by": "ann", "at": 2},
    });
    let line = serde_json::json!({
        "task": "old", "repository": "kept", "at": 1, "by": "developer", "rule": "run_ended", "text": "ended",
    });
    let event = serde_json::json!({
        "aggregate": "task", "task": "old",
        "event": {"event": "human_answered", "answer":
            {"episode": null, "since": null, "people": ["ann"], "reply": "approve"}},
    });
    let sql = format!(
        "UPDATE repositories SET frozen = '{{\"reason\":\"storm\",\"by\":\"ann\",\"at\":1}}' WHERE id = 'kept';
         INSERT INTO tasks (id, repository, work_item, prefix, number, place, terminal, resting, visit, attempt, pipeline,
             priority, created_at, version, body)
         VALUES ('old', 'kept', 'K-001', 'K', 1, 'analysis', 0, 1, 1, 0, 'digest', 0, 1, 1, '{row}');
         INSERT INTO episodes (id, task, visit, unanswered, opened_at, body) VALUES ('e', 'old', 1, 0, 1, '{asked}');
         INSERT INTO audit (task, repository, happened_at, body) VALUES ('old', 'kept', 1, '{line}');
         INSERT INTO inbox (source, delivery_key, caused_by, received_at, event) VALUES ('desk', 'k', 'ann', 0, '{event}');
         INSERT INTO work (kind, ordering_key, task, inbox, priority, armed_at, due, state)
         SELECT 'inbox', 'task:old', 'old', i.id, 0, 0, 0, 'queued' FROM inbox i"
    );
    raw(on, at, &sql).await;
}

/// They read as names, and the name that was accepted counts as it did.
async fn names_of_earlier_releases(store: &Under, version: usize) {
    let task = store.task(&"old".into()).await.unwrap().unwrap();
    assert!(!task.beyond.is_unknown(), "schema {version}: {:?}", task.beyond.parts());
    let by = [&task.author, &task.stop.as_ref().unwrap().by, &task.hands.as_ref().unwrap().by].map(|by| by.wire());
    assert_eq!(by, ["name:ann", "name:bob", "name:Zoë W."], "schema {version}");
    let frozen = store.repositories().await.unwrap().remove(0).frozen.unwrap();
    assert_eq!((frozen.by.wire().as_str(), frozen.by.to_string().as_str()), ("name:ann", "ann"));
    let history = store.history(&task.id).await.unwrap();
    assert_eq!(history.unknown, [], "schema {version}");
    let told = (history.audit[0].by.to_string(), history.episodes[0].answer.as_ref().unwrap().by.wire());
    assert_eq!(told, ("developer".to_owned(), "name:ann".to_owned()));
    let work = claim(store, 1).await.remove(0);
    let Job::Inbox { by, event: Event::Task { event: TaskEvent::HumanAnswered { answer }, .. }, .. } = &work.job else {
        panic!("{:?}", work.job)
    };
    assert!(Acting::unknown(by.clone()).is_one_of(&answer.people), "whose word was accepted is heard");
    let how = Finished::Done { answer: None };
    store.apply(set(vec![], vec![]), Some(Finish { work: work.id, fence: work.fence, how })).await.unwrap();
}

async fn every_earlier_schema(on: On, at: String) {
    let server = at.clone();
    for version in 0..=MIGRATIONS.len() {
        let at = match on {
            On::Sqlite => format!("{server}.{version}"),
            On::Postgres => {
                postgres(&server).await.batch_execute(&format!("CREATE SCHEMA v{version}")).await.unwrap();
                format!("{server}{}options=-csearch_path%3Dv{version}", if server.contains('?') { '&' } else { '?' })
            }
        };
        at_version(on, &at, version).await;
        // Twice: a migration that is repeated does nothing. Two at once: it runs once.
        let (one, other) = tokio::join!(open(on, &at), open(on, &at));
        let store = one.unwrap();
        drop(other.unwrap());
        drop(open(on, &at).await.unwrap());
        if version > 0 {
            names_of_earlier_releases(&store, version).await;
        }
        let kept: Vec<_> = store.repositories().await.unwrap().into_iter().map(|row| row.id.0).collect();
        assert_eq!(kept, if version > 0 { vec!["kept"] } else { vec![] });
        shop(&*store, &["a"]).await;
        write(&*store, vec![wake("a")]).await.unwrap();
        assert_eq!(claim(&*store, 1).await.len(), 1);
        let number = match on {
            On::Sqlite => sqlite(&at).query_row("SELECT schema_version FROM meta", [], |row| row.get(0)).unwrap(),
            On::Postgres => {
                postgres(&at).await.query_one("SELECT schema_version FROM meta", &[]).await.unwrap().get::<_, i64>(0)
            }
        };
        assert_eq!(number, READS);
    }
}

async fn a_later_schema(on: On, at: String) {
    drop(open(on, &at).await.unwrap());
    // A later release added something that this one can live with: it must run, and leave the schema as it is.
    raw(on, &at, "ALTER TABLE tasks ADD COLUMN mood TEXT; ALTER TABLE work ADD COLUMN mood INTEGER DEFAULT 3").await;
    raw(on, &at, &format!("UPDATE meta SET schema_version = {}", READS + 5)).await;
    let store = open(on, &at).await.unwrap();
    shop(&*store, &["a"]).await;
    write(&*store, vec![wake("a")]).await.unwrap();
    assert_eq!(claim(&*store, 1).await.len(), 1);
    drop(store);
    // One that this release cannot read is refused in words.
    raw(on, &at, &format!("UPDATE meta SET min_reader = {}", READS + 1)).await;
    match open(on, &at).await {
        Err(error @ StoreError::TooNew { min_reader, reads }) => {
            assert_eq!((min_reader, reads), (READS + 1, READS));
            assert!(error.to_string().contains("newer release"), "{error}");
        }
        other => panic!("{:?}", other.err()),
    }
}

#[test]
fn sqlite_migrates_from_every_earlier_schema() {
    with_address("every_earlier_schema", On::Sqlite, |at| every_earlier_schema(On::Sqlite, at));
}

#[test]
fn postgres_migrates_from_every_earlier_schema() {
    with_address("every_earlier_schema", On::Postgres, |at| every_earlier_schema(On::Postgres, at));
}

#[test]
fn postgres_makes_the_schema_that_its_address_names() {
    with_address("own_schema", On::Postgres, |at| async move {
        let own = format!("{at}{}options=-csearch_path%3Down", if at.contains('?') { '&' } else { '?' });
        for _ in 0..2 {
            let store = open(On::Postgres, &own).await.unwrap();
            shop(&*store, &[]).await;
        }
        let tables =
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'own' AND table_name = 'work'";
        assert_eq!(postgres(&at).await.query_one(tables, &[]).await.unwrap().get::<_, i64>(0), 1);
    });
}

#[test]
fn sqlite_runs_on_a_later_schema_or_refuses_it() {
    with_address("a_later_schema", On::Sqlite, |at| a_later_schema(On::Sqlite, at));
}

#[test]
fn postgres_runs_on_a_later_schema_or_refuses_it() {
    with_address("a_later_schema", On::Postgres, |at| a_later_schema(On::Postgres, at));
}

#[test]
fn postgres_says_what_is_wrong_with_an_address_without_repeating_it() {
    with_address("address", On::Postgres, |_| async {
        let secret = "postgres://ann:hunter2@127.0.0.1:1/none";
        for address in [secret, "hunter2 is no address"] {
            match PostgresStore::connect(address).await {
                Err(error @ StoreError::Unusable { .. }) => assert!(!error.to_string().contains("hunter2"), "{error}"),
                other => panic!("{:?}", other.err()),
            }
        }
    });
}
