//! What lists show: tasks by their columns, in pages, and places in lines as numbers. Whole rows are read one at a time.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use orch_rules::actor::{Actor, NamesActors};
use orch_rules::facts::{Policy, RepositoryFacts};
use orch_rules::forecast::LandedCost;
use orch_rules::ids::{AttemptNumber, CommitId, PipelineDigest, RepositoryId, TaskId, Timestamp, WorkItemId};
use orch_rules::lane::{LaneState, Line};
use orch_rules::outage::Outage;
use orch_rules::task::{Position, StopRequest, Task, Wait};
use orch_rules::unknown::Unknown;
use serde::{Deserialize, Serialize};

use crate::store::StoreResult;

/// Rows in a page if nobody says.
pub const PAGE: u32 = 200;

/// A task as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedTask {
    /// Identity.
    pub id: TaskId,
    /// The repository it changes.
    pub repository: RepositoryId,
    /// `PREFIX-NNN`.
    pub work_item: WorkItemId,
    /// Where it stands.
    pub position: Position,
    /// The pipeline it started with.
    pub pipeline: PipelineDigest,
    /// Higher goes first.
    pub priority: i32,
    /// Number of the newest attempt; 0 before the first.
    pub attempt: AttemptNumber,
    /// Creation.
    pub created_at: Timestamp,
    /// When start was asked for.
    pub started_at: Option<Timestamp>,
    /// When its row was written last, by the store's clock; `None` if an earlier release wrote it.
    pub updated_at: Option<Timestamp>,
    /// What its runs cost that reported it, in millionths of a US dollar; `None` if none did.
    pub cost_micros: Option<u64>,
    /// The rest of it.
    pub shown: Shown,
    /// What of it this release does not know.
    pub unknown: Vec<Unknown>,
}

/// What lists show of a task beyond what they look for. Kept beside its row, so that a list reads no row whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// One line.
    pub title: String,
    /// Who created the issue.
    pub author: Actor,
    /// `feature/<ID>-<slug>`.
    pub branch: String,
    /// Main's tip the branch was cut from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<CommitId>,
    /// Its newest commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<CommitId>,
    /// The commit on main that carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landed: Option<CommitId>,
    /// Rollbacks and repeats so far.
    pub retries: u32,
    /// The rule that decided last.
    pub rule: String,
    /// Why it waits.
    pub waits: Vec<Wait>,
    /// A stop asked for and not yet carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<StopRequest>,
    /// When the present position was entered.
    pub entered_at: Timestamp,
    /// When it became terminal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

impl Shown {
    /// Of a whole row.
    pub fn of(task: &Task) -> Self {
        Self {
            title: task.title.clone(),
            author: task.author.clone(),
            branch: task.branch.clone(),
            base: task.base.clone(),
            head: task.head.clone(),
            landed: task.landed.clone(),
            retries: task.retries,
            rule: task.rule.clone(),
            waits: task.waits.clone(),
            stop: task.stop.clone(),
            entered_at: task.entered_at,
            ended_at: task.ended_at,
        }
    }
}

impl From<&Task> for ListedTask {
    fn from(task: &Task) -> Self {
        Self {
            id: task.id.clone(),
            repository: task.repository.clone(),
            work_item: task.work_item.clone(),
            position: task.position.clone(),
            pipeline: task.pipeline.clone(),
            priority: task.priority,
            attempt: task.attempt,
            created_at: task.created_at,
            started_at: task.started_at,
            updated_at: None,
            cost_micros: None,
            shown: Shown::of(task),
            unknown: task.beyond.parts(),
        }
    }
}

impl NamesActors for ListedTask {
    fn actors(&mut self, see: &mut dyn FnMut(&mut Actor)) {
        see(&mut self.shown.author);
        if let Some(stop) = &mut self.shown.stop {
            see(&mut stop.by);
        }
        self.shown.waits.iter_mut().for_each(|wait| wait.actors(see));
    }
}

/// The last row of a page. Rows that are added later stand before it, so the next page neither repeats nor leaves out any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// When that task was created.
    pub created_at: Timestamp,
    /// Which.
    pub task: TaskId,
}

impl fmt::Display for Cursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.created_at.0, self.task)
    }
}

impl FromStr for Cursor {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (at, task) = text.split_once('.').unwrap_or((text, ""));
        Ok(Self { created_at: Timestamp(at.parse()?), task: task.into() })
    }
}

/// Which tasks to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskFilter {
    /// Only this repository.
    pub repository: Option<RepositoryId>,
    /// Terminal ones too.
    pub ended: bool,
    /// Only unfinished ones that wait for one of these before all, by [`orch_rules::task::doing`]; at most four. Empty: all.
    pub doing: Vec<String>,
    /// Only at this place, by [`Position::name`]; an end is found whatever `ended` says.
    pub place: Option<String>,
    /// Only with this in the title or the id; capitals count only beyond ASCII.
    pub search: Option<String>,
    /// Those behind this one.
    pub after: Option<Cursor>,
    /// At most so many, newest first; 0 means [`PAGE`].
    pub limit: u32,
}

/// Some tasks of a list.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskPage {
    /// Newest first.
    pub tasks: Vec<ListedTask>,
    /// Where the next page begins; `None`: there is no more.
    pub next: Option<Cursor>,
}

/// How many tasks stand at one place and wait for one thing before all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Census {
    /// By [`Position::name`].
    pub place: String,
    /// By [`orch_rules::task::doing`]; empty for those that ended.
    pub doing: String,
    /// How many.
    pub count: u64,
}

/// Where a task stands in a line, as of now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceInLine {
    /// Whose.
    pub task: TaskId,
    /// In which.
    pub line: Line,
    /// 1 is the front.
    pub place: u32,
    /// Who is at the front, unless it is this one.
    pub behind: Option<WorkItemId>,
    /// How far its own entry is.
    pub state: LaneState,
}

/// The fronts of a repository's lines.
#[derive(Debug, Clone, PartialEq)]
pub struct LineFronts {
    /// The repository, and those in front.
    pub facts: RepositoryFacts,
    /// How many were let in and have not ended.
    pub admitted: u64,
    /// How many wait to be let in.
    pub waiting: u64,
    /// How many stand in the line to land.
    pub landing: u64,
}

/// Which costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpentFilter {
    /// Booked since then.
    pub since: Timestamp,
    /// Only of this repository.
    pub repository: Option<RepositoryId>,
    /// How many tasks are named, the dearest first.
    pub tasks: u32,
}

/// What runs cost that have something in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spent {
    /// Which day, in days since 1970 (UTC); 0 where days are together.
    pub day: i64,
    /// Of which repository.
    pub repository: String,
    /// At which stage; empty where stages are together.
    pub stage: String,
    /// By which kind of agent; empty if the runs did not say, or agents are together.
    pub agent: String,
    /// By which model; empty if the runs did not say, or models are together.
    pub model: String,
    /// Of which task; empty where tasks are together.
    pub task: String,
    /// How many runs.
    pub runs: u64,
    /// Of these, runs that did not say their cost.
    pub silent: u64,
    /// Millionths of a US dollar of those that did; `None` if none did.
    pub micros: Option<u64>,
    /// Full input of those that told it.
    pub input: Option<u64>,
    /// Output of those that told it.
    pub output: Option<u64>,
}

/// What runs cost since a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Costs {
    /// By day, repository, stage, agent and model.
    pub rows: Vec<Spent>,
    /// The dearest tasks.
    pub dearest: Vec<Spent>,
    /// Tasks that landed since then.
    pub landed: u64,
}

/// What lists read.
#[async_trait]
pub trait Lists: Send + Sync {
    /// A page of tasks.
    async fn task_page(&self, filter: &TaskFilter) -> StoreResult<TaskPage>;
    /// How many unfinished tasks there are by what they wait for before all, see [`orch_rules::task::doing`].
    async fn task_counts(&self, repository: Option<&RepositoryId>) -> StoreResult<Vec<(String, u64)>>;
    /// How many tasks there are, ended ones too, by place and by what they wait for before all.
    async fn task_census(&self, repository: Option<&RepositoryId>) -> StoreResult<Vec<Census>>;
    /// Where these tasks of one repository stand in its lines; who stands in none is left out. `serial`: who was let in
    /// stands before everybody who waits to be let in.
    async fn places_in_line(
        &self,
        repository: &RepositoryId,
        serial: bool,
        tasks: &[TaskId],
    ) -> StoreResult<Vec<PlaceInLine>>;
    /// Those in front of a repository's lines: at most so many that were let in, that wait, and that land.
    async fn fronts(&self, repository: &RepositoryId, policy: &Policy, most: u32) -> StoreResult<LineFronts>;
    /// What runs cost.
    async fn spent(&self, filter: &SpentFilter) -> StoreResult<Costs>;
    /// What the newest landed tasks of a repository cost, by stage; at most so many tasks.
    async fn landed_costs(&self, repository: &RepositoryId, most: u32) -> StoreResult<Vec<LandedCost>>;
    /// What failed, over or not.
    async fn outages(&self) -> StoreResult<Vec<Outage>>;
    /// How many of a counted number of things are in use.
    async fn used(&self, slot: &str) -> StoreResult<i64>;
    /// Whether work of one of these kinds is queued or running.
    async fn any_work(&self, kinds: &[&str]) -> StoreResult<bool>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back() {
        for (at, task) in [(0, "t"), (i64::MAX, "a.b"), (-3, "")] {
            let cursor = Cursor { created_at: Timestamp(at), task: task.into() };
            assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        }
        assert!("".parse::<Cursor>().is_err() && "x.t".parse::<Cursor>().is_err());
    }
}
