//! Who is let into the pages.

use axum::extract::State;

use super::Api;
use crate::Problem;
use crate::ask::{Asker, MaybeJson};
use crate::view::{LinkRequest, LinkView};

/// Make a link that lets a person into the pages, once.
#[utoipa::path(post, path = "/api/v1/access/links", tag = "people", request_body = Option<LinkRequest>, responses(
    (status = 200, body = LinkView),
    (status = 400, body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "Refused, with the reason", body = Problem, content_type = "application/problem+json"),
))]
pub async fn link(
    State(api): State<Api>,
    asker: Asker,
    MaybeJson(request): MaybeJson<LinkRequest>,
) -> Result<axum::Json<LinkView>, Problem> {
    let made = api.control.invite(request.person.as_deref(), asker.by).await?;
    Ok(axum::Json(LinkView { path: format!("/enter/{}", made.secret), person: made.person }))
}
