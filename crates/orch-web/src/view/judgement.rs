//! Verdicts and findings of a task.

use orch_engine::control::TaskDetail;
use orch_rules::convergence::Tracked;
use orch_rules::gate::Outcome;
use orch_rules::judgement::{Judge, Judgement, Standing, Trail, judgements};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use orch_text::rfc3339;

/// One verdict: who judged what, and whether that still counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerdictView {
    /// `reviewer`, `tester`, `deployer`, … or `check`: the project's own test command.
    pub by: String,
    /// The agent's attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The run of the test command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// The document that says it, on the task's branch; absent for the test command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// `pass`, `fail`, or `unknown`, which never passes.
    pub outcome: String,
    /// The field, token, finding or exit that decided.
    pub reason: String,
    /// What it is bound to: `patch` (the change against main), `code` (the tree without documents), `candidate` (a commit).
    pub key_kind: String,
    /// The key.
    pub key: String,
    /// The commit that was looked at; an agent's own last commit, its document included.
    pub commit: String,
    /// When it was given.
    pub at: String,
    /// It counts for what is there now.
    pub holds: bool,
    /// Why it does not, by name: `not_the_branch`, `new_patch`, `new_code`, `new_candidate`, `rejected`, `sent_back`,
    /// `superseded`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void_by: Option<String>,
    /// What it is now, for people.
    pub standing: String,
}

impl From<&Judgement> for VerdictView {
    fn from(judgement: &Judgement) -> Self {
        let (by, attempt, check) = match &judgement.judge {
            Judge::Attempt { number, role, .. } => (role.name(), Some(*number), None),
            Judge::Check { id } => ("check", None, Some(id.to_string())),
        };
        let (void_by, standing) = match &judgement.standing {
            Standing::Holds => (None, "holds".to_owned()),
            Standing::Void(by) => (Some(by.name().to_owned()), format!("void: {}", by.sentence())),
        };
        let outcome = match judgement.outcome {
            Outcome::Pass => "pass",
            Outcome::Fail => "fail",
            Outcome::Pending | Outcome::Unknown | Outcome::NeedsHuman => "unknown",
        };
        Self {
            by: by.to_owned(),
            attempt,
            check,
            document: judgement.document.clone(),
            outcome: outcome.to_owned(),
            reason: judgement.reason.clone(),
            key_kind: judgement.key.kind().to_owned(),
            key: judgement.key.value().to_owned(),
            commit: judgement.commit.to_string(),
            at: rfc3339(judgement.at),
            holds: void_by.is_none(),
            void_by,
            standing,
        }
    }
}

/// Every verdict about a task, oldest first.
pub(super) fn verdicts(detail: &TaskDetail) -> Vec<VerdictView> {
    let TaskDetail { task, history, pipeline, .. } = detail;
    let (attempts, checks, episodes, lane) =
        (&history.attempts[..], &history.checks[..], &history.episodes[..], &history.lane[..]);
    let trail = Trail { task, pipeline, attempts, checks, episodes, lane };
    judgements(&trail).iter().map(VerdictView::from).collect()
}

/// A finding of the reviews, through their rounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingView {
    /// Its own name, if the review gave it one: `P1-3`, `F-12`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// 0 is the gravest; 0 and 1 block. Absent if the review does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grade: Option<u8>,
    /// Open, and grave enough to keep the change from passing.
    pub blocks: bool,
    /// `new`, `still open`, `resolved`, `reopened`, after the newest review.
    pub state: String,
    /// The file it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// In the words of the newest review that has it.
    pub title: String,
    /// The attempt that found it.
    pub first_attempt: u32,
    /// The attempt that told of it last, or after which it was gone.
    pub last_attempt: u32,
    /// Reviews in which it was open.
    pub rounds: u32,
}

impl From<&Tracked> for FindingView {
    fn from(tracked: &Tracked) -> Self {
        let finding = &tracked.finding;
        Self {
            id: finding.id.clone(),
            grade: finding.grade,
            blocks: tracked.blocks(),
            state: tracked.state.name().to_owned(),
            file: finding.file.clone(),
            title: finding.title.clone(),
            first_attempt: tracked.first,
            last_attempt: tracked.last,
            rounds: tracked.rounds,
        }
    }
}
