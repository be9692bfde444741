//! Stands in for the `orch` binary where the suite tests the world itself.
//!
//! `up --port N` says where it listens, is ready at the second question, and leaves a process behind, as a run is left.
//! `up --port N --refuse` ends with 8. `linger` stays until killed. Anything else prints its arguments and its environment.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("up") if arguments.contains(&"--refuse".to_owned()) => {
            let _ = writeln!(std::io::stderr(), "error: the port is taken");
            std::process::exit(8);
        }
        Some("up") => serve(arguments[2].parse().expect("a port")),
        Some("linger") => loop {
            std::thread::park();
        },
        _ => {
            let _ = writeln!(std::io::stdout(), "{arguments:?}");
            for (name, value) in std::env::vars() {
                let _ = writeln!(std::io::stdout(), "{name}={value}");
            }
            std::process::exit(i32::from(arguments.contains(&"--fail".to_owned())));
        }
    }
}

#[expect(clippy::zombie_processes, reason = "to be left behind is what the process is for")]
fn serve(port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    let program = std::env::current_exe().expect("its own path");
    let left = Command::new(program)
        .arg("linger")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process to leave behind");
    let _ = writeln!(std::io::stdout(), "left behind: {}", left.id());
    let _ = writeln!(std::io::stdout(), "listening on http://127.0.0.1:{port}");
    let mut asked = 0;
    for stream in listener.incoming() {
        let mut stream = stream.expect("a connection");
        let mut head = String::new();
        let mut reader = BufReader::new(&stream);
        while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|read| read > 0) {}
        let status = if head.starts_with("GET /readyz") {
            asked += 1;
            if asked < 2 { "503 Service Unavailable" } else { "200 OK" }
        } else {
            "200 OK"
        };
        let _ = stream.write_all(format!("HTTP/1.0 {status}\r\n\r\n{head}asked {asked} times").as_bytes());
    }
}
