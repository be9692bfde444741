//! The webhook: what is told, when its data is read, and what becomes of it on the way.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{FakePlane, Inside, Shared, answers};

/// What becomes of deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaneHooks {
    /// They arrive.
    Sent,
    /// They arrive twice.
    Doubled,
    /// They are lost.
    Lost,
    /// They wait, until [`FakePlane::release`].
    Held,
}

/// Something that is told.
#[derive(Debug, Clone)]
pub(super) struct Happened {
    issue: String,
    by: String,
    action: &'static str,
    field: Option<&'static str>,
    values: (Option<String>, Option<String>),
    comment: Option<String>,
}

impl Happened {
    fn of(issue: &str, by: &str, action: &'static str) -> Self {
        Self { issue: issue.into(), by: by.into(), action, field: None, values: (None, None), comment: None }
    }
    pub fn created(issue: &str, by: &str) -> Self {
        Self::of(issue, by, "created")
    }
    pub fn updated(issue: &str, by: &str, field: &'static str, values: (Option<String>, Option<String>)) -> Self {
        Self { field: Some(field), values, ..Self::of(issue, by, "updated") }
    }
    pub fn deleted(issue: &str, by: &str) -> Self {
        Self { field: Some("issue"), ..Self::of(issue, by, "deleted") }
    }
    pub fn said(issue: &str, by: &str, comment: &str) -> Self {
        Self { comment: Some(comment.into()), ..Self::of(issue, by, "created") }
    }
}

/// A delivery that left.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    /// What the receiver answered; `None`: nothing.
    status: Option<u16>,
}

impl FakePlane {
    /// From now on deliveries go to this address, too.
    pub fn hook(&self, address: &str, secret: &str) {
        self.shared.lock().hooks.push((address.to_owned(), secret.to_owned()));
    }

    /// What becomes of deliveries from now on.
    pub fn hooks(&self, mode: PlaneHooks) {
        self.shared.lock().mode = mode;
    }

    /// What was held is sent now, in the order that `order` makes of it; their data is read only now.
    pub fn release(&self, order: impl FnOnce(usize) -> Vec<usize>) {
        let mut inside = self.shared.lock();
        let held = std::mem::take(&mut inside.held);
        let ordered = order(held.len()).into_iter().filter_map(|at| held.get(at).cloned()).collect::<Vec<_>>();
        let mode = std::mem::replace(&mut inside.mode, PlaneHooks::Sent);
        inside.held = ordered;
        drop(inside);
        self.shared.deliver();
        self.shared.lock().mode = mode;
    }

    /// Waits until nothing is on its way; what each delivery was answered.
    pub fn settled(&self, patience: Duration) -> Vec<Option<u16>> {
        let guard = self.shared.lock();
        let waited = self.shared.changed.wait_timeout_while(guard, patience, |inside| inside.flying > 0);
        waited.unwrap_or_else(PoisonError::into_inner).0.sent.iter().map(|sent| sent.status).collect()
    }

    /// A delivery with this body, signed with this secret: its headers.
    pub fn signed(body: &str, secret: &str) -> Vec<(String, String)> {
        vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("user-agent".to_owned(), "Autopilot".to_owned()),
            ("x-plane-delivery".to_owned(), "0f98a721-7b2f-4681-8e7c-2289989ca839".to_owned()),
            ("x-plane-event".to_owned(), "issue".to_owned()),
            ("x-plane-signature".to_owned(), signature(body, secret)),
        ]
    }

    /// Sends a request as a webhook would; what is answered.
    pub fn send(address: &str, body: &str, headers: &[(String, String)]) -> Option<u16> {
        post(address, body, headers)
    }

    /// The body that tells that an issue was changed, as it would be sent now.
    pub fn body_of(&self, issue: &str, by: &str) -> String {
        let inside = self.shared.lock();
        body(&inside, &Happened::updated(issue, by, "state", (None, None)))
    }
}

/// Python's `json.dumps`: blanks behind separators, and nothing beyond ASCII.
fn dumped(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(dumped).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, value)| format!("{}: {}", dumped(&name.as_str().into()), dumped(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        Value::String(text) => {
            let mut out = String::new();
            for unit in Value::from(text.as_str()).to_string().encode_utf16() {
                match char::from_u32(u32::from(unit)).filter(char::is_ascii) {
                    Some(letter) => out.push(letter),
                    None => out.push_str(&format!("\\u{unit:04x}")),
                }
            }
            out
        }
        other => other.to_string(),
    }
}

fn signature(body: &str, secret: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(body.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is told of it, as things are now.
fn body(inside: &Inside, happened: &Happened) -> String {
    let Some(issue) = inside.issue(&happened.issue) else { return "{}".to_owned() };
    let said = happened.comment.as_ref().and_then(|id| issue.comments.iter().find(|said| said.id == *id));
    let (event, data) = match (said, happened.action) {
        (Some(said), _) => ("issue_comment", answers::comment(issue, said, inside.release)),
        (None, "deleted") => ("issue", json!({ "id": issue.id })),
        (None, _) => {
            let mut data = answers::detail(issue);
            if let Some(fields) = data.as_object_mut() {
                fields.remove("type_id");
            }
            let state = inside.state(&issue.project, &issue.state);
            data["state"] = state.map_or(
                Value::Null,
                |state| json!({ "id": state.id, "name": state.name, "color": "#60646C", "group": state.group }),
            );
            ("issue", data)
        }
    };
    let actor = json!({
        "id": inside.account_id(&happened.by), "first_name": happened.by, "last_name": "", "avatar": "",
        "email": format!("{}@example.test", happened.by), "avatar_url": null, "display_name": happened.by,
    });
    dumped(&json!({
        "event": event,
        "action": happened.action,
        "webhook_id": "c85691a2-6cbf-42fc-8e3c-f8dffe073c8e",
        "workspace_id": answers::WORKSPACE_ID,
        "data": data,
        "activity": {
            "field": happened.field, "old_value": happened.values.0, "new_value": happened.values.1, "actor": actor,
            "old_identifier": null, "new_identifier": null,
        },
    }))
}

impl Inside {
    pub(super) fn happened(&mut self, happened: Happened) {
        if self.mode != PlaneHooks::Lost {
            self.held.push(happened);
        }
    }
}

impl Shared {
    /// Sends what is to be sent, beside everything else.
    pub(super) fn deliver(self: &Arc<Self>) {
        let mut inside = self.lock();
        if inside.mode == PlaneHooks::Held {
            return;
        }
        let times = if inside.mode == PlaneHooks::Doubled { 2 } else { 1 };
        let events = std::mem::take(&mut inside.held);
        let mut calls: Vec<(String, String, String)> = Vec::new();
        for happened in events {
            let body = body(&inside, &happened);
            for (address, secret) in &inside.hooks {
                calls.extend((0..times).map(|_| (address.clone(), secret.clone(), body.clone())));
            }
        }
        if calls.is_empty() {
            return;
        }
        inside.flying += calls.len();
        drop(inside);
        let shared = Arc::clone(self);
        // One worker for each batch: its order is kept, and that of two batches is not.
        std::thread::spawn(move || {
            for (address, secret, body) in calls {
                let status = FakePlane::send(&address, &body, &FakePlane::signed(&body, &secret));
                let mut inside = shared.lock();
                inside.sent.push(Sent { status });
                inside.flying -= 1;
                drop(inside);
                shared.changed.notify_all();
            }
        });
    }
}

fn post(address: &str, body: &str, headers: &[(String, String)]) -> Option<u16> {
    let rest = address.strip_prefix("http://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    let mut head = format!("POST /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("Content-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).ok()?;
    // Who is told too much may answer before the end of it.
    let _rest = stream.write_all(body.as_bytes());
    let mut answer = Vec::new();
    // Who answers early may close without reading to the end.
    let _read = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).split_whitespace().nth(1)?.parse().ok()
}
