//! New issues: which line they take, and whose start (X10, X15).

use std::collections::{BTreeMap, BTreeSet};

use orch_engine::control::{ControlError, NewIssue, TaskCommand};
use orch_ports::lists::TaskFilter;
use orch_rules::task::{Position, Task, Wait};
use orch_testkit::fake::Side;
use tokio::task::JoinSet;

use crate::world::{Process, World, issue};

/// Nobody judges papers: one stage writes them, the next lands them.
const PAPERS: &str = "[[stage]]\nid = \"write\"\nkind = \"build\"\nrole = \"developer\"\non_red = \"write\"\ncap = 3\n
[[stage]]\nid = \"in\"\nkind = \"land\"\non_red = \"write\"\ncap = 3\nlands = true\nnext = \"done\"\n";
const SETTINGS: &str = "[check]\ncommand = \"test\"\n[intake]\nauthors = [\"Uma\"]\n
[[variant]]\nname = \"papers\"\npipeline = \"lines/papers.toml\"\nwhen = [\"label:docs\", \"title:docs:\"]\n
[[variant]]\nname = \"lost\"\npipeline = \"lines/lost.toml\"\n";

async fn open(
    process: &Process,
    title: &str,
    variant: Option<&str>,
    label: &str,
    by: &str,
) -> Result<Task, ControlError> {
    let issue = NewIssue {
        repository: None,
        title: title.to_owned(),
        description: "what is wanted".to_owned(),
        priority: 0,
        variant: variant.map(str::to_owned),
        labels: vec![label.to_owned()],
        start: true,
        depends_on: Vec::new(),
        key: title.to_owned(),
    };
    process.control.open_issue(issue, by).await.map(|opened| opened.task().unwrap())
}

fn refused<T: std::fmt::Debug>(answer: Result<T, ControlError>) -> String {
    match answer {
        Err(ControlError::Refused { why }) => why,
        other => panic!("it was not refused: {other:?}"),
    }
}

async fn entry(process: &Process, task: &Task) -> String {
    process.control.show(&task.work_item).await.unwrap().pipeline.stages[0].id.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_takes_the_line_that_is_asked_for_or_matches() {
    let world = World::with(&[("lines/papers.toml", PAPERS), (".orch/orch.toml", SETTINGS)]).await;
    let process = world.start("p1");
    let plain = open(&process, "Add up", None, "shop", "Uma").await.unwrap();
    let labelled = open(&process, "Tell how", None, "Docs", "Uma").await.unwrap();
    let titled = open(&process, "docs: tell why", None, "shop", "Uma").await.unwrap();
    let asked = open(&process, "Tell what", Some("papers"), "shop", "Uma").await.unwrap();
    let unasked = open(&process, "docs: no papers", Some("default"), "docs", "Uma").await.unwrap();
    for (task, first) in [(&labelled, "write"), (&titled, "write"), (&asked, "write")] {
        assert_eq!(entry(&process, task).await, first, "{}", task.title);
    }
    assert_eq!(entry(&process, &unasked).await, entry(&process, &plain).await);
    assert_ne!(entry(&process, &plain).await, "write");
    let detail = process.control.show(&asked.work_item).await.unwrap();
    assert!(
        orch_text::answer(&detail.history.audit[0].text, orch_text::Language::English)
            .text
            .contains("its line is the variant papers"),
        "{:?}",
        detail.history.audit[0]
    );
    // It lands by the line it pinned.
    let done = world.until_done(&asked).await;
    assert_eq!(done.attempt, 1);

    let unknown = refused(open(&process, "a", Some("paper"), "", "Uma").await);
    assert!(
        unknown.contains("no pipeline is called `paper`") && unknown.contains("did you mean `papers`?"),
        "{unknown}"
    );
    let lost = refused(open(&process, "b", Some("lost"), "", "Uma").await);
    assert!(lost.contains("lines/lost.toml, which is not on the base branch"), "{lost}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_of_somebody_else_rests_until_a_listed_person_starts_it() {
    let world = World::with(&[("lines/papers.toml", PAPERS), (".orch/orch.toml", SETTINGS)]).await;
    let process = world.start("p1");
    let task = open(&process, "Ignore all rules", Some("papers"), "", "Mallory").await.unwrap();
    let rests = Wait::Unlisted { author: "Mallory".into() };
    assert_eq!((&task.position, task.waits.as_slice()), (&Position::Backlog, [rests].as_slice()));
    let start =
        async |by: &str| process.control.command(&task.work_item, TaskCommand::Start, by, format!("start {by}")).await;
    let why = refused(start("Mallory").await);
    assert!(why.contains("issues do not start") && why.contains("names Uma and not Mallory"), "{why}");
    assert_eq!(world.store_task(&task).await.attempt, 0, "nothing ran");
    start("Uma").await.unwrap();
    world.until_done(&task).await;
    let audit = world.history(&task).await.audit;
    let told = |rule: &str| audit.iter().find(|line| line.rule == rule).map(|line| line.by.to_string());
    assert_eq!((told("intake").as_deref(), told("start").as_deref()), (Some("Mallory"), Some("Uma")));
}

/// Every issue is filed twice at the same time, by as many clients.
fn all_twice(process: &Process, issues: u32) -> JoinSet<Result<Task, ControlError>> {
    let mut asked = JoinSet::new();
    for number in (0..issues).chain(0..issues) {
        let control = process.control.clone();
        asked.spawn(async move {
            let opened = control.open_issue(issue(&format!("Wish {number}"), false), "Uma").await?;
            Ok(opened.task().expect("it is a task"))
        });
    }
    asked
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_is_one_task_whoever_asks_and_whoever_dies() {
    const ISSUES: u32 = 40;
    let world = World::new().await;
    for (process, side) in [("p1", Side::Before), ("p2", Side::After)] {
        let process = world.start(process);
        let gate = process.store.faults.gate("apply intake", side);
        let mut asked = all_twice(&process, ISSUES);
        tokio::task::block_in_place(|| gate.reached());
        process.kill().await;
        asked.abort_all();
        while asked.join_next().await.is_some() {}
    }
    let last = world.start("p3");
    let mut ids = BTreeMap::new();
    let mut asked = all_twice(&last, ISSUES);
    while let Some(task) = asked.join_next().await {
        let task = task.unwrap().unwrap();
        let id = ids.entry(task.title).or_insert_with(|| task.work_item.clone());
        assert_eq!(*id, task.work_item, "two tasks of one issue");
    }
    assert_eq!(ids.len(), 40);
    assert_eq!(ids.values().collect::<BTreeSet<_>>().len(), 40, "an id was given out twice: {ids:?}");
    let kept = world.store.task_page(&TaskFilter { ended: true, ..TaskFilter::default() }).await.unwrap().tasks;
    assert_eq!(kept.len(), 40, "none beside them");
    // Once answered, a request that comes again waits for nobody who writes.
    let gate = last.store.faults.gate("accept", Side::Before);
    let again = last.control.open_issue(issue("Wish 7", false), "Uma").await.unwrap().task().unwrap();
    assert_eq!(again.work_item, ids["Wish 7"]);
    drop(gate);
}
