//! A few read-only connections, opened when first needed.

use std::sync::{Arc, Mutex, PoisonError};

use camino::Utf8PathBuf;
use orch_ports::store::{StoreError, StoreResult};
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::connection::{failed, reading};
use super::run::run;
use crate::step::{Answer, Step};

/// Readers at once. They share two or a few cores with agents; more would only cost memory.
const READERS: u32 = 4;

#[derive(Debug)]
pub(super) struct Readers {
    path: Utf8PathBuf,
    permits: Arc<Semaphore>,
    resting: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn new(path: Utf8PathBuf) -> Self {
        Self { path, permits: Arc::new(Semaphore::new(READERS as usize)), resting: Arc::default() }
    }

    /// All steps on one snapshot.
    pub(super) async fn read(&self, steps: Vec<Step>) -> StoreResult<Vec<Answer>> {
        let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else {
            return Err(closed());
        };
        let (path, resting) = (self.path.clone(), Arc::clone(&self.resting));
        let work = tokio::task::spawn_blocking(move || {
            // Moved in: a caller that goes away must not let a fifth reader start while this one still runs.
            let _permit = permit;
            let rested = resting.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = rested.map_or_else(|| reading(&path), Ok)?;
            let answers = snapshot(&connection, &steps);
            if connection.is_autocommit() {
                resting.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            }
            answers
        });
        match work.await {
            Ok(answers) => answers,
            Err(error) => Err(StoreError::Failed { detail: format!("a read was broken off: {error}") }),
        }
    }

    /// Waits for the reads under way and closes the connections.
    pub(super) async fn close(&self) {
        if let Ok(all) = self.permits.acquire_many(READERS).await {
            self.permits.close();
            self.resting.lock().unwrap_or_else(PoisonError::into_inner).clear();
            drop(all);
        }
    }
}

fn snapshot(connection: &Connection, steps: &[Step]) -> StoreResult<Vec<Answer>> {
    if steps.len() == 1 {
        return run(connection, steps);
    }
    let transaction = connection.unchecked_transaction().map_err(|e| failed(&e))?;
    let answers = run(&transaction, steps)?;
    transaction.commit().map_err(|e| failed(&e))?;
    Ok(answers)
}

pub(super) fn closed() -> StoreError {
    StoreError::Unusable { detail: "the store was closed".into() }
}
