//! Tasks: list, open, look, command, logs.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use orch_engine::control::{LogAsk, LogOf, Opened, TaskCommand, TaskName};
use orch_ports::lists::{ListedTask, PAGE, TaskFilter};
use orch_rules::ids::{RepositoryId, WorkItemId};
use orch_rules::task::Wait;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Api;
use crate::Problem;
use crate::ask::{Asker, Json as Body, Params};
use crate::view::{AnswerView, LogView, NewTaskRequest, TaskDetailView, TaskList, TaskView};

/// Longest part of a log in one answer, in bytes.
const MOST_LOG: usize = 1024 * 1024;
/// Usual part of a log, in bytes.
const USUAL_LOG: usize = 64 * 1024;
/// Longest wait for something to tell, in seconds: clients give up after a minute.
pub(super) const LONGEST_WAIT: u64 = 30;
/// Usual wait for a change, in seconds.
const USUAL_WAIT: u64 = 20;
/// Most tasks in one answer.
const MOST_TASKS: u32 = 1_000;
/// Most kinds of waits that a list is asked for.
const MOST_KINDS: usize = 4;

/// Which tasks.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// Only this repository.
    repository: Option<String>,
    /// Those that have ended, too.
    #[serde(default)]
    ended: bool,
    /// Only those that have not ended and wait before all for one of these, at most four, with commas between:
    /// `human,held`. The kinds are those of `waiting_on`.
    waiting: Option<String>,
    /// `next` of the answer before: those behind it. Nothing is told twice or left out because tasks are added meanwhile.
    after: Option<String>,
    /// At most so many, newest first; 200 if left out, at most 1000.
    limit: Option<u32>,
}

impl ListParams {
    fn filter(self) -> Result<TaskFilter, Problem> {
        let wrong = |why: String| Problem::new(StatusCode::BAD_REQUEST, "bad_request", why);
        let after = self.after.map(|after| after.parse());
        let after = after.transpose().map_err(|_| wrong("`after` is not the `next` of an answer".to_owned()))?;
        let kinds = self.waiting.as_deref().unwrap_or_default().split(',').filter(|kind| !kind.is_empty());
        let doing: Vec<String> = kinds.map(str::to_owned).collect();
        if let Some(strange) = doing.iter().find(|kind| !Wait::KINDS.contains(&kind.as_str())) {
            return Err(wrong(format!("`waiting`: nothing waits for {strange}"))
                .fix(format!("name one of: {}", Wait::KINDS.join(", "))));
        }
        if doing.len() > MOST_KINDS {
            return Err(wrong(format!("`waiting` names {} kinds, {MOST_KINDS} are the most", doing.len())));
        }
        let limit = self.limit.unwrap_or(PAGE).clamp(1, MOST_TASKS);
        Ok(TaskFilter {
            repository: self.repository.map(RepositoryId),
            ended: self.ended,
            doing,
            after,
            limit,
            ..TaskFilter::default()
        })
    }
}

/// Tasks, newest first.
#[utoipa::path(get, path = "/api/v1/tasks", tag = "tasks", params(ListParams), responses(
    (status = 200, body = TaskList),
    (status = 400, body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such repository", body = Problem, content_type = "application/problem+json"),
))]
pub async fn list(State(api): State<Api>, Params(params): Params<ListParams>) -> Result<Json<TaskList>, Problem> {
    if let Some(wanted) = &params.repository {
        // An empty list would look like a repository without tasks.
        known(&api, wanted).await?;
    }
    let filter = params.filter()?;
    let page = api.control.board(&filter).await?;
    let counts = match &filter.after {
        None => api.control.counts(filter.repository.as_ref()).await?,
        Some(_) => Vec::new(),
    };
    Ok(Json(TaskList {
        stages: stages(&api, &page.tasks).await?,
        tasks: page.tasks.iter().map(TaskView::from).collect(),
        next: page.next.as_ref().map(ToString::to_string),
        counts: counts.into_iter().collect(),
    }))
}

async fn known(api: &Api, wanted: &str) -> Result<(), Problem> {
    let repositories = api.control.repositories().await?;
    if repositories.iter().any(|repository| repository.id.as_str() == wanted) {
        return Ok(());
    }
    let ids: Vec<&str> = repositories.iter().map(|repository| repository.id.as_str()).collect();
    let problem = Problem::new(StatusCode::NOT_FOUND, "not_found", format!("there is no repository {wanted}"));
    Err(problem.fix(match ids.as_slice() {
        [] => "register one: orch init".to_owned(),
        ids => format!("this service has: {}", ids.join(", ")),
    }))
}

/// The order of the stages, which only the pinned pipelines know.
async fn stages(api: &Api, tasks: &[ListedTask]) -> Result<Vec<String>, Problem> {
    let mut seen = BTreeSet::new();
    let mut stages: Vec<String> = Vec::new();
    for task in tasks.iter().filter(|task| task.position.stage().is_some()) {
        if !seen.insert(&task.pipeline) {
            continue;
        }
        let Some(pipeline) = api.control.pipeline(&task.pipeline).await? else { continue };
        // A stage two pipelines share stays where the first has it; the others go behind the one before them.
        let mut after = 0;
        for stage in &pipeline.stages {
            let id = stage.id.as_str();
            let at = stages.iter().position(|known| known == id).unwrap_or_else(|| {
                stages.insert(after, id.to_owned());
                after
            });
            after = at + 1;
        }
    }
    Ok(stages)
}

/// Open a task.
#[utoipa::path(post, path = "/api/v1/tasks", tag = "tasks", request_body = NewTaskRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same name is the same task")),
    responses(
        (status = 201, description = "It exists", body = TaskView, headers(("Location" = String))),
        (status = 202, description = "Stored, and made a task later", body = AnswerView, headers(("Location" = String))),
        (status = 400, description = "With everything that is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such repository, or a task it depends on", body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = 413, body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn create(
    State(api): State<Api>,
    asker: Asker,
    Body(request): Body<NewTaskRequest>,
) -> Result<Response, Problem> {
    let task = match api.control.open_issue(request.into_issue(asker.key), asker.by.clone()).await? {
        Opened::Task(task) => task,
        Opened::Stored { inbox, text } => {
            let place = format!("/api/v1/deliveries/{inbox}");
            let answer = Answered(AnswerView { text, pending: true });
            return Ok(([(header::LOCATION, place)], answer).into_response());
        }
    };
    let view = TaskView::from(&*task);
    let place = format!("/api/v1/repositories/{}/tasks/{}", view.repository, view.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(view)).into_response())
}

/// Which task; addresses of earlier releases name no repository.
#[derive(Debug, Deserialize)]
pub struct TaskPath {
    #[serde(default)]
    repository: Option<String>,
    id: String,
}

impl TaskPath {
    /// As the control surface asks for it.
    pub fn name(self) -> TaskName {
        TaskName { repository: self.repository.map(RepositoryId), work_item: WorkItemId(self.id) }
    }
}

/// Whether to wait for a change.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ShowParams {
    /// `change` of an earlier answer: wait until something of this task has changed since.
    after: Option<u64>,
    /// Seconds to wait at most; 20 if left out, at most 30.
    wait: Option<u64>,
}

impl ShowParams {
    fn patience(&self) -> Duration {
        Duration::from_secs(self.wait.unwrap_or(USUAL_WAIT).min(LONGEST_WAIT))
    }
}

/// Everything known of a task; with `after` as soon as something has changed since.
#[utoipa::path(get, path = "/api/v1/repositories/{repository}/tasks/{id}", tag = "tasks",
    params(("repository" = String, Path, description = "Its name"), ("id" = String, Path, description = "`PREFIX-NNN`"), ShowParams),
    responses(
        (status = 200, body = TaskDetailView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn show(
    State(api): State<Api>,
    Path(path): Path<TaskPath>,
    Params(params): Params<ShowParams>,
) -> Result<Json<TaskDetailView>, Problem> {
    let name = path.name();
    if let Some(seen) = params.after {
        api.control.await_change(&name, seen, params.patience()).await?;
    }
    Ok(Json(TaskDetailView::from(&api.control.show(&name).await?)))
}

/// A person's command to a task.
#[utoipa::path(post, path = "/api/v1/repositories/{repository}/tasks/{id}/commands", tag = "tasks", request_body = TaskCommand,
    params(
        ("repository" = String, Path, description = "Its name"),
        ("id" = String, Path, description = "`PREFIX-NNN`"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same name is the same command"),
    ),
    responses(
        (status = 200, body = AnswerView),
        (status = 202, description = "Stored, and handled later", body = AnswerView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The rules refuse", body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn command(
    State(api): State<Api>,
    Path(path): Path<TaskPath>,
    asker: Asker,
    Body(command): Body<TaskCommand>,
) -> Result<Answered, Problem> {
    let answer = api.control.command(&path.name(), command, asker.by.clone(), asker.key).await?;
    Ok(Answered(answer.into()))
}

/// What became of a command: 200 if it was handled, 202 if it is stored and will be.
pub struct Answered(pub AnswerView);

impl IntoResponse for Answered {
    fn into_response(self) -> Response {
        let status = if self.0.pending { StatusCode::ACCEPTED } else { StatusCode::OK };
        (status, Json(self.0)).into_response()
    }
}

/// Which part of which log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogParams {
    /// The newest attempt if left out.
    attempt: Option<u32>,
    /// The log of a run of the test command instead: 1 is the task's first, 0 the newest.
    check: Option<u32>,
    /// Where to begin: 0, or `next` of the answer before.
    #[serde(default)]
    offset: u64,
    /// At most so many bytes; 65536 if left out, at most 1048576.
    max: Option<usize>,
    /// Line by line as people read it, instead of as it was printed; then a part is at least one line.
    #[serde(default)]
    readable: bool,
    /// Seconds to wait for more if there is nothing yet and the run goes on; 0 if left out, at most 30.
    #[serde(default)]
    wait: u64,
}

impl From<LogParams> for LogAsk {
    fn from(params: LogParams) -> Self {
        Self {
            of: match params.check {
                Some(0) => LogOf::Check(None),
                Some(number) => LogOf::Check(Some(number)),
                None => LogOf::Attempt(params.attempt),
            },
            offset: params.offset,
            max: params.max.unwrap_or(USUAL_LOG).clamp(1, MOST_LOG),
            readable: params.readable,
            patience: Duration::from_secs(params.wait.min(LONGEST_WAIT)),
        }
    }
}

/// Part of a run's log. Ask again from `next` until `ended`.
#[utoipa::path(get, path = "/api/v1/repositories/{repository}/tasks/{id}/log", tag = "tasks",
    params(("repository" = String, Path, description = "Its name"), ("id" = String, Path, description = "`PREFIX-NNN`"), LogParams),
    responses(
        (status = 200, body = LogView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn log(
    State(api): State<Api>,
    Path(path): Path<TaskPath>,
    Params(params): Params<LogParams>,
) -> Result<Json<LogView>, Problem> {
    let chunk = api.control.log(&path.name(), params.into()).await?;
    Ok(Json(chunk.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_longer_or_reads_more_than_is_allowed() {
        let ask = |max, wait| {
            let asked =
                LogAsk::from(LogParams { attempt: Some(2), check: None, offset: 10, max, readable: true, wait });
            assert_eq!((asked.of, asked.offset, asked.readable), (LogOf::Attempt(Some(2)), 10, true));
            (asked.max, asked.patience.as_secs())
        };
        assert_eq!(ask(None, 0), (65_536, 0));
        assert_eq!(ask(Some(7), 3), (7, 3));
        assert_eq!(ask(Some(0), 30), (1, 30));
        assert_eq!(ask(Some(99_999_999), 9_999), (1_048_576, 30));
        let patience = |wait| ShowParams { after: Some(0), wait }.patience().as_secs();
        assert_eq!([patience(None), patience(Some(3)), patience(Some(999))], [20, 3, 30]);
    }
}
