//! What leaves: messages, what a person does about those that do not arrive, and what is shown of tasks outside.

use axum::Json;
use axum::extract::{Path, State};
use orch_ports::outbox::{MessageFilter, MessageState};
use serde::Deserialize;
use utoipa::IntoParams;

use super::Api;
use super::tasks::{Answered, TaskPath};
use crate::Problem;
use crate::ask::{Asker, Params};
use crate::view::{AnswerView, MessageView, OutboxReport, ShownReport};

/// Most messages in a list.
const MOST: u32 = 1_000;

/// Which messages to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OutboxParams {
    /// Only of this target.
    target: Option<String>,
    /// Only in this state: `queued`, `sending`, `sent`, `dropped`, `dead`.
    #[param(value_type = Option<String>)]
    state: Option<MessageState>,
    /// At most so many, newest first; 200 if left out, 1000 at most.
    limit: Option<u32>,
}

/// Messages, newest first, how their targets are, and what is not shown there yet.
#[utoipa::path(get, path = "/api/v1/outbox", tag = "outbox", params(OutboxParams), responses(
    (status = 200, body = OutboxReport),
    (status = 400, body = Problem, content_type = "application/problem+json"),
))]
pub async fn list(State(api): State<Api>, Params(asked): Params<OutboxParams>) -> Result<Json<OutboxReport>, Problem> {
    let limit = asked.limit.unwrap_or(0).min(MOST);
    let filter = MessageFilter { target: asked.target, state: asked.state, limit };
    Ok(Json((&api.control.outbox(&filter).await?).into()))
}

/// One message, with what is sent.
#[utoipa::path(get, path = "/api/v1/outbox/{id}", tag = "outbox", responses(
    (status = 200, body = MessageView),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
pub async fn show(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<MessageView>, Problem> {
    Ok(Json((&api.control.message(number(&id)?).await?).into()))
}

/// What is shown of a task outside: on its forge, in a chat.
#[utoipa::path(get, path = "/api/v1/repositories/{repository}/tasks/{id}/shown", tag = "outbox",
    params(("repository" = String, Path, description = "Its id"), ("id" = String, Path, description = "`PREFIX-NNN`")),
    responses(
        (status = 200, body = ShownReport),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn shown(State(api): State<Api>, Path(path): Path<TaskPath>) -> Result<Json<ShownReport>, Problem> {
    let shown = api.control.shown(&path.name()).await?;
    Ok(Json(ShownReport { shown: shown.iter().map(Into::into).collect() }))
}

/// Send a message again that was given up or dropped, or one that waits for its next try, now.
#[utoipa::path(post, path = "/api/v1/outbox/{id}/replay", tag = "outbox", responses(
    (status = 200, body = AnswerView),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It was sent", body = Problem, content_type = "application/problem+json"),
))]
pub async fn replay(State(api): State<Api>, Path(id): Path<String>) -> Result<Answered, Problem> {
    Ok(Answered(api.control.replay_message(number(&id)?).await?.into()))
}

/// Give a message up.
#[utoipa::path(post, path = "/api/v1/outbox/{id}/drop", tag = "outbox", responses(
    (status = 200, body = AnswerView),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It was sent, or given up", body = Problem, content_type = "application/problem+json"),
))]
pub async fn drop(State(api): State<Api>, asker: Asker, Path(id): Path<String>) -> Result<Answered, Problem> {
    Ok(Answered(api.control.drop_message(number(&id)?, asker.by.clone()).await?.into()))
}

fn number(id: &str) -> Result<i64, Problem> {
    id.parse().map_err(|_| Problem::invalid("a message has a number").fix("GET /api/v1/outbox lists them"))
}
