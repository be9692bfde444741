//! Connections and what each of them needs before its first statement.

use std::hash::BuildHasher;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use camino::Utf8Path;
use orch_ports::store::{StoreError, StoreResult};
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior};

use crate::schema;

/// The first release in which a write-ahead-log database cannot be corrupted by a reset of the log that races a
/// checkpoint of another connection (release notes of 3.51.3).
const OLDEST_LIBRARY: i32 = 3_051_003;

/// How long a statement waits for another process, for example a backup tool that holds a lock.
const BUSY: Duration = Duration::from_secs(5);

/// Statements are few and fixed; all of them stay prepared.
const STATEMENTS: usize = 128;

/// The connection that writes; brings the schema up to date.
pub(super) fn writing(path: &Utf8Path) -> StoreResult<Connection> {
    let library = rusqlite::version_number();
    if library < OLDEST_LIBRARY {
        return Err(StoreError::Unusable {
            detail: format!(
                "SQLite {} can corrupt a database in write-ahead mode; 3.51.3 or newer is needed",
                rusqlite::version()
            ),
        });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(|e| unusable(path, &e))?;
    prepare(&connection, 2048).map_err(|e| unusable(path, &e))?;
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;
             PRAGMA journal_size_limit = 8388608;",
        )
        .map_err(|e| unusable(path, &e))?;
    let mode: String =
        connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).map_err(|e| unusable(path, &e))?;
    if mode != "wal" {
        return Err(StoreError::Unusable {
            detail: format!("{path}: the file system does not allow a write-ahead log; use a local disk"),
        });
    }
    migrate(&mut connection)?;
    mark(&connection)?;
    Ok(connection)
}

/// Gives a new database a number by which every copy of it is known; it stands in the header of the file.
fn mark(connection: &Connection) -> StoreResult<()> {
    if application_id(connection)? != 0 {
        return Ok(());
    }
    // No more is needed than that two databases of one host differ.
    let drawn = std::collections::hash_map::RandomState::new().hash_one(now_ms());
    let id = i32::try_from(drawn % 0x7fff_ffff).unwrap_or(0) + 1;
    connection.execute_batch(&format!("PRAGMA application_id = {id}")).map_err(|e| failed(&e))
}

fn application_id(connection: &Connection) -> StoreResult<i32> {
    connection.query_row("PRAGMA application_id", [], |row| row.get(0)).map_err(|e| failed(&e))
}

/// The number of [`mark`], as it stands in names.
pub(super) fn identity(path: &Utf8Path) -> StoreResult<String> {
    Ok(format!("{:08x}", application_id(&reading(path)?)?))
}

/// A connection that only reads.
pub(super) fn reading(path: &Utf8Path) -> StoreResult<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| unusable(path, &e))?;
    prepare(&connection, 512).map_err(|e| unusable(path, &e))?;
    Ok(connection)
}

/// A connection that only moves the log into the database file.
pub(super) fn checkpointing(path: &Utf8Path) -> StoreResult<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| unusable(path, &e))?;
    prepare(&connection, 256).map_err(|e| unusable(path, &e))?;
    connection
        .execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;")
        .map_err(|e| unusable(path, &e))?;
    Ok(connection)
}

fn prepare(connection: &Connection, cache_kib: u32) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.execute_batch(&format!(
        "PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -{cache_kib};"
    ))?;
    // The same name as the SQL function that the PostgreSQL schema makes.
    connection.create_scalar_function("now_ms", 0, FunctionFlags::SQLITE_UTF8, |_| Ok(now_ms()))
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn migrate(connection: &mut Connection) -> StoreResult<()> {
    // Usually there is nothing to do: then nothing is locked and nothing is written.
    let known: bool = connection
        .query_row("SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = 'meta'", [], |row| {
            row.get::<_, i64>(0)
        })
        .map_err(|e| failed(&e))?
        > 0;
    if known && schema_of(connection)?.is_empty() {
        return Ok(());
    }
    let immediate = |connection: &mut Connection, run: &dyn Fn(&Connection) -> StoreResult<bool>| {
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(|e| failed(&e))?;
        let more = run(&transaction)?;
        transaction.commit().map_err(|e| failed(&e))?;
        Ok::<bool, StoreError>(more)
    };
    immediate(connection, &|c| c.execute_batch(schema::META).map(|()| true).map_err(|e| failed(&e)))?;
    // Each in its own transaction; what another process did meanwhile is seen under the write lock.
    while immediate(connection, &|c| {
        let Some(next) = schema_of(c)?.first() else { return Ok(false) };
        c.execute_batch(next.sql).map_err(|e| failed(&e))?;
        c.execute(schema::WRITE_META, [next.number, next.min_reader]).map_err(|e| failed(&e))?;
        Ok(true)
    })? {}
    Ok(())
}

fn schema_of(connection: &Connection) -> StoreResult<&'static [schema::Migration]> {
    let (version, min_reader) = connection
        .query_row(schema::READ_META, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map_err(|e| failed(&e))?
        .unwrap_or((0, 0));
    schema::pending(version, min_reader)
}

/// Anything that happens while opening, for people.
fn unusable(path: &Utf8Path, error: &rusqlite::Error) -> StoreError {
    match failed(error) {
        full @ StoreError::Full { .. } => full,
        _ => StoreError::Unusable { detail: format!("{path}: {error}") },
    }
}

/// An error of the library in the store's words.
pub(super) fn failed(error: &rusqlite::Error) -> StoreError {
    let detail = error.to_string();
    let rusqlite::Error::SqliteFailure(code, _) = error else { return StoreError::Failed { detail } };
    match code.code {
        ErrorCode::DiskFull => StoreError::Full { detail },
        // No room for the log's index is reported as an error of its own.
        _ if code.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE => StoreError::Full { detail },
        ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::CannotOpen => StoreError::Unusable { detail },
        _ if code.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY => {
            StoreError::Missing { what: "a task or repository that this change refers to".into() }
        }
        _ => StoreError::Failed { detail },
    }
}
