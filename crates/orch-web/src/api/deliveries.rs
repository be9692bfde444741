//! What came in, and what a person does about what could not be handled.

use axum::Json;
use axum::extract::{Path, State};
use orch_ports::deliveries::{DeliveryFilter, DeliveryId, DeliveryState};
use serde::Deserialize;
use utoipa::IntoParams;

use super::Api;
use super::tasks::Answered;
use crate::Problem;
use crate::ask::{Asker, Params};
use crate::view::{AnswerView, DeliveryList, DeliveryView};

/// Most deliveries in a list.
const MOST: u32 = 1_000;

/// Which deliveries to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveryParams {
    /// Only of this source: `board`, `desk`, or a connection.
    source: Option<String>,
    /// Only in this state: `queued`, `waiting`, `handling`, `accepted`, `refused`, `looked`, `dropped`, `dead`.
    #[param(value_type = Option<String>)]
    state: Option<DeliveryState>,
    /// At most so many, newest first; 200 if left out, 1000 at most.
    limit: Option<u32>,
}

/// What came in, newest first.
#[utoipa::path(get, path = "/api/v1/deliveries", tag = "deliveries", params(DeliveryParams), responses(
    (status = 200, body = DeliveryList),
    (status = 400, body = Problem, content_type = "application/problem+json"),
))]
pub async fn list(
    State(api): State<Api>,
    Params(asked): Params<DeliveryParams>,
) -> Result<Json<DeliveryList>, Problem> {
    let limit = asked.limit.unwrap_or(0).min(MOST);
    let filter = DeliveryFilter { source: asked.source, state: asked.state, limit };
    let deliveries = api.control.deliveries(&filter).await?;
    Ok(Json(DeliveryList { deliveries: deliveries.iter().map(DeliveryView::brief).collect() }))
}

/// One delivery, as it is stored.
#[utoipa::path(get, path = "/api/v1/deliveries/{id}", tag = "deliveries", responses(
    (status = 200, body = DeliveryView),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
pub async fn show(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<DeliveryView>, Problem> {
    Ok(Json(DeliveryView::whole(&api.control.delivery(named(&id)?).await?)))
}

/// Handle a delivery once more that was given up or waits; what a webhook told of is looked at again.
#[utoipa::path(post, path = "/api/v1/deliveries/{id}/replay", tag = "deliveries", responses(
    (status = 200, body = AnswerView),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It was handled, or cannot be", body = Problem, content_type = "application/problem+json"),
))]
pub async fn replay(State(api): State<Api>, asker: Asker, Path(id): Path<String>) -> Result<Answered, Problem> {
    Ok(Answered(api.control.replay_delivery(named(&id)?, asker.by.clone()).await?.into()))
}

/// Give a delivery up.
#[utoipa::path(post, path = "/api/v1/deliveries/{id}/drop", tag = "deliveries", responses(
    (status = 200, body = AnswerView),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It was handled", body = Problem, content_type = "application/problem+json"),
))]
pub async fn drop(State(api): State<Api>, asker: Asker, Path(id): Path<String>) -> Result<Answered, Problem> {
    Ok(Answered(api.control.drop_delivery(named(&id)?, asker.by.clone()).await?.into()))
}

fn named(id: &str) -> Result<DeliveryId, Problem> {
    id.parse().map_err(|_| {
        Problem::invalid("a delivery is a number, or one behind a w").fix("GET /api/v1/deliveries lists them")
    })
}
