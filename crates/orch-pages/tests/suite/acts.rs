//! What is pressed is done: by the same commands as the command line's, in the person's name.

use axum::http::StatusCode;
use orch_rules::episode::EpisodeKind;
use orch_rules::task::Position;
use orch_stories::world::{SHORT, World, eventually};
use orch_testkit::fake::{FakeProduction, Step};

use crate::visit::{Browser, asking, site, still};

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_given_where_it_is_asked() {
    let (world, process) = asking().await;
    world.when(|act| {
        act.is("analyst").then(|| {
            act.document("01-brd.md", "---\ntitle: wanted\n---\nTotals are *exact*.\n\n- BR-1 To the cent.\n");
            (String::new(), Step::completes())
        })
    });
    let site = site(process.control.clone(), None);
    let mut ann = Browser::logged_in(&site, &process.control, "ann", "admin").await;
    let opened =
        ann.press("/new", "/new", &[("title", "Add up"), ("description", "to the cent"), ("act", "start")]).await;
    assert_eq!(opened.location(), "/t/shop/S-001");
    let task = world.task("S-001").await;
    assert_eq!(task.author.wire(), "session:ann");
    let asked = async || {
        let history = world.history(&task).await;
        history.episodes.into_iter().find(|episode| episode.is_open() && episode.kind == EpisodeKind::Approval)
    };
    let episode = eventually("the work is shown", asked).await;
    let inbox = ann.get("/inbox").await;
    for words in ["Approve the requirements?", "Totals are <em>exact</em>.", "BR-1 To the cent.", "Add up"] {
        assert!(inbox.text.contains(words), "{words}: {}", inbox.text);
    }
    assert_eq!(inbox.value("episode"), episode.id.to_string());
    // A no needs a reason; the page says so, and nothing was sent.
    let press = |act: &'static str| [("act", act), ("reason", ""), ("back", "/inbox")];
    let back = ann.press("/inbox", "/t/shop/S-001/act", &press("reject")).await;
    assert_eq!(back.location(), "/inbox");
    assert!(ann.get("/inbox").await.text.contains("The reason is empty"));
    assert!(asked().await.is_some());
    // An answer to an older question is none.
    let old = [("act", "approve"), ("episode", "0-0-0")];
    ann.press("/inbox", "/t/shop/S-001/act", &old).await;
    assert!(ann.get("/inbox").await.text.contains("Not done."));
    let yes = [("act", "approve"), ("episode", &*episode.id.to_string()), ("back", "/inbox")];
    ann.press("/inbox", "/t/shop/S-001/act", &yes).await;
    let history = world.history(&task).await;
    let answered = history.episodes.iter().find(|known| known.id == episode.id).unwrap().answer.clone().unwrap();
    assert_eq!(answered.by.wire(), "session:ann");
    world.until_done(&task).await;
    assert!(ann.get("/inbox").await.text.contains("Nothing waits for you."));
    let page = ann.get("/t/shop/S-001").await.text;
    for words in ["On the base branch as", "Why it was let through", "How it went", "Attempts", "Test runs"] {
        assert!(page.contains(words), "{words}");
    }
    let audit = ann.get("/t/shop/S-001/history").await.text;
    assert!(audit.contains(">a</span>") || audit.contains("ann"), "who approved stands in the history");
    assert!(ann.get("/t/shop/S-001/documents").await.text.contains("Totals are <em>exact</em>."));
    assert!(ann.get("/t/shop/S-001/changes").await.text.contains("src/S-001.txt"));
    assert_eq!(ann.get("/t/S-001").await.location(), "/t/shop/S-001");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_goes_back_with_its_reason() {
    let (world, process) = asking().await;
    let site = site(process.control.clone(), None);
    let mut ann = Browser::logged_in(&site, &process.control, "ann", "admin").await;
    let task = process.issue("Add up").await;
    let open = async || world.history(&task).await.episodes.into_iter().find(orch_rules::episode::Episode::is_open);
    let episode = eventually("it asks", open).await;
    let no = [("act", "reject"), ("episode", &*episode.id.to_string()), ("reason", "Voice it in <euro> & cents.")];
    ann.press("/inbox", "/t/shop/S-001/act", &no).await;
    let told = async || {
        let attempts = world.history(&task).await.attempts;
        attempts.iter().filter_map(|attempt| attempt.rework.clone()).find(|told| told.contains("<euro> & cents"))
    };
    eventually("the next attempt is told", told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_paused_resumed_edited_commented_and_stopped() {
    let (world, control) = still().await;
    let site = site(control.clone(), None);
    let mut ann = Browser::logged_in(&site, &control, "ann", "admin").await;
    ann.press("/new", "/new", &[("title", "Add up"), ("act", "backlog"), ("priority", "3")]).await;
    let at = "/t/shop/S-001";
    let mut press = async |fields: &[(&str, &str)]| {
        let reply = ann.press("/board", &format!("{at}/act"), fields).await;
        assert_eq!((reply.status, reply.location()), (StatusCode::SEE_OTHER, at), "{fields:?}");
        let page = ann.get(at).await.text;
        assert!(page.contains("said-once") && !page.contains("said-once bad"), "{fields:?}: {page}");
        world.task("S-001").await
    };
    assert!(press(&[("act", "pause")]).await.paused);
    assert!(!press(&[("act", "resume")]).await.paused);
    assert_eq!(press(&[("act", "priority"), ("priority", "7")]).await.priority, 7);
    let edited = press(&[("act", "edit"), ("title", "Add it up"), ("description", "in euro")]).await;
    assert_eq!((edited.title.as_str(), edited.description.as_str()), ("Add it up", "in euro"));
    press(&[("act", "comment"), ("text", "Mind the vouchers.")]).await;
    assert!(press(&[("act", "start")]).await.started_at.is_some());
    let stopped = press(&[("act", "stop")]).await;
    assert!(stopped.stop.is_some() || stopped.position == Position::Cancelled, "{stopped:?}");
    let audit = world.history(&world.task("S-001").await).await.audit;
    let by_people: Vec<_> = audit.iter().filter(|line| line.by.wire() == "session:ann").collect();
    assert!(by_people.len() >= 5, "every act has its actor: {audit:?}");
    // What is not understood is told, not guessed.
    for fields in [&[("act", "explode")][..], &[("act", "priority"), ("priority", "x")], &[("act", "skip")], &[]] {
        ann.press("/board", &format!("{at}/act"), fields).await;
        assert!(ann.get(at).await.text.contains("Not done."), "{fields:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_press_sent_twice_is_one() {
    let (world, control) = still().await;
    let site = site(control.clone(), None);
    let mut ann = Browser::logged_in(&site, &control, "ann", "admin").await;
    for _ in 0..2 {
        let form = [("title", "Add up"), ("act", "backlog"), ("key", "one-press")];
        assert_eq!(ann.press("/new", "/new", &form).await.location(), "/t/shop/S-001");
    }
    assert_eq!(world.store.tasks_by_work_item(&"S-002".into()).await.unwrap().len(), 0);
    // What is wrong stands above the form, and nothing that was typed is lost.
    let wrong = ann.press("/new", "/new", &[("title", " "), ("description", "typed"), ("act", "start")]).await;
    assert_eq!(wrong.status, 200);
    assert!(wrong.text.contains("the title is empty") || wrong.text.contains("The title is empty"), "{}", wrong.text);
    assert!(wrong.text.contains(">typed</textarea>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_is_frozen_and_unfrozen_and_people_are_told_who_is_who() {
    let (world, control) = still().await;
    let site = site(control.clone(), None);
    let mut ann = Browser::logged_in(&site, &control, "ann", "admin").await;
    let frozen = async || world.store.repositories().await.unwrap().remove(0).frozen;
    ann.press("/lane/shop", "/lane/shop/act", &[("act", "freeze"), ("reason", "production is <down>")]).await;
    assert_eq!(frozen().await.unwrap().by.wire(), "session:ann");
    assert!(ann.get("/lane/shop").await.text.contains("production is &#60;down&#62;"));
    ann.press("/lane/shop", "/lane/shop/act", &[("act", "unfreeze")]).await;
    assert_eq!(frozen().await, None);
    ann.press("/people", "/people/act", &[("act", "add"), ("person", "bob"), ("role", "viewer")]).await;
    ann.press("/people", "/people/act", &[("act", "link"), ("person", "bob"), ("account", "plane-1:7")]).await;
    ann.press("/people", "/people/act", &[("act", "role"), ("person", "bob"), ("role", "member")]).await;
    let bob = control.directory().await.unwrap().people.into_iter().find(|known| known.person.id == "bob").unwrap();
    assert_eq!((bob.person.role.name(), bob.accounts), ("member", vec!["plane-1:7".into()]));
    ann.press("/people", "/people/act", &[("act", "invite"), ("person", "bob")]).await;
    let page = ann.get("/people").await.text;
    let from = page.find("/enter/").expect("the link is shown");
    let path = page[from..].split('<').next().unwrap().to_owned();
    assert!(!ann.get("/people").await.text.contains("/enter/"), "once");
    let mut guest = Browser::new(&site);
    assert_eq!(guest.post(&path, &[]).await.location(), "/");
    assert!(guest.get("/me").await.text.contains("bob"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_where_is_seen_and_rolled_back() {
    let (mut world, production) = (World::with(&[(".orch/pipeline.toml", SHORT)]).await, FakeProduction::default());
    world.delivers_to(&production);
    let process = world.start("p1");
    let site = site(process.control.clone(), None);
    let mut ann = Browser::logged_in(&site, &process.control, "ann", "admin").await;
    let mut bob = Browser::logged_in(&site, &process.control, "bob", "viewer").await;
    assert!(ann.get("/deploys").await.text.contains("nothing was deployed there yet"));
    for title in ["Add up", "Subtract"] {
        let task = process.issue(title).await;
        world.until_done(&task).await;
    }
    let page = ann.get("/deploys").await.text;
    for words in ["healthy", "this runs", "S-001", "S-002", "Runs and is healthy", "Roll web back", "shop → web"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!bob.get("/deploys").await.text.contains("Roll web back"));
    // Somebody brings something else there.
    let ours = production.runs();
    production.put(Some("elsewhere"));
    let page = ann.get("/deploys").await.text;
    assert!(page.contains("something else answers") && page.contains("Keep what runs on web"), "{page}");
    assert!(page.contains("elsewhere runs there") && !page.contains("this runs"), "{page}");
    ann.press("/deploys", "/deploys/web/act", &[("act", "adopt")]).await;
    let page = ann.get("/deploys").await.text;
    assert!(!page.contains("something else answers") && page.contains("is ahead of what runs"), "{page}");
    ann.press("/deploys", "/deploys/web/act", &[("act", "rollback")]).await;
    let frozen = async || world.store.repositories().await.unwrap().remove(0).frozen;
    let freeze = eventually("it is frozen", frozen).await;
    assert_eq!(freeze.by.wire(), "session:ann");
    eventually("it was rolled back", async || (production.runs() == ours).then_some(())).await;
    assert!(ann.get("/deploys").await.text.contains("shop is frozen:"));
}
