//! The feed of changes.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use orch_ports::feed::FeedFilter;
use orch_rules::ids::{RepositoryId, WorkItemId};
use serde::Deserialize;
use utoipa::IntoParams;

use super::Api;
use super::tasks::LONGEST_WAIT;
use crate::Problem;
use crate::ask::Params;
use crate::view::ChangesView;

/// Most changes in one answer.
const MOST: u32 = 500;

/// Which changes.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangesParams {
    /// `next` of the answer before; without it nothing of the past is told, only where to begin.
    after: Option<String>,
    /// Only of this repository.
    repository: Option<String>,
    /// Only of tasks with this id.
    task: Option<String>,
    /// Seconds to wait for the first one; 0 if left out, at most 30.
    #[serde(default)]
    wait: u64,
}

/// What changed, in its order, as soon as something did. Ask again with `next`, also after a lost connection: nothing is
/// left out and nothing is told twice.
#[utoipa::path(get, path = "/api/v1/changes", tag = "changes", params(ChangesParams), responses(
    (status = 200, body = ChangesView),
    (status = 400, body = Problem, content_type = "application/problem+json"),
))]
pub async fn list(State(api): State<Api>, Params(params): Params<ChangesParams>) -> Result<Json<ChangesView>, Problem> {
    let after =
        params.after.map(|after| after.parse()).transpose().map_err(|_| {
            Problem::new(StatusCode::BAD_REQUEST, "bad_request", "`after` is not the `next` of an answer")
        })?;
    let (repository, task) = (params.repository.map(RepositoryId), params.task.map(WorkItemId));
    let filter = FeedFilter { after, repository, task, limit: MOST };
    let part = api.control.feed(filter, Duration::from_secs(params.wait.min(LONGEST_WAIT))).await?;
    Ok(Json(ChangesView::from(part)))
}
