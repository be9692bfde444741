//! Tasks by their id alone, as earlier releases addressed them: answered as long as only one repository has the id.

use axum::Json;
use axum::extract::{Path, State};
use orch_engine::control::TaskCommand;

use super::tasks::{Answered, LogParams, ShowParams, TaskPath};
use super::{Api, answers, tasks};
use crate::Problem;
use crate::ask::{Asker, Json as Body, Params};
use crate::view::{AnswerRequest, AnswerView, LogView, TaskDetailView};

/// Everything known of a task, if only one repository has the id.
#[utoipa::path(get, path = "/api/v1/tasks/{id}", tag = "tasks",
    params(("id" = String, Path, description = "`PREFIX-NNN`"), ShowParams),
    responses(
        (status = 200, body = TaskDetailView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Several repositories have it (`ambiguous`)", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn show(
    api: State<Api>,
    path: Path<TaskPath>,
    params: Params<ShowParams>,
) -> Result<Json<TaskDetailView>, Problem> {
    tasks::show(api, path, params).await
}

/// A person's command to a task, if only one repository has the id.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/commands", tag = "tasks", request_body = TaskCommand,
    params(
        ("id" = String, Path, description = "`PREFIX-NNN`"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same name is the same command"),
    ),
    responses(
        (status = 200, body = AnswerView),
        (status = 202, description = "Stored, and handled later", body = AnswerView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The rules refuse, or several repositories have it (`ambiguous`)", body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn command(
    api: State<Api>,
    path: Path<TaskPath>,
    asker: Asker,
    request: Body<TaskCommand>,
) -> Result<Answered, Problem> {
    tasks::command(api, path, asker, request).await
}

/// Part of a run's log, if only one repository has the id.
#[utoipa::path(get, path = "/api/v1/tasks/{id}/log", tag = "tasks",
    params(("id" = String, Path, description = "`PREFIX-NNN`"), LogParams),
    responses(
        (status = 200, body = LogView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Several repositories have it (`ambiguous`)", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn log(api: State<Api>, path: Path<TaskPath>, params: Params<LogParams>) -> Result<Json<LogView>, Problem> {
    tasks::log(api, path, params).await
}

/// A person's answer to what a task asks, if only one repository has the id.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/answer", tag = "tasks", request_body = AnswerRequest,
    params(
        ("id" = String, Path, description = "`PREFIX-NNN`"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same name is the same answer"),
    ),
    responses(
        (status = 200, body = AnswerView),
        (status = 202, description = "Stored, and handled later", body = AnswerView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The rules refuse, or several repositories have it (`ambiguous`)", body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn answer(
    api: State<Api>,
    path: Path<TaskPath>,
    asker: Asker,
    request: Body<AnswerRequest>,
) -> Result<Answered, Problem> {
    answers::answer(api, path, asker, request).await
}
