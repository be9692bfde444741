//! A task with an attempt that has just ended, changed step by step.

use std::sync::Arc;

use crate::attempt::{Attempt, Ended, Evidence, ProtectedPaths, RunEnd};
use crate::check::{Check, CheckKey, CheckOutcome};
use crate::facts::{Dependencies, Policy, TaskFacts};
use crate::gate::{GateResult, Outcome, evaluate};
use crate::ids::{CodeId, StageId, Timestamp};
use crate::lane::{Candidate, LaneEntry, LaneState, Line, Repository};
use crate::pipeline::{GateName, Pipeline, Role, default_pipeline, default_with_deploy};
use crate::task::{Keys, Position, Task};
use crate::verdict::read_document;

/// A task in a stage whose agent has just ended.
pub(super) struct Case {
    pub facts: TaskFacts,
}

pub(super) fn at(stage: &str) -> Case {
    in_line(if stage.starts_with("deploy") { default_with_deploy() } else { default_pipeline() }, stage)
}

pub(super) fn in_line(pipeline: Pipeline, stage: &str) -> Case {
    let stage = pipeline.stage(&StageId::from(stage)).expect("a stage of the line").clone();
    let task = Task {
        id: "t1".into(),
        repository: "shop".into(),
        work_item: "SHOP-001".into(),
        title: "Add a cart".to_owned(),
        description: String::new(),
        author: "ann".into(),
        branch: "feature/SHOP-001-add-a-cart".to_owned(),
        priority: 0,
        position: Position::Stage(stage.id.clone()),
        visit: 4,
        pipeline: pipeline.digest.clone(),
        base: Some("base".into()),
        head: Some("head".into()),
        keys: Some(Keys { code: "code".into(), patch: "patch".into(), irreversible: false }),
        attempt: 7,
        retries: 0,
        rework: None,
        claims: Vec::new(),
        convergence: crate::convergence::Convergence::default(),
        hold: None,
        paused: false,
        hands: None,
        branch_seen: None,
        replay_since: None,
        unlisted: false,
        stop: None,
        landed: None,
        brought: Vec::new(),
        deployment: None,
        waits: Vec::new(),
        rule: String::new(),
        created_at: Timestamp(0),
        started_at: Some(Timestamp(0)),
        entered_at: Timestamp(0),
        ended_at: None,
        version: 1,
        beyond: Default::default(),
    };
    let evidence = Evidence {
        irreversible: false,
        start: "start".into(),
        head: "head".into(),
        base: "base".into(),
        code: "code".into(),
        patch: "patch".into(),
        commits: 1,
        documents: Vec::new(),
        changed: Vec::new(),
        changed_total: 0,
        protected: Some(ProtectedPaths::default()),
        weakened: Vec::new(),
        weakened_total: 0,
        level: None,
        settings: Vec::new(),
        patch_total: None,
        left_out: Vec::new(),
        refused: Vec::new(),
    };
    let attempt = Attempt {
        beyond: Default::default(),
        task: "t1".into(),
        number: 7,
        visit: 4,
        stage: stage.id.clone(),
        role: stage.role.unwrap_or(Role::Developer),
        start: Some("start".into()),
        rework: None,
        requested_at: Timestamp(0),
        stop_requested: false,
        by_hand: None,
        over: None,
        ended: Some(Ended {
            how: RunEnd::Completed,
            at: Timestamp(1),
            evidence: Some(evidence),
            trouble: None,
            in_vain: false,
        }),
    };
    let repository = Repository {
        id: "shop".into(),
        prefix: "SHOP".to_owned(),
        base_branch: "main".to_owned(),
        serial: false,
        frozen: None,
        freeze_epoch: 0,
        paused: false,
        main: Some("main-tip".into()),
        lane_fence: 0,
        version: 1,
    };
    Case {
        facts: TaskFacts {
            unknown: Vec::new(),
            task,
            pipeline: Arc::new(pipeline),
            repository,
            attempt: Some(attempt),
            lost_in_visit: 0,
            checks: Vec::new(),
            episodes: Vec::new(),
            dependencies: Dependencies::Known { open: Vec::new(), cycle: None, cancelled: Vec::new() },
            lane: Vec::new(),
            ahead: Vec::new(),
            entry_ahead: Vec::new(),
            outages: Vec::new(),
            policy: Policy::default(),
        },
    }
}

impl Case {
    pub(super) fn with(mut self, change: impl FnOnce(&mut TaskFacts)) -> Self {
        change(&mut self.facts);
        self
    }
    pub(super) fn attempt(self, change: impl FnOnce(&mut Attempt)) -> Self {
        self.with(|facts| change(facts.attempt.as_mut().expect("a case has an attempt")))
    }
    pub(super) fn evidence(self, change: impl FnOnce(&mut Evidence)) -> Self {
        self.attempt(|attempt| {
            let ended = attempt.ended.as_mut().expect("a case has ended");
            change(ended.evidence.as_mut().expect("a case has evidence"));
        })
    }
    pub(super) fn wrote(self, path: &str, text: &str) -> Self {
        self.evidence(|evidence| evidence.documents.push(read_document(path, text.as_bytes())))
    }
    pub(super) fn changed(self, paths: &[&str]) -> Self {
        self.evidence(|evidence| {
            evidence.changed = paths.iter().map(|path| (*path).to_owned()).collect();
            evidence.changed_total = paths.len() as u32;
        })
    }
    pub(super) fn check(self, key: CheckKey, outcome: Option<CheckOutcome>, excerpt: &str) -> Self {
        self.with(|facts| {
            facts.checks.push(Check {
                beyond: Default::default(),
                id: "c1".into(),
                repository: "shop".into(),
                task: "t1".into(),
                commit: "head".into(),
                key,
                requested_at: Timestamp(0),
                outcome,
                excerpt: excerpt.to_owned(),
                first_red: None,
                asked_by: None,
                ended_at: None,
            });
        })
    }
    pub(super) fn green(self) -> Self {
        self.check(code("code"), Some(CheckOutcome::Passed), "")
    }
    pub(super) fn landing(self, state: LaneState) -> Self {
        self.with(|facts| {
            facts.lane.push(LaneEntry {
                beyond: Default::default(),
                repository: "shop".into(),
                task: "t1".into(),
                work_item: "SHOP-001".into(),
                line: Line::Landing,
                priority: 0,
                position: 1,
                head: Some("head".into()),
                validates: false,
                reverts: None,
                mends: false,
                state,
            });
        })
    }
    #[track_caller]
    pub(super) fn says(&self, gate: GateName, outcome: Outcome, part: &str) -> GateResult {
        let result = evaluate(gate, &self.facts);
        assert_eq!(result.gate, gate);
        assert_eq!(result.outcome, outcome, "{result:?}");
        assert!(result.reason.contains(part), "{part:?} is not in {:?}", result.reason);
        assert_eq!(!result.must_fix.is_empty(), outcome == Outcome::Fail, "must-fix goes with red alone: {result:?}");
        assert!(result.wants.is_none() || outcome == Outcome::Pending, "{result:?}");
        result
    }
}

pub(super) fn code(id: &str) -> CheckKey {
    CheckKey::Code(CodeId::from(id))
}

pub(super) fn candidate() -> Candidate {
    Candidate { commit: "cand".into(), parent: "main-tip".into(), empty: false }
}
