//! The scripted model server, over real sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use orch_testkit::model_server::{Deed, ModelServer, Step, Turn};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

/// A client that keeps its connection as long as the server does.
struct Client(BufReader<TcpStream>);

impl Client {
    fn new(server: &ModelServer) -> Self {
        let stream = TcpStream::connect(server.address().strip_prefix("http://").unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    fn send(&mut self, path: &str, key: &str, body: &Value) {
        let body = body.to_string();
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {key}\r\nContent-Length: {length}\r\n\r\n");
        self.0.get_mut().write_all(format!("{head}{body}").as_bytes()).unwrap();
    }

    /// Status, and the body as far as the answer has a length.
    fn whole(&mut self) -> (u16, Value) {
        let (status, length) = self.head();
        let mut body = vec![0; length.unwrap()];
        self.0.read_exact(&mut body).unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    fn head(&mut self) -> (u16, Option<usize>) {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut length = None;
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            let Some((name, value)) = line.split_once(':') else { return (status, length) };
            if name == "content-length" {
                length = value.trim().parse().ok();
            }
        }
    }

    /// Everything until the server closes.
    fn rest(&mut self) -> String {
        let mut text = String::new();
        self.0.read_to_string(&mut text).unwrap();
        text
    }
}

fn asks(words: &str) -> Value {
    json!({"model": "m", "tools": [{"name": "Bash"}], "messages": [{"role": "user", "content": words}]})
}

fn text(answer: &(u16, Value)) -> &str {
    answer.1["content"][0]["text"].as_str().unwrap()
}

#[test]
fn each_conversation_has_its_script_and_the_last_step_repeats() {
    let server = ModelServer::start().unwrap();
    server.play("", [Step::says("anybody")]);
    server.play("T-001", [Step::says("first"), Step::says("second")]);
    server.play("key-of-ben", [Step::says("ben")]);
    let mut client = Client::new(&server);
    let mut said = Vec::new();
    for (key, words) in [("k", "T-001"), ("key-of-ben", "hi"), ("k", "T-001 again"), ("k", "T-001"), ("k", "T-002")] {
        client.send("/v1/messages?beta=true", key, &asks(words));
        said.push(text(&client.whole()).to_owned());
    }
    assert_eq!(said, ["first", "ben", "second", "second", "anybody"]);
    let requests = server.requests();
    assert_eq!(requests[1].conversation.as_deref(), Some("key-of-ben"));
    assert!(requests[2].says("T-001 again") && requests[2].header("x-api-key") == Some("k"));
}

#[test]
fn a_request_beside_the_work_takes_no_step() {
    let server = ModelServer::start().unwrap();
    server.play("", [Step::says("the work")]);
    let mut client = Client::new(&server);
    client.send("/v1/messages", "k", &json!({"model": "m", "messages": "a title, please"}));
    assert_ne!(text(&client.whole()), "the work");
    client.send("/v1/messages/count_tokens", "k", &asks(""));
    assert_eq!(client.whole(), (200, json!({"input_tokens": 1000})));
    client.send("/v1/elsewhere", "k", &asks(""));
    assert_eq!(client.whole().0, 404);
    client.send("/v1/messages", "k", &asks(""));
    assert_eq!(text(&client.whole()), "the work");
}

#[test]
fn an_answer_waits_for_its_gate() {
    let server = ModelServer::start().unwrap();
    server.play("slow", [Step::says("at last").after("gate")]);
    let (mut slow, mut quick) = (Client::new(&server), Client::new(&server));
    slow.send("/v1/messages", "k", &asks("slow"));
    assert_eq!(server.await_requests("slow", 1, PATIENCE).unwrap().len(), 1);
    quick.send("/v1/messages", "k", &asks("quick"));
    assert_eq!(quick.whole().0, 200, "the others are served meanwhile");
    server.open("gate");
    assert_eq!(text(&slow.whole()), "at last");
    assert!(server.await_requests("nobody", 1, Duration::from_millis(1)).is_none());
}

#[test]
fn a_stream_is_whole_or_cut_or_silent() {
    let server = ModelServer::start().unwrap();
    let turn = || Turn { text: "words".to_owned(), ..Turn::default() };
    server.play("", [Step::says("words"), Step::of(Deed::Cut(turn(), 4)), Step::of(Deed::Silence(turn(), 2))]);
    let mut streamed = asks("");
    streamed["stream"] = json!(true);
    for expected in [true, false] {
        let mut client = Client::new(&server);
        client.send("/v1/messages", "k", &streamed);
        assert_eq!(client.head().0, 200);
        assert_eq!(client.rest().contains("message_stop"), expected);
    }
    let mut client = Client::new(&server);
    client.send("/v1/messages", "k", &streamed);
    client.head();
    let mut lines = String::new();
    while !lines.ends_with("data: {\"type\":\"ping\"}\n\n") {
        assert_ne!(client.0.read_line(&mut lines).unwrap(), 0, "{lines}");
    }
    client.0.get_ref().set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut byte = [0];
    let nothing = client.0.read(&mut byte).unwrap_err();
    assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock, "the connection stays and nothing comes");
    // Dropping the server must end the silence too.
    drop(server);
    client.0.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(matches!(client.0.read(&mut byte), Ok(0) | Err(_)));
}

#[test]
fn an_error_has_its_status_and_headers() {
    let server = ModelServer::start().unwrap();
    server.play("", [Step::error(429, "rate_limit_error", "slowly", &[("retry-after", "7")])]);
    let mut client = Client::new(&server);
    client.send("/v1/messages", "k", &asks(""));
    let (status, body) = client.whole();
    assert_eq!((status, &body["error"]["type"]), (429, &json!("rate_limit_error")));
}
