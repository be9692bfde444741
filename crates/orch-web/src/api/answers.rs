//! Answers of people to what a task asks, and commands to everything.

use axum::extract::{Path, State};
use orch_engine::control::{LaneCommand, TaskCommand};

use super::Api;
use super::tasks::{Answered, TaskPath};
use crate::Problem;
use crate::ask::{Asker, Json as Body};
use crate::view::{AnswerRequest, AnswerView, EverythingRequest};

/// A person's answer to what a task asks.
#[utoipa::path(post, path = "/api/v1/repositories/{repository}/tasks/{id}/answer", tag = "tasks", request_body = AnswerRequest,
    params(
        ("repository" = String, Path, description = "Its name"),
        ("id" = String, Path, description = "`PREFIX-NNN`"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same name is the same answer"),
    ),
    responses(
        (status = 200, body = AnswerView),
        (status = 202, description = "Stored, and handled later", body = AnswerView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The rules refuse: it is not asked any more, or not of this person", body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn answer(
    State(api): State<Api>,
    Path(path): Path<TaskPath>,
    asker: Asker,
    Body(request): Body<AnswerRequest>,
) -> Result<Answered, Problem> {
    let answer = api.control.command(&path.name(), TaskCommand::from(request), asker.by.clone(), asker.key).await?;
    Ok(Answered(answer.into()))
}

/// A person's command to every repository, one after the other.
#[utoipa::path(post, path = "/api/v1/commands", tag = "repositories", request_body = EverythingRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same name is the same command")),
    responses(
        (status = 200, body = AnswerView),
        (status = 202, description = "Stored, and handled later", body = AnswerView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn everything(
    State(api): State<Api>,
    asker: Asker,
    Body(request): Body<EverythingRequest>,
) -> Result<Answered, Problem> {
    let mut told = Vec::new();
    let mut pending = false;
    for repository in api.control.repositories().await? {
        let command = match request {
            EverythingRequest::Pause => LaneCommand::Pause,
            EverythingRequest::Resume => LaneCommand::Resume,
        };
        let key = format!("{} {}", asker.key, repository.id);
        let answer = api.control.lane_command(&repository.id, command, asker.by.clone(), key).await?;
        pending |= answer.pending;
        told.push(format!("{}: {}", repository.id, answer.text));
    }
    let text = if told.is_empty() { "there is no repository".to_owned() } else { told.join("\n") };
    Ok(Answered(AnswerView { text, pending }))
}
