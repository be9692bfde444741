//! A proxy at work, and a run that talks to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use orch_egress::tunnel::Outside;
use orch_egress::{Budget, Config, Limits, Listen, Metered, Model, Wire, write_config};
use serde_json::Value;

/// The run's worthless key.
pub const RUN_KEY: &str = "run-key-0123456789abcdef";
/// The real one: must never be seen anywhere.
pub const CANARY: &str = "sk-ant-api03-CANARY-not-to-be-seen";

/// Nothing is outside.
pub struct Nowhere;

impl Outside for Nowhere {
    fn resolve(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        Err(std::io::Error::other("no such name"))
    }
    fn dial(&self, _: SocketAddr, _: Duration) -> std::io::Result<TcpStream> {
        Err(std::io::Error::other("no way"))
    }
}

pub fn config(directory: &Path, wire: Wire, base_url: &str) -> Config {
    let key_file = directory.join("key");
    write_key(&key_file, CANARY);
    let model = Model {
        name: "test".to_owned(),
        wire,
        base_url: base_url.to_owned(),
        key_file,
        ca_file: None,
        vendor_tools: false,
        budget: Budget::default(),
        prices: Vec::new(),
    };
    Config {
        listen: Listen::Tcp,
        run_key: RUN_KEY.to_owned(),
        model: Some(model),
        allow: Vec::new(),
        allow_inside: Vec::new(),
        proxy: None,
        limits: Limits::default(),
        run_directory: directory.join("run"),
    }
}

pub fn write_key(file: &Path, text: &str) {
    std::fs::write(file, format!("{text}\n")).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

pub struct Proxy {
    pub folder: tempfile::TempDir,
    pub port: u16,
    stay: Option<UnixStream>,
    thread: Option<JoinHandle<bool>>,
    pub first_line: Value,
}

impl Proxy {
    /// In front of a vendor.
    pub fn of(wire: Wire, base_url: &str) -> Self {
        Self::with(wire, base_url, |_| {})
    }

    pub fn with(wire: Wire, base_url: &str, change: impl FnOnce(&mut Config)) -> Self {
        Self::outside(wire, base_url, change, Box::new(Nowhere))
    }

    pub fn outside(wire: Wire, base_url: &str, change: impl FnOnce(&mut Config), outside: Box<dyn Outside>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(folder.path(), wire, base_url);
        std::fs::create_dir_all(&config.run_directory).unwrap();
        change(&mut config);
        let file = write_config(&config.run_directory.clone(), &config).unwrap();
        let (stay, held) = UnixStream::pair().unwrap();
        let (said, hears) = UnixStream::pair().unwrap();
        let thread = std::thread::spawn(move || orch_egress::serve(&file, held, said, outside));
        let mut line = String::new();
        BufReader::new(hears).read_line(&mut line).unwrap();
        let first_line: Value = serde_json::from_str(&line).unwrap();
        let port = u16::try_from(first_line["port"].as_u64().unwrap_or(0)).unwrap();
        Self { folder, port, stay: Some(stay), thread: Some(thread), first_line }
    }

    pub fn run_directory(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    pub fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        socket
    }

    /// Sends raw bytes on a connection of their own and reads until it ends.
    pub fn raw(&self, bytes: &[u8]) -> Answer {
        let mut socket = self.connect();
        // A proxy that has seen enough may hang up first.
        let _early = socket.write_all(bytes);
        let mut text = Vec::new();
        let _reset = socket.read_to_end(&mut text);
        Answer::of(&text)
    }

    /// One request with the run's key.
    pub fn ask(&self, path: &str, body: &str) -> Answer {
        self.raw(&request("POST", path, &[], body))
    }

    /// Ends the proxy as a supervisor does; what it counted.
    pub fn end(&mut self) -> Metered {
        self.stop();
        Metered::read(&self.run_directory()).expect("it wrote its counts")
    }

    /// Ends the proxy.
    pub fn stop(&mut self) {
        drop(self.stay.take());
        assert!(self.thread.take().unwrap().join().unwrap());
    }

    pub fn journal(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.run_directory().join("egress.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stay.take());
        self.thread.take().map(JoinHandle::join);
    }
}

/// A request with the run's key that asks for the end of the connection.
pub fn request(method: &str, path: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let headers: String = headers.iter().map(|h| format!("{h}\r\n")).collect();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {RUN_KEY}\r\nconnection: close\r\n");
    format!("{head}{headers}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// In small letters.
    pub head: String,
    /// Without its framing.
    pub body: String,
    /// Its end was told.
    pub whole: bool,
}

impl Answer {
    pub fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, rest) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        let head = head.to_lowercase();
        let (mut body, mut whole) = (rest.to_owned(), true);
        if head.contains("transfer-encoding: chunked") {
            (body, whole) = (String::new(), false);
            let mut rest = rest;
            while let Some((size, after)) = rest.split_once("\r\n") {
                let size = usize::from_str_radix(size, 16).unwrap();
                if size == 0 {
                    whole = true;
                    break;
                }
                body.push_str(&after[..size]);
                rest = &after[size + 2..];
            }
        }
        Self { status, head, body, whole }
    }

    pub fn has(&self, line: &str) -> bool {
        self.head.lines().any(|l| l == line)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
}
