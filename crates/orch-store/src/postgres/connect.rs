//! Connections, the schema, and errors in the store's words.

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use orch_ports::store::{StoreError, StoreResult};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, Error, NoTls};

use super::dialect;
use crate::schema;

/// Connections of one process.
const CONNECTIONS: usize = 8;
/// How long a call waits for a connection before it says that the database does not answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Advisory lock that migrations are made under.
const MIGRATION_LOCK: i64 = 7_041_775;

/// What `url` says, and what it leaves to us.
pub(super) fn config(url: &str) -> StoreResult<Config> {
    // The text of a parse error can quote the string, which may hold a password.
    let mut config: Config = url.parse().map_err(|_| StoreError::Unusable {
        detail: "the database address is no PostgreSQL address such as postgres://user@host/database".into(),
    })?;
    if config.get_application_name().is_none() {
        config.application_name("orchestrion");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(10));
    }
    Ok(config)
}

pub(super) fn pool(url: &str) -> StoreResult<Pool> {
    let manager = Manager::from_config(config(url)?, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
    Pool::builder(manager)
        .max_size(CONNECTIONS)
        .wait_timeout(Some(PATIENCE))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|e| StoreError::Unusable { detail: e.to_string() })
}

pub(super) async fn get(pool: &Pool) -> StoreResult<Object> {
    pool.get().await.map_err(|error| match error {
        PoolError::Backend(error) => match failed(&error) {
            StoreError::Full { detail } => StoreError::Full { detail },
            _ => StoreError::Unusable { detail: words(&error) },
        },
        other => StoreError::Failed { detail: other.to_string() },
    })
}

/// Makes the schema that the address names in `search_path`, if it is not there.
const MAKE_SCHEMA: &str = "DO $$ BEGIN IF current_schema() IS NULL THEN
    EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I',
        trim(both '\" ' from split_part(current_setting('search_path'), ',', 1)));
    END IF; END $$";

/// Brings the schema up to date: each migration in its own transaction, all under one advisory lock.
pub(super) async fn migrate(pool: &Pool) -> StoreResult<()> {
    let mut client = get(pool).await?;
    loop {
        let transaction = client.transaction().await.map_err(|e| failed(&e))?;
        transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&MIGRATION_LOCK]).await.map_err(|e| failed(&e))?;
        transaction.batch_execute(MAKE_SCHEMA).await.map_err(|e| failed(&e))?;
        transaction.batch_execute(&dialect(schema::META)).await.map_err(|e| failed(&e))?;
        let found = transaction.query_opt(schema::READ_META, &[]).await.map_err(|e| failed(&e))?;
        let (version, min_reader) = match found {
            Some(row) => (row.try_get(0).map_err(|e| failed(&e))?, row.try_get(1).map_err(|e| failed(&e))?),
            None => (0, 0),
        };
        let Some(next) = schema::pending(version, min_reader)?.first() else {
            return transaction.commit().await.map_err(|e| failed(&e));
        };
        transaction.batch_execute(&dialect(next.sql)).await.map_err(|e| failed(&e))?;
        transaction
            .execute(&dialect(schema::WRITE_META), &[&next.number, &next.min_reader])
            .await
            .map_err(|e| failed(&e))?;
        transaction.commit().await.map_err(|e| failed(&e))?;
    }
}

/// An error of the server or the connection in the store's words.
pub(super) fn failed(error: &Error) -> StoreError {
    let detail = words(error);
    match error.code() {
        Some(code) if *code == SqlState::DISK_FULL => StoreError::Full { detail },
        Some(code) if *code == SqlState::FOREIGN_KEY_VIOLATION => {
            StoreError::Missing { what: "a task or repository that this change refers to".into() }
        }
        _ => StoreError::Failed { detail },
    }
}

/// The library says only "db error" by itself; what the server said stands behind it.
pub(super) fn words(error: &Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(server), _) => format!("{} ({})", server.message(), server.code().code()),
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}
