//! What voids a verdict beyond what the stories tell.

use super::*;
use crate::attempt::{Ended, RunEnd};
use crate::ids::Timestamp;
use crate::lane::{Candidate, LaneState, Line};
use crate::pipeline::default_pipeline;
use crate::task::{Keys, Position};

struct Case {
    task: Task,
    pipeline: Pipeline,
    attempts: Vec<Attempt>,
    checks: Vec<Check>,
    lane: Vec<LaneEntry>,
}

fn case() -> Case {
    let task = serde_json::json!({
        "id": "t1", "repository": "shop", "work_item": "SHOP-001", "title": "", "description": "", "author": "ann",
        "branch": "b", "priority": 0, "position": {"at": "stage", "stage": "testing"}, "visit": 1, "pipeline": "p",
        "base": null, "head": null, "keys": null, "attempt": 0, "retries": 0, "rework": null, "hold": null,
        "paused": false, "stop": null, "landed": null, "waits": [], "rule": "", "created_at": 0, "started_at": 0,
        "entered_at": 100, "ended_at": null, "version": 1,
    });
    let task = serde_json::from_value(task).expect("a row from before findings were known");
    Case { task, pipeline: default_pipeline(), attempts: Vec::new(), checks: Vec::new(), lane: Vec::new() }
}

impl Case {
    /// An attempt that left a head with these keys, and a review or report.
    fn attempt(mut self, stage: &str, code: &str, patch: &str, document: Option<(&str, &str)>) -> Self {
        let number = self.attempts.len() as u32 + 1;
        let start = self.task.head.clone().unwrap_or_else(|| "base".into());
        let head = CommitId(format!("h{number}"));
        let documents = document.iter().map(|(path, text)| verdict::read_document(path, text.as_bytes())).collect();
        let evidence = Evidence {
            irreversible: false,
            start: start.clone(),
            head: head.clone(),
            base: "base".into(),
            code: code.into(),
            patch: patch.into(),
            commits: 1,
            documents,
            changed: Vec::new(),
            changed_total: 0,
            protected: None,
            weakened: Vec::new(),
            weakened_total: 0,
            level: None,
            settings: Vec::new(),
            patch_total: None,
            left_out: Vec::new(),
            refused: Vec::new(),
        };
        let at = i64::from(number) * 10;
        let ended = Ended {
            how: RunEnd::Completed,
            at: Timestamp(at + 5),
            evidence: Some(evidence),
            trouble: None,
            in_vain: false,
        };
        self.attempts.push(Attempt {
            beyond: Default::default(),
            by_hand: None,
            over: None,
            task: "t1".into(),
            number,
            visit: number,
            stage: stage.into(),
            role: Role::Reviewer,
            start: Some(start),
            rework: None,
            requested_at: Timestamp(at),
            stop_requested: false,
            ended: Some(ended),
        });
        self.task.head = Some(head);
        self.task.keys = Some(Keys { code: code.into(), patch: patch.into(), irreversible: false });
        self.task.position = Position::Stage(stage.into());
        self
    }

    fn check(mut self, id: &str, key: CheckKey, outcome: Option<CheckOutcome>) -> Self {
        let at = Timestamp(self.attempts.len() as i64 * 10 + 6);
        self.checks.push(Check {
            beyond: Default::default(),
            id: id.into(),
            repository: "shop".into(),
            task: "t1".into(),
            commit: "c".into(),
            key,
            requested_at: at,
            outcome,
            excerpt: String::new(),
            first_red: None,
            asked_by: None,
            ended_at: Some(at),
        });
        self
    }

    fn told(&self) -> Vec<String> {
        let trail = Trail {
            task: &self.task,
            pipeline: &self.pipeline,
            attempts: &self.attempts,
            checks: &self.checks,
            episodes: &[],
            lane: &self.lane,
        };
        let standing = |standing: &Standing| match standing {
            Standing::Holds => "holds".to_owned(),
            Standing::Void(by) => by.name().to_owned(),
        };
        judgements(&trail)
            .iter()
            .map(|j| format!("{} {}: {}", j.key.kind(), j.key.value(), standing(&j.standing)))
            .collect()
    }
}

const APPROVED: Option<(&str, &str)> = Some(("12-review.md", "---\nverdict: APPROVED\n---\n"));
const PASS: Option<(&str, &str)> = Some(("13-test-report.md", "---\nresult: PASS\n---\n"));

fn code(id: &str) -> CheckKey {
    CheckKey::Code(id.into())
}

fn candidate(id: &str) -> CheckKey {
    CheckKey::Candidate(id.into())
}

const GREEN: Option<CheckOutcome> = Some(CheckOutcome::Passed);

#[test]
fn a_rebase_that_keeps_the_patch_keeps_the_review_and_voids_the_tests() {
    let case = case().attempt("development", "code1", "patch1", None).check("c1", code("code1"), GREEN);
    let case = case.attempt("review", "code1", "patch1", APPROVED);
    assert_eq!(case.told(), ["code code1: holds", "patch patch1: holds"], "the review's own commit voids nothing");
    // The same change on another main, made at the same stage.
    let case = case.attempt("testing", "code2", "patch1", PASS);
    assert_eq!(case.told(), ["code code1: new_code", "patch patch1: holds", "code code2: holds"]);
}

#[test]
fn a_run_that_did_not_become_the_head_voids_nothing() {
    let mut case = case().attempt("development", "code1", "patch1", None).check("c1", code("code1"), GREEN);
    let head = case.task.head.clone();
    case = case.attempt("review", "code2", "patch2", APPROVED);
    case.task.head = head;
    assert_eq!(case.told(), ["code code1: holds", "patch patch2: not_the_branch"]);
}

#[test]
fn the_newest_run_on_a_key_counts_and_a_running_one_is_no_verdict() {
    let case = case().attempt("development", "code1", "patch1", None);
    let red = Some(CheckOutcome::Failed { reason: "exit code 1".to_owned() });
    let case = case.check("c1", code("code1"), red).check("c2", code("code1"), GREEN).check("c3", code("code1"), None);
    assert_eq!(case.told(), ["code code1: superseded", "code code1: holds"]);
}

#[test]
fn a_candidate_counts_as_long_as_it_is_the_one() {
    let place = |state| LaneEntry {
        beyond: Default::default(),
        repository: "shop".into(),
        task: "t1".into(),
        work_item: "SHOP-001".into(),
        line: Line::Landing,
        priority: 0,
        position: 1,
        head: None,
        validates: false,
        reverts: None,
        mends: false,
        state,
    };
    let made = |commit: &str| Candidate { commit: commit.into(), parent: "main".into(), empty: false };
    let mut case = case().attempt("development", "code1", "patch1", None).check("c1", candidate("k1"), GREEN);
    case.lane = vec![place(LaneState::Tested { candidate: made("k1") })];
    assert_eq!(case.told(), ["candidate k1: holds"]);
    case.lane = vec![place(LaneState::Queued)];
    assert_eq!(case.told(), ["candidate k1: new_candidate"]);
    case.lane = vec![place(LaneState::Tested { candidate: made("k2") })];
    assert_eq!(case.told(), ["candidate k1: new_candidate"]);
    case.lane = Vec::new();
    assert_eq!(case.told(), ["candidate k1: sent_back"]);
    case.task.landed = Some("k1".into());
    assert_eq!(case.told(), ["candidate k1: holds"]);
    case.task.landed = Some("k9".into());
    assert_eq!(case.told(), ["candidate k1: new_candidate"]);
}
