//! Which runs a budget pays, told by the key of its row.

use super::{DAY_MS, next_day};
use crate::ids::{RepositoryId, TaskId, Timestamp};

/// The runs that one budget pays: all of them count, whenever it was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pays {
    /// Those of this task.
    Task(TaskId),
    /// Those that ended in this time, of this repository or of all.
    Between {
        /// `None` is every repository.
        repository: Option<RepositoryId>,
        /// The first moment of the day.
        from: Timestamp,
        /// The first of the next one.
        until: Timestamp,
    },
}

impl Pays {
    /// Of a row's key; `None` if it is no budget's.
    pub fn of(key: &str) -> Option<Self> {
        let rest = key.strip_prefix("budget:")?;
        let (scope, rest) = rest.split_once(':')?;
        let between = |repository, day: &str| {
            let from = Timestamp(day.parse::<i64>().ok()?.checked_mul(DAY_MS)?);
            Some(Self::Between { repository, from, until: next_day(from) })
        };
        match scope {
            "task" => Some(Self::Task(rest.into())),
            "day" => between(None, rest),
            "repository" => {
                let (repository, day) = rest.rsplit_once(':')?;
                between(Some(repository.into()), day)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_which_runs_it_pays() {
        let day = |repository: Option<&str>| Pays::Between {
            repository: repository.map(Into::into),
            from: Timestamp(7 * DAY_MS),
            until: Timestamp(8 * DAY_MS),
        };
        assert_eq!(Pays::of("budget:day:7"), Some(day(None)));
        assert_eq!(Pays::of("budget:repository:shop:7"), Some(day(Some("shop"))));
        assert_eq!(Pays::of("budget:task:0190"), Some(Pays::Task("0190".into())));
        for other in ["month", "budget:day:x", "budget:repository:7", "budget:year:7", "budget:day:9223372036854775807"]
        {
            assert_eq!(Pays::of(other), None, "{other}");
        }
    }
}
