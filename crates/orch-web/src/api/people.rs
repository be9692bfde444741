//! Who is who.

use axum::extract::State;

use super::Api;
use super::tasks::Answered;
use crate::Problem;
use crate::ask::{Asker, Json};
use crate::view::{AnswerView, PeopleList, PeopleRequest};

/// Everybody who is known, with their accounts.
#[utoipa::path(get, path = "/api/v1/people", tag = "people", responses((status = 200, body = PeopleList)))]
pub async fn list(State(api): State<Api>) -> Result<axum::Json<PeopleList>, Problem> {
    Ok(axum::Json((&api.control.directory().await?).into()))
}

/// Say who is who.
#[utoipa::path(post, path = "/api/v1/people/commands", tag = "people", request_body = PeopleRequest, responses(
    (status = 200, body = AnswerView),
    (status = 400, body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "Refused, with the reason", body = Problem, content_type = "application/problem+json"),
))]
pub async fn command(
    State(api): State<Api>,
    asker: Asker,
    Json(request): Json<PeopleRequest>,
) -> Result<Answered, Problem> {
    let answer = match request.into_command() {
        Ok(command) => api.control.people_command(command, asker.by).await?,
        Err(code) => api.control.use_code(&code, asker.by).await?,
    };
    Ok(Answered(answer.into()))
}
