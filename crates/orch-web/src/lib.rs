//! The JSON API over HTTP: who may ask, what is answered, and the document that describes it.
//!
//! Handlers only ask the [`Control`]; none decides, runs an agent or knows a database. The types of the answers are in
//! [`view`]; the command line reads the same types back. What is asked of a task or a lane has the control surface's own
//! types.

#![deny(missing_docs)]

mod api;
mod ask;
mod document;
mod guard;
mod problem;
pub mod view;

use std::sync::Arc;

use orch_engine::control::Control;

pub use api::{MAX_BODY, routes};
pub use document::openapi;
pub use guard::Guard;
pub use problem::Problem;

/// Header that says which of those it is who share the token, for the audit trail: it tells them apart and proves nothing.
/// Who says `ann` acts as `token:host.ann`, and is the person ann only if an admin linked exactly that.
pub const PERSON_HEADER: &str = "orch-person";

/// Header with the name of a request: the same name is the same request, however often it is sent.
pub const KEY_HEADER: &str = "idempotency-key";

/// Media type of every answer that is a [`Problem`].
pub const PROBLEM_TYPE: &str = "application/problem+json";

/// Everything that is served, behind the guard.
pub fn router(control: Control, guard: Guard) -> axum::Router {
    api::router(control, Arc::new(guard))
}
