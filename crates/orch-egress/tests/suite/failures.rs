//! What a vendor's failure becomes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use orch_egress::{Metered, Unavailable, Wire};

use crate::vendor::{Say, Vendor, fixture, json};
use crate::world::{Answer, Proxy, request};

const ANTHROPIC: Wire = Wire::AnthropicMessages;
const OPENAI: Wire = Wire::OpenAiResponses;

fn after(wire: Wire, say: Say) -> (Answer, Metered) {
    let vendor = Vendor::start(vec![say]);
    let mut proxy = Proxy::of(wire, &vendor.url());
    let path = if wire == ANTHROPIC { "/v1/messages" } else { "/v1/responses" };
    let answer = proxy.ask(path, "{}");
    (answer, proxy.end())
}

fn error(kind: &str, more: &str) -> String {
    format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"words"{more}}}}}"#)
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn a_key_that_is_not_accepted_is_not_tried_again() {
    for status in [401, 402, 403] {
        for wire in [ANTHROPIC, OPENAI] {
            let (answer, counted) = after(wire, json(status, &["x-should-retry: true"], &error("x", "")));
            assert_eq!(answer.status, status);
            assert!(answer.has("x-should-retry: false") && !answer.has("x-should-retry: true"), "{}", answer.head);
            let Unavailable { until_ms, reason } = counted.unavailable.unwrap();
            assert_eq!((until_ms, counted.requests), (None, 0));
            assert!(reason.contains(&status.to_string()) && reason.contains("words"), "{reason}");
        }
    }
    let (answer, counted) =
        after(ANTHROPIC, json(400, &[], r#"{"error":{"message":"Your credit balance is too low to access"}}"#));
    assert!(answer.has("x-should-retry: false") && counted.unavailable.is_some());
}

/// A program that asks for a model that is not there would ask for it in every task.
#[test]
fn a_model_that_is_not_offered_is_told_apart() {
    let code =
        |code: &str| format!(r#"{{"error":{{"message":"words","type":"invalid_request_error","code":"{code}"}}}}"#);
    for (wire, status, body, told) in [
        (ANTHROPIC, 404, error("not_found_error", ""), true),
        (OPENAI, 404, code("model_not_found"), true),
        (OPENAI, 400, code("model_not_found"), true),
        (OPENAI, 403, code("model_not_found"), true),
        (ANTHROPIC, 404, "<html>no such page</html>".to_owned(), true),
        (ANTHROPIC, 400, error("invalid_request_error", ""), false),
        (OPENAI, 400, code("context_length_exceeded"), false),
        (ANTHROPIC, 413, error("request_too_large", ""), false),
    ] {
        let (answer, counted) = after(wire, json(status, &[], &body));
        assert_eq!((answer.status, counted.unknown_model.is_some()), (status, told), "{status} {body}");
        assert_eq!((counted.unavailable, counted.unserved), (None, None), "{status} {body}");
        if let Some(words) = counted.unknown_model {
            assert!(words.contains(&status.to_string()), "{words}");
        }
    }
}

/// One run can make a vendor refuse: a model, a feature. The key is out only if it is refused without the run.
#[test]
fn what_is_refused_to_one_run_is_not_refused_to_the_credential() {
    for (wire, path) in [(ANTHROPIC, "/v1/messages"), (OPENAI, "/v1/responses")] {
        for status in [401, 403] {
            for (neutral, out) in [(200, false), (401, true), (403, true), (404, status == 401), (500, status == 401)] {
                let vendor =
                    Vendor::start(vec![json(status, &[], &error("permission_error", "")), json(neutral, &[], "{}")]);
                let mut proxy = Proxy::of(wire, &vendor.url());
                assert_eq!(proxy.ask(path, r#"{"model":"forbidden"}"#).status, status);
                let counted = proxy.end();
                assert_eq!(counted.unavailable.is_some(), out, "{status}, and {neutral} to a neutral question");
                assert_eq!(counted.unserved.is_some(), out, "{status}, {neutral}");
                vendor.hears();
                let asked = vendor.hears();
                assert!(asked.head.starts_with("GET /v1/models HTTP/1.1\n") && asked.body.is_empty(), "{}", asked.head);
            }
        }
    }
}

#[test]
fn a_window_counts_only_if_it_is_what_refused() {
    let far = format!("anthropic-ratelimit-unified-reset: {}", now_s() + 4 * 3600);
    for headers in [
        &["retry-after: 4", "anthropic-ratelimit-unified-status: allowed", &far][..],
        &["retry-after: 4", "anthropic-ratelimit-unified-status: allowed_warning", &far],
        &["anthropic-ratelimit-unified-status: allowed", &far],
        &["retry-after: 4", &far],
    ] {
        let (answer, counted) = after(ANTHROPIC, json(429, headers, &error("rate_limit_error", "")));
        assert_eq!((answer.status, counted.unavailable), (429, None), "{headers:?}");
        assert!(counted.unserved.is_some());
    }
}

#[test]
fn a_short_wait_is_the_clients_affair() {
    for say in [fixture("anthropic-429"), json(429, &["retry-after: 60"], &error("rate_limit_error", ""))] {
        let (answer, counted) = after(ANTHROPIC, say);
        assert_eq!((answer.status, counted.unavailable), (429, None));
        assert!(!answer.head.contains("x-should-retry") && answer.head.contains("retry-after: "), "{}", answer.head);
    }
    let (answer, counted) = after(ANTHROPIC, fixture("anthropic-529"));
    assert_eq!((answer.status, counted.unavailable), (529, None));
    assert!(!answer.head.contains("x-should-retry"));
}

#[test]
fn a_long_wait_is_a_pause_until_a_moment_that_was_told() {
    let at = now_s() + 4000;
    let reset = format!("anthropic-ratelimit-unified-reset: {at}");
    let in_body = format!(r#","resets_at":{at}"#);
    let limit = "rate_limit_error";
    for (wire, say) in [
        (ANTHROPIC, json(429, &["retry-after: 4000"], &error(limit, ""))),
        (
            ANTHROPIC,
            json(429, &["retry-after: 30", "anthropic-ratelimit-unified-status: rejected", &reset], &error(limit, "")),
        ),
        (OPENAI, json(429, &[], &error("usage_limit_reached", &in_body))),
        (OPENAI, json(429, &["retry-after: 4000"], &error("rate_limit_exceeded", ""))),
        (OPENAI, json(429, &[], &error("usage_limit_reached", r#","resets_in_seconds":4000"#))),
    ] {
        let (answer, counted) = after(wire, say);
        assert!(answer.status == 429 && answer.has("x-should-retry: false"), "{}", answer.head);
        let until_s = counted.unavailable.unwrap().until_ms.unwrap() / 1000;
        assert!(until_s.abs_diff(at) <= 60, "{until_s} instead of {at}: {}", answer.head);
        if wire == OPENAI {
            assert!(!answer.has("retry-after: 4000"), "codex would sleep so long");
        }
    }
    let (_, counted) = after(OPENAI, json(429, &[], &error("insufficient_quota", "")));
    assert_eq!(counted.unavailable.unwrap().until_ms, None);
    let date = "retry-after: Fri, 01 Jan 2100 00:00:00 GMT";
    let (_, counted) = after(ANTHROPIC, json(429, &[date], &error(limit, "")));
    assert_eq!(counted.unavailable.unwrap().until_ms, Some(4_102_444_800_000));
}

#[test]
fn a_good_answer_ends_the_pause() {
    // The second one answers the proxy's own question.
    let vendor = Vendor::start(vec![json(401, &[], "{}"), json(401, &[], "{}"), fixture("anthropic-text-turn")]);
    let mut proxy = Proxy::of(ANTHROPIC, &vendor.url());
    proxy.ask("/v1/messages", "{}");
    assert!(Metered::read(&proxy.run_directory()).unwrap().unavailable.is_some());
    proxy.ask("/v1/messages", "{}");
    assert_eq!(proxy.end().unavailable, None);
}

#[test]
fn a_limit_told_inside_of_a_stream_is_one_too() {
    let body = "data: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"insufficient_quota\"},\"usage\":null}}\n\n";
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{body}");
    let (_, counted) = after(OPENAI, Say::Bytes(answer.into_bytes()));
    assert!(counted.unavailable.unwrap().reason.contains("insufficient_quota"));
}

#[test]
fn a_vendor_that_is_not_there_is_an_answer_and_soon() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (wire, path, status) in [(ANTHROPIC, "/v1/messages", 529), (OPENAI, "/v1/responses", 502)] {
        let began = Instant::now();
        let mut proxy = Proxy::of(wire, &format!("http://{closed}"));
        let answer = proxy.ask(path, "{}");
        assert_eq!(answer.status, status);
        assert!(answer.body.contains("cannot be reached") && !answer.head.contains("x-should-retry"));
        assert!(began.elapsed() < Duration::from_secs(15));
        let counted = proxy.end();
        assert_eq!(counted.unavailable, None);
        assert!(counted.unserved.unwrap().contains("cannot be reached"), "told by who knows");
    }
}

#[test]
fn a_vendor_that_says_no_http_or_nothing_is_an_answer_too() {
    let silent = Say::Act(Box::new(|socket| drop(socket.read(&mut [0; 1]))));
    let hangs_up = Say::Act(Box::new(|_| {}));
    for say in [silent, hangs_up, Say::Bytes(b"what?\r\n\r\n".to_vec())] {
        let vendor = Vendor::start(vec![say]);
        let proxy = Proxy::with(ANTHROPIC, &vendor.url(), |config| config.limits.answer_ms = 300);
        assert_eq!(proxy.ask("/v1/messages", "{}").status, 529);
    }
}

/// Says a beginning and holds the connection; tells when the proxy has left it.
fn holding() -> (Vendor, std::sync::mpsc::Receiver<()>) {
    let (tell, left) = channel();
    let act = move |socket: &mut TcpStream| {
        let start = include_str!("fixtures/anthropic-cut-after-4-events.http").replace("connection: close\r\n", "");
        socket.write_all(start.as_bytes()).unwrap();
        let _end = socket.read(&mut [0; 1]);
        tell.send(()).unwrap();
    };
    (Vendor::start(vec![Say::Act(Box::new(act))]), left)
}

#[test]
fn a_stream_that_falls_silent_is_cut_and_what_it_told_is_counted() {
    let (vendor, left) = holding();
    let mut proxy = Proxy::with(ANTHROPIC, &vendor.url(), |config| config.limits.idle_ms = 300);
    let answer = proxy.ask("/v1/messages", "{}");
    assert!(answer.status == 200 && !answer.whole && answer.body.contains("partial answer"), "{answer:?}");
    left.recv_timeout(Duration::from_secs(20)).expect("the vendor's side is given up");
    assert_eq!(proxy.end().input_tokens, 4200);
    assert!(proxy.journal()[0]["broke"].as_str().unwrap().contains("no byte"));
}

#[test]
fn a_run_that_is_gone_ends_its_request_at_the_vendor() {
    let (vendor, left) = holding();
    let mut proxy = Proxy::of(ANTHROPIC, &vendor.url());
    let mut socket = proxy.connect();
    socket.write_all(&request("POST", "/v1/messages", &[], "{}")).unwrap();
    let mut text = Vec::new();
    while memchr::memmem::find(&text, b"partial answer").is_none() {
        let mut piece = [0; 1000];
        let n = socket.read(&mut piece).unwrap();
        text.extend_from_slice(&piece[..n]);
    }
    drop(socket);
    left.recv_timeout(Duration::from_secs(20)).expect("the vendor's side is given up");
    assert_eq!(proxy.end().input_tokens, 4200);
}

#[test]
fn the_end_of_the_run_cuts_what_is_under_way_and_counts_it() {
    let (vendor, left) = holding();
    let mut proxy = Proxy::of(ANTHROPIC, &vendor.url());
    let mut socket = proxy.connect();
    socket.write_all(&request("POST", "/v1/messages", &[], "{}")).unwrap();
    let mut first = [0; 1];
    socket.read_exact(&mut first).unwrap();
    let counted = proxy.end();
    left.recv_timeout(Duration::from_secs(20)).expect("the vendor's side is given up");
    assert_eq!((counted.input_tokens, counted.requests), (4200, 1));
}
