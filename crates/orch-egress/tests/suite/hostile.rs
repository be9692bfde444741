//! Requests that no honest client makes.

use std::io::{Read, Write};

use orch_egress::{Config, Wire};

use crate::vendor::{Vendor, fixture, json};
use crate::world::{Proxy, RUN_KEY, request};

fn proxy(change: impl FnOnce(&mut Config)) -> (Vendor, Proxy) {
    let vendor = Vendor::start(vec![fixture("anthropic-text-turn")]);
    let proxy = Proxy::with(Wire::AnthropicMessages, &vendor.url(), change);
    (vendor, proxy)
}

#[test]
fn readers_cannot_be_made_to_disagree_about_the_end_of_a_request() {
    let (vendor, proxy) = proxy(|_| {});
    for headers in [
        "content-length: 2\r\ntransfer-encoding: chunked",
        "content-length: 2\r\ncontent-length: 3",
        "content-length: +2",
        "content-length: 2, 2",
        "content-length: -1",
        "content-length: 99999999999999999999999",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "transfer-encoding: identity",
    ] {
        let ask = format!(
            "POST /v1/messages HTTP/1.1\r\nx-api-key: {RUN_KEY}\r\n{headers}\r\n\r\n{{}}GET / HTTP/1.1\r\n\r\n"
        );
        assert_eq!(proxy.raw(ask.as_bytes()).status, 400, "{headers}");
    }
    for ask in [
        "GET\r\n\r\n",
        "\u{1}\u{2}\r\n\r\n",
        "POST /v1/messages HTTP/1.1\r\n a: folded\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
    ] {
        assert_eq!(proxy.raw(ask.as_bytes()).status, 400, "{ask:?}");
    }
    assert!(vendor.heard_nothing());
}

#[test]
fn heads_are_bounded_in_bytes_and_in_number() {
    let (vendor, proxy) = proxy(|_| {});
    let long = format!("POST /v1/messages HTTP/1.1\r\nx: {}", "y".repeat(200_000));
    assert_eq!(proxy.raw(long.as_bytes()).status, 400);
    let many = format!("POST /v1/messages HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(200));
    assert_eq!(proxy.raw(many.as_bytes()).status, 400);
    assert!(vendor.heard_nothing());
}

#[test]
fn who_sends_its_head_drop_by_drop_is_left() {
    let (_vendor, proxy) = proxy(|config| config.limits.head_ms = 300);
    let mut socket = proxy.connect();
    socket.write_all(b"POST /v1/messages HTTP/1.1\r\nx-").unwrap();
    assert_eq!(socket.read(&mut [0; 1]).unwrap(), 0, "it hangs up");
}

#[test]
fn requests_are_bounded_whether_they_say_their_length_or_not() {
    let (vendor, proxy) = proxy(|config| config.limits.request_bytes = 1000);
    assert_eq!(proxy.ask("/v1/messages", &"x".repeat(1001)).status, 413);
    assert!(vendor.heard_nothing());
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nx-api-key: {RUN_KEY}\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    let chunk = format!("1f4\r\n{}\r\n", " ".repeat(500));
    assert_eq!(proxy.raw(format!("{head}{}0\r\n\r\n", chunk.repeat(3)).as_bytes()).status, 413);
    assert!(vendor.heard_nothing(), "a request that broke off is none");
    assert_eq!(proxy.raw(format!("{head}{}2\r\n{{}}\r\n0\r\n\r\n", chunk).as_bytes()).status, 200);
}

#[test]
fn connections_are_bounded_and_the_next_run_of_one_is_served_again() {
    let (_vendor, proxy) = proxy(|config| config.limits.connections = 2);
    let (mut one, mut two) = (proxy.connect(), proxy.connect());
    // Served, so both are counted.
    for socket in [&mut one, &mut two] {
        let ask = format!("HEAD / HTTP/1.1\r\nx-api-key: {RUN_KEY}\r\n\r\n");
        socket.write_all(ask.as_bytes()).unwrap();
        assert!(socket.read(&mut [0; 1000]).unwrap() > 0);
    }
    let mut third = proxy.connect();
    let mut text = String::new();
    third.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 503"), "{text}");
    drop((one, two));
    // The place is free once the thread has seen the end.
    let served = (0..200).any(|_| proxy.ask("/v1/messages", "{}").status == 200);
    assert!(served);
}

#[test]
fn an_answer_cannot_smuggle_headers_of_the_connection() {
    let headers = ["set-cookie: a=b", "connection: x-secret", "x-secret: 1", "proxy-authenticate: Basic", "x-fine: 1"];
    let vendor = Vendor::start(vec![json(200, &headers, "{}")]);
    let proxy = Proxy::of(Wire::AnthropicMessages, &vendor.url());
    let answer = proxy.ask("/v1/messages", "{}");
    assert!(answer.has("x-fine: 1"));
    for name in ["set-cookie", "x-secret", "proxy-authenticate"] {
        assert!(!answer.head.contains(name), "{}", answer.head);
    }
}

#[test]
fn the_journal_does_not_grow_without_end_and_holds_no_query() {
    let (_vendor, mut proxy) = proxy(|config| config.limits.journal_bytes = 2000);
    let long = format!("/{}?token=hush", "a".repeat(5000));
    for _ in 0..40 {
        proxy.raw(&request("GET", &long, &[], ""));
    }
    proxy.end();
    let length = std::fs::metadata(proxy.run_directory().join("egress.jsonl")).unwrap().len();
    assert!((1000..=2000).contains(&length), "{length}");
    let lines = proxy.journal();
    assert_eq!(lines.last().unwrap()["kind"], "full");
    assert!(lines.iter().all(|line| !line.to_string().contains("hush")));
}

#[test]
fn plain_http_and_other_forms_are_turned_away_in_words() {
    let (vendor, proxy) = proxy(|_| {});
    for target in ["http://example.com/", "http://169.254.169.254/latest/meta-data?x=hush", "*", "example.com:80"] {
        let answer = proxy.raw(format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes());
        assert_eq!(answer.status, 403, "{target}");
        assert!(answer.body.contains("egress.allow"), "{}", answer.body);
    }
    assert!(vendor.heard_nothing());
    assert!(proxy.journal().iter().all(|line| !line.to_string().contains("hush")));
}
