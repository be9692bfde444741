//! Languages, lists, and news.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Request;
use orch_stories::world::World;
use orch_testkit::fake::Step;
use tower::ServiceExt;

use crate::access::PAGES;
use crate::visit::{Browser, owner, site, still};

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_whole_in_both_languages() {
    let (_world, control) = still().await;
    let site = site(control.clone(), None);
    let mut ann = Browser::logged_in(&site, &control, "ann", "admin").await;
    ann.press("/new", "/new", &[("title", "Add up"), ("act", "backlog")]).await;
    for (language, menu) in [("en", ">Inbox<"), ("ru", ">Входящие<")] {
        let back = ann.press("/me", "/me/look", &[("language", language), ("back", "/board?q=x")]).await;
        assert_eq!(back.location(), "/board?q=x");
        for path in PAGES {
            let page = ann.get(path).await.text;
            assert!(page.starts_with(&format!("<!doctype html>\n<html lang=\"{language}\"")), "{path}");
            assert!(page.contains(menu), "{path}");
            // A text that is missing is its id.
            for never in [">p-", "\"p-", " p-", "{$", "{ $"] {
                assert!(!page.contains(never), "{path}: {never}");
            }
            let mut ids = BTreeSet::new();
            for (at, _) in page.match_indices(" id=\"") {
                let id = page[at + 5..].split('"').next().unwrap();
                assert!(ids.insert(id), "{path}: {id} is there twice");
            }
            assert_eq!(page.matches("<h1").count(), 1, "{path}");
        }
    }
    ann.press("/me", "/me/look", &[("theme", "dark")]).await;
    assert!(ann.get("/board").await.text.contains("data-theme=\"dark\""));
    ann.press("/me", "/me/look", &[("theme", "auto")]).await;
    assert!(!ann.get("/board").await.text.contains("data-theme"));
    let mut stranger = Browser::new(&site);
    stranger.headers = vec![("accept-language", "ru-RU,ru;q=0.9".to_owned())];
    assert!(stranger.get("/login").await.text.contains("Пароль"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_board_finds_by_words_stage_and_state() {
    let (_world, control) = still().await;
    let site = site(control.clone(), None);
    let mut ann = Browser::logged_in(&site, &control, "ann", "admin").await;
    for title in ["Add up", "Взять итог", "100% of it_all!"] {
        ann.press("/new", "/new", &[("title", title), ("act", "backlog")]).await;
    }
    ann.press("/new", "/new", &[("title", "Take away"), ("act", "start")]).await;
    for (query, found) in [
        ("", "S-001 S-002 S-003 S-004"),
        ("?q=ADD", "S-001"),
        ("?q=%D0%B8%D1%82%D0%BE%D0%B3", "S-002"),
        ("?q=%25", "S-003"),
        ("?q=t_a", "S-003"),
        ("?q=it_all!", "S-003"),
        ("?q=s-004", "S-004"),
        ("?q=nothing", ""),
        ("?repo=shop&q=take", "S-004"),
        ("?stage=backlog", "S-001 S-002 S-003"),
        ("?stage=make", "S-004"),
        ("?why=asks", ""),
    ] {
        let page = ann.get(&format!("/board{query}")).await.text;
        let there: Vec<_> = ["S-001", "S-002", "S-003", "S-004"]
            .into_iter()
            .filter(|id| page.contains(&format!("<span class=\"id\">{id}</span>")))
            .collect();
        assert_eq!(there.join(" "), found, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_group_goes_on_behind_a_link() {
    let (_world, control) = still().await;
    let site = site(control.clone(), None);
    let mut ann = Browser::logged_in(&site, &control, "ann", "admin").await;
    for number in 0..30 {
        let issue = orch_stories::world::issue(&format!("Issue {number}"), false);
        control.open_issue(issue, owner()).await.unwrap();
    }
    let mut path = "/board?stage=backlog".to_owned();
    let mut seen = BTreeSet::new();
    for rows in [25, 5] {
        let page = ann.get(&path).await.text;
        let ids: Vec<_> = page.split("<span class=\"id\">").skip(1).map(|rest| rest[..5].to_owned()).collect();
        assert_eq!(ids.len(), rows);
        seen.extend(ids);
        let more = page.find("<p class=\"more\"><a href=\"").map(|at| &page[at + 25..]);
        path = more.map(|rest| rest.split('"').next().unwrap().replace("&#38;", "&")).unwrap_or_default();
    }
    assert_eq!((seen.len(), path.as_str()), (30, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn news_come_by_themselves_from_where_the_page_was_made() {
    let (_world, control) = still().await;
    let site = site(control.clone(), None);
    let mut ann = Browser::logged_in(&site, &control, "ann", "admin").await;
    let page = ann.get("/board").await.text;
    let after = page.split("data-after=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    ann.press("/new", "/new", &[("title", "Add up"), ("act", "backlog")]).await;
    let request = Request::builder()
        .uri(format!("/events?after={after}"))
        .header("host", "localhost:8500")
        .header("cookie", format!("orch-8500={}", ann.cookies["orch-8500"]))
        .body(Body::empty())
        .unwrap();
    let response = site.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut stream = response.into_body();
    let mut text = String::new();
    while !text.contains("event: changed") {
        let frame =
            std::future::poll_fn(|context| axum::body::HttpBody::poll_frame(std::pin::Pin::new(&mut stream), context));
        let frame = frame.await.expect("it goes on").unwrap();
        text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
    }
    assert!(text.contains("data: shop/S-001"), "{text}");
    assert!(text.contains("id: "), "a lost connection goes on there: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_shown_from_its_end_and_searched() {
    let world = World::new().await;
    world.when(|act| {
        act.is("developer").then(|| {
            let lines: String = (1..=700).map(|number| format!("line {number} of <many>\n")).collect();
            (lines, Step::Hangs)
        })
    });
    let process = world.start("p1");
    let site = site(process.control.clone(), None);
    let mut ann = Browser::logged_in(&site, &process.control, "ann", "admin").await;
    process.issue("Add up").await;
    tokio::task::block_in_place(|| world.runner.until_hanging(|_| true));
    let page = ann.get("/t/shop/S-001/log?attempt=1").await.text;
    assert!(page.contains("line 700 of &lt;many&gt;") && !page.contains("line 1 of"), "the newest 500");
    assert!(page.contains("data-follow=\"/t/shop/S-001/log/events?attempt=1"), "it goes on");
    assert!(page.contains("from=1\""), "the older ones are behind a link");
    let older = ann.get("/t/shop/S-001/log?attempt=1&from=1").await.text;
    assert!(older.contains("line 1 of") && !older.contains("data-follow"));
    let found = ann.get("/t/shop/S-001/log?attempt=1&q=LINE+700").await.text;
    assert!(found.contains("<mark>line 700</mark>") && found.contains("Found in 1 line"), "{found}");
    assert!(ann.get("/t/shop/S-001/log?attempt=2").await.text.contains("no attempt 2"));
}
