//! In this process, while no service runs: the same router, without a socket.

use std::sync::mpsc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, header};
use tower::ServiceExt;

use super::{Ask, PATIENCE, Reply};
use crate::exit::{Exit, Failure};

/// A router and where it runs.
pub struct Local {
    router: Router,
    token: String,
    runtime: tokio::runtime::Handle,
}

impl Local {
    /// See [`super::Caller::local`].
    pub fn new(router: Router, token: String, runtime: tokio::runtime::Handle) -> Self {
        Self { router, token, runtime }
    }

    pub(super) fn ask(&self, ask: &Ask<'_>, person: Option<&str>) -> Result<Reply, Failure> {
        let broken = |what: String| Failure::new(Exit::Internal, what).at(ask.path.to_owned());
        let request = self.request(ask, person).map_err(|error| broken(format!("not a request: {error}")))?;
        let (done, answer) = mpsc::channel();
        let router = self.router.clone();
        self.runtime.spawn(async move {
            let response = match router.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let status = response.status().as_u16();
            let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
            let json = body.ok().and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or(serde_json::Value::Null);
            // Nobody listens any more if the wait below gave up.
            let _gave_up = done.send(Reply { status, json });
        });
        answer.recv_timeout(PATIENCE).map_err(|_| {
            broken("no answer came".to_owned()).fix("look for what keeps the database busy, then try again")
        })
    }

    fn request(&self, ask: &Ask<'_>, person: Option<&str>) -> Result<Request<Body>, axum::http::Error> {
        let mut request = Request::builder()
            .method(ask.method)
            .uri(ask.path)
            .header(header::HOST, "localhost")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        if let Some(person) = person {
            request = request.header(orch_web::PERSON_HEADER, HeaderValue::from_bytes(person.as_bytes())?);
        }
        if let Some(key) = &ask.key {
            request = request.header(orch_web::KEY_HEADER, key);
        }
        if ask.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request.body(Body::from(ask.body.clone().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use axum::Json;
    use axum::http::HeaderMap;
    use axum::routing::{get, post};

    use crate::client::Caller;

    #[test]
    fn a_request_in_this_process_is_like_one_over_http() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let echo = async |headers: HeaderMap, body: String| {
            let header =
                |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            Json(serde_json::json!([
                header("authorization"),
                header("host"),
                header("orch-person"),
                header("content-type"),
                header("idempotency-key").is_some(),
                body
            ]))
        };
        let router = axum::Router::new().route("/a", get(echo)).route("/b", post(echo));
        let caller = Caller::local(router, "t", runtime.handle().clone()).person(Some("Zoë".to_owned()));
        let read: serde_json::Value = caller.read("/a").unwrap();
        assert_eq!(read, serde_json::json!(["Bearer t", "localhost", "Zoë", null, false, ""]));
        let sent: serde_json::Value = caller.send("/b", &[1]).unwrap();
        assert_eq!(sent, serde_json::json!(["Bearer t", "localhost", "Zoë", "application/json", true, "[1]"]));
        assert_eq!(caller.get("/none").unwrap().status, 404);
    }
}
