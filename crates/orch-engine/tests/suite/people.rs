//! People in the line: they answer, take the branch, and push to it while an agent works.

use std::time::Duration;

use orch_engine::control::{ControlError, TaskCommand};
use orch_rules::attempt::RunEnd;
use orch_rules::episode::EpisodeKind;
use orch_rules::people::Reply;
use orch_rules::task::{Task, Wait};
use orch_testkit::fake::Step;

use crate::world::{Process, World, eventually};

const ASKING: &str = "[[stage]]\nid = \"think\"\nkind = \"author\"\nrole = \"analyst\"\ndocuments = [\"01-brd.md\"]
gates = [\"check_document_written\", \"check_no_questions\"]\napproval = true\non_red = \"stay\"\n
[[stage]]\nid = \"make\"\nkind = \"build\"\nrole = \"developer\"\non_red = \"make\"\ncap = 3\n
[[stage]]\nid = \"in\"\nkind = \"land\"\non_red = \"make\"\ncap = 3\nlands = true\nnext = \"done\"\n";
const PEOPLE: &str = "[check]\ncommand = \"test\"\n[people]\napprove = [\"Uma\"]\n";

async fn told(process: &Process, task: &Task, command: TaskCommand, by: &str) -> Result<String, ControlError> {
    let key = format!("{command:?} {by} {:?}", std::time::Instant::now());
    Ok(process.control.command(&task.work_item, command, by, key).await?.text)
}

fn refused(answer: Result<String, ControlError>) -> String {
    match answer {
        Err(ControlError::Refused { why }) => why,
        other => panic!("it was not refused: {other:?}"),
    }
}

fn asks(kind: EpisodeKind) -> impl Fn(&Task) -> bool {
    move |task| task.waits.contains(&Wait::Human { asked: kind })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_reaches_the_next_attempt_and_only_named_people_approve() {
    let world = World::with(&[(".orch/pipeline.toml", ASKING), (".orch/orch.toml", PEOPLE)]).await;
    world.when(|act| {
        let asks = act.is("analyst") && !act.brief.contains("In euro.\n```");
        asks.then(|| {
            act.document("01-brd.md", "---\nquestions: [\"Which currency?\"]\n---\n");
            (String::new(), Step::completes())
        })
    });
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    world.until("it asks", &task.id, asks(EpisodeKind::Questions)).await;
    told(&process, &task, TaskCommand::Comment { text: "Mind the till.".to_owned() }, "Bob").await.unwrap();
    let text = "In euro.\n```".to_owned();
    let words = TaskCommand::Answer { episode: None, reply: Reply::Text { text } };
    assert!(refused(told(&process, &task, words.clone(), "Bob").await).contains("names Uma"));
    told(&process, &task, words, "Uma").await.unwrap();
    world.until("it wants approval", &task.id, asks(EpisodeKind::Approval)).await;
    let history = world.history(&task).await;
    let old = history.episodes[0].id.clone();
    let late = TaskCommand::Answer { episode: Some(old), reply: Reply::Approve };
    assert!(refused(told(&process, &task, late, "Uma").await).contains("not asked any more"));
    assert!(refused(told(&process, &task, TaskCommand::Approve, "Bob").await).contains("names Uma"));
    let open = history.episodes.iter().find(|e| e.is_open()).unwrap().id.clone();
    told(&process, &task, TaskCommand::Answer { episode: Some(open), reply: Reply::Approve }, "Uma").await.unwrap();
    let done = world.until_done(&task).await;
    assert_eq!((done.attempt, done.retries), (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_takes_the_branch_and_gives_it_back() {
    let mut world = World::new().await;
    world.limits.sweep_every = Duration::from_millis(30);
    world.when(|act| (act.is("reviewer") && act.attempt == 2).then(|| (String::new(), Step::Hangs)));
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    tokio::task::block_in_place(|| world.runner.until_hanging(|_| true));
    let words = told(&process, &task, TaskCommand::HandsOff, "Bob").await.unwrap();
    assert!(words.contains(&task.branch), "{words}");
    let stopped = async || {
        let history = world.history(&task).await;
        history.attempts.into_iter().find(|a| a.number == 2 && a.ended.is_some())
    };
    let stopped = eventually("the reviewer was stopped", stopped).await;
    assert_eq!(stopped.ended.unwrap().how, RunEnd::Stopped);
    let before = world.store_task(&task).await;
    let branch = async || world.forge.branch(&task.branch).filter(|tip| Some(tip) == before.head.as_ref());
    eventually("its branch is there for Bob", branch).await;
    let pushed = world.forge.push(&task.branch, &[("src/by-hand.txt", Some("x"))]);
    // Sweeps pass it by: it is in Bob's hands.
    let swept = process.control.reconciler().last;
    eventually("it sweeps", async || (process.control.reconciler().last > swept).then_some(())).await;
    assert_eq!(world.store_task(&task).await.head, before.head);
    told(&process, &task, TaskCommand::GiveBack, "Bob").await.unwrap();
    let done = world.until_done(&task).await;
    let attempts = world.history(&task).await.attempts;
    let by_hand = attempts.iter().find(|a| a.by_hand.is_some()).unwrap();
    assert_eq!((by_hand.number, by_hand.stage.as_str()), (3, "make"));
    assert_eq!(by_hand.ended.as_ref().unwrap().evidence.as_ref().unwrap().head, pushed);
    assert!(world.forge.files(&done.landed.unwrap()).contains_key("src/by-hand.txt"));
    assert_eq!(done.retries, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_while_an_agent_works_is_kept_below_its_work() {
    let world = World::new().await;
    world.when(|act| (act.is("developer") && act.attempt == 3).then(|| (String::new(), Step::Hangs)));
    world.when(|act| {
        (act.is("reviewer") && act.attempt == 2).then(|| {
            act.document("12-review.md", "---\nverdict: REJECTED\n---\n## Findings\nP0 once more\n");
            (String::new(), Step::completes())
        })
    });
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    let run = tokio::task::block_in_place(|| world.runner.until_hanging(|_| true));
    let head = world.store_task(&task).await.head;
    eventually("its head is published", async || (world.forge.branch(&task.branch) == head).then_some(())).await;
    world.forge.push(&task.branch, &[("src/by-hand.txt", Some("x"))]);
    let order = world.runner.order(&run).unwrap();
    world.forge.work(&order.directory, &[("src/more.txt", Some("more"))], Some("work"));
    world.runner.end(&run, Step::completes());
    let done = world.until_done(&task).await;
    let files = world.forge.files(&done.landed.unwrap());
    assert!(files.contains_key("src/by-hand.txt") && files.contains_key("src/more.txt"), "{:?}", files.keys());
    let audit = world.history(&task).await.audit;
    assert!(audit.iter().any(|line| line.rule == "push" && line.text.code() == "pushed_meanwhile"), "{audit:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sweep_finds_a_push_to_a_task_at_rest() {
    let mut world = World::with(&[(".orch/pipeline.toml", ASKING)]).await;
    world.limits.sweep_every = Duration::from_millis(30);
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    let waiting = world.until("it wants approval", &task.id, asks(EpisodeKind::Approval)).await;
    eventually("its head is published", async || (world.forge.branch(&task.branch) == waiting.head).then_some(()))
        .await;
    let pushed = world.forge.push(&task.branch, &[("notes.txt", Some("x"))]);
    let moved = world.until("its head is the push", &task.id, |task| task.head.as_ref() == Some(&pushed)).await;
    assert_eq!(moved.position, waiting.position);
    let episodes = world.history(&task).await.episodes;
    let open: Vec<_> = episodes.iter().filter(|e| e.is_open()).map(|e| e.about.as_str()).collect();
    assert_eq!(open, [pushed.as_str()], "the approval is asked about what was pushed");
    told(&process, &task, TaskCommand::Approve, "Uma").await.unwrap();
    world.until_done(&task).await;
}
