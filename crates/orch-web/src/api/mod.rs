//! The routes and their handlers.

pub(crate) mod access;
pub(crate) mod answers;
pub(crate) mod bare;
pub(crate) mod changes;
pub(crate) mod costs;
pub(crate) mod deliveries;
pub(crate) mod deploys;
pub(crate) mod forge_hooks;
pub(crate) mod health;
pub(crate) mod hooks;
pub(crate) mod metrics;
pub(crate) mod outbox;
pub(crate) mod people;
pub(crate) mod queue;
pub(crate) mod repositories;
pub(crate) mod tasks;
pub(crate) mod work_seen;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use orch_engine::control::Control;

use crate::{Guard, Problem, guard};

/// Longest body that is read, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;

/// What every handler has at hand.
#[derive(Clone)]
pub struct Api {
    pub control: Control,
    pub guard: Arc<Guard>,
}

/// One route: method, path, and what answers.
struct Route {
    method: &'static str,
    path: &'static str,
    handler: MethodRouter<Api>,
}

fn table() -> Vec<Route> {
    let reads = |path, handler| Route { method: "get", path, handler };
    let writes = |path, handler| Route { method: "post", path, handler };
    vec![
        reads("/healthz", get(health::healthz)),
        reads("/readyz", get(health::readyz)),
        reads("/metrics", get(metrics::metrics)),
        reads("/queue", get(queue::queue)),
        writes("/webhook/{connection}", post(hooks::hook).layer(DefaultBodyLimit::max(hooks::MAX_HOOK))),
        writes("/hooks/gitea/{repository}", post(forge_hooks::gitea)),
        reads("/api/v1/hooks", get(forge_hooks::list)),
        writes("/serial-gate/unfreeze", post(queue::unfreeze)),
        writes("/api/v1/outages/lift", post(queue::lift)),
        reads("/api/v1/deliveries", get(deliveries::list)),
        reads("/api/v1/deliveries/{id}", get(deliveries::show)),
        writes("/api/v1/deliveries/{id}/replay", post(deliveries::replay)),
        writes("/api/v1/deliveries/{id}/drop", post(deliveries::drop)),
        reads("/api/v1/outbox", get(outbox::list)),
        reads("/api/v1/outbox/{id}", get(outbox::show)),
        writes("/api/v1/outbox/{id}/replay", post(outbox::replay)),
        writes("/api/v1/outbox/{id}/drop", post(outbox::drop)),
        reads("/api/v1/deployments", get(deploys::list)),
        writes("/api/v1/deployments/{target}/commands", post(deploys::command)),
        reads("/api/v1/people", get(people::list)),
        writes("/api/v1/people/commands", post(people::command)),
        writes("/api/v1/access/links", post(access::link)),
        reads("/api/v1/openapi.json", get(health::document)),
        reads("/api/v1/changes", get(changes::list)),
        reads("/api/v1/costs", get(costs::costs)),
        reads("/api/v1/tasks", get(tasks::list)),
        writes("/api/v1/tasks", post(tasks::create)),
        reads("/api/v1/repositories/{repository}/tasks/{id}", get(tasks::show)),
        reads("/api/v1/repositories/{repository}/tasks/{id}/log", get(tasks::log)),
        writes("/api/v1/repositories/{repository}/tasks/{id}/answer", post(answers::answer)),
        writes("/api/v1/repositories/{repository}/tasks/{id}/commands", post(tasks::command)),
        reads("/api/v1/repositories/{repository}/tasks/{id}/documents", get(work_seen::documents)),
        reads("/api/v1/repositories/{repository}/tasks/{id}/diff", get(work_seen::diff)),
        reads("/api/v1/repositories/{repository}/tasks/{id}/shown", get(outbox::shown)),
        reads("/api/v1/tasks/{id}", get(bare::show)),
        reads("/api/v1/tasks/{id}/log", get(bare::log)),
        writes("/api/v1/tasks/{id}/answer", post(bare::answer)),
        writes("/api/v1/commands", post(answers::everything)),
        writes("/api/v1/tasks/{id}/commands", post(bare::command)),
        reads("/api/v1/repositories", get(repositories::list)),
        writes("/api/v1/repositories/reread", post(repositories::reread)),
        writes("/api/v1/repositories/{id}/base/accept", post(repositories::accept_base)),
        reads("/api/v1/repositories/{id}/lane", get(repositories::lane)),
        writes("/api/v1/repositories/{id}/lane/commands", post(repositories::command)),
    ]
}

/// Every route as `(method in lower case, path)`.
pub fn routes() -> Vec<(&'static str, &'static str)> {
    table().into_iter().map(|route| (route.method, route.path)).collect()
}

pub fn router(control: Control, guard: Arc<Guard>) -> Router {
    let routes = table().into_iter().fold(Router::new(), |router, route| router.route(route.path, route.handler));
    routes
        .fallback(async || {
            Problem::new(StatusCode::NOT_FOUND, "not_found", "there is nothing under this path")
                .fix("GET /api/v1/openapi.json lists every path")
        })
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path does not know this method")
                .fix("GET /api/v1/openapi.json lists every path with its methods")
        })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(Arc::clone(&guard), guard::stand))
        .with_state(Api { control, guard })
}
