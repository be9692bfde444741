//! Repositories and their lanes.

use axum::Json;
use axum::extract::{Path, State};
use orch_engine::control::LaneCommand;
use orch_rules::ids::RepositoryId;

use super::Api;
use super::queue::MOST_PLACES;
use super::tasks::Answered;
use crate::Problem;
use crate::ask::{Asker, Json as Body};
use crate::view::{AnswerView, LaneView, RepositoryList, RepositoryView};

/// All repositories.
#[utoipa::path(get, path = "/api/v1/repositories", tag = "repositories", responses((status = 200, body = RepositoryList)))]
pub async fn list(State(api): State<Api>) -> Result<Json<RepositoryList>, Problem> {
    let repositories = api.control.repositories().await?;
    let outages = api.control.outages().await?;
    let view = |repository| RepositoryView::with(repository, &outages);
    Ok(Json(RepositoryList { repositories: repositories.iter().map(view).collect() }))
}

/// Both lines of a repository.
#[utoipa::path(get, path = "/api/v1/repositories/{id}/lane", tag = "repositories",
    params(("id" = String, Path, description = "As in the settings")),
    responses(
        (status = 200, body = LaneView),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn lane(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<LaneView>, Problem> {
    Ok(Json(LaneView::from(&api.control.lane(&RepositoryId(id), MOST_PLACES).await?)))
}

/// A person's command to a lane.
#[utoipa::path(post, path = "/api/v1/repositories/{id}/lane/commands", tag = "repositories",
    request_body = LaneCommand,
    params(
        ("id" = String, Path, description = "As in the settings"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same name is the same request"),
    ),
    responses(
        (status = 200, body = AnswerView),
        (status = 202, description = "Stored, and handled later", body = AnswerView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The rules refuse", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn command(
    State(api): State<Api>,
    Path(id): Path<String>,
    asker: Asker,
    Body(command): Body<LaneCommand>,
) -> Result<Answered, Problem> {
    let answer = api.control.lane_command(&RepositoryId(id), command, asker.by.clone(), asker.key).await?;
    Ok(Answered(answer.into()))
}

/// Read the settings of the host again: repositories and agents that were added, moved or taken out.
#[utoipa::path(post, path = "/api/v1/repositories/reread", tag = "repositories", responses(
    (status = 200, body = AnswerView),
    (status = 409, description = "They cannot be used", body = Problem, content_type = "application/problem+json"),
))]
pub async fn reread(State(api): State<Api>) -> Result<Json<AnswerView>, Problem> {
    Ok(Json(api.control.reread().await?.into()))
}

/// Take main as the repository's people have it now, though it lacks commits that the line's main has.
#[utoipa::path(post, path = "/api/v1/repositories/{id}/base/accept", tag = "repositories",
    params(("id" = String, Path, description = "As in the settings")),
    responses(
        (status = 200, body = AnswerView),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn accept_base(
    State(api): State<Api>,
    Path(id): Path<String>,
    asker: Asker,
) -> Result<Json<AnswerView>, Problem> {
    Ok(Json(api.control.accept_base(&RepositoryId(id), asker.by.clone()).await?.into()))
}
