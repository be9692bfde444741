//! The pipeline as data: stages, gates, roles and edges, declared in a file per project (X10).

use serde::{Deserialize, Serialize};

use crate::ids::{PipelineDigest, StageId};

mod check;
mod default;
mod digest;
mod draw;
mod parse;
mod pattern;

#[cfg(test)]
mod pipeline_tests;

pub use default::{DEFAULT_TEXT, DEFAULT_WITH_DEPLOY_TEXT, default_pipeline, default_with_deploy};
pub use digest::digest;
pub use draw::{draw, explain};
pub use parse::{defaults, parse};
pub(crate) use pattern::segment_matches;
pub use pattern::{document_matches, pattern_fault};

pub use crate::problem::Problem;

/// A checked pipeline. Made only by [`parse`] or [`default_pipeline`], so every one in memory has one entry, reaches
/// `done`, caps its back edges and lands at most once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pipeline {
    /// In the order of the file; the first is the entry.
    pub stages: Vec<Stage>,
    /// SHA-256 of the canonical form.
    pub digest: PipelineDigest,
}

impl Pipeline {
    /// Stages whose role may write code or tests and whose gates do not ask about protected paths: a file that lists its
    /// own gates may have left that one out. What such a stage changes is still asked about where another stage asks.
    pub fn unguarded(&self) -> Vec<&StageId> {
        let writes = |stage: &&Stage| matches!(stage.kind, StageKind::Build | StageKind::Check);
        let asks = |stage: &Stage| stage.gates.contains(&GateName::CheckProtectedPaths);
        self.stages.iter().filter(writes).filter(|stage| !asks(stage)).map(|stage| &stage.id).collect()
    }
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// As spelled in the file.
    pub id: StageId,
    /// What the rules match on.
    pub kind: StageKind,
    /// Who acts; `None` for [`StageKind::Land`].
    pub role: Option<Role>,
    /// Document patterns the role owes and may write, relative to the documents folder; `*` matches within one
    /// path segment. The first one is what the stage's document gates read.
    pub documents: Vec<String>,
    /// Checked in this order when the agent's run ended.
    pub gates: Vec<GateName>,
    /// A human approves before the task leaves.
    pub approval: bool,
    /// A human confirms before the edge out of here lands (A13).
    pub confirm: bool,
    /// Where green leads.
    pub next: Target,
    /// Where red leads.
    pub on_red: OnRed,
    /// Highest number of retries with which red may still lead back; required unless `on_red` is `stay`.
    pub cap: Option<u32>,
    /// The edge out of here moves main (E6).
    pub lands: bool,
    /// Whether its agent's clone is made ready by the set-up command; see [`Stage::sets_up`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup: Option<bool>,
}

impl Stage {
    /// Whether the set-up command runs in its agent's clone. Who writes documents alone runs no tests: where nothing is said,
    /// an author's clone is as git makes it.
    pub fn sets_up(&self) -> bool {
        self.setup.unwrap_or(self.kind != StageKind::Author)
    }
}

/// What a stage is, for the rules. Closed: a new kind is a new rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageKind {
    /// An agent writes documents.
    Author,
    /// An agent changes the code.
    Build,
    /// An agent judges the change.
    Judge,
    /// An agent tests, and our own run of the test command must agree.
    Check,
    /// In the lane: the candidate runs on staging.
    Stage,
    /// In the lane: the candidate is made, re-tested and landed.
    Land,
    /// After the landing: production.
    Deploy,
}

impl StageKind {
    /// All, in the order of the line.
    pub const ALL: [Self; 7] =
        [Self::Author, Self::Build, Self::Judge, Self::Check, Self::Stage, Self::Land, Self::Deploy];
    /// Frozen spelling: pipeline files, rows, pages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Author => "author",
            Self::Build => "build",
            Self::Judge => "judge",
            Self::Check => "check",
            Self::Stage => "stage",
            Self::Land => "land",
            Self::Deploy => "deploy",
        }
    }
    /// The task stands in the landing line while it is in such a stage.
    pub fn in_lane(self) -> bool {
        matches!(self, Self::Stage | Self::Land)
    }
}

/// Who acts. Closed: each has a prompt and a write scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Writes the requirements.
    Analyst,
    /// Writes the decision record.
    Architect,
    /// Writes the code.
    Developer,
    /// Judges the change.
    Reviewer,
    /// Tests the change.
    Tester,
    /// Stages and deploys.
    Deployer,
}

impl Role {
    /// All, in the order of the line.
    pub const ALL: [Self; 6] =
        [Self::Analyst, Self::Architect, Self::Developer, Self::Reviewer, Self::Tester, Self::Deployer];
    /// Frozen spelling: file names, rows, `ORCH_ROLE`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Analyst => "analyst",
            Self::Architect => "architect",
            Self::Developer => "developer",
            Self::Reviewer => "reviewer",
            Self::Tester => "tester",
            Self::Deployer => "deployer",
        }
    }
}

/// Where a green stage leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "to", content = "stage")]
pub enum Target {
    /// Another stage.
    Stage(StageId),
    /// The end of the line.
    Done,
}

/// Where a red stage leads when its agent's run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "to", content = "stage")]
pub enum OnRed {
    /// The task stays and waits for a human.
    Stay,
    /// Back to this stage (itself included): counts one retry.
    Back(StageId),
}

/// The thirteen gates by name (B1). Spellings are frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateName {
    /// The stage's first document exists and this attempt wrote it.
    CheckDocumentWritten,
    /// A decision record of this work item exists (any `06-adr/ADR-*.md`).
    CheckDecisionRecord,
    /// Every path this attempt changed lies in its role's write scope.
    CheckWriteScope,
    /// The attempt committed something outside the documents folder.
    CheckCodeChanged,
    /// The test command is green on the head.
    CheckCiGreen,
    /// `verdict` of the review approves.
    CheckReviewerVerdict,
    /// The test report passes.
    CheckTestsPassed,
    /// The lane could combine the head with main and its re-test was green.
    CheckBranchMergeable,
    /// The staging log says SUCCESS.
    CheckStagingStatus,
    /// Staging ran the image of the candidate.
    CheckStagingImageFresh,
    /// The deploy log says SUCCESS.
    CheckDeployStatus,
    /// No question for a human is open.
    CheckNoQuestions,
    /// The whole change touches no protected path, or a human granted exactly that.
    CheckProtectedPaths,
    /// The repository's settings can be read once the change has landed; asked in every stage before the lane.
    CheckSettings,
}

impl GateName {
    /// All fourteen, in the order of the line.
    pub const ALL: [Self; 14] = [
        Self::CheckDocumentWritten,
        Self::CheckNoQuestions,
        Self::CheckDecisionRecord,
        Self::CheckWriteScope,
        Self::CheckCodeChanged,
        Self::CheckSettings,
        Self::CheckCiGreen,
        Self::CheckProtectedPaths,
        Self::CheckReviewerVerdict,
        Self::CheckTestsPassed,
        Self::CheckBranchMergeable,
        Self::CheckStagingStatus,
        Self::CheckStagingImageFresh,
        Self::CheckDeployStatus,
    ];
    /// Frozen spelling: pipeline files, rows, pages.
    pub fn name(self) -> &'static str {
        match self {
            Self::CheckDocumentWritten => "check_document_written",
            Self::CheckNoQuestions => "check_no_questions",
            Self::CheckDecisionRecord => "check_decision_record",
            Self::CheckWriteScope => "check_write_scope",
            Self::CheckCodeChanged => "check_code_changed",
            Self::CheckCiGreen => "check_ci_green",
            Self::CheckProtectedPaths => "check_protected_paths",
            Self::CheckSettings => "check_settings",
            Self::CheckReviewerVerdict => "check_reviewer_verdict",
            Self::CheckTestsPassed => "check_tests_passed",
            Self::CheckBranchMergeable => "check_branch_mergeable",
            Self::CheckStagingStatus => "check_staging_status",
            Self::CheckStagingImageFresh => "check_staging_image_fresh",
            Self::CheckDeployStatus => "check_deploy_status",
        }
    }
    /// What it asks, in one sentence for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::CheckDocumentWritten => "this attempt wrote the stage's first document",
            Self::CheckNoQuestions => "the documents ask a human nothing",
            Self::CheckDecisionRecord => "this attempt wrote a decision record",
            Self::CheckWriteScope => "the role kept to the paths it may write",
            Self::CheckCodeChanged => "something outside the documents folder was committed",
            Self::CheckCiGreen => "the tests are green on the branch's head",
            Self::CheckProtectedPaths => "no protected path is touched, or a person granted it",
            Self::CheckSettings => "settings of the repository that would land can be read",
            Self::CheckReviewerVerdict => "`verdict` of the review says APPROVED",
            Self::CheckTestsPassed => "the test report passes, and so does the test command",
            Self::CheckBranchMergeable => "combined with the base branch, the tests are green",
            Self::CheckStagingStatus => "`staging_status` says SUCCESS",
            Self::CheckStagingImageFresh => "staging ran the very commit that will land",
            Self::CheckDeployStatus => "`deploy_status` says SUCCESS",
        }
    }
    /// Reads the stage's first document, so the stage has to name one.
    pub fn reads_document(self) -> bool {
        matches!(
            self,
            Self::CheckDocumentWritten
                | Self::CheckReviewerVerdict
                | Self::CheckTestsPassed
                | Self::CheckStagingStatus
                | Self::CheckStagingImageFresh
                | Self::CheckDeployStatus
        )
    }
    /// Looks at the task's place in the landing line, so the stage has to be in the lane.
    pub fn reads_lane(self) -> bool {
        matches!(self, Self::CheckBranchMergeable | Self::CheckStagingImageFresh)
    }
}

impl std::fmt::Display for GateName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::fmt::Display for StageKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Pipeline {
    /// The first stage. A checked pipeline has one.
    pub fn entry(&self) -> Option<&Stage> {
        self.stages.first()
    }
    /// The stage of this id.
    pub fn stage(&self, id: &StageId) -> Option<&Stage> {
        self.stages.iter().find(|s| &s.id == id)
    }
}
