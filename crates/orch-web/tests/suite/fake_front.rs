//! A control surface that remembers what it was asked and answers what it was told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use orch_engine::Reconciler;
use orch_engine::control::{
    Answer, ControlError, LaneCommand, LogAsk, LogChunk, NewIssue, OutboxView, Paper, TaskCommand, TaskDetail, TaskName,
};
use orch_ports::forge::Diff;
use orch_ports::outbox::{Message, MessageFilter, MessageId, MessageState};
use orch_ports::store::{BudgetRow, History, QueueView, StoreError, TaskFilter, WorkRow};
use orch_rules::facts::{EntryFacts, LandingFacts, Policy, RepositoryFacts};
use orch_rules::ids::{RepositoryId, Timestamp};
use orch_rules::lane::{Candidate, Freeze, LaneEntry, LaneState, Line, Repository};
use orch_rules::outage::{Outage, Source};
use orch_rules::outbox::target::Health;
use orch_rules::pipeline::{OnRed, Pipeline, Role, Stage, StageKind, Target};
use orch_rules::task::{Position, StopRequest, Task, Wait};
use orch_web::{Front, Guard, router};
use tower::ServiceExt;

pub const TOKEN: &str = "the-token";

/// One call, as `what by key`.
pub type Calls = Arc<Mutex<Vec<String>>>;

#[derive(Default)]
pub struct FakeFront {
    pub calls: Calls,
    pub pending: bool,
    pub not_ready: Option<String>,
    pub policy: Policy,
}

impl FakeFront {
    fn note(&self, call: String) {
        self.calls.lock().unwrap().push(call);
    }
    fn answer(&self) -> Answer {
        Answer { text: "done".to_owned(), pending: self.pending }
    }
}

pub fn task(number: u32, position: Position, waits: Vec<Wait>) -> Task {
    Task {
        id: format!("task-{number}").into(),
        repository: "shop".into(),
        work_item: format!("SHOP-{number:03}").into(),
        title: "Totals are wrong".to_owned(),
        description: "Very.".to_owned(),
        author: "ann".to_owned(),
        branch: format!("feature/SHOP-{number:03}-totals-are-wrong"),
        priority: 0,
        position,
        visit: 1,
        pipeline: "p1".into(),
        base: None,
        head: None,
        keys: None,
        attempt: 1,
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
        waits,
        rule: "launch_agent".to_owned(),
        created_at: Timestamp(0),
        started_at: None,
        entered_at: Timestamp(1500),
        ended_at: None,
        version: 1,
        beyond: Default::default(),
    }
}

pub fn repository() -> Repository {
    Repository {
        id: "shop".into(),
        prefix: "SHOP".to_owned(),
        base_branch: "main".to_owned(),
        serial: true,
        frozen: Some(Freeze { reason: "broken".to_owned(), by: "ann".to_owned(), at: Timestamp(1000) }),
        freeze_epoch: 1,
        paused: false,
        main: Some("aaa".into()),
        lane_fence: 3,
        version: 7,
    }
}

fn entry(number: u32, line: Line, state: LaneState) -> LaneEntry {
    LaneEntry {
        repository: "shop".into(),
        task: format!("task-{number}").into(),
        work_item: format!("SHOP-{number:03}").into(),
        line,
        priority: 0,
        position: i64::from(number),
        head: None,
        validates: false,
        state,
    }
}

fn pipeline() -> Pipeline {
    let stage = |id: &str, next: Target| Stage {
        id: id.into(),
        kind: StageKind::Build,
        role: Some(Role::Developer),
        documents: Vec::new(),
        gates: Vec::new(),
        approval: false,
        confirm: false,
        next,
        on_red: OnRed::Stay,
        cap: None,
        lands: false,
    };
    Pipeline {
        stages: vec![stage("make", Target::Stage("check".into())), stage("check", Target::Done)],
        digest: "p1".into(),
    }
}

/// `SHOP-001`, or `shop/SHOP-001`.
fn named(task: &TaskName) -> String {
    let repository = task.repository.as_ref().map(|id| format!("{id}/")).unwrap_or_default();
    format!("{repository}{}", task.work_item)
}

#[async_trait]
impl Front for FakeFront {
    async fn open_issue(&self, issue: NewIssue, by: &str) -> Result<Task, ControlError> {
        self.note(format!("open {} start={} by {by} key {}", issue.title, issue.start, issue.key));
        if issue.title.is_empty() {
            let problems = vec!["the title is empty".to_owned(), "the description is too short".to_owned()];
            return Err(ControlError::Invalid { problems });
        }
        let mut new = task(7, Position::Backlog, vec![Wait::Backlog]);
        new.title = issue.title;
        Ok(new)
    }
    async fn command(
        &self,
        task: &TaskName,
        command: TaskCommand,
        by: &str,
        key: String,
    ) -> Result<Answer, ControlError> {
        self.note(format!("{} {command:?} by {by} key {key}", named(task)));
        match task.work_item.as_str() {
            "SHOP-404" => Err(ControlError::NotFound {
                what: "there is no task SHOP-404; orch board --all lists them".to_owned(),
            }),
            "SHOP-300" if task.repository.is_none() => Err(ControlError::Ambiguous {
                work_item: task.work_item.clone(),
                repositories: vec!["shop".into(), "web".into()],
            }),
            "SHOP-409" => Err(ControlError::Refused { why: "nothing waits for approval".to_owned() }),
            "SHOP-503" => Err(StoreError::Failed { detail: "busy".to_owned() }.into()),
            _ => Ok(self.answer()),
        }
    }
    async fn lane_command(
        &self,
        repository: &RepositoryId,
        command: LaneCommand,
        by: &str,
        key: String,
    ) -> Result<Answer, ControlError> {
        self.note(format!("{repository} {command:?} by {by} key {key}"));
        Ok(self.answer())
    }
    async fn lift(&self, source: &Source, by: &str) -> Result<Answer, ControlError> {
        self.note(format!("lift {} by {by}", source.key()));
        if source.key() == "credential:other" {
            return Err(ControlError::NotFound {
                what: "nothing is known to be wrong with it; nothing is out".to_owned(),
            });
        }
        Ok(self.answer())
    }
    async fn outbox(&self, filter: &MessageFilter) -> Result<OutboxView, ControlError> {
        self.note(format!("outbox {filter:?}"));
        let health = Health { until: Some(Timestamp(9000)), reason: "away".to_owned(), ..Health::default() };
        Ok(OutboxView { messages: vec![self.message(12).await?], targets: vec![("phone".to_owned(), health)] })
    }
    async fn message(&self, id: MessageId) -> Result<Message, ControlError> {
        if id == 404 {
            return Err(ControlError::NotFound {
                what: "there is no message 404; orch outbox list shows them".to_owned(),
            });
        }
        let notice = serde_json::json!({
            "kind": "done", "at": 1000, "repository": "shop", "text": "it is done", "occasion": "1",
        });
        Ok(Message {
            id,
            target: "phone".to_owned(),
            key: "done:1".to_owned(),
            notice: serde_json::from_value(notice).unwrap(),
            made_at: Timestamp(1000),
            due: Timestamp(2000),
            state: MessageState::Queued,
            tries: 1,
            fence: 1,
            error: Some("away".to_owned()),
            ended_at: None,
        })
    }
    async fn replay_message(&self, id: MessageId) -> Result<Answer, ControlError> {
        self.note(format!("replay {id}"));
        self.message(id).await.map(|_| self.answer())
    }
    async fn drop_message(&self, id: MessageId, by: &str) -> Result<Answer, ControlError> {
        self.note(format!("drop {id} by {by}"));
        if id == 409 {
            return Err(ControlError::Refused { why: "it was sent".to_owned() });
        }
        Ok(self.answer())
    }
    async fn board(&self, filter: &TaskFilter) -> Result<Vec<Task>, ControlError> {
        self.note(format!("board {filter:?}"));
        let mut stopped = task(3, Position::Stage("check".into()), vec![Wait::Stopping]);
        stopped.stop = Some(StopRequest { by: "ann".to_owned(), at: Timestamp(2000) });
        Ok(vec![
            stopped,
            task(2, Position::Entering, vec![Wait::Dependency { on: vec!["SHOP-001".into()] }]),
            task(1, Position::Stage("make".into()), vec![Wait::Agent { attempt: 4 }]),
        ])
    }
    async fn show(&self, name: &TaskName) -> Result<TaskDetail, ControlError> {
        if name.work_item.as_str() == "SHOP-404" {
            return Err(ControlError::NotFound {
                what: "there is no task SHOP-404; orch board --all lists them".to_owned(),
            });
        }
        Ok(TaskDetail {
            task: task(1, Position::Stage("make".into()), vec![Wait::Agent { attempt: 1 }]),
            history: History {
                unknown: Vec::new(),
                attempts: Vec::new(),
                checks: Vec::new(),
                episodes: Vec::new(),
                usage: Vec::new(),
                audit: Vec::new(),
                lane: vec![entry(1, Line::Entry, LaneState::Admitted)],
                work: Vec::new(),
                dependencies: Vec::new(),
            },
            pipeline: pipeline(),
            bring_home: None,
            run: None,
            change: 41,
        })
    }
    async fn queue(&self) -> Result<QueueView, ControlError> {
        let counts =
            [("run_agent", "running", 1), ("run_agent", "queued", 2), ("land", "queued", 1), ("land", "failed", 1)];
        Ok(QueueView {
            counts: counts.map(|(kind, state, count)| (kind.to_owned(), state.to_owned(), count)).into(),
            rows: vec![WorkRow {
                id: 9,
                kind: "land".to_owned(),
                state: "failed".to_owned(),
                task: Some("task-1".into()),
                attempt: 5,
                due: Timestamp(0),
                error: Some("gone".to_owned()),
            }],
            unknown: Vec::new(),
            unknown_rows: Vec::new(),
            budgets: vec![
                BudgetRow { key: "budget:day:20778".to_owned(), most: 20_000_000, spent: 19_500_000, reserved: 0 },
                BudgetRow { key: "budget:task:task-1".to_owned(), most: 5_000_000, spent: 0, reserved: 2_000_000 },
            ],
            outages: vec![Outage {
                reason: "usage limit".to_owned(),
                since: Timestamp(1_000),
                failures: 1,
                until: Some(Timestamp(61_000)),
                named: true,
                ..Outage::none(Source::Credential { name: "main".to_owned() })
            }],
            slots: vec![("runs".to_owned(), 1)],
        })
    }
    fn reconciler(&self) -> Reconciler {
        let last = Some(Timestamp(1_763_000_000_000));
        Reconciler { every: std::time::Duration::from_secs(60), last, unblocked_total: 3 }
    }
    async fn lane(&self, id: &RepositoryId) -> Result<RepositoryFacts, ControlError> {
        if id.as_str() != "shop" {
            return Err(ControlError::NotFound { what: format!("there is no repository {id}") });
        }
        let candidate = Candidate { commit: "ccc".into(), parent: "aaa".into(), empty: false };
        let testing = LaneState::Testing { candidate, check: "c1".into() };
        Ok(RepositoryFacts {
            repository: repository(),
            entry: vec![
                EntryFacts { entry: entry(1, Line::Entry, LaneState::Admitted), ready: true, resting: false },
                EntryFacts { entry: entry(2, Line::Entry, LaneState::Queued), ready: false, resting: false },
            ],
            landing: vec![LandingFacts { entry: entry(3, Line::Landing, testing), resting: true, awaits_human: false }],
            policy: self.policy.clone(),
        })
    }
    async fn repositories(&self) -> Result<Vec<Repository>, ControlError> {
        Ok(vec![repository()])
    }
    async fn reread(&self) -> Result<Answer, ControlError> {
        self.note("reread".to_owned());
        Ok(Answer { text: "served: shop".to_owned(), pending: false })
    }
    async fn accept_base(&self, repository: &RepositoryId, by: &str) -> Result<Answer, ControlError> {
        self.note(format!("accept base {repository} by {by}"));
        Ok(Answer { text: "main is as yours".to_owned(), pending: false })
    }
    async fn papers(&self, task: &TaskName) -> Result<Vec<Paper>, ControlError> {
        self.note(format!("papers {}", named(task)));
        Ok(vec![Paper { path: "docs/work-items/SHOP-001/01-brd.md".to_owned(), text: "# Wanted\n".to_owned() }])
    }
    async fn diff(&self, task: &TaskName, only: Vec<String>) -> Result<Diff, ControlError> {
        self.note(format!("diff {} {only:?}", named(task)));
        Ok(Diff { text: "+new\n".to_owned(), cut: false })
    }
    async fn await_change(&self, seen: u64, patience: Duration) {
        self.note(format!("await {seen} for {patience:?}"));
    }
    async fn log(&self, task: &TaskName, ask: LogAsk) -> Result<LogChunk, ControlError> {
        let LogAsk { attempt, offset, max, readable, patience } = ask;
        self.note(format!("log {} {attempt:?} {offset} {max} readable={readable} {patience:?}", named(task)));
        Ok(LogChunk { run: "SHOP-001-attempt-1".to_owned(), text: "hello\n".to_owned(), next: offset + 6, ended: true })
    }
    async fn ready(&self) -> Result<(), String> {
        self.not_ready.clone().map_or(Ok(()), Err)
    }
}

/// A service over it.
pub fn served(front: FakeFront) -> (Router, Calls) {
    let calls = Arc::clone(&front.calls);
    let guard = Guard::new(TOKEN, "owner").also_host("orch.example:8500").also_origin("https://pages.example");
    (router(Arc::new(front), guard), calls)
}

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub json: serde_json::Value,
}

/// A request as a well-behaved client sends it; `change` makes it another.
pub fn request(method: &str, path: &str, body: &str, change: impl FnOnce(&mut HeaderMap)) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).body(Body::from(body.to_owned())).unwrap();
    let headers = request.headers_mut();
    headers.insert("host", "127.0.0.1:8500".parse().unwrap());
    headers.insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
    if method == "POST" {
        headers.insert("content-type", "application/json".parse().unwrap());
    }
    change(headers);
    request
}

pub async fn send(router: &Router, request: Request<Body>) -> Reply {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let json = serde_json::from_slice(&bytes).unwrap_or(serde_json::Value::Null);
    Reply { status: parts.status, headers: parts.headers, json }
}

pub async fn get(router: &Router, path: &str) -> Reply {
    send(router, request("GET", path, "", |_| {})).await
}

pub async fn post(router: &Router, path: &str, body: &str) -> Reply {
    send(router, request("POST", path, body, |_| {})).await
}
