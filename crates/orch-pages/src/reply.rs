//! What is answered: a page, a page that says what went wrong, or the way to another page.

use askama::Template;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use orch_engine::control::ControlError;
use orch_ports::store::StoreError;
use tower::ServiceExt;

use crate::Pages;
use crate::door::LoggedIn;
use crate::frame::{Frame, Menu};
use crate::say::Voice;

/// Name of the cookie that carries a sentence to the next page.
pub(crate) const NOTE: &str = "orch-note";
/// Longest sentence that is carried, in bytes.
const LONGEST_NOTE: usize = 1_500;

/// A page.
pub(crate) fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            (StatusCode::INTERNAL_SERVER_ERROR, "This page could not be made. Nothing was lost or changed.")
                .into_response()
        }
    }
}

/// To another page of ours.
pub(crate) fn to(base: &str, path: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("{base}{path}")) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

/// Sets a cookie.
pub(crate) fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

/// To another page, which says this once. `good` is whether it was done.
pub(crate) fn told(pages: &Pages, path: &str, good: bool, words: &str) -> Response {
    let mut end = words.len().min(LONGEST_NOTE);
    while !words.is_char_boundary(end) {
        end -= 1;
    }
    let hex: String = words[..end].bytes().map(|byte| format!("{byte:02x}")).collect();
    let cookie = pages.site.set_cookie(NOTE, &format!("{}{hex}", if good { 'g' } else { 'b' }), 60);
    with_cookie(to(pages.site.base(), path), &cookie)
}

/// What [`told`] carried: whether it was done, and the sentence.
pub(crate) fn carried(cookie: &str) -> Option<(bool, String)> {
    let (mark, hex) = cookie.split_at_checked(1)?;
    let digits: Option<Vec<u8>> =
        (0..hex.len() / 2).map(|at| u8::from_str_radix(hex.get(at * 2..at * 2 + 2)?, 16).ok()).collect();
    Some((mark == "g", String::from_utf8(digits?).ok()?)).filter(|(_, words)| !words.is_empty())
}

/// The value of a cookie.
pub(crate) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split(';')).find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    })
}

/// Instead of a page.
pub(crate) struct Oops(Response);

impl IntoResponse for Oops {
    fn into_response(self) -> Response {
        self.0
    }
}

impl From<Response> for Oops {
    fn from(response: Response) -> Self {
        Self(response)
    }
}

/// A page that says what went wrong.
#[derive(Template)]
#[template(path = "oops.html")]
struct OopsPage {
    f: Frame,
    what: String,
    more: String,
}

impl Oops {
    fn with(visitor: &LoggedIn, status: StatusCode, what: String, more: String) -> Self {
        let f = Frame::bare(visitor, what.clone());
        let mut response = page(&OopsPage { f, what, more });
        *response.status_mut() = status;
        Self(response)
    }

    /// Nobody may do that.
    pub fn forbidden(visitor: &LoggedIn) -> Self {
        let say = &visitor.say;
        Self::with(visitor, StatusCode::FORBIDDEN, say.t("may-not"), say.t("may-not-more"))
    }

    /// The form is not of this session.
    pub fn stale(visitor: &LoggedIn) -> Self {
        let say = &visitor.say;
        Self::with(visitor, StatusCode::FORBIDDEN, say.t("form-stale"), say.t("form-stale-more"))
    }

    /// The form is wrong.
    pub fn wrong(visitor: &LoggedIn, what: String) -> Self {
        Self::with(visitor, StatusCode::BAD_REQUEST, what, String::new())
    }

    /// Nothing is there.
    pub fn not_found(visitor: &LoggedIn, more: String) -> Self {
        Self::with(visitor, StatusCode::NOT_FOUND, visitor.say.t("not-found"), more)
    }

    /// What the control surface says.
    pub fn of(visitor: &LoggedIn, error: ControlError) -> Self {
        match error {
            ControlError::NotFound { what } => Self::not_found(visitor, plain(&what)),
            ControlError::Store(StoreError::Missing { what }) => Self::not_found(visitor, what),
            ControlError::Store(error) => {
                tracing::error!(%error, "the store failed while a page was made");
                Self::with(visitor, StatusCode::SERVICE_UNAVAILABLE, visitor.say.t("our-fault"), error.to_string())
            }
            error => Self::with(visitor, StatusCode::CONFLICT, visitor.say.t("refused"), plain(&error.to_string())),
        }
    }
}

/// Without the command behind the semicolon: pages have buttons.
pub(crate) fn plain(sentence: &str) -> String {
    let cut = sentence.split("; orch ").next().unwrap_or(sentence);
    crate::say::capital(cut)
}

/// No page of ours: the API's, or a page that says so.
pub(crate) async fn nothing_here(State(pages): State<Pages>, request: Request) -> Response {
    let headers = request.headers();
    let wants_page = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("text/html"))
        && !headers.contains_key(header::AUTHORIZATION);
    if !wants_page {
        return pages.api.clone().oneshot(request).await.into_response();
    }
    let (mut parts, _) = request.into_parts();
    let response = match LoggedIn::of(&mut parts, &pages).await {
        Ok(visitor) => Oops::not_found(&visitor, parts.uri.path().to_owned()).into_response(),
        Err(oops) => oops.into_response(),
    };
    crate::door::marked(response)
}

/// A frame that knows the counts of the menu; without them if the store is away.
pub(crate) async fn frame(pages: &Pages, visitor: &LoggedIn, here: Menu, title: String) -> Result<Frame, Oops> {
    Frame::of(pages, visitor, here, title).await.map_err(|error| Oops::of(visitor, error))
}

/// The language of somebody who did not log in.
pub(crate) fn stranger(headers: &HeaderMap) -> Voice {
    Voice::of_headers(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_carried_whole_or_not_at_all() {
        for (cookie, carries) in [
            ("g4f4b", Some((true, "OK"))),
            ("bd0b4", Some((false, "д"))),
            ("g", None),
            ("", None),
            ("gxx", None),
            ("gff", None),
        ] {
            assert_eq!(carried(cookie), carries.map(|(good, words)| (good, words.to_owned())), "{cookie}");
        }
    }
}
