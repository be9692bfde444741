//! Heads of messages: who is authorized, what is passed on, how they are written.

use std::time::Duration;

use base64::Engine;
use http::{HeaderMap, HeaderName, HeaderValue};
use subtle::ConstantTimeEq;

use crate::config::Limits;
use crate::line::{Line, Patience, Trouble};
use crate::message::{Body, Request, has_token};

/// Whether the run's connection can be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It can.
    KeepAlive,
    /// It cannot.
    Close,
}

/// Whether `given` is the run's key, in the same time wherever they differ.
pub fn is_run_key(given: &[u8], run_key: &str) -> bool {
    given.ct_eq(run_key.as_bytes()).into()
}

/// Whether the request names the run's key, as either vendor's client would.
pub(crate) fn is_authorized(headers: &HeaderMap, run_key: &str) -> bool {
    let key = headers.get("x-api-key").map(HeaderValue::as_bytes);
    let bearer = headers.get("authorization").and_then(|v| v.as_bytes().strip_prefix(b"Bearer "));
    [key, bearer].into_iter().flatten().any(|given| is_run_key(given, run_key))
}

/// Whether a CONNECT names the run's key: Basic (RFC 7617) with any user.
pub fn is_proxy_authorized(headers: &HeaderMap, run_key: &str) -> bool {
    let given = headers.get("proxy-authorization").and_then(|v| v.to_str().ok());
    let Some((scheme, encoded)) = given.and_then(|given| given.split_once(' ')) else { return false };
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).unwrap_or_default();
    let password = memchr::memchr(b':', &decoded).map_or(&[][..], |at| &decoded[at + 1..]);
    scheme.eq_ignore_ascii_case("basic") && is_run_key(password, run_key)
}

/// Headers of one connection (RFC 9110, 7.6.1), those this proxy writes itself, and those that would name the run.
const NOT_SENT_ON: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "proxy-authenticate",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "expect",
    "host",
    "x-api-key",
    "authorization",
    "accept-encoding",
    "cookie",
    "set-cookie",
    "forwarded",
    "via",
];

pub(crate) fn is_sent_on(headers: &HeaderMap, name: &HeaderName) -> bool {
    !NOT_SENT_ON.contains(&name.as_str())
        && !name.as_str().starts_with("x-forwarded-")
        && !has_token(headers, "connection", name.as_str())
}

pub(crate) fn put(head: &mut Vec<u8>, name: &str, value: &[u8]) {
    head.extend_from_slice(name.as_bytes());
    head.extend_from_slice(b": ");
    head.extend_from_slice(value);
    head.extend_from_slice(b"\r\n");
}

pub(crate) fn framing(head: &mut Vec<u8>, body: &Body) {
    match body {
        Body::End => put(head, "content-length", b"0"),
        Body::Length(n) => put(head, "content-length", n.to_string().as_bytes()),
        Body::Chunks(_) | Body::UntilClose => put(head, "transfer-encoding", b"chunked"),
    }
}

pub(crate) fn status_line(status: u16) -> Vec<u8> {
    let reason = http::StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or("");
    format!("HTTP/1.1 {status} {reason}\r\n").into_bytes()
}

/// Writes an answer with a whole body; `extra` headers come first.
pub fn answer(
    client: &mut Line,
    status: u16,
    extra: &[(&str, &str)],
    body: &[u8],
    after: After,
    limits: &Limits,
) -> Result<(), Trouble> {
    let mut head = status_line(status);
    for (name, value) in extra {
        put(&mut head, name, value.as_bytes());
    }
    put(&mut head, "content-length", body.len().to_string().as_bytes());
    if after == After::Close {
        put(&mut head, "connection", b"close");
    }
    head.extend_from_slice(b"\r\n");
    head.extend_from_slice(body);
    client.send(&head, Patience::of(Duration::from_millis(limits.idle_ms), None))
}

/// Whether the connection ends with the answer. Who asks for another protocol in it gets none, and what comes next in it
/// may be one.
pub(crate) fn closes(request: &Request) -> bool {
    request.old || ["close", "upgrade"].iter().any(|token| has_token(&request.headers, "connection", token))
}

pub(crate) fn framed(piece: &[u8], chunked: bool) -> Vec<u8> {
    if !chunked || piece.is_empty() {
        return piece.to_vec();
    }
    let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
    chunk.extend_from_slice(piece);
    chunk.extend_from_slice(b"\r\n");
    chunk
}
