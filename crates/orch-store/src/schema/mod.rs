//! Numbered migrations: each forwards, additive and in a transaction. The previous release must run on the schema that
//! the next one leaves behind, so nothing is removed before no supported release reads it (expand, migrate, contract).

use orch_ports::store::{StoreError, StoreResult};

/// One step of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Its number, from 1 without gaps.
    pub number: i64,
    /// The oldest schema number a release must know to read a database that has this migration.
    pub min_reader: i64,
    /// The text for both engines, see [`crate::postgres::dialect`].
    pub sql: &'static str,
}

/// All migrations in order. Never change one that was released: append.
pub const MIGRATIONS: &[Migration] = &[
    Migration { number: 1, min_reader: 1, sql: include_str!("0001.sql") },
    // Only indexes: a release that knows the first one still reads it.
    Migration { number: 2, min_reader: 1, sql: include_str!("0002.sql") },
    // A table and a column that earlier releases do not ask for.
    Migration { number: 3, min_reader: 1, sql: include_str!("0003.sql") },
    // A column that may be empty and that earlier releases do not ask for.
    Migration { number: 4, min_reader: 1, sql: include_str!("0004.sql") },
    // Tables that earlier releases do not ask for.
    Migration { number: 5, min_reader: 1, sql: include_str!("0005.sql") },
    // Tables and a column that earlier releases do not ask for. Once a second host joins, they may not read it any more.
    Migration { number: 6, min_reader: 1, sql: include_str!("0006.sql") },
    // Tables that earlier releases do not ask for.
    Migration { number: 7, min_reader: 1, sql: include_str!("0007.sql") },
    // A column that may be empty and that earlier releases do not ask for.
    Migration { number: 8, min_reader: 1, sql: include_str!("0008.sql") },
    // Columns and indexes that earlier releases do not ask for; what one of them writes is listed anew.
    Migration { number: 9, min_reader: 1, sql: include_str!("0009.sql") },
    // A table that earlier releases do not ask for; what they change is not told in it.
    Migration { number: 10, min_reader: 1, sql: include_str!("0010.sql") },
    // Columns that have a value of their own, of a table that earlier releases do not ask for.
    Migration { number: 11, min_reader: 1, sql: include_str!("0011.sql") },
    // An index.
    Migration { number: 12, min_reader: 1, sql: include_str!("0012.sql") },
    // Tables and indexes that earlier releases do not ask for.
    Migration { number: 13, min_reader: 1, sql: include_str!("0013.sql") },
    // Tables that earlier releases do not ask for.
    Migration { number: 14, min_reader: 1, sql: include_str!("0014.sql") },
];

/// The schema number this build reads and writes.
pub const READS: i64 = MIGRATIONS[MIGRATIONS.len() - 1].number;

/// The oldest schema number that a release must know to read a database of this build.
pub const FOR_READERS: i64 = MIGRATIONS[MIGRATIONS.len() - 1].min_reader;

/// The table that says how far a database is. Made before anything else.
pub const META: &str = "CREATE TABLE IF NOT EXISTS meta (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    schema_version INTEGER NOT NULL,
    min_reader INTEGER NOT NULL
)";

/// Reads how far a database is: schema number and the reader it asks for.
pub(crate) const READ_META: &str = "SELECT schema_version, min_reader FROM meta WHERE one = 1";

/// Notes how far a database is. What asks for a newer reader already goes on doing so.
pub(crate) const WRITE_META: &str = "INSERT INTO meta (one, schema_version, min_reader) VALUES (1, ?1, ?2)
    ON CONFLICT (one) DO UPDATE SET schema_version = excluded.schema_version,
        min_reader = CASE WHEN meta.min_reader > excluded.min_reader THEN meta.min_reader ELSE excluded.min_reader END";

/// The migrations a database at `version` still needs.
///
/// # Errors
/// [`StoreError::TooNew`] if it asks for a newer reader than this build.
pub fn pending(version: i64, min_reader: i64) -> StoreResult<&'static [Migration]> {
    if min_reader > READS {
        return Err(StoreError::TooNew { min_reader, reads: READS });
    }
    // A newer schema that this build may read is left alone.
    let done = usize::try_from(version).unwrap_or(0).min(MIGRATIONS.len());
    Ok(&MIGRATIONS[done..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_gaps_and_readers_never_go_back() {
        let mut reader = 0;
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(migration.number, i64::try_from(index).unwrap() + 1);
            assert!(migration.min_reader >= reader && migration.min_reader <= migration.number);
            reader = migration.min_reader;
        }
    }

    #[test]
    fn a_newer_schema_for_this_reader_needs_nothing_and_one_for_a_newer_reader_is_refused() {
        assert!(pending(READS + 3, READS).unwrap().is_empty());
        assert_eq!(pending(0, 0).unwrap().len(), MIGRATIONS.len());
        assert!(matches!(pending(READS + 3, READS + 1), Err(StoreError::TooNew { .. })));
    }
}
