//! Somebody who is told by HTTP, in memory: answers what a test tells it to, and keeps what it was told.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How one request is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answers {
    /// With this status, and these headers, one a line.
    Status(u16, String),
    /// The connection ends without an answer, after the request was read.
    Cut,
    /// Nothing is answered while the receiver lives.
    Silent,
}

/// What somebody was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Method and path.
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As it came.
    pub body: String,
}

impl Told {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct Inside {
    script: Vec<Answers>,
    told: Vec<Told>,
    /// Kept open, so that nobody is answered.
    silent: Vec<TcpStream>,
}

/// A receiver on a port of its own.
pub struct FakeReceiver {
    /// `http://127.0.0.1:PORT`.
    pub base: String,
    inside: Arc<(Mutex<Inside>, Condvar)>,
}

impl FakeReceiver {
    /// Answers as `script` says, one after the other, then 204.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(script: Vec<Answers>) -> std::io::Result<Self> {
        let inside = Arc::new((Mutex::new(Inside { script, ..Inside::default() }), Condvar::new()));
        Ok(Self { base: listen(inside.clone(), serve)?, inside })
    }

    /// Everything it was told so far.
    pub fn told(&self) -> Vec<Told> {
        self.inside.0.lock().unwrap_or_else(PoisonError::into_inner).told.clone()
    }

    /// Waits until it was told so often, for `patience` at most.
    pub fn wait_for(&self, times: usize, patience: Duration) -> Vec<Told> {
        let guard = self.inside.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = self.inside.1.wait_timeout_while(guard, patience, |inside| inside.told.len() < times);
        told.unwrap_or_else(PoisonError::into_inner).0.told.clone()
    }
}

/// Serves each connection by a thread of its own, on a port that the system chooses; the address of that.
pub(super) fn listen<S: Send + Sync + 'static>(shared: Arc<S>, serve: fn(TcpStream, &S)) -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let base = format!("http://{}", listener.local_addr()?);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let shared = shared.clone();
            std::thread::spawn(move || serve(stream, &shared));
        }
    });
    Ok(base)
}

fn serve(mut stream: TcpStream, shared: &(Mutex<Inside>, Condvar)) {
    let Some(told) = stream.try_clone().ok().and_then(read) else { return };
    let answer = {
        let mut inside = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        inside.told.push(told);
        let answer =
            if inside.script.is_empty() { Answers::Status(204, String::new()) } else { inside.script.remove(0) };
        if answer == Answers::Silent
            && let Ok(stream) = stream.try_clone()
        {
            inside.silent.push(stream);
        }
        shared.1.notify_all();
        answer
    };
    if let Answers::Status(status, headers) = answer {
        let text = format!("HTTP/1.1 {status} so\r\ncontent-length: 0\r\nconnection: close\r\n{headers}\r\n");
        // Who asked may have gone.
        let _gone = stream.write_all(text.as_bytes());
    }
}

pub(super) fn read(stream: TcpStream) -> Option<Told> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    Some(Told { line, headers, body: String::from_utf8_lossy(&body).into_owned() })
}
