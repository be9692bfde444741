//! Who is let in, and by whom a form is taken.

use axum::http::HeaderMap;
use orch_engine::control::Control;
use orch_rules::actor::Actor;
use orch_rules::rights::PersonRole;
use orch_stories::world::World;

use crate::visit::{Browser, accepted, owner, site, still};

/// Pages that show something.
pub const PAGES: [&str; 20] = [
    "/costs",
    "/deploys",
    "/inbox",
    "/board",
    "/new",
    "/t/shop/S-001",
    "/t/shop/S-001/edit",
    "/t/shop/S-001/documents",
    "/t/shop/S-001/changes",
    "/t/shop/S-001/log",
    "/t/shop/S-001/history",
    "/lane/shop",
    "/runs",
    "/waiting",
    "/reliability",
    "/repositories",
    "/settings",
    "/people",
    "/me",
    "/more",
];

/// Where forms go.
const FORMS: [&str; 11] = [
    "/deploys/web/act",
    "/new",
    "/t/shop/S-001/act",
    "/lane/shop/act",
    "/waiting/act",
    "/reliability/act",
    "/repositories/act",
    "/people/act",
    "/me/look",
    "/me/password",
    "/logout",
];

#[tokio::test(flavor = "multi_thread")]
async fn strangers_see_nothing_and_change_nothing() {
    let (world, control) = still().await;
    let (engine, store, ..) = world.wire("stranger");
    let control_of_strangers = Control::alone(engine);
    let site = site(control_of_strangers, None);
    Browser::logged_in(&site, &control, "ann", "admin").await;
    for cookie in [None, Some(String::new()), Some("0".repeat(64)), Some("../../x".to_owned())] {
        let mut stranger = Browser::new(&site);
        if let Some(cookie) = cookie {
            stranger.cookies.insert("orch-8500".to_owned(), cookie);
        }
        for path in PAGES.iter().chain(&["/", "/events", "/t/S-001", "/lane", "/t/shop/S-001/log/events"]) {
            let page = stranger.get(path).await;
            assert_eq!(page.status, 303, "{path}");
            assert!(page.location().starts_with("/login?next="), "{path}: {}", page.location());
        }
        for path in FORMS {
            let page = stranger.post(path, &[("act", "stop"), ("title", "x"), ("csrf", "")]).await;
            assert_eq!(page.status, 303, "{path}");
        }
        assert_eq!(stranger.get("/nothing/here").await.status, 303);
    }
    assert_eq!(accepted(&store), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_lets_one_person_in_once() {
    let (_world, control) = still().await;
    let site = site(control.clone(), None);
    let link = control.invite(None, owner()).await.unwrap();
    assert_eq!(link.person, None, "nobody is known yet");
    let path = format!("/enter/{}", link.secret);
    let mut browser = Browser::new(&site);
    // Whoever looks at a link, or looks ahead, does not use it up.
    for _ in 0..2 {
        let page = browser.get(&path).await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains("owner"), "the account's name is proposed");
    }
    assert_eq!(browser.post(&path, &[("name", "  ")]).await.status, 400, "who are you?");
    assert_eq!(browser.post(&path, &[("name", "ann"), ("password", "short")]).await.status, 400);
    let came = browser.post(&path, &[("name", "ann"), ("password", "correct horse")]).await;
    assert_eq!((came.status.as_u16(), came.location()), (303, "/"));
    let cookie = came.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    assert_eq!(browser.get("/inbox").await.status, 200);
    let known = control.directory().await.unwrap().people;
    assert_eq!((known.len(), known[0].person.role), (1, PersonRole::Admin));
    assert_eq!(known[0].accounts, [owner()], "the machine's account is theirs");
    let mut second = Browser::new(&site);
    assert_eq!(second.get(&path).await.status, 410);
    assert_eq!(second.post(&path, &[("name", "eve")]).await.status, 410);
    assert_eq!(second.get("/enter/0000").await.status, 410);
    // From now on the machine's account invites as ann.
    assert_eq!(control.invite(None, owner()).await.unwrap().person.as_deref(), Some("ann"));
    assert!(control.invite(None, Actor::local(1001)).await.is_err(), "another account is nobody's");
    assert!(control.invite(Some("bob"), owner()).await.is_err(), "nobody is bob");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_lets_in_and_guessing_does_not() {
    let (_world, control) = still().await;
    let site = site(control.clone(), None);
    let mut ann = Browser::logged_in(&site, &control, "ann", "admin").await;
    let kept = ann.press("/me", "/me/password", &[("password", "correct horse")]).await;
    assert_eq!(kept.status, 303);
    assert!(ann.get("/me").await.text.contains("Kept."), "told once");
    assert!(!ann.get("/me").await.text.contains("Kept."));
    let mut other = Browser::new(&site);
    let form = [("name", "ann"), ("password", "correct horse"), ("next", "/board?q=x")];
    let came = other.post("/login", &form).await;
    assert_eq!((came.status.as_u16(), came.location()), (303, "/board?q=x"));
    for next in ["https://evil.example", "//evil.example", "/\\evil.example"] {
        let form = [("name", "ann"), ("password", "correct horse"), ("next", next)];
        assert_eq!(Browser::new(&site).post("/login", &form).await.location(), "/", "{next}");
    }
    for name in ["nobody", "ann"] {
        let wrong = Browser::new(&site).post("/login", &[("name", name), ("password", "wrong")]).await;
        assert_eq!(wrong.status, 401, "{name}");
        assert!(wrong.text.contains("Name or password is wrong."), "the same words for both");
    }
    for _ in 0..4 {
        Browser::new(&site).post("/login", &[("name", "ann"), ("password", "wrong")]).await;
    }
    let late = Browser::new(&site).post("/login", &[("name", "ann"), ("password", "correct horse")]).await;
    assert_eq!((late.status.as_u16(), late.headers["retry-after"].to_str().unwrap()), (429, "900"));
    // Another password ends the other sessions; logging out ends this one.
    assert_eq!(other.get("/inbox").await.status, 200);
    ann.press("/me", "/me/password", &[("password", "another horse")]).await;
    assert_eq!(other.get("/inbox").await.status, 303);
    let cookies = ann.cookies.clone();
    assert_eq!(ann.press("/me", "/logout", &[]).await.location(), "/login");
    assert!(!ann.cookies.contains_key("orch-8500"));
    ann.cookies = cookies;
    assert_eq!(ann.get("/inbox").await.status, 303, "the old cookie is worth nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_taken_from_our_own_pages_alone() {
    let (world, control) = still().await;
    let (engine, store, ..) = world.wire("forms");
    let site = site(Control::alone(engine), None);
    let mut ann = Browser::logged_in(&site, &control, "ann", "admin").await;
    ann.press("/new", "/new", &[("title", "Add up"), ("act", "backlog")]).await;
    let bob = Browser::logged_in(&site, &control, "bob", "member").await.get("/inbox").await.value("csrf");
    let mine = ann.get("/inbox").await.value("csrf");
    assert_ne!(mine, bob);
    for csrf in ["", "0", bob.as_str(), &mine[1..]] {
        let fields = [("csrf", csrf), ("act", "stop"), ("title", "x")];
        for path in FORMS {
            assert_eq!(ann.post(path, &fields).await.status, 403, "{path} {csrf}");
        }
    }
    let fields = [("csrf", mine.as_str()), ("act", "pause")];
    for origin in ["https://evil.example", "null", "http://127.0.0.1:8501"] {
        ann.headers = vec![("origin", origin.to_owned())];
        assert_eq!(ann.post("/t/shop/S-001/act", &fields).await.status, 403, "{origin}");
        assert_eq!(ann.post("/login", &[("name", "eve")]).await.status, 403, "nobody is logged in as somebody else");
    }
    ann.headers = vec![("host", "evil.example".to_owned())];
    assert_eq!(ann.get("/inbox").await.status, 421, "a name that was pointed here");
    assert_eq!(accepted(&store), 0);
    ann.headers = vec![("origin", "http://127.0.0.1:8500".to_owned())];
    assert_eq!(ann.post("/t/shop/S-001/act", &fields).await.status, 303);
    assert_eq!(accepted(&store), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_sees_and_decides_nothing() {
    let (world, control) = still().await;
    let (engine, store, ..) = world.wire("viewer");
    let site = site(Control::alone(engine), None);
    let mut ann = Browser::logged_in(&site, &control, "ann", "admin").await;
    ann.press("/new", "/new", &[("title", "Add up"), ("act", "backlog")]).await;
    let mut eve = Browser::logged_in(&site, &control, "eve", "viewer").await;
    assert_eq!(eve.get("/").await.location(), "/board");
    let admins = ["/settings", "/people", "/new", "/t/shop/S-001/edit"];
    for path in PAGES {
        let expected = if admins.contains(&path) { 403 } else { 200 };
        assert_eq!(eve.get(path).await.status.as_u16(), expected, "{path}");
    }
    for path in FORMS.iter().filter(|path| !path.starts_with("/me") && **path != "/logout") {
        let page = eve.press("/board", path, &[("act", "pause"), ("title", "x")]).await;
        assert_eq!(page.status, 403, "{path}");
    }
    let mut member = Browser::logged_in(&site, &control, "bob", "member").await;
    for path in ["/settings", "/people"] {
        assert_eq!(member.get(path).await.status, 403, "{path}");
    }
    assert_eq!(
        member.press("/board", "/people/act", &[("act", "role"), ("person", "bob"), ("role", "admin")]).await.status,
        403
    );
    assert_eq!(accepted(&store), 0);
    // A person who is forgotten is nobody, whatever their cookie says.
    ann.press("/people", "/people/act", &[("act", "forget"), ("person", "bob")]).await;
    assert_eq!(member.get("/board").await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_what_it_may_do() {
    let (_world, control) = still().await;
    let site = site(control.clone(), None);
    let mut ann = Browser::logged_in(&site, &control, "ann", "admin").await;
    let policy = |headers: &HeaderMap| headers["content-security-policy"].to_str().unwrap().to_owned();
    for path in ["/inbox", "/login", "/nothing", "/enter/0", "/assets/nothing.css"] {
        let page = ann.get(path).await;
        let policy = policy(&page.headers);
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(page.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(page.headers["cache-control"], "no-store", "{path}");
    }
    let page = ann.get("/inbox").await;
    let from = page.text.find("/assets/orch-").unwrap();
    let sheet = &page.text[from..from + page.text[from..].find('"').unwrap()];
    let sheet = ann.get(sheet).await;
    assert!(sheet.headers["cache-control"].to_str().unwrap().contains("immutable"));
    assert_eq!(sheet.headers["content-type"], "text/css; charset=utf-8");
    // The API stays what it was, and knows no cookies.
    ann.headers = vec![("accept", "application/json".to_owned())];
    for path in ["/api/v1/tasks", "/queue", "/nothing"] {
        assert_eq!(ann.get(path).await.status, 401, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn below_a_path_every_address_is_below_it() {
    let world = World::new().await;
    let control = Control::alone(world.wire("below").0);
    let below = site(control.clone(), Some("https://orch.example/line"));
    let secret = control.invite(None, owner()).await.unwrap().secret;
    let mut ann = Browser::new(&below);
    ann.headers = vec![("host", "orch.example".to_owned()), ("origin", "https://orch.example".to_owned())];
    let came = ann.post(&format!("/line/enter/{secret}"), &[("name", "ann")]).await;
    assert_eq!(came.location(), "/line/");
    let cookie = came.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("Path=/line;") && cookie.ends_with("; Secure"), "{cookie}");
    // With the path, and as a proxy sends it that takes the path away.
    for base in ["/line", ""] {
        for path in PAGES.iter().filter(|path| !path.contains("S-001")) {
            let page = ann.get(&format!("{base}{path}")).await;
            assert_eq!(page.status, 200, "{base}{path}");
            for mark in ["href=\"/", "src=\"/", "action=\"/"] {
                for (at, _) in page.text.match_indices(mark) {
                    let address = &page.text[at + mark.len() - 1..];
                    assert!(address.starts_with("/line/"), "{path}: {}", &address[..40]);
                }
            }
        }
    }
    ann.headers.push(("accept", "*/*".to_owned()));
    assert_eq!(ann.get("/line/healthz").await.status, 200, "the API is there as well");
}
