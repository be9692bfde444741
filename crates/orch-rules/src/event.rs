//! Events: what happened, in the past participle. Parsed at the edge, stored in the inbox, absorbed by the rules.

use serde::{Deserialize, Serialize};

use crate::attempt::{Evidence, RunEnd, Usage};
use crate::check::CheckOutcome;
use crate::deploy::TaskDeployment;
use crate::ids::{AttemptNumber, CheckId, CommitId, RepositoryId, StageId, TaskId, WorkItemId};
use crate::lane::{Candidate, LandingRefused, NamedTask};
use crate::people::{BranchSeen, HumanAnswer, ReviewWord};
use crate::reason::{self, Reason};

/// Something that happened, with the aggregate it concerns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "aggregate")]
pub enum Event {
    /// Concerns one task.
    Task {
        /// Which.
        task: TaskId,
        /// What.
        event: TaskEvent,
    },
    /// Concerns a repository's lane.
    Lane {
        /// Which.
        repository: RepositoryId,
        /// What.
        event: LaneEvent,
    },
}

/// What happened to a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum TaskEvent {
    /// The status *To Analyse*, or the command: start, or start again after questions (A5, A9).
    StartRequested {
        /// Whose issues start, as the repository file on the base branch said it when this came in; empty is everybody's.
        #[serde(default)]
        authors: Vec<String>,
    },
    /// The status STOP, or the command (I).
    StopRequested,
    /// A human lifts a hold: fresh attempts (B6).
    RetryRequested,
    /// A human has the tests run once more on the same work.
    CheckRetried,
    /// Nothing new starts for it.
    Paused,
    /// Goes on.
    Resumed,
    /// Goes before or behind others.
    PrioritySet {
        /// The new one.
        priority: i32,
    },
    /// A human adds to the budget that keeps it waiting (X6).
    BudgetRaised {
        /// Millionths of a US dollar.
        by_micros: u64,
    },
    /// Waits for another task from now on (J).
    DependencyAdded {
        /// The other one.
        on: TaskId,
        /// The circle this closes, from this task to the one that waits for it; empty: none.
        #[serde(default)]
        circle: Vec<WorkItemId>,
    },
    /// Does not any longer.
    DependencyRemoved {
        /// The other one.
        on: TaskId,
    },
    /// Its issue says this at its tracker now. It counts until something is made of the task.
    IssueRead {
        /// One line.
        title: String,
        /// Markdown.
        description: String,
    },
    /// Its issue is not there any more at its tracker: deleted, or put away.
    IssueGone,
    /// The pull request was merged by a human (B7).
    PullRequestMerged {
        /// The commit main got.
        commit: CommitId,
    },
    /// A person answered a question.
    HumanAnswered {
        /// Which, and what.
        answer: HumanAnswer,
    },
    /// A person changed what the task says.
    Edited {
        /// One line, cleaned; `None` leaves it.
        title: Option<String>,
        /// Markdown; `None` leaves it.
        description: Option<String>,
        /// `None` leaves it.
        priority: Option<i32>,
    },
    /// A person sends it back to an earlier stage.
    SentBack {
        /// Which.
        to: StageId,
        /// What the next attempt is told; never empty.
        reason: String,
    },
    /// A person skips the present stage.
    Skipped {
        /// Why; never empty.
        reason: String,
        /// Who may, see [`HumanAnswer::people`].
        people: Vec<String>,
    },
    /// A person takes the branch: nothing runs.
    HandsOff,
    /// The person gives it back.
    GivenBack,
    /// A comment: kept and told to the next agent, never acted on (A8).
    Commented {
        /// Verbatim.
        text: String,
    },
    /// The branch on the forge is not where the task's head is; a hint to look.
    PushSeen {
        /// Where it was seen; `None`: it is not there.
        tip: Option<CommitId>,
    },
    /// The head could not be published: the branch is elsewhere.
    NotPublished {
        /// Where the branch was expected; `None`: nowhere.
        was: Option<CommitId>,
        /// For people.
        error: String,
    },
    /// Somebody looked at the branch.
    BranchSeen {
        /// The task's head it was compared with.
        head: CommitId,
        /// What it is.
        seen: BranchSeen,
    },
    /// A person reviewed the change on the forge (Y6).
    ForgeReviewed {
        /// The commit they looked at.
        commit: CommitId,
        /// What they said.
        word: ReviewWord,
        /// Who may, see [`HumanAnswer::people`].
        people: Vec<String>,
    },
    /// A run is over, and what it left could not be brought home yet.
    RunIsOver {
        /// Its fence.
        attempt: AttemptNumber,
        /// How.
        end: RunEnd,
        /// What it cost.
        usage: Option<Usage>,
        /// Why not.
        why: String,
    },
    /// A run ended.
    RunEnded {
        /// Its fence.
        attempt: AttemptNumber,
        /// How.
        end: RunEnd,
        /// What git says.
        evidence: Option<Evidence>,
        /// What it cost.
        usage: Option<Usage>,
        /// Main's tip the branch was cut from, told by the first run.
        cut_from: Option<CommitId>,
        /// Why what it left could not be brought home.
        #[serde(default)]
        trouble: Option<String>,
    },
    /// A check of the task's head ended.
    CheckEnded {
        /// Which.
        check: CheckId,
        /// How.
        outcome: CheckOutcome,
        /// The failing part of its output.
        excerpt: String,
        /// Why the first of two tries was red.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first_red: Option<String>,
    },
    /// The deployment of what it landed came further.
    DeploymentSeen {
        /// How far.
        deployment: TaskDeployment,
    },
    /// An effect failed for good.
    EffectFailed {
        /// Its kind.
        effect: String,
        /// The last error.
        error: String,
    },
    /// Somebody or something looks: a timer, a webhook, a wake. Advances on green or changes nothing (B2).
    Looked,
}

/// What happened to a lane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum LaneEvent {
    /// Nothing enters, nothing lands.
    FreezeRequested {
        /// For people.
        reason: String,
        /// The task whose change is to blame: what it still lands passes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<NamedTask>,
        /// Tasks that are to mend it: they pass.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        fixes: Vec<NamedTask>,
    },
    /// What a task landed does not run where it was deployed, and nothing lands on top of it but what mends that.
    DoesNotRun {
        /// For people.
        reason: String,
        /// The task.
        cause: NamedTask,
    },
    /// What did not run, or was ahead of what runs, runs now: as this commit.
    RunsNow {
        /// What was deployed.
        commit: CommitId,
    },
    /// The freeze is lifted.
    UnfreezeRequested {
        /// Although what it is there for was not mended, and why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        force: Option<String>,
    },
    /// Nothing new starts in the repository.
    Paused,
    /// Goes on.
    Resumed,
    /// The making of a candidate ended.
    CandidateMade {
        /// Whose.
        task: TaskId,
        /// The fence of the step.
        fence: i64,
        /// Main's tip at that moment.
        main: CommitId,
        /// What came of it.
        result: CandidateResult,
        /// What is wrong with the repository's settings in it and is not so on main, a sentence each.
        #[serde(default)]
        settings: Vec<String>,
    },
    /// The candidate's re-test ended.
    CheckEnded {
        /// Whose.
        task: TaskId,
        /// Which.
        check: CheckId,
        /// How.
        outcome: CheckOutcome,
        /// The failing part of its output.
        excerpt: String,
        /// Why the first of two tries was red.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first_red: Option<String>,
    },
    /// The compare-and-set ended.
    LandEnded {
        /// Whose.
        task: TaskId,
        /// The fence of the step.
        fence: i64,
        /// Main's tip now.
        main: CommitId,
        /// True if main is (or contains) the candidate; false if main had moved, or it was refused.
        landed: bool,
        /// Whoever keeps main did not take it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refused: Option<LandingRefused>,
    },
    /// A lane effect failed for good.
    EffectFailed {
        /// Whose.
        task: TaskId,
        /// Its kind.
        effect: String,
        /// The last error.
        error: String,
    },
    /// Somebody or something looks.
    Looked,
}

/// What came of making a candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum CandidateResult {
    /// It exists.
    Made {
        /// This one.
        candidate: Candidate,
    },
    /// Main and the task changed the same lines.
    Conflict {
        /// Conflicting paths.
        paths: Vec<String>,
    },
}

/// Why an event that a person caused changes nothing. Shown to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{work_item}: {why}")]
pub struct Refusal {
    /// Of which task (or repository).
    pub work_item: WorkItemId,
    /// What is wrong.
    pub why: Reason,
}

impl From<Refusal> for Reason {
    fn from(refusal: Refusal) -> Self {
        reason::refused(refusal.work_item, refusal.why)
    }
}
