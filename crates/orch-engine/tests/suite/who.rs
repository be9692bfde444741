//! Who did it: accounts and people, under a running engine.

use orch_engine::control::{ControlError, TaskCommand};
use orch_rules::actor::Actor;
use orch_rules::connection::NewConnection;
use orch_rules::episode::EpisodeKind;
use orch_rules::identity::PeopleCommand;
use orch_rules::rights::{ConnectionKind, PersonRole};
use orch_rules::task::{Task, Wait};
use orch_testkit::fake::Step;

use crate::world::{Process, World};

const ASKING: &str = "[[stage]]\nid = \"think\"\nkind = \"author\"\nrole = \"analyst\"\ndocuments = [\"01-brd.md\"]
gates = [\"check_document_written\"]\napproval = true\non_red = \"stay\"\n
[[stage]]\nid = \"make\"\nkind = \"build\"\nrole = \"developer\"\non_red = \"make\"\ncap = 3\n
[[stage]]\nid = \"in\"\nkind = \"land\"\non_red = \"make\"\ncap = 3\nlands = true\nnext = \"done\"\n";
const PEOPLE: &str = "[check]\ncommand = \"test\"\n[people]\napprove = [\"ann\"]\n";

fn account(uid: u32, name: &str) -> Actor {
    Actor::local(uid).known_as(name)
}

async fn tells(process: &Process, task: &Task, command: TaskCommand, by: Actor) -> Result<String, ControlError> {
    let key = format!("{command:?} {by} {:?}", std::time::Instant::now());
    Ok(process.control.command(&task.work_item, command, by, key).await?.text)
}

fn refused<T: std::fmt::Debug>(answer: Result<T, ControlError>) -> String {
    match answer {
        Err(ControlError::Refused { why }) => why,
        other => panic!("it was not refused: {other:?}"),
    }
}

async fn asking(world: &World) -> (Process, Task) {
    world.when(|act| {
        act.is("analyst").then(|| {
            act.document("01-brd.md", "What is wanted.\n");
            (String::new(), Step::completes())
        })
    });
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    let asked = |task: &Task| task.waits.contains(&Wait::Human { asked: EpisodeKind::Approval });
    world.until("it wants approval", &task.id, asked).await;
    (process, task)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_people_is_met_by_accounts_and_by_no_name() {
    let world = World::with(&[(".orch/pipeline.toml", ASKING), (".orch/orch.toml", PEOPLE)]).await;
    let bot = NewConnection {
        name: "main".into(),
        product: "plane".into(),
        kind: ConnectionKind::Tracker,
        server: "plane.example.org".into(),
        project: "p".into(),
        accounts: vec!["bot".into()],
    };
    assert_eq!(world.store.connect(&bot).await.unwrap().id, "plane-1");
    let (process, task) = asking(&world).await;
    // Whatever they are called, and whatever their account is.
    for actor in ["token:host.ann", "plane-1:ann", "plane-1:7", "plane-1:bot", "chat-1:ann", "git:ann", "local:1001"] {
        let by = Actor::parse(actor).known_as(if actor == "local:1001" { "bob" } else { "ann" });
        refused(tells(&process, &task, TaskCommand::Approve, by).await);
    }
    // The account of the machine that is called so, by the machine, is hers; she is renamed and stays herself.
    tells(&process, &task, TaskCommand::Comment { text: "I look at it.".into() }, account(1000, "ann")).await.unwrap();
    let skip = TaskCommand::Skip { reason: "no".into() };
    let why = refused(tells(&process, &task, skip, account(1001, "bob")).await);
    assert!(why.contains("orch people link PERSON local:1001"), "{why}");
    tells(&process, &task, TaskCommand::Approve, account(1000, "ann")).await.unwrap();
    world.until_done(&task).await;
    let directory = process.control.directory().await.unwrap();
    assert_eq!((directory.people.len(), directory.people[0].person.id.as_str()), (1, "ann"));
    // What is kept is the account; what is shown is the name it has now.
    let answer = world.history(&task).await.episodes[0].answer.clone().unwrap();
    assert_eq!((answer.by.wire().as_str(), answer.by.name()), ("local:1000", None));
    let shown = process.control.show(&task.work_item).await.unwrap();
    let said = shown.history.audit.iter().find(|line| line.rule == "comment").unwrap();
    assert_eq!((said.by.wire().as_str(), said.by.to_string().as_str()), ("local:1000", "ann"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_becomes_a_persons_by_an_admin_or_a_code() {
    let world = World::with(&[(".orch/pipeline.toml", ASKING), (".orch/orch.toml", PEOPLE)]).await;
    let (process, task) = asking(&world).await;
    let control = &process.control;
    let owner = account(0, "root");
    let add = |person: &str, role| PeopleCommand::Add { person: person.into(), display: None, language: None, role };
    control.people_command(add("ann", None), owner.clone()).await.unwrap();
    control.people_command(add("zoe", Some(PersonRole::Admin)), owner.clone()).await.unwrap();
    // Nobody has the admin's account yet, so the machine's word counts.
    let link = |person: &str, actor: &str| PeopleCommand::Link { person: person.into(), actor: actor.into() };
    control.people_command(link("zoe", "token:host.zoe"), owner.clone()).await.unwrap();
    let why = refused(control.people_command(link("ann", "local:0"), owner.clone()).await);
    assert!(why.contains("only an admin says who is who: zoe"), "{why}");
    // The account called ann is not adopted any more: who ann is was said.
    refused(tells(&process, &task, TaskCommand::Approve, account(1000, "ann")).await);
    let zoe = Actor::token("host.zoe");
    refused(tells(&process, &task, TaskCommand::Approve, zoe.clone()).await);
    let said = control.people_command(PeopleCommand::Code { person: Some("ann".into()) }, zoe).await.unwrap().text;
    let code = said.split(' ').next().unwrap().to_owned();
    let ann = Actor::token("host.annie").known_as("Annie");
    refused(control.use_code("0000-0000-0000", ann.clone()).await);
    control.use_code(&code.to_lowercase(), ann.clone()).await.unwrap();
    assert!(refused(control.use_code(&code, account(1000, "ann")).await).contains("was used"));
    tells(&process, &task, TaskCommand::Approve, ann).await.unwrap();
    world.until_done(&task).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_look_changes_nothing() {
    let world = World::new().await;
    let process = world.start("p1");
    let (owner, bob) = (account(0, "root"), account(1001, "bob"));
    let role = Some(PersonRole::Viewer);
    let add = PeopleCommand::Add { person: "bob".into(), display: Some("Bob B.".into()), language: None, role };
    process.control.people_command(add, owner.clone()).await.unwrap();
    let link = PeopleCommand::Link { person: "bob".into(), actor: bob.clone() };
    process.control.people_command(link, owner).await.unwrap();
    let task = process.issue("Add up").await;
    for command in [TaskCommand::Stop, TaskCommand::Pause, TaskCommand::Comment { text: "x".into() }] {
        let why = refused(tells(&process, &task, command, bob.clone()).await);
        assert!(why.contains("orch people role bob member"), "{why}");
    }
    refused(process.control.lift(&orch_rules::outage::Source::Agent { name: "x".into() }, bob).await);
}
