//! The door of the pages: who is in, who is let in, and what every answer says of itself.

mod log_in;
mod password;
mod visitor;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

pub(crate) use log_in::{Gate, come_in, link_page, log_in, log_out, login_page};
pub(crate) use password::{hash, is_short};
pub(crate) use visitor::{LANGUAGE, LoggedIn, THEME};

use crate::Pages;
use crate::reply::{self, NOTE, with_cookie};

/// Nothing is loaded from elsewhere, nothing inline is run or painted, nobody frames us.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(&str, &str); 5] = [
    ("content-security-policy", POLICY),
    ("cross-origin-resource-policy", "same-origin"),
    // Not `no-referrer`: browsers would then send forms of our own pages from the origin `null`.
    ("referrer-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];

/// Checks a request before a page looks at it, and marks every answer.
pub(crate) async fn stand(State(pages): State<Pages>, request: Request, next: Next) -> Response {
    let carried = reply::cookie(request.headers(), NOTE).is_some();
    let response = match pages.guard.page(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => return problem.into_response(),
    };
    // What a page had to say it has said.
    let said = carried && response.status().is_success();
    marked(if said { with_cookie(response, &pages.site.set_cookie(NOTE, "", 0)) } else { response })
}

/// An answer that says how it may be used.
pub(crate) fn marked(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
