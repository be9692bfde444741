//! Webhooks of forges. They show no token: their signature is what lets them in.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;

use super::hooks::{self, HookView};
use super::{Api, MAX_BODY};
use crate::Problem;
use crate::view::ForgeHooksView;

/// A forge tells that something happened. It is stored, and then looked at; nothing is done at its word.
#[utoipa::path(post, path = "/hooks/gitea/{repository}", tag = "webhooks", security(()), request_body = String,
    params(("repository" = String, Path, description = "The repository's name on this host")),
    responses(
        (status = 200, description = "Stored, or of no concern here", body = HookView),
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
) -> Result<Json<HookView>, Problem> {
    let request = hooks::read(headers, body, MAX_BODY).inspect_err(|_| api.control.forge_hook_too_long(&repository))?;
    let secret = "run `orch connect gitea` again: it makes the webhook anew, with a secret that both sides have";
    let name = "the address is /hooks/gitea/NAME; `orch repo list` has the names";
    let unknown = ("there is no repository of this name", name);
    hooks::answered(api.control.forge_hook(&repository, request).await?, secret, unknown)
}

/// Webhooks of forges that came since the service began.
#[utoipa::path(get, path = "/api/v1/hooks", tag = "webhooks",
    responses((status = 200, body = [ForgeHooksView])))]
pub async fn list(State(api): State<Api>) -> Json<Vec<ForgeHooksView>> {
    Json(api.control.forge_hooks().into_iter().map(ForgeHooksView::of).collect())
}
