//! Whether the process lives, whether it can work, and the document of the API.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::Api;
use crate::Problem;
use crate::view::HealthView;

fn ok() -> Json<HealthView> {
    Json(HealthView { status: "ok".to_owned() })
}

/// The process lives. Needs no token.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()), responses((status = 200, body = HealthView)))]
pub async fn healthz() -> Json<HealthView> {
    ok()
}

/// The service can work: its database is usable. Needs no token.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()), responses(
    (status = 200, body = HealthView),
    (status = 503, description = "And why not", body = Problem, content_type = "application/problem+json"),
))]
pub async fn readyz(State(api): State<Api>) -> Result<Json<HealthView>, Problem> {
    match api.control.ready().await {
        Ok(()) => Ok(ok()),
        Err(why) => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", why)),
    }
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "health", responses((status = 200, body = serde_json::Value)))]
pub async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(crate::openapi())
}
