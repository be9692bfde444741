//! A repository's lane: the order in which tasks enter and the order in which they land.

use serde::{Deserialize, Serialize};

use crate::actor::{Actor, NamesActors};
use crate::ids::{CheckId, CommitId, RepositoryId, TaskId, Timestamp, WorkItemId};
use crate::unknown::Beyond;

/// A repository and the head of its lane. Written as a whole under
/// [`crate::change::Guard::RepositoryVersion`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// Identity.
    pub id: RepositoryId,
    /// Prefix of its work item ids.
    pub prefix: String,
    /// The branch that is kept green, usually `main`.
    pub base_branch: String,
    /// One task at a time, first in, first out (K).
    pub serial: bool,
    /// Durable freeze: nothing enters and nothing lands.
    pub frozen: Option<Freeze>,
    /// Counts freezes and unfreezes; a decision made in one epoch fails its guard in the next.
    pub freeze_epoch: i64,
    /// Paused by a person: nothing new starts in it.
    pub paused: bool,
    /// Tip of the base branch as last seen.
    pub main: Option<CommitId>,
    /// Fence of the landing in progress: raised whenever the lane starts to build, test or land something, so a
    /// late answer of an earlier step changes nothing.
    pub lane_fence: i64,
    /// Guarded.
    pub version: i64,
}

/// Why a repository takes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// For people.
    pub reason: String,
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// The task whose change on the base branch is to blame: what it still lands passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<NamedTask>,
    /// Tasks that are to mend it: they pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixes: Vec<NamedTask>,
    /// What one of those landed that passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mended: Option<CommitId>,
}

/// A task, and its name for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedTask {
    /// Which.
    pub task: TaskId,
    /// As people know it.
    pub work_item: WorkItemId,
}

impl Freeze {
    /// Whether what this task brings enters and lands all the same.
    pub fn passes(&self, task: &TaskId) -> bool {
        self.passing().any(|named| named.task == *task)
    }
    /// All that pass.
    pub fn passing(&self) -> impl Iterator<Item = &NamedTask> {
        self.cause.iter().chain(&self.fixes)
    }
    /// What it is there for is named, and nothing has mended it.
    pub fn stands(&self) -> bool {
        self.mended.is_none() && self.passing().next().is_some()
    }
}

/// Which of the lane's two lines an entry stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// Into the pipeline's first stage.
    Entry,
    /// Onto the base branch.
    Landing,
}

/// A task's place in a line: a row with a position, not a retry lottery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneEntry {
    /// Repository.
    pub repository: RepositoryId,
    /// Whose.
    pub task: TaskId,
    /// Shown to others as "behind <ID>".
    pub work_item: WorkItemId,
    /// Which line.
    pub line: Line,
    /// Copied from the task when it joined.
    pub priority: i32,
    /// Order within a priority: the moment of joining in milliseconds; the task id (time-ordered) breaks a tie.
    pub position: i64,
    /// The commit that asks to land; `None` in the entry line.
    pub head: Option<CommitId>,
    /// True if a human or a staging run stands between the tested candidate and the landing: the lane tells the
    /// task, the task answers with [`LaneState::Validated`].
    pub validates: bool,
    /// It has no head: it takes back what this commit brought to the base branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts: Option<CommitId>,
    /// What it landed does not run and stays on the base branch: until what mends it has landed, nobody else does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mends: bool,
    /// How far it is.
    pub state: LaneState,
    /// What its row holds beyond what this release knows.
    #[serde(flatten)]
    pub beyond: Beyond,
}

/// A candidate: the one commit that is tested, staged, landed and deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The commit.
    pub commit: CommitId,
    /// Its first parent: main's tip when it was built.
    pub parent: CommitId,
    /// Its tree equals main's tree: there is nothing to land.
    pub empty: bool,
}

/// How far an entry is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum LaneState {
    /// Waits for its turn.
    Queued,
    /// Entry line: may enter. The row stays until the task is terminal, so that later ones see an unfinished
    /// earlier one.
    Admitted,
    /// The candidate is being made.
    Building {
        /// The lane's fence of this step.
        fence: i64,
    },
    /// The candidate's re-test runs.
    Testing {
        /// What is tested.
        candidate: Candidate,
        /// The check.
        check: CheckId,
    },
    /// Green; the task has to validate it (staging, confirmation).
    Tested {
        /// What was tested.
        candidate: Candidate,
    },
    /// Green and validated: may land.
    Validated {
        /// What was validated.
        candidate: Candidate,
    },
    /// The compare-and-set is under way: irreversible.
    Landing {
        /// What lands.
        candidate: Candidate,
        /// The lane's fence of this step.
        fence: i64,
    },
    /// On main.
    Landed {
        /// The commit.
        commit: CommitId,
        /// The base branch had it already: which commit brought it is not known.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        contained: bool,
    },
    /// On main, and on its way to its target: nobody lands on top of it before that has ended.
    Deploying {
        /// The commit.
        commit: CommitId,
    },
    /// On main, and it does not run: the line is kept for what its task brings to mend that.
    Mending,
    /// Sent back to its task.
    Ejected {
        /// Why.
        cause: Ejection,
    },
    /// Of a newer release; goes back as it came.
    #[serde(untagged)]
    Unknown(serde_json::Value),
}

/// Why the lane sent a task back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "cause")]
pub enum Ejection {
    /// Main and the task changed the same lines.
    Conflict {
        /// Conflicting paths.
        paths: Vec<String>,
        /// Main's tip it conflicts with.
        onto: CommitId,
    },
    /// The combined tree failed its test.
    Red {
        /// The failing part of the output.
        excerpt: String,
        /// Main's tip it was combined with.
        onto: CommitId,
    },
    /// Settings of the repository cannot be read in the combined tree.
    Settings {
        /// What is wrong with them, a sentence each.
        faults: Vec<String>,
        /// Main's tip it was combined with.
        onto: CommitId,
    },
    /// Whoever keeps main did not take the candidate.
    Refused {
        /// Who: the server's name.
        by: String,
        /// Why, in its words.
        why: String,
    },
    /// The test could not be run.
    Unknown {
        /// Why.
        reason: String,
    },
}

/// A landing that was refused by whoever keeps main: its protection, a hook of its server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LandingRefused {
    /// Who, for people: the server's name.
    pub by: String,
    /// Why, in its words.
    pub why: String,
}

impl Ejection {
    /// Why, in short.
    pub fn words(&self) -> String {
        match self {
            Self::Conflict { paths, .. } => format!("conflict in {}", paths.join(", ")),
            Self::Red { excerpt, .. } => excerpt.clone(),
            Self::Settings { faults, .. } => faults.join("; "),
            Self::Refused { by, why } => format!("{by}: {why}"),
            Self::Unknown { reason } => reason.clone(),
        }
    }
}

impl LaneState {
    /// What [`LaneState::name`] gives.
    pub const NAMES: &[&str] = &[
        "queued",
        "admitted",
        "building the candidate",
        "testing the candidate",
        "tested, waiting for validation",
        "ready to land",
        "landing",
        "landed",
        "deploying",
        "being mended",
        "sent back",
        "not known to this release",
    ];

    /// Spelling in answers; people read the words of the texts.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Admitted => "admitted",
            Self::Building { .. } => "building the candidate",
            Self::Testing { .. } => "testing the candidate",
            Self::Tested { .. } => "tested, waiting for validation",
            Self::Validated { .. } => "ready to land",
            Self::Landing { .. } => "landing",
            Self::Landed { .. } => "landed",
            Self::Deploying { .. } => "deploying",
            Self::Mending => "being mended",
            Self::Ejected { .. } => "sent back",
            Self::Unknown(_) => "not known to this release",
        }
    }
    /// Landed or ejected: the lane is done with it, the task has not yet taken notice.
    pub fn is_settled(&self) -> bool {
        matches!(self, Self::Landed { .. } | Self::Ejected { .. })
    }
    /// The candidate, in the states that have one.
    pub fn candidate(&self) -> Option<&Candidate> {
        match self {
            Self::Testing { candidate, .. }
            | Self::Tested { candidate }
            | Self::Validated { candidate }
            | Self::Landing { candidate, .. } => Some(candidate),
            _ => None,
        }
    }
}

impl NamesActors for Repository {
    fn actors(&mut self, see: &mut dyn FnMut(&mut Actor)) {
        if let Some(freeze) = &mut self.frozen {
            see(&mut freeze.by);
        }
    }
}
