//! As much of HTTP/1.1 as the clients of models speak.

use std::io::{self, BufRead, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

/// Longest body that is read, in bytes.
const BODY_CAP: u64 = 64 << 20;

/// A request that came.
#[derive(Debug, Clone)]
pub struct Request {
    /// `POST`.
    pub method: String,
    /// With its query.
    pub path: String,
    /// Names in small letters, in their order.
    pub headers: Vec<(String, String)>,
    /// The body as JSON; null if it is none.
    pub body: Value,
    /// The marker of the conversation it belongs to, if there is one.
    pub conversation: Option<String>,
    /// The body as it came.
    text: String,
}

impl Request {
    /// The first header of this name, in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// Whether `text` stands anywhere in the body.
    pub fn says(&self, text: &str) -> bool {
        self.text.contains(text)
    }

    /// Names of the tools that the model is offered; of those without a name, their type.
    pub fn tools(&self) -> Vec<String> {
        let text = |tool: &Value, field: &str| tool.get(field).and_then(Value::as_str).map(str::to_owned);
        let tools = self.body.get("tools").and_then(Value::as_array).into_iter().flatten();
        tools.filter_map(|tool| text(tool, "name").or_else(|| text(tool, "type"))).collect()
    }

    pub(crate) fn bears(&self, marker: &str) -> bool {
        const NAMED: &[&str] = &["x-api-key", "authorization", "x-claude-code-session-id", "session-id", "thread-id"];
        NAMED.iter().filter_map(|name| self.header(name)).any(|value| value.contains(marker)) || self.says(marker)
    }
}

/// Reads one request; `None` when the client has closed the connection.
pub(crate) fn read(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut words = first.split_whitespace();
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return Err(broken("request line")) };
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(broken("header"));
        }
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| broken("header"))?;
        headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        headers,
        body: Value::Null,
        conversation: None,
        text: String::new(),
    };
    let mut body = Vec::new();
    if request.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        chunks(reader, &mut body)?;
    } else if let Some(length) = request.header("content-length") {
        let length: u64 = length.parse().map_err(|_| broken("content-length"))?;
        reader.take(length.min(BODY_CAP)).read_to_end(&mut body)?;
    }
    request.text = String::from_utf8_lossy(&body).into_owned();
    request.body = serde_json::from_str(&request.text).unwrap_or_default();
    Ok(Some(request))
}

fn chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| broken("chunk"))?;
        if body.len() as u64 + size > BODY_CAP {
            return Err(broken("chunk"));
        }
        reader.take(size).read_to_end(body)?;
        let mut end = String::new();
        reader.read_line(&mut end)?;
        if size == 0 {
            return Ok(());
        }
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("a broken {what}"))
}

/// What is answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) pieces: Vec<Piece>,
    /// The length is told, so the connection stays.
    whole: bool,
}

/// A piece of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// These bytes.
    Text(String),
    /// From here on nothing, with the connection open.
    Silence,
}

impl Answer {
    pub(crate) fn body(status: u16, kind: &str, body: String) -> Self {
        let headers = vec![
            ("content-type".to_owned(), kind.to_owned()),
            ("content-length".to_owned(), body.len().to_string()),
            ("request-id".to_owned(), "req_mock0001".to_owned()),
        ];
        Self { status, headers, pieces: vec![Piece::Text(body)], whole: true }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::body(status, "application/json", body.to_string())
    }

    /// A stream of events ends with its connection; so one that is cut only ends early.
    pub(crate) fn events(pieces: Vec<Piece>) -> Self {
        let headers = [
            ("content-type", "text/event-stream; charset=utf-8"),
            ("cache-control", "no-cache"),
            ("request-id", "req_mock0001"),
            ("connection", "close"),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self { status: 200, headers, pieces, whole: false }
    }
}

/// Writes an answer; true if the connection stays.
pub(crate) fn write(mut stream: &TcpStream, answer: &Answer) -> io::Result<bool> {
    let reason = match answer.status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "",
    };
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", answer.status);
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    for piece in &answer.pieces {
        if let Piece::Text(text) = piece {
            stream.write_all(text.as_bytes())?;
        }
    }
    stream.flush()?;
    Ok(answer.whole)
}

/// One server-sent event.
pub(crate) fn event(data: &Value) -> Piece {
    let name = data.get("type").and_then(Value::as_str).unwrap_or("message");
    Piece::Text(format!("event: {name}\ndata: {data}\n\n"))
}
