//! Episodes: every wait for a human is a row (A19).

use serde::{Deserialize, Serialize};

use crate::actor::{Actor, NamesActors};
use crate::ids::{EpisodeId, PatchId, TaskId, Timestamp};
use crate::unknown::Beyond;

/// What a human is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EpisodeKind {
    /// Approve what the stage produced, or reject it with a reason.
    Approval,
    /// Answer the agent's questions, then start again (A9, A18).
    Questions,
    /// Confirm the production deploy (A13).
    ConfirmDeploy,
    /// Grant a change to protected paths: exactly these paths in exactly this patch (X13).
    ProtectedPaths,
    /// Add to a budget that does not cover another run, or stop the task (X6).
    Budget,
}

/// How an episode ended. One answer closes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "answer")]
pub enum Answer {
    /// Yes.
    Approved,
    /// No, with the reason the next attempt is told.
    Rejected {
        /// Verbatim.
        reason: String,
    },
    /// The question went away: the task was stopped, sent back, or what was asked about changed.
    Withdrawn,
}

/// A wait for a human: what is asked, about which revision, since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// Identity; buttons and commands may name it.
    pub id: EpisodeId,
    /// Whose.
    pub task: TaskId,
    /// What is asked.
    pub kind: EpisodeKind,
    /// The visit of the task that asked; an answer never counts for another visit.
    pub visit: u32,
    /// What the question is about: the key of the revision shown to the human.
    pub about: String,
    /// Questions to answer, for [`EpisodeKind::Questions`]; the paths, for [`EpisodeKind::ProtectedPaths`]; with that
    /// and [`EpisodeKind::Approval`] also which tests were weakened.
    pub questions: Vec<String>,
    /// Tracker status that stood when it opened; that status standing on is no answer.
    pub status_at_opening: Option<String>,
    /// Opened.
    pub opened_at: Timestamp,
    /// It stands for one that nobody answered in time; it is not asked a third time.
    #[serde(default)]
    pub asked_again: bool,
    /// The answer, who gave it, and when; `None` while open.
    pub answer: Option<Answered>,
    /// What its row holds beyond what this release knows.
    #[serde(flatten)]
    pub beyond: Beyond,
}

/// An answer with its author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// What.
    #[serde(flatten)]
    pub answer: Answer,
    /// Who.
    pub by: Actor,
    /// When it was given; always after the episode opened.
    pub at: Timestamp,
    /// The person's own words, for [`EpisodeKind::Questions`]; the next attempt is told them verbatim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What is added where a change cannot be taken back.
const FOR_GOOD: &str = ", for good";

/// What a confirmation is about: a change, where it goes, and whether it can be taken back there.
pub fn confirmation(patch: &PatchId, target: &str, irreversible: bool) -> String {
    format!("{patch} to {target}{}", if irreversible { FOR_GOOD } else { "" })
}

impl Episode {
    /// Where the change goes that is to be confirmed, and whether it cannot be taken back there. `None`: it is not about that,
    /// or nothing of it is known.
    pub fn confirms(&self) -> Option<(&str, bool)> {
        let (_, target) = self.about.split_once(" to ").filter(|_| self.kind == EpisodeKind::ConfirmDeploy)?;
        Some(target.strip_suffix(FOR_GOOD).map_or((target, false), |target| (target, true)))
    }

    /// Not answered yet.
    pub fn is_open(&self) -> bool {
        self.answer.is_none()
    }
}

impl NamesActors for Episode {
    fn actors(&mut self, see: &mut dyn FnMut(&mut Actor)) {
        if let Some(answered) = &mut self.answer {
            see(&mut answered.by);
        }
    }
}
