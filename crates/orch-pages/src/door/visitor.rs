//! Somebody who logged in.

use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use orch_rules::actor::Actor;
use orch_rules::rights::{Person, PersonRole};
use orch_text::Language;
use sha2::{Digest, Sha256};

use crate::Pages;
use crate::reply::{self, NOTE, Oops, cookie};
use crate::say::{Voice, ZONE};

/// Cookie with the colours: `light`, `dark`.
pub(crate) const THEME: &str = "orch-theme";
/// Cookie with the language, if it is another one than the person's.
pub(crate) const LANGUAGE: &str = "orch-language";

/// Who looks at a page.
#[derive(Debug, Clone)]
pub(crate) struct LoggedIn {
    pub person: Person,
    /// The session's secret; never shown.
    pub secret: String,
    /// What forms of this session carry.
    pub csrf: String,
    pub say: Voice,
    /// `light`, `dark`, or empty.
    pub theme: &'static str,
    /// The page's address within the site.
    pub path: String,
    /// The path before every address.
    pub base: String,
    /// What the page before has to say.
    pub note: Option<(bool, String)>,
}

impl LoggedIn {
    /// Whoever asks, or the way to the log-in.
    pub async fn of(parts: &mut Parts, pages: &Pages) -> Result<Self, Oops> {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let outside = || {
            // What was sent is not sent again: the form is shown anew.
            let next = if parts.method == Method::GET { encoded(&path) } else { encoded("/") };
            Oops::from(reply::to(pages.site.base(), &format!("/login?next={next}")))
        };
        let Some(secret) = cookie(&parts.headers, pages.site.cookie()) else { return Err(outside()) };
        let session = match pages.control.session(secret).await {
            Ok(Some(session)) => session,
            Ok(None) => return Err(outside()),
            Err(error) => {
                tracing::error!(%error, "a session could not be read");
                return Err(away().into());
            }
        };
        let person = session.person;
        let chosen = cookie(&parts.headers, LANGUAGE).and_then(Language::of_tag);
        let language = chosen.or(Language::of_tag(&person.language)).unwrap_or_default();
        let note = cookie(&parts.headers, NOTE).and_then(reply::carried);
        Ok(Self {
            csrf: csrf(secret),
            secret: secret.to_owned(),
            say: Voice::new(language, cookie(&parts.headers, ZONE)),
            theme: theme(cookie(&parts.headers, THEME)),
            path,
            base: pages.site.base().to_owned(),
            person,
            note,
        })
    }

    /// Who acts, for the audit trail.
    pub fn actor(&self) -> Actor {
        Actor::session(&self.person.id).known_as(&self.person.display)
    }

    /// May decide, not only look.
    pub fn acts(&self) -> bool {
        self.person.role != PersonRole::Viewer
    }

    pub fn administers(&self) -> bool {
        self.person.role == PersonRole::Admin
    }
}

impl FromRequestParts<Pages> for LoggedIn {
    type Rejection = Oops;

    async fn from_request_parts(parts: &mut Parts, pages: &Pages) -> Result<Self, Oops> {
        Self::of(parts, pages).await
    }
}

/// The colours that a cookie wants.
pub(crate) fn theme(cookie: Option<&str>) -> &'static str {
    match cookie {
        Some("light") => "light",
        Some("dark") => "dark",
        _ => "",
    }
}

fn csrf(secret: &str) -> String {
    Sha256::digest(format!("csrf:{secret}").as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn away() -> Response {
    (axum::http::StatusCode::SERVICE_UNAVAILABLE, "The database does not answer. Nothing was changed.").into_response()
}

/// For a parameter of an address.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
