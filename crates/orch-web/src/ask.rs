//! What is read from a request: the body, the person, the request's name.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use orch_rules::actor::Actor;
use serde::de::DeserializeOwned;

use crate::api::{Api, MAX_BODY};
use crate::{KEY_HEADER, PERSON_HEADER, Problem};

/// Where a program finds what it may send.
const SEE_DOCUMENT: &str = "GET /api/v1/openapi.json says what may be sent";
/// Most characters of a person's or a request's name.
const LONGEST_NAME: usize = 200;

/// A JSON body.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Api> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Api) -> Result<Self, Problem> {
        let is_json = is_json(&request);
        let body = body(request, state).await?;
        if !is_json {
            return Err(not_json());
        }
        parse(&body).map(Self)
    }
}

/// A JSON body that may be left out.
pub struct MaybeJson<T>(pub T);

impl<T: DeserializeOwned + Default> FromRequest<Api> for MaybeJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Api) -> Result<Self, Problem> {
        let (is_json, typed) = (is_json(&request), request.headers().contains_key(header::CONTENT_TYPE));
        let body = body(request, state).await?;
        match (body.is_empty(), is_json) {
            (true, _) if is_json || !typed => Ok(Self(T::default())),
            (_, true) => parse(&body).map(Self),
            _ => Err(not_json()),
        }
    }
}

fn is_json(request: &Request) -> bool {
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

fn not_json() -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", "the body must be JSON")
        .fix("send `Content-Type: application/json`")
}

async fn body(request: Request, state: &Api) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            format!("the body is longer than {MAX_BODY} bytes"),
        )
        .fix("keep long texts in the repository and name them"),
        _ => Problem::invalid("the body could not be read to its end").fix("send it again"),
    })
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body)
        .map_err(|error| Problem::invalid(format!("the body is not what is asked for: {error}")).fix(SEE_DOCUMENT))
}

/// The parameters behind the question mark.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Api> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Api) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => {
                let text = rejection.body_text();
                let why = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
                Err(Problem::invalid(format!("a parameter is not what is asked for: {why}")).fix(SEE_DOCUMENT))
            }
        }
    }
}

/// Who asks, for the audit trail, and the request's name.
pub struct Asker {
    /// Who.
    pub by: Actor,
    /// Given by the sender, or made here.
    pub key: String,
}

impl FromRequestParts<Api> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Api) -> Result<Self, Problem> {
        let by = state.guard.asker(name(parts, PERSON_HEADER)?);
        let key = name(parts, KEY_HEADER)?.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
        Ok(Self { by, key })
    }
}

fn name(parts: &Parts, header: &str) -> Result<Option<String>, Problem> {
    let Some(value) = parts.headers.get(header) else { return Ok(None) };
    // Header values are bytes; people's names are UTF-8.
    let text = std::str::from_utf8(value.as_bytes()).unwrap_or_default().trim();
    if text.is_empty() || text.chars().count() > LONGEST_NAME || text.chars().any(char::is_control) {
        let why =
            format!("the header {header} must be 1 to {LONGEST_NAME} characters of UTF-8 without control characters");
        return Err(Problem::invalid(why).fix("send a shorter, plain name, or leave the header out"));
    }
    Ok(Some(text.to_owned()))
}
