//! A vendor on a loopback port: hears requests whole, and answers from a list.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What it heard.
pub struct Heard {
    /// Request line and headers, in small letters.
    pub head: String,
    pub body: Vec<u8>,
}

impl Heard {
    pub fn has(&self, line: &str) -> bool {
        self.head.lines().any(|l| l == line)
    }
}

type Act = Box<dyn FnMut(&mut TcpStream) + Send>;

/// One answer.
pub enum Say {
    /// These bytes; the connection ends behind them if they say so.
    Bytes(Vec<u8>),
    /// Whatever it does, and then the end of the connection.
    Act(Act),
}

pub struct Vendor {
    pub address: SocketAddr,
    heard: Receiver<Heard>,
    pub connections: Arc<AtomicUsize>,
}

/// A recorded answer.
pub fn fixture(name: &str) -> Say {
    let file = format!("{}/tests/suite/fixtures/{name}.http", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(&file).unwrap_or_else(|e| panic!("{file}: {e}"));
    Say::Bytes(bytes)
}

/// An answer with a JSON body.
pub fn json(status: u16, headers: &[&str], body: &str) -> Say {
    let headers: String = headers.iter().map(|h| format!("{h}\r\n")).collect();
    let head = format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{headers}");
    Say::Bytes(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes())
}

impl Vendor {
    /// Answers in this order; the last one is repeated.
    pub fn start(answers: Vec<Say>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, heard) = channel();
        let (answers, next) = (Arc::new(Mutex::new(answers)), Arc::new(AtomicUsize::new(0)));
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                let (tell, answers, next) = (tell.clone(), answers.clone(), next.clone());
                std::thread::spawn(move || connection(socket, &tell, &answers, &next));
            }
        });
        Self { address, heard, connections }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next request.
    pub fn hears(&self) -> Heard {
        self.heard.recv_timeout(Duration::from_secs(20)).expect("the vendor is asked")
    }

    /// It was asked no more than this.
    pub fn heard_nothing(&self) -> bool {
        self.heard.try_recv().is_err()
    }
}

pub fn read_request(reader: &mut impl BufRead) -> Option<Heard> {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        let line = line.trim_end();
        match line.split_once(": ").filter(|_| !head.is_empty()) {
            Some((name, value)) => head.push_str(&format!("{}: {value}\n", name.to_lowercase())),
            None => head.push_str(&format!("{line}\n")),
        }
    }
    let mut body = Vec::new();
    if head.contains("transfer-encoding: chunked") {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size).ok()?;
            let size = usize::from_str_radix(size.trim(), 16).ok()?;
            let mut chunk = vec![0; size + 2];
            reader.read_exact(&mut chunk).ok()?;
            if size == 0 {
                break;
            }
            body.extend_from_slice(&chunk[..size]);
        }
    } else if let Some(at) = head.find("content-length: ") {
        let length = head[at + 16..].lines().next()?.parse().ok()?;
        body.resize(length, 0);
        reader.read_exact(&mut body).ok()?;
    }
    Some(Heard { head, body })
}

fn connection(mut socket: TcpStream, tell: &Sender<Heard>, answers: &Mutex<Vec<Say>>, next: &AtomicUsize) {
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    while let Some(heard) = read_request(&mut reader) {
        let _nobody = tell.send(heard);
        let index = next.fetch_add(1, Ordering::SeqCst);
        let mut answers = answers.lock().unwrap();
        let last = answers.len() - 1;
        match &mut answers[index.min(last)] {
            Say::Bytes(bytes) => {
                if socket.write_all(bytes).is_err() || memchr::memmem::find(bytes, b"connection: close").is_some() {
                    return;
                }
            }
            Say::Act(act) => return act(&mut socket),
        }
    }
}
