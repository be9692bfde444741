//! The queue at a glance (C5).

use orch_engine::Reconciler;
use orch_engine::control::Control;
use orch_ports::hosts::HostRow;
use orch_ports::lists::{LineFronts, ListedTask};
use orch_ports::store::{BudgetRow, QueueView, WorkRow};
use orch_rules::change::{Change, ChangeSet, Guard};
use orch_rules::facts::{EntryFacts, LandingFacts, Policy, RepositoryFacts};
use orch_rules::ids::Timestamp;
use orch_rules::lane::{Candidate, Freeze, LaneEntry, LaneState, Line, Repository};
use orch_rules::outage::{Outage, Source};
use orch_rules::task::{Position, StopRequest, Wait};
use orch_stories::world::{World, eventually};
use orch_testkit::fake::Step;
use orch_web::view::{QueueReport, QueueSources};

use crate::fixtures::task;
use crate::served::{Served, get, of};

fn repository() -> Repository {
    Repository {
        id: "shop".into(),
        prefix: "SHOP".to_owned(),
        base_branch: "main".to_owned(),
        serial: true,
        frozen: Some(Freeze {
            reason: "broken".to_owned(),
            by: "ann".into(),
            at: Timestamp(1000),
            cause: None,
            fixes: Vec::new(),
            mended: None,
        }),
        freeze_epoch: 1,
        paused: false,
        main: Some("aaa".into()),
        lane_fence: 3,
        version: 7,
    }
}

fn entry(number: u32, line: Line, state: LaneState) -> LaneEntry {
    LaneEntry {
        beyond: Default::default(),
        repository: "shop".into(),
        task: format!("task-{number}").into(),
        work_item: format!("SHOP-{number:03}").into(),
        line,
        priority: 0,
        position: i64::from(number),
        head: None,
        validates: false,
        reverts: None,
        mends: false,
        state,
    }
}

fn tasks() -> Vec<ListedTask> {
    let mut stopped = task(3, Position::Stage("check".into()), vec![Wait::Stopping]);
    stopped.stop = Some(StopRequest { by: "ann".into(), at: Timestamp(2000) });
    let tasks = [
        stopped,
        task(2, Position::Entering, vec![Wait::Dependency { on: vec!["SHOP-001".into()] }]),
        task(1, Position::Stage("make".into()), vec![Wait::Agent { attempt: 4 }]),
    ];
    tasks.iter().map(ListedTask::from).collect()
}

fn queue() -> QueueView {
    let counts =
        [("run_agent", "running", 1), ("run_agent", "queued", 2), ("land", "queued", 1), ("land", "failed", 1)];
    QueueView {
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
    }
}

fn lane() -> LineFronts {
    let candidate = Candidate { commit: "ccc".into(), parent: "aaa".into(), empty: false };
    let testing = LaneState::Testing { candidate, check: "c1".into() };
    let facts = RepositoryFacts {
        repository: repository(),
        entry: vec![
            EntryFacts { entry: entry(1, Line::Entry, LaneState::Admitted), ready: true, resting: false },
            EntryFacts { entry: entry(2, Line::Entry, LaneState::Queued), ready: false, resting: false },
        ],
        landing: vec![LandingFacts { entry: entry(3, Line::Landing, testing), resting: true, awaits_human: false }],
        policy: Policy::default(),
    };
    LineFronts { facts, admitted: 1, waiting: 11, landing: 3 }
}

#[test]
fn the_queue_has_every_key_with_real_figures() {
    let last = Some(Timestamp(1_763_000_000_000));
    let reconciler = Reconciler { every: std::time::Duration::from_secs(60), enabled: true, last, unblocked_total: 3 };
    let (queue, lanes, tasks) = (queue(), [lane()], tasks());
    let host = |id: &str, alive: bool| HostRow {
        id: id.into(),
        incarnation: 1,
        name: format!("machine {id}"),
        release: "1.2.3".to_owned(),
        max_runs: 2,
        lease_until: Timestamp(1_763_000_000_000),
        alive,
        runs: 1,
    };
    let (here, hosts) = ("one".into(), [host("one", true), host("two", false)]);
    let hosts = (&here, hosts.as_slice());
    let sources = QueueSources {
        queue: &queue,
        lanes: &lanes,
        tasks: &tasks,
        dependent: 3,
        hosts,
        reconciler: &reconciler,
        trackers: &[],
        deploys: &[],
    };
    let json = serde_json::to_value(QueueReport::from(sources)).unwrap();
    insta::assert_json_snapshot!(json);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_of_a_service_reads_back() {
    let mut world = World::new().await;
    world.policy.max_runs = 1;
    world.when(|act| act.is("developer").then(|| (String::new(), Step::Hangs)));
    let process = world.start("p1");
    let router = of(&process);
    for title in ["Add up", "Take away"] {
        process.issue(title).await;
    }
    tokio::task::block_in_place(|| world.runner.until_hanging(|_| true));
    let works = async || {
        let json = get(&router, "/queue").await.json;
        (json["running_agents"][0]["id"] == "S-001").then_some(json)
    };
    let json = eventually("it says that the agent works", works).await;
    assert_eq!(json["agent_slots"], serde_json::json!({"max": 1, "used": 1}));
    assert_eq!(json["serial_gate"]["repositories"][0]["repository"], "shop");
    let read: QueueReport = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), json);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_lifted_by_its_name() {
    let service = Served::new().await;
    let outage = Outage {
        reason: "usage limit".to_owned(),
        failures: 1,
        until: Some(Timestamp(i64::MAX)),
        named: true,
        ..Outage::none(Source::Credential { name: "main".to_owned() })
    };
    let guard = Guard::OutageVersion { key: outage.source.key(), version: outage.version };
    let changes = ChangeSet { guards: vec![guard], changes: vec![Change::PutOutage { outage }] };
    service.world.store.apply(changes, None).await.unwrap();
    let path = "/api/v1/outages/lift";
    assert_eq!(service.post(path, r#"{"credential": "other"}"#).await.status, 404);
    assert_eq!(service.post(path, r#"{"wallet": "main"}"#).await.status, 400);
    assert_eq!(service.get("/queue").await.json["outages"][0]["name"], "main");
    let reply = service.post(path, r#"{"credential": "main"}"#).await;
    assert_eq!((reply.status.as_u16(), reply.json["text"].as_str()), (200, Some("lifted: what waited for it starts")));
    assert_eq!(service.get("/queue").await.json["outages"], serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_that_is_off_is_said_in_words() {
    let mut world = World::new().await;
    world.policy = Policy { serial: false, stop: false, dependencies: false, ..Policy::default() };
    let service = Served::over(world, Control::alone);
    let queue = service.get("/queue").await.json;
    for (key, variable) in [
        ("serial_gate", "ORCH_SERIAL_GATE_ENABLED"),
        ("stop", "ORCH_STOP_STATUS_ENABLED"),
        ("task_deps", "ORCH_TASK_DEPS_ENABLED"),
    ] {
        assert_eq!(queue[key]["enabled"], false, "{key}");
        assert!(queue[key]["why"].as_str().unwrap().contains(variable), "{key}");
    }
}
