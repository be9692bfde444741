//! What is answered instead of a result.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use orch_engine::control::ControlError;
use orch_ports::store::StoreError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A request that was not carried out: what kind of problem, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Closed set, for programs: `invalid`, `no_token`, `forbidden_origin`, `wrong_host`, `not_found`,
    /// `method_not_allowed`, `ambiguous`, `refused`, `too_large`, `not_json`, `not_ready`.
    pub error: String,
    /// For people: one sentence. Never holds a secret.
    pub why: String,
    /// What to do about it, if there is something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// Everything that is wrong with the request, if it is more than one thing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// The HTTP status; not part of the body.
    #[serde(skip)]
    pub status: u16,
}

impl Problem {
    /// A problem of this status and kind.
    pub fn new(status: StatusCode, error: &str, why: impl Into<String>) -> Self {
        Self { error: error.to_owned(), why: why.into(), fix: None, problems: Vec::new(), status: status.as_u16() }
    }

    /// With what to do about it.
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// The request itself is wrong.
    pub fn invalid(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", why)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(&self)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(crate::PROBLEM_TYPE));
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        match error {
            // The control surface says what is missing and, behind a semicolon, where to look.
            ControlError::NotFound { what } => match what.split_once("; ") {
                Some((what, look)) => Self::new(StatusCode::NOT_FOUND, "not_found", what).fix(look),
                None => Self::new(StatusCode::NOT_FOUND, "not_found", what),
            },
            ControlError::Ambiguous { ref work_item, ref repositories } => {
                let places = repositories.iter().map(|id| format!("/api/v1/repositories/{id}/tasks/{work_item}"));
                let mut problem = Self::new(StatusCode::CONFLICT, "ambiguous", error.to_string());
                problem.fix = Some("say which repository is meant: --repo NAME, or its address".to_owned());
                problem.problems = places.collect();
                problem
            }
            ControlError::Refused { why } => Self::new(StatusCode::CONFLICT, "refused", why),
            ControlError::Unavailable { why } => {
                tracing::warn!(error = %why, "somebody asked for what this host could not do");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", why).fix("nothing was changed: ask again")
            }
            ControlError::Invalid { problems } => {
                let mut problem = Self::invalid(problems.join("; "));
                if problems.len() > 1 {
                    problem.problems = problems;
                }
                problem
            }
            ControlError::Store(StoreError::Missing { what }) => {
                Self::new(StatusCode::NOT_FOUND, "not_found", format!("{what} does not exist"))
            }
            ControlError::Store(error) => {
                tracing::error!(%error, "the store failed while somebody was asking");
                let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", error.to_string());
                match error {
                    StoreError::Guard(_) | StoreError::Stale { .. } | StoreError::Failed { .. } => {
                        problem.fix("nothing was changed: ask again")
                    }
                    _ => problem,
                }
            }
        }
    }
}
