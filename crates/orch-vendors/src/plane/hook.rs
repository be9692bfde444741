//! Webhooks of Plane. What one says is only a reason to look: `data` is read when the worker handles the event, and the
//! value that is named may have been overtaken by then.

use orch_ports::tracker::{HookHeard, HookRequest};
use orch_rules::observation::{Object, ObjectKind};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::signature::{hex, is_signed};

/// Header with the signature: HMAC-SHA256 over the body, hex.
const SIGNATURE: &str = "x-plane-signature";
/// Kinds of events that are about no issue.
const OTHERS: [&str; 3] = ["project", "cycle", "module"];

/// What a request is; `secret` as the webhook's page shows it, with its prefix. `own` is the project that it came to.
pub(super) fn heard(request: &HookRequest, secret: &str, own: &str) -> HookHeard {
    let Some(signature) = request.headers.get(SIGNATURE) else { return HookHeard::Refused("it is not signed") };
    if !is_signed(&request.body, secret, signature) {
        return HookHeard::Refused("its signature is not that of the webhook's secret");
    }
    let key = hex(&Sha256::digest(&request.body));
    let told = |project: &str, hints, by| HookHeard::Told { project: project.to_owned(), key: key.clone(), hints, by };
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else { return told(own, Vec::new(), None) };
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let event = text(&body, "event").unwrap_or_default();
    if body.get("version").is_some() || body.get("event_id").is_some() {
        let version = text(&body, "version").unwrap_or_else(|| "newer".to_owned());
        return HookHeard::Ignored(format!(
            "it has the form {version} of Plane's commercial editions ({event}), which is not read; changes are found by \
             looking"
        ));
    }
    let data = body.get("data").unwrap_or(&Value::Null);
    let issue = match event.as_str() {
        "issue" => text(data, "id"),
        "issue_comment" => text(data, "issue"),
        other if OTHERS.contains(&other) => return HookHeard::Ignored(format!("it is about a {other}")),
        _ => None,
    };
    // What is left of a deleted issue names no project.
    let project = text(data, "project").unwrap_or_else(|| own.to_owned());
    let hints = issue.filter(|id| is_uuid(id)).map(|id| Object::new(ObjectKind::Issue, id));
    let by = body.pointer("/activity/actor/id").and_then(Value::as_str).map(str::to_owned);
    told(&project, hints.into_iter().collect(), by)
}

/// It becomes a part of addresses.
pub(super) fn is_uuid(text: &str) -> bool {
    let dashes = [8, 13, 18, 23];
    let fits = |(at, byte): (usize, u8)| if dashes.contains(&at) { byte == b'-' } else { byte.is_ascii_hexdigit() };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};

    use super::*;

    const SECRET: &str = "plane_wh_s3cret";
    const OWN: &str = "02cb78ef-5675-4598-b3b9-60ab35abf14b";

    fn signed(body: &str) -> HookRequest {
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(body.as_bytes());
        let signature = hex(&mac.finalize().into_bytes());
        HookRequest { headers: [(SIGNATURE.to_owned(), signature)].into(), body: body.into() }
    }

    #[test]
    fn nobody_else_is_heard() {
        let good = signed("{}");
        for (what, request) in [
            ("unsigned", HookRequest { headers: Default::default(), ..good.clone() }),
            ("another body", HookRequest { body: b"{ }".to_vec(), ..good.clone() }),
            ("half a signature", {
                let mut request = good.clone();
                request.headers.values_mut().for_each(|signature| signature.truncate(32));
                request
            }),
            ("no hex", HookRequest { headers: [(SIGNATURE.to_owned(), "ü".repeat(32))].into(), ..good.clone() }),
        ] {
            assert!(matches!(heard(&request, SECRET, OWN), HookHeard::Refused(_)), "{what}");
        }
        assert!(matches!(heard(&good, "", OWN), HookHeard::Refused(_)), "no secret is none");
        assert!(matches!(heard(&good, "plane_wh_other", OWN), HookHeard::Refused(_)));
        assert!(matches!(heard(&good, SECRET, OWN), HookHeard::Told { .. }));
    }

    #[test]
    fn what_cannot_be_read_is_kept_and_what_concerns_nobody_is_not() {
        for body in ["no json", "[]", r#"{"event":"issue","data":{"id":"../../users"}}"#, r#"{"event":"mood"}"#] {
            let HookHeard::Told { hints, project, .. } = heard(&signed(body), SECRET, OWN) else { panic!("{body}") };
            assert!(hints.is_empty() && project == OWN, "{body}");
        }
        for body in [
            r#"{"event":"cycle","data":{}}"#,
            r#"{"version":"v2","event":"workitem.updated","event_id":"e","data":{}}"#,
        ] {
            assert!(matches!(heard(&signed(body), SECRET, OWN), HookHeard::Ignored(_)), "{body}");
        }
    }
}
