//! How somebody comes in: by a link that works once, or by name and password.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use orch_engine::control::{ControlError, Newcomer};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::password;
use super::visitor::{THEME, encoded, theme};
use crate::Pages;
use crate::assets::ASSETS;
use crate::fields::{FormFields, SentForm};
use crate::reply::{self, cookie, page, to, with_cookie};
use crate::say::Voice;

/// A session's cookie is kept as long as the session.
const COOKIE_SECONDS: i64 = 30 * 24 * 60 * 60;
/// Wrong passwords for one name within [`WINDOW`], after which nobody may try it.
const MOST_WRONG: usize = 5;
/// The same for all names together.
const MOST_WRONG_IN_ALL: usize = 60;
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Passwords that are checked at once: each takes a processor and 19 MB for a moment.
const AT_ONCE: usize = 2;

/// Keeps those out who guess.
pub(crate) struct Gate {
    wrong: Mutex<HashMap<String, Vec<Instant>>>,
    room: Semaphore,
}

impl Default for Gate {
    fn default() -> Self {
        Self { wrong: Mutex::default(), room: Semaphore::new(AT_ONCE) }
    }
}

impl Gate {
    /// Counts a try before it is checked, so that many at once are no more than many one after the other. False: there
    /// were too many.
    fn begins(&self, name: &str, now: Instant) -> bool {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.retain(|_, tries| {
            tries.retain(|at| now.duration_since(*at) < WINDOW);
            !tries.is_empty()
        });
        let all: usize = wrong.values().map(Vec::len).sum();
        let open = all < MOST_WRONG_IN_ALL && wrong.get(name).map_or(0, Vec::len) < MOST_WRONG;
        if open {
            wrong.entry(name.to_owned()).or_default().push(now);
        }
        open
    }

    /// A try that was not checked.
    fn forgets(&self, name: &str) {
        if let Some(tries) = self.wrong.lock().unwrap_or_else(PoisonError::into_inner).get_mut(name) {
            tries.pop();
        }
    }

    fn right(&self, name: &str) {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

/// What stands around both ways in.
#[derive(Template)]
#[template(path = "door.html")]
struct DoorPage {
    say: Voice,
    base: String,
    css: &'static str,
    js: &'static str,
    icon: &'static str,
    theme: &'static str,
    /// What went wrong.
    wrong: String,
    way: Way,
}

enum Way {
    /// By name and password; goes on to `next`.
    Password { next: String, name: String },
    /// By a link for somebody who is known.
    Known { secret: String, display: String },
    /// By a link for who says who they are.
    Newcomer { secret: String, name: String },
    /// The link works no longer.
    Over,
}

fn door(pages: &Pages, headers: &HeaderMap, status: StatusCode, wrong: String, way: Way) -> Response {
    let [css, js, icon] = &*ASSETS;
    let mut response = page(&DoorPage {
        say: reply::stranger(headers),
        base: pages.site.base().to_owned(),
        css: &css.name,
        js: &js.name,
        icon: &icon.name,
        theme: theme(cookie(headers, THEME)),
        wrong,
        way,
    });
    *response.status_mut() = status;
    response
}

/// Where to go on.
#[derive(Deserialize, Default)]
pub(crate) struct Next {
    #[serde(default)]
    next: String,
}

/// Name and password.
pub(crate) async fn login_page(State(pages): State<Pages>, Query(asked): Query<Next>, headers: HeaderMap) -> Response {
    let way = Way::Password { next: asked.next, name: String::new() };
    door(&pages, &headers, StatusCode::OK, String::new(), way)
}

/// Lets in whoever knows the password.
pub(crate) async fn log_in(State(pages): State<Pages>, headers: HeaderMap, body: Bytes) -> Response {
    let fields = FormFields::read(&body);
    let say = reply::stranger(&headers);
    let (name, next) = (fields.get("name").trim().to_owned(), fields.get("next").to_owned());
    let again = |status, wrong: String| {
        let way = Way::Password { next: next.clone(), name: name.clone() };
        door(&pages, &headers, status, wrong, way)
    };
    if !pages.gate.begins(&name, Instant::now()) {
        let mut response = again(StatusCode::TOO_MANY_REQUESTS, say.t("login-too-often"));
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("900"));
        return response;
    }
    let kept = match pages.control.password(&name).await {
        Ok(kept) => kept,
        Err(error) => {
            pages.gate.forgets(&name);
            return again(StatusCode::SERVICE_UNAVAILABLE, error.to_string());
        }
    };
    let Ok(room) = pages.gate.room.acquire().await else {
        return again(StatusCode::SERVICE_UNAVAILABLE, String::new());
    };
    let given = fields.get("password").to_owned();
    let right = tokio::task::spawn_blocking(move || password::is(&given, kept.as_deref())).await.unwrap_or(false);
    drop(room);
    if !right {
        return again(StatusCode::UNAUTHORIZED, say.t("login-wrong"));
    }
    pages.gate.right(&name);
    match pages.control.begin_session(&name).await {
        Ok(secret) => inside(&pages, &secret, &fields_next(&next)),
        Err(error) => again(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}

fn fields_next(next: &str) -> String {
    FormFields::read(format!("back={}", encoded(next)).as_bytes()).back("/")
}

fn inside(pages: &Pages, secret: &str, path: &str) -> Response {
    let set = pages.site.set_cookie(pages.site.cookie(), secret, COOKIE_SECONDS);
    with_cookie(to(pages.site.base(), path), &set)
}

/// A link: it is used up by the button, not by whoever looks at it.
pub(crate) async fn link_page(State(pages): State<Pages>, Path(secret): Path<String>, headers: HeaderMap) -> Response {
    match way_of(&pages, &secret).await {
        Ok(Way::Over) => door(&pages, &headers, StatusCode::GONE, String::new(), Way::Over),
        Ok(way) => door(&pages, &headers, StatusCode::OK, String::new(), way),
        Err(error) => door(&pages, &headers, StatusCode::SERVICE_UNAVAILABLE, error.to_string(), Way::Over),
    }
}

async fn way_of(pages: &Pages, secret: &str) -> Result<Way, ControlError> {
    let Some(invitation) = pages.control.invitation(secret).await? else { return Ok(Way::Over) };
    let secret = secret.to_owned();
    match invitation.person {
        None => {
            let name = pages.control.called(&invitation.by).await?;
            Ok(Way::Newcomer { secret, name })
        }
        Some(id) => {
            let known = pages.control.directory().await?.people;
            let person = known.into_iter().find(|known| known.person.id == id);
            Ok(person.map_or(Way::Over, |known| Way::Known { secret, display: known.person.display }))
        }
    }
}

/// Uses a link up.
pub(crate) async fn come_in(
    State(pages): State<Pages>,
    Path(secret): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fields = FormFields::read(&body);
    let say = reply::stranger(&headers);
    let newcomer = fields.some("name").map(|person| Newcomer {
        person,
        display: fields.some("display"),
        language: say.language.tag().to_owned(),
    });
    let wanted = fields.get("password").to_owned();
    let phc = match wanted.is_empty() {
        true => None,
        false if password::is_short(&wanted) => {
            let way = way_of(&pages, &secret).await.unwrap_or(Way::Over);
            return door(&pages, &headers, StatusCode::BAD_REQUEST, say.t("password-short"), way);
        }
        false => tokio::task::spawn_blocking(move || password::hash(&wanted)).await.ok().flatten(),
    };
    match pages.control.come_in(&secret, newcomer).await {
        Ok((person, session)) => {
            if let Some(phc) = phc
                && let Err(error) = pages.control.set_password(&person, Some(&phc), &session).await
            {
                tracing::error!(%error, "a password was not kept");
            }
            inside(&pages, &session, "/")
        }
        Err(error) => {
            let way = way_of(&pages, &secret).await.unwrap_or(Way::Over);
            let status = if matches!(way, Way::Over) { StatusCode::GONE } else { StatusCode::BAD_REQUEST };
            door(&pages, &headers, status, reply::plain(&error.to_string()), way)
        }
    }
}

/// Ends the session.
pub(crate) async fn log_out(State(pages): State<Pages>, sent: SentForm) -> Response {
    if let Err(error) = pages.control.log_out(&sent.visitor.secret).await {
        tracing::error!(%error, "a session was not ended");
    }
    with_cookie(to(pages.site.base(), "/login"), &pages.site.set_cookie(pages.site.cookie(), "", 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_guesses_is_kept_out_for_a_while_and_nobody_else() {
        let (gate, begun) = (Gate::default(), Instant::now());
        for _ in 0..MOST_WRONG {
            assert!(gate.begins("ann", begun), "whether or not the one before was checked yet");
        }
        assert!(!gate.begins("ann", begun) && gate.begins("bob", begun));
        assert!(gate.begins("ann", begun + WINDOW));
        let gate = Gate::default();
        for name in 0..MOST_WRONG_IN_ALL {
            assert!(gate.begins(&name.to_string(), begun));
        }
        assert!(!gate.begins("bob", begun), "many names are guessed");
    }

    #[test]
    fn who_was_right_begins_anew_and_what_was_not_checked_counts_not() {
        let (gate, now) = (Gate::default(), Instant::now());
        (1..MOST_WRONG).for_each(|_| assert!(gate.begins("ann", now)));
        gate.right("ann");
        for _ in 0..MOST_WRONG * 2 {
            assert!(gate.begins("ann", now));
            gate.forgets("ann");
        }
    }
}
