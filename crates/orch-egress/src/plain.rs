//! HTTP without TLS, which only hosts of the own network are asked by: a request with a whole address, passed on.

use http::Uri;

use crate::heads::put;
use crate::message::Request;

/// Whom a whole address names.
#[derive(Debug, PartialEq, Eq)]
pub struct Address {
    /// Name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Path and query.
    path: String,
}

impl Address {
    /// Reads `http://HOST[:PORT]/PATH`; `None` if it is something else.
    pub fn read(target: &str) -> Option<Self> {
        let uri: Uri = target.parse().ok()?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
        if uri.scheme_str() != Some("http") {
            return None;
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Some(Self { host: authority.host().to_owned(), port: authority.port_u16().unwrap_or(80), path })
    }

    /// `host:port`.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// The head of the request as the host gets it: its path alone, without the run's key, and the last one of its connection.
pub fn head(request: &Request, there: &Address) -> Vec<u8> {
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method, there.path).into_bytes();
    if !request.headers.contains_key("host") {
        put(&mut head, "host", there.authority().as_bytes());
    }
    for (name, value) in &request.headers {
        if !matches!(name.as_str(), "connection" | "proxy-connection" | "proxy-authorization" | "keep-alive") {
            put(&mut head, name.as_str(), value.as_bytes());
        }
    }
    put(&mut head, "connection", b"close");
    head.extend_from_slice(b"\r\n");
    head
}
