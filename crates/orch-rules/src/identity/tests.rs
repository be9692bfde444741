use super::*;

fn person(id: &str, role: PersonRole) -> Person {
    Person { id: id.into(), display: id.into(), language: "en".into(), role }
}

fn known(id: &str, role: PersonRole, accounts: &[&str]) -> KnownPerson {
    KnownPerson { person: person(id, role), accounts: accounts.iter().map(|text| Actor::parse(text)).collect() }
}

fn by(actor: &str, person: Option<Person>) -> Acting {
    Acting { person, ..Acting::unknown(Actor::parse(actor)) }
}

fn link(person: &str, actor: &str) -> PeopleCommand {
    PeopleCommand::Link { person: person.into(), actor: Actor::parse(actor) }
}

#[test]
fn who_is_who_is_said_by_an_admin_or_on_the_machine_while_there_is_none() {
    let nobody = [known("ann", PersonRole::Member, &[]), known("bob", PersonRole::Admin, &[])];
    for actor in ["local:1000", "token:host.zoe"] {
        assert!(decide(&nobody, &by(actor, None), &link("ann", "plane-1:7")).is_ok(), "{actor}");
    }
    for actor in ["plane-1:7", "chat-1:7", "session:ann", "ann", "git:ann", "role:tester", "orch"] {
        assert!(decide(&nobody, &by(actor, None), &link("ann", "plane-1:7")).is_err(), "{actor}");
    }
    let some = [known("ann", PersonRole::Member, &["local:1"]), known("bob", PersonRole::Admin, &["local:2"])];
    let ann = by("local:1", Some(person("ann", PersonRole::Member)));
    let bob = by("chat-1:2", Some(person("bob", PersonRole::Admin)));
    for wish in [
        link("ann", "plane-1:7"),
        PeopleCommand::Add { person: "eve".into(), display: None, language: None, role: Some(PersonRole::Admin) },
        PeopleCommand::Role { person: "ann".into(), role: PersonRole::Admin },
        PeopleCommand::Unlink { actor: Actor::local(1) },
        PeopleCommand::Code { person: Some("bob".into()) },
    ] {
        for who in [&ann, &by("local:3", None), &by("token:host", None)] {
            let why = decide(&some, who, &wish).unwrap_err();
            assert!(why.contains("only an admin says who is who: bob"), "{wish:?}: {why}");
        }
        assert!(decide(&some, &bob, &wish).is_ok(), "{wish:?}");
        let bot = Acting { own: true, ..bob.clone() };
        assert!(decide(&some, &bot, &wish).is_err(), "our own account, linked to an admin: {wish:?}");
    }
}

#[test]
fn the_last_admin_stays_one() {
    let all = [known("ann", PersonRole::Member, &["local:1"]), known("bob", PersonRole::Admin, &["local:2"])];
    let bob = by("local:2", Some(person("bob", PersonRole::Admin)));
    for wish in [
        PeopleCommand::Role { person: "bob".into(), role: PersonRole::Member },
        PeopleCommand::Forget { person: "bob".into() },
        PeopleCommand::Unlink { actor: Actor::local(2) },
    ] {
        assert!(decide(&all, &bob, &wish).unwrap_err().contains("the only admin"), "{wish:?}");
    }
}

#[test]
fn an_account_is_one_persons_and_a_shared_one_nobodys() {
    let all = [known("ann", PersonRole::Member, &["plane-1:7"]), known("bob", PersonRole::Member, &[])];
    let us = by("local:1000", None);
    assert!(decide(&all, &us, &link("bob", "plane-1:7")).unwrap_err().contains("is ann's"));
    assert!(decide(&all, &us, &link("ann", "plane-1:7")).is_ok(), "it is theirs already");
    assert!(decide(&all, &us, &link("eve", "plane-1:8")).unwrap_err().contains("nobody here is eve"));
    for actor in [
        "telegram-1:1087968824",
        "telegram-1:-1001234567",
        "telegram-1:777000",
        "telegram-1:sender_chat",
        "telegram-1:sender_chat:-100",
        "gitea-1:ghost",
        "gitea-1:Ghost",
        "plane-1:anonymous",
        "git:ann",
        "ann",
        "orch",
        "role:developer",
        "session:ann",
    ] {
        assert!(decide(&all, &us, &link("bob", actor)).unwrap_err().contains("cannot be a person's"), "{actor}");
    }
    for actor in ["local:1001", "token:host.bob", "plane-1:4b3c", "gitea-1:12"] {
        assert!(decide(&all, &us, &link("bob", actor)).is_ok(), "{actor}");
    }
}

#[test]
fn the_account_of_a_listed_name_is_adopted_once() {
    let list = ["ann".to_owned()];
    let account = |text: &str, name: &str| Acting::unknown(Actor::parse(text).known_as(name));
    assert_eq!(adopts(&list, &[], &[], &account("local:1000", "ann")).unwrap().id, "ann");
    for other in [
        account("local:1000", "bob"),
        account("token:host.ann", "ann"),
        account("plane-1:ann", "ann"),
        account("ann", "ann"),
    ] {
        assert_eq!(adopts(&list, &[], &[], &other), None, "{:?}", other.actor);
    }
    let unnamed = Acting::unknown(Actor::local(1000));
    assert_eq!(adopts(&list, &[], &[], &unnamed), None, "nobody knows what it is called");
    let met = [known("ann", PersonRole::Member, &["plane-1:7"])];
    assert_eq!(adopts(&list, &met, &[], &account("local:1000", "ann")), None, "who she is was said");
    assert_eq!(adopts(&list, &[], &list, &account("local:1000", "ann")), None, "she was forgotten");
    let own = Acting { own: true, ..account("local:1000", "ann") };
    let bobs = Acting { person: Some(person("bob", PersonRole::Member)), ..account("local:1000", "ann") };
    assert_eq!((adopts(&list, &[], &[], &own), adopts(&list, &[], &[], &bobs)), (None, None));
    assert_eq!(adopts(&[], &[], &[], &account("local:1000", "ann")), None, "nobody is named");
}

#[test]
fn a_code_links_the_account_that_brings_it_for_ten_minutes() {
    let code = LinkCode { person: "ann".into(), until: Timestamp(CODE_LASTS_MS) };
    let us = by("plane-1:7", None);
    let written = |by_its_author, edited| CodeSaid::Written { by_its_author, edited };
    let linked = PeopleChange::Link { person: "ann".into(), actor: us.actor.clone() };
    for said in [CodeSaid::Directly, written(true, false)] {
        assert_eq!(redeem(Some(&code), &us, said, Timestamp(CODE_LASTS_MS - 1)), Ok(linked.clone()));
    }
    for said in [written(false, false), written(true, true), written(false, true)] {
        assert!(redeem(Some(&code), &us, said, Timestamp(0)).is_err(), "{said:?}");
    }
    assert!(
        redeem(Some(&code), &us, CodeSaid::Directly, Timestamp(CODE_LASTS_MS)).unwrap_err().contains("ten minutes")
    );
    assert!(redeem(None, &us, CodeSaid::Directly, Timestamp(0)).is_err());
    for other in [
        by("plane-1:7", Some(person("bob", PersonRole::Admin))),
        by("telegram-1:-100", None),
        by("ann", None),
        Acting { own: true, ..us.clone() },
    ] {
        assert!(redeem(Some(&code), &other, CodeSaid::Directly, Timestamp(0)).is_err(), "{other:?}");
    }
    // It is asked for by the person themselves, or for them by an admin.
    let all = [known("ann", PersonRole::Member, &["local:1"]), known("bob", PersonRole::Admin, &["local:2"])];
    let ann = by("local:1", Some(person("ann", PersonRole::Member)));
    let asks = |person: Option<&str>| PeopleCommand::Code { person: person.map(str::to_owned) };
    assert_eq!(decide(&all, &ann, &asks(None)), Ok(PeopleChange::Code { person: "ann".into() }));
    assert!(decide(&all, &ann, &asks(Some("bob"))).is_err());
}

#[test]
fn what_cannot_be_added_is_told() {
    let all = [known("ann", PersonRole::Member, &[])];
    let us = by("local:1000", None);
    let add = |person: &str, language: Option<&str>| PeopleCommand::Add {
        person: person.into(),
        display: None,
        language: language.map(str::to_owned),
        role: None,
    };
    for (wish, why) in [
        (add("ann", None), "known already"),
        (add(" ", None), "1 to 200 characters"),
        (add("a\nb", None), "control characters"),
        (add("bob", Some("xx")), "en, ru"),
    ] {
        assert!(decide(&all, &us, &wish).unwrap_err().contains(why), "{wish:?}");
    }
    assert_eq!(
        decide(&all, &us, &add("bob", Some("ru"))),
        Ok(PeopleChange::Put(Person { language: "ru".into(), ..person("bob", PersonRole::Member) }))
    );
}
