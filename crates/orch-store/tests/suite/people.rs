//! Who is who, on both engines.

use orch_ports::people::Directory;
use orch_rules::actor::Actor;
use orch_rules::connection::NewConnection;
use orch_rules::identity::PeopleChange;
use orch_rules::rights::{ConnectionKind, Person, PersonRole};

use crate::harness::{World, on_both};

on_both!(
    an_account_is_one_persons,
    who_acts_is_known_by_the_account_and_by_nothing_else,
    a_code_is_used_once,
    who_is_forgotten_leaves_the_actor,
    what_an_actor_is_called_is_for_reading,
    one_project_is_one_connection,
    a_role_of_a_newer_release_looks,
);

fn person(id: &str, role: PersonRole) -> Person {
    Person { id: id.into(), display: format!("The {id}"), language: "en".into(), role }
}

fn link(person: &str, actor: &str) -> PeopleChange {
    PeopleChange::Link { person: person.into(), actor: actor.into() }
}

async fn write(world: &World, change: PeopleChange) -> bool {
    world.people().change_people(&change, &Actor::local(1)).await.unwrap()
}

/// The accounts of everybody: `ann: local:1 plane-1:7`.
async fn all(world: &World) -> Vec<String> {
    let Directory { people, .. } = world.people().directory().await.unwrap();
    let accounts = |accounts: &[Actor]| accounts.iter().map(Actor::wire).collect::<Vec<_>>().join(" ");
    people.iter().map(|known| format!("{}: {}", known.person.id, accounts(&known.accounts))).collect()
}

async fn an_account_is_one_persons(world: World) {
    for id in ["bob", "ann"] {
        assert!(write(&world, PeopleChange::Put(person(id, PersonRole::Member))).await);
    }
    assert!(write(&world, link("ann", "plane-1:7")).await);
    assert!(write(&world, link("ann", "plane-1:7")).await, "again changes nothing");
    assert!(write(&world, link("ann", "local:1")).await);
    assert!(!write(&world, link("bob", "plane-1:7")).await, "it is ann's");
    assert!(!write(&world, link("eve", "plane-1:8")).await, "nobody is eve");
    assert_eq!(all(&world).await, ["ann: local:1 plane-1:7", "bob: "]);
    // Two at once: one of them has it.
    let (ann, bob) = tokio::join!(write(&world, link("ann", "gitea-2:7")), write(&world, link("bob", "gitea-2:7")));
    assert!(ann != bob, "{ann} {bob}");
    assert!(write(&world, PeopleChange::Unlink("plane-1:7".into())).await);
    assert!(!write(&world, PeopleChange::Unlink("plane-1:7".into())).await);
    assert!(write(&world, link("bob", "plane-1:7")).await);
    let again = Person { role: PersonRole::Admin, ..person("ann", PersonRole::Member) };
    assert!(write(&world, PeopleChange::Put(again)).await);
    let acting = world.people().acting(&"local:1".into()).await.unwrap();
    assert_eq!(acting.person.map(|person| person.role), Some(PersonRole::Admin), "with their accounts");
}

async fn who_acts_is_known_by_the_account_and_by_nothing_else(world: World) {
    let tracker = NewConnection {
        name: "main".into(),
        product: "plane".into(),
        kind: ConnectionKind::Tracker,
        server: "https://plane.example.org".into(),
        project: "p".into(),
        accounts: vec!["bot".into()],
    };
    assert_eq!(world.people().connect(&tracker).await.unwrap().id, "plane-1");
    write(&world, PeopleChange::Put(person("ann", PersonRole::Member))).await;
    for account in ["plane-1:7", "plane-1:bot"] {
        write(&world, link("ann", account)).await;
    }
    for (actor, of, connection, own) in [
        ("plane-1:7", Some("ann"), Some(ConnectionKind::Tracker), false),
        ("plane-1:8", None, Some(ConnectionKind::Tracker), false),
        ("plane-1:bot", Some("ann"), Some(ConnectionKind::Tracker), true),
        ("plane-2:7", None, None, false),
        ("local:7", None, None, false),
        ("plane-1:ann", None, Some(ConnectionKind::Tracker), false),
        ("session:ann", Some("ann"), None, false),
        ("session:bob", None, None, false),
        ("name:ann", None, None, false),
        ("ann", None, None, false),
        ("orch", None, None, false),
    ] {
        let acting = world.people().acting(&Actor::parse(actor).known_as("ann")).await.unwrap();
        let whose = acting.person.as_ref().map(|person| person.id.as_str());
        assert_eq!((whose, acting.connection, acting.own), (of, connection, own), "{actor}");
    }
}

async fn a_code_is_used_once(world: World) {
    let people = world.people();
    write(&world, PeopleChange::Put(person("ann", PersonRole::Member))).await;
    people.keep_code("old", "ann").await.unwrap();
    people.keep_code("new", "ann").await.unwrap();
    assert_eq!(people.code("old").await.unwrap(), None, "a new one ends it");
    let code = people.code("new").await.unwrap().unwrap();
    let now = world.store.now().await.unwrap();
    assert!(code.person == "ann" && (1..=600_000).contains(&(code.until.0 - now.0)), "{code:?} at {now:?}");
    let us: Actor = "chat-1:7".into();
    let (change, other) = (link("ann", "chat-1:7"), link("ann", "chat-1:8"));
    let (one, two) = tokio::join!(people.use_code("new", &change, &us), people.use_code("new", &other, &us));
    assert!(one.unwrap() != two.unwrap(), "one of both");
    assert_eq!(people.code("new").await.unwrap(), None);
    assert_eq!(all(&world).await.len(), 1);
}

async fn who_is_forgotten_leaves_the_actor(world: World) {
    let people = world.people();
    write(&world, PeopleChange::Put(person("ann", PersonRole::Admin))).await;
    write(&world, link("ann", "local:1")).await;
    people.keep_code("code", "ann").await.unwrap();
    people.call(&Actor::local(1).known_as("Ann A.")).await.unwrap();
    people.call(&Actor::local(2).known_as("Bob B.")).await.unwrap();
    assert!(write(&world, PeopleChange::Forget("ann".into())).await);
    assert!(all(&world).await.is_empty());
    let Directory { people: known, forgotten } = people.directory().await.unwrap();
    assert_eq!((known.len(), forgotten), (0, vec!["ann".to_owned()]));
    assert_eq!(people.code("code").await.unwrap(), None);
    assert_eq!(people.acting(&Actor::local(1)).await.unwrap().person, None);
    assert_eq!(people.acting(&"session:ann".into()).await.unwrap().person, None);
    let names = people.names(&[Actor::local(1), Actor::local(2)]).await.unwrap();
    assert_eq!(names.into_values().collect::<Vec<_>>(), ["Bob B."]);
    assert_eq!(world.number("SELECT COUNT(*) FROM actor_names WHERE name LIKE 'Ann%'").await, 0);
    assert_eq!(world.number("SELECT COUNT(*) FROM people WHERE display <> ''").await, 0);
    assert!(!write(&world, link("ann", "local:1")).await, "nobody is linked to who was forgotten");
    // Added again, with nothing of before.
    write(&world, PeopleChange::Put(person("ann", PersonRole::Member))).await;
    assert_eq!(all(&world).await, ["ann: "]);
}

async fn what_an_actor_is_called_is_for_reading(world: World) {
    let people = world.people();
    let (us, them) = (Actor::local(1000), Actor::parse("plane-1:7"));
    let both = [us.clone(), them.clone(), Actor::ORCH, "strange".into()];
    assert!(people.names(&both).await.unwrap().is_empty());
    people.call(&us.clone().known_as("ann")).await.unwrap();
    people.call(&them.clone().known_as("ann")).await.unwrap();
    people.call(&us).await.unwrap();
    people.call(&us.clone().known_as("ann b.")).await.unwrap();
    let names = people.names(&both).await.unwrap();
    assert_eq!((names[&us].as_str(), names[&them].as_str(), names.len()), ("ann b.", "ann", 2), "a renamed account");
    write(&world, PeopleChange::Put(person("bob", PersonRole::Member))).await;
    write(&world, link("bob", "plane-1:7")).await;
    assert_eq!(people.names(&both).await.unwrap()[&them], "The bob", "a person is called as they are");
}

async fn one_project_is_one_connection(world: World) {
    let people = world.people();
    let make = |name: &str, server: &str, project: &str| NewConnection {
        name: name.into(),
        product: "plane".into(),
        kind: ConnectionKind::Tracker,
        server: server.into(),
        project: project.into(),
        accounts: vec!["bot".into()],
    };
    let one = people.connect(&make("main", "https://plane.example.org", "p1")).await.unwrap();
    let renamed = people.connect(&make("other name", "https://plane.example.org/", "p1")).await.unwrap();
    assert_eq!((one.id.as_str(), &renamed), ("plane-1", &one));
    assert_eq!(people.connect(&make("main", "https://plane.example.org", "p2")).await.unwrap().id, "plane-2");
    let forge = NewConnection {
        kind: ConnectionKind::Forge,
        product: "gitea".into(),
        ..make("main", "https://plane.example.org", "p1")
    };
    assert_eq!(people.connect(&forge).await.unwrap().id, "gitea-3");
    let more =
        NewConnection { accounts: vec!["bot".into(), "bot 2".into()], ..make("m", "https://plane.example.org", "p1") };
    people.connect(&more).await.unwrap();
    assert!(people.acting(&"plane-1:bot 2".into()).await.unwrap().own);
    assert_eq!(world.number("SELECT COUNT(*) FROM connections").await, 3);
}

async fn a_role_of_a_newer_release_looks(world: World) {
    write(&world, PeopleChange::Put(person("ann", PersonRole::Admin))).await;
    write(&world, link("ann", "local:1")).await;
    world.raw("UPDATE people SET role = 'auditor'").await;
    let acting = world.people().acting(&Actor::local(1)).await.unwrap();
    assert_eq!(acting.person.map(|person| person.role), Some(PersonRole::Viewer));
}
