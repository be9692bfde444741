//! Reviews with findings, and what must have been judged before a candidate lands.

use orch_rules::attempt::RunEnd;
use orch_rules::gate::Outcome;
use orch_rules::ids::CommitId;
use orch_rules::judgement::{Judge, Judgement, Key, Standing, Voided};
use orch_rules::pipeline::{Role, StageKind};
use orch_rules::task::Task;

use super::random::Simulation;
use super::showing::in_words;
use super::{Delivered, World, with_front_matter};

/// What a reviewer may find; the same ones come and go.
const FINDINGS: [&str; 6] = [
    "- P1-1 src/lib.rs:12 the sum overflows",
    "- P1-1 (resolved) src/lib.rs:12 the sum overflows",
    "- **P0** it loses data",
    "- [P1] no test",
    "- P2-1 a typo",
    "### P1\n\n- the name is wrong",
];

/// What becomes of findings and verdicts; a long enough run has to see all of it.
pub const BECOMES: [&str; 13] = [
    "new",
    "still open",
    "resolved",
    "reopened",
    "resolved none",
    "did not change",
    "holds",
    "not_the_branch",
    "new_patch",
    "new_code",
    "new_candidate",
    "sent_back",
    "superseded",
];

impl Simulation {
    /// A review that asks for changes, or says APPROVED beside what it found; now and then of no use at all.
    pub fn red_review(&mut self, delivered: &mut Delivered) -> RunEnd {
        let verdict = if self.whim.percent(30) { "APPROVED" } else { "REQUEST_CHANGES" };
        // Half of the time always the same one, so that now and then nothing gets on.
        let same = self.whim.percent(50);
        let found: Vec<&str> = FINDINGS
            .into_iter()
            .filter(|item| if same { *item == FINDINGS[2] } else { self.whim.percent(35) })
            .collect();
        let body = if self.whim.percent(10) { "I do not like it".to_owned() } else { found.join("\n") };
        for document in &mut delivered.documents {
            let body = format!("## Findings\n\n{body}");
            *document = with_front_matter(&document.path.clone(), &[("verdict", verdict)], &body);
        }
        RunEnd::Completed
    }

    /// What the reviews of this step made of their findings, and who was asked before the cap.
    pub fn count_findings(&mut self) {
        for line in &self.world.log.audit {
            let words = match line.rule.as_str() {
                "findings" => ["new", "still open", "resolved", "reopened"].as_slice(),
                "escalated" => ["resolved none", "did not change"].as_slice(),
                _ => continue,
            };
            for word in words.iter().filter(|word| in_words(&line.text).contains(**word)) {
                *self.seen.findings.entry(word).or_default() += 1;
            }
        }
    }

    pub fn count_judgements(&mut self) {
        for task in self.world.tasks.values() {
            for judgement in self.world.judgements(&task.id) {
                let name = match &judgement.standing {
                    Standing::Holds => "holds",
                    Standing::Void(by) => by.name(),
                };
                *self.seen.findings.entry(name).or_default() += 1;
            }
        }
    }
}

impl World {
    /// What is not as it must be judged when a candidate lands: its own re-test green, the newest review green and of a
    /// patch that only a tester has added to, no blocking finding open.
    pub fn unreviewed(&self, task: &Task, candidate: &CommitId) -> Vec<String> {
        let name = &task.work_item;
        let mut missing: Vec<String> = task
            .convergence
            .open_blocking()
            .map(|open| format!("{candidate} of {name} landed with an open finding: {}", open.finding.sentence()))
            .collect();
        let all = self.judgements(&task.id);
        let green = |j: &&Judgement| j.outcome == Outcome::Pass;
        let of_candidate = |j: &&Judgement| j.key == Key::Candidate(candidate.clone()) && j.standing == Standing::Holds;
        if !all.iter().filter(green).any(|j| of_candidate(&j)) {
            missing.push(format!("{candidate} of {name} landed and no verdict about it holds"));
        }
        let judged = self.pipeline_of(task).is_some_and(|p| p.stages.iter().any(|s| s.kind == StageKind::Judge));
        let review = all.iter().rev().find(|j| matches!(j.key, Key::Patch(_)));
        let by_tester = |number: u32| {
            let attempts = self.attempts.get(&task.id).map(Vec::as_slice).unwrap_or_default();
            attempts.iter().any(|a| a.number == number && a.role == Role::Tester)
        };
        let fine = review.is_some_and(|review| {
            let holds = match &review.standing {
                Standing::Holds => true,
                Standing::Void(Voided::NewPatch(attempt)) => by_tester(*attempt),
                Standing::Void(_) => false,
            };
            holds && green(&review) && matches!(review.judge, Judge::Attempt { .. })
        });
        // A person may do without a review, and is named for it; nobody else.
        if judged && !fine && !self.skipped.contains(&task.id) {
            missing.push(format!("{candidate} of {name} landed and its review does not hold: {review:?}"));
        }
        missing
    }
}
