//! Deployments: what runs where, and what a person does about it.

use axum::Json;
use axum::extract::{Path, State};
use orch_rules::ids::DeployTarget;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Api;
use super::tasks::Answered;
use crate::Problem;
use crate::ask::{Asker, Json as Body, Params};
use crate::view::{AnswerView, DeployCommandRequest, DeployReport};

/// Most deployments in a list.
const MOST: u32 = 1_000;

/// Which deployments to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeployParams {
    /// Only of this target.
    target: Option<String>,
    /// At most so many, newest first; 50 if left out, 1000 at most.
    limit: Option<u32>,
}

/// Every target, looked at once, and the newest deployments.
#[utoipa::path(get, path = "/api/v1/deployments", tag = "deployments", params(DeployParams), responses(
    (status = 200, body = DeployReport),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
pub async fn list(State(api): State<Api>, Params(asked): Params<DeployParams>) -> Result<Json<DeployReport>, Problem> {
    let target = asked.target.map(DeployTarget);
    let targets = api.control.targets(target.as_ref()).await?;
    let deployments = api.control.deployments(asked.limit.unwrap_or(50).min(MOST)).await?;
    let wanted = deployments.iter().filter(|one| target.as_ref().is_none_or(|target| *target == one.target));
    let deployments = wanted.map(Into::into).collect();
    Ok(Json(DeployReport { targets: targets.iter().map(Into::into).collect(), deployments }))
}

/// Settle, roll back, deploy again, or take what runs for what is wanted.
#[utoipa::path(post, path = "/api/v1/deployments/{target}/commands", tag = "deployments",
    request_body = DeployCommandRequest,
    responses(
    (status = 200, body = AnswerView),
    (status = 202, description = "It is in line", body = AnswerView),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "A hook lives, or nothing is to be done", body = Problem,
        content_type = "application/problem+json"),
))]
pub async fn command(
    State(api): State<Api>,
    asker: Asker,
    Path(target): Path<String>,
    Body(request): Body<DeployCommandRequest>,
) -> Result<Answered, Problem> {
    let (control, target, by) = (&api.control, DeployTarget(target), asker.by.clone());
    let answer = match request {
        DeployCommandRequest::Verify { runs } => control.verify_target(&target, runs.as_deref(), by).await?,
        DeployCommandRequest::Rollback { to } => control.roll_back(&target, to.as_deref(), by, asker.key).await?,
        DeployCommandRequest::Redeploy { revision } => control.redeploy(&target, revision.as_deref(), by).await?,
        DeployCommandRequest::Adopt => control.adopt_target(&target, by).await?,
    };
    Ok(Answered(answer.into()))
}
