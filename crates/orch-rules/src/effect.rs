//! Effects: what we want done, in the imperative. A worker performs a committed effect through one port; each is
//! safe to repeat by its key.

use serde::{Deserialize, Serialize};

use crate::ids::{AttemptNumber, CheckId, CommitId, DeployTarget, DeploymentId, RepositoryId, TaskId, Timestamp};

/// One wish of the rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "effect")]
pub enum Effect {
    /// Launch the agent of this attempt, wait for its end, collect its evidence. Answered by
    /// [`crate::event::TaskEvent::RunEnded`].
    RunAgent {
        /// Whose.
        task: TaskId,
        /// Which attempt: names the run directory and the clone.
        attempt: AttemptNumber,
    },
    /// Ask the run of this attempt to stop, then make sure it does. Answered by the run's own end.
    StopRun {
        /// Whose.
        task: TaskId,
        /// Which attempt.
        attempt: AttemptNumber,
    },
    /// Run the test command on a clean checkout. Answered by [`crate::event::TaskEvent::CheckEnded`] or
    /// [`crate::event::LaneEvent::CheckEnded`].
    RunCheck {
        /// The task it is for.
        task: TaskId,
        /// The check row.
        check: CheckId,
        /// What to check out.
        commit: CommitId,
        /// Asked by the lane (a candidate), not by the task.
        lane: bool,
    },
    /// Wait for what the forge's CI says of a commit. Answered as [`Effect::RunCheck`] is.
    AwaitCi {
        /// The task it is for.
        task: TaskId,
        /// The check row.
        check: CheckId,
        /// Whose statuses count.
        commit: CommitId,
        /// Asked by the lane (a candidate), not by the task.
        lane: bool,
        /// Why the first of two tries of the test command was red, where that was run before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first_red: Option<String>,
    },
    /// Bring main up to date and make a candidate. Answered by [`crate::event::LaneEvent::CandidateMade`].
    BuildCandidate {
        /// Repository.
        repository: RepositoryId,
        /// Whose.
        task: TaskId,
        /// The task's head.
        head: CommitId,
        /// The lane's fence.
        fence: i64,
    },
    /// The same, of the reverse of what a task brought to main. Answered alike.
    BuildRevert {
        /// Repository.
        repository: RepositoryId,
        /// Whose.
        task: TaskId,
        /// What is taken back.
        of: CommitId,
        /// The lane's fence.
        fence: i64,
    },
    /// Move main to the candidate by compare-and-set. Answered by [`crate::event::LaneEvent::LandEnded`].
    Land {
        /// Repository.
        repository: RepositoryId,
        /// Whose.
        task: TaskId,
        /// The candidate.
        candidate: CommitId,
        /// Main must still be this.
        parent: CommitId,
        /// The lane's fence.
        fence: i64,
    },
    /// Bring what landed to its target, and see what becomes of it. Answered by
    /// [`crate::event::TaskEvent::DeploymentSeen`], each time it comes further.
    Deploy {
        /// Whose.
        task: TaskId,
        /// Its repository.
        repository: RepositoryId,
        /// Where to.
        target: DeployTarget,
        /// Names it.
        deployment: DeploymentId,
        /// What landed.
        commit: CommitId,
        /// The deployment that this takes back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reverts: Option<DeploymentId>,
        /// It cannot be taken back.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        irreversible: bool,
    },
    /// Set the task's branch on the forge to its head; failing changes nothing but the branch.
    PublishBranch {
        /// Whose.
        task: TaskId,
        /// Branch name.
        branch: String,
        /// Where it was published last; `None` if never. Anything else there is a person's push.
        was: Option<CommitId>,
        /// The head.
        head: CommitId,
    },
    /// Compare the task's branch on the forge with its head. Answered by [`crate::event::TaskEvent::BranchSeen`].
    ObserveBranch {
        /// Whose.
        task: TaskId,
        /// Branch name.
        branch: String,
        /// The task's head.
        head: CommitId,
        /// What a person's commits count from.
        since: CommitId,
        /// `head` was not published, because somebody had pushed: put what it adds on top of that.
        replay: bool,
    },
    /// After a stop: archive the branch's documents, remove the feature branch (never main) and the clones.
    CleanUp {
        /// Whose.
        task: TaskId,
        /// Branch name.
        branch: String,
        /// The task's head; a branch that it does not contain holds a person's push and stays.
        head: Option<CommitId>,
        /// Keep the head under the archive ref (a stopped task); a landed one needs none.
        archive: bool,
    },
    /// When it is due, decide every task again that waits for this key. Belongs to no one task: it outlives the one
    /// that asked.
    WakeWaiters {
        /// Who asked.
        task: TaskId,
        /// Slot, budget or outage row.
        key: String,
        /// When it is due; two alarms of one key do not wait for each other.
        at: Timestamp,
    },
}

impl Effect {
    /// Every kind that this release can perform, as spelled in rows.
    pub const KINDS: &[&str] = &[
        "run_agent",
        "stop_run",
        "run_check",
        "await_ci",
        "build_candidate",
        "build_revert",
        "land",
        "deploy",
        "publish_branch",
        "observe_branch",
        "clean_up",
        "wake_waiters",
    ];

    /// Spelling in rows and on pages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::RunAgent { .. } => "run_agent",
            Self::StopRun { .. } => "stop_run",
            Self::RunCheck { .. } => "run_check",
            Self::AwaitCi { .. } => "await_ci",
            Self::BuildCandidate { .. } => "build_candidate",
            Self::BuildRevert { .. } => "build_revert",
            Self::Land { .. } => "land",
            Self::Deploy { .. } => "deploy",
            Self::PublishBranch { .. } => "publish_branch",
            Self::ObserveBranch { .. } => "observe_branch",
            Self::CleanUp { .. } => "clean_up",
            Self::WakeWaiters { .. } => "wake_waiters",
        }
    }
    /// Effects with the same ordering key are performed one after the other, in the order of their rows.
    pub fn ordering_key(&self) -> String {
        match self {
            Self::RunAgent { task, attempt } => format!("run:{task}:{attempt}"),
            Self::StopRun { task, attempt } => format!("stop:{task}:{attempt}"),
            Self::RunCheck { check, .. } => format!("check:{check}"),
            Self::AwaitCi { check, .. } => format!("ci:{check}"),
            Self::BuildCandidate { repository, .. }
            | Self::BuildRevert { repository, .. }
            | Self::Land { repository, .. } => format!("lane:{repository}"),
            Self::Deploy { deployment, .. } => format!("deploy:{deployment}"),
            Self::PublishBranch { branch, task, .. }
            | Self::ObserveBranch { branch, task, .. }
            | Self::CleanUp { branch, task, .. } => {
                format!("branch:{task}:{branch}")
            }
            Self::WakeWaiters { key, at, .. } => format!("wake:{key}:{}", at.0),
        }
    }
    /// The task it is for.
    pub fn task(&self) -> &TaskId {
        match self {
            Self::RunAgent { task, .. }
            | Self::StopRun { task, .. }
            | Self::RunCheck { task, .. }
            | Self::AwaitCi { task, .. }
            | Self::BuildCandidate { task, .. }
            | Self::BuildRevert { task, .. }
            | Self::Land { task, .. }
            | Self::Deploy { task, .. }
            | Self::PublishBranch { task, .. }
            | Self::ObserveBranch { task, .. }
            | Self::CleanUp { task, .. }
            | Self::WakeWaiters { task, .. } => task,
        }
    }
}
