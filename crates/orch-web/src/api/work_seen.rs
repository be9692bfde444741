//! What a task made: its papers and its change.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa::IntoParams;

use super::Api;
use super::tasks::TaskPath;
use crate::Problem;
use crate::ask::Params;
use crate::view::{DiffView, PaperView, PapersView};

/// The task's papers as its branch has them.
#[utoipa::path(get, path = "/api/v1/repositories/{repository}/tasks/{id}/documents", tag = "tasks",
    params(("repository" = String, Path, description = "Its id"), ("id" = String, Path, description = "`PREFIX-NNN`")),
    responses(
        (status = 200, body = PapersView),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "They cannot be read", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn documents(State(api): State<Api>, Path(path): Path<TaskPath>) -> Result<Json<PapersView>, Problem> {
    let papers = api.control.papers(&path.name()).await?;
    let documents = papers.into_iter().map(|paper| PaperView { path: paper.path, text: paper.text }).collect();
    Ok(Json(PapersView { documents }))
}

/// Which part of the change.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DiffParams {
    /// This path alone, a paper of the task too; everything but its papers if left out.
    path: Option<String>,
}

/// What the task changes: its branch against main, or, once it landed, its commit.
#[utoipa::path(get, path = "/api/v1/repositories/{repository}/tasks/{id}/diff", tag = "tasks",
    params(("repository" = String, Path, description = "Its id"), ("id" = String, Path, description = "`PREFIX-NNN`"), DiffParams),
    responses(
        (status = 200, body = DiffView),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It cannot be read", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn diff(
    State(api): State<Api>,
    Path(path): Path<TaskPath>,
    Params(params): Params<DiffParams>,
) -> Result<Json<DiffView>, Problem> {
    let diff = api.control.diff(&path.name(), params.path.into_iter().collect()).await?;
    Ok(Json(DiffView { diff: diff.text, cut: diff.cut }))
}
