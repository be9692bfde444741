//! What a forge tells by webhooks is stored, looked at, and never believed; where nothing comes, the same is found by asking.

use std::time::Duration;

use orch_engine::control::HookAnswer;
use orch_ports::tracker::HookRequest;
use orch_rules::actor::Actor;
use orch_rules::episode::EpisodeKind;
use orch_rules::identity::PeopleChange;
use orch_rules::rights::{Person, PersonRole};
use orch_rules::task::{Task, Wait};
use orch_testkit::fake::Step;
use orch_testkit::fake::forge::HOOK_SECRET;

use crate::world::{Process, SHORT, World, eventually, repository};

fn signed(body: &str) -> HookRequest {
    HookRequest { headers: [("signature".to_owned(), HOOK_SECRET.to_owned())].into(), body: body.into() }
}

async fn tell(process: &Process, body: &str) -> HookAnswer {
    process.control.forge_hook("shop", signed(body)).await.unwrap()
}

fn asked(task: &Task) -> bool {
    task.waits.contains(&Wait::Human { asked: EpisodeKind::Approval })
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_the_forge_is_not_heard_and_each_request_is_counted() {
    let world = World::new().await;
    let process = world.start("p1");
    let refused = process.control.forge_hook("shop", signed("branch:main")).await.unwrap();
    assert!(matches!(refused, HookAnswer::Refused(why) if why.contains("no webhooks")));
    world.forge.with_product(&[]);
    let control = &process.control;
    let unsigned = HookRequest { headers: Default::default(), body: b"branch:main".to_vec() };
    assert!(matches!(control.forge_hook("shop", unsigned).await.unwrap(), HookAnswer::Refused(_)));
    for name in ["nowhere", "", "../shop"] {
        assert_eq!(control.forge_hook(name, signed("branch:main")).await.unwrap(), HookAnswer::Unknown);
    }
    control.forge_hook_too_long("shop");
    assert!(matches!(tell(&process, "nothing").await, HookAnswer::Ignored(_)));
    for _ in 0..3 {
        assert_eq!(tell(&process, "branch:feature/x").await, HookAnswer::Stored);
    }
    let all = control.forge_hooks();
    let of = |name: &str| all.iter().find(|(id, _)| id.as_str() == name).map(|(_, counts)| counts.clone()).unwrap();
    let shop = of("shop");
    assert_eq!((shop.stored, shop.repeated, shop.ignored, shop.refused), (1, 2, 1, 3), "{shop:?}");
    assert!(shop.last.is_some());
    assert_eq!((of("").refused, all.len()), (3, 2));
    let kept = world.store.deliveries(None, 10).await.unwrap();
    assert_eq!(kept.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), ["branch:feature/x"], "once");
    eventually("nothing is left to be looked at", async || {
        let connection = kept[0].connection.as_str();
        world.store.claim_look(connection, "nobody").await.unwrap().is_none().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_event_wakes_whoever_waits_for_ci() {
    let file = "[check]\nci = \"forge\"\n";
    let mut world = World::with(&[(".orch/pipeline.toml", SHORT), (".orch/orch.toml", file)]).await;
    // Asking would take longer than the test may.
    world.limits.ask_ci_every = Duration::from_secs(3600);
    world.forge.with_product(&["test"]);
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    let head = eventually("its head is asked about", async || {
        let row = world.store.task(&task.id).await.unwrap()?;
        row.head.filter(|head| row.base.as_ref() != Some(head) && process.forge.faults.calls("statuses") > 0)
    })
    .await;
    world.forge.ci(&head, "test", "success");
    tell(&process, &format!("commit:{}", "1".repeat(40))).await;
    assert_eq!(tell(&process, &format!("commit:{head}")).await, HookAnswer::Stored);
    let candidate = eventually("a candidate is proposed", async || world.forge.proposed().into_iter().next()).await;
    world.forge.ci(&candidate, "test", "success");
    tell(&process, &format!("commit:{candidate}")).await;
    world.until_done(&task).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_to_main_is_seen_at_once() {
    let world = World::new().await;
    world.forge.with_product(&[]);
    let process = world.start("p1");
    process.swept().await;
    let commit = world.forge.user_commits(&[("by-hand.txt", Some("by hand"))], true);
    tell(&process, "branch:main").await;
    eventually("the tip is known", async || {
        let seen = world.store.base_seen(&repository()).await.unwrap()?;
        (seen.base.tip == commit).then_some(())
    })
    .await;
}

/// What was asked about is what the change request shows.
async fn published(world: &World, task: &Task) {
    let shown = async || {
        let row = world.store_task(task).await;
        (world.forge.branch(&row.branch) == row.head).then_some(())
    };
    eventually("its head is published", shown).await;
}

/// Approves with the button of the forge. Who is nobody here does nothing; with `hooks` it is told, else it is found.
async fn reviewed(hooks: bool) {
    let mut world = World::with(&[]).await;
    if !hooks {
        world.limits.sweep_every = Duration::from_millis(20);
    }
    world.forge.with_product(&[]);
    world.when(|act| {
        act.is("analyst").then(|| {
            act.document("01-brd.md", &format!("---\ntitle: wanted, {}\n---\n", act.attempt));
            (String::new(), Step::completes())
        })
    });
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    let task = world.until("approval is asked", &task.id, asked).await;
    let number = eventually("its change request is open", async || world.forge.request_of(&task.branch)).await;
    let tell = async |process: &Process| {
        if hooks {
            tell(process, &format!("change_request:{number}")).await;
        }
    };
    published(&world, &task).await;
    world.forge.review(number, "eve", "APPROVED", "");
    tell(&process).await;
    let told = async |who: &str| {
        let audit = world.history(&task).await.audit;
        audit.iter().any(|line| line.rule == "forge_review" && line.by.wire().contains(who)).then_some(())
    };
    eventually("it is kept", async || told("id-of-eve").await).await;
    assert!(asked(&world.store_task(&task).await), "nobody knows who that is");
    let (display, language) = ("Eve".to_owned(), "en".to_owned());
    let person = Person { id: "eve".to_owned(), display, language, role: PersonRole::Member };
    world.store.change_people(&PeopleChange::Put(person), &"ann".into()).await.unwrap();
    let link = PeopleChange::Link { person: "eve".to_owned(), actor: Actor::at("fake-1", "id-of-eve") };
    world.store.change_people(&link, &"ann".into()).await.unwrap();
    world.forge.review(number, "eve", "REQUEST_CHANGES", "In euro, please.");
    tell(&process).await;
    let again = world.until("it is asked again", &task.id, |task| asked(task) && task.attempt == 2).await;
    assert!(again.claims.is_empty() || again.claims[0].text.contains("In euro"), "{again:?}");
    published(&world, &task).await;
    // Each counts once, whatever comes again.
    tell(&process).await;
    world.forge.review(number, "eve", "APPROVED", "");
    tell(&process).await;
    world.until_done(&task).await;
    let episodes = world.history(&task).await.episodes;
    assert_eq!(episodes.iter().filter(|episode| episode.kind == EpisodeKind::Approval).count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_on_the_forge_answers_for_whom_people_know() {
    reviewed(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_that_nobody_told_of_is_found() {
    reviewed(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_that_was_given_while_nobody_ran_is_found_though_other_events_arrive() {
    let world = World::with(&[]).await;
    world.forge.with_product(&[]);
    world.when(|act| {
        act.is("analyst").then(|| {
            act.document("01-brd.md", "---\ntitle: wanted\n---\n");
            (String::new(), Step::completes())
        })
    });
    let process = world.start("p1");
    let task = process.issue("Add up").await;
    let task = world.until("approval is asked", &task.id, asked).await;
    let number = eventually("its change request is open", async || world.forge.request_of(&task.branch)).await;
    published(&world, &task).await;
    process.swept().await;
    process.kill().await;
    world.forge.review(number, "eve", "APPROVED", "");
    let process = world.start("p2");
    // Signed, of this repository, and of no concern: it says nothing of the one that was lost.
    tell(&process, "nothing").await;
    process.swept().await;
    eventually("the review is found", async || {
        let audit = world.history(&task).await.audit;
        audit.iter().any(|line| line.rule == "forge_review").then_some(())
    })
    .await;
}
