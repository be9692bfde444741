//! Outages: a vendor that does not serve a credential, a program that cannot be started, a repository that cannot be
//! worked in. Each is one row for the whole host; while it holds, nothing that needs its source starts. After that of a
//! vendor or a program one run goes first (X7, Y9); a repository is looked at until it is mended.

use crate::actor::Actor;
use serde::{Deserialize, Serialize};

use crate::change::{AuditLine, Change, ChangeSet, Guard};
use crate::ids::{AttemptNumber, RepositoryId, TaskId, Timestamp, WorkItemId};
use crate::reason;
use crate::unknown::Beyond;

/// First pause in milliseconds where nobody said when to come back; it doubles from failure to failure.
const FIRST_PAUSE_MS: i64 = 60_000;
/// The longest pause in milliseconds where nobody said when to come back.
const LONGEST_PAUSE_MS: i64 = 60 * 60_000;
/// A vendor's word is believed for so long, in milliseconds: the longest limits of vendors are weekly, and a garbled
/// date must not stop a host for years.
const LONGEST_NAMED_MS: i64 = 8 * 24 * 60 * 60_000;
/// So many starts of one program have to fail in a row, for more than one task, before nothing of it is started any
/// more. A single task that cannot be started is stopped by its own cap.
pub const SPAWN_FAILURES: u32 = 3;

/// What is out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "source")]
pub enum Source {
    /// A log-in at a vendor of models.
    Credential {
        /// Its name in the host settings.
        name: String,
    },
    /// A kind of agent that cannot be started on this host.
    Agent {
        /// Its name.
        name: String,
    },
    /// A repository that cannot be worked in: gone, moved, with settings that cannot be read.
    Repository {
        /// Its id.
        name: String,
    },
}

impl Source {
    /// Key of its row, and of the tasks that wait for it: `credential:NAME`, `agent:NAME`, `repository:NAME`.
    pub fn key(&self) -> String {
        format!("{}:{}", self.kind(), self.name())
    }
    /// Of a kind and a name; `None` for a kind that there is not.
    pub fn of(kind: &str, name: String) -> Option<Self> {
        let sources =
            [Self::Credential { name: name.clone() }, Self::Agent { name: name.clone() }, Self::Repository { name }];
        sources.into_iter().find(|source| source.kind() == kind)
    }
    /// Which kind: `credential`, `agent`, `repository`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Credential { .. } => "credential",
            Self::Agent { .. } => "agent",
            Self::Repository { .. } => "repository",
        }
    }
    /// Which of its kind.
    pub fn name(&self) -> &str {
        match self {
            Self::Credential { name } | Self::Agent { name } | Self::Repository { name } => name,
        }
    }
}

/// The run that finds out whether an outage is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Whose.
    pub task: TaskId,
    /// For people.
    pub work_item: WorkItemId,
    /// Which attempt.
    pub attempt: AttemptNumber,
}

/// What is known of a source that failed. The row stays when the outage is over, so that its version never goes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// What is out.
    pub source: Source,
    /// Why, in the words of the last failure.
    pub reason: String,
    /// When the first failure was seen.
    pub since: Timestamp,
    /// Failures in a row; 0 if all is well.
    pub failures: u32,
    /// Tasks that failed, at most two: whether it is more than one.
    pub tasks: Vec<TaskId>,
    /// Nothing that needs the source starts before; `None` while failures are only counted.
    pub until: Option<Timestamp>,
    /// The vendor named that moment; otherwise it is the next try.
    pub named: bool,
    /// The run that goes first; nothing else starts before it has ended.
    pub probe: Option<Probe>,
    /// Nothing is wrong: it ends by itself, and nobody has to do anything.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passes: bool,
    /// Guarded by [`crate::change::Guard::OutageVersion`]; 0 before the row exists.
    #[serde(default)]
    pub version: i64,
    /// What its row holds beyond what this release knows.
    #[serde(flatten)]
    pub beyond: Beyond,
}

/// A failure to come by a source.
pub struct Failure<'f> {
    /// When.
    pub now: Timestamp,
    /// Whose run.
    pub task: &'f TaskId,
    /// It was the run that went first.
    pub probed: bool,
    /// When the vendor will serve again, if it said so.
    pub named: Option<Timestamp>,
    /// The source is to blame, whatever the task: one failure is enough.
    pub surely: bool,
    /// In words.
    pub reason: &'f str,
}

impl Outage {
    /// Nothing is wrong with it.
    pub fn none(source: Source) -> Self {
        Self {
            beyond: Beyond::default(),
            source,
            reason: String::new(),
            since: Timestamp(0),
            failures: 0,
            tasks: Vec::new(),
            until: None,
            named: false,
            probe: None,
            passes: false,
            version: 0,
        }
    }

    /// Something is held back by it, or one run goes first.
    pub fn is_closed(&self) -> bool {
        self.until.is_some()
    }

    /// Nothing that needs the source may start now.
    pub fn holds(&self, now: Timestamp) -> bool {
        // No pause is longer than the longest one: a moment beyond it was written by a clock that was ahead.
        let waits = |until: Timestamp| now < until && until.since_ms(now) <= LONGEST_NAMED_MS;
        match self.source {
            Source::Repository { .. } => self.is_closed(),
            _ => self.until.is_some_and(|until| self.probe.is_some() || waits(until)),
        }
    }

    /// All is well again.
    pub fn heal(&mut self) {
        *self = Self { version: self.version, ..Self::none(self.source.clone()) };
    }

    /// The run that went first said nothing about the source: another one may.
    pub fn probe_again(&mut self, now: Timestamp) {
        self.probe = None;
        self.until = self.until.map(|_| now);
    }

    /// A run failed over this source.
    pub fn fail(&mut self, failure: &Failure<'_>) {
        let now = failure.now;
        let named = failure.named.map(|until| until.min(now.plus_ms(LONGEST_NAMED_MS)));
        failure.reason.clone_into(&mut self.reason);
        if self.holds(now) && !failure.probed {
            // It was under way when the others were stopped: news only if it names a later moment.
            if let Some(until) = named.max(self.until).filter(|until| Some(*until) != self.until) {
                self.until = Some(until);
                self.named = true;
            }
            return;
        }
        if self.failures == 0 {
            self.since = now;
        }
        self.failures = self.failures.saturating_add(1);
        if self.tasks.len() < 2 && !self.tasks.contains(failure.task) {
            self.tasks.push(failure.task.clone());
        }
        let closes = match self.source {
            Source::Credential { .. } | Source::Repository { .. } => true,
            Source::Agent { .. } => {
                let counted = self.failures >= SPAWN_FAILURES && self.tasks.len() > 1;
                self.is_closed() || failure.surely || counted
            }
        };
        if closes {
            self.named = named.is_some();
            // Never at once, whatever the vendor says: a refusal without end would be asked without end.
            let pause = named.map_or_else(|| self.pause_ms(), |until| until.since_ms(now).max(FIRST_PAUSE_MS));
            self.until = Some(now.plus_ms(pause));
            self.probe = None;
        }
    }

    /// 1, 2, 4 … 60 minutes.
    fn pause_ms(&self) -> i64 {
        let first = match self.source {
            Source::Credential { .. } | Source::Repository { .. } => 1,
            Source::Agent { .. } => SPAWN_FAILURES,
        };
        let doublings = self.failures.saturating_sub(first).min(10);
        (FIRST_PAUSE_MS << doublings).min(LONGEST_PAUSE_MS)
    }
}

/// A person lifts an outage: what waits for it goes on at once. The audit line stands with each of `repositories`.
pub fn lift(outage: &Outage, by: &Actor, repositories: &[RepositoryId], now: Timestamp) -> ChangeSet {
    let mut well = outage.clone();
    well.heal();
    let key = outage.source.key();
    let line = |repository: &RepositoryId| AuditLine {
        task: None,
        repository: repository.clone(),
        at: now,
        by: by.clone(),
        rule: "outage_lifted".to_owned(),
        text: reason::outage_lifted(outage.source.kind(), outage.source.name()),
    };
    let mut changes = vec![Change::PutOutage { outage: well }];
    changes.extend(repositories.iter().map(|repository| Change::Audit { line: line(repository) }));
    changes.push(Change::WakeSlotWaiters { key: key.clone() });
    ChangeSet { guards: vec![Guard::OutageVersion { key, version: outage.version }], changes }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn credential() -> Outage {
        Outage::none(Source::Credential { name: "main".into() })
    }
    fn fails(outage: &mut Outage, task: &str, probed: bool, named: Option<i64>) -> Option<i64> {
        let named = named.map(|ms| NOW.plus_ms(ms));
        outage.fail(&Failure { now: NOW, task: &task.into(), probed, named, surely: false, reason: "why" });
        outage.until.map(|until| (until.0 - NOW.0) / 60_000)
    }

    #[test]
    fn the_pause_doubles_to_an_hour() {
        let mut outage = credential();
        let mut minutes = vec![fails(&mut outage, "a", false, None)];
        minutes.extend((0..7).map(|_| fails(&mut outage, "a", true, None)));
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 60, 60].map(Some));
    }

    #[test]
    fn a_named_moment_is_kept_but_never_at_once_nor_for_years() {
        assert_eq!(fails(&mut credential(), "a", false, Some(5 * 60_000)), Some(5));
        assert_eq!(fails(&mut credential(), "a", false, Some(-5)), Some(1), "it is over already, the vendor says");
        assert_eq!(fails(&mut credential(), "a", false, Some(i64::MAX / 2)), Some(8 * 24 * 60));
    }

    #[test]
    fn a_moment_that_a_clock_ahead_wrote_is_now() {
        let mut outage = credential();
        let year = 365 * 24 * 60 * 60_000;
        outage.fail(&Failure {
            now: NOW.plus_ms(year),
            task: &"a".into(),
            probed: false,
            named: None,
            surely: false,
            reason: "why",
        });
        assert!(outage.is_closed() && !outage.holds(NOW));
        assert!(outage.holds(NOW.plus_ms(year)));
    }

    #[test]
    fn who_was_under_way_counts_as_no_further_failure() {
        let mut outage = credential();
        fails(&mut outage, "a", false, None);
        assert_eq!(fails(&mut outage, "b", false, None), Some(1));
        assert_eq!(outage.failures, 1);
        assert_eq!(fails(&mut outage, "c", false, Some(600_000)), Some(10), "a later moment is news");
        assert_eq!(fails(&mut outage, "d", false, Some(300_000)), Some(10), "an earlier one is not");
    }

    #[test]
    fn one_task_alone_stops_no_agent() {
        let mut outage = Outage::none(Source::Agent { name: "claude".into() });
        assert!((0..9).all(|_| fails(&mut outage, "a", false, None).is_none()));
        outage.heal();
        assert_eq!(fails(&mut outage, "a", false, None), None);
        assert_eq!(fails(&mut outage, "b", false, None), None);
        assert_eq!(fails(&mut outage, "a", false, None), Some(1));
        assert_eq!(fails(&mut outage, "b", true, None), Some(2));
    }

    #[test]
    fn healing_keeps_the_version() {
        let mut outage = Outage { version: 7, ..credential() };
        fails(&mut outage, "a", false, None);
        outage.heal();
        assert_eq!(outage, Outage { version: 7, ..credential() });
    }
}
