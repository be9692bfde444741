//! Whether the work gets anywhere (X14): the findings of every review by identity, and the failures that come again.
//!
//! A rework made no progress if the review after it still has every blocking finding the one before had, if its stage
//! fails with the same words again, or if it changed no code. After [`IDLE`] of them in a row a human is asked, whatever
//! the number of retries.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{AttemptNumber, StageId};
use crate::reason::{self, Reason};
use crate::verdict::findings::Finding;
use crate::verdict::must_fix::cut;

/// So many reworks in a row without progress are enough.
pub const IDLE: u32 = 2;

/// Most findings that are kept; resolved ones that do not block go first.
pub const MOST: usize = 200;

/// What a task's reviews and failures have come to; part of the task's row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Convergence {
    /// Reviews whose findings were taken in.
    pub rounds: u32,
    /// Every finding of every round.
    pub findings: Vec<Tracked>,
    /// Reviews in a row that found every blocking finding of the one before still open.
    pub idle_reviews: u32,
    /// The newest failure of each stage that has not been green since.
    pub failures: Vec<Failure>,
}

/// A finding through the rounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracked {
    /// As the newest review that has it tells it.
    pub finding: Finding,
    /// How it stands after the newest review.
    pub state: FindingState,
    /// The reviewer's attempt that found it.
    pub first: AttemptNumber,
    /// The reviewer's attempt that told of it last, or after which it was gone.
    pub last: AttemptNumber,
    /// Rounds in which it was open.
    pub rounds: u32,
}

impl Tracked {
    /// Not resolved.
    pub fn is_open(&self) -> bool {
        self.state != FindingState::Resolved
    }
    /// Open, and grave enough to keep the change from passing.
    pub fn blocks(&self) -> bool {
        self.is_open() && self.finding.blocks()
    }
}

/// How a finding stands after the newest review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingState {
    /// Found by the newest review for the first time.
    New,
    /// Found before, and again.
    StillOpen,
    /// The newest review does not have it, or says that it is closed.
    Resolved,
    /// Was resolved, and is back.
    Reopened,
}

impl FindingState {
    /// For people and rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::StillOpen => "still open",
            Self::Resolved => "resolved",
            Self::Reopened => "reopened",
        }
    }
}

/// The newest failure of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Where.
    pub stage: StageId,
    /// SHA-256 (hex) of its words without what changes from run to run.
    pub words: String,
    /// Failures in a row that were no step further than the one before.
    pub repeats: u32,
}

impl Convergence {
    /// Takes in the findings of a review. `approved` is its verdict; `findings` is `None` if it has no such section.
    /// A review that asks for changes and lists nothing that can be read resolves nothing.
    pub fn review(&mut self, attempt: AttemptNumber, approved: bool, findings: Option<&[Finding]>) {
        let listed = findings.unwrap_or_default();
        if !approved && listed.is_empty() {
            return;
        }
        self.rounds += 1;
        let blocked: Vec<usize> = (0..self.findings.len()).filter(|at| self.findings[*at].blocks()).collect();
        let mut left: Vec<&Finding> = listed.iter().collect();
        let mut matched = vec![None; self.findings.len()];
        // Names first: they must not lose their place to a title that only sounds alike.
        for by_name in [true, false] {
            for (tracked, found) in self.findings.iter().zip(&mut matched) {
                let same = |new: &&Finding| (new.id.is_some() || !by_name) && new.is_same(&tracked.finding);
                if found.is_none()
                    && let Some(at) = left.iter().position(same)
                {
                    *found = Some(left.remove(at));
                }
            }
        }
        for (tracked, found) in self.findings.iter_mut().zip(matched) {
            tracked.met(attempt, found);
        }
        let resolved = blocked.iter().any(|at| !self.findings[*at].blocks());
        self.idle_reviews = if blocked.is_empty() || resolved { 0 } else { self.idle_reviews + 1 };
        self.findings.extend(left.into_iter().map(|finding| Tracked {
            finding: finding.clone(),
            state: if finding.closed { FindingState::Resolved } else { FindingState::New },
            first: attempt,
            last: attempt,
            rounds: u32::from(!finding.closed),
        }));
        if self.findings.len() > MOST {
            self.findings.sort_by_key(|tracked| (!tracked.blocks(), !tracked.is_open(), tracked.first));
            self.findings.truncate(MOST);
        }
    }

    /// A stage failed. `words` is what its next attempt is told; `idle` if the rework behind it changed no code.
    pub fn failed(&mut self, stage: &StageId, words: &str, idle: bool) {
        let words = fingerprint(words);
        match self.failures.iter_mut().find(|failure| &failure.stage == stage) {
            Some(failure) if idle || failure.words == words => failure.repeats += 1,
            Some(failure) => *failure = Failure { stage: stage.clone(), words, repeats: 0 },
            None => self.failures.push(Failure { stage: stage.clone(), words, repeats: u32::from(idle) }),
        }
    }

    /// A stage is green: its failures are over.
    pub fn passed(&mut self, stage: &StageId) {
        self.failures.retain(|failure| &failure.stage != stage);
    }

    /// A person gave fresh attempts: the counting starts over, the findings stay.
    pub fn start_over(&mut self) {
        self.idle_reviews = 0;
        self.failures.clear();
    }

    /// Why more of the same would not help, once it would not; `stage` is the one that failed.
    pub fn stalled(&self, stage: &StageId) -> Option<Reason> {
        if self.idle_reviews >= IDLE {
            let open: Vec<String> = self.open_blocking().map(|tracked| tracked.finding.sentence()).collect();
            return Some(reason::findings_unresolved(IDLE, open.join("; ")));
        }
        let failure = self.failures.iter().find(|failure| &failure.stage == stage)?;
        (failure.repeats >= IDLE).then(|| reason::same_failure(IDLE, stage))
    }

    /// What a reviewer's attempt changed, in one sentence; `None` if it changed nothing.
    pub fn told(&self, attempt: AttemptNumber) -> Option<String> {
        let count = |state| self.findings.iter().filter(|t| t.last == attempt && t.state == state).count();
        let states =
            [FindingState::New, FindingState::StillOpen, FindingState::Reopened, FindingState::Resolved].into_iter();
        let parts: Vec<String> = states
            .map(|state| (count(state), state.name()))
            .filter(|(count, _)| *count > 0)
            .map(|(count, name)| format!("{count} {name}"))
            .collect();
        let blocking = self.open_blocking().count();
        (!parts.is_empty()).then(|| format!("findings: {}; {blocking} open that block", parts.join(", ")))
    }

    /// What a reviewer is told of the rounds before, one line per finding: a name that is kept is an identity. `None`
    /// before the first finding.
    pub fn earlier(&self) -> Option<String> {
        let line = |tracked: &Tracked| {
            let state = if tracked.is_open() { "open" } else { "resolved" };
            format!("- {} [{state}]", tracked.finding.sentence())
        };
        let lines: Vec<String> = self.findings.iter().map(line).collect();
        (!lines.is_empty()).then(|| cut(&lines.join("\n")))
    }

    /// Findings that keep the change from passing.
    pub fn open_blocking(&self) -> impl Iterator<Item = &Tracked> {
        self.findings.iter().filter(|tracked| tracked.blocks())
    }
}

impl Tracked {
    /// What a review makes of it: `found` is what that says of it, if anything.
    fn met(&mut self, attempt: AttemptNumber, found: Option<&Finding>) {
        let was_open = self.is_open();
        let id = self.finding.id.take();
        if let Some(found) = found {
            self.finding = found.clone();
        }
        self.finding.id = self.finding.id.take().or(id);
        let open = found.is_some_and(|found| !found.closed);
        self.state = match (was_open, open) {
            (true, true) => FindingState::StillOpen,
            (false, true) => FindingState::Reopened,
            (_, false) => FindingState::Resolved,
        };
        if open || was_open {
            self.last = attempt;
        }
        self.rounds += u32::from(open);
    }
}

/// Words without numbers, names of commits, letter case and blanks: two runs of one failing test say the same.
fn fingerprint(words: &str) -> String {
    let is_hex = |word: &str| word.len() >= 7 && word.chars().all(|c| c.is_ascii_hexdigit());
    let lower = words.to_lowercase();
    let kept: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty() && !word.chars().any(|c| c.is_ascii_digit()) && !is_hex(word))
        .collect();
    let hash = Sha256::digest(kept.join(" ").as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::findings::extract;

    fn review(ledger: &mut Convergence, attempt: u32, items: &str) {
        let found = extract(&format!("## Findings\n{items}\n")).unwrap();
        let approved = found.iter().all(|finding| !finding.blocks());
        ledger.review(attempt, approved, Some(&found));
    }

    fn told(ledger: &Convergence) -> Vec<String> {
        let one =
            |t: &Tracked| format!("{} {} {}-{} x{}", t.finding.sentence(), t.state.name(), t.first, t.last, t.rounds);
        ledger.findings.iter().map(one).collect()
    }

    #[test]
    fn a_finding_goes_through_its_states() {
        let mut ledger = Convergence::default();
        review(&mut ledger, 4, "- P1-1 overflows\n- P0 leaks\n- P3-1 typo");
        assert_eq!(told(&ledger), ["P1-1 overflows new 4-4 x1", "P0 leaks new 4-4 x1", "P3-1 typo new 4-4 x1"]);
        review(&mut ledger, 6, "- P1-1 still overflows\n- P2 slow");
        assert_eq!(
            told(&ledger),
            [
                "P1-1 still overflows still open 4-6 x2",
                "P0 leaks resolved 4-6 x1",
                "P3-1 typo resolved 4-6 x1",
                "P2 slow new 6-6 x1"
            ]
        );
        assert_eq!(ledger.open_blocking().count(), 1);
        let earlier = ledger.earlier().unwrap();
        assert!(earlier.starts_with("- P1-1 still overflows [open]\n- P0 leaks [resolved]\n"), "{earlier}");
        review(&mut ledger, 8, "- P1-1 (resolved) overflows\n- P0 leaks");
        assert_eq!(told(&ledger)[..2], ["P1-1 overflows resolved 4-8 x2", "P0 leaks reopened 4-8 x2"]);
        ledger.review(10, true, None);
        assert_eq!(ledger.open_blocking().count(), 0, "an approval resolves what it does not list");
    }

    #[test]
    fn two_reviews_that_resolve_nothing_are_enough_and_one_resolved_finding_is_progress() {
        let stage = StageId::from("review");
        let mut ledger = Convergence::default();
        review(&mut ledger, 4, "- P1-1 overflows\n- P1-2 leaks");
        review(&mut ledger, 6, "- P1-1 overflows\n- P1-2 leaks\n- P1-3 is new");
        assert_eq!(ledger.stalled(&stage), None, "one rework may miss");
        review(&mut ledger, 8, "- P1-1 overflows\n- P1-2 leaks\n- P1-3 is new");
        let why = ledger.stalled(&stage).unwrap();
        assert!(why.to_string().contains("P1-1 overflows; P1-2 leaks; P1-3 is new"), "{why}");
        ledger.start_over();
        assert_eq!(ledger.stalled(&stage), None);
        review(&mut ledger, 10, "- P1-1 overflows\n- P1-2 leaks");
        assert_eq!(ledger.idle_reviews, 0, "P1-3 is resolved");
        review(&mut ledger, 12, "- P2-1 overflows a little");
        review(&mut ledger, 14, "- P2-1 overflows a little");
        review(&mut ledger, 16, "- P2-1 overflows a little");
        assert_eq!(ledger.idle_reviews, 0, "what does not block cannot stall");
    }

    #[test]
    fn a_review_that_lists_nothing_readable_resolves_nothing() {
        let mut ledger = Convergence::default();
        review(&mut ledger, 4, "- P1-1 overflows");
        let before = ledger.clone();
        ledger.review(6, false, None);
        ledger.review(6, false, Some(&[]));
        assert_eq!(ledger, before);
    }

    #[test]
    fn the_same_failure_is_known_again_whatever_changes_from_run_to_run() {
        let stage = StageId::from("testing");
        let mut ledger = Convergence::default();
        ledger.failed(&stage, "red on 3f2a1b9c: exit code 1\ntest b ... FAILED in 0.31 s", false);
        ledger.failed(&stage, "red on 77aa01bc: exit code 1\nTest b ... FAILED in 2.07 s", false);
        assert_eq!(ledger.stalled(&stage), None);
        ledger.failed(&StageId::from("review"), "another stage", false);
        ledger.failed(&stage, "red on 99aa01bc: exit code 1\ntest b ... FAILED in 1.00 s", false);
        assert!(ledger.stalled(&stage).is_some());
        assert_eq!(ledger.stalled(&StageId::from("review")), None);
        ledger.failed(&stage, "red on 99aa01bc: exit code 1\ntest c ... FAILED in 1.00 s", false);
        assert_eq!(ledger.stalled(&stage), None, "another test fails: that is a step");
        ledger.failed(&stage, "nothing committed", true);
        ledger.failed(&stage, "nothing committed", true);
        assert!(ledger.stalled(&stage).is_some(), "reworks without a change of code");
        ledger.passed(&stage);
        assert_eq!(ledger.stalled(&stage), None);
    }

    #[test]
    fn the_ledger_is_bounded_and_keeps_what_blocks() {
        let mut ledger = Convergence::default();
        for round in 0..5 {
            let items: String = (0..90).map(|n| format!("- P3 thing {}{round} x\n", "ab".repeat(n))).collect();
            review(&mut ledger, round, &format!("- P1-1 overflows\n{items}"));
        }
        assert_eq!(ledger.findings.len(), MOST);
        assert_eq!(ledger.open_blocking().count(), 1);
    }
}
