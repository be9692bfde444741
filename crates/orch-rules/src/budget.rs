//! Budgets: what runs may cost per task, per repository and day, and per day on this host. Every run sets an amount
//! aside at its launch and books what it really cost at its end; where that stays unknown, the whole amount counts (X6).

mod pays;

use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;
use crate::task::Task;

pub use pays::Pays;

/// Milliseconds of a day; days are UTC.
/// Milliseconds of a day; days of money are days of UTC.
pub const DAY_MS: i64 = 24 * 60 * 60_000;

/// The budgets of a host, in millionths of a US dollar. `None` is no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budgets {
    /// Set aside for each run.
    pub run_micros: u64,
    /// All runs of one task.
    pub task_micros: Option<u64>,
    /// All runs of one repository on one day.
    pub repository_day_micros: Option<u64>,
    /// All runs on one day.
    pub day_micros: Option<u64>,
}

/// Whose budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// A task's.
    Task,
    /// A repository's for one day.
    RepositoryDay,
    /// The host's for one day.
    Day,
}

/// One budget that a run is paid from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Whose.
    pub scope: Scope,
    /// Key of its row.
    pub key: String,
    /// How much there is by the settings; what people added comes on top.
    pub ceiling_micros: u64,
}

impl Scope {
    /// Of a row's key; `None` if it is no budget's.
    pub fn of(key: &str) -> Option<Self> {
        match key.strip_prefix("budget:")?.split(':').next()? {
            "task" => Some(Self::Task),
            "repository" => Some(Self::RepositoryDay),
            "day" => Some(Self::Day),
            _ => None,
        }
    }

    /// Spelling in texts and settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::RepositoryDay => "repository_day",
            Self::Day => "day",
        }
    }
    /// For people: `the budget of …`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Task => "the budget of this task",
            Self::RepositoryDay => "today's budget of this repository",
            Self::Day => "today's budget of this host",
        }
    }
}

impl Budgets {
    /// The budgets that a run of this task is paid from, if it was asked for at this moment.
    pub fn of(&self, task: &Task, at: Timestamp) -> Vec<Budget> {
        let day = at.0.div_euclid(DAY_MS);
        let all = [
            (Scope::Day, self.day_micros, format!("budget:day:{day}")),
            (Scope::RepositoryDay, self.repository_day_micros, format!("budget:repository:{}:{day}", task.repository)),
            (Scope::Task, self.task_micros, format!("budget:task:{}", task.id)),
        ];
        let limited = all.into_iter().filter_map(|(scope, ceiling, key)| Some((scope, ceiling?, key)));
        limited.map(|(scope, ceiling_micros, key)| Budget { scope, key, ceiling_micros }).collect()
    }
}

/// When the next day begins.
pub fn next_day(now: Timestamp) -> Timestamp {
    Timestamp((now.0.div_euclid(DAY_MS) + 1).saturating_mul(DAY_MS))
}

/// Millionths of a US dollar for people, rounded to cents: `$2.50`.
pub fn dollars(micros: u64) -> String {
    let cents = micros / 10_000 + u64::from(micros % 10_000 >= 5_000);
    format!("${}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_name_their_scope() {
        for (key, scope) in [
            ("budget:task:0190", Some(Scope::Task)),
            ("budget:repository:shop:7", Some(Scope::RepositoryDay)),
            ("budget:day:7", Some(Scope::Day)),
            ("runs", None),
            ("credential:day", None),
        ] {
            assert_eq!(Scope::of(key), scope, "{key}");
        }
    }

    #[test]
    fn days_begin_at_midnight() {
        assert_eq!(next_day(Timestamp(0)), Timestamp(DAY_MS));
        assert_eq!(next_day(Timestamp(DAY_MS - 1)), Timestamp(DAY_MS));
        assert_eq!(next_day(Timestamp(DAY_MS)), Timestamp(2 * DAY_MS));
        for (micros, words) in
            [(2_509_999, "$2.51"), (2_504_999, "$2.50"), (39_600, "$0.04"), (0, "$0.00"), (999_999, "$1.00")]
        {
            assert_eq!(dollars(micros), words);
        }
        assert_eq!(dollars(u64::MAX), "$18446744073709.55");
    }
}
