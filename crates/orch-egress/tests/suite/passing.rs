//! What goes through, and how.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::time::Duration;

use orch_egress::{Listen, Wire};

use crate::vendor::{Say, Vendor, fixture, json, read_request};
use crate::world::{Answer, CANARY, Proxy, RUN_KEY, request};

const ANTHROPIC: Wire = Wire::AnthropicMessages;

#[test]
fn the_body_arrives_word_for_word_and_so_does_the_answer() {
    let vendor = Vendor::start(vec![fixture("anthropic-tool-turn")]);
    let proxy = Proxy::of(ANTHROPIC, &vendor.url());
    let body = format!("{{\"words\":\"{}\"}}", "ünïcode ".repeat(10_000));
    let headers = ["anthropic-version: 2023-06-01", "accept-encoding: br, gzip", "x-forwarded-for: 10.1.2.3"];
    let answer = proxy.raw(&request("POST", "/v1/messages?beta=true", &headers, &body));
    let heard = vendor.hears();
    assert_eq!(heard.head.lines().next(), Some("POST /v1/messages?beta=true HTTP/1.1"));
    assert_eq!(String::from_utf8_lossy(&heard.body), body);
    assert!(heard.has("anthropic-version: 2023-06-01") && heard.has("accept-encoding: identity"), "{}", heard.head);
    assert!(!heard.head.contains("gzip") && !heard.head.contains("10.1.2.3"), "{}", heard.head);
    assert!(answer.status == 200 && answer.whole && answer.has("request-id: req_mock0001"), "{}", answer.head);
    let recorded = include_str!("fixtures/anthropic-tool-turn.http");
    assert_eq!(answer.body, recorded.split_once("\r\n\r\n").unwrap().1);
}

#[test]
fn a_chunked_request_goes_on_with_its_length() {
    let vendor = Vendor::start(vec![json(200, &[], "{}")]);
    let proxy = Proxy::of(ANTHROPIC, &vendor.url());
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nx-api-key: {RUN_KEY}\r\nconnection: close\r\ntransfer-encoding: chunked\r\n"
    );
    let answer = proxy.raw(format!("{head}\r\n3;x=y\r\n{{\"a\r\n4\r\n\":1}}\r\n0\r\ntrailer: z\r\n\r\n").as_bytes());
    let heard = vendor.hears();
    assert_eq!((answer.status, heard.body.as_slice()), (200, &br#"{"a":1}"#[..]));
    assert!(heard.has("content-length: 7") && !heard.head.contains("transfer-encoding"));
}

#[test]
fn an_event_is_passed_on_before_the_next_one_exists() {
    let (go, wait) = channel::<()>();
    let act = move |socket: &mut TcpStream| {
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nevent: first\n\n").unwrap();
        wait.recv().unwrap();
        socket.write_all(b"event: second\n\n").unwrap();
    };
    let vendor = Vendor::start(vec![Say::Act(Box::new(act))]);
    let proxy = Proxy::of(ANTHROPIC, &vendor.url());
    let mut socket = proxy.connect();
    socket.write_all(&request("POST", "/v1/messages", &[], "{}")).unwrap();
    let mut text = Vec::new();
    while memchr::memmem::find(&text, b"first\n\n").is_none() {
        let mut piece = [0; 1000];
        let n = socket.read(&mut piece).unwrap();
        assert!(n > 0);
        text.extend_from_slice(&piece[..n]);
    }
    go.send(()).unwrap();
    socket.read_to_end(&mut text).unwrap();
    assert_eq!(Answer::of(&text).body, "event: first\n\nevent: second\n\n");
}

#[test]
fn connections_are_kept_on_both_sides() {
    let vendor = Vendor::start(vec![fixture("anthropic-nonstream-text-turn")]);
    let proxy = Proxy::of(ANTHROPIC, &vendor.url());
    let mut socket = proxy.connect();
    let ask = format!("POST /v1/messages HTTP/1.1\r\nx-api-key: {RUN_KEY}\r\ncontent-length: 2\r\n\r\n{{}}");
    for _ in 0..3 {
        socket.write_all(ask.as_bytes()).unwrap();
        let mut text = Vec::new();
        let mut piece = [0; 4096];
        while !text.ends_with(b"50}}") {
            let n = socket.read(&mut piece).unwrap();
            assert!(n > 0, "it hung up");
            text.extend_from_slice(&piece[..n]);
        }
    }
    assert_eq!(vendor.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_gateway_has_a_path_of_its_own() {
    for base in ["/gateway", "/gateway/", "/gateway/v1"] {
        let vendor = Vendor::start(vec![json(200, &[], "{}")]);
        let proxy = Proxy::of(Wire::OpenAiResponses, &format!("{}{base}", vendor.url()));
        proxy.ask("/v1/responses", "{}");
        assert!(vendor.hears().head.starts_with("POST /gateway/v1/responses HTTP/1.1\n"));
    }
}

#[test]
fn a_unix_socket_serves_and_is_taken_away() {
    use std::os::unix::fs::PermissionsExt;
    let vendor = Vendor::start(vec![fixture("anthropic-text-turn")]);
    let proxy = Proxy::with(ANTHROPIC, &vendor.url(), |config| {
        config.listen = Listen::Unix(config.run_directory.join("model.sock"));
    });
    assert_eq!(proxy.first_line, serde_json::json!({"ready": true, "port": null}));
    let path = proxy.run_directory().join("model.sock");
    let root = rustix::process::geteuid().is_root();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, if root { 0o666 } else { 0o600 });
    let mut socket = std::os::unix::net::UnixStream::connect(&path).unwrap();
    socket.write_all(&request("POST", "/v1/messages", &[], "{}")).unwrap();
    let mut text = Vec::new();
    socket.read_to_end(&mut text).unwrap();
    assert_eq!(Answer::of(&text).status, 200);
    drop(proxy);
    assert!(!path.exists(), "it takes its socket away");
}

#[test]
fn tls_is_checked_against_the_authorities_that_are_trusted() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let server = Arc::new(server);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let (tell, heard) = channel();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let tls = rustls::ServerConnection::new(server.clone()).unwrap();
            let mut stream = BufReader::new(rustls::StreamOwned::new(tls, socket));
            // Two requests on one connection: what TLS sends by itself in between is no answer.
            while let Some(asked) = read_request(&mut stream) {
                tell.send(asked.head).unwrap();
                stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
            }
        }
    });
    let ca = made.cert.pem();
    let trusting = Proxy::with(ANTHROPIC, &url, |config| {
        let file = config.run_directory.join("ca.pem");
        std::fs::write(&file, &ca).unwrap();
        config.model.as_mut().unwrap().ca_file = Some(file);
    });
    for _ in 0..2 {
        assert_eq!(trusting.ask("/v1/messages", "{}").body, "{}");
        assert!(heard.recv_timeout(Duration::from_secs(20)).unwrap().contains(CANARY));
    }
    // This vendor serves one connection at a time.
    drop(trusting);
    let answer = Proxy::of(ANTHROPIC, &url).ask("/v1/messages", "{}");
    assert_eq!(answer.status, 529);
    assert!(answer.body.contains("TLS"), "{}", answer.body);
    assert!(heard.try_recv().is_err(), "the key is not shown to a stranger");
}

#[test]
fn who_asks_for_another_protocol_gets_an_answer_and_no_more() {
    let vendor = Vendor::start(vec![json(200, &[], "{}")]);
    let proxy = Proxy::of(ANTHROPIC, &vendor.url());
    for (method, upgrade) in [("GET", "websocket"), ("POST", "h2c"), ("POST", "TLS/1.0")] {
        let head = format!(
            "{method} /v1/elsewhere HTTP/1.1\r\nx-api-key: {RUN_KEY}\r\nconnection: Upgrade\r\nupgrade: {upgrade}\r\n"
        );
        // Read to the end of the connection, which has to come.
        let answer = proxy.raw(format!("{head}content-length: 0\r\n\r\n").as_bytes());
        assert!(answer.status == 404 && answer.has("connection: close"), "{upgrade}: {}", answer.head);
    }
}
