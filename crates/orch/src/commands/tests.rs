//! What people see, at 80 columns, from fixed answers of the API.

use jiff::Timestamp;
use orch_web::view::{
    AgentSlots, AttemptView, BudgetView, CheckView, DependencyGate, DependencyView, DeployQueue, DeployQueueLine,
    DeploymentView, EpisodeView, FreezeView, HostView, JobCounts, LandingLine, MergeGate, OutageView, PlaceView,
    QueueReport, Reconcile, RepositoryView, RunningAgent, SerialGate, SerialLine, StageView, StopSwitch, StoppingTask,
    TaskDetailView, TaskList, TaskPlaceView, TaskView, TimelineView, UnknownView, UsageView, WaitView, WaitingOnTasks,
    WorkView,
};

use super::{board, queue, show, text};
use crate::screen::Screen;

pub(super) fn plain(columns: &str) -> Screen {
    Screen::of_process(false, &|name| match name {
        "NO_COLOR" => Some("1".to_owned()),
        "COLUMNS" => Some(columns.to_owned()),
        "TZ" => Some("UTC".to_owned()),
        _ => None,
    })
}

pub(super) fn now() -> Timestamp {
    "2026-11-20T23:30:00Z".parse().unwrap()
}

pub(super) fn drawn(lines: &[String], columns: usize) -> String {
    for line in lines.iter().flat_map(|line| line.lines()) {
        assert!(text::width(line) <= columns, "{} columns: {line}", text::width(line));
    }
    lines.join("\n")
}

fn task(id: &str, title: &str, stage: &str, waits: &[(&str, &str)]) -> TaskView {
    TaskView {
        id: id.to_owned(),
        title: title.to_owned(),
        repository: "shop".to_owned(),
        stage: stage.to_owned(),
        ended: matches!(stage, "done" | "cancelled"),
        priority: 0,
        waiting_on: waits
            .iter()
            .map(|(kind, text)| WaitView { kind: (*kind).to_owned(), text: (*text).to_owned(), until: None })
            .collect(),
        rule: "approval_open".to_owned(),
        attempts: 3,
        retries: 1,
        cost_usd: None,
        updated_at: None,
        usage: None,
        branch: format!("feature/{id}-totals-are-wrong"),
        base: Some("0f1e2d3c4b5a69788796a5b4c3d2e1f001122334".to_owned()),
        head: Some("3f2a1b9c0d8e7f6a5b4c3d2e1f00112233445566".to_owned()),
        landed: None,
        author: "ann".to_owned(),
        created_at: "2026-11-18T20:00:00Z".to_owned(),
        started_at: Some("2026-11-18T20:00:00Z".to_owned()),
        entered_at: "2026-11-20T21:20:00Z".to_owned(),
        ended_at: None,
    }
}

fn tasks() -> Vec<TaskView> {
    let approval = "wants your approval; approve it: orch approve SHOP-003, or: orch reject SHOP-003 --reason \"…\"";
    let mut urgent = task(
        "SHOP-010",
        "Séparateurs décimaux",
        "author",
        &[("slot", "every slot for agents is taken (2); starts by itself when one is free")],
    );
    urgent.priority = 5;
    let mut done = task("SHOP-001", "Show the total", "done", &[]);
    done.landed = Some("aa".to_owned());
    done.ended_at = Some("2026-11-19T10:00:00Z".to_owned());
    vec![
        task(
            "SHOP-003",
            "Totals are wrong for baskets that hold more than one currency at the same time",
            "author",
            &[("human", approval)],
        ),
        task(
            "SHOP-004",
            "Add a \u{1b}[31mdark\u{1b}[0m\nmode",
            "backlog",
            &[("backlog", "nobody has started it: orch start SHOP-004")],
        ),
        task(
            "SHOP-005",
            "合計金額が複数の通貨を含むバスケットで正しく計算されない問題を修正してください",
            "build",
            &[("agent", "the agent works (attempt 4); watch it: orch logs SHOP-005 -f")],
        ),
        urgent,
        task(
            "SHOP-1002",
            "Retry the import",
            "build",
            &[("held", "escalated: the tests were red three times; try again: orch retry SHOP-1002")],
        ),
        done,
        task("SHOP-007", "Not wanted any more", "cancelled", &[]),
    ]
}

fn repository(id: &str) -> RepositoryView {
    RepositoryView {
        id: id.to_owned(),
        prefix: id.to_uppercase(),
        base_branch: "main".to_owned(),
        serial: true,
        frozen: None,
        paused: false,
        main: None,
        trouble: None,
    }
}

fn freeze() -> FreezeView {
    FreezeView {
        reason: "production answers with 500 since the last deploy".to_owned(),
        by: "ann".to_owned(),
        at: "2026-11-20T23:00:00Z".to_owned(),
        cause: None,
        fixes: Vec::new(),
        mended: None,
    }
}

fn list() -> TaskList {
    TaskList { tasks: tasks(), stages: vec!["author".to_owned(), "build".to_owned()], ..TaskList::default() }
}

#[test]
fn the_board() {
    let lines = board::lines(&list(), &[repository("shop")], true, &plain("80"), now());
    insta::assert_snapshot!(drawn(&lines, 80));
}

#[test]
fn a_board_that_is_cut_counts_all() {
    let mut list = list();
    list.next = Some("1.t".to_owned());
    list.counts = [("human", 9_000), ("held", 1), ("agent", 2), ("entry", 400)].map(|(k, n)| (k.to_owned(), n)).into();
    let lines = board::lines(&list, &[repository("shop")], false, &plain("80"), now());
    let open = list.tasks.iter().filter(|task| !task.ended).count();
    let said = format!("these are the newest {}; {} more: add --limit NUMBER", list.tasks.len(), 9_403 - open);
    assert!(lines.contains(&said), "{lines:?}");
    assert!(
        lines.iter().any(|line| line.contains("9000 wait for you · 1 stuck · 2 at work · 400 waiting")),
        "{lines:?}"
    );
}

#[test]
fn the_board_of_two_repositories_one_of_them_frozen() {
    let mut shop = repository("shop");
    shop.frozen = Some(freeze());
    let mut few = list();
    few.tasks.truncate(2);
    let lines = board::lines(&few, &[shop, repository("web")], false, &plain("60"), now());
    insta::assert_snapshot!(drawn(&lines, 60));
}

#[test]
fn an_empty_board_says_how_to_begin() {
    let nothing = TaskList::default();
    let known = board::lines(&nothing, &[repository("shop")], false, &plain("80"), now());
    let how = ["Nothing on the board. Open a task: orch new \"What is wanted\"", "What has ended: orch board --all"];
    assert_eq!(known, how);
    let unknown = board::lines(&nothing, &[], false, &plain("80"), now());
    assert_eq!(unknown, ["No repository yet. Begin in one with: orch init"]);
}

fn used(cost: Option<f64>) -> UsageView {
    UsageView {
        runs: 1,
        unknown_runs: u32::from(cost.is_none()),
        input_tokens: Some(45_200),
        cached_tokens: Some(38_000),
        output_tokens: Some(12_100),
        cost_usd: cost,
        models: vec!["anthropic/claude-sonnet-5".to_owned()],
    }
}

pub(super) fn attempt(number: u32, stage: &str, outcome: &str) -> AttemptView {
    AttemptView {
        number,
        stage: stage.to_owned(),
        role: "developer".to_owned(),
        outcome: outcome.to_owned(),
        reason: None,
        commits: Some(1),
        documents: vec!["01-brd.md".to_owned()],
        changed_files: Some(3),
        protected: Vec::new(),
        protected_total: 0,
        weakened: Vec::new(),
        weakened_total: 0,
        level: None,
        limits: Vec::new(),
        usage: Some(used(Some(0.21))),
        requested_at: "2026-11-20T21:00:00Z".to_owned(),
        ended_at: Some("2026-11-20T21:12:30Z".to_owned()),
    }
}

fn check(of: &str, outcome: &str, excerpt: &str) -> CheckView {
    CheckView {
        id: "c1".to_owned(),
        of: of.to_owned(),
        commit: "3f2a1b9c0d8e7f6a5b4c3d2e1f00112233445566".to_owned(),
        outcome: outcome.to_owned(),
        reason: (outcome == "failed").then(|| "exit code 101".to_owned()),
        excerpt: excerpt.to_owned(),
        first_red: None,
        requested_at: "2026-11-20T21:13:00Z".to_owned(),
        ended_at: Some("2026-11-20T21:13:42Z".to_owned()),
    }
}

pub(super) fn detail() -> TaskDetailView {
    let stage = |id: &str| StageView {
        id: id.to_owned(),
        kind: "build".to_owned(),
        role: Some("developer".to_owned()),
        approval: false,
        lands: false,
    };
    let said = |at: &str, by: &str, text: &str| TimelineView {
        at: at.to_owned(),
        by: by.to_owned(),
        actor: by.to_owned(),
        rule: "r".to_owned(),
        text: text.to_owned(),
    };
    let mut running = attempt(3, "build", "running");
    (running.ended_at, running.usage, running.commits) = (None, None, None);
    (running.changed_files, running.documents) = (None, Vec::new());
    let mut failed = attempt(2, "build", "timed_out");
    failed.reason =
        Some("no output for 15 minutes; the process tree was ended after it had been asked to stop".to_owned());
    (failed.usage, failed.commits, failed.changed_files, failed.documents) = (None, Some(0), Some(0), Vec::new());
    let mut view = tasks().remove(0);
    view.usage = Some(UsageView { runs: 2, unknown_runs: 1, ..used(Some(0.21)) });
    TaskDetailView {
        task: view,
        description: "Very.".to_owned(),
        rework: None,
        bring_home: None,
        pipeline: ["author", "design", "build", "review", "check", "land"].map(stage).to_vec(),
        lane: vec![TaskPlaceView {
            line: "landing".to_owned(),
            state: "testing the candidate".to_owned(),
            place: Some(2),
            behind: Some("SHOP-001".to_owned()),
            candidate: Some("cccccccccccccccc".to_owned()),
            cause: None,
        }],
        episodes: vec![EpisodeView {
            id: "e1".to_owned(),
            kind: "questions".to_owned(),
            text: "has questions for you (orch show SHOP-003); when they are answered: orch start SHOP-003".to_owned(),
            about: "3f2a1b9c0d8e7f6a".to_owned(),
            questions: vec![
                "Which rate applies when the bank is closed: that of the day before, or that of the next day?"
                    .to_owned(),
                "Is rounding per line or per basket?".to_owned(),
            ],
            opened_at: "2026-11-20T21:20:00Z".to_owned(),
            answer: None,
        }],
        attempt_list: vec![attempt(1, "author", "completed"), failed, running],
        checks: vec![
            check("head", "passed", ""),
            check(
                "candidate",
                "failed",
                "running 2 tests\n\ttest totals::mixed ... \u{1b}[31mFAILED\u{1b}[0m\nassertion `left == right` failed: a very long line that goes on and on beyond the edge\n",
            ),
        ],
        verdicts: Vec::new(),
        findings: Vec::new(),
        dependencies: vec![
            DependencyView { id: "SHOP-001".to_owned(), ended: true },
            DependencyView { id: "SHOP-002".to_owned(), ended: false },
        ],
        unknown: Vec::new(),
        work: vec![WorkView {
            row: 9,
            kind: "publish_branch".to_owned(),
            state: "failed".to_owned(),
            tries: 5,
            due_at: "2026-11-20T21:20:00Z".to_owned(),
            error: Some("the forge does not answer".to_owned()),
        }],
        timeline: vec![
            said("2026-11-18T20:00:00Z", "ann", "opened the task"),
            said(
                "2026-11-20T21:12:30Z",
                "orch",
                "went back to build because the tests on top of trunk are red, with the failing part",
            ),
        ],
        forecast: None,
        change: 0,
    }
}

#[test]
fn a_task() {
    insta::assert_snapshot!(drawn(&show::lines(&detail(), false, &plain("80"), now()), 80));
}

/// The lines about the newest run: how it is kept, and what it used so far. Unknown never looks like zero.
#[test]
fn a_run_tells_how_it_is_kept_and_what_it_used_so_far() {
    let limits = [
        "at most 512 processes and 4 GB of memory",
        "no limit of memory: this host gives no cgroup; run orch up under systemd, or as a user it lends one to",
    ];
    let counted = UsageView { unknown_runs: 1, cost_usd: None, models: Vec::new(), ..used(None) };
    let mut told = Vec::new();
    for (outcome, level, sum) in [
        ("running", "L3", Some(used(Some(0.21)))),
        ("running", "L2", Some(counted)),
        ("running", "L0", None),
        ("running", "L2", Some(UsageView { runs: 1, unknown_runs: 1, ..UsageView::default() })),
        ("timed_out", "L2", Some(used(Some(0.21)))),
    ] {
        let mut detail = detail();
        let newest = detail.attempt_list.last_mut().unwrap();
        (newest.outcome, newest.level, newest.usage) = (outcome.to_owned(), Some(level.to_owned()), sum);
        newest.limits = limits.map(str::to_owned).to_vec();
        let lines = show::lines(&detail, false, &plain("80"), now());
        let run =
            lines.iter().skip_while(|line| !line.starts_with("  run ")).take_while(|line| !line.contains("opened"));
        told.push(drawn(&run.cloned().collect::<Vec<_>>(), 80));
    }
    insta::assert_snapshot!(told.join("\n\n"));
}

#[test]
fn a_landed_task_tells_how_to_bring_it_home() {
    let mut landed = detail();
    landed.task = tasks().remove(5);
    landed.task.usage = Some(UsageView { runs: 1, unknown_runs: 1, ..UsageView::default() });
    landed.bring_home = Some("git pull orch main".to_owned());
    (landed.episodes, landed.checks, landed.work, landed.lane) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    (landed.attempt_list, landed.dependencies) = (Vec::new(), Vec::new());
    landed.timeline = (0..20).map(|_| landed.timeline[0].clone()).collect();
    insta::assert_snapshot!(drawn(&show::lines(&landed, false, &plain("80"), now()), 80));
}

pub(super) fn report() -> QueueReport {
    let place = |id: &str, place: u32, state: &str| PlaceView {
        id: id.to_owned(),
        place,
        state: state.to_owned(),
        priority: 0,
        resting: place == 2,
        ready: None,
        candidate: (place == 1).then(|| "cccccccccccccccc".to_owned()),
        cause: None,
    };
    let serial = |repository: &str, frozen: Option<FreezeView>, waiting: &[&str]| SerialLine {
        repository: repository.to_owned(),
        serial: frozen.is_some(),
        frozen,
        paused: false,
        trouble: None,
        admitted: waiting.iter().take(1).map(|&id| id.to_owned()).collect(),
        more_admitted: 0,
        more_waiting: 0,
        waiting: waiting.iter().skip(1).map(|&id| id.to_owned()).collect(),
    };
    let landing = |repository: &str, line: Vec<PlaceView>| LandingLine {
        more: 0,
        repository: repository.to_owned(),
        base_branch: "trunk".to_owned(),
        main: Some("0f1e2d3c4b5a69788796a5b4c3d2e1f001122334".to_owned()),
        line,
    };
    QueueReport {
        trackers: Vec::new(),
        jobs: JobCounts { queued: 3, running: 1, failed: 1, cancelled: 0 },
        counts: std::collections::BTreeMap::new(),
        running_agents: vec![RunningAgent {
            id: "SHOP-005".to_owned(),
            repository: "shop".to_owned(),
            stage: "build".to_owned(),
            attempt: 4,
            entered_at: "2026-11-20T21:20:00Z".to_owned(),
        }],
        agent_slots: AgentSlots { used: 1, max: Some(2) },
        failed: detail().work,
        unknown_rows: vec![UnknownView { part: "the outage forge:shop".to_owned(), text: "{}".to_owned() }],
        unknown: vec![WorkView {
            kind: "observe".to_owned(),
            state: "queued".to_owned(),
            error: Some("this release does not know work of the kind `observe`".to_owned()),
            ..detail().work.remove(0)
        }],
        budgets: vec![BudgetView {
            of: "this host today".to_owned(),
            most: "$20.00".to_owned(),
            spent: "$19.50".to_owned(),
            reserved: "$0.00".to_owned(),
        }],
        outages: vec![OutageView {
            kind: "credential".to_owned(),
            name: "anthropic".to_owned(),
            reason: "usage limit reached".to_owned(),
            since: "2026-11-20T23:00:00Z".to_owned(),
            failures: 2,
            until: "2026-11-21T04:00:00Z".to_owned(),
            named: true,
            tried_by: None,
            waiting: vec!["SHOP-005".to_owned(), "SHOP-006".to_owned()],
            lift: "orch resume --credential anthropic".to_owned(),
        }],
        hosts: [("mill", true), ("barn", false)]
            .map(|(name, here)| HostView {
                id: name.to_owned(),
                name: name.to_owned(),
                release: "0.1.0".to_owned(),
                here,
                alive: here,
                silent_since: (!here).then(|| "2026-11-20T23:20:00Z".to_owned()),
                runs: 1,
                max_runs: 2,
            })
            .into(),
        reconcile: Reconcile {
            enabled: true,
            every_seconds: 60,
            last_at: Some("2026-11-20T23:29:48Z".to_owned()),
            unblocked_total: 1,
        },
        serial_gate: SerialGate {
            enabled: true,
            why: None,
            repositories: vec![
                serial("shop", Some(freeze()), &["SHOP-003", "SHOP-005", "SHOP-006"]),
                serial("web", None, &[]),
            ],
        },
        stop: StopSwitch {
            enabled: true,
            why: None,
            stopping: vec![StoppingTask {
                id: "SHOP-008".to_owned(),
                by: "ann".to_owned(),
                at: "2026-11-20T23:29:30Z".to_owned(),
            }],
        },
        task_deps: DependencyGate {
            more: 0,
            enabled: false,
            why: Some("switched off in the settings (ORCH_TASK_DEPS_ENABLED)".to_owned()),
            waiting: vec![WaitingOnTasks {
                id: "SHOP-009".to_owned(),
                on: vec!["SHOP-003".to_owned(), "SHOP-005".to_owned()],
            }],
        },
        merge_gate: MergeGate {
            enabled: true,
            repositories: vec![
                landing("shop", vec![place("SHOP-002", 1, "testing the candidate"), place("SHOP-004", 2, "queued")]),
                landing("web", Vec::new()),
            ],
        },
        deploy: DeployQueue {
            enabled: true,
            why: None,
            targets: vec![
                DeployQueueLine { name: "web".to_owned(), held_by: Some(deployment("unknown")), queued: 2 },
                DeployQueueLine { name: "docs".to_owned(), held_by: None, queued: 0 },
            ],
        },
    }
}

fn deployment(state: &str) -> DeploymentView {
    let one = serde_json::json!({
        "id": "d1", "repository": "shop", "target": "web", "work_item": "SHOP-001", "why": "change", "candidate": "1",
        "revision": "1", "state": state, "infra": false,
    });
    serde_json::from_value(one).unwrap()
}

#[test]
fn the_queue() {
    insta::assert_snapshot!(drawn(&queue::lines(&report(), &plain("80"), now()), 80));
}
