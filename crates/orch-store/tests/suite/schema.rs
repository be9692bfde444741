//! Migrations: from nothing, from every earlier schema, from a later one.

use orch_ports::store::{StoreError, StoreResult};
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
    }
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
