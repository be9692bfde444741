//! Deployments: what is put where, by whom, and what came of it.
//!
//! A *target* is what a deploy hook deploys to; repositories may share one. Its *line* ([`line`]) takes what landed, in the
//! order of landing, one at a time. What a hook says with its exit code only chooses which looks follow; the looks at what
//! answers ([`looks`]) decide, and nobody's words do.

pub mod line;
pub mod looks;

use serde::{Deserialize, Serialize};

use crate::ids::{CommitId, DeployTarget, DeploymentId, RepositoryId, TaskId, Timestamp, WorkItemId};
use crate::unknown::Beyond;

/// One try to bring a commit to a target: a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Identity.
    pub id: DeploymentId,
    /// Where to.
    pub target: DeployTarget,
    /// Whose.
    pub repository: RepositoryId,
    /// The task whose change it brings; `None` for one that a person asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// Of that task, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_item: Option<WorkItemId>,
    /// What is deployed: a commit of the base branch.
    pub candidate: CommitId,
    /// What its target says when it runs.
    pub revision: String,
    /// The identity of the image, or of the files, that was built of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Its place in the line of its target: the order of landing.
    pub place: i64,
    /// Why it is deployed.
    pub why: Deploys,
    /// How far it is.
    pub state: DeploymentState,
    /// What ran of this repository when it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Running>,
    /// The hook that was begun last, and what came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<Hook>,
    /// Nothing was touched, and it is the machine's trouble: no revert follows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub infra: bool,
    /// It cannot be taken back: nothing is rolled back, and what mends it is brought instead.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub irreversible: bool,
    /// What does not run is mended by another change of its task, and not taken off the base branch.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forward: bool,
    /// A rollback was begun: it is tried once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rollback_tried: bool,
    /// What its hooks and the looks said last, newest first: for people and for whoever mends it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub said: String,
    /// When its hook began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When it came to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// When it was found healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy: Option<Timestamp>,
    /// It was found healthy, and is not any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub degraded: bool,
    /// What its row holds beyond what this release knows.
    #[serde(flatten)]
    pub beyond: Beyond,
}

impl Deployment {
    /// One that is about to join the line of a target, of nothing yet.
    pub fn of(id: DeploymentId, target: DeployTarget, repository: RepositoryId) -> Self {
        Self {
            id,
            target,
            repository,
            task: None,
            work_item: None,
            candidate: CommitId(String::new()),
            revision: String::new(),
            image: None,
            place: 0,
            why: Deploys::Again,
            state: DeploymentState::Queued,
            previous: None,
            hook: None,
            infra: false,
            irreversible: false,
            forward: false,
            rollback_tried: false,
            said: String::new(),
            started: None,
            ended: None,
            healthy: None,
            degraded: false,
            beyond: Beyond::default(),
        }
    }

    /// What it brings: a commit, which says its own name as its revision.
    #[must_use]
    pub fn bringing(self, candidate: CommitId, why: Deploys) -> Self {
        Self { revision: candidate.to_string(), candidate, why, ..self }
    }

    /// What becomes of it should it not run.
    #[must_use]
    pub fn mended_by(self, irreversible: bool, forward: bool) -> Self {
        Self { irreversible, forward: forward || irreversible, ..self }
    }

    /// Whose change it brings.
    #[must_use]
    pub fn for_task(self, task: TaskId, work_item: Option<WorkItemId>) -> Self {
        Self { task: Some(task), work_item, ..self }
    }

    /// It was to bring what stands on the base branch, and did not come up: the base branch is ahead of what runs, and no
    /// revert mends that.
    pub fn is_ahead(&self) -> bool {
        let brings_main = !matches!(self.why, Deploys::Change);
        brings_main && matches!(self.state, DeploymentState::Failed | DeploymentState::RolledBack) && !self.infra
    }

    /// It brings the revert of another one.
    pub fn reverts(&self, bad: &Self) -> bool {
        matches!(&self.why, Deploys::Revert { of } if *of == bad.id)
    }

    /// It brings what is to mend another one, which stays on the base branch.
    pub fn mends(&self, bad: &Self) -> bool {
        bad.forward
            && self.why == Deploys::Change
            && self.task == bad.task
            && self.task.is_some()
            && self.place > bad.place
    }

    /// Its change is on the base branch and must not be deployed with what comes after it.
    pub fn is_bad(&self) -> bool {
        match self.state {
            DeploymentState::Failed => !self.infra,
            DeploymentState::RolledBack | DeploymentState::Broken | DeploymentState::Cancelled => true,
            _ => false,
        }
    }
}

/// How far the deployment of what a task landed is, as the task knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskDeployment {
    /// Which.
    pub id: DeploymentId,
    /// Where to.
    pub target: DeployTarget,
    /// How far.
    pub state: DeploymentState,
    /// Nothing was touched, and it is the machine's trouble.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub infra: bool,
    /// It cannot be taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub irreversible: bool,
    /// Its task mends it by another change, and the lane is that one's alone until it has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forward: bool,
    /// Its developer has heard of that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told: bool,
    /// What its hooks and the looks said last, newest first; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// It brings the revert of what did not run, and that said this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

impl TaskDeployment {
    /// Of a deployment as it stands.
    pub fn seen(one: &Deployment) -> Self {
        Self {
            id: one.id.clone(),
            target: one.target.clone(),
            state: one.state,
            infra: one.infra,
            irreversible: one.irreversible,
            forward: one.forward,
            told: false,
            why: one.said.clone(),
            failed: None,
        }
    }

    /// Its change stands on the base branch, does not run, and is to be taken off it.
    pub fn has_failed(&self) -> bool {
        use DeploymentState::{Cancelled, Failed, RolledBack};
        let ended = matches!(self.state, Failed | RolledBack | Cancelled) && !self.infra;
        ended && (!self.forward || self.state == Cancelled)
    }

    /// The same, and it is to be mended by another change instead.
    pub fn wants_mending(&self) -> bool {
        use DeploymentState::{Broken, Failed, RolledBack};
        self.forward && matches!(self.state, Failed | RolledBack | Broken) && !self.infra
    }

    /// The first line of what was said.
    pub fn in_short(&self) -> &str {
        self.why.lines().next().unwrap_or_default()
    }
}

/// Why something is deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum Deploys {
    /// A change landed.
    Change,
    /// The revert of a deployed change landed.
    Revert {
        /// The deployment that was taken back.
        of: DeploymentId,
    },
    /// A person asked for it: whatever is held, it passes.
    Again,
}

/// How far a deployment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentState {
    /// In line.
    Queued,
    /// Its hook runs.
    Deploying,
    /// Its hook has ended; what runs is looked at.
    Checking,
    /// A hook brings the previous one back, or has ended and what runs is looked at.
    RollingBack,
    /// What its hook did is not known: nobody deploys there until that is told.
    Unknown,
    /// It runs, as we saw ourselves. An end.
    Healthy,
    /// It does not run, and the previous one was never away. An end.
    Failed,
    /// It did not do; the previous one runs again. An end.
    RolledBack,
    /// Nothing that was tried runs: a person is needed.
    Broken,
    /// What runs contains it, or the one that came after it did. An end.
    Superseded,
    /// Its task was stopped before it began. An end.
    Cancelled,
}

impl DeploymentState {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Queued,
        Self::Deploying,
        Self::Checking,
        Self::RollingBack,
        Self::Unknown,
        Self::Healthy,
        Self::Failed,
        Self::RolledBack,
        Self::Broken,
        Self::Superseded,
        Self::Cancelled,
    ];

    /// As spelled in rows and for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Deploying => "deploying",
            Self::Checking => "checking",
            Self::RollingBack => "rolling_back",
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Failed => "failed",
            Self::RolledBack => "rolled_back",
            Self::Broken => "broken",
            Self::Superseded => "superseded",
            Self::Cancelled => "cancelled",
        }
    }

    /// Its target is its own now: nothing else begins there.
    pub fn is_under_way(self) -> bool {
        matches!(self, Self::Deploying | Self::Checking | Self::RollingBack | Self::Unknown)
    }

    /// Nothing follows by itself, and nobody is needed.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Healthy | Self::Failed | Self::RolledBack | Self::Superseded | Self::Cancelled)
    }
}

/// What runs of a repository on a target, as we last saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The deployment that brought it.
    pub deployment: DeploymentId,
    /// The commit.
    pub candidate: CommitId,
    /// What it answers.
    pub revision: String,
    /// Its image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

impl Running {
    /// What a deployment brought.
    pub fn of(one: &Deployment) -> Self {
        Self {
            deployment: one.id.clone(),
            candidate: one.candidate.clone(),
            revision: one.revision.clone(),
            image: one.image.clone(),
        }
    }
}

/// A hook that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// Its number: of two on a target the later has the greater one, whatever they are for.
    pub number: i64,
    /// How it ended; `None` while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<HookEnd>,
}

/// How a hook ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "end")]
pub enum HookEnd {
    /// With this exit code.
    Exited {
        /// The code.
        code: i32,
    },
    /// By a signal.
    Signalled,
    /// It never began, and touched nothing: its program is missing, the host is short of something.
    NotBegun {
        /// For people.
        reason: String,
    },
    /// It was stopped at its deadline.
    Deadline,
    /// Its supervisor or its host is gone.
    Lost,
}
