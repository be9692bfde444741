//! Change sets: everything one decision writes, committed together or not at all.

use serde::{Deserialize, Serialize};

use crate::actor::{Actor, NamesActors};
use crate::attempt::{Attempt, Usage};
use crate::check::Check;
use crate::effect::Effect;
use crate::episode::Episode;
use crate::ids::{AttemptNumber, HostId, RepositoryId, StageId, TaskId, Timestamp};
use crate::lane::{LaneEntry, Line, Repository};
use crate::outage::Outage;
use crate::outbox::message::NewMessage;
use crate::outbox::projection::Raise;
use crate::reason::Reason;
use crate::task::Task;

/// Key of the slot row that counts running agents of this host.
pub const SLOT_RUNS: &str = "runs";

/// The closed vocabulary of guards. Each is checked inside the transaction, so that two racing change sets can
/// never both pass on a state that only one of them saw (write skew).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "guard")]
pub enum Guard {
    /// The task still has this version; adds one to it.
    Version {
        /// Which.
        task: TaskId,
        /// As read.
        version: i64,
    },
    /// The repository still has this version; adds one to it.
    RepositoryVersion {
        /// Which.
        repository: RepositoryId,
        /// As read.
        version: i64,
    },
    /// This attempt is still the task's newest and has not ended.
    Fence {
        /// Whose.
        task: TaskId,
        /// Which.
        attempt: AttemptNumber,
    },
    /// Takes one of `max` slots; released by [`Change::ReleaseSlot`] of the same holder. Taking it twice for one
    /// holder takes one.
    SlotBelow {
        /// Slot row, see [`SLOT_RUNS`].
        key: String,
        /// How many there are.
        max: u32,
        /// Who holds it, for example `task:attempt`.
        holder: String,
    },
    /// The lane's fence is still this.
    LaneHeld {
        /// Which.
        repository: RepositoryId,
        /// As read.
        fence: i64,
    },
    /// The repository is not frozen and still in this freeze epoch.
    NotFrozen {
        /// Which.
        repository: RepositoryId,
        /// As read.
        epoch: i64,
    },
    /// Takes a natural key; released by [`Change::ReleaseKeys`] of the same owner. The same owner may take it again.
    Unique {
        /// For example `branch:shop:feature/SHOP-001-x`.
        key: String,
        /// The task.
        owner: TaskId,
    },
    /// Sets `amount` aside in a budget if it still fits: spent + reserved + amount ≤ ceiling + what people added.
    Reserve {
        /// Budget row, see [`crate::budget`]; made if it does not exist.
        budget: String,
        /// How much there is by the settings, in millionths of a US dollar; holds from now on.
        ceiling_micros: u64,
        /// Millionths of a US dollar.
        amount_micros: u64,
        /// Who holds the reservation.
        holder: String,
    },
    /// The outage row still has this version (0: there is none); adds one to it.
    OutageVersion {
        /// See [`crate::outage::Source::key`].
        key: String,
        /// As read.
        version: i64,
    },
}

impl Guard {
    /// Spelling for traces and error texts.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Version { .. } => "version",
            Self::RepositoryVersion { .. } => "repository_version",
            Self::Fence { .. } => "fence",
            Self::SlotBelow { .. } => "slot_below",
            Self::LaneHeld { .. } => "lane_held",
            Self::NotFrozen { .. } => "not_frozen",
            Self::Unique { .. } => "unique",
            Self::Reserve { .. } => "reserve",
            Self::OutageVersion { .. } => "outage_version",
        }
    }
}

/// One write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum Change {
    /// A new task row (intake). Fails as a broken guard if the id exists.
    InsertTask {
        /// The row.
        task: Task,
    },
    /// The task row as a whole; needs [`Guard::Version`] in the same change set, which also sets the new version.
    PutTask {
        /// The row; its `version` is ignored.
        task: Task,
    },
    /// The repository row as a whole; needs [`Guard::RepositoryVersion`].
    PutRepository {
        /// The row; its `version` is ignored.
        repository: Repository,
    },
    /// Insert or replace an attempt.
    PutAttempt {
        /// The row.
        attempt: Attempt,
    },
    /// Insert or replace an episode.
    PutEpisode {
        /// The row.
        episode: Episode,
    },
    /// Insert or replace a check.
    PutCheck {
        /// The row.
        check: Check,
    },
    /// The outage row as a whole; needs [`Guard::OutageVersion`] in the same change set, which also sets the new version.
    PutOutage {
        /// The row; its `version` is ignored.
        outage: Outage,
    },
    /// Insert or replace a place in a line.
    PutLaneEntry {
        /// The row.
        entry: LaneEntry,
    },
    /// Leave a line.
    DeleteLaneEntry {
        /// Which repository.
        repository: RepositoryId,
        /// Whose.
        task: TaskId,
        /// Which line.
        line: Line,
    },
    /// A new edge `task` waits for `on`; adding it twice is one edge.
    AddDependency {
        /// Waits.
        task: TaskId,
        /// Is waited for.
        on: TaskId,
    },
    /// Removes the edge, if there.
    RemoveDependency {
        /// Waits.
        task: TaskId,
        /// Was waited for.
        on: TaskId,
    },
    /// Queue an effect.
    Perform {
        /// What.
        effect: Effect,
        /// Not before.
        due: Timestamp,
    },
    /// Cancel this task's queued effects for good; those under way are left to end.
    CancelQueuedWork {
        /// Whose.
        task: TaskId,
    },
    /// Give a slot back; giving it back twice gives back one.
    ReleaseSlot {
        /// Slot row.
        key: String,
        /// Who held it.
        holder: String,
    },
    /// Give every natural key of this owner back; kept, readable, under the owner.
    ReleaseKeys {
        /// Whose.
        owner: TaskId,
    },
    /// Ends every reservation of a holder and books what was really spent in each of those budgets.
    Settle {
        /// Who held them.
        holder: String,
        /// Millionths of a US dollar; `None` if unknown: then what was set aside counts as spent.
        spent_micros: Option<u64>,
    },
    /// Adds to what a budget may spend.
    RaiseBudget {
        /// Budget row.
        budget: String,
        /// Millionths of a US dollar.
        by_micros: u64,
    },
    /// Append a usage row.
    AddUsage {
        /// Whose.
        task: TaskId,
        /// Which attempt.
        attempt: AttemptNumber,
        /// At which stage.
        stage: StageId,
        /// How much.
        usage: Usage,
        /// When.
        at: Timestamp,
    },
    /// The run of this name on that host is over, and what came of it is written with this.
    EndRun {
        /// Which.
        name: String,
        /// Where it was.
        host: HostId,
    },
    /// Tell somebody, once for each key and target.
    Say {
        /// What, and whom.
        message: NewMessage,
    },
    /// What is shown of something has changed: where that is, it is shown anew.
    Raise {
        /// Which row.
        raise: Raise,
    },
    /// Append to the audit trail.
    Audit {
        /// The line.
        line: AuditLine,
    },
    /// Decide this task again.
    Wake {
        /// Which.
        task: TaskId,
    },
    /// Decide this lane again.
    WakeLane {
        /// Which.
        repository: RepositoryId,
    },
    /// Decide every task again that waits for this one (J).
    WakeDependents {
        /// The one that ended.
        on: TaskId,
    },
    /// Decide every task of this repository again that is not terminal.
    WakeRepository {
        /// Which.
        repository: RepositoryId,
    },
    /// Decide every task again that waits for a slot, a budget or an outage of this key, the most urgent first.
    WakeSlotWaiters {
        /// Slot, budget or outage row.
        key: String,
    },
}

/// Who decided what, when, by which rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// The task, if it concerns one.
    pub task: Option<TaskId>,
    /// The repository.
    pub repository: RepositoryId,
    /// When.
    pub at: Timestamp,
    /// `orch`, a person, or an agent's role.
    pub by: Actor,
    /// The rule or the event, as spelled in the code.
    pub rule: String,
    /// What happened.
    pub text: Reason,
}

/// What one decision wants written: guards first, then changes, in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ChangeSet {
    /// All must hold.
    pub guards: Vec<Guard>,
    /// All are written.
    pub changes: Vec<Change>,
}

impl ChangeSet {
    /// Nothing to check and nothing to write.
    pub fn is_empty(&self) -> bool {
        self.guards.is_empty() && self.changes.is_empty()
    }
}

impl NamesActors for AuditLine {
    fn actors(&mut self, see: &mut dyn FnMut(&mut Actor)) {
        see(&mut self.by);
    }
}
