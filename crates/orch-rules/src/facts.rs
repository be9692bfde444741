//! Facts: everything a decision sees. No clock, no network, no database behind them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::attempt::Attempt;
use crate::budget::Budgets;
use crate::check::Check;
use crate::episode::Episode;
use crate::ids::{DeployTarget, RepositoryId, TaskId, Timestamp, WorkItemId};
use crate::lane::{LaneEntry, Repository};
use crate::outage::{Outage, Source};
use crate::pipeline::{Pipeline, Role};
use crate::task::Task;
use crate::unknown::Unknown;

/// What a task's decision sees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskFacts {
    /// The task.
    pub task: Task,
    /// The pipeline it pinned.
    pub pipeline: Arc<Pipeline>,
    /// Its repository.
    pub repository: Repository,
    /// Its newest attempt.
    pub attempt: Option<Attempt>,
    /// How many attempts of the present visit ended [`crate::attempt::RunEnd::Lost`].
    pub lost_in_visit: u32,
    /// Checks that bear the key of the present head or candidate, and any still running; newest last.
    pub checks: Vec<Check>,
    /// Episodes of the present visit, any open one, and every one about protected paths, whose answer holds beyond its
    /// visit; oldest first.
    pub episodes: Vec<Episode>,
    /// What it waits for.
    pub dependencies: Dependencies,
    /// Its places in the lane's lines.
    pub lane: Vec<LaneEntry>,
    /// Everybody before it in the landing line who is not settled, front first.
    pub ahead: Vec<WorkItemId>,
    /// Everybody before it in the entry line, queued or admitted, front first; at most 50.
    pub entry_ahead: Vec<WorkItemId>,
    /// What failed on this host, over or not.
    pub outages: Vec<Outage>,
    /// The host's limits.
    pub policy: Policy,
    /// What of all this a newer release wrote and this one does not know: no rule acts on the task.
    #[serde(default)]
    pub unknown: Vec<Unknown>,
}

/// What a task waits for (J).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "known")]
pub enum Dependencies {
    /// The edges were read.
    Known {
        /// Those not yet terminal.
        open: Vec<Dependency>,
        /// A cycle through this task, if there is one.
        cycle: Option<Vec<WorkItemId>>,
        /// Those that were called off: what they were to bring will never be there.
        #[serde(default)]
        cancelled: Vec<Dependency>,
    },
    /// They could not be read: readiness fails open.
    Unknown,
}

/// One task that is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// Identity.
    pub task: TaskId,
    /// For people.
    pub work_item: WorkItemId,
}

/// What a lane's decision sees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RepositoryFacts {
    /// The repository.
    pub repository: Repository,
    /// Everybody in the entry line, in the order of position.
    pub entry: Vec<EntryFacts>,
    /// Everybody in the landing line, in the order of position.
    pub landing: Vec<LandingFacts>,
    /// The host's limits.
    pub policy: Policy,
}

/// One task in the entry line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryFacts {
    /// Its place.
    pub entry: LaneEntry,
    /// Every task it depends on is terminal (or that cannot be determined: fails open).
    pub ready: bool,
    /// It is held, paused or being stopped: passed over while queued, still unfinished once admitted.
    pub resting: bool,
}

/// One task in the landing line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LandingFacts {
    /// Its place.
    pub entry: LaneEntry,
    /// Held, paused or being stopped: passed over.
    pub resting: bool,
    /// An episode of its task is open: the lane is not held by a waiting human.
    pub awaits_human: bool,
}

/// The host's limits and switches, from its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Agents at once.
    pub max_runs: u32,
    /// Longest title that passes the entry check, in characters (A7).
    pub title_max: u32,
    /// Shortest title.
    pub title_min: u32,
    /// Shortest description.
    pub description_min: u32,
    /// Dependencies are heeded (L2: off keeps the edges and ignores them).
    pub dependencies: bool,
    /// The serial gate is heeded (L2).
    pub serial: bool,
    /// STOP is heeded (L2).
    pub stop: bool,
    /// What runs may cost.
    pub budgets: Budgets,
    /// Runs of one visit that may be lost before a human is asked. From the third on the next one waits a while.
    pub lost_cap: u32,
    /// Who acts in which role, by repository.
    pub workers: BTreeMap<RepositoryId, BTreeMap<Role, Worker>>,
    /// What the repositories are deployed to, where they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub targets: BTreeMap<RepositoryId, DeployTarget>,
    /// Milliseconds after which a question that nobody answered is asked again, once; 0 is never.
    #[serde(default)]
    pub episode_expires_ms: i64,
    /// Milliseconds after a host's lease has ended until the agents that it ran are taken for dead; 0 is never.
    #[serde(default)]
    pub presume_dead_after_ms: i64,
}

/// A quarter of an hour.
pub const PRESUME_DEAD_AFTER_MS: i64 = 900_000;

/// Who acts in a role, as far as outages go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// The agent's name.
    pub agent: String,
    /// The log-in at its vendor; `None` if the agent brings its own.
    pub credential: Option<String>,
}

impl Worker {
    /// What a run of it needs.
    pub fn sources(&self) -> impl Iterator<Item = Source> {
        let credential = self.credential.clone().map(|name| Source::Credential { name });
        std::iter::once(Source::Agent { name: self.agent.clone() }).chain(credential)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_runs: 2,
            title_max: 200,
            title_min: 3,
            description_min: 0,
            dependencies: true,
            serial: true,
            stop: true,
            budgets: Budgets::default(),
            lost_cap: 5,
            workers: BTreeMap::new(),
            targets: BTreeMap::new(),
            episode_expires_ms: 0,
            presume_dead_after_ms: PRESUME_DEAD_AFTER_MS,
        }
    }
}

/// The moment of a decision and a source of names: the store read `now` together with the facts; ids derive from the
/// facts, so a replay names the same things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// As the store read it.
    pub now: Timestamp,
}
