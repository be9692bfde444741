//! The API's description for programs (OpenAPI 3.1).

use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::api;

#[derive(OpenApi)]
#[openapi(
    info(title = "Orchestrion", description = "Everything but the health checks needs `Authorization: Bearer TOKEN`; the token is in the file `token` of the service's state folder. A request may say in the header `Orch-Person` which of those asks who share the token. Errors are `application/problem+json`."),
    paths(
        api::health::healthz, api::health::readyz, api::health::document, api::metrics::metrics, api::hooks::hook,
        api::forge_hooks::gitea, api::forge_hooks::list,
        api::changes::list, api::costs::costs, api::deliveries::list, api::deliveries::show, api::deliveries::replay, api::deliveries::drop,
        api::outbox::list, api::outbox::show, api::outbox::shown, api::outbox::replay, api::outbox::drop,
        api::access::link, api::deploys::list, api::deploys::command,
        api::people::list, api::people::command,
        api::queue::queue, api::queue::unfreeze, api::queue::lift,
        api::tasks::list, api::tasks::create, api::tasks::show, api::tasks::log, api::tasks::command,
        api::bare::show, api::bare::log, api::bare::command, api::bare::answer,
        api::answers::answer, api::answers::everything,
        api::work_seen::documents, api::work_seen::diff,
        api::repositories::list, api::repositories::lane, api::repositories::command,
        api::repositories::reread, api::repositories::accept_base,
    ),
    security(("token" = [])),
    modifiers(&Token),
)]
struct Document;

struct Token;

impl Modify for Token {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        openapi.components.get_or_insert_default().add_security_scheme("token", scheme);
    }
}

/// The document served under `/api/v1/openapi.json`.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
