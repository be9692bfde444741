//! Webhooks of trackers. They show no token: their signature is what lets them in.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use orch_engine::control::HookAnswer;
use orch_ports::tracker::HookRequest;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use crate::Problem;

/// Longest body of a webhook that is read, in bytes: a product may send the whole issue.
pub const MAX_HOOK: usize = 8 * 1024 * 1024;

/// What became of a webhook's request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HookView {
    /// `stored` or `ignored`.
    pub status: String,
    /// Why it was ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A tracker tells that something happened. It is stored, and then looked at; nothing is done at its word.
#[utoipa::path(post, path = "/webhook/{connection}", tag = "webhooks", security(()), request_body = String,
    params(("connection" = String, Path, description = "The tracker's name in the settings")),
    responses(
        (status = 200, description = "Stored, or of no concern here", body = HookView),
        (status = 401, description = "Not signed, or not with the webhook's secret", body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 413, body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The tracker was not reached since the start", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn hook(
    State(api): State<Api>,
    Path(connection): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Json<HookView>, Problem> {
    let body = body.map_err(|_| {
        api.control.hook_too_long(&connection);
        let what = format!("a webhook's body has at most {MAX_HOOK} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", what)
    })?;
    let headers =
        headers.iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
    let request = HookRequest { headers: headers.collect(), body: body.to_vec() };
    let view = |status: &str, why| Ok(Json(HookView { status: status.to_owned(), why }));
    match api.control.hook(&connection, request).await? {
        HookAnswer::Stored => view("stored", None),
        HookAnswer::Ignored(why) => view("ignored", Some(why)),
        HookAnswer::Refused(why) => Err(Problem::new(StatusCode::UNAUTHORIZED, "no_token", why)
            .fix("give the webhook's secret in `webhook_secret_file` of the tracker")),
        HookAnswer::Unknown => {
            Err(Problem::new(StatusCode::NOT_FOUND, "not_found", "there is no tracker of this name")
                .fix("the address is /webhook/NAME, with the `name` of a [[tracker]] in the host file"))
        }
        HookAnswer::NotYet => {
            let why = "the tracker was not reached since the start; what happens meanwhile is found by asking";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", why))
        }
    }
}
