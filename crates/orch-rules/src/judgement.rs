//! Every verdict about a task as a row (X13): who judged what, with which key, and whether that still counts.
//!
//! Derived from stored rows, so that it can be told at any time; what a gate does with a verdict is the gate's. A commit
//! of the task's own documents voids nothing: it changes neither key. A rebase that leaves the change as it is keeps the
//! patch, and with it the review.

mod standing;
#[cfg(test)]
mod tests;

use crate::actor::Actor;
use crate::attempt::{Attempt, DocumentFact, Evidence};
use crate::check::{Check, CheckKey, CheckOutcome};
use crate::episode::Episode;
use crate::gate::Outcome;
use crate::ids::{AttemptNumber, CheckId, CodeId, CommitId, PatchId, StageId, Timestamp};
use crate::lane::LaneEntry;
use crate::pipeline::{GateName, Pipeline, Role, Stage, document_matches};
use crate::task::Task;
use crate::verdict::{self, Verdict};

/// What judgements are derived from; every list whole and oldest first.
#[derive(Debug, Clone, Copy)]
pub struct Trail<'t> {
    /// The task as it is now.
    pub task: &'t Task,
    /// The pipeline it pinned.
    pub pipeline: &'t Pipeline,
    /// All.
    pub attempts: &'t [Attempt],
    /// All.
    pub checks: &'t [Check],
    /// All.
    pub episodes: &'t [Episode],
    /// Its places in lines.
    pub lane: &'t [LaneEntry],
}

/// One verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Who judged.
    pub judge: Judge,
    /// The document that says it, relative to the documents folder; `None` for the test command.
    pub document: Option<String>,
    /// What it concludes: pass, fail, or unknown (the test command could not be run).
    pub outcome: Outcome,
    /// The field, token, finding or exit that decided.
    pub reason: String,
    /// What it is bound to.
    pub key: Key,
    /// The commit that was looked at; where the judge is an attempt, its last one.
    pub commit: CommitId,
    /// When it was given.
    pub at: Timestamp,
    /// What it is now.
    pub standing: Standing,
}

/// Who judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judge {
    /// An agent, by the document it wrote.
    Attempt {
        /// Which.
        number: AttemptNumber,
        /// As whom.
        role: Role,
        /// At which stage.
        stage: StageId,
    },
    /// The project's own test command.
    Check {
        /// Which run of it.
        id: CheckId,
    },
}

/// What a verdict is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// A review: the task's change against the merge base.
    Patch(PatchId),
    /// Tests: the tree without the task's documents.
    Code(CodeId),
    /// Re-test, staging, production: exactly this commit.
    Candidate(CommitId),
}

impl Key {
    /// `patch`, `code`, `candidate`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Patch(_) => "patch",
            Self::Code(_) => "code",
            Self::Candidate(_) => "candidate",
        }
    }
    /// The key itself.
    pub fn value(&self) -> &str {
        match self {
            Self::Patch(id) => id.as_str(),
            Self::Code(id) => id.as_str(),
            Self::Candidate(id) => id.as_str(),
        }
    }
}

/// What a verdict is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It counts for what is there now.
    Holds,
    /// It counts no longer, for the first reason there was.
    Void(Voided),
}

/// What made a verdict void.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Voided {
    /// It never counted: the judge changed what it judged, and that did not become the branch.
    NotTheBranch,
    /// This attempt changed the patch.
    NewPatch(AttemptNumber),
    /// This attempt changed the code.
    NewCode(AttemptNumber),
    /// The candidate is made anew, as this one if it is known already.
    NewCandidate(Option<CommitId>),
    /// A person said no, and the task went back.
    Rejected {
        /// Who.
        by: Actor,
    },
    /// The task went back to an earlier stage, or left the lane.
    SentBack,
    /// A newer verdict about the same took its place.
    Superseded(Judge),
}

impl Voided {
    /// Spelling for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotTheBranch => "not_the_branch",
            Self::NewPatch(_) => "new_patch",
            Self::NewCode(_) => "new_code",
            Self::NewCandidate(_) => "new_candidate",
            Self::Rejected { .. } => "rejected",
            Self::SentBack => "sent_back",
            Self::Superseded(_) => "superseded",
        }
    }
    /// For people.
    pub fn sentence(&self) -> String {
        match self {
            Self::NotTheBranch => "the judge changed what it judged".to_owned(),
            Self::NewPatch(attempt) => format!("new patch (attempt {attempt})"),
            Self::NewCode(attempt) => format!("new code (attempt {attempt})"),
            Self::NewCandidate(Some(commit)) => format!("the candidate is {commit} now"),
            Self::NewCandidate(None) => "the candidate is made anew".to_owned(),
            Self::Rejected { by } => format!("{by} said no"),
            Self::SentBack => "the task was sent back".to_owned(),
            Self::Superseded(Judge::Attempt { number, .. }) => format!("judged again (attempt {number})"),
            Self::Superseded(Judge::Check { .. }) => "tested again".to_owned(),
        }
    }
}

/// Every verdict there is about a task, oldest first.
pub fn judgements(trail: &Trail<'_>) -> Vec<Judgement> {
    let mut all = standing::of_attempts(trail);
    all.extend(trail.checks.iter().filter_map(|check| of_check(trail, check)));
    all.sort_by_key(|judgement| judgement.at);
    all
}

fn of_check(trail: &Trail<'_>, check: &Check) -> Option<Judgement> {
    let (outcome, reason) = match check.outcome.as_ref()? {
        CheckOutcome::Passed => (Outcome::Pass, "the tests are green".to_owned()),
        CheckOutcome::Failed { reason } => (Outcome::Fail, format!("the tests are red: {reason}")),
        CheckOutcome::Unknown { reason } => (Outcome::Unknown, format!("it could not be run: {reason}")),
    };
    let key = match &check.key {
        CheckKey::Code(code) => Key::Code(code.clone()),
        CheckKey::Candidate(commit) => Key::Candidate(commit.clone()),
    };
    Some(Judgement {
        judge: Judge::Check { id: check.id.clone() },
        document: None,
        outcome,
        reason,
        key,
        commit: check.commit.clone(),
        at: check.ended_at.unwrap_or(check.requested_at),
        standing: standing::of_check(trail, check, outcome),
    })
}

/// The verdict an attempt delivered: its document by the stage's first pattern, its conclusion, its key.
fn of_attempt(stage: &Stage, attempt: &Attempt) -> Option<Judgement> {
    let ended = attempt.ended.as_ref()?;
    let evidence = ended.evidence.as_ref()?;
    let pattern = stage.documents.first()?;
    let written = evidence.documents.iter().filter(|fact| document_matches(pattern, &fact.path));
    let document = written.max_by(|a, b| a.path.cmp(&b.path))?;
    let (verdict, key) = stage.gates.iter().find_map(|gate| said(*gate, document, evidence))?;
    Some(Judgement {
        judge: Judge::Attempt { number: attempt.number, role: attempt.role, stage: stage.id.clone() },
        document: Some(document.path.clone()),
        outcome: if verdict.passes { Outcome::Pass } else { Outcome::Fail },
        reason: verdict.reason,
        key,
        commit: evidence.head.clone(),
        at: ended.at,
        standing: Standing::Holds,
    })
}

fn said(gate: GateName, document: &DocumentFact, evidence: &Evidence) -> Option<(Verdict, Key)> {
    let candidate = || Key::Candidate(evidence.start.clone());
    Some(match gate {
        GateName::CheckReviewerVerdict => (verdict::whole_review(document), Key::Patch(evidence.patch.clone())),
        GateName::CheckTestsPassed => (verdict::read_by(document, verdict::tests), Key::Code(evidence.code.clone())),
        GateName::CheckStagingStatus => (verdict::read_by(document, verdict::staging), candidate()),
        GateName::CheckDeployStatus => (verdict::read_by(document, verdict::deploy), candidate()),
        _ => return None,
    })
}
