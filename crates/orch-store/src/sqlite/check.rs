//! Whether the pages of the database are what they should be.

use camino::Utf8Path;
use orch_ports::store::{StoreError, StoreResult};
use rusqlite::Connection;

use super::connection::{failed, reading};

/// So many findings are told of each table; the first is enough to act.
const MOST: u32 = 3;

/// Looks at every table with its indexes, one after the other, each on a snapshot of its own: none holds the log for
/// long.
pub(super) fn damage(path: &Utf8Path) -> StoreResult<Vec<String>> {
    let connection = reading(path)?;
    let mut found = Vec::new();
    for table in tables(&connection, &mut found)? {
        let asked = format!("PRAGMA quick_check('{}')", table.replace('\'', "''"));
        match words(&connection, &asked) {
            Ok(told) => found.extend(told.into_iter().map(|words| format!("{path}, table {table}: {words}"))),
            Err(error) if is_damage(&error) => found.push(format!("{path}, table {table}: {error}")),
            Err(error) => return Err(failed(&error)),
        }
    }
    Ok(found)
}

pub(super) fn mains(path: &Utf8Path) -> StoreResult<Vec<(String, String, Option<String>)>> {
    let connection = reading(path)?;
    let mut ask = connection
        .prepare("SELECT id, base_branch, main_tip FROM repositories ORDER BY id")
        .map_err(|error| failed(&error))?;
    let rows = ask.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).map_err(|error| failed(&error))?;
    rows.collect::<rusqlite::Result<_>>().map_err(|error| failed(&error))
}

fn tables(connection: &Connection, found: &mut Vec<String>) -> StoreResult<Vec<String>> {
    let asked = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let read = connection
        .prepare(asked)
        .and_then(|mut ask| ask.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>());
    match read {
        Err(error) if is_damage(&error) => {
            found.push(format!("its list of tables cannot be read: {error}"));
            Ok(Vec::new())
        }
        read => read.map_err(|error| failed(&error)),
    }
}

fn words(connection: &Connection, asked: &str) -> rusqlite::Result<Vec<String>> {
    let mut ask = connection.prepare(asked)?;
    let told = ask.query_map([], |row| row.get::<_, String>(0))?.take(MOST as usize);
    Ok(told.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().filter(|words| words != "ok").collect())
}

fn is_damage(error: &rusqlite::Error) -> bool {
    let damaged = matches!(failed(error), StoreError::Unusable { .. });
    damaged && !error.to_string().contains("unable to open")
}
