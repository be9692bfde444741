//! The queue at a glance, and the lifting of a freeze.

use axum::Json;
use axum::extract::State;
use orch_engine::control::LaneCommand;
use orch_ports::lists::TaskFilter;
use orch_rules::ids::RepositoryId;
use orch_rules::outage::Source;

use super::Api;
use super::tasks::Answered;
use crate::Problem;
use crate::ask::{Asker, Json as Body, MaybeJson};
use crate::view::{AnswerView, LiftRequest, QueueReport, QueueSources, UnfreezeRequest};

/// Most places of a line in one answer, and most tasks of one kind of wait.
pub(super) const MOST_PLACES: u32 = 200;
/// What `/queue` tells of tasks, by what they wait for before all.
const TOLD: [&[&str]; 4] = [
    &["agent", "collecting", "deploying", "stopping", "stop_after_step"],
    &["dependency"],
    &["outage"],
    &["budget", "human"],
];

/// What is queued, what runs, and what holds the rest back.
#[utoipa::path(get, path = "/queue", tag = "queue", responses(
    (status = 200, body = QueueReport),
    (status = 503, body = Problem, content_type = "application/problem+json"),
))]
pub async fn queue(State(api): State<Api>) -> Result<Json<QueueReport>, Problem> {
    let queue = api.control.queue().await?;
    let mut lanes = Vec::new();
    for repository in api.control.repositories().await? {
        lanes.push(api.control.lane(&repository.id, MOST_PLACES).await?);
    }
    let mut tasks = Vec::new();
    for doing in TOLD {
        let filter = TaskFilter {
            doing: doing.iter().copied().map(str::to_owned).collect(),
            limit: MOST_PLACES,
            ..TaskFilter::default()
        };
        tasks.extend(api.control.board(&filter).await?.tasks);
    }
    let counts = api.control.counts(None).await?;
    let dependent = counts.iter().find(|(doing, _)| doing == "dependency").map_or(0, |(_, count)| *count);
    let reconciler = api.control.reconciler();
    let (here, hosts) = api.control.hosts().await?;
    let hosts = (&here, hosts.as_slice());
    Ok(Json(QueueReport::from(QueueSources {
        queue: &queue,
        lanes: &lanes,
        tasks: &tasks,
        dependent,
        hosts,
        reconciler: &reconciler,
        trackers: &api.control.trackers(),
        deploys: &api.control.deploy_lines().await?,
    })))
}

/// Lift the freeze of a repository: tasks enter and land again (K).
#[utoipa::path(post, path = "/serial-gate/unfreeze", tag = "queue", request_body = Option<UnfreezeRequest>,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same name is the same request")),
    responses(
        (status = 200, body = AnswerView),
        (status = 202, description = "Stored, and handled later", body = AnswerView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is not frozen, or what it is frozen for is not mended", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn unfreeze(
    State(api): State<Api>,
    asker: Asker,
    MaybeJson(request): MaybeJson<UnfreezeRequest>,
) -> Result<Answered, Problem> {
    let repository = match request.repository {
        Some(repository) => RepositoryId(repository),
        None => only_repository(&api).await?,
    };
    let answer = api
        .control
        .lane_command(&repository, LaneCommand::Unfreeze { force: request.force }, asker.by.clone(), asker.key)
        .await?;
    Ok(Answered(answer.into()))
}

/// Lift an outage by hand: what waits for it starts at once.
#[utoipa::path(post, path = "/api/v1/outages/lift", tag = "queue", request_body = LiftRequest, responses(
    (status = 200, body = AnswerView),
    (status = 400, body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The base branch is not known to be red", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "Nothing is out under this name", body = Problem, content_type = "application/problem+json"),
))]
pub async fn lift(State(api): State<Api>, asker: Asker, Body(request): Body<LiftRequest>) -> Result<Answered, Problem> {
    let by = asker.by.clone();
    let answer = match request {
        LiftRequest::Credential(name) => api.control.lift(&Source::Credential { name }, by).await,
        LiftRequest::Agent(name) => api.control.lift(&Source::Agent { name }, by).await,
        LiftRequest::RedBase(name) => api.control.accept_red_base(&RepositoryId(name), by).await,
    };
    Ok(Answered(answer?.into()))
}

async fn only_repository(api: &Api) -> Result<RepositoryId, Problem> {
    let mut ids: Vec<RepositoryId> = api.control.repositories().await?.into_iter().map(|r| r.id).collect();
    match (ids.pop(), ids.is_empty()) {
        (Some(only), true) => Ok(only),
        _ => Err(Problem::invalid("there is not exactly one repository").fix("name it: {\"repository\": \"…\"}")),
    }
}
