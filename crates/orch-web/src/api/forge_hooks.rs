//! Webhooks of forges. They show no token: their signature is what lets them in.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use orch_engine::control::ForgeHookAnswer;
use orch_ports::tracker::HookRequest;

use super::{Api, MAX_BODY};
use crate::Problem;
use crate::view::{ForgeHookView, ForgeHooksView};

/// A forge tells that something happened. It is stored, and then looked at; nothing is done at its word.
#[utoipa::path(post, path = "/hooks/gitea/{repository}", tag = "webhooks", security(()), request_body = String,
    params(("repository" = String, Path, description = "The repository's name on this host")),
    responses(
        (status = 200, description = "Stored, or of no concern here", body = ForgeHookView),
        (status = 401, description = "Not signed, or not with the webhook's secret", body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 413, body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The server was not reached since the start", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn gitea(
    State(api): State<Api>,
    Path(repository): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<ForgeHookView>, Problem> {
    let body = body.map_err(|_| {
        api.control.forge_hook_too_long(&repository);
        let what = format!("a webhook's body has at most {MAX_BODY} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", what)
    })?;
    let headers =
        headers.iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
    let request = HookRequest { headers: headers.collect(), body: body.to_vec() };
    let view = |status: &str, why| Ok(Json(ForgeHookView { status: status.to_owned(), why }));
    match api.control.forge_hook(&repository, request).await? {
        ForgeHookAnswer::Stored => view("stored", None),
        ForgeHookAnswer::Ignored(why) => view("ignored", Some(why)),
        ForgeHookAnswer::Refused(why) => Err(Problem::new(StatusCode::UNAUTHORIZED, "no_token", why)
            .fix("run `orch connect gitea` again: it makes the webhook anew, with a secret that both sides have")),
        ForgeHookAnswer::Unknown => {
            let what = "there is no repository of this name";
            Err(Problem::new(StatusCode::NOT_FOUND, "not_found", what)
                .fix("the address is /hooks/gitea/NAME; `orch repo list` has the names"))
        }
        ForgeHookAnswer::NotYet => {
            let why = "the server was not reached since the start; what happens meanwhile is found by asking";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", why))
        }
    }
}

/// Webhooks of forges that came since the service began.
#[utoipa::path(get, path = "/api/v1/hooks", tag = "webhooks",
    responses((status = 200, body = [ForgeHooksView])))]
pub async fn list(State(api): State<Api>) -> Json<Vec<ForgeHooksView>> {
    Json(api.control.forge_hooks().into_iter().map(ForgeHooksView::of).collect())
}
