//! Over HTTP to a service that runs.

use std::time::Duration;

use ureq::http::Response;
use ureq::{Agent, Body};

use super::{Ask, PATIENCE, Reply};
use crate::exit::{Exit, Failure};

/// How long a service on this machine may take to accept a connection or to say that it lives.
const KNOCK: Duration = Duration::from_secs(3);

/// A service at an address.
pub struct Remote {
    base: String,
    token: String,
    agent: Agent,
}

impl Remote {
    /// `base` is `http://host:port`.
    pub fn new(base: String, token: String) -> Self {
        let config = Agent::config_builder()
            // A proxy of the environment is for the outside world and would see the token.
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_connect(Some(KNOCK))
            .timeout_global(Some(PATIENCE))
            .build();
        Self { base: base.trim_end_matches('/').to_owned(), token, agent: config.into() }
    }

    /// Whether a service of ours answers there. Shows no token.
    pub fn answers(&self) -> bool {
        let request = self.agent.get(format!("{}/healthz", self.base)).config().timeout_global(Some(KNOCK)).build();
        request.call().is_ok_and(|mut response| {
            response.status() == 200
                && response.body_mut().read_json::<orch_web::view::HealthView>().is_ok_and(|view| view.status == "ok")
        })
    }

    pub(super) fn ask(&self, ask: &Ask<'_>, person: Option<&str>) -> Result<Reply, Failure> {
        let url = format!("{}{}", self.base, ask.path);
        let mut headers = vec![("authorization", format!("Bearer {}", self.token))];
        headers.extend(person.map(|person| (orch_web::PERSON_HEADER, person.to_owned())));
        headers.extend(ask.key.clone().map(|key| (orch_web::KEY_HEADER, key)));
        let answer = match &ask.body {
            None => headers.into_iter().fold(self.agent.get(url), |r, (name, value)| r.header(name, value)).call(),
            Some(body) => {
                let request = self.agent.post(url).header("content-type", "application/json");
                headers.into_iter().fold(request, |r, (name, value)| r.header(name, value)).send(body)
            }
        };
        answer.and_then(read).map_err(|error| self.unreachable(&error))
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        Failure::new(Exit::Unreachable, format!("the service does not answer: {error}"))
            .at(self.base.clone())
            .fix("start it: orch up")
    }
}

/// Longest answer that is read, in bytes: a task with a long history is large, a fault is endless.
const MAX_ANSWER: u64 = 256 * 1024 * 1024;

fn read(mut response: Response<Body>) -> Result<Reply, ureq::Error> {
    let status = response.status().as_u16();
    let text = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec()?;
    Ok(Reply { status, json: serde_json::from_slice(&text).unwrap_or(serde_json::Value::Null) })
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, StatusCode};
    use axum::response::Redirect;
    use axum::routing::{get, post};
    use axum::{Json, Router};

    use super::*;
    use crate::client::Caller;

    /// Serves `router` on a port of its own for as long as the runtime lives.
    fn served(router: Router) -> (tokio::runtime::Runtime, String) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, router).await });
        (runtime, base)
    }

    #[test]
    fn a_request_carries_token_person_and_name() {
        let echo = async |headers: HeaderMap, body: String| {
            let header =
                |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            let key = header("idempotency-key").is_some();
            (StatusCode::CONFLICT, Json(serde_json::json!([header("authorization"), header("orch-person"), key, body])))
        };
        let (_runtime, base) = served(Router::new().route("/a", post(echo)));
        let caller = Caller::remote(format!("{base}/"), "t").person(Some("Zoë".to_owned()));
        let reply = caller.post("/a", &[1]).unwrap();
        assert_eq!((reply.status, reply.json), (409, serde_json::json!(["Bearer t", "Zoë", true, "[1]"])));
    }

    #[test]
    fn the_token_is_not_carried_elsewhere() {
        let away = async || Redirect::temporary("/b");
        let (_runtime, base) = served(Router::new().route("/a", get(away)).route("/b", get(async || "\"b\"")));
        assert_eq!(Caller::remote(base, "t").get("/a").unwrap().status, 307);
    }

    #[test]
    fn a_service_is_known_by_its_health() {
        let health = async || Json(serde_json::json!({"status": "ok"}));
        let (_runtime, base) = served(Router::new().route("/healthz", get(health)));
        assert!(Remote::new(base, "t".to_owned()).answers());
        let (_runtime, base) = served(Router::new().route("/healthz", get(async || "another program")));
        assert!(!Remote::new(base, "t".to_owned()).answers());
    }

    #[test]
    fn nobody_there_is_told_with_what_to_do() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let failure = Caller::remote(base.clone(), "s3cret").get("/queue").unwrap_err();
        assert_eq!((failure.exit, failure.place), (Exit::Unreachable, Some(base.clone())));
        assert!(!failure.what.contains("s3cret"));
        assert!(!Remote::new(base, "t".to_owned()).answers());
    }
}
