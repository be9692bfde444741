//! What runs cost.

use axum::Json;
use axum::extract::State;
use orch_rules::ids::RepositoryId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Api;
use crate::Problem;
use crate::ask::Params;
use crate::view::CostsView;

/// Days that are looked at if nobody says.
pub const USUAL_DAYS: u32 = 14;
/// Most days that are looked at.
pub const MOST_DAYS: u32 = 366;
/// Most tasks that are named.
const MOST_TASKS: u32 = 1_000;

/// Which costs.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CostParams {
    /// Of the last so many days of UTC, today included; 14 if left out, 366 at most.
    days: Option<u32>,
    /// Only of this repository.
    repository: Option<String>,
    /// How many tasks are named, the dearest first; 10 if left out, 1000 at most.
    tasks: Option<u32>,
}

/// What runs cost, by day, repository, stage, agent and model.
#[utoipa::path(get, path = "/api/v1/costs", tag = "costs", params(CostParams), responses(
    (status = 200, body = CostsView),
    (status = 400, body = Problem, content_type = "application/problem+json"),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
pub async fn costs(State(api): State<Api>, Params(asked): Params<CostParams>) -> Result<Json<CostsView>, Problem> {
    let days = asked.days.unwrap_or(USUAL_DAYS).clamp(1, MOST_DAYS);
    let tasks = asked.tasks.unwrap_or(10).min(MOST_TASKS);
    let repository = asked.repository.map(RepositoryId);
    let (since, costs) = api.control.costs(days, repository.as_ref(), tasks).await?;
    Ok(Json(CostsView::of(since, days, &costs)))
}
