//! What changed, for those who follow.

use std::time::{Duration, Instant};

use orch_ports::feed::{FeedFilter, FeedPart};
use orch_rules::task::Task;

use super::standing::in_line;
use super::{Control, ControlError, TaskName};

/// A change that was heard of may stand behind a transaction that is still under way.
const SOON: Duration = Duration::from_millis(250);

impl Control {
    /// What changed, as soon as something did that was asked for, after `patience` at the latest.
    ///
    /// # Errors
    /// The store's.
    pub async fn feed(&self, mut filter: FeedFilter, patience: Duration) -> Result<FeedPart, ControlError> {
        let changes = &self.engine.changes;
        let (until, mut heard) = (Instant::now() + patience, false);
        loop {
            let seen = changes.newest();
            let part = self.engine.store.feed(&filter).await?;
            let left = until.saturating_duration_since(Instant::now());
            if filter.after.is_none() || part.lost || !part.changes.is_empty() || left.is_zero() || changes.is_closing()
            {
                return Ok(part);
            }
            filter.after = Some(part.next);
            heard = changes.after(seen, if heard { left.min(SOON) } else { left }).await;
        }
    }

    /// Waits until something of this task was written after the change `seen`, for `patience` at most. Of a task that
    /// stands in a line: of anybody in its repository, whoever is in front of it.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], or the store's.
    pub async fn await_change(&self, name: &TaskName, seen: u64, patience: Duration) -> Result<(), ControlError> {
        let changes = &self.engine.changes;
        let begun = FeedFilter { limit: 1, ..FeedFilter::default() };
        let end = self.engine.store.feed(&begun).await?.next;
        let launched = changes.next_launch();
        let Task { repository, work_item, waits, .. } = self.task_of(name).await?;
        // Something was written before anybody could wait for it.
        if changes.newest() != seen {
            return Ok(());
        }
        let task = Some(work_item).filter(|_| !waits.iter().any(in_line));
        let filter = FeedFilter { after: Some(end), repository: Some(repository), task, limit: 1 };
        tokio::select! {
            part = self.feed(filter, patience) => part.map(drop),
            () = launched => Ok(()),
        }
    }
}
