//! Just enough HTTP to ask a server on this machine, without a client's own start-up cost.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

/// The status code of `GET path` at 127.0.0.1.
///
/// # Errors
/// If nobody listens, nothing comes within `limit`, or what comes is not HTTP.
pub fn get(port: u16, path: &str, limit: Duration) -> Result<u16> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_nodelay(true)?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut head = [0; 64];
    let mut length = 0;
    while length < head.len() && !head[..length].contains(&b'\n') {
        match stream.read(&mut head[length..])? {
            0 => break,
            count => length += count,
        }
    }
    status(&String::from_utf8_lossy(&head[..length]))
}

/// A request of a program with the service's token: the status code and the JSON of the answer, `null` if it is none.
/// `key` names the request, so that it counts once however often it is sent.
///
/// # Errors
/// As [`get`]: nobody knows then what became of it.
pub fn ask(port: u16, token: &str, request: &Request<'_>, limit: Duration) -> Result<(u16, Value)> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.write_all(request.text(port, token, "close").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    // The server sends an answer whole or, if it is killed, not at all or not to its end.
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer has no end")?;
    anyhow::ensure!(body.len() == length(head)?, "the answer was cut off");
    Ok((status(head)?, serde_json::from_str(body).unwrap_or(Value::Null)))
}

/// A connection that is kept for many requests, of a program with the service's token.
pub struct Kept<'a> {
    stream: TcpStream,
    port: u16,
    token: &'a str,
}

impl<'a> Kept<'a> {
    /// No answer may take longer than `limit`.
    ///
    /// # Errors
    /// If nobody listens.
    pub fn open(port: u16, token: &'a str, limit: Duration) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), limit)?;
        stream.set_read_timeout(Some(limit))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, port, token })
    }

    /// As [`ask`].
    ///
    /// # Errors
    /// As there.
    pub fn ask(&mut self, request: &Request<'_>) -> Result<(u16, Value)> {
        self.stream.write_all(request.text(self.port, self.token, "keep-alive").as_bytes())?;
        let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            let count = self.stream.read(&mut buffer)?;
            anyhow::ensure!(count > 0, "the answer was cut off");
            answer.extend_from_slice(&buffer[..count]);
            let text = String::from_utf8_lossy(&answer);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            if body.len() >= length(head)? {
                return Ok((status(head)?, serde_json::from_str(body).unwrap_or(Value::Null)));
            }
        }
    }
}

fn length(head: &str) -> Result<usize> {
    let length = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok();
    head.lines().find_map(length).context("the answer has no length")
}

/// What is asked for.
pub struct Request<'a> {
    /// With its parameters.
    pub path: &'a str,
    /// With one it is a `POST`.
    pub body: Option<&'a Value>,
    /// The name of the request.
    pub key: Option<&'a str>,
}

impl Request<'_> {
    fn text(&self, port: u16, token: &str, connection: &str) -> String {
        let (verb, body) = self.body.map_or(("GET", String::new()), |body| ("POST", body.to_string()));
        let key = self.key.map_or(String::new(), |key| format!("Idempotency-Key: {key}\r\n"));
        format!(
            "{verb} {} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: {connection}\r\n{key}\
             Authorization: Bearer {token}\r\nContent-Length: {}\r\nContent-Type: application/json\r\n\r\n{body}",
            self.path,
            body.len()
        )
    }
}

/// `HTTP/1.1 200 OK`
fn status(head: &str) -> Result<u16> {
    let mut words = head.split_whitespace();
    let protocol = words.next().unwrap_or_default();
    let code = words.next().and_then(|code| code.parse().ok());
    code.filter(|_| protocol.starts_with("HTTP/")).with_context(|| format!("not an HTTP answer: {head:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn the_status_is_the_second_word() {
        assert_eq!(status("HTTP/1.1 503 Service Unavailable\r\n").unwrap(), 503);
        assert!(status("SSH-2.0 200").is_err());
        assert!(status("").is_err());
    }

    #[test]
    fn a_server_is_asked() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            let count = stream.read(&mut request).unwrap();
            stream.write_all(b"HTTP/1.1 20").unwrap();
            stream.write_all(b"0 OK\r\n\r\n").unwrap();
            String::from_utf8_lossy(&request[..count]).into_owned()
        });
        assert_eq!(get(port, "/readyz", Duration::from_secs(30)).unwrap(), 200);
        let request = server.join().unwrap();
        assert!(request.starts_with("GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:"), "{request}");
        assert!(get(port, "/readyz", Duration::from_secs(30)).is_err(), "nobody listens any more");
    }
}
