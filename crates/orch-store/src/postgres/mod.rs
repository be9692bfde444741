//! PostgreSQL 15 or newer: a small pool of connections, READ COMMITTED with row locks in the guards.

mod connect;
mod holding;
mod news;
mod value;

use std::time::Duration;

use async_trait::async_trait;
use camino::Utf8Path;
use deadpool_postgres::{Pool, Transaction};
use orch_ports::store::{StoreError, StoreResult};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, IsolationLevel};

pub use holding::{Holder, ServiceLock, Taken, tell_service};
pub use news::relay;

use crate::Database;
use crate::engine::Engine;
use crate::step::{Answer, Step};

/// How often a transaction that lost a race of the engine's own (deadlock, serialisation, a row made twice) is tried.
const TRIES: u32 = 6;

/// Advisory lock of transactions that are tried again.
const RETRY_LOCK: i64 = 7_041_777;

/// The engine behind [`PostgresStore`].
#[derive(Debug)]
pub struct Postgres {
    pool: Pool,
}

/// A store in a PostgreSQL database.
pub type PostgresStore = Database<Postgres>;

impl PostgresStore {
    /// Connects and brings the schema up to date, under a lock, so that two that start at once do it once. `url` is a
    /// libpq connection string or URL. Connections are not encrypted: a socket, the same host, or a tunnel.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] if the server cannot be reached or refuses; [`StoreError::TooNew`] if a newer release wrote
    /// the database and this one must not read it.
    pub async fn connect(url: &str) -> StoreResult<Self> {
        let pool = connect::pool(url)?;
        connect::migrate(&pool).await?;
        Ok(Self { engine: Postgres { pool } })
    }
}

/// The text PostgreSQL is given: `?1` becomes `$1`, `INTEGER` becomes `BIGINT`, `/*pg … */` loses its comment marks.
pub fn dialect(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len() + 16);
    let mut rest = sql;
    while let Some(start) = rest.find("/*pg") {
        let (before, from) = rest.split_at(start);
        text.push_str(before);
        let inside = &from["/*pg".len()..];
        let (inside, after) = inside.split_once("*/").unwrap_or((inside, ""));
        text.push_str(inside);
        rest = after;
    }
    text.push_str(rest);
    text.replace('?', "$").replace("INTEGER", "BIGINT")
}

#[async_trait]
impl Engine for Postgres {
    async fn write(&self, steps: Vec<Step>) -> StoreResult<Vec<Answer>> {
        let mut tried = 1;
        loop {
            match self.once(&steps, IsolationLevel::ReadCommitted, Some(tried)).await {
                Err(Trouble::Race(error)) if tried < TRIES => {
                    tracing::debug!(%error, tried, "a transaction is run again");
                    tokio::time::sleep(Duration::from_millis(2 << tried)).await;
                    tried += 1;
                }
                Err(Trouble::Race(error) | Trouble::Final(error)) => return Err(error),
                Ok(answers) => return Ok(answers),
            }
        }
    }

    async fn read(&self, steps: Vec<Step>) -> StoreResult<Vec<Answer>> {
        match self.once(&steps, IsolationLevel::RepeatableRead, None).await {
            Ok(answers) => Ok(answers),
            Err(Trouble::Race(error) | Trouble::Final(error)) => Err(error),
        }
    }

    async fn backup(&self, _path: &Utf8Path) -> StoreResult<()> {
        Err(StoreError::Failed {
            detail: "a PostgreSQL database is copied with its own tools: pg_dump for one database, pg_basebackup with \
                     archived logs for the server"
                .into(),
        })
    }
}

/// An error, and whether the same transaction may pass when it is run again.
enum Trouble {
    Race(StoreError),
    Final(StoreError),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        let race = match error.code() {
            Some(code) => {
                *code == SqlState::T_R_SERIALIZATION_FAILURE
                    || *code == SqlState::T_R_DEADLOCK_DETECTED
                    // Two rows of one wake: the other transaction has queued it.
                    || *code == SqlState::UNIQUE_VIOLATION
            }
            None => false,
        };
        let error = connect::failed(&error);
        if race { Self::Race(error) } else { Self::Final(error) }
    }
}

impl Postgres {
    /// One transaction; `tried` is the number of the try, `None` for one that only reads.
    async fn once(&self, steps: &[Step], level: IsolationLevel, tried: Option<u32>) -> Result<Vec<Answer>, Trouble> {
        let mut client = connect::get(&self.pool).await.map_err(Trouble::Final)?;
        let transaction = client.build_transaction().isolation_level(level).read_only(tried.is_none()).start().await?;
        if tried.is_some_and(|tried| tried > 1) {
            // Those that lost a race go one at a time, or the same ones would meet again and again.
            transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&RETRY_LOCK]).await?;
        }
        let mut answers: Vec<Answer> = Vec::with_capacity(steps.len());
        for step in steps {
            if step.only_after_write && answers.last().is_none_or(|before| before.touched == 0) {
                answers.push(Answer::default());
                continue;
            }
            let answer = execute(&transaction, step).await?;
            step.judge(answer.touched).map_err(Trouble::Final)?;
            answers.push(answer);
        }
        transaction.commit().await?;
        Ok(answers)
    }
}

async fn execute(transaction: &Transaction<'_>, step: &Step) -> Result<Answer, Error> {
    let statement = transaction.prepare_cached(&dialect(step.sql)).await?;
    let params: Vec<&(dyn ToSql + Sync)> = step.params.iter().map(|p| p as &(dyn ToSql + Sync)).collect();
    if !step.rows {
        let touched = transaction.execute(&statement, &params).await?;
        return Ok(Answer { touched, rows: Vec::new() });
    }
    let found = transaction.query(&statement, &params).await?;
    let rows = found.iter().map(value::row).collect::<Result<Vec<_>, _>>()?;
    Ok(Answer { touched: rows.len() as u64, rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dialect_is_a_mechanical_translation() {
        assert_eq!(
            dialect("SELECT CAST(?1 AS INTEGER) FROM t WHERE a = ?12 /*pg FOR SHARE */"),
            "SELECT CAST($1 AS BIGINT) FROM t WHERE a = $12  FOR SHARE "
        );
        assert_eq!(dialect("a /*pg b */ c /* d */"), "a  b  c /* d */");
    }
}
