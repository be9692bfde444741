//! HTTP/1.1: heads by `httparse`, and the framing of bodies (RFC 9112, 6 and 7). Strict where two readers could
//! disagree.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::line::{Line, Patience, Trouble};

/// A head longer than this is refused.
pub const HEAD_MAX: usize = 64 << 10;
const HEADERS_MAX: usize = 128;
/// A chunk's size line with its extensions, and all trailers.
const CHUNK_LINE_MAX: usize = 4 << 10;

/// Why there is no message.
#[derive(Debug)]
pub enum Fault {
    /// The connection.
    Line(Trouble),
    /// It breaks the rules of HTTP; how.
    Bad(&'static str),
}

impl From<Trouble> for Fault {
    fn from(trouble: Trouble) -> Self {
        Self::Line(trouble)
    }
}

impl Fault {
    /// For people and the journal.
    pub fn words(&self) -> String {
        match self {
            Self::Line(trouble) => trouble.words(),
            Self::Bad(words) => (*words).to_owned(),
        }
    }
}

/// The head of a request.
#[derive(Debug)]
pub struct Request {
    /// As sent.
    pub method: String,
    /// As sent: a path with its query, `host:port` for CONNECT, or a whole address.
    pub target: String,
    /// All headers.
    pub headers: HeaderMap,
    /// HTTP/1.0 has no chunks and closes.
    pub old: bool,
}

/// The head of an answer.
#[derive(Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The connection cannot be used again.
    pub closes: bool,
}

fn headers(parsed: &[httparse::Header<'_>]) -> Result<HeaderMap, Fault> {
    let mut map = HeaderMap::new();
    for header in parsed {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| Fault::Bad("a header's name"))?;
        let value = HeaderValue::from_bytes(header.value).map_err(|_| Fault::Bad("a header's value"))?;
        map.append(name, value);
    }
    Ok(map)
}

/// Reads until `parse` finds a whole head.
fn head<T>(
    line: &mut Line,
    patience: Patience<'_>,
    parse: impl Fn(&[u8]) -> Result<Option<(usize, T)>, Fault>,
) -> Result<T, Fault> {
    loop {
        if let Some((length, head)) = parse(line.data())? {
            line.used(length);
            return Ok(head);
        }
        if line.data().len() > HEAD_MAX {
            return Err(Fault::Bad("a head of more than 64 KB"));
        }
        line.fill(patience)?;
    }
}

/// Reads the head of a request.
///
/// # Errors
/// [`Fault`].
pub fn read_request(line: &mut Line, patience: Patience<'_>) -> Result<Request, Fault> {
    head(line, patience, |data| {
        let mut room = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut room);
        match request.parse(data) {
            Ok(httparse::Status::Complete(length)) => {
                let head = Request {
                    method: request.method.unwrap_or_default().to_owned(),
                    target: request.path.unwrap_or_default().to_owned(),
                    headers: headers(request.headers)?,
                    old: request.version == Some(0),
                };
                Ok(Some((length, head)))
            }
            Ok(httparse::Status::Partial) => Ok(None),
            Err(httparse::Error::TooManyHeaders) => Err(Fault::Bad("more than 128 headers")),
            Err(_) => Err(Fault::Bad("a request that is no HTTP/1.1")),
        }
    })
}

/// Reads the head of the final answer; interim ones (1xx) are passed over.
///
/// # Errors
/// [`Fault`].
pub fn read_answer(line: &mut Line, patience: Patience<'_>) -> Result<Answer, Fault> {
    loop {
        let answer = head(line, patience, |data| {
            let mut room = [httparse::EMPTY_HEADER; HEADERS_MAX];
            let mut answer = httparse::Response::new(&mut room);
            match answer.parse(data) {
                Ok(httparse::Status::Complete(length)) => {
                    let headers = headers(answer.headers)?;
                    let closes = answer.version == Some(0) || has_token(&headers, "connection", "close");
                    Ok(Some((length, Answer { status: answer.code.unwrap_or(0), headers, closes })))
                }
                Ok(httparse::Status::Partial) => Ok(None),
                Err(_) => Err(Fault::Bad("an answer that is no HTTP/1.1")),
            }
        })?;
        if !(100..200).contains(&answer.status) {
            return Ok(answer);
        }
    }
}

/// Whether a comma-separated header names `token`.
pub fn has_token(headers: &HeaderMap, name: &str, token: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|word| word.trim().eq_ignore_ascii_case(token))
}

/// A body as it comes in.
#[derive(Debug, PartialEq, Eq)]
pub enum Body {
    /// All of it was read.
    End,
    /// So many bytes are left.
    Length(u64),
    /// In chunks; so many bytes are left of this one, `None` before a size line.
    Chunks(Option<u64>),
    /// Until the connection is closed.
    UntilClose,
}

impl Body {
    /// Of a message with these headers.
    ///
    /// # Errors
    /// [`Fault::Bad`] where readers could disagree about the end of the body.
    pub fn of(headers: &HeaderMap, without_length: Self) -> Result<Self, Fault> {
        let mut lengths = headers.get_all("content-length").into_iter();
        let length = match lengths.next() {
            None => None,
            Some(first) if lengths.all(|other| other == first) => {
                let digits = first.to_str().ok().filter(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit()));
                Some(digits.and_then(|digits| digits.parse().ok()).ok_or(Fault::Bad("a length that is no number"))?)
            }
            Some(_) => return Err(Fault::Bad("two lengths")),
        };
        let mut encodings = headers.get_all("transfer-encoding").into_iter();
        match (encodings.next(), encodings.next(), length) {
            (None, _, Some(0)) => Ok(Self::End),
            (None, _, Some(length)) => Ok(Self::Length(length)),
            (None, _, None) => Ok(without_length),
            (Some(value), None, None) if value.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(Self::Chunks(None)),
            (Some(_), _, Some(_)) => Err(Fault::Bad("both a length and a transfer encoding")),
            _ => Err(Fault::Bad("a transfer encoding other than chunked")),
        }
    }

    /// Puts the next piece into `piece`; `false` at the end.
    ///
    /// # Errors
    /// [`Fault`]; a body that ends before its end is one.
    pub fn next(&mut self, line: &mut Line, patience: Patience<'_>, piece: &mut Vec<u8>) -> Result<bool, Fault> {
        piece.clear();
        loop {
            match self {
                Self::End => return Ok(false),
                Self::Length(left) => {
                    *left -= take(line, patience, *left, piece)?;
                    if *left == 0 {
                        *self = Self::End;
                    }
                    return Ok(true);
                }
                Self::UntilClose => match take(line, patience, u64::MAX, piece) {
                    Err(Trouble::Closed) => *self = Self::End,
                    taken => return taken.map(|_| true).map_err(Fault::from),
                },
                Self::Chunks(Some(left)) => {
                    *left -= take(line, patience, *left, piece)?;
                    if *left == 0 {
                        *self = Self::Chunks(None);
                        expect_line_end(line, patience)?;
                    }
                    return Ok(true);
                }
                Self::Chunks(None) => match chunk_size(line, patience)? {
                    0 => {
                        trailers(line, patience)?;
                        *self = Self::End;
                    }
                    size => *self = Self::Chunks(Some(size)),
                },
            }
        }
    }
}

fn take(line: &mut Line, patience: Patience<'_>, most: u64, piece: &mut Vec<u8>) -> Result<u64, Trouble> {
    if line.data().is_empty() {
        line.fill(patience)?;
    }
    let n = line.data().len().min(usize::try_from(most).unwrap_or(usize::MAX));
    piece.extend_from_slice(&line.data()[..n]);
    line.used(n);
    Ok(n as u64)
}

fn chunk_size(line: &mut Line, patience: Patience<'_>) -> Result<u64, Fault> {
    loop {
        match httparse::parse_chunk_size(line.data()) {
            Ok(httparse::Status::Complete((length, size))) => {
                line.used(length);
                return Ok(size);
            }
            Ok(httparse::Status::Partial) if line.data().len() <= CHUNK_LINE_MAX => line.fill(patience)?,
            _ => return Err(Fault::Bad("a chunk without a size")),
        }
    }
}

fn expect_line_end(line: &mut Line, patience: Patience<'_>) -> Result<(), Fault> {
    while line.data().len() < 2 {
        line.fill(patience)?;
    }
    if !line.data().starts_with(b"\r\n") {
        return Err(Fault::Bad("a chunk longer than its size"));
    }
    line.used(2);
    Ok(())
}

/// Reads and drops them: nothing here has a use for trailers.
fn trailers(line: &mut Line, patience: Patience<'_>) -> Result<(), Fault> {
    let mut read = 0;
    loop {
        if let Some(end) = memchr::memchr(b'\n', line.data()) {
            let empty = matches!(&line.data()[..end], b"" | b"\r");
            line.used(end + 1);
            read += end + 1;
            if empty {
                return Ok(());
            }
        } else if line.data().len() + read > CHUNK_LINE_MAX {
            return Err(Fault::Bad("trailers of more than 4 KB"));
        } else {
            line.fill(patience)?;
        }
        if read > CHUNK_LINE_MAX {
            return Err(Fault::Bad("trailers of more than 4 KB"));
        }
    }
}
