//! Webhooks: made, shown and removed as the servers do it, and sent once each, whatever becomes of them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::answers::{error, missing};
use super::{FakeGitea, Inside, Shared};
use crate::model_server::http::Answer;

/// A webhook as the server keeps it.
#[derive(Debug, Clone)]
pub(super) struct HookRow {
    id: u64,
    url: String,
    secret: String,
    events: Vec<String>,
    active: bool,
}

impl HookRow {
    fn shown(&self) -> Value {
        let events: Vec<_> =
            self.events.iter().map(|event| event.replace("pull_request_only", "pull_request")).collect();
        json!({
            "id": self.id, "type": "gitea", "active": self.active, "events": events, "branch_filter": "",
            "config": { "url": self.url, "content_type": "json" },
        })
    }

    /// Whether it is sent for an event, by the type that one switches on.
    fn sends(&self, event: &str) -> bool {
        let kind = match event {
            "pull_request" => "pull_request_only",
            "pull_request_approved" | "pull_request_rejected" | "pull_request_comment" => "pull_request_review",
            other => other,
        };
        self.active && self.events.iter().any(|known| known == kind)
    }
}

impl FakeGitea {
    /// Addresses of the webhooks that are there: whether each sends, and how many kinds of events.
    pub fn hooks(&self) -> Vec<(String, bool, usize)> {
        let inside = self.shared.lock();
        inside.hooks.iter().map(|hook| (hook.url.clone(), hook.active, hook.events.len())).collect()
    }

    /// An administrator switches every webhook off.
    pub fn switch_hooks_off(&self) {
        self.shared.lock().hooks.iter_mut().for_each(|hook| hook.active = false);
    }

    /// Deliveries are lost from now on, or not any more.
    pub fn lose_hooks(&self, lost: bool) {
        self.shared.lock().hooks_lost = lost;
    }

    /// Sends an event to whoever wants it.
    pub fn tell(&self, event: &str, body: Value) {
        self.shared.tell(&self.shared.lock(), event, body);
    }
}

impl Shared {
    /// What it answers about webhooks.
    pub(super) fn hook(&self, inside: &mut Inside, method: &str, parts: &[&str], body: &Value) -> Answer {
        if !inside.settings.admin {
            return error(403, "user should be an owner or a collaborator with admin write of a repository");
        }
        let of = |id: &str, inside: &Inside| inside.hooks.iter().position(|hook| hook.id.to_string() == id);
        match (method, parts) {
            ("GET", []) => Answer::json(200, &json!(inside.hooks.iter().map(HookRow::shown).collect::<Vec<_>>())),
            ("POST", []) => {
                let text = |path: &str| body.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
                let events = body.get("events").and_then(Value::as_array).cloned().unwrap_or_default();
                let hook = HookRow {
                    id: inside.next(),
                    url: text("/config/url"),
                    secret: text("/config/secret"),
                    events: events.iter().filter_map(|event| event.as_str().map(str::to_owned)).collect(),
                    active: body.get("active").and_then(Value::as_bool).unwrap_or_default(),
                };
                if !hook.url.starts_with("http") {
                    return error(422, "Invalid url");
                }
                let shown = hook.shown();
                inside.hooks.push(hook);
                Answer::json(201, &shown)
            }
            ("DELETE", [id]) => match of(id, inside) {
                Some(at) => {
                    inside.hooks.remove(at);
                    Answer::body(204, "application/json", String::new())
                }
                None => missing(),
            },
            ("POST", [id, "tests"]) => match of(id, inside).and_then(|at| inside.hooks.get(at).cloned()) {
                Some(hook) => {
                    let main = self.commit("refs/heads/main").unwrap_or_default();
                    let body = json!({ "ref": "refs/heads/main", "before": main, "after": main, "total_commits": 1 });
                    self.send(inside, vec![hook], "push", body);
                    Answer::body(204, "application/json", String::new())
                }
                None => missing(),
            },
            _ => missing(),
        }
    }

    pub(super) fn tell(&self, inside: &Inside, event: &str, body: Value) {
        let wanting = inside.hooks.iter().filter(|hook| hook.sends(event)).cloned().collect();
        self.send(inside, wanting, event, body);
    }

    fn send(&self, inside: &Inside, hooks: Vec<HookRow>, event: &str, mut body: Value) {
        if inside.hooks_lost || hooks.is_empty() {
            return;
        }
        body["repository"] = json!({ "id": 1, "full_name": "acme/shop" });
        let (body, event) = (body.to_string(), event.to_owned());
        std::thread::spawn(move || {
            for hook in hooks {
                // Each is sent once.
                let _answer = post(&hook.url, &event, &body, &hook.secret);
            }
        });
    }
}

/// Signs a body as the servers do.
pub fn signature(body: &str, secret: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(body.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sends a body with an event's headers, and tells the status of the answer.
pub fn post(address: &str, event: &str, body: &str, secret: &str) -> Option<u16> {
    let rest = address.strip_prefix("http://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    let signature = signature(body, secret);
    let head = format!(
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         X-Gitea-Event: {event}\r\nX-Gitea-Delivery: 7d13cfa8-c7b5-4c14-a66a-25b7752bf1f3\r\n\
         X-Gitea-Signature: {signature}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()?;
    let mut answer = String::new();
    // Whoever has read enough may end the connection.
    let _cut = stream.read_to_string(&mut answer);
    answer.split(' ').nth(1)?.parse().ok()
}
