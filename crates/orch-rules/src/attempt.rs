//! An attempt: one try of one agent at one visit of a stage, and what it left behind.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{AttemptNumber, CodeId, CommitId, PatchId, StageId, TaskId, Timestamp};
use crate::path_pattern::{any_matches, may_match_below};
use crate::pipeline::Role;
use crate::unknown::Beyond;
use crate::verdict::findings::Finding;

/// One try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Whose.
    pub task: TaskId,
    /// Its fence.
    pub number: AttemptNumber,
    /// The visit it belongs to.
    pub visit: u32,
    /// The stage of that visit.
    pub stage: StageId,
    /// The role that acts.
    pub role: Role,
    /// Commit the clone starts from; `None` until the first run has cut the branch.
    pub start: Option<CommitId>,
    /// What the agent is told of the failure that sent it back.
    pub rework: Option<String>,
    /// Asked for; the run directory exists soon after.
    pub requested_at: Timestamp,
    /// A stop was sent to the run.
    pub stop_requested: bool,
    /// The person whose own commits this is; no agent ran. `None` for an agent's run.
    #[serde(default)]
    pub by_hand: Option<String>,
    /// Its run is over, and what it left is being brought home; `None` before and after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Over>,
    /// How it ended; `None` while it runs.
    pub ended: Option<Ended>,
    /// What its row holds beyond what this release knows.
    #[serde(flatten)]
    pub beyond: Beyond,
}

/// A run that is over while what it left is not home yet: it holds no slot, and what it cost is booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Over {
    /// How it ended.
    pub how: RunEnd,
    /// Why what it left is not home yet: the machine's trouble.
    pub why: String,
    /// A person asked for it to be collected once more.
    #[serde(default)]
    pub by_hand: bool,
}

/// How and when an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// How.
    pub how: RunEnd,
    /// When.
    pub at: Timestamp,
    /// What was collected from git; `None` if nothing could be (spawn failure, lost run).
    pub evidence: Option<Evidence>,
    /// Why what it left could not be brought home, if that is so: the machine's trouble, never the agent's. Of a run that
    /// could not be started: why the next one could not be either.
    #[serde(default)]
    pub trouble: Option<String>,
    /// It was collected once more, as a person asked, and that was in vain too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_vain: bool,
}

/// The ways a run ends. Failure, timeout and an empty delivery are told apart (D4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "end")]
pub enum RunEnd {
    /// Exit 0. Says nothing about the evidence.
    Completed,
    /// Another exit code or a signal.
    Failed {
        /// For people: `exit code 3`, `signal 9`.
        reason: String,
    },
    /// The deadline passed.
    TimedOut,
    /// No output for longer than the stall limit.
    Stalled,
    /// Stopped on request.
    Stopped,
    /// The supervisor died without a result: its process tree is proved dead, or its host was taken for dead.
    Lost {
        /// The name of the host that was not heard of for too long: its run is presumed dead, and nothing is proved.
        /// `None`: proved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        presumed_on: Option<String>,
        /// Nothing of the run is lost but the session it was to go on with: it did nothing, and the next one begins anew.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        session: bool,
    },
    /// The supervisor died without a result and nobody can prove its tree dead: nothing may start.
    Quarantined,
    /// The agent could not be started.
    SpawnFailed {
        /// The error.
        reason: String,
        /// It is this host that lacks something for that agent, whatever its task: a program, a model. Nothing of it is
        /// started before that is mended.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        of_host: bool,
    },
    /// The vendor of the model did not serve the agent: a usage limit, an overload, a log-in that does not hold. No
    /// fault of the task.
    Unavailable {
        /// Whose log-in it was; every run with it waits (X7).
        credential: String,
        /// When the vendor will serve again, if it said so.
        until: Option<Timestamp>,
        /// For people.
        reason: String,
    },
    /// Its run has used up the budget that its model has for one run: a human decides about more.
    OverBudget {
        /// Which, and what was used.
        reason: String,
    },
}

impl RunEnd {
    /// Lost, and proved dead.
    pub const LOST: Self = Self::Lost { presumed_on: None, session: false };

    /// The session it was to go on with is gone.
    pub const SESSION_LOST: Self = Self::Lost { presumed_on: None, session: true };

    /// It could not be started, for reasons of its own.
    pub fn not_started(reason: impl Into<String>) -> Self {
        Self::SpawnFailed { reason: reason.into(), of_host: false }
    }

    /// It cannot be started on this host.
    pub fn host_lacks(reason: impl Into<String>) -> Self {
        Self::SpawnFailed { reason: reason.into(), of_host: true }
    }

    /// What [`RunEnd::spelling`] gives.
    pub const SPELLINGS: &[&str] = &[
        "completed",
        "failed",
        "timed_out",
        "stalled",
        "stopped",
        "lost",
        "quarantined",
        "spawn_failed",
        "unavailable",
        "over_budget",
    ];

    /// Spelling in answers; people read the words of the texts.
    pub fn spelling(&self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed { .. } => "failed",
            Self::TimedOut => "timed_out",
            Self::Stalled => "stalled",
            Self::Stopped => "stopped",
            Self::Lost { .. } => "lost",
            Self::Quarantined => "quarantined",
            Self::SpawnFailed { .. } => "spawn_failed",
            Self::Unavailable { .. } => "unavailable",
            Self::OverBudget { .. } => "over_budget",
        }
    }
}

/// How the processes of a run were kept from the rest of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ConfinementLevel {
    /// Not at all.
    L0,
    /// An account of its own.
    L1,
    /// Landlock and seccomp in the host's network, with doors left open.
    #[serde(rename = "L2-open")]
    L2Open,
    /// Its own view of files and network, with Landlock and seccomp.
    L2,
    /// Its own view of files, processes and network.
    L3,
}

impl ConfinementLevel {
    /// `L0` to `L3`, and `L2-open`.
    pub fn name(self) -> &'static str {
        match self {
            Self::L0 => "L0",
            Self::L1 => "L1",
            Self::L2Open => "L2-open",
            Self::L2 => "L2",
            Self::L3 => "L3",
        }
    }
}

/// What git says of an attempt's work. Never the agent's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Where the attempt started.
    pub start: CommitId,
    /// Its last commit; equal to `start` if it committed nothing.
    pub head: CommitId,
    /// Main's tip when the evidence was taken: the patch id is taken against the merge base with it.
    pub base: CommitId,
    /// Code id of `head`.
    pub code: CodeId,
    /// Patch id of the task's whole change.
    pub patch: PatchId,
    /// Commits between `start` and `head`.
    pub commits: u32,
    /// Documents of the work item that this attempt wrote (added or modified), relative to the documents folder.
    pub documents: Vec<DocumentFact>,
    /// Paths that this attempt changed outside the documents folder, and documents it removed; from the top of the
    /// repository, at most [`Evidence::PATHS_KEPT`].
    pub changed: Vec<String>,
    /// How many there were in all.
    pub changed_total: u32,
    /// What the task's whole change touches of the base branch's protected paths; `None` if which paths are protected
    /// could not be found out, and in rows from before this was looked at. Unknown never passes.
    #[serde(default)]
    pub protected: Option<ProtectedPaths>,
    /// The task's whole change touches what cannot be taken back where it is deployed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub irreversible: bool,
    /// Tests that this attempt deleted or took lines from, deleted ones first; at most [`Evidence::WEAKENED_KEPT`].
    #[serde(default)]
    pub weakened: Vec<WeakenedTest>,
    /// How many there were in all.
    #[serde(default)]
    pub weakened_total: u32,
    /// How many paths the task's whole change touches outside of its documents, earlier attempts' work included; `None` in
    /// rows from before this was recorded.
    #[serde(default)]
    pub patch_total: Option<u32>,
    /// What lay in its place and was left out, or taken in another form than it lay there: a sentence each, at most
    /// [`Evidence::SENTENCES_KEPT`]. It stops nobody.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// What can never be taken and has to be mended: a sentence each, at most [`Evidence::SENTENCES_KEPT`].
    #[serde(default)]
    pub refused: Vec<String>,
    /// What is wrong with the repository's settings at `head` that is not so on `base` ([`crate::landing_settings`]): a
    /// sentence each, at most [`Evidence::SENTENCES_KEPT`].
    #[serde(default)]
    pub settings: Vec<String>,
    /// How the run was confined; `None` in rows from before this was recorded.
    #[serde(default)]
    pub level: Option<ConfinementLevel>,
}

/// The protected paths that a task's whole change touches, its own documents left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtectedPaths {
    /// Sorted; at most [`Evidence::PATHS_KEPT`].
    pub paths: Vec<String>,
    /// How many there are in all.
    pub total: u32,
}

impl ProtectedPaths {
    /// Those of a change's paths that match one of the patterns ([`crate::path_pattern`]), whatever the case of their
    /// letters; and those that are links or submodules where a pattern may match something below.
    pub fn touched(patch_paths: &[String], links: &[String], patterns: &[String]) -> Self {
        let patterns: Vec<String> = patterns.iter().map(|pattern| pattern.to_lowercase()).collect();
        let named = patch_paths.iter().filter(|path| any_matches(&patterns, &path.to_lowercase()));
        let leading = links.iter().filter(|path| {
            let path = path.to_lowercase();
            patterns.iter().any(|pattern| may_match_below(pattern, &path))
        });
        Self { paths: Vec::new(), total: 0 }.with(named.chain(leading))
    }

    /// With further ones.
    #[must_use]
    pub fn with<'p>(mut self, more: impl Iterator<Item = &'p String>) -> Self {
        let known = self.paths.len();
        self.paths.extend(more.cloned());
        self.paths.sort();
        self.paths.dedup();
        let new = u32::try_from(self.paths.len() - known).unwrap_or(u32::MAX);
        self.paths.truncate(Evidence::PATHS_KEPT);
        Self { total: self.total.saturating_add(new), paths: self.paths }
    }
}

/// A test file that was deleted, or that lost lines, in one attempt: what people are told. That they are asked is decided by
/// the whole change, see [`ProtectedPaths`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeakenedTest {
    /// From the top of the repository.
    pub path: String,
    /// It is gone.
    pub deleted: bool,
    /// Lines it lost, a changed line included.
    pub removed_lines: u32,
    /// The change as a unified diff, cut to [`Evidence::DIFF_BYTES`].
    pub diff: String,
}

impl WeakenedTest {
    /// For people: `tests/sum.rs is deleted (12 lines)`, `tests/sum.rs lost 3 lines`.
    pub fn sentence(&self) -> String {
        let lines = if self.removed_lines == 1 { "1 line".to_owned() } else { format!("{} lines", self.removed_lines) };
        if self.deleted { format!("{} is deleted ({lines})", self.path) } else { format!("{} lost {lines}", self.path) }
    }
}

impl Evidence {
    /// How many changed paths are kept in the row.
    pub const PATHS_KEPT: usize = 200;
    /// How many weakened tests are kept in the row.
    pub const WEAKENED_KEPT: usize = 20;
    /// How many sentences about what was left out or refused are kept in the row.
    pub const SENTENCES_KEPT: usize = 30;
    /// Bytes of a weakened test's diff that are kept.
    pub const DIFF_BYTES: usize = 2048;
    /// Neither a commit nor a document: an empty delivery.
    pub fn is_empty(&self) -> bool {
        self.head == self.start
    }
    /// A document this attempt wrote, by its path relative to the documents folder.
    pub fn document(&self, path: &str) -> Option<&DocumentFact> {
        self.documents.iter().find(|d| d.path == path)
    }
    /// One sentence per weakened test, for the question a human is asked; the diffs stand in the attempt.
    pub fn weakened_sentences(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.weakened.iter().map(|test| format!("weakened test: {}", test.sentence())).collect();
        let kept = u32::try_from(self.weakened.len()).unwrap_or(u32::MAX);
        if self.weakened_total > kept {
            lines.push(format!("and {} more weakened tests", self.weakened_total - kept));
        }
        lines
    }
}

/// What the rules know of one document: its front matter, its findings and the text a rollback hands on. Made from git objects
/// by [`crate::verdict::read_document`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentFact {
    /// Relative to `docs/work-items/<ID>/`, for example `12-review.md`.
    pub path: String,
    /// Front matter fields as text, keys in lower case; or why there are none.
    pub fields: Result<BTreeMap<String, String>, String>,
    /// Questions for a human (front matter `questions:`).
    pub questions: Vec<String>,
    /// The must-fix part, verbatim, cut to a limit (B5); empty if the document has none.
    pub must_fix: String,
    /// What its author found on the way and left to others: one text each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<String>,
    /// What stands under `## Findings`; `None` if the document has no such section, and in rows from before it was
    /// read.
    #[serde(default)]
    pub findings: Option<Vec<Finding>>,
}

impl DocumentFact {
    /// A document of which nothing could be read, and why.
    pub fn unreadable(path: &str, reason: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            fields: Err(reason.into()),
            questions: Vec::new(),
            must_fix: String::new(),
            found: Vec::new(),
            findings: None,
        }
    }
}

/// Tokens and money of one run. Append-only: a stale attempt's money was spent. `None` is unknown and never looks
/// like zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Full input tokens, cached ones included.
    pub input_tokens: Option<u64>,
    /// Of these, read from the cache.
    pub cached_tokens: Option<u64>,
    /// Of these, written to the cache.
    pub cache_creation_tokens: Option<u64>,
    /// Output tokens.
    pub output_tokens: Option<u64>,
    /// Millionths of a US dollar.
    pub cost_micros: Option<u64>,
    /// Where the cost is unknown: what it was at least, as far as anybody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least_micros: Option<u64>,
    /// Model name as the agent reported it.
    pub model: Option<String>,
    /// Kind of the agent that was launched, as settings call it; absent in rows of earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_lacks_reads_as_not_started_for_earlier_releases() {
        let text = |end: &RunEnd| serde_json::to_string(end).unwrap();
        assert_eq!(text(&RunEnd::not_started("x")), r#"{"end":"spawn_failed","reason":"x"}"#);
        let lacks = RunEnd::host_lacks("x");
        assert_eq!(text(&lacks), r#"{"end":"spawn_failed","reason":"x","of_host":true}"#);
        assert_eq!(serde_json::from_str::<RunEnd>(&text(&lacks)).unwrap(), lacks);
    }

    #[test]
    fn a_lost_run_says_whether_its_death_is_proved_and_reads_as_lost_for_earlier_releases() {
        let text = |end: &RunEnd| serde_json::to_string(end).unwrap();
        assert_eq!(text(&RunEnd::LOST), r#"{"end":"lost"}"#);
        let presumed = RunEnd::Lost { presumed_on: Some("mill".to_owned()), session: false };
        assert_eq!(text(&presumed), r#"{"end":"lost","presumed_on":"mill"}"#);
        assert_eq!(text(&RunEnd::SESSION_LOST), r#"{"end":"lost","session":true}"#);
        assert_eq!(serde_json::from_str::<RunEnd>(r#"{"end":"lost"}"#).unwrap(), RunEnd::LOST);
        assert_eq!(serde_json::from_str::<RunEnd>(&text(&presumed)).unwrap(), presumed);
    }
}
