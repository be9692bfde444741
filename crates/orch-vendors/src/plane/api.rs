//! The HTTP API of a Plane server: addresses, limits, turns, and what kind of trouble an answer is. The key is read before
//! each call, stands in one header of it, and nowhere else.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use orch_ports::{Port, PortError, PortResult};
use orch_rules::ids::Timestamp;
use orch_rules::port_error::ErrorKind;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::Agent;
use ureq::http::{HeaderMap, Method, Request};
use ureq::tls::TlsConfig;

use super::channel::KeyChannel;
use crate::forge::gitea::api::{part, roots};
use crate::forge::reach::now;
use crate::no_answer;
use crate::notifier::fingerprint;

/// How long one call may take as a whole.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest answer, in bytes: a thousand records.
const MOST_BYTES: u64 = 32 << 20;
/// Words of a server that are repeated, in characters.
const MOST_WORDS: usize = 300;
/// After a limit without a date, in milliseconds.
const LIMITED_MS: i64 = 60_000;
/// The longest that a limit's date is believed, in seconds.
const LONGEST_LIMIT_S: i64 = 3_600;
/// No list has more pages than this.
const MOST_PAGES: usize = 200;

/// A workspace on a Plane server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaneSite {
    /// The server, with the folder it is served in.
    root: String,
    authority: String,
    workspace: String,
}

impl PlaneSite {
    /// Reads the server's address, with slashes at its end or without, and the workspace's short name in addresses.
    ///
    /// # Errors
    /// What is wrong and what to do, in one sentence.
    pub fn new(address: &str, workspace: &str) -> Result<Self, String> {
        let wrong = || "the address of a Plane server is https://HOST, as people open it".to_owned();
        let mut root = address.trim().trim_end_matches('/');
        for end in ["/api/v1", "/api"] {
            root = root.strip_suffix(end).unwrap_or(root);
        }
        let (scheme, rest) = root.split_once("://").ok_or_else(wrong)?;
        let authority = rest.split('/').next().unwrap_or_default();
        let plain = |c: char| c.is_ascii_graphic() && !"?#@\\".contains(c);
        if !["http", "https"].contains(&scheme) || authority.is_empty() || !rest.chars().all(plain) {
            return Err(wrong());
        }
        let slug = workspace.trim();
        if slug.is_empty() || !slug.chars().all(|c| c.is_alphanumeric() || "-_".contains(c)) {
            return Err("the workspace is named as in the address of its pages: https://HOST/WORKSPACE/".to_owned());
        }
        Ok(Self { root: root.to_owned(), authority: authority.to_owned(), workspace: part(slug) })
    }

    /// Host and port.
    pub fn server(&self) -> &str {
        &self.authority
    }

    /// The server's address.
    pub fn root(&self) -> &str {
        &self.root
    }
}

impl std::fmt::Display for PlaneSite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.root, self.workspace)
    }
}

/// Reads the key; says in words for people why it cannot.
type ReadKey = Box<dyn Fn() -> Result<String, String> + Send + Sync>;

/// The way to the API with one key.
pub struct PlaneApi {
    site: PlaneSite,
    /// The key, as people know it.
    credential: String,
    key: ReadKey,
    channel: Arc<KeyChannel>,
    agent: Agent,
    patience: Duration,
}

/// An answer that came as a whole.
#[derive(Debug)]
pub(super) struct PlaneAnswer {
    pub status: u16,
    /// When we asked.
    pub asked_at: Timestamp,
    /// The server's clock minus ours in milliseconds.
    pub ahead_ms: Option<i64>,
    body: Vec<u8>,
}

impl PlaneAnswer {
    pub fn is_fine(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What the server says of an error, for people alone: it has four forms, and none is to be decided by.
    pub fn message(&self) -> String {
        let text = match serde_json::from_slice::<Value>(&self.body) {
            Ok(Value::Object(fields)) => {
                let named =
                    ["detail", "error", "error_message"].into_iter().find_map(|name| fields.get(name)?.as_str());
                named.map_or_else(|| Value::Object(fields.clone()).to_string(), str::to_owned)
            }
            _ => String::new(),
        };
        text.chars().filter(|c| !c.is_control()).take(MOST_WORDS).collect()
    }
}

/// A page of a list.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum PlanePage<T> {
    Envelope {
        results: Vec<T>,
        /// The end is told by this; the cursor is always filled.
        #[serde(default)]
        next_page_results: bool,
        #[serde(default)]
        next_cursor: Option<String>,
    },
    Bare(Vec<T>),
}

impl PlaneApi {
    /// The way to `site`. `credential` names the key and where it is kept, `key` reads it; `authorities` is a PEM file to
    /// trust instead of the machine's own.
    pub fn new(
        site: PlaneSite,
        credential: impl Into<String>,
        channel: Arc<KeyChannel>,
        authorities: Option<PathBuf>,
        key: impl Fn() -> Result<String, String> + Send + Sync + 'static,
    ) -> Self {
        let config = Agent::config_builder()
            // A key belongs to the server that is named, and to nobody on the way. Behind a redirect a change is repeated
            // without its body, and the answer is 200.
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT))
            .tls_config(TlsConfig::builder().root_certs(roots(authorities)).build())
            .user_agent("orchestrion")
            .build();
        let credential = credential.into();
        Self { site, credential, key: Box::new(key), channel, agent: config.into(), patience: PATIENCE }
    }

    /// Each call ends within so long.
    #[must_use]
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.patience = limit;
        self
    }

    /// Changes when the key or the address does.
    pub(super) fn fingerprint(&self) -> String {
        let key = (self.key)().unwrap_or_else(|why| why);
        fingerprint(&[&self.site.root, &key])
    }

    /// Where it is.
    pub fn site(&self) -> &PlaneSite {
        &self.site
    }

    /// A call below the workspace; any answer but those of a server in trouble. `path` ends with a slash.
    pub(super) fn call(
        &self,
        method: Method,
        path: &str,
        query: &str,
        body: Option<&Value>,
    ) -> PortResult<PlaneAnswer> {
        self.ask(method, &format!("workspaces/{}/{path}", self.site.workspace), query, body)
    }

    /// A call of the API.
    pub(super) fn ask(&self, method: Method, path: &str, query: &str, body: Option<&Value>) -> PortResult<PlaneAnswer> {
        let answer = self.asked(method, path, query, body)?;
        if answer.status != 403 {
            return Ok(answer);
        }
        // A wrong key and a right one that may not do this have one status.
        let mine = self.asked(Method::GET, "users/me/", "", None)?;
        let words = match mine.status {
            403 => format!("{} does not accept the key: {}", self.server(), self.credential),
            _ => format!(
                "{} does not let the key do that ({}): its account must be a member of the project, and workspace and \
                 project must be right: {}",
                self.server(),
                answer.message(),
                self.credential
            ),
        };
        Err(self.trouble(ErrorKind::Unauthorised, words))
    }

    fn asked(&self, method: Method, path: &str, query: &str, body: Option<&Value>) -> PortResult<PlaneAnswer> {
        let closed = |(kind, words)| self.trouble(kind, words);
        let _pass = self.channel.enter(self.server()).map_err(closed)?;
        let key = (self.key)().map_err(|why| self.locked(&why))?;
        let changes = method != Method::GET;
        let mark = if query.is_empty() { "" } else { "?" };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/api/v1/{path}{mark}{query}", self.site.root))
            .header("accept", "application/json")
            .header("content-type", "application/json")
            .header("x-api-key", key.trim());
        let failed = |_| self.locked("the key cannot be sent: it has a letter that no key has");
        let request = request.body(body.map(Value::to_string).unwrap_or_default()).map_err(failed)?;
        let asked_at = now();
        let sent =
            if changes { self.agent.run(self.within(request)) } else { self.agent.run(self.within(request.map(drop))) };
        let mut response = sent.map_err(|error| self.not_reached(&error, changes))?;
        let read = response.body_mut().with_config().limit(MOST_BYTES).read_to_vec();
        let body = read.map_err(|error| match error {
            ureq::Error::BodyExceedsLimit(_) => self
                .trouble(ErrorKind::Malformed, format!("{} answers with more than {MOST_BYTES} bytes", self.server())),
            error => self.not_reached(&error, changes),
        })?;
        let (status, headers) = (response.status().as_u16(), response.headers());
        let ahead_ms = ahead(headers, asked_at, now());
        self.judge(PlaneAnswer { status, asked_at, ahead_ms, body }, headers, changes)
    }

    fn within<B: ureq::AsSendBody>(&self, request: Request<B>) -> Request<B> {
        self.agent.configure_request(request).timeout_global(Some(self.patience)).build()
    }

    /// Trouble of the server with whatever it is asked; everything else is the caller's to judge.
    fn judge(&self, answer: PlaneAnswer, headers: &HeaderMap, changes: bool) -> PortResult<PlaneAnswer> {
        let server = self.server();
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let (kind, words) = match answer.status {
            401 => (ErrorKind::Unauthorised, format!("{server} was shown no key: {}", self.credential)),
            429 => {
                let told = header("retry-after").and_then(|seconds| seconds.trim().parse::<i64>().ok());
                let pause = told.map_or(LIMITED_MS, |s| s.clamp(1, LONGEST_LIMIT_S) * 1_000);
                let until = now().plus_ms(pause);
                self.channel.server.limit(until);
                (ErrorKind::RateLimited { until }, format!("{server} wants fewer requests; it is asked again then"))
            }
            // Plane answers so although it saved a change, when its broker is away.
            500..=599 if changes => {
                let words = format!("{server} says that it failed (status {}), and may have done it", answer.status);
                (ErrorKind::InDoubt, words)
            }
            408 | 425 | 502..=504 => {
                let words = format!("{server} answers with status {} and is not there for now", answer.status);
                self.channel.server.not_reached(now(), &words);
                (ErrorKind::Passing, words)
            }
            300..=399 => {
                let to = header("location").map_or_else(String::new, |to| format!(" to {}", origin(to)));
                let words = format!(
                    "{} sends us elsewhere{to} (status {}); give the address at which it answers itself",
                    self.site.root, answer.status
                );
                (ErrorKind::Refused, words)
            }
            _ => {
                self.channel.server.reached();
                return Ok(answer);
            }
        };
        Err(self.trouble(kind, words))
    }

    /// The body of a good answer.
    pub(super) fn read<T: DeserializeOwned>(&self, object: &str, answer: &PlaneAnswer) -> PortResult<T> {
        if !answer.is_fine() {
            return Err(self.refused(object, answer));
        }
        serde_json::from_slice(&answer.body).map_err(|error| {
            let words = format!(
                "{} answers about {object} with something else than Plane's API says ({error}); is it the address of a \
                 Plane server?",
                self.site.root
            );
            self.trouble(ErrorKind::Malformed, words)
        })
    }

    /// Every page of a list below the workspace, until `enough` of a page says that no more is wanted.
    pub(super) fn pages<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &str,
        per_page: usize,
        mut enough: impl FnMut(&[T]) -> bool,
    ) -> PortResult<Vec<T>> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        for _ in 0..MOST_PAGES {
            // The size of a page is not taken from the cursor.
            let asked = format!("per_page={per_page}{query}{cursor}");
            let answer = self.call(Method::GET, path, &asked, None)?;
            match self.read(path, &answer)? {
                PlanePage::Bare(items) => return Ok(items),
                PlanePage::Envelope { results, next_page_results, next_cursor } => {
                    let last = !next_page_results || enough(&results);
                    all.extend(results);
                    match next_cursor.filter(|_| !last) {
                        Some(next) => cursor = format!("&cursor={}", part(&next)),
                        None => return Ok(all),
                    }
                }
            }
        }
        let words = format!("{} has more than {MOST_PAGES} pages of {path}", self.server());
        Err(self.of(ErrorKind::Malformed, path, words))
    }

    /// What an answer that is no good one says of an object.
    pub(super) fn refused(&self, object: &str, answer: &PlaneAnswer) -> PortError {
        let (server, status, message) = (self.server(), answer.status, answer.message());
        let kind = match status {
            404 => ErrorKind::Gone,
            409 => ErrorKind::Conflict,
            400..=499 => ErrorKind::Refused,
            _ => ErrorKind::Passing,
        };
        let said = if message.is_empty() { format!("status {status}") } else { format!("status {status}: {message}") };
        self.of(kind, object, format!("{server} did not do it for {object} ({said})"))
    }

    fn not_reached(&self, error: &ureq::Error, changes: bool) -> PortError {
        let words = format!("{} does not answer: {}", self.server(), no_answer::why(error));
        self.channel.server.not_reached(now(), &words);
        self.trouble(no_answer::kind(error, changes), words)
    }

    pub(super) fn server(&self) -> &str {
        self.site.server()
    }

    fn locked(&self, why: &str) -> PortError {
        self.trouble(ErrorKind::Unauthorised, format!("{}: {why}", self.credential))
    }

    /// Trouble of the server as a whole.
    pub(super) fn trouble(&self, kind: ErrorKind, words: impl Into<String>) -> PortError {
        PortError::of_target(kind, Port::Tracker, self.site.to_string(), words)
    }

    /// Trouble with one object.
    pub(super) fn of(&self, kind: ErrorKind, object: &str, words: impl Into<String>) -> PortError {
        PortError::of_object(kind, Port::Tracker, self.site.to_string(), object, words)
    }
}

/// How far the server's clock is ahead: it tells whole seconds, and somewhere between question and answer.
fn ahead(headers: &HeaderMap, asked: Timestamp, answered: Timestamp) -> Option<i64> {
    let date = headers.get("date")?.to_str().ok()?;
    let date = jiff::fmt::rfc2822::parse(date).ok()?.timestamp().as_millisecond() + 500;
    Some(date - (asked.0 + answered.since_ms(asked) / 2))
}

/// The beginning of an address: no path, which may hold what is nobody's business.
fn origin(address: &str) -> &str {
    let host = address.find("://").map_or(0, |at| at + 3);
    let end = address[host..].find('/').map_or(address.len(), |at| host + at);
    address.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_read_from_any_spelling_of_its_address() {
        for (address, root) in [
            ("https://plane.example.org", "https://plane.example.org"),
            ("https://plane.example.org/", "https://plane.example.org"),
            ("https://plane.example.org//", "https://plane.example.org"),
            ("https://plane.example.org/api/v1/", "https://plane.example.org"),
            ("https://example.org/plane/", "https://example.org/plane"),
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ] {
            let site = PlaneSite::new(address, "acme").unwrap();
            assert_eq!((site.root(), site.to_string()), (root, format!("{root}/acme")), "{address}");
        }
        for (address, workspace) in [
            ("plane.example.org", "acme"),
            ("ssh://plane.example.org", "acme"),
            ("https://", "acme"),
            ("https://bot:s3cret@plane.example.org", "acme"),
            ("https://plane.example.org/?next=x", "acme"),
            ("https://plane.example.org", ""),
            ("https://plane.example.org", "ac/me"),
            ("https://plane.example.org", ".."),
        ] {
            let words = PlaneSite::new(address, workspace).unwrap_err();
            assert!(!words.contains("s3cret"), "{words}");
        }
    }

    #[test]
    fn of_an_address_only_its_beginning_is_told() {
        assert_eq!(origin("https://plane.example.org/x?token=1"), "https://plane.example.org");
        assert_eq!(origin("/login?next=x"), "");
    }

    #[test]
    fn clocks_are_compared_in_the_middle_of_a_call() {
        let mut headers = HeaderMap::new();
        headers.insert("date", "Fri, 20 Nov 2026 21:43:57 GMT".parse().unwrap());
        let date = 1_795_211_037_000;
        assert_eq!(ahead(&headers, Timestamp(date), Timestamp(date + 1_000)), Some(0));
        assert_eq!(ahead(&headers, Timestamp(date - 180_000), Timestamp(date - 180_000)), Some(180_500));
        assert_eq!(ahead(&HeaderMap::new(), Timestamp(1), Timestamp(2)), None);
    }
}
