//! Runs of a task: agents and the test command.

use orch_engine::control::RunSoFar;
use orch_ports::store::UsageRow;
use orch_rules::attempt::{Attempt, Evidence, RunEnd, WeakenedTest};
use orch_rules::check::{Check, CheckKey, CheckOutcome};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::usage::UsageView;
use orch_text::rfc3339;

/// One try of one agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AttemptView {
    /// From 1, within the task.
    pub number: u32,
    /// At which stage.
    pub stage: String,
    /// Who.
    pub role: String,
    /// `running`, `completed`, `failed`, `timed_out`, `stalled`, `stopped`, `lost`, `quarantined`, `spawn_failed`,
    /// `unavailable`.
    pub outcome: String,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Commits it made; absent if nothing could be collected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commits: Option<u32>,
    /// Documents it wrote.
    pub documents: Vec<String>,
    /// Files it changed beside documents; absent if nothing could be collected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_files: Option<u32>,
    /// Protected paths that the task's whole change touched when it ended; absent if unknown or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protected: Vec<String>,
    /// How many there were in all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub protected_total: u32,
    /// Tests it deleted or took lines from, deleted ones first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weakened: Vec<WeakenedView>,
    /// How many there were in all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub weakened_total: u32,
    /// How it was confined, `L0` to `L3`; absent if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// Limits that hold for it, and those its host cannot give, one sentence each; of the newest attempt alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<String>,
    /// What it used, while it runs so far; absent if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageView>,
    /// Asked for.
    pub requested_at: String,
    /// Ended.
    pub ended_at: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// A test that was deleted, or lost lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WeakenedView {
    /// From the top of the repository.
    pub path: String,
    /// It is gone.
    pub deleted: bool,
    /// Lines it lost, a changed line included.
    pub removed_lines: u32,
    /// One sentence.
    pub text: String,
    /// The beginning of the change as a unified diff.
    pub diff: String,
}

impl From<&WeakenedTest> for WeakenedView {
    fn from(test: &WeakenedTest) -> Self {
        Self {
            path: test.path.clone(),
            deleted: test.deleted,
            removed_lines: test.removed_lines,
            text: test.sentence(),
            diff: test.diff.clone(),
        }
    }
}

impl AttemptView {
    pub(super) fn of(attempt: &Attempt, usage: Option<&Vec<&UsageRow>>, run: Option<&RunSoFar>) -> Self {
        let run = run.filter(|run| run.attempt == attempt.number);
        // What was booked at its end is the last word; until then what is counted beside it.
        let so_far = || run.and_then(|run| run.usage.as_ref()).map(|usage| UsageView::of([Some(usage)]));
        let level = |evidence: &Evidence| evidence.level;
        let (outcome, reason) = attempt.ended.as_ref().map_or(("running", None), |ended| outcome(&ended.how));
        let evidence = attempt.ended.as_ref().and_then(|ended| ended.evidence.as_ref());
        let protected = evidence.and_then(|evidence| evidence.protected.as_ref());
        Self {
            number: attempt.number,
            stage: attempt.stage.to_string(),
            role: attempt.role.name().to_owned(),
            outcome: outcome.to_owned(),
            reason,
            commits: evidence.map(|evidence| evidence.commits),
            documents: evidence
                .map(|evidence| evidence.documents.iter().map(|document| document.path.clone()).collect())
                .unwrap_or_default(),
            changed_files: evidence.map(|evidence| evidence.changed_total),
            protected: protected.map(|touched| touched.paths.clone()).unwrap_or_default(),
            protected_total: protected.map_or(0, |touched| touched.total),
            weakened: evidence.map(|e| e.weakened.iter().map(WeakenedView::from).collect()).unwrap_or_default(),
            weakened_total: evidence.map_or(0, |evidence| evidence.weakened_total),
            level: evidence.and_then(level).or(run.map(|run| run.level)).map(|level| level.name().to_owned()),
            limits: run.map(|run| run.limits.clone()).unwrap_or_default(),
            usage: usage.map(|rows| UsageView::of(rows.iter().map(|row| Some(&row.usage)))).or_else(so_far),
            requested_at: rfc3339(attempt.requested_at),
            ended_at: attempt.ended.as_ref().map(|ended| rfc3339(ended.at)),
        }
    }
}

fn outcome(end: &RunEnd) -> (&'static str, Option<String>) {
    let reason = match end {
        RunEnd::Failed { reason }
        | RunEnd::SpawnFailed { reason, .. }
        | RunEnd::Unavailable { reason, .. }
        | RunEnd::OverBudget { reason } => Some(reason.clone()),
        RunEnd::Lost { session: true, .. } => {
            Some("the session it was to go on with is gone; the next run begins anew".to_owned())
        }
        RunEnd::Lost { presumed_on: Some(host), .. } => {
            Some(format!("presumed dead: host {host} was not heard of for too long"))
        }
        _ => None,
    };
    (end.spelling(), reason)
}

/// One run of the test command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckView {
    /// Identity.
    pub id: String,
    /// `head` (the task's own) or `candidate` (combined with main).
    pub of: String,
    /// What was checked out.
    pub commit: String,
    /// `running`, `passed`, `failed`, `unknown`; unknown never passes.
    pub outcome: String,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The failing part of its output.
    pub excerpt: String,
    /// Why the first try was red, where the same commit was tested twice. Passed all the same: the tests are flaky.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_red: Option<String>,
    /// Asked for.
    pub requested_at: String,
    /// Ended.
    pub ended_at: Option<String>,
}

impl From<&Check> for CheckView {
    fn from(check: &Check) -> Self {
        let (outcome, reason) = match &check.outcome {
            None => ("running", None),
            Some(CheckOutcome::Passed) => ("passed", None),
            Some(CheckOutcome::Failed { reason }) => ("failed", Some(reason.clone())),
            Some(CheckOutcome::Unknown { reason }) => ("unknown", Some(reason.clone())),
        };
        Self {
            id: check.id.to_string(),
            of: match check.key {
                CheckKey::Code(_) => "head".to_owned(),
                CheckKey::Candidate(_) => "candidate".to_owned(),
            },
            commit: check.commit.to_string(),
            outcome: outcome.to_owned(),
            reason,
            excerpt: check.excerpt.clone(),
            first_red: check.first_red.clone(),
            requested_at: rfc3339(check.requested_at),
            ended_at: check.ended_at.map(rfc3339),
        }
    }
}
