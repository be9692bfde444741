//! The durable memory: facts, change sets under guards, the work table, the inbox, and the read models.

use async_trait::async_trait;
use orch_rules::actor::Actor;
use orch_rules::attempt::{Attempt, Usage};
use orch_rules::base_branch::BaseBranch;
use orch_rules::change::{AuditLine, ChangeSet, Guard};
use orch_rules::check::Check;
use orch_rules::effect::Effect;
use orch_rules::episode::Episode;
use orch_rules::event::Event;
use orch_rules::facts::{Policy, RepositoryFacts, TaskFacts};
use orch_rules::ids::{AttemptNumber, PipelineDigest, RepositoryId, StageId, TaskId, Timestamp, WorkItemId};
use orch_rules::issue::Issue;
use orch_rules::lane::{LaneEntry, Repository};
use orch_rules::outage::Outage;
use orch_rules::pipeline::Pipeline;
use orch_rules::reason::Reason;
use orch_rules::task::Task;
use orch_rules::unknown::Unknown;
use serde::{Deserialize, Serialize};

use crate::deliveries::Deliveries;
use crate::deploys::DeployLines;
use crate::feed::Feed;
use crate::keep::Keep;
use crate::lists::Lists;

/// Row number in the work table.
pub type WorkId = i64;
/// Row number in the inbox.
pub type InboxId = i64;

/// What went wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A guard of the change set does not hold: reload the facts and decide again. Nothing was written.
    #[error("guard {} does not hold", .0.name())]
    Guard(Guard),
    /// The work row was handed on to another attempt meanwhile: stop, touch nothing.
    #[error("work {work} belongs to another attempt now")]
    Stale {
        /// Which.
        work: WorkId,
    },
    /// No such row.
    #[error("{what} does not exist")]
    Missing {
        /// For people.
        what: String,
    },
    /// The database was written by a newer release whose rows this one cannot read.
    #[error(
        "the database needs a release that reads schema {min_reader}, this one reads up to {reads}: install the newer release again, or restore the backup made before the upgrade"
    )]
    TooNew {
        /// What the database asks for.
        min_reader: i64,
        /// What this build reads.
        reads: i64,
    },
    /// A younger process works for this one's host.
    #[error(
        "another process works on host {host} under the same id: this one stops. If the state folder was copied, remove the file `host.json` from the copy"
    )]
    Superseded {
        /// The host's name.
        host: String,
    },
    /// The disk is full.
    #[error("the disk that holds the database is full: {detail}")]
    Full {
        /// Engine's words.
        detail: String,
    },
    /// The database cannot be used at all (wrong file, library too old, no connection).
    #[error("the database cannot be opened: {detail}")]
    Unusable {
        /// What and what to do.
        detail: String,
    },
    /// A row cannot be read back: its spelling is unknown to this build. It is left as it is.
    #[error("{what} cannot be read by this release: {detail}")]
    Unreadable {
        /// Which row.
        what: String,
        /// Why.
        detail: String,
    },
    /// Anything else; may pass by itself.
    #[error("the database failed: {detail}")]
    Failed {
        /// Engine's words.
        detail: String,
    },
}

/// Result of a store call.
pub type StoreResult<T> = Result<T, StoreError>;

/// One accepted event, stored before anybody is answered (X2).
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// `cli`, `api`, later `plane`, `gitea`.
    pub source: String,
    /// Known once per source: a second delivery with the same key is a duplicate.
    pub key: String,
    /// Who caused it.
    pub by: Actor,
    /// What happened.
    pub event: Event,
}

/// The answer to a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its inbox row (the first one's, for a duplicate).
    pub inbox: InboxId,
    /// It was there already; nothing was written.
    pub duplicate: bool,
    /// For a duplicate that was handled already: what was answered.
    pub answer: Option<InboxAnswer>,
}

/// What became of an inbox row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "answer")]
pub enum InboxAnswer {
    /// Absorbed.
    Accepted {
        /// What it did.
        text: Reason,
    },
    /// It changes nothing, and why.
    Refused {
        /// Why.
        why: Reason,
    },
    /// The issue is this task, from now on or since it was filed first.
    Opened {
        /// Which.
        task: TaskId,
    },
    /// A person dropped it.
    Dropped {
        /// Who.
        why: String,
    },
    /// It names what is not there.
    NotFound {
        /// For people: what, and where to look.
        what: String,
    },
}

/// What a work row asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "work")]
pub enum Job {
    /// Handle an inbox row.
    Inbox {
        /// Which.
        inbox: InboxId,
        /// Who caused it.
        by: Actor,
        /// What happened.
        event: Event,
    },
    /// Make a task of an issue.
    Intake {
        /// Its inbox row.
        inbox: InboxId,
        /// Who filed it.
        by: Actor,
        /// What was filed.
        issue: Box<Issue>,
    },
    /// Decide a task again.
    DecideTask {
        /// Which.
        task: TaskId,
    },
    /// Decide a lane again.
    DecideLane {
        /// Which.
        repository: RepositoryId,
    },
    /// Perform an effect.
    Perform {
        /// Which.
        effect: Effect,
    },
}

/// A claimed row of the work table.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// Row.
    pub id: WorkId,
    /// What is asked for.
    pub job: Job,
    /// 1 for the first try.
    pub attempt: u32,
    /// Raised by every claim; a finish with an older one is [`StoreError::Stale`].
    pub fence: i64,
}

/// Who claims, and how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// This process's host.
    pub owner: String,
    /// Which of that host's processes: if a younger one has joined ([`crate::hosts`]), or if its lease has ended,
    /// nothing is taken. `i64::MAX` for a process that never joins.
    pub incarnation: i64,
    /// At most so many rows.
    pub limit: u32,
    /// Kinds this process can perform and has room for now, as spelled by [`Job::kind`]; no other is taken.
    pub kinds: Vec<&'static str>,
}

impl Job {
    /// The kinds that only decide.
    pub const DECISIONS: &[&str] = &["inbox", "intake", "decide_task", "decide_lane"];

    /// Every kind that this release knows. A row of another one was written by a newer release: it stays queued, is
    /// shown, and is never taken.
    pub fn kinds() -> impl Iterator<Item = &'static str> {
        Self::DECISIONS.iter().chain(Effect::KINDS).copied()
    }

    /// Spelling of the `kind` column: `inbox`, `intake`, `decide_task`, `decide_lane`, or the effect's kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Inbox { .. } => "inbox",
            Self::Intake { .. } => "intake",
            Self::DecideTask { .. } => "decide_task",
            Self::DecideLane { .. } => "decide_lane",
            Self::Perform { effect } => effect.kind(),
        }
    }
}

/// How a claimed row ends, in the same transaction as the change set.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// Which row.
    pub work: WorkId,
    /// The fence of the claim.
    pub fence: i64,
    /// How.
    pub how: Finished,
}

/// The ends of a work row.
#[derive(Debug, Clone, PartialEq)]
pub enum Finished {
    /// Done; for an inbox row with what is answered.
    Done {
        /// Stored with the inbox row.
        answer: Option<InboxAnswer>,
    },
    /// Try again later.
    Again {
        /// Not before.
        due: Timestamp,
        /// Why.
        error: String,
    },
    /// Try again when this happens ([`Store::wake_waiting`]). Until then it keeps nothing behind it waiting.
    Waits {
        /// For what, by the name under which it is woken.
        on: String,
        /// Why, for people.
        why: String,
    },
    /// Failed for good: parked and shown.
    Failed {
        /// Why.
        error: String,
    },
    /// This release does not know enough to do it: kept, as if it had not been claimed, for one that does.
    Kept {
        /// What is not known.
        why: String,
    },
}

/// What an applied change set set in motion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Applied {
    /// Rows were queued: somebody should claim.
    pub queued: bool,
}

/// Everything kept of one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// All, oldest first.
    pub attempts: Vec<Attempt>,
    /// All, oldest first.
    pub checks: Vec<Check>,
    /// All, oldest first.
    pub episodes: Vec<Episode>,
    /// All, oldest first.
    pub usage: Vec<UsageRow>,
    /// All, oldest first.
    pub audit: Vec<AuditLine>,
    /// Its places in lines.
    pub lane: Vec<LaneEntry>,
    /// Its work rows that are not done.
    pub work: Vec<WorkRow>,
    /// Tasks it waits for: id, work item, terminal.
    pub dependencies: Vec<(TaskId, WorkItemId, bool)>,
    /// Rows of it that this release does not know.
    #[serde(default)]
    pub unknown: Vec<Unknown>,
}

/// One run's cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UsageRow {
    /// Which attempt.
    pub attempt: AttemptNumber,
    /// At which stage.
    pub stage: StageId,
    /// How much.
    pub usage: Usage,
    /// When it was booked.
    pub at: Timestamp,
}

/// A repository's base branch as it was seen last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseSeen {
    /// Raised by every write.
    pub version: i64,
    /// What was seen.
    pub base: BaseBranch,
}

/// A row of the work table, for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkRow {
    /// Row.
    pub id: WorkId,
    /// See [`Job::kind`].
    pub kind: String,
    /// `queued`, `running`, `done`, `failed`, `cancelled`.
    pub state: String,
    /// The task, if it is for one.
    pub task: Option<TaskId>,
    /// Tries so far.
    pub attempt: u32,
    /// Not before.
    pub due: Timestamp,
    /// Last error; for a row that this release does not know, what it does not know of it.
    pub error: Option<String>,
}

/// The queue at a glance (C5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct QueueView {
    /// Rows by kind and state, `(kind, state, count)`; `done` rows are not counted.
    pub counts: Vec<(String, String, i64)>,
    /// Rows that are running or failed, oldest first, at most 200.
    pub rows: Vec<WorkRow>,
    /// Queued rows that this release does not know, oldest first, at most 200: they wait for one that does.
    #[serde(default)]
    pub unknown: Vec<WorkRow>,
    /// Rows that this release does not know, of what failed on this host.
    #[serde(default)]
    pub unknown_rows: Vec<Unknown>,
    /// Slot rows: `(key, used)`.
    pub slots: Vec<(String, i64)>,
    /// What failed on this host, over or not.
    #[serde(default)]
    pub outages: Vec<Outage>,
    /// Budgets that pay a run now or keep a task waiting, at most 50.
    #[serde(default)]
    pub budgets: Vec<BudgetRow>,
}

/// A budget row, in millionths of a US dollar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetRow {
    /// See [`orch_rules::budget`].
    pub key: String,
    /// By the settings, and what people added.
    pub most: i64,
    /// Booked.
    pub spent: i64,
    /// Set aside for runs that have not ended.
    pub reserved: i64,
}

/// The durable memory. Every call may wait for a disk or a network; none needs an outer lock.
#[async_trait]
pub trait Store: Deliveries + DeployLines + Lists + Feed + Send + Sync {
    /// Store an event and queue its handling, in one transaction, before the sender is answered.
    async fn accept(&self, delivery: Delivery) -> StoreResult<Accepted>;
    /// Store an issue of the built-in board and queue its intake, as [`Store::accept`] does. The same key in one
    /// repository is the same issue.
    async fn accept_issue(&self, issue: &Issue, by: &Actor) -> StoreResult<Accepted>;
    /// What was answered to the issue that was stored under this key; `None` if there is none, or no answer yet. Only
    /// reads: a request that is repeated waits for no writer.
    async fn issue_answered(&self, repository: &RepositoryId, key: &str) -> StoreResult<Option<InboxAnswer>>;
    /// Rows that wait for this are due now; how many. Writes nothing if none does.
    async fn wake_waiting(&self, on: &str) -> StoreResult<u64>;
    /// Take due rows of the kinds that are named: most urgent first, never two with the same ordering key at once, never
    /// one while an earlier row of its ordering key is unfinished. A row that this release does not know holds the
    /// effects behind it, which are there to come after it; it holds no decision, which looks at what is stored.
    async fn claim(&self, claim: Claim) -> StoreResult<Vec<Work>>;
    /// Rows left running by earlier processes of this host, and by owners that are no host, are queued again, and rows
    /// that an earlier process could not read are tried once more. Only for a caller that knows these processes dead.
    async fn reclaim(&self, owner: &str) -> StoreResult<u64>;
    /// The moment the next queued row of these kinds falls due that this owner may claim; `None` if none is queued.
    async fn next_due(&self, kinds: &[&'static str], owner: &str) -> StoreResult<Option<Timestamp>>;
    /// All guards hold and everything is written, or nothing is; then (and only then) the work row is finished.
    async fn apply(&self, changes: ChangeSet, finish: Option<Finish>) -> StoreResult<Applied>;
    /// As [`Store::apply`] of each of them, whatever becomes of the others; they share commits where they can. Answers in
    /// their order.
    async fn apply_all(&self, all: Vec<(ChangeSet, Option<Finish>)>) -> Vec<StoreResult<Applied>> {
        let mut applied = Vec::with_capacity(all.len());
        for (changes, finish) in all {
            applied.push(self.apply(changes, finish).await);
        }
        applied
    }
    /// Everything a task's decision sees, and the store's clock.
    async fn task_facts(&self, task: &TaskId, policy: &Policy) -> StoreResult<(TaskFacts, Timestamp)>;
    /// Everything a lane's decision sees, and the store's clock.
    async fn lane_facts(&self, repository: &RepositoryId, policy: &Policy)
    -> StoreResult<(RepositoryFacts, Timestamp)>;
    /// The store's clock.
    async fn now(&self) -> StoreResult<Timestamp>;
    /// Registers a repository, or brings prefix, base branch and serial mode of a known one up to date.
    async fn register(&self, repository: &Repository) -> StoreResult<Repository>;
    /// Keeps a pipeline by its digest; harmless to repeat.
    async fn keep_pipeline(&self, pipeline: &Pipeline) -> StoreResult<()>;
    /// A kept pipeline.
    async fn pipeline(&self, digest: &PipelineDigest) -> StoreResult<Pipeline>;
    /// The highest work item number given out for (repository, prefix); 0 if none.
    async fn highest_number(&self, repository: &RepositoryId, prefix: &str) -> StoreResult<u32>;
    /// A repository's base branch as it was seen last; `None` if nobody has looked yet.
    async fn base_seen(&self, repository: &RepositoryId) -> StoreResult<Option<BaseSeen>>;
    /// Replaces it, if it still has the version `seen` (0: there is none). False: another look replaced it meanwhile,
    /// and nothing was written.
    async fn see_base(&self, repository: &RepositoryId, seen: i64, base: &BaseBranch) -> StoreResult<bool>;
    /// Who holds a natural key now.
    async fn key_owner(&self, key: &str) -> StoreResult<Option<TaskId>>;
    /// One task row.
    async fn task(&self, task: &TaskId) -> StoreResult<Option<Task>>;
    /// Of each repository that has this work item id the task that holds it; failing that, the newest cancelled one that
    /// held it. In the order of the repositories' names.
    async fn tasks_by_work_item(&self, work_item: &WorkItemId) -> StoreResult<Vec<Task>>;
    /// The rows of a repository's tasks that had an attempt and have not ended, at most so many.
    async fn tasks_at_work(&self, repository: &RepositoryId, most: u32) -> StoreResult<Vec<Task>>;
    /// Ids of every task that is not terminal, for the sweep; in chunks after `after`.
    async fn active_tasks(&self, after: Option<&TaskId>, limit: u32) -> StoreResult<Vec<TaskId>>;
    /// Everything kept of a task.
    async fn history(&self, task: &TaskId) -> StoreResult<History>;
    /// All repositories.
    async fn repositories(&self) -> StoreResult<Vec<Repository>>;
    /// Rows that wait for a moment further away than `longest_ms` are due now: no pause is longer, so it was a clock that
    /// was ahead. Gives how many; writes nothing if there are none.
    async fn bring_near(&self, longest_ms: i64) -> StoreResult<u64>;
    /// Whether work was written down at a moment that is still to come: by a clock that was ahead, so that no moment of it
    /// means anything. Reads every row of it: once, at a start.
    async fn clock_was_ahead(&self) -> StoreResult<bool>;
    /// Removes at most `most` rows of each kind that were kept long enough. Gives how many.
    async fn tidy(&self, keep: &Keep, most: u32) -> StoreResult<u64>;
    /// What tells this database from every other, wherever it is copied to; `None` if it has no such mark.
    async fn identity(&self) -> StoreResult<Option<String>> {
        Ok(None)
    }
    /// What is damaged in the database, in words; reads all of it, in pieces, beside everything else. Empty where the
    /// database looks after itself.
    async fn damage(&self) -> StoreResult<Vec<String>>;
    /// The queue at a glance.
    async fn queue(&self) -> StoreResult<QueueView>;
    /// A consistent copy of the whole database while it is in use. SQLite: a database file at `path`;
    /// PostgreSQL: refused with the words which of its own tools to use.
    async fn backup(&self, path: &camino::Utf8Path) -> StoreResult<()>;
}
