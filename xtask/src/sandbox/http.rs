//! Just enough HTTP to ask whether a server is ready, without a client's own start-up cost.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};

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
