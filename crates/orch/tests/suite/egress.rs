//! `orch egress`: the proxy of a run as a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

const CANARY: &str = "sk-ant-api03-CANARY";

fn start(run: &Path, base_url: &str) -> (Child, Value) {
    let key_file = run.join("key");
    std::fs::write(&key_file, format!("{CANARY}\n")).unwrap();
    std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let config = json!({
        "listen": "tcp", "run_key": "worthless-0123456789", "allow": [], "run_directory": run,
        "model": { "name": "anthropic", "wire": "anthropic_messages", "base_url": base_url, "key_file": key_file },
    });
    std::fs::write(run.join("egress.json"), config.to_string()).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_orch"))
        .arg("egress")
        .arg(run.join("egress.json"))
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(!line.contains("CANARY"), "{line}");
    (child, serde_json::from_str(&line).unwrap())
}

#[test]
fn it_serves_until_its_input_ends_and_leaves_its_counts() {
    let run = tempfile::tempdir().unwrap();
    // Nobody listens there.
    let (mut child, ready) = start(run.path(), "http://127.0.0.1:1");
    assert_eq!(ready["ready"], true);
    let port = u16::try_from(ready["port"].as_u64().unwrap()).unwrap();
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let head = "POST /v1/messages HTTP/1.1\r\nx-api-key: worthless-0123456789\r\nconnection: close\r\n";
    socket.write_all(format!("{head}content-length: 2\r\n\r\n{{}}").as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 529") && !answer.contains("CANARY"), "{answer}");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    let counted: Value =
        serde_json::from_str(&std::fs::read_to_string(run.path().join("metered.json")).unwrap()).unwrap();
    assert_eq!((counted["requests"].as_u64(), counted["cost_micros"].as_u64()), (Some(0), Some(0)));
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
}

#[test]
fn what_keeps_it_from_starting_is_said_in_its_line() {
    let run = tempfile::tempdir().unwrap();
    let (mut child, ready) = start(run.path(), "http://models.example.com");
    assert_eq!(ready["ready"], false);
    assert!(ready["problem"].as_str().unwrap().contains("models.anthropic.base_url"), "{ready}");
    assert!(!child.wait().unwrap().success());
}
