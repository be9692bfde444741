//! A task: one work item on its way.

use serde::{Deserialize, Serialize};

use crate::actor::{Actor, NamesActors};
use crate::claim::Claim;
use crate::convergence::Convergence;
use crate::deploy::TaskDeployment;
use crate::ids::{
    AttemptNumber, CodeId, CommitId, DeployTarget, PatchId, PipelineDigest, RepositoryId, StageId, TaskId, Timestamp,
    WorkItemId,
};
use crate::outage::Source;
use crate::people::Hands;
use crate::reason::{self, Reason};
use crate::unknown::Beyond;

/// Where a task stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "at", content = "stage")]
pub enum Position {
    /// Known, not started. Only a start command moves it (A4, A5).
    Backlog,
    /// Start was asked for; the repository's lane has not let it in yet.
    Entering,
    /// In a stage of its pinned pipeline.
    Stage(StageId),
    /// Delivered. Terminal.
    Done,
    /// Stopped. Terminal.
    Cancelled,
}

impl Position {
    /// `done` or `cancelled`: nothing moves a task from here.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Done | Self::Cancelled)
    }
    /// Spelling for people and for rows: `backlog`, `entering`, the stage id, `done`, `cancelled`.
    pub fn name(&self) -> &str {
        match self {
            Self::Backlog => "backlog",
            Self::Entering => "entering",
            Self::Stage(id) => id.as_str(),
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }
    /// The stage, if the task is in one.
    pub fn stage(&self) -> Option<&StageId> {
        match self {
            Self::Stage(id) => Some(id),
            _ => None,
        }
    }
}

/// Why a task rests until a human acts; nothing but `retry`, `stop` or the named way out ends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Hold {
    /// The entry check failed; every reason is listed (A7).
    EntryRefused {
        /// What has to be changed.
        reasons: Vec<Reason>,
    },
    /// The retry number reached its cap (B6).
    Escalated {
        /// What went wrong last, and why no more is tried.
        reason: Reason,
    },
    /// A stage whose red keeps the task in place ended red, or a gate could not tell (unknown never passes).
    Stuck {
        /// What decided.
        reason: Reason,
    },
    /// The task is part of a dependency cycle (J).
    Cycle {
        /// The work items of the cycle, in order.
        through: Vec<WorkItemId>,
    },
}

impl Hold {
    /// The hold as a reason.
    pub fn reason(&self) -> Reason {
        match self {
            Self::EntryRefused { reasons } => reason::entry_check_failed(reasons.clone()),
            Self::Escalated { reason } => reason::escalated(reason.clone()),
            Self::Stuck { reason } => reason::stuck(reason.clone()),
            Self::Cycle { through } => {
                let names: Vec<_> = through.iter().map(WorkItemId::as_str).collect();
                let (first, last) = (names.first().copied(), names.last().copied());
                reason::dependency_cycle(names.join(" → "), first.unwrap_or_default(), last.unwrap_or_default())
            }
        }
    }
}

/// The keys of a task's head, which verdicts are bound to (X13).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// What CI and tests are bound to.
    pub code: CodeId,
    /// What a review is bound to.
    pub patch: PatchId,
    /// What the change does where it is deployed cannot be taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub irreversible: bool,
}

/// A stop that was asked for; kept until it is carried out (I).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopRequest {
    /// Who asked.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// One work item on its way. Written as a whole under [`crate::change::Guard::Version`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Identity.
    pub id: TaskId,
    /// The repository it changes.
    pub repository: RepositoryId,
    /// `PREFIX-NNN`.
    pub work_item: WorkItemId,
    /// One line, sanitised of control characters at intake.
    pub title: String,
    /// Markdown as written by the author.
    pub description: String,
    /// Who created the issue.
    pub author: Actor,
    /// `feature/<ID>-<slug>` (A3).
    pub branch: String,
    /// Higher goes first among those that wait; 0 is usual.
    pub priority: i32,
    /// Where it stands.
    pub position: Position,
    /// Counts entries into stages, a repeated one included. An attempt belongs to one visit.
    pub visit: u32,
    /// The pipeline it started with.
    pub pipeline: PipelineDigest,
    /// Main's tip the branch was cut from; `None` before the first run.
    pub base: Option<CommitId>,
    /// The task's head: a column, written under the attempt's fence. The branch on the forge only publishes it.
    pub head: Option<CommitId>,
    /// Keys of `head`.
    pub keys: Option<Keys>,
    /// Number of the newest attempt; 0 before the first.
    pub attempt: AttemptNumber,
    /// Rollbacks and repeats so far: the one number that caps compare with (B6).
    pub retries: u32,
    /// What the next attempt is told of the failure that sent it back, verbatim (B5).
    pub rework: Option<String>,
    /// What it was sent back for and has not answered yet.
    #[serde(default)]
    pub claims: Vec<Claim>,
    /// Findings of its reviews, and whether its reworks get anywhere (X14).
    #[serde(default)]
    pub convergence: Convergence,
    /// Rests until a human acts.
    pub hold: Option<Hold>,
    /// Paused by a person: nothing new starts for it.
    pub paused: bool,
    /// A stop asked for and not yet carried out.
    pub stop: Option<StopRequest>,
    /// A person has the branch: nothing runs.
    #[serde(default)]
    pub hands: Option<Hands>,
    /// Where the branch on the forge was when a person's push was last dealt with.
    #[serde(default)]
    pub branch_seen: Option<CommitId>,
    /// The head could not be published, because somebody had pushed: what was published last. Nothing goes on before
    /// the branch has been looked at.
    #[serde(default)]
    pub replay_since: Option<CommitId>,
    /// Its author is none of those whose issues start; it rests until one of them starts it (X15).
    #[serde(default)]
    pub unlisted: bool,
    /// The commit on main that carries it, once landed.
    pub landed: Option<CommitId>,
    /// What it landed and nobody has taken back, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub brought: Vec<CommitId>,
    /// How far what it landed last is on its way to its target, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<TaskDeployment>,
    /// Why it waits, as decided last; empty for a terminal task.
    pub waits: Vec<Wait>,
    /// The rule that decided last.
    pub rule: String,
    /// Creation.
    pub created_at: Timestamp,
    /// When start was asked for; orders the lane's entry line.
    pub started_at: Option<Timestamp>,
    /// When the present position was entered.
    pub entered_at: Timestamp,
    /// When it became terminal.
    pub ended_at: Option<Timestamp>,
    /// Guarded by [`crate::change::Guard::Version`]; the store adds one per change set.
    pub version: i64,
    /// What its row holds beyond what this release knows.
    #[serde(flatten)]
    pub beyond: Beyond,
}

/// Which things a pause stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseScope {
    /// This task.
    Task,
    /// Every task of the repository.
    Repository,
}

/// Why a task waits: typed, so that a page, a card and a command all say the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Wait {
    /// Nobody has started it.
    Backlog,
    /// Somebody wrote it whose issues do not start by themselves; one of those who may has to start it.
    Unlisted {
        /// Who.
        author: Actor,
    },
    /// Stands in the entry line of its repository.
    Entry {
        /// 1 is next.
        place: u32,
        /// The earlier unfinished task of a serial repository, if that is why.
        behind: Option<WorkItemId>,
    },
    /// The repository is frozen.
    Frozen {
        /// Why it was frozen.
        reason: String,
    },
    /// Needs another task to end first.
    Dependency {
        /// Those not yet terminal.
        on: Vec<WorkItemId>,
    },
    /// An agent works.
    Agent {
        /// Its attempt.
        attempt: AttemptNumber,
    },
    /// The run is over, and what it left is being brought home: nobody is paid, no slot is held.
    Collecting {
        /// Whose.
        attempt: AttemptNumber,
        /// Why it is not home yet.
        why: String,
    },
    /// The test command runs.
    Check {
        /// The commit it runs on.
        commit: CommitId,
    },
    /// All slots are taken.
    Slot {
        /// The slot row's key, see [`crate::change::SLOT_RUNS`].
        key: String,
        /// How many there are.
        max: u32,
    },
    /// The budget does not cover another run.
    Budget {
        /// The budget row's key.
        key: String,
    },
    /// What its next run needs is out, see [`crate::outage`].
    Outage {
        /// What.
        #[serde(rename = "of")]
        source: crate::outage::Source,
        /// Why, in the words of the last failure.
        reason: String,
        /// Nothing that needs it starts before.
        until: Option<Timestamp>,
        /// The vendor named that moment; otherwise one run tries then.
        named: bool,
        /// The task whose run finds out right now whether it is over.
        probed_by: Option<WorkItemId>,
        /// Nothing is wrong: it ends by itself, and nobody has to do anything.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        passes: bool,
    },
    /// A human is asked.
    Human {
        /// What for, see [`crate::episode::EpisodeKind`].
        asked: crate::episode::EpisodeKind,
    },
    /// Stands in the landing line.
    Lane {
        /// 1 is at the front.
        place: u32,
        /// The work item at the front, unless it is this one.
        behind: Option<WorkItemId>,
        /// What the lane is doing for this task.
        doing: String,
    },
    /// Paused by a person.
    Paused {
        /// The task or its whole repository.
        scope: PauseScope,
    },
    /// Somebody pushed: the branch is being looked at.
    Branch,
    /// A person has taken the branch.
    Hands {
        /// Who.
        by: Actor,
    },
    /// Rests until a human acts.
    Held {
        /// Why.
        reason: Reason,
    },
    /// A stop waits for the agent to end.
    Stopping,
    /// What it landed is on its way to its target; the lane waits for that, too.
    Deploying {
        /// Where to.
        target: DeployTarget,
        /// How far, as [`crate::deploy::DeploymentState::name`] spells it.
        state: String,
        /// What its hook and the looks said last; may be empty.
        why: String,
    },
    /// A stop waits for an irreversible step to end honestly (I).
    StopAfterStep {
        /// The step.
        step: String,
    },
}

impl NamesActors for Task {
    fn actors(&mut self, see: &mut dyn FnMut(&mut Actor)) {
        see(&mut self.author);
        if let Some(stop) = &mut self.stop {
            see(&mut stop.by);
        }
        if let Some(hands) = &mut self.hands {
            see(&mut hands.by);
        }
        self.waits.iter_mut().for_each(|wait| wait.actors(see));
    }
}

impl NamesActors for Wait {
    fn actors(&mut self, see: &mut dyn FnMut(&mut Actor)) {
        if let Self::Hands { by: actor } | Self::Unlisted { author: actor } = self {
            see(actor);
        }
    }
}

impl Wait {
    /// Every kind, as [`Wait::kind`] spells it.
    pub const KINDS: [&'static str; 21] = [
        "backlog",
        "unlisted",
        "entry",
        "frozen",
        "dependency",
        "agent",
        "collecting",
        "check",
        "slot",
        "budget",
        "repository",
        "outage",
        "human",
        "lane",
        "paused",
        "branch",
        "hands",
        "held",
        "deploying",
        "stopping",
        "stop_after_step",
    ];

    /// Spelling for programs and for rows.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Backlog => "backlog",
            Self::Unlisted { .. } => "unlisted",
            Self::Entry { .. } => "entry",
            Self::Frozen { .. } => "frozen",
            Self::Dependency { .. } => "dependency",
            Self::Agent { .. } => "agent",
            Self::Collecting { .. } => "collecting",
            Self::Check { .. } => "check",
            Self::Slot { .. } => "slot",
            Self::Budget { .. } => "budget",
            Self::Outage { source: Source::Repository { .. }, .. } => "repository",
            Self::Outage { .. } => "outage",
            Self::Human { .. } => "human",
            Self::Lane { .. } => "lane",
            Self::Paused { .. } => "paused",
            Self::Branch => "branch",
            Self::Hands { .. } => "hands",
            Self::Held { .. } => "held",
            Self::Deploying { .. } => "deploying",
            Self::Stopping => "stopping",
            Self::StopAfterStep { .. } => "stop_after_step",
        }
    }
}

/// What people look for first among the reasons for waiting.
const FIRST: [&str; 10] = [
    "human",
    "held",
    "budget",
    "agent",
    "collecting",
    "check",
    "deploying",
    "stopping",
    "stop_after_step",
    "dependency",
];

/// Of the reasons for waiting the one that a list is searched by: somebody is asked, it rests, something works on it, or
/// else the first one. Nothing for a task that waits for nothing.
pub fn doing(waits: &[Wait]) -> &'static str {
    let first = FIRST.into_iter().find(|kind| waits.iter().any(|wait| wait.kind() == *kind));
    first.or_else(|| waits.first().map(Wait::kind)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_searched_by_what_matters_most() {
        let human = Wait::Human { asked: crate::episode::EpisodeKind::Budget };
        let entry = Wait::Entry { place: 1, behind: None };
        let on = Wait::Dependency { on: vec![] };
        assert_eq!(doing(&[]), "");
        assert_eq!(doing(&[Wait::Branch, entry.clone()]), "branch");
        assert_eq!(doing(&[entry.clone(), on.clone()]), "dependency");
        assert_eq!(doing(&[on, Wait::Agent { attempt: 1 }, entry]), "agent");
        assert_eq!(doing(&[Wait::Budget { key: "k".into() }, human]), "human");
    }
}
