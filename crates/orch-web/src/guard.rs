//! Who may ask: token, host and origin.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use orch_rules::actor::Actor;

use crate::Problem;

/// Routes for load balancers and supervisors: they say nothing about tasks and need no token.
pub const OPEN_ROUTES: [&str; 2] = ["/healthz", "/readyz"];
/// Beginnings of routes that products call from elsewhere: what they send is signed, and each checks that itself.
const SIGNED_ROUTES: [&str; 2] = ["/webhook/", "/hooks/"];

/// The token in the state folder, among those of the API.
const HOST_TOKEN: &str = "host";

/// Who may ask, and under which names the service is reached.
#[derive(Clone)]
pub struct Guard {
    token: String,
    account: Actor,
    hosts: Vec<String>,
    origins: Vec<String>,
    any_address: bool,
}

// By hand, so that the token never reaches a log.
impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard")
            .field("account", &self.account)
            .field("hosts", &self.hosts)
            .field("origins", &self.origins)
            .finish_non_exhaustive()
    }
}

impl Guard {
    /// Lets in whoever shows `token`: the word of `account`, whose token it is. An empty token lets nobody in. The names of this machine itself (`localhost`, `127.…`, `[::1]`, with any port: a tunnel changes it) are
    /// always accepted as `Host`.
    pub fn new(token: impl Into<String>, account: Actor) -> Self {
        Self { token: token.into(), account, hosts: Vec::new(), origins: Vec::new(), any_address: false }
    }

    /// Also answers under this name, as browsers write it: `orch.example.org` or `orch.example.org:8500`.
    pub fn also_host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(host.into().to_ascii_lowercase());
        self
    }

    /// Also answers under any IP address, with any port: for a service that listens on all addresses of its machine.
    /// Names stay closed: only a name can be pointed here by somebody else.
    pub fn any_address(mut self) -> Self {
        self.any_address = true;
        self
    }

    /// Also lets pages of this origin change things, for example `https://orch.example.org`. Pages served under an
    /// accepted host are let in anyway.
    pub fn also_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into().to_ascii_lowercase());
        self
    }

    /// Who asks. A request may say which of those it is who share the token: that is a name within the token and makes
    /// nobody a person, nor the account that is called so elsewhere.
    pub fn asker(&self, said: Option<String>) -> Actor {
        match said {
            Some(name) if self.account.name() != Some(name.as_str()) => {
                Actor::token(format!("{HOST_TOKEN}.{name}")).known_as(name)
            }
            _ => self.account.clone(),
        }
    }

    /// The request's host, if it is one of ours. A page that made its own name point here (DNS rebinding) still
    /// sends that name.
    fn host(&self, request: &Request) -> Result<String, Problem> {
        let wrong = |what: String| {
            Problem::new(StatusCode::MISDIRECTED_REQUEST, "wrong_host", what)
                .fix("ask for 127.0.0.1 or localhost, or for the address that is set in `service.listen`")
        };
        let mut given = request.headers().get_all(header::HOST).iter();
        let (Some(host), None) = (given.next(), given.next()) else {
            return Err(wrong("the request must have exactly one Host header".to_owned()));
        };
        let host = host.to_str().unwrap_or_default().to_ascii_lowercase();
        // An absolute request target overrides the header for some programs on the way; they must agree.
        let target = request.uri().authority().map(|a| a.as_str().to_ascii_lowercase());
        let known = is_loopback(&host)
            || self.hosts.contains(&host)
            || (self.any_address && address(&host).is_some_and(|name| name.parse::<IpAddr>().is_ok()));
        if target.is_some_and(|target| target != host) || !known {
            return Err(wrong("the Host header names no host of this service".to_owned()));
        }
        Ok(host)
    }

    fn token(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
        let bearer = given.split_at_checked(7).filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer "));
        let shown = bearer.map_or(&b""[..], |(_, token)| token.trim_ascii());
        if !self.token.is_empty() && bool::from(shown.ct_eq(self.token.as_bytes())) {
            return Ok(());
        }
        Err(Problem::new(StatusCode::UNAUTHORIZED, "no_token", "the request shows no valid token")
            .fix("send `Authorization: Bearer TOKEN`; the token is in the file `token` of the service's state folder"))
    }

    fn origin(&self, headers: &HeaderMap, host: &str) -> Result<(), Problem> {
        let allowed = headers.get_all(header::ORIGIN).iter().all(|origin| {
            let origin = origin.to_str().unwrap_or("null").to_ascii_lowercase();
            let own = ["http://", "https://"].iter().any(|scheme| origin.strip_prefix(scheme) == Some(host));
            own || self.origins.contains(&origin)
        });
        if allowed {
            return Ok(());
        }
        Err(Problem::new(StatusCode::FORBIDDEN, "forbidden_origin", "a page of another origin may not change anything")
            .fix("send no Origin header, or let the page be served by the service itself"))
    }

    /// Whether a page may be shown, or a form of it taken: for a host of ours, from no other origin. Who asks, the page
    /// finds out by itself.
    ///
    /// # Errors
    /// Why not.
    pub fn page(&self, request: &Request) -> Result<(), Problem> {
        let host = self.host(request)?;
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            return Ok(());
        }
        self.origin(request.headers(), &host)
    }

    fn check(&self, request: &Request) -> Result<(), Problem> {
        let path = request.uri().path();
        if OPEN_ROUTES.contains(&path) || SIGNED_ROUTES.iter().any(|signed| path.starts_with(signed)) {
            return Ok(());
        }
        let host = self.host(request)?;
        self.token(request.headers())?;
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            return Ok(());
        }
        self.origin(request.headers(), &host)
    }
}

/// Whether `host[:port]` names this machine itself.
fn is_loopback(host: &str) -> bool {
    let loopback = |name: &str| name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    address(host).is_some_and(|name| name == "localhost" || loopback(name))
}

/// The name or address of `host[:port]`, without port and brackets; `None` if it is neither.
fn address(host: &str) -> Option<&str> {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() && (!name.contains(':') || name.ends_with(']')) => name,
        Some((_, _)) if !host.ends_with(']') => return None,
        _ => host,
    };
    Some(name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name))
}

/// Checks a request before anything else looks at it, and marks every answer as not for embedding, sniffing or
/// keeping.
pub async fn stand(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let mut response = match guard.check(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    for (name, value) in SECURITY_HEADERS {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

const SECURITY_HEADERS: [(&str, &str); 6] = [
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_are_known_with_and_without_a_port() {
        for host in ["localhost", "localhost:8500", "127.0.0.1", "127.0.0.1:1", "127.9.9.9:80", "[::1]", "[::1]:8500"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            ":",
            ":8500",
            "localhost:",
            "localhost:x",
            "localhost.evil.example:8500",
            "evil.example",
            "0.0.0.0:8500",
            "10.0.0.1",
            "[::1",
            "::1:8500",
            "[::2]:8500",
            "127.0.0.1.evil.example",
            "localhost:8500:1",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_request_says_who_of_those_that_share_the_token_and_nothing_more() {
        let guard = Guard::new("t", Actor::local(1000).known_as("root"));
        let asks = |said: Option<&str>| guard.asker(said.map(str::to_owned)).wire();
        assert_eq!(asks(None), "local:1000");
        assert_eq!(asks(Some("root")), "local:1000", "it is the account's own name");
        for said in ["ann", "local:1000", "token:host", "orch", "session:ann", "plane-1:7", "name:ann", "role:tester"] {
            assert_eq!(asks(Some(said)), format!("token:host.{said}"));
            assert_eq!(Actor::parse(&asks(Some(said))), guard.asker(Some(said.to_owned())), "{said}");
        }
        assert_eq!(guard.asker(Some("Zoë".into())).to_string(), "Zoë");
    }

    #[test]
    fn the_token_is_not_printed() {
        assert!(!format!("{:?}", Guard::new("s3cret", Actor::local(1000))).contains("s3cret"));
    }
}
