//! Who holds which key, and who never sees one.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use orch_egress::Wire;
use orch_egress::credential::Credential;

use crate::vendor::{Vendor, fixture, json};
use crate::world::{CANARY, Proxy, RUN_KEY, request, write_key};

const ANTHROPIC: Wire = Wire::AnthropicMessages;
const OPENAI: Wire = Wire::OpenAiResponses;

fn with_key(wire: Wire, key: &str) -> (Vendor, Proxy) {
    let vendor = Vendor::start(vec![json(200, &[], "{}")]);
    let proxy = Proxy::with(wire, &vendor.url(), |config| {
        write_key(&config.model.as_ref().unwrap().key_file, key);
    });
    (vendor, proxy)
}

#[test]
fn the_real_key_goes_where_its_kind_belongs_and_the_worthless_one_nowhere() {
    for (wire, path, key, header) in [
        (ANTHROPIC, "/v1/messages", "sk-ant-api03-abc", "x-api-key: sk-ant-api03-abc"),
        (ANTHROPIC, "/v1/messages", "sk-ant-oat01-abc", "authorization: Bearer sk-ant-oat01-abc"),
        (OPENAI, "/v1/responses", "sk-proj-abc", "authorization: Bearer sk-proj-abc"),
    ] {
        let (vendor, proxy) = with_key(wire, key);
        let bearer = format!("authorization: Bearer {RUN_KEY}");
        assert_eq!(proxy.raw(&request("POST", path, &[&bearer, "cookie: a=b"], "{}")).status, 200);
        let heard = vendor.hears();
        assert!(heard.has(header) && !heard.head.contains(RUN_KEY) && !heard.head.contains("cookie"), "{}", heard.head);
        assert_eq!(heard.head.matches("authorization").count() + heard.head.matches("x-api-key").count(), 1);
    }
}

#[test]
fn an_oauth_token_brings_its_beta_once_and_keeps_the_others() {
    let (vendor, proxy) = with_key(ANTHROPIC, "sk-ant-oat01-abc");
    proxy.raw(&request("POST", "/v1/messages", &["anthropic-beta: a-2025,b-2026"], "{}"));
    let heard = vendor.hears();
    assert!(heard.has("anthropic-beta: a-2025,b-2026") && heard.has("anthropic-beta: oauth-2025-04-20"));
    proxy.raw(&request("POST", "/v1/messages", &["anthropic-beta: x, oauth-2025-04-20"], "{}"));
    assert_eq!(vendor.hears().head.matches("oauth-2025-04-20").count(), 1);
}

#[test]
fn nobody_is_served_without_the_runs_key() {
    let vendor = Vendor::start(vec![json(200, &[], "{}")]);
    let proxy = Proxy::of(ANTHROPIC, &vendor.url());
    let longer = format!("x-api-key: {RUN_KEY}x");
    let shorter = format!("authorization: Bearer {}", &RUN_KEY[..RUN_KEY.len() - 1]);
    let basic = format!("authorization: Basic {RUN_KEY}");
    for header in ["x: y", "x-api-key:", &longer, &shorter, &basic, &format!("x-api-key: {CANARY}")] {
        let ask =
            format!("POST /v1/messages HTTP/1.1\r\nconnection: close\r\n{header}\r\ncontent-length: 2\r\n\r\n{{}}");
        let answer = proxy.raw(ask.as_bytes());
        assert_eq!(answer.status, 401, "{header}");
        assert!(answer.has("x-should-retry: false"));
        assert_eq!(answer.json()["error"]["type"], "authentication_error");
    }
    assert!(vendor.heard_nothing());
}

#[test]
fn only_the_models_own_paths_go_out() {
    let vendor = Vendor::start(vec![json(200, &[], "{}")]);
    let proxy = Proxy::of(ANTHROPIC, &vendor.url());
    for (method, path) in [
        ("GET", "/v1/messages"),
        ("POST", "/v1/responses"),
        ("POST", "/v1/files"),
        ("POST", "/v1/messages/"),
        ("POST", "/v1/messages/../files"),
        ("POST", "/v1/messages/batches"),
        ("DELETE", "/v1/messages"),
        ("GET", "/"),
        ("POST", "//v1/messages"),
        ("POST", "/v1/organizations/api_keys"),
    ] {
        let answer = proxy.raw(&request(method, path, &[], ""));
        assert_eq!(answer.status, 404, "{method} {path}");
    }
    assert_eq!(proxy.raw(&request("HEAD", "/", &[], "")).status, 200);
    assert!(vendor.heard_nothing());
}

#[test]
fn credentials_that_are_renewed_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let told = |wire, text: &str| {
        write_key(&file, text);
        Credential::read("x", &file, wire).unwrap_err()
    };
    let claude = told(ANTHROPIC, r#"{"claudeAiOauth":{"accessToken":"sk-ant-oat01-CANARY","refreshToken":"r"}}"#);
    assert!(claude.contains("setup-token") && claude.contains("models.x") && !claude.contains("CANARY"), "{claude}");
    let codex = told(OPENAI, r#"{"OPENAI_API_KEY":null,"tokens":{"access_token":"CANARY"}}"#);
    assert!(codex.contains("auth.json") && !codex.contains("CANARY"), "{codex}");
    assert!(told(OPENAI, "eyJhbGciOiJSUzI1NiCANARY").contains("renewed"));
    assert!(told(OPENAI, "").contains("empty"));
    assert!(told(OPENAI, "two words").contains("no key has"));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(Credential::read("x", &file, OPENAI).unwrap_err().contains("chmod 600"));
}

#[test]
fn a_proxy_that_cannot_start_says_why_and_ends() {
    let proxy = Proxy::with(ANTHROPIC, "http://api.example.com", |_| {});
    assert_eq!(proxy.first_line["ready"], false);
    let problem = proxy.first_line["problem"].as_str().unwrap();
    assert!(problem.contains("models.test.base_url") && problem.contains("in the clear"), "{problem}");
    for url in ["https://user:pw@api.example.com", "ftp://x", "api.example.com", "", "http://127.0.0.1.example.com"] {
        let proxy = Proxy::of(ANTHROPIC, url);
        assert_eq!(proxy.first_line["ready"], false, "{url}");
        assert!(!proxy.first_line.to_string().contains("pw"));
    }
}

fn holds(folder: &Path, word: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holds(&path, word));
        } else if memchr::memmem::find(&std::fs::read(&path).unwrap(), word).is_some() {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn the_canary_is_seen_by_the_vendor_alone() {
    let error = format!(r#"{{"type":"error","error":{{"type":"x","message":"wrong key {CANARY}."}}}}"#);
    let echo = format!("x-echo: {CANARY}");
    let vendor = Vendor::start(vec![
        fixture("anthropic-text-turn"),
        json(401, &[&echo], &error),
        json(429, &["retry-after: 9999"], &error),
        json(500, &[], &error),
    ]);
    let mut proxy = Proxy::of(ANTHROPIC, &vendor.url());
    for _ in 0..4 {
        let answer = proxy.ask("/v1/messages", "{}");
        assert!(!format!("{answer:?}").contains("CANARY"), "{answer:?}");
        assert!(vendor.hears().head.contains(CANARY));
    }
    proxy.raw(b"CONNECT example.com:443 HTTP/1.1\r\n\r\n");
    let mut half = proxy.connect();
    half.write_all(b"POST /v1/mess").unwrap();
    proxy.end();
    let shown =
        format!("{:?} {}", Credential::read("t", &proxy.folder.path().join("key"), ANTHROPIC), proxy.first_line);
    assert!(!shown.contains("CANARY"), "{shown}");
    assert_eq!(holds(proxy.folder.path(), b"CANARY"), [proxy.folder.path().join("key").display().to_string()]);
    let with_run_key = holds(proxy.folder.path(), RUN_KEY.as_bytes());
    assert_eq!(with_run_key, [proxy.run_directory().join("egress.json").display().to_string()]);
}

/// A gateway that repeats what it was asked hands the key to nobody, in whatever answer it stands.
#[test]
fn a_good_answer_that_repeats_the_key_is_cleaned() {
    let body = format!(r#"{{"echo":"{CANARY}","usage":{{"input_tokens":1,"output_tokens":1}},"model":"m"}}"#);
    let pieces: String =
        body.as_bytes().chunks(7).map(|c| format!("{:x}\r\n{}\r\n", c.len(), String::from_utf8_lossy(c))).collect();
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{pieces}0\r\n\r\n"
    );
    let stream =
        format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: {body}\n\n");
    let echo = format!("x-echo: {CANARY}");
    for say in [
        json(200, &[&echo], &body),
        crate::vendor::Say::Bytes(chunked.into_bytes()),
        crate::vendor::Say::Bytes(stream.into_bytes()),
    ] {
        let vendor = Vendor::start(vec![say]);
        let proxy = Proxy::of(ANTHROPIC, &vendor.url());
        let answer = proxy.ask("/v1/messages", "{}");
        assert_eq!(answer.status, 200);
        assert!(!format!("{answer:?}").contains("CANARY"), "{answer:?}");
        assert!(answer.body.contains(&"*".repeat(CANARY.len())), "{answer:?}");
    }
}

/// Nothing goes out that has the vendor reach further than the run may.
#[test]
fn a_request_for_more_than_an_answer_stays_here() {
    let vendor = Vendor::start(vec![json(200, &[], "{}")]);
    let body = r#"{"tools":[{"type":"web_fetch_20250910","name":"f"}]}"#;
    let proxy = Proxy::of(ANTHROPIC, &vendor.url());
    let answer = proxy.ask("/v1/messages", body);
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("models.test.vendor_tools"), "{}", answer.body);
    assert!(vendor.heard_nothing());
    let open = Proxy::with(ANTHROPIC, &vendor.url(), |config| config.model.as_mut().unwrap().vendor_tools = true);
    assert_eq!(open.ask("/v1/messages", body).status, 200);
}
