//! `cargo xtask bench proxy_first_byte`: what the proxy adds to the first byte of an answer, against asking the vendor
//! directly. Both ways keep their connection; the vendor answers at once, on loopback.
#![expect(clippy::print_stdout, reason = "the figure is printed")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use orch_egress::tunnel::Network;
use orch_egress::{Access, Budget, Limits, Listen, Model, Wire, fresh_run_key, serve, write_config};

const ROUNDS: usize = 500;
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 23\r\n\r\nevent: ping\ndata: {} \n\n";

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if !wanted.is_empty() && !wanted.iter().any(|name| name == "proxy_first_byte") {
        return Ok(());
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let vendor = listener.local_addr()?;
    std::thread::spawn(move || listener.incoming().flatten().for_each(|s| drop(std::thread::spawn(move || answer(s)))));

    let folder = std::env::temp_dir().join(format!("orch-egress-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let key_file = folder.join("key");
    std::fs::write(&key_file, "sk-ant-api03-bench\n")?;
    std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o600))?;
    let wire = Wire::AnthropicMessages;
    let model = Model {
        name: "anthropic".to_owned(),
        wire,
        base_url: format!("http://{vendor}"),
        key_file,
        ca_file: None,
        vendor_tools: false,
        budget: Budget::default(),
        prices: Vec::new(),
    };
    let models = [("anthropic".to_owned(), model)].into();
    let access = Access { models, limits: Limits::default(), ..Access::default() };
    let key = fresh_run_key()?;
    let config = access.config_for(Some(("anthropic", wire)), Listen::Tcp, key.clone(), &folder)?;
    let file = write_config(&folder, &config)?;
    let (stay, held) = UnixStream::pair()?;
    let (said, hears) = UnixStream::pair()?;
    let proxy = std::thread::spawn(move || serve(&file, held, said, Box::new(Network)));
    let mut line = String::new();
    BufReader::new(hears).read_line(&mut line)?;
    let port = serde_json::from_str::<serde_json::Value>(&line)?["port"].as_u64().ok_or("no port")?;

    let through = rounds(TcpStream::connect(("127.0.0.1", u16::try_from(port)?))?, &key)?;
    let direct = rounds(TcpStream::connect(vendor)?, &key)?;
    drop(stay);
    let _ended = proxy.join();
    std::fs::remove_dir_all(&folder)?;
    let added = through - direct;
    println!(
        "{{\"name\":\"proxy_first_byte\",\"value\":{added:.3},\"unit\":\"ms\",\"goals\":[{{\"value_at_most\":5}}]}}"
    );
    println!("first byte: {through:.3} ms through the proxy, {direct:.3} ms directly (median)");
    Ok(())
}

/// The median of the time from the request to the first byte, in milliseconds.
fn rounds(mut socket: TcpStream, key: &str) -> Result<f64, Failed> {
    socket.set_nodelay(true)?;
    // As large as what an agent sends.
    let body = "x".repeat(50_000);
    let head =
        format!("POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-length: {}\r\n\r\n", body.len());
    let request = [head.as_bytes(), body.as_bytes()].concat();
    let mut times = Vec::new();
    let mut piece = [0; 4096];
    for _ in 0..ROUNDS {
        let began = Instant::now();
        socket.write_all(&request)?;
        let mut read = socket.read(&mut piece)?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
        while !piece[..read].ends_with(b"{} \n\n") {
            read += socket.read(&mut piece[read..])?;
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times[ROUNDS / 2])
}

fn answer(mut socket: TcpStream) {
    let _nodelay = socket.set_nodelay(true);
    let Ok(other) = socket.try_clone() else { return };
    let mut reader = BufReader::new(other);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if !matches!(reader.read_line(&mut line), Ok(1..)) {
                return;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() || socket.write_all(ANSWER).is_err() {
            return;
        }
    }
}
