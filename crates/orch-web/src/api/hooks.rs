//! Webhooks of trackers, and what those of forges share with them. They show no token: their signature is what lets them in.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
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
        (status = 503, description = "The server was not reached since the start", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn hook(
    State(api): State<Api>,
    Path(connection): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<HookView>, Problem> {
    let request = read(headers, body, MAX_HOOK).inspect_err(|_| api.control.hook_too_long(&connection))?;
    let secret = "give the webhook's secret in `webhook_secret_file` of the tracker";
    let name = "the address is /webhook/NAME, with the `name` of a [[tracker]] in the host file";
    answered(api.control.hook(&connection, request).await?, secret, ("there is no tracker of this name", name))
}

/// The request as it came; `most`: bytes of its body.
///
/// # Errors
/// A body that is too long.
pub(super) fn read(
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
    most: usize,
) -> Result<HookRequest, Problem> {
    let body = body.map_err(|_| {
        let what = format!("a webhook's body has at most {most} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", what)
    })?;
    let headers =
        headers.iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
    Ok(HookRequest { headers: headers.collect(), body: body.to_vec() })
}

/// What the sender is answered. `secret`: what helps where it is not signed; `unknown`: what there is not, and what helps then.
pub(super) fn answered(answer: HookAnswer, secret: &str, unknown: (&str, &str)) -> Result<Json<HookView>, Problem> {
    let view = |status: &str, why| Ok(Json(HookView { status: status.to_owned(), why }));
    match answer {
        HookAnswer::Stored => view("stored", None),
        HookAnswer::Ignored(why) => view("ignored", Some(why)),
        HookAnswer::Refused(why) => Err(Problem::new(StatusCode::UNAUTHORIZED, "no_token", why).fix(secret)),
        HookAnswer::Unknown => Err(Problem::new(StatusCode::NOT_FOUND, "not_found", unknown.0).fix(unknown.1)),
        HookAnswer::NotYet => {
            let why = "the server was not reached since the start; what happens meanwhile is found by asking";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", why))
        }
    }
}
