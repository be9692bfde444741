//! The base branch is an observation: what people ask is stored, and decided from what was seen, however git is doing.

use std::time::Duration;

use orch_engine::control::{Answer, Control, ControlError, Opened, TaskCommand};
use orch_ports::lists::TaskFilter;
use orch_rules::decide::intake::{Intake, intake};
use orch_rules::episode::EpisodeKind;
use orch_rules::facts::Policy;
use orch_rules::outage::Source;
use orch_rules::pipeline::default_pipeline;
use orch_rules::rights::Acting;
use orch_rules::task::{Position, Task, Wait};
use orch_testkit::fake::{Fault, Side};

use crate::world::{Process, World, eventually, issue, repository};

const SETTINGS: &str = ".orch/orch.toml";
pub const ASKING: &str = "[[stage]]\nid = \"think\"\nkind = \"author\"\nrole = \"analyst\"\ndocuments = [\"01-brd.md\"]
gates = [\"check_document_written\"]\napproval = true\non_red = \"stay\"\n
[[stage]]\nid = \"make\"\nkind = \"build\"\nrole = \"developer\"\non_red = \"make\"\ncap = 3\n
[[stage]]\nid = \"in\"\nkind = \"land\"\non_red = \"make\"\ncap = 3\nlands = true\nnext = \"done\"\n";

fn people(names: &str) -> String {
    format!("[check]\ncommand = \"test\"\n[people]\napprove = [{names}]\n")
}

async fn told(process: &Process, task: &Task, command: TaskCommand, by: &str) -> Result<Answer, ControlError> {
    let key = format!("{command:?} {by} {:?}", std::time::Instant::now());
    process.control.command(&task.work_item, command, by, key).await
}

async fn refused(process: &Process, task: &Task, by: &str) -> String {
    match told(process, task, TaskCommand::Approve, by).await {
        Err(ControlError::Refused { why }) => why,
        other => panic!("it was not refused: {other:?}"),
    }
}

async fn asked(world: &World, process: &Process) -> Task {
    let task = process.issue("Add up").await;
    let asks = |task: &Task| task.waits.contains(&Wait::Human { asked: EpisodeKind::Approval });
    world.until("it wants approval", &task.id, asks).await
}

/// A task in the backlog, of a database that nobody has looked from.
async fn of_an_older_release(world: &World) -> Task {
    let pipeline = default_pipeline();
    world.store.keep_pipeline(&pipeline).await.unwrap();
    let order = Intake {
        task: "old".into(),
        title: "Add up".to_owned(),
        description: "what is wanted".to_owned(),
        author: Acting::unknown("Uma".into()),
        priority: 0,
        start: false,
        issue_key: "old".to_owned(),
        depends_on: Vec::new(),
        pipeline: pipeline.digest,
        variant: None,
        authors: Vec::new(),
        number: 7,
        disambiguate: false,
    };
    let (row, now) = (world.store.repositories().await.unwrap().remove(0), world.store.now().await.unwrap());
    let (task, changes) = intake(&order, &row, &Policy::default(), now);
    world.store.apply(changes, None).await.unwrap();
    task
}

fn waits_for_it(task: &Task) -> bool {
    let source = Source::Repository { name: repository().to_string() };
    task.waits.iter().any(|wait| matches!(wait, Wait::Outage { source: of, .. } if *of == source))
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_checkout_away_start_and_new_are_accepted_and_wait() {
    let mut world = World::new().await;
    world.limits.look_at_trouble = Duration::from_millis(20);
    let process = world.start("p1");
    process.swept().await;
    world.forge.moved_away(Some("it is not there any more"));
    let new = process.issue("Add up").await;
    let rests = process.backlog("Take away").await;
    let answer = told(&process, &rests, TaskCommand::Start, "Uma").await.unwrap();
    assert!(!answer.pending, "{answer:?}");
    for task in [new.clone(), rests.clone()] {
        let shown = eventually("it waits for the repository", async || {
            Some(process.control.show(&task).await.unwrap().task).filter(waits_for_it)
        })
        .await;
        assert_ne!(shown.position, Position::Backlog);
    }
    world.forge.moved_away(None);
    for task in [&new, &rests] {
        world.until_done(task).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_seen_waits_with_a_reason_and_goes_on_by_itself() {
    let mut world = World::new().await;
    world.limits.look_at_trouble = Duration::from_millis(20);
    let task = of_an_older_release(&world).await;
    world.forge.moved_away(Some("it is not there any more"));
    let (engine, store, forge, _) = world.wire("p1");
    for _ in 0..10_000 {
        forge.faults.fail_next("known_base", Fault::Lasting("nothing is left of it".to_owned()));
    }
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let loops = tokio::spawn(engine.clone().run(stopped));
    let process = Process {
        control: Control::of(engine),
        store,
        forge,
        runner: world.runner.handle(),
        stop,
        loops,
        listens: None,
    };
    process.swept().await;
    let answer = told(&process, &task, TaskCommand::Start, "Uma").await.unwrap();
    assert!(answer.pending && answer.text.contains("it is not there any more"), "{answer:?}");
    let filed = process.control.open_issue(issue("Take away", false), "Uma").await.unwrap();
    let Opened::Stored { text, .. } = filed else { panic!("it is a task without a look: {filed:?}") };
    assert!(text.contains("it is not there any more"), "{text}");
    // What needs no look does not stand behind what waits for one.
    let priority = TaskCommand::SetPriority { priority: 3 };
    assert!(!told(&process, &task, priority, "Uma").await.unwrap().pending);
    process.kill().await;
    // It is stored: whoever comes next knows.
    let _next = world.start("p2");
    world.forge.moved_away(None);
    world.until("it was started", &task.id, |task| task.position != Position::Backlog).await;
    eventually("the issue is a task", async || {
        let tasks = world.store.task_page(&TaskFilter::default()).await.unwrap().tasks;
        tasks.into_iter().find(|task| task.shown.title == "Take away")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_broken_on_main_while_an_approval_comes_approve_nothing() {
    let named = people("\"Uma\"");
    let world = World::with(&[(".orch/pipeline.toml", ASKING), (SETTINGS, &named)]).await;
    let process = world.start("p1");
    let task = asked(&world, &process).await;
    world.forge.user_commits(&[(SETTINGS, Some("[people]\napprove = 7\n"))], true);
    for by in ["Uma", "Bob"] {
        let why = refused(&process, &task, by).await;
        assert!(why.contains("who may do that cannot be read") && why.contains("approve"), "{why}");
    }
    // Whoever is on the list now, and nobody who was, is heard at once.
    world.forge.user_commits(&[(SETTINGS, Some(&people("\"Bob\"")))], true);
    assert!(refused(&process, &task, "Uma").await.contains("names Bob"));
    told(&process, &task, TaskCommand::Approve, "Bob").await.unwrap();
    world.until_done(&task).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_git_that_hangs_or_fails_keeps_nobody() {
    let mut world = World::new().await;
    world.limits.fresh_within = Duration::from_millis(50);
    let process = world.start("p1");
    process.swept().await;
    let mut tasks = Vec::new();
    for title in ["Add up", "Take away", "Multiply", "Divide"] {
        tasks.push(process.backlog(title).await);
    }
    let before = process.forge.faults.calls("base");
    let gate = process.forge.faults.gate("base", Side::Before);
    let starts = tasks.iter().map(|task| {
        let (control, id) = (process.control.clone(), task.work_item.clone());
        tokio::spawn(async move { control.command(&id, TaskCommand::Start, "Uma", format!("start {id}")).await })
    });
    for start in starts.collect::<Vec<_>>() {
        assert!(!start.await.unwrap().unwrap().pending);
    }
    let opened = process.backlog("Round").await;
    assert_eq!(opened.position, Position::Backlog);
    assert!(process.forge.faults.calls("base") > before);
    gate.open();
    for task in &tasks {
        world.until_done(task).await;
    }
    for _ in 0..3 {
        process.forge.faults.fail_next("base", Fault::Passing("Too many open files".to_owned()));
    }
    assert!(!told(&process, &opened, TaskCommand::Start, "Uma").await.unwrap().pending);
    world.until_done(&opened).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_finds_nothing_new_writes_nothing() {
    let mut world = World::new().await;
    world.limits.sweep_every = Duration::from_millis(10);
    let process = world.start("p1");
    process.swept().await;
    let written = process.store.faults.calls("see_base");
    let looked = process.forge.faults.calls("base");
    for title in ["Add up", "Take away"] {
        process.backlog(title).await;
    }
    tokio::task::block_in_place(|| process.forge.faults.until_called("base", looked + 5));
    assert_eq!(process.store.faults.calls("see_base"), written, "the branch is where it was");
    let tip = world.forge.user_commits(&[("b.txt", Some("more"))], true);
    process.backlog("Multiply").await;
    assert_eq!(world.store.base_seen(&repository()).await.unwrap().unwrap().base.tip, tip, "seen before it is decided");
    assert!(process.store.faults.calls("see_base") > written);
}
