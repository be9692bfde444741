//! Webhooks of Gitea and Forgejo: what one says is only a reason to look, because none of them is ever sent again. Making
//! them, and mending what somebody changed.

use orch_ports::PortResult;
use orch_ports::forge_hook::ForgeHeard;
use orch_ports::tracker::HookRequest;
use orch_rules::observation::{Object, ObjectKind};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use ureq::http::Method;

use super::api::GiteaApi;
use crate::signature::{hex, is_signed};

/// Header with the signature: HMAC-SHA256 over the body, hex. Servers without a secret send it empty.
const SIGNATURE: &str = "x-gitea-signature";
/// Header with the kind of the event.
const EVENT: &str = "x-gitea-event";
/// What we want to hear of.
pub const EVENTS: [&str; 7] =
    ["push", "create", "delete", "pull_request_only", "pull_request_sync", "pull_request_review", "status"];

/// What a request is; `full_name` is the repository that it came to.
pub(super) fn heard(request: &HookRequest, secret: &str, full_name: &str) -> ForgeHeard {
    let Some(signature) = request.headers.get(SIGNATURE).filter(|shown| !shown.trim().is_empty()) else {
        return ForgeHeard::Refused("it is not signed: the webhook has no secret");
    };
    if !is_signed(&request.body, secret, signature) {
        return ForgeHeard::Refused("its signature is not that of the webhook's secret");
    }
    // The headers are not signed: whoever sends a body once more may give it another name.
    let key = hex(&Sha256::digest(&request.body));
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
        return ForgeHeard::Told { key, hints: Vec::new() };
    };
    let theirs = body.pointer("/repository/full_name").and_then(Value::as_str).unwrap_or_default();
    if !theirs.eq_ignore_ascii_case(full_name) {
        return ForgeHeard::Ignored(format!("it is about {}, which is not {full_name}", plain(theirs)));
    }
    let event = request.headers.get(EVENT).map(String::as_str).unwrap_or_default();
    match object(event, &body) {
        Some(object) => ForgeHeard::Told { key, hints: vec![object] },
        None => ForgeHeard::Ignored(format!("nothing is done about {}", plain(event))),
    }
}

fn object(event: &str, body: &Value) -> Option<Object> {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let branch = |reference: &str| reference.strip_prefix("refs/heads/").map(str::to_owned);
    match event {
        "push" => Some(Object::new(ObjectKind::Branch, branch(text("ref")?)?)),
        "create" | "delete" => {
            let named = text("ref").filter(|_| text("ref_type") == Some("branch"))?;
            Some(Object::new(ObjectKind::Branch, branch(named).unwrap_or_else(|| named.to_owned())))
        }
        "status" => Some(Object::new(ObjectKind::Commit, text("sha").filter(|sha| is_commit(sha))?)),
        "pull_request" | "pull_request_approved" | "pull_request_rejected" | "pull_request_comment" => {
            let number = body.get("number").or_else(|| body.pointer("/pull_request/number"))?.as_u64()?;
            Some(Object::new(ObjectKind::ChangeRequest, number.to_string()))
        }
        _ => None,
    }
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What others wrote, in one short line.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

/// A webhook as the server has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GiteaHook {
    /// Its number.
    pub id: u64,
    /// It sends.
    pub active: bool,
    /// Of [`EVENTS`], those that it does not send.
    pub lacks: Vec<&'static str>,
}

#[derive(Deserialize)]
struct SeenHook {
    id: u64,
    #[serde(default)]
    active: bool,
    #[serde(default)]
    events: Vec<String>,
    #[serde(default)]
    config: HookConfig,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct HookConfig {
    url: String,
}

/// The webhooks that send to this address; `None` if we may not see them.
///
/// # Errors
/// The server's.
pub fn hooks(api: &GiteaApi, address: &str) -> PortResult<Option<Vec<GiteaHook>>> {
    let answer = api.call(Method::GET, "/hooks?limit=50&page=1", None)?;
    if answer.status == 403 {
        return Ok(None);
    }
    let all: Option<Vec<SeenHook>> = api.read("its webhooks", &answer)?;
    let lacks = |hook: &SeenHook| EVENTS.into_iter().filter(|event| !sends(&hook.events, event)).collect();
    let ours = all.unwrap_or_default().into_iter().filter(|hook| hook.config.url == address);
    Ok(Some(ours.map(|hook| GiteaHook { id: hook.id, active: hook.active, lacks: lacks(&hook) }).collect()))
}

/// A server lists the events that it sends by their types, where one that was asked for may stand for several.
fn sends(events: &[String], wanted: &str) -> bool {
    let has = |name: &str| events.iter().any(|event| event == name);
    match wanted {
        "pull_request_only" => has("pull_request") || has("pull_request_only"),
        "pull_request_review" => has("pull_request_review") || has("pull_request_review_approved"),
        other => has(other),
    }
}

/// One webhook for this address, and no other: a secret cannot be changed, so those that are there go first.
///
/// # Errors
/// The server's.
pub fn make_hook(api: &GiteaApi, address: &str, secret: &str) -> PortResult<u64> {
    for old in hooks(api, address)?.unwrap_or_default() {
        let answer = api.call(Method::DELETE, &format!("/hooks/{}", old.id), None)?;
        if answer.status != 404 {
            api.done("an older webhook", &answer)?;
        }
    }
    let config = json!({ "url": address, "content_type": "json", "secret": secret });
    let body = json!({ "type": "gitea", "active": true, "events": EVENTS, "config": config });
    let answer = api.call(Method::POST, "/hooks", Some(body))?;
    api.read::<SeenHook>("the webhook", &answer).map(|hook| hook.id)
}

/// Has the server send a test.
///
/// # Errors
/// The server's.
pub fn test_hook(api: &GiteaApi, id: u64) -> PortResult<()> {
    let answer = api.call(Method::POST, &format!("/hooks/{id}/tests"), None)?;
    api.done("a test of the webhook", &answer)
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};

    use super::*;

    /// What a real server sent: headers in small letters, and the raw body.
    #[derive(Deserialize)]
    struct Recorded {
        name: String,
        event: String,
        signature: String,
        body: String,
    }

    const SECRET: &str = "test-hook-secret";

    fn recorded() -> Vec<(String, HookRequest)> {
        let all: Vec<Recorded> = serde_json::from_str(include_str!("fixtures/webhooks.json")).unwrap();
        let request = |one: Recorded| {
            let headers = [(EVENT.to_owned(), one.event), (SIGNATURE.to_owned(), one.signature)];
            (one.name, HookRequest { headers: headers.into(), body: one.body.into_bytes() })
        };
        all.into_iter().map(request).collect()
    }

    #[test]
    fn what_real_servers_sent_is_heard_and_names_what_to_look_at() {
        let expected = [
            ("push", "branch:main"),
            ("create", "branch:work/one"),
            ("push", "branch:work/one"),
            ("delete", "branch:work/extra"),
            ("push", "ignored"),
            ("pull_request", "change_request:2"),
            ("pull_request", "change_request:2"),
            ("pull_request", "change_request:12"),
            ("status", "commit:17493fd1345f8d5cddef4f469ed2f26041cde9b7"),
            ("status", "commit:17493fd1345f8d5cddef4f469ed2f26041cde9b7"),
            ("pull_request", "change_request:27"),
            ("pull_request_comment", "change_request:27"),
            ("pull_request_rejected", "change_request:27"),
            ("pull_request_approved", "change_request:27"),
            ("pull_request_approved", "change_request:27"),
            ("push", "branch:main"),
            ("status", "commit:eb52eeb26d1186b1b3ccabdbc7c7b8a043ab9fbd"),
            ("pull_request_approved", "change_request:27"),
        ];
        let all = recorded();
        assert_eq!(all.len(), expected.len());
        for ((name, request), (event, object)) in all.into_iter().zip(expected) {
            let body = serde_json::from_slice::<Value>(&request.body).unwrap();
            let full_name = body.pointer("/repository/full_name").unwrap().as_str().unwrap().to_uppercase();
            let heard = match heard(&request, SECRET, &full_name) {
                ForgeHeard::Told { hints, .. } => hints.iter().map(Object::key).collect::<Vec<_>>().join(" "),
                ForgeHeard::Ignored(_) => "ignored".to_owned(),
                ForgeHeard::Refused(why) => panic!("{name}: {why}"),
            };
            assert_eq!((request.headers[EVENT].as_str(), heard.as_str()), (event, object), "{name}");
        }
    }

    #[test]
    fn nobody_else_is_heard() {
        let (_, good) = recorded().remove(0);
        let with = |signature: &str| {
            let headers = [(EVENT.to_owned(), "push".to_owned()), (SIGNATURE.to_owned(), signature.to_owned())];
            HookRequest { headers: headers.into(), ..good.clone() }
        };
        let right = good.headers[SIGNATURE].clone();
        let upper = right.to_uppercase();
        assert!(matches!(heard(&with(&upper), SECRET, "x"), ForgeHeard::Ignored(_)), "hex is hex");
        let changed = HookRequest { body: [&good.body[..], b" "].concat(), ..good.clone() };
        for (what, request, secret) in [
            ("no header", HookRequest { headers: Default::default(), ..good.clone() }, SECRET),
            ("an empty one", with(""), SECRET),
            ("half of it", with(&right[..32]), SECRET),
            ("no hex", with("zz"), SECRET),
            ("an odd one", with(&right[1..]), SECRET),
            ("another body", changed, SECRET),
            ("another secret", good.clone(), "other"),
            ("no secret here", good.clone(), ""),
        ] {
            assert!(matches!(heard(&request, secret, "acme/widgets"), ForgeHeard::Refused(_)), "{what}");
        }
    }

    #[test]
    fn the_same_body_is_the_same_delivery_whatever_its_headers_say() {
        let signed = |body: &str, event: &str| {
            let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
            mac.update(body.as_bytes());
            let headers =
                [(SIGNATURE.to_owned(), hex(&mac.finalize().into_bytes())), (EVENT.to_owned(), event.to_owned())];
            HookRequest { headers: headers.into(), body: body.into() }
        };
        let told = |body: &str, event: &str| heard(&signed(body, event), SECRET, "acme/shop");
        let push = r#"{"ref":"refs/heads/main","repository":{"full_name":"Acme/Shop"}}"#;
        let first = told(push, "push");
        let ForgeHeard::Told { key, hints } = &first else { panic!("{first:?}") };
        assert_eq!((key.len(), hints[0].key()), (64, "branch:main".to_owned()));
        assert_eq!(told(push, "push"), first);
        for (body, event) in [
            (r#"{"ref":"refs/tags/v1","repository":{"full_name":"acme/shop"}}"#, "push"),
            (r#"{"ref":"v1","ref_type":"tag","repository":{"full_name":"acme/shop"}}"#, "create"),
            (r#"{"sha":"../../x","repository":{"full_name":"acme/shop"}}"#, "status"),
            (r#"{"number":"7","repository":{"full_name":"acme/shop"}}"#, "pull_request"),
            (r#"{"repository":{"full_name":"acme/shop"}}"#, "fork"),
            (r#"{"ref":"refs/heads/main","repository":{"full_name":"acme/other"}}"#, "push"),
            ("[]", "push"),
            ("null", ""),
        ] {
            assert!(matches!(told(body, event), ForgeHeard::Ignored(_)), "{event} {body}");
        }
        assert!(matches!(told("no json", "push"), ForgeHeard::Told { hints, .. } if hints.is_empty()));
    }
}
