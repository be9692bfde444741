//! Looks at base branches: one at a time for each repository, shared by everybody who needs what it finds.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use orch_ports::PortResult;
use orch_ports::forge::Base;
use orch_ports::workshop::NumbersSeen;
use orch_rules::base_branch::{BaseBranch, FileSeen, pipelines_of, settings_of};
use orch_rules::ids::RepositoryId;
use orch_rules::repository_file::REPOSITORY_FILE;

use crate::repository_context::{FILE_CAP, RepositoryContext};

/// The looks of one process.
#[derive(Default)]
pub(crate) struct BaseLooks(Mutex<BTreeMap<RepositoryId, Arc<Shared>>>);

/// The looks at one repository.
#[derive(Default)]
pub(crate) struct Shared {
    /// How many were begun.
    begun: AtomicU64,
    /// Held by the one that looks.
    turn: Arc<tokio::sync::Mutex<Ended>>,
}

/// What is known of the looks that ended.
#[derive(Default)]
pub(crate) struct Ended {
    /// The newest of them.
    look: u64,
    /// What was read of the forge when numbers were looked for last, by prefix: no more is read than what has moved.
    pub(crate) numbers: BTreeMap<String, NumbersSeen>,
}

/// The right to look; dropped before it is over, nobody may rely on what it found.
pub(crate) struct Turn {
    pub(crate) ended: tokio::sync::OwnedMutexGuard<Ended>,
    look: u64,
}

impl BaseLooks {
    /// Waits for a look that begins from now on. With `share`, `None` if somebody else had it; else it is the caller's.
    pub(crate) async fn turn(&self, repository: &RepositoryId, share: bool) -> Option<Turn> {
        let shared = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(repository.clone()).or_default())
        };
        let asked = shared.begun.load(Ordering::SeqCst);
        let ended = Arc::clone(&shared.turn).lock_owned().await;
        if share && ended.look > asked {
            return None;
        }
        let look = shared.begun.fetch_add(1, Ordering::SeqCst) + 1;
        Some(Turn { ended, look })
    }
}

impl Turn {
    /// What it found is written: whoever waited for it goes on.
    pub(crate) fn over(mut self) {
        self.ended.look = self.look;
    }
}

/// What the base branch says now. Reads no more than what has moved since it was seen. Blocks.
pub(crate) fn read(
    context: &RepositoryContext,
    seen: Option<BaseBranch>,
    base: &Base,
    prefix: &str,
    numbers: &mut BTreeMap<String, NumbersSeen>,
) -> PortResult<BaseBranch> {
    let mut found = match seen {
        Some(seen) if seen.tip == base.tip && seen.branch == base.branch => seen,
        seen => {
            let settings = file(context, base, REPOSITORY_FILE)?;
            let mut pipelines = BTreeMap::new();
            for path in settings_of(&settings).iter().flat_map(pipelines_of) {
                let seen = file(context, base, &path)?;
                pipelines.insert(path, seen);
            }
            let obstacle = context.no_place_for_documents(&base.tip, &base.branch)?;
            let (branch, tip, highest) = (base.branch.clone(), base.tip.clone(), BTreeMap::new());
            let tests = seen.map(|seen| seen.tests).unwrap_or_default();
            BaseBranch { branch, tip, settings, pipelines, highest, obstacle, tests }
        }
    };
    if let Some(moved) = context.workshop.highest_number(prefix, numbers.get(prefix))? {
        numbers.insert(prefix.to_owned(), moved);
    }
    let highest = numbers.get(prefix).map_or(0, |seen| seen.highest);
    found.highest.insert(prefix.to_owned(), highest);
    Ok(found)
}

fn file(context: &RepositoryContext, base: &Base, path: &str) -> PortResult<FileSeen> {
    match context.workshop.read(&base.tip, path, FILE_CAP) {
        Ok(Some(text)) => Ok(FileSeen::Text(text)),
        Ok(None) => Ok(FileSeen::Absent),
        Err(error) if error.is_fact() => Ok(FileSeen::Unreadable(error.words)),
        Err(error) => Err(error),
    }
}
