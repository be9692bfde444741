//! The way from a command to the service: over HTTP if it runs, in this process if it does not. Both speak the same
//! API, so a command cannot tell them apart.

mod local;
mod pages;
mod remote;
mod running;

use std::time::Duration;

use camino::Utf8Path;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::exit::{Exit, Failure};

pub use local::Local;
pub use remote::Remote;
pub use running::Running;

/// How long an answer may take. The service itself gives up waiting for a command to be handled long before.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body; `null` if it was no JSON.
    pub json: serde_json::Value,
}

/// A request, before it takes either way.
struct Ask<'a> {
    method: &'static str,
    /// With the parameters, encoded.
    path: &'a str,
    body: Option<String>,
    key: Option<String>,
}

/// Somebody who asks the service on behalf of a person.
pub struct Caller {
    way: Way,
    person: Option<String>,
    here: Option<Here>,
}

/// The registered repository that the person stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Here {
    /// Its name in commands.
    pub id: String,
    /// First part of its work item ids.
    pub prefix: String,
}

enum Way {
    Remote(Remote),
    Local(Local),
}

impl Caller {
    /// Over HTTP. `base` is `http://host:port`.
    pub fn remote(base: impl Into<String>, token: impl Into<String>) -> Self {
        Self { way: Way::Remote(Remote::new(base.into(), token.into())), person: None, here: None }
    }

    /// In this process: `router` is the one the service would serve, with a guard that accepts `token`; `runtime` is
    /// where its handlers run and must have worker threads of its own.
    pub fn local(router: axum::Router, token: impl Into<String>, runtime: tokio::runtime::Handle) -> Self {
        Self { way: Way::Local(Local::new(router, token.into(), runtime)), person: None, here: None }
    }

    /// The service that runs on `state`, if one does and answers.
    ///
    /// # Errors
    /// [`Exit::Settings`] if its files are there and cannot be read.
    pub fn running(state: &Utf8Path) -> Result<Option<Self>, Failure> {
        let Some(running) = Running::read(state)? else { return Ok(None) };
        let caller = Self::remote(running.base(), running.token);
        Ok(Some(caller).filter(Self::answers))
    }

    /// Whether somebody of ours is there.
    fn answers(&self) -> bool {
        match &self.way {
            Way::Remote(remote) => remote.answers(),
            Way::Local(_) => true,
        }
    }

    /// Names the person who asks, for the audit trail.
    #[must_use]
    pub fn person(mut self, name: Option<String>) -> Self {
        self.person = name.filter(|name| !name.trim().is_empty());
        self
    }

    /// Says in which repository the person stands: the one that is meant where none is named.
    #[must_use]
    pub fn standing_in(mut self, here: Option<Here>) -> Self {
        self.here = here;
        self
    }

    /// See [`Self::standing_in`].
    pub fn here(&self) -> Option<&Here> {
        self.here.as_ref()
    }

    /// No service runs: nothing goes on while one waits.
    pub fn is_alone(&self) -> bool {
        matches!(self.way, Way::Local(_))
    }

    /// Reads what is under `path`.
    ///
    /// # Errors
    /// [`Exit::Unreachable`] if nobody answers. A refusal is a [`Reply`].
    pub fn get(&self, path: &str) -> Result<Reply, Failure> {
        self.ask(&Ask { method: "GET", path, body: None, key: None })
    }

    /// Sends `body` to `path` under a name of its own.
    ///
    /// # Errors
    /// [`Exit::Unreachable`] if nobody answers. A refusal is a [`Reply`].
    pub fn post(&self, path: &str, body: &impl Serialize) -> Result<Reply, Failure> {
        self.post_as(path, body, &uuid::Uuid::now_v7().to_string())
    }

    /// The same under this name: what was sent under it before is not done again.
    ///
    /// # Errors
    /// [`Exit::Unreachable`] if nobody answers. A refusal is a [`Reply`].
    pub fn post_as(&self, path: &str, body: &impl Serialize, key: &str) -> Result<Reply, Failure> {
        let body = serde_json::to_string(body)
            .map_err(|error| Failure::new(Exit::Internal, format!("the request cannot be written as JSON: {error}")))?;
        let key = Some(key.to_owned());
        self.ask(&Ask { method: "POST", path, body: Some(body), key })
    }

    fn ask(&self, ask: &Ask<'_>) -> Result<Reply, Failure> {
        match &self.way {
            Way::Remote(remote) => remote.ask(ask, self.person.as_deref()),
            Way::Local(local) => local.ask(ask, self.person.as_deref()),
        }
    }

    /// Reads what is under `path` as the type the service serves there.
    ///
    /// # Errors
    /// See [`answer`].
    pub fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        answer(self.get(path)?, path)
    }

    /// Sends `body` to `path` and reads the answer as the type the service gives there.
    ///
    /// # Errors
    /// See [`answer`].
    pub fn send<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        answer(self.post(path, body)?, path)
    }
}

/// The answer as `T`, or the refusal as a failure.
///
/// # Errors
/// [`Exit::NotFound`], [`Exit::Refused`] by the rules, [`Exit::Usage`] for what is wrong in itself, [`Exit::Settings`] for a token that is not accepted, [`Exit::Failed`] for a service that cannot work, [`Exit::Internal`] for an answer
/// that cannot be understood.
pub fn answer<T: DeserializeOwned>(reply: Reply, path: &str) -> Result<T, Failure> {
    if !(200..300).contains(&reply.status) {
        return Err(refusal(&reply));
    }
    serde_json::from_value(reply.json).map_err(|error| {
        Failure::new(Exit::Internal, format!("the service's answer cannot be understood: {error}"))
            .at(path)
            .fix("run the same release of orch as the service")
    })
}

fn refusal(reply: &Reply) -> Failure {
    let exit = match reply.status {
        401 | 403 | 421 => Exit::Settings,
        404 => Exit::NotFound,
        // What was typed is wrong in itself: a title that is empty, a text that is too long.
        400 | 413 => Exit::Usage,
        409 => Exit::Refused,
        503 => Exit::Failed,
        _ => Exit::Internal,
    };
    let problem = serde_json::from_value::<orch_web::Problem>(reply.json.clone());
    // Nothing was asked of the rules yet: what was typed does not say enough.
    let exit = if problem.as_ref().is_ok_and(|problem| problem.error == "ambiguous") { Exit::Usage } else { exit };
    let Ok(problem) = problem else {
        return Failure::new(
            Exit::Internal,
            format!("the service answered with status {} and no reason", reply.status),
        )
        .fix("run the same release of orch as the service");
    };
    let text = crate::screen::printable;
    let failure = match problem.problems.as_slice() {
        [] => Failure::new(exit, text(&problem.why)),
        several => Failure::new(exit, text(&several.join("\n       "))),
    };
    match problem.fix {
        // What the service says is for programs that choose their token; this one reads the file.
        _ if reply.status == 401 => failure.fix(
            "the file `token` in the state folder is not the one the service started with: restart it with orch up",
        ),
        Some(fix) => failure.fix(text(&fix)),
        None => failure,
    }
}

/// A part of a path or a parameter, percent-encoded (RFC 3986, 2.3: all but the unreserved characters).
pub fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, json: serde_json::Value) -> Reply {
        Reply { status, json }
    }

    #[test]
    fn a_refusal_ends_with_its_code_and_says_what_to_do() {
        let json = serde_json::json!({"error": "x", "why": "no\u{1b}[2J", "fix": "do"});
        for (status, exit) in [
            (400, Exit::Usage),
            (404, Exit::NotFound),
            (409, Exit::Refused),
            (413, Exit::Usage),
            (415, Exit::Internal),
            (421, Exit::Settings),
            (503, Exit::Failed),
            (500, Exit::Internal),
        ] {
            let failure = answer::<()>(reply(status, json.clone()), "/x").unwrap_err();
            assert_eq!(failure.exit, exit, "{status}");
            assert_eq!((failure.what.as_str(), failure.fix.as_deref()), ("no\\u{1b}[2J", Some("do")));
        }
        let failure = answer::<()>(reply(401, json), "/x").unwrap_err();
        assert_eq!(failure.exit, Exit::Settings);
        assert!(failure.fix.unwrap().contains("restart it"));
        let failure = answer::<()>(reply(502, serde_json::Value::Null), "/x").unwrap_err();
        assert_eq!(failure.exit, Exit::Internal);
    }

    #[test]
    fn all_problems_are_told() {
        let json = serde_json::json!({"error": "invalid", "why": "a; b", "problems": ["a", "b"]});
        assert_eq!(refusal(&reply(400, json)).what, "a\n       b");
    }

    #[test]
    fn an_answer_of_another_release_is_no_crash() {
        let failure = answer::<u32>(reply(200, serde_json::json!({"a": 1})), "/x").unwrap_err();
        assert_eq!((failure.exit, failure.place.as_deref()), (Exit::Internal, Some("/x")));
    }

    #[test]
    fn a_path_cannot_be_left() {
        assert_eq!(encoded("SHOP-1"), "SHOP-1");
        assert_eq!(encoded("a/../b?c=é"), "a%2F..%2Fb%3Fc%3D%C3%A9");
    }
}
