//! Rows to test with.

use orch_ports::store::{Claim, Finish, Finished, Job, StoreResult, Work};
use orch_rules::attempt::{Attempt, Ended, RunEnd};
use orch_rules::change::{AuditLine, Change, ChangeSet, Guard};
use orch_rules::check::{Check, CheckKey};
use orch_rules::effect::Effect;
use orch_rules::episode::{Episode, EpisodeKind};
use orch_rules::ids::Timestamp;
use orch_rules::lane::{LaneEntry, LaneState, Line, Repository};
use orch_rules::pipeline::{Pipeline, Role};
use orch_rules::task::{Position, Task};

use crate::harness::AsStore;

pub fn repository(id: &str) -> Repository {
    Repository {
        id: id.into(),
        prefix: "SHOP".into(),
        base_branch: "main".into(),
        serial: false,
        frozen: None,
        freeze_epoch: 0,
        paused: false,
        main: None,
        lane_fence: 0,
        version: 0,
    }
}

pub fn pipeline() -> Pipeline {
    Pipeline { stages: vec![], digest: "digest".into() }
}

/// Task `id` with work item `SHOP-<number>`, made at that many milliseconds.
pub fn task(id: &str, number: u32) -> Task {
    Task {
        id: id.into(),
        repository: "shop".into(),
        work_item: format!("SHOP-{number:03}").into(),
        title: "A title".into(),
        description: "Some \"text\" — with\nlines and \u{0}".into(),
        author: "ann".into(),
        branch: format!("feature/SHOP-{number:03}-a"),
        priority: 0,
        position: Position::Stage("development".into()),
        visit: 1,
        pipeline: "digest".into(),
        base: None,
        head: None,
        keys: None,
        attempt: 0,
        retries: 0,
        rework: None,
        claims: Vec::new(),
        convergence: orch_rules::convergence::Convergence::default(),
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
        waits: vec![],
        rule: String::new(),
        created_at: Timestamp(number.into()),
        started_at: None,
        entered_at: Timestamp(1),
        ended_at: None,
        version: 0,
        beyond: Default::default(),
    }
}

pub fn attempt(task: &str, number: u32) -> Attempt {
    Attempt {
        beyond: Default::default(),
        task: task.into(),
        number,
        visit: 1,
        stage: "development".into(),
        role: Role::Developer,
        start: None,
        rework: None,
        requested_at: Timestamp(1),
        stop_requested: false,
        by_hand: None,
        over: None,
        ended: None,
    }
}

pub fn ended(task: &str, number: u32, how: RunEnd) -> Attempt {
    Attempt {
        ended: Some(Ended { how, at: Timestamp(2), evidence: None, trouble: None, in_vain: false }),
        ..attempt(task, number)
    }
}

pub fn check(id: &str, task: &str, key: CheckKey) -> Check {
    Check {
        beyond: Default::default(),
        id: id.into(),
        repository: "shop".into(),
        task: task.into(),
        commit: "c0".into(),
        key,
        requested_at: Timestamp(1),
        outcome: None,
        excerpt: String::new(),
        first_red: None,
        asked_by: None,
        ended_at: None,
    }
}

pub fn episode(id: &str, task: &str, visit: u32) -> Episode {
    Episode {
        beyond: Default::default(),
        id: id.into(),
        task: task.into(),
        kind: EpisodeKind::Approval,
        visit,
        about: "patch".into(),
        questions: vec![],
        status_at_opening: None,
        opened_at: Timestamp(visit.into()),
        asked_again: false,
        answer: None,
    }
}

pub fn entry(task: &str, line: Line, position: i64, state: LaneState) -> LaneEntry {
    LaneEntry {
        beyond: Default::default(),
        repository: "shop".into(),
        task: task.into(),
        work_item: format!("item of {task}").into(),
        line,
        priority: 0,
        position,
        head: None,
        validates: false,
        reverts: None,
        mends: false,
        state,
    }
}

pub fn line(text: &str) -> Change {
    Change::Audit {
        line: AuditLine {
            task: None,
            repository: "shop".into(),
            at: Timestamp(1),
            by: "orch".into(),
            rule: "test".into(),
            text: text.into(),
        },
    }
}

/// The effect with ordering key `branch:<task>:<branch>`.
pub fn publish(task: &str, branch: &str) -> Change {
    Change::Perform {
        effect: Effect::PublishBranch { task: task.into(), branch: branch.into(), head: "h".into(), was: None },
        due: Timestamp(0),
    }
}

/// An effect of another kind.
pub fn run_agent(task: &str, attempt: u32) -> Change {
    Change::Perform { effect: Effect::RunAgent { task: task.into(), attempt }, due: Timestamp(0) }
}

pub fn wake(task: &str) -> Change {
    Change::Wake { task: task.into() }
}

pub fn set(guards: Vec<Guard>, changes: Vec<Change>) -> ChangeSet {
    ChangeSet { guards, changes }
}

pub fn version(task: &str, version: i64) -> Guard {
    Guard::Version { task: task.into(), version }
}

pub fn done(work: &Work) -> Option<Finish> {
    how(work, Finished::Done { answer: None })
}

pub fn how(work: &Work, how: Finished) -> Option<Finish> {
    Some(Finish { work: work.id, fence: work.fence, how })
}

/// Every kind that this release knows.
pub fn kinds() -> Vec<&'static str> {
    Job::kinds().collect()
}

pub async fn claim<S: AsStore + ?Sized>(store: &S, limit: u32) -> Vec<Work> {
    claim_as(store, "me", limit).await
}

pub async fn claim_as<S: AsStore + ?Sized>(store: &S, owner: &str, limit: u32) -> Vec<Work> {
    store.as_store().claim(Claim { owner: owner.into(), incarnation: i64::MAX, limit, kinds: kinds() }).await.unwrap()
}

pub async fn write<S: AsStore + ?Sized>(store: &S, changes: Vec<Change>) -> StoreResult<()> {
    store.as_store().apply(set(vec![], changes), None).await.map(drop)
}

/// A repository `shop`, its pipeline, and tasks with these ids and numbers 1, 2, …
pub async fn shop<S: AsStore + ?Sized>(store: &S, tasks: &[&str]) {
    store.as_store().register(&repository("shop")).await.unwrap();
    store.as_store().keep_pipeline(&pipeline()).await.unwrap();
    for (id, number) in tasks.iter().zip(1..) {
        write(store, vec![Change::InsertTask { task: task(id, number) }]).await.unwrap();
    }
}
