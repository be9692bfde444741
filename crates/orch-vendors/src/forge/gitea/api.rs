//! The HTTP API of one repository's server: limits, turns, and what kind of trouble an answer is. The token is read before
//! each call, stands in one header of it, and nowhere else.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use orch_git::RemoteUrl;
use orch_ports::{Port, PortError, PortResult};
use orch_rules::port_error::ErrorKind;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::Agent;
use ureq::http::{Method, Request, Response};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::forge::reach::{Channel, now};
use crate::no_answer;
use crate::notifier::fingerprint;

/// How long one call may take as a whole.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest answer, in bytes.
const MOST_BYTES: u64 = 8 << 20;
/// Words of a server that are repeated, in characters.
const MOST_WORDS: usize = 300;
/// After a limit without a date, in milliseconds.
const LIMITED_MS: i64 = 60_000;
/// The longest that a limit's date is believed, in seconds.
const LONGEST_LIMIT_S: i64 = 3_600;
/// Where machines keep the authorities that they trust.
const AUTHORITIES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// A repository's page on its server: `https://git.example.org/OWNER/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The server, with the folder it is served in.
    root: String,
    /// Host and port.
    authority: String,
    /// `OWNER/NAME`.
    repository: String,
}

impl Page {
    /// Reads an address; the one that git uses will do, if it is https.
    ///
    /// # Errors
    /// What is wrong with it and what to do, in one sentence.
    pub fn new(text: &str) -> Result<Self, String> {
        let text = text.trim_end_matches('/');
        let url = RemoteUrl::new(text)?;
        if url.scheme() == "ssh" || text.contains(['?', '#']) {
            return Err("the page of a repository is https://HOST/OWNER/NAME".to_owned());
        }
        let text = text.strip_suffix(".git").unwrap_or(text);
        let (rest, name) = text.rsplit_once('/').unwrap_or_default();
        let (root, owner) = rest.rsplit_once('/').unwrap_or_default();
        let fits =
            |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if !root.contains("://") || root.ends_with('/') || !fits(owner) || !fits(name) {
            return Err("the page of a repository is https://HOST/OWNER/NAME".to_owned());
        }
        Ok(Self { root: root.to_owned(), authority: url.authority().to_owned(), repository: format!("{owner}/{name}") })
    }

    /// Host and port.
    pub fn server(&self) -> &str {
        &self.authority
    }

    /// The server, with the folder it is served in.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// `OWNER/NAME`.
    pub fn full_name(&self) -> &str {
        &self.repository
    }
}

impl std::fmt::Display for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.root, self.repository)
    }
}

/// Reads the token; says in words for people why it cannot.
type ReadToken = Box<dyn Fn() -> Result<String, String> + Send + Sync>;

/// The way to the API.
pub struct GiteaApi {
    page: Page,
    /// The credential, as people know it.
    credential: String,
    token: ReadToken,
    channel: Arc<Channel>,
    agent: Agent,
    patience: Duration,
}

/// An answer that came as a whole.
#[derive(Debug)]
pub(super) struct Answered {
    pub status: u16,
    /// How many items there are on all pages.
    pub total: Option<usize>,
    body: Vec<u8>,
}

impl Answered {
    /// What the server says of an error; empty if it says nothing.
    pub fn message(&self) -> String {
        let body = serde_json::from_slice::<Value>(&self.body).ok();
        let text = body.as_ref().and_then(|body| body.get("message")?.as_str()).unwrap_or_default();
        text.chars().filter(|c| !c.is_control()).take(MOST_WORDS).collect()
    }

    fn is_fine(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl GiteaApi {
    /// The way to `page`. `credential` names the token and where it is kept, `token` reads it; `authorities` is a PEM file
    /// to trust instead of the machine's own.
    pub fn new(
        page: Page,
        credential: impl Into<String>,
        channel: Arc<Channel>,
        authorities: Option<PathBuf>,
        token: impl Fn() -> Result<String, String> + Send + Sync + 'static,
    ) -> Self {
        let config = Agent::config_builder()
            // A token belongs to the server that is named, and to nobody on the way or behind a redirect.
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .tls_config(TlsConfig::builder().root_certs(roots(authorities)).build())
            .user_agent("orchestrion")
            .build();
        Self {
            page,
            credential: credential.into(),
            token: Box::new(token),
            channel,
            agent: config.into(),
            patience: PATIENCE,
        }
    }

    /// Each call ends within so long.
    #[must_use]
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.patience = limit;
        self
    }

    /// Where it is.
    pub fn page(&self) -> &Page {
        &self.page
    }

    /// Changes with the token.
    pub(super) fn fingerprint(&self) -> String {
        fingerprint(&[&(self.token)().unwrap_or_default()])
    }

    /// A call below `/repos/OWNER/NAME`; any answer but those of a server in trouble.
    pub(super) fn call(&self, method: Method, path: &str, body: Option<Value>) -> PortResult<Answered> {
        self.ask(method, &format!("repos/{}{path}", self.page.repository), body)
    }

    /// A call of the API.
    pub(super) fn ask(&self, method: Method, path: &str, body: Option<Value>) -> PortResult<Answered> {
        let closed = |(kind, words)| self.trouble(kind, words);
        let _pass = self.channel.enter(self.page.server()).map_err(closed)?;
        let token = (self.token)().map_err(|why| self.locked(&why))?;
        let changes = method != Method::GET;
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/api/v1/{path}", self.page.root))
            .header("accept", "application/json")
            .header("content-type", "application/json")
            .header("authorization", format!("token {}", token.trim()));
        let failed = |_| self.locked("the token cannot be sent: it has a letter that no token has");
        let request = request.body(body.map(|body| body.to_string()).unwrap_or_default()).map_err(failed)?;
        let sent =
            if changes { self.agent.run(self.within(request)) } else { self.agent.run(self.within(request.map(drop))) };
        let mut response = sent.map_err(|error| self.not_reached(&error, changes))?;
        let (status, total) = (response.status().as_u16(), number(&response, "x-total-count"));
        let body = response.body_mut().with_config().limit(MOST_BYTES).read_to_vec();
        let body = body.map_err(|error| match error {
            ureq::Error::BodyExceedsLimit(_) => self
                .trouble(ErrorKind::Malformed, format!("{} answers with more than {MOST_BYTES} bytes", self.server())),
            error => self.not_reached(&error, changes),
        })?;
        let answer = Answered { status, total: total.and_then(|total| usize::try_from(total).ok()), body };
        self.judge(answer, &response)
    }

    fn within<B: ureq::AsSendBody>(&self, request: Request<B>) -> Request<B> {
        self.agent.configure_request(request).timeout_global(Some(self.patience)).build()
    }

    /// Trouble of the server with whatever it is asked; everything else is the caller's to judge.
    fn judge<B>(&self, answer: Answered, response: &Response<B>) -> PortResult<Answered> {
        let (server, message) = (self.server(), answer.message());
        let (kind, words) = match answer.status {
            401 => {
                let words =
                    format!("{server} does not accept the token: {}. It is read again at each call", self.credential);
                (ErrorKind::Unauthorised, words)
            }
            403 if message.contains("required scope") || message.contains("change your password") => (
                ErrorKind::Unauthorised,
                format!("{server} does not let the token do that ({message}): {}", self.credential),
            ),
            429 => {
                let pause = number(response, "retry-after").map_or(LIMITED_MS, |s| s.clamp(1, LONGEST_LIMIT_S) * 1_000);
                let until = now().plus_ms(pause);
                self.channel.limit(until);
                (ErrorKind::RateLimited { until }, format!("{server} wants fewer requests; it is asked again then"))
            }
            408 | 425 | 502..=504 => {
                let words = format!("{server} answers with status {} and is not there for now", answer.status);
                self.channel.not_reached(now(), &words);
                (ErrorKind::Passing, words)
            }
            300..=399 => {
                let words = format!(
                    "{} is elsewhere by now (status {}); give its new address in the host file",
                    self.page, answer.status
                );
                (ErrorKind::Gone, words)
            }
            423 => (ErrorKind::Refused, format!("{} is archived and takes nothing: {message}", self.page)),
            _ => {
                self.channel.reached();
                return Ok(answer);
            }
        };
        Err(self.trouble(kind, words))
    }

    /// That an answer is a good one, whatever it says.
    pub(super) fn done(&self, object: &str, answer: &Answered) -> PortResult<()> {
        if answer.is_fine() { Ok(()) } else { Err(self.refused(object, answer)) }
    }

    /// The body of a good answer.
    pub(super) fn read<T: DeserializeOwned>(&self, object: &str, answer: &Answered) -> PortResult<T> {
        if !answer.is_fine() {
            return Err(self.refused(object, answer));
        }
        serde_json::from_slice(&answer.body).map_err(|error| {
            let words =
                format!("{} answers about {object} with something else than its API says: {error}", self.server());
            self.of(ErrorKind::Malformed, object, words)
        })
    }

    /// What an answer that is no good one says of an object.
    pub(super) fn refused(&self, object: &str, answer: &Answered) -> PortError {
        let (server, status, message) = (self.server(), answer.status, answer.message());
        let kind = match status {
            404 => match self.call(Method::GET, "", None) {
                Ok(repository) if repository.is_fine() => ErrorKind::Gone,
                Ok(repository) if repository.status == 404 => {
                    let words = format!("{} is not there, or our token may not see it: {}", self.page, self.credential);
                    return self.trouble(ErrorKind::Gone, words);
                }
                Ok(_) => ErrorKind::Passing,
                Err(error) => return error,
            },
            409 => ErrorKind::Conflict,
            400..=499 => ErrorKind::Refused,
            _ => ErrorKind::Passing,
        };
        let said = if message.is_empty() { format!("status {status}") } else { format!("status {status}: {message}") };
        self.of(kind, object, format!("{server} did not do it for {object} ({said})"))
    }

    fn not_reached(&self, error: &ureq::Error, changes: bool) -> PortError {
        let words = format!("{} does not answer: {}", self.server(), no_answer::why(error));
        self.channel.not_reached(now(), &words);
        self.trouble(no_answer::kind(error, changes), words)
    }

    pub(super) fn server(&self) -> &str {
        self.page.server()
    }

    fn locked(&self, why: &str) -> PortError {
        self.trouble(ErrorKind::Unauthorised, format!("{}: {why}", self.credential))
    }

    /// Trouble of the server as a whole.
    pub(super) fn trouble(&self, kind: ErrorKind, words: impl Into<String>) -> PortError {
        PortError::of_target(kind, Port::Forge, self.page.to_string(), words)
    }

    /// Trouble with one object.
    pub(super) fn of(&self, kind: ErrorKind, object: &str, words: impl Into<String>) -> PortError {
        PortError::of_object(kind, Port::Forge, self.page.to_string(), object, words)
    }
}

fn number<B>(response: &Response<B>, header: &str) -> Option<i64> {
    response.headers().get(header)?.to_str().ok()?.trim().parse().ok()
}

/// The authorities that are trusted: those of the file, else the machine's, else those that are built in.
pub(crate) fn roots(file: Option<PathBuf>) -> RootCerts {
    let machine = || AUTHORITIES.iter().map(PathBuf::from).find(|file| file.exists());
    let own = file.is_some();
    let text = file.or_else(machine).and_then(|file| std::fs::read(file).ok());
    let read = |text: Vec<u8>| -> Vec<Certificate<'static>> {
        let certificates = parse_pem(&text).filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        });
        certificates.collect()
    };
    let certificates = text.map(read).unwrap_or_default();
    // A file that was named and cannot be read opens no door to others.
    if certificates.is_empty() && !own { RootCerts::WebPki } else { RootCerts::from(certificates) }
}

/// A text as one part of a path.
pub(crate) fn part(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_from_any_of_its_addresses() {
        for (text, root, repository) in [
            ("https://git.example.org/acme/shop", "https://git.example.org", "acme/shop"),
            ("https://git.example.org/acme/shop.git", "https://git.example.org", "acme/shop"),
            ("https://git.example.org:3000/git/acme/shop/", "https://git.example.org:3000/git", "acme/shop"),
            ("http://127.0.0.1:3000/acme/a.b-c_d", "http://127.0.0.1:3000", "acme/a.b-c_d"),
        ] {
            let page = Page::new(text).unwrap();
            assert_eq!((page.root.as_str(), page.repository.as_str()), (root, repository), "{text}");
        }
        for bad in [
            "https://git.example.org/shop",
            "ssh://git@git.example.org/acme/shop",
            "https://bot:s3cret@git.example.org/acme/shop",
            "http://git.example.org/acme/shop",
            "https://git.example.org/acme/shop?token=x",
            "https://git.example.org//shop",
            "https://git.example.org/ac%2Fme/shop",
        ] {
            let words = Page::new(bad).unwrap_err();
            assert!(!words.contains("s3cret"), "{words}");
        }
    }

    #[test]
    fn a_branch_is_one_part_of_a_path() {
        assert_eq!(part("feature/T-1 ü"), "feature%2FT-1%20%C3%BC");
    }
}
