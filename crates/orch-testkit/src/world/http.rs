//! One request to the service, over a plain connection.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Between two bytes; a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends a request and returns the status code and the body.
pub(super) fn request(
    port: u16,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&str>,
) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut head = format!("{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n");
    if let Some(token) = token {
        head += &format!("Authorization: Bearer {token}\r\n");
    }
    if let Some(body) = body {
        head += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    }
    stream.write_all(format!("{head}\r\n{}", body.unwrap_or_default()).as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    understand(&String::from_utf8_lossy(&answer))
        .ok_or_else(|| std::io::Error::new(std::io::ErrorKind::InvalidData, "this is no HTTP answer"))
}

/// HTTP/1.0 has no chunks: the body is what follows the empty line.
fn understand(answer: &str) -> Option<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_status_and_body() {
        let answer = "HTTP/1.0 503 Service Unavailable\r\nA: b\r\n\r\nnot yet\r\n\r\n";
        assert_eq!(understand(answer), Some((503, "not yet\r\n\r\n".to_owned())));
        assert_eq!(understand("SSH-2.0"), None);
    }
}
