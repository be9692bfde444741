//! What changed, as a feed that can be read on where one stopped.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use orch_rules::ids::{RepositoryId, Timestamp, WorkItemId};

use crate::store::StoreResult;

/// A place in the feed: behind a row, or at its beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeedPlace {
    /// The transaction that wrote it; 0 on SQLite, where rows are numbered in the order of their commits.
    pub transaction: i64,
    /// Its row.
    pub row: i64,
}

impl fmt::Display for FeedPlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.transaction, self.row)
    }
}

impl FromStr for FeedPlace {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (transaction, row) = text.split_once('-').unwrap_or(("", text));
        Ok(Self { transaction: transaction.parse()?, row: row.parse()? })
    }
}

/// Something that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Where.
    pub repository: RepositoryId,
    /// Of which task; `None`: of the repository itself.
    pub task: Option<WorkItemId>,
    /// `opened`, `changed`, `ended` for a task, `run` where one of its runs was launched, `repository`.
    pub what: String,
    /// When, by the store's clock.
    pub at: Timestamp,
}

/// Which changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedFilter {
    /// Behind this place; `None`: nothing of the past, only where the feed ends now.
    pub after: Option<FeedPlace>,
    /// Only of this repository.
    pub repository: Option<RepositoryId>,
    /// Only of the tasks with this id.
    pub task: Option<WorkItemId>,
    /// At most so many.
    pub limit: u32,
}

/// A part of the feed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedPart {
    /// In their order.
    pub changes: Vec<Changed>,
    /// Where to go on.
    pub next: FeedPlace,
    /// What stood behind `after` is not kept any more: whoever follows looks at everything anew and goes on at `next`.
    pub lost: bool,
}

/// The feed.
#[async_trait]
pub trait Feed: Send + Sync {
    /// What changed.
    async fn feed(&self, filter: &FeedFilter) -> StoreResult<FeedPart>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back() {
        for place in [FeedPlace::default(), FeedPlace { transaction: 7, row: i64::MAX }] {
            assert_eq!(place.to_string().parse::<FeedPlace>().unwrap(), place);
        }
        assert!("12".parse::<FeedPlace>().is_err() && "".parse::<FeedPlace>().is_err());
    }
}
