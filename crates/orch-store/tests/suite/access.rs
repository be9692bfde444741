//! Links, sessions and passwords, on both engines.

use orch_ports::access::Invitation;
use orch_rules::actor::Actor;
use orch_rules::identity::PeopleChange;
use orch_rules::rights::{Person, PersonRole};

use crate::harness::{World, on_both};

on_both!(a_link_is_used_once, a_session_is_in_force_until_it_ends, a_password_is_kept_and_goes_with_its_person);

const HOUR: i64 = 3_600_000;

async fn person(world: &World, id: &str) {
    let person = Person { id: id.into(), display: id.to_uppercase(), language: "en".into(), role: PersonRole::Member };
    world.people().change_people(&PeopleChange::Put(person), &Actor::ORCH).await.unwrap();
}

async fn forget(world: &World, id: &str) {
    world.people().change_people(&PeopleChange::Forget(id.into()), &Actor::ORCH).await.unwrap();
}

async fn a_link_is_used_once(world: World) {
    let access = world.access();
    person(&world, "ann").await;
    let ann = Invitation { person: Some("ann".into()), by: Actor::local(1) };
    let newcomer = Invitation { person: None, by: Actor::token("host.x") };
    access.invite("a", &ann, HOUR).await.unwrap();
    access.invite("b", &newcomer, HOUR).await.unwrap();
    access.invite("c", &ann, -1).await.unwrap();
    assert_eq!(access.invitation("a").await.unwrap(), Some(ann));
    assert_eq!(access.invitation("b").await.unwrap(), Some(newcomer));
    assert_eq!(access.invitation("c").await.unwrap(), None, "it ended");
    assert!(!access.use_invitation("c").await.unwrap() && !access.use_invitation("d").await.unwrap());
    let (one, other) = tokio::join!(access.use_invitation("a"), access.use_invitation("a"));
    assert!(one.unwrap() != other.unwrap(), "one of two");
    assert_eq!(access.invitation("a").await.unwrap(), None);
    access.invite("e", &Invitation { person: Some("ann".into()), by: Actor::ORCH }, HOUR).await.unwrap();
    forget(&world, "ann").await;
    assert_eq!(access.invitation("e").await.unwrap(), None);
    assert_eq!(world.number("SELECT COUNT(*) FROM access_links").await, 1, "those that ended are gone");
}

async fn a_session_is_in_force_until_it_ends(world: World) {
    let access = world.access();
    for id in ["ann", "bob"] {
        person(&world, id).await;
    }
    for (hash, whose, lasts) in [("1", "ann", HOUR), ("2", "ann", HOUR), ("3", "bob", HOUR), ("4", "ann", -1)] {
        access.begin_session(hash, whose, lasts).await.unwrap();
    }
    let whose = async |hash: &str| access.session(hash).await.unwrap().map(|session| session.person.display);
    assert_eq!((whose("1").await, whose("4").await, whose("5").await), (Some("ANN".into()), None, None));
    access.end_sessions("ann", "2").await.unwrap();
    assert_eq!((whose("1").await, whose("2").await, whose("3").await), (None, Some("ANN".into()), Some("BOB".into())));
    access.end_session("2").await.unwrap();
    assert_eq!(whose("2").await, None);
    forget(&world, "bob").await;
    assert_eq!(whose("3").await, None);
}

async fn a_password_is_kept_and_goes_with_its_person(world: World) {
    let access = world.access();
    person(&world, "ann").await;
    let kept = async || access.password("ann").await.unwrap();
    assert_eq!(kept().await, None);
    for phc in ["$argon2id$1", "$argon2id$2"] {
        access.set_password("ann", Some(phc)).await.unwrap();
        assert_eq!(kept().await.as_deref(), Some(phc));
    }
    access.set_password("ann", None).await.unwrap();
    assert_eq!(kept().await, None);
    access.set_password("ann", Some("$argon2id$3")).await.unwrap();
    forget(&world, "ann").await;
    person(&world, "ann").await;
    assert_eq!(kept().await, None, "who comes again is somebody else");
}
