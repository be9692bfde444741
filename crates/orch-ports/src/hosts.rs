//! Hosts that share a store, and the runs on them.
//!
//! A host is a state folder with its runs; the processes that work on it come one after the other. Where several hosts
//! share a store each has a lease, by the store's clock ([`orch_rules::lease`]); a host that has the store to itself
//! needs none.

use async_trait::async_trait;
use orch_rules::ids::{HostId, TaskId, Timestamp};
use orch_rules::lease::Renewal;
use serde::{Deserialize, Serialize};

use crate::store::{StoreResult, Work};

/// A process that begins to work on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joining {
    /// Which host.
    pub host: HostId,
    /// Its name, for people.
    pub name: String,
    /// The release of the process.
    pub release: String,
    /// Kinds of work that it can perform, see [`crate::store::Job::kinds`].
    pub kinds: Vec<&'static str>,
    /// Agents at once on this host.
    pub max_runs: u32,
    /// How long its lease holds; `None`: no other host can reach this store, so it needs none, and whatever stands in
    /// the store of other hosts is this one's.
    pub lease_ms: Option<i64>,
}

/// One process among those of a host. Of two the older one stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incarnation {
    /// Which host.
    pub host: HostId,
    /// Raised by every process that joins.
    pub number: i64,
}

/// A host as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRow {
    /// Identity.
    pub id: HostId,
    /// Its newest process.
    pub incarnation: i64,
    /// For people.
    pub name: String,
    /// The release of its newest process.
    pub release: String,
    /// Agents at once.
    pub max_runs: u32,
    /// When its lease ends or ended, by the store's clock.
    pub lease_until: Timestamp,
    /// Whether its lease is in force; one that needs none always has it.
    pub alive: bool,
    /// Runs on it that have not ended.
    pub runs: u32,
}

/// What is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// An agent.
    Agent,
    /// A test command.
    Check,
    /// A command of whoever keeps the host, which may change what is outside: never begun a second time, and never taken for
    /// dead because time has passed.
    Hook,
}

impl RunKind {
    /// As spelled in rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Check => "check",
            Self::Hook => "hook",
        }
    }
}

/// A run that is to be launched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunToBe {
    /// The same name is the same run.
    pub name: String,
    /// What it runs.
    pub kind: RunKind,
    /// The task it is for.
    pub task: TaskId,
}

/// Where a run is, and whether it may be launched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunPlace {
    /// It is this host's: launched before, or to be launched now.
    Here,
    /// Another host has launched it; the work is that host's from now on.
    Elsewhere {
        /// Its name, for people.
        host: String,
    },
    /// The host that launched it was taken for dead: it is not launched again under this name.
    GivenUp {
        /// The name of that host, for people.
        host: String,
    },
    /// Not now: this host has all the agents it may have at once, or its lease has ended.
    Full,
}

/// A run on a host that was taken for dead and that has not been heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostRun {
    /// Its name.
    pub name: String,
    /// Whether an agent ran; then it cost money.
    pub kind: String,
    /// The task it was for.
    pub task: TaskId,
}

/// A run on a host, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    /// Its name.
    pub name: String,
    /// Which host has it.
    pub host: HostId,
    /// The name of that host.
    pub host_name: String,
    /// `agent`, `check` or `hook`; a newer release may have others.
    pub kind: String,
    /// When it was written down, which is before its launch.
    pub launched_at: Timestamp,
    /// `launched`, `given_up`.
    pub state: String,
    /// When that host's lease ends or ended.
    pub lease_until: Timestamp,
    /// The store's clock.
    pub now: Timestamp,
}

/// What was taken over from hosts whose lease is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TakenOver {
    /// Rows of the work table that anybody may take again.
    pub work: u64,
    /// Agents that were taken for dead.
    pub agents: u64,
}

/// The hosts of a store.
#[async_trait]
pub trait Hosts: Send + Sync {
    /// This process begins to work on its host; an older one on it stops at its next renewal.
    async fn join(&self, joining: &Joining) -> StoreResult<Incarnation>;
    /// Prolongs the lease.
    async fn renew(&self, me: &Incarnation, lease_ms: i64) -> StoreResult<Renewal>;
    /// The process ends in peace: its lease is over, and a host without runs is forgotten.
    async fn leave(&self, me: &Incarnation) -> StoreResult<()>;
    /// All hosts, by name.
    async fn hosts(&self) -> StoreResult<Vec<HostRow>>;
    /// Writes a run down before it is launched, or finds where it is. The claimed row belongs to the host that has the run
    /// from then on: nobody else claims it.
    ///
    /// # Errors
    /// [`crate::store::StoreError::Stale`] if the row was handed on meanwhile.
    async fn place_run(&self, me: &Incarnation, run: &RunToBe, work: &Work) -> StoreResult<RunPlace>;
    /// Queues a claimed row for the host that has this run. `false`: no other host has it.
    ///
    /// # Errors
    /// [`crate::store::StoreError::Stale`] if the row was handed on meanwhile.
    async fn hand_over(&self, me: &HostId, run: &str, work: &Work) -> StoreResult<bool>;
    /// Queues again what hosts whose lease is over were handling. Their checks may start elsewhere at once; their agents
    /// are left to them until `presume_dead_after_ms` after the end of the lease (0: for ever), and are then given up.
    /// Writes nothing if there is nothing. Only for a host whose own lease was whole ([`orch_rules::lease::OwnLease`]).
    async fn take_over(&self, me: &Incarnation, presume_dead_after_ms: i64) -> StoreResult<TakenOver>;
    /// Runs of this host that others gave up, and that it has not told of since.
    async fn lost_runs(&self, host: &HostId) -> StoreResult<Vec<LostRun>>;
    /// Runs that have not ended, of one task or of all, oldest first, at most 200.
    async fn runs(&self, task: Option<&TaskId>) -> StoreResult<Vec<RunRow>>;
}
