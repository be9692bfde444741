//! Who is let in.

use axum::http::HeaderMap;

use crate::fake_front::{FakeFront, TOKEN, get, request, send, served};

const APPROVE: &str = r#"{"command":"approve"}"#;
const COMMANDS: &str = "/api/v1/tasks/SHOP-001/commands";

async fn status(method: &str, path: &str, body: &str, change: impl FnOnce(&mut HeaderMap)) -> u16 {
    let (router, calls) = served(FakeFront::default());
    let reply = send(&router, request(method, path, body, change)).await;
    let status = reply.status.as_u16();
    if status >= 400 {
        assert_eq!(reply.headers["content-type"], "application/problem+json", "{path}");
        assert!(reply.json["why"].as_str().is_some_and(|why| !why.is_empty()), "{path}");
        assert!(!reply.json.to_string().contains(TOKEN));
        assert!(calls.lock().unwrap().is_empty(), "{path}: refused, but the control surface was asked");
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

#[tokio::test]
async fn without_the_token_nothing_is_told() {
    for path in ["/queue", "/api/v1/tasks", "/api/v1/openapi.json", "/nothing"] {
        assert_eq!(status("GET", path, "", unset("authorization")).await, 401, "{path}");
    }
    for wrong in ["Bearer", "Bearer ", "Bearer the-toke", "Bearer the-token2", "Basic the-token", "the-token"] {
        assert_eq!(status("GET", "/queue", "", set("authorization", wrong)).await, 401, "{wrong}");
    }
    assert_eq!(status("GET", "/queue", "", set("authorization", "bearer the-token")).await, 200);
}

#[tokio::test]
async fn an_empty_token_lets_nobody_in() {
    let guard = orch_web::Guard::new("", "owner");
    let router = orch_web::router(std::sync::Arc::new(FakeFront::default()), guard);
    let reply = send(&router, request("GET", "/queue", "", set("authorization", "Bearer "))).await;
    assert_eq!(reply.status, 401);
    assert_eq!(reply.headers["www-authenticate"], "Bearer");
}

#[tokio::test]
async fn health_needs_neither_token_nor_host() {
    for path in ["/healthz", "/readyz"] {
        assert_eq!(status("GET", path, "", HeaderMap::clear).await, 200, "{path}");
    }
    let front = FakeFront { not_ready: Some("the disk is full".to_owned()), ..FakeFront::default() };
    let (router, _) = served(front);
    let reply = get(&router, "/readyz").await;
    assert_eq!((reply.status.as_u16(), reply.json["why"].as_str()), (503, Some("the disk is full")));
    assert_eq!(get(&router, "/healthz").await.status, 200);
}

#[tokio::test]
async fn a_page_that_points_its_own_name_here_is_not_answered() {
    for host in ["evil.example", "evil.example:8500", "orch.example", "10.0.0.1:8500", "localhost.evil.example"] {
        assert_eq!(status("GET", "/queue", "", set("host", host)).await, 421, "{host}");
    }
    assert_eq!(status("GET", "/queue", "", unset("host")).await, 421);
    for host in ["localhost:8500", "[::1]:8500", "127.0.0.1", "ORCH.example:8500"] {
        assert_eq!(status("GET", "/queue", "", set("host", host)).await, 200, "{host}");
    }
    let two = |headers: &mut HeaderMap| {
        headers.append("host", "evil.example".parse().unwrap());
    };
    assert_eq!(status("GET", "/queue", "", two).await, 421);
    assert_eq!(status("GET", "http://evil.example/queue", "", |_| {}).await, 421);
}

#[tokio::test]
async fn a_service_on_all_addresses_answers_under_them_and_under_no_name() {
    let guard = orch_web::Guard::new(TOKEN, "owner").any_address();
    let router = orch_web::router(std::sync::Arc::new(FakeFront::default()), guard);
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

#[tokio::test]
async fn a_foreign_page_changes_nothing() {
    for origin in ["https://evil.example", "null", "http://localhost:3000", "http://127.0.0.1:8500.evil.example"] {
        assert_eq!(status("POST", COMMANDS, APPROVE, set("origin", origin)).await, 403, "{origin}");
    }
    for origin in ["http://127.0.0.1:8500", "https://127.0.0.1:8500", "https://pages.example"] {
        assert_eq!(status("POST", COMMANDS, APPROVE, set("origin", origin)).await, 200, "{origin}");
    }
}

#[tokio::test]
async fn only_json_is_read() {
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "multipart/form-data; boundary=x"]
    {
        assert_eq!(status("POST", COMMANDS, APPROVE, set("content-type", kind)).await, 415, "{kind}");
        assert_eq!(status("POST", "/serial-gate/unfreeze", "{}", set("content-type", kind)).await, 415, "{kind}");
    }
    assert_eq!(status("POST", COMMANDS, APPROVE, unset("content-type")).await, 415);
    assert_eq!(status("POST", COMMANDS, APPROVE, set("content-type", "Application/JSON; charset=utf-8")).await, 200);
}

#[tokio::test]
async fn an_enormous_body_is_refused() {
    let body = |length: usize| format!("{{\"title\":\"{}\"}}", "x".repeat(length - 12));
    assert_eq!(status("POST", "/api/v1/tasks", &body(orch_web::MAX_BODY + 1), |_| {}).await, 413);
    assert_eq!(status("POST", "/api/v1/tasks", &body(orch_web::MAX_BODY), |_| {}).await, 201);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_in_json() {
    assert_eq!(status("GET", "/api/v1/nothing", "", |_| {}).await, 404);
    assert_eq!(status("DELETE", "/api/v1/tasks", "", |_| {}).await, 405);
}

#[tokio::test]
async fn every_answer_says_how_it_may_be_used() {
    let (router, _) = served(FakeFront::default());
    for path in ["/healthz", "/queue", "/nothing"] {
        let reply = get(&router, path).await;
        assert_eq!(reply.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(reply.headers["x-frame-options"], "DENY", "{path}");
        assert_eq!(reply.headers["cache-control"], "no-store", "{path}");
        assert!(reply.headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"), "{path}");
    }
}
