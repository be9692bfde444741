//! Who is let in.

use axum::http::HeaderMap;

use orch_engine::control::Control;
use orch_rules::actor::Actor;
use orch_stories::world::World;
use orch_testkit::fake::Fault;

use crate::served::{Served, TOKEN, request, send};

const PAUSE: &str = r#"{"command":"pause"}"#;
const COMMANDS: &str = "/api/v1/repositories/shop/lane/commands";

async fn status(service: &Served, method: &str, path: &str, body: &str, change: impl FnOnce(&mut HeaderMap)) -> u16 {
    let before = service.writes();
    let reply = send(&service.router, request(method, path, body, change)).await;
    let status = reply.status.as_u16();
    if status >= 400 {
        assert_eq!(reply.headers["content-type"], "application/problem+json", "{path}");
        assert!(reply.json["why"].as_str().is_some_and(|why| !why.is_empty()), "{path}");
        assert!(!reply.json.to_string().contains(TOKEN));
        assert_eq!(service.writes(), before, "{path}: refused, but something was written");
    }
    status
}

fn set(name: &'static str, value: &'static str) -> impl FnOnce(&mut HeaderMap) {
    move |headers| {
        headers.insert(name, value.parse().unwrap());
    }
}

fn unset(name: &'static str) -> impl FnOnce(&mut HeaderMap) {
    move |headers| {
        headers.remove(name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_token_nothing_is_told() {
    let service = Served::new().await;
    for path in ["/queue", "/api/v1/tasks", "/api/v1/openapi.json", "/nothing"] {
        assert_eq!(status(&service, "GET", path, "", unset("authorization")).await, 401, "{path}");
    }
    for wrong in ["Bearer", "Bearer ", "Bearer the-toke", "Bearer the-token2", "Basic the-token", "the-token"] {
        assert_eq!(status(&service, "GET", "/queue", "", set("authorization", wrong)).await, 401, "{wrong}");
    }
    assert_eq!(status(&service, "GET", "/queue", "", set("authorization", "bearer the-token")).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_token_lets_nobody_in() {
    let guard = orch_web::Guard::new("", Actor::local(1000));
    let router = orch_web::router(Control::alone(World::new().await.wire("api").0), guard);
    let reply = send(&router, request("GET", "/queue", "", set("authorization", "Bearer "))).await;
    assert_eq!(reply.status, 401);
    assert_eq!(reply.headers["www-authenticate"], "Bearer");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_needs_neither_token_nor_host() {
    let service = Served::new().await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(status(&service, "GET", path, "", HeaderMap::clear).await, 200, "{path}");
    }
    service.store.faults.fail_next("now", Fault::Lasting("the disk is full".to_owned()));
    let reply = service.get("/readyz").await;
    assert_eq!(reply.status, 503);
    assert!(reply.json["why"].as_str().unwrap().contains("the disk is full"), "{}", reply.json);
    assert_eq!(service.get("/healthz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_points_its_own_name_here_is_not_answered() {
    let service = Served::new().await;
    for host in ["evil.example", "evil.example:8500", "orch.example", "10.0.0.1:8500", "localhost.evil.example"] {
        assert_eq!(status(&service, "GET", "/queue", "", set("host", host)).await, 421, "{host}");
    }
    assert_eq!(status(&service, "GET", "/queue", "", unset("host")).await, 421);
    for host in ["localhost:8500", "[::1]:8500", "127.0.0.1", "ORCH.example:8500"] {
        assert_eq!(status(&service, "GET", "/queue", "", set("host", host)).await, 200, "{host}");
    }
    let two = |headers: &mut HeaderMap| {
        headers.append("host", "evil.example".parse().unwrap());
    };
    assert_eq!(status(&service, "GET", "/queue", "", two).await, 421);
    assert_eq!(status(&service, "GET", "http://evil.example/queue", "", |_| {}).await, 421);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_on_all_addresses_answers_under_them_and_under_no_name() {
    let guard = orch_web::Guard::new(TOKEN, Actor::local(1000)).any_address();
    let world = World::new().await;
    let router = orch_web::router(Control::alone(world.wire("api").0), guard);
    for (host, status) in [
        ("10.0.0.1:8500", 200),
        ("[fd00::1]:8500", 200),
        ("127.0.0.1", 200),
        ("evil.example", 421),
        ("10.0.0.1.x", 421),
    ] {
        assert_eq!(send(&router, request("GET", "/queue", "", set("host", host))).await.status, status, "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_page_changes_nothing() {
    let service = Served::new().await;
    for origin in ["https://evil.example", "null", "http://localhost:3000", "http://127.0.0.1:8500.evil.example"] {
        assert_eq!(status(&service, "POST", COMMANDS, PAUSE, set("origin", origin)).await, 403, "{origin}");
    }
    for origin in ["http://127.0.0.1:8500", "https://127.0.0.1:8500", "https://pages.example"] {
        assert_eq!(status(&service, "POST", COMMANDS, PAUSE, set("origin", origin)).await, 200, "{origin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_json_is_read() {
    let service = Served::new().await;
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "multipart/form-data; boundary=x"]
    {
        assert_eq!(status(&service, "POST", COMMANDS, PAUSE, set("content-type", kind)).await, 415, "{kind}");
        assert_eq!(
            status(&service, "POST", "/serial-gate/unfreeze", "{}", set("content-type", kind)).await,
            415,
            "{kind}"
        );
    }
    assert_eq!(status(&service, "POST", COMMANDS, PAUSE, unset("content-type")).await, 415);
    assert_eq!(
        status(&service, "POST", COMMANDS, PAUSE, set("content-type", "Application/JSON; charset=utf-8")).await,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enormous_body_is_refused() {
    let service = Served::new().await;
    let body = |length: usize| format!("{{\"title\":\"{}\"}}", "x".repeat(length - 12));
    assert_eq!(status(&service, "POST", "/api/v1/tasks", &body(orch_web::MAX_BODY + 1), |_| {}).await, 413);
    assert_eq!(
        status(&service, "POST", "/api/v1/tasks", &body(orch_web::MAX_BODY), |_| {}).await,
        400,
        "read, and its title is too long"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_and_methods_are_told_in_json() {
    let service = Served::new().await;
    assert_eq!(status(&service, "GET", "/api/v1/nothing", "", |_| {}).await, 404);
    assert_eq!(status(&service, "DELETE", "/api/v1/tasks", "", |_| {}).await, 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_how_it_may_be_used() {
    let service = Served::new().await;
    for path in ["/healthz", "/queue", "/nothing"] {
        let reply = service.get(path).await;
        assert_eq!(reply.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(reply.headers["x-frame-options"], "DENY", "{path}");
        assert_eq!(reply.headers["cache-control"], "no-store", "{path}");
        assert!(reply.headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"), "{path}");
    }
}
