//! The API over a real engine on a real store, as a client asks it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use orch_engine::control::Control;
use orch_rules::actor::Actor;
use orch_rules::event::Event;
use orch_stories::store::FaultyStore;
use orch_stories::world::{Process, World};
use orch_web::{Guard, router};
use tower::ServiceExt;

pub const TOKEN: &str = "the-token";

pub fn guard() -> Guard {
    Guard::new(TOKEN, Actor::local(1000).known_as("owner"))
        .also_host("orch.example:8500")
        .also_origin("https://pages.example")
}

/// A service that decides what people ask at once; effects stay queued.
pub struct Served {
    pub world: World,
    pub store: Arc<FaultyStore>,
    pub router: Router,
}

impl Served {
    pub async fn new() -> Self {
        Self::over(World::new().await, Control::alone)
    }

    pub fn over(world: World, control: impl FnOnce(Arc<orch_engine::Engine>) -> Control) -> Self {
        let (engine, store, ..) = world.wire("api");
        let router = router(control(engine), guard());
        Self { world, store, router }
    }

    /// A task that was opened; its id.
    pub async fn open(&self, title: &str, start: bool) -> String {
        let body = serde_json::json!({"title": title, "description": "what is wanted", "start": start});
        let reply = self.post("/api/v1/tasks", &body.to_string()).await;
        assert_eq!(reply.status, 201, "{}", reply.json);
        reply.json["id"].as_str().unwrap().to_owned()
    }

    pub async fn get(&self, path: &str) -> Reply {
        get(&self.router, path).await
    }

    pub async fn post(&self, path: &str, body: &str) -> Reply {
        post(&self.router, path, body).await
    }

    /// What was accepted, and from whom.
    pub fn accepted(&self) -> Vec<(String, Event)> {
        self.store.deliveries.lock().unwrap().iter().map(|d| (d.by.to_string(), d.event.clone())).collect()
    }

    /// How often something was written.
    pub fn writes(&self) -> u32 {
        ["accept", "apply"].into_iter().map(|call| self.store.faults.calls(call)).sum()
    }
}

/// The API of a process that works.
pub fn of(process: &Process) -> Router {
    router(process.control.clone(), guard())
}

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub json: serde_json::Value,
}

/// A request as a well-behaved client sends it; `change` makes it another.
pub fn request(method: &str, path: &str, body: &str, change: impl FnOnce(&mut HeaderMap)) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).body(Body::from(body.to_owned())).unwrap();
    let headers = request.headers_mut();
    headers.insert("host", "127.0.0.1:8500".parse().unwrap());
    headers.insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
    if method == "POST" {
        headers.insert("content-type", "application/json".parse().unwrap());
    }
    change(headers);
    request
}

pub async fn send(router: &Router, request: Request<Body>) -> Reply {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let json = serde_json::from_slice(&bytes).unwrap_or(serde_json::Value::Null);
    Reply { status: parts.status, headers: parts.headers, json }
}

/// An answer that is no JSON.
pub async fn text(router: &Router, path: &str) -> String {
    let response = router.clone().oneshot(request("GET", path, "", |_| {})).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub async fn get(router: &Router, path: &str) -> Reply {
    send(router, request("GET", path, "", |_| {})).await
}

pub async fn post(router: &Router, path: &str, body: &str) -> Reply {
    send(router, request("POST", path, body, |_| {})).await
}
