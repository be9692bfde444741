//! People: who is who, and what is mine.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use orch_rules::rights::PersonRole;

use crate::Pages;
use crate::door::{LANGUAGE, LoggedIn, THEME, hash, is_short};
use crate::fields::SentForm;
use crate::frame::{Frame, Menu};
use crate::reply::{self, Oops, cookie, page as shown, told, with_cookie};

/// Cookie that carries a link's secret to the page that shows it once.
pub(crate) const LINK: &str = "orch-link";
/// A choice is kept for a year.
const YEAR: i64 = 365 * 24 * 60 * 60;

struct PersonLine {
    id: String,
    display: String,
    role: PersonRole,
    accounts: Vec<String>,
    me: bool,
}

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    f: Frame,
    people: Vec<PersonLine>,
    link: Option<String>,
    forgotten: usize,
}

/// What people are called by their roles.
impl PersonLine {
    fn is(&self, role: &str) -> bool {
        self.role.name() == role
    }
}

/// Everybody.
pub(crate) async fn page(State(pages): State<Pages>, visitor: LoggedIn, headers: HeaderMap) -> Result<Response, Oops> {
    if !visitor.administers() {
        return Err(Oops::forbidden(&visitor));
    }
    let f = reply::frame(&pages, &visitor, Menu::People, visitor.t("nav-people")).await?;
    let directory = pages.control.directory().await.map_err(|error| Oops::of(&visitor, error))?;
    let people = directory.people.into_iter().map(|known| PersonLine {
        me: known.person.id == visitor.person.id,
        id: known.person.id,
        display: known.person.display,
        role: known.person.role,
        accounts: known.accounts.iter().map(orch_rules::actor::Actor::wire).collect(),
    });
    let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    let secret =
        cookie(&headers, LINK).filter(|secret| secret.chars().all(|c| c.is_ascii_hexdigit()) && !secret.is_empty());
    let link = secret.map(|secret| format!("{}://{host}{}/enter/{secret}", pages.site.scheme(), pages.site.base()));
    let shows = link.is_some();
    let page = PeoplePage { people: people.collect(), link, forgotten: directory.forgotten.len(), f };
    let response = shown(&page);
    Ok(if shows { with_cookie(response, &pages.site.set_cookie(LINK, "", 0)) } else { response })
}

#[derive(Template)]
#[template(path = "me.html")]
struct MePage {
    f: Frame,
    id: String,
    role: &'static str,
    has_password: bool,
}

/// What is mine.
pub(crate) async fn me(State(pages): State<Pages>, visitor: LoggedIn) -> Result<Response, Oops> {
    let f = reply::frame(&pages, &visitor, Menu::Nowhere, visitor.person.display.clone()).await?;
    let kept = pages.control.password(&visitor.person.id).await.map_err(|error| Oops::of(&visitor, error))?;
    let (id, role) = (visitor.person.id.clone(), visitor.person.role.name());
    Ok(shown(&MePage { f, id, role, has_password: kept.is_some() }))
}

/// The colours and the language, kept by the browser.
pub(crate) async fn look(State(pages): State<Pages>, sent: SentForm) -> Response {
    let mut response = reply::to(pages.site.base(), &sent.fields.back("/"));
    match sent.fields.get("theme") {
        "" => {}
        theme @ ("light" | "dark") => response = with_cookie(response, &pages.site.set_cookie(THEME, theme, YEAR)),
        _ => response = with_cookie(response, &pages.site.set_cookie(THEME, "", 0)),
    }
    if let Some(language) = orch_text::Language::of_tag(sent.fields.get("language")) {
        response = with_cookie(response, &pages.site.set_cookie(LANGUAGE, language.tag(), YEAR));
    }
    response
}

/// Another password, or none.
pub(crate) async fn password(State(pages): State<Pages>, sent: SentForm) -> Result<Response, Oops> {
    let wanted = sent.fields.get("password").to_owned();
    if !wanted.is_empty() && is_short(&wanted) {
        return Ok(told(&pages, "/me", false, &sent.say().t("password-short")));
    }
    let phc = match wanted.is_empty() {
        true => None,
        false => tokio::task::spawn_blocking(move || hash(&wanted)).await.ok().flatten(),
    };
    let (person, secret) = (&sent.visitor.person.id, &sent.visitor.secret);
    pages.control.set_password(person, phc.as_deref(), secret).await.map_err(|error| Oops::of(&sent.visitor, error))?;
    Ok(told(&pages, "/me", true, &sent.say().t(if phc.is_some() { "password-kept" } else { "password-gone" })))
}

#[derive(Template)]
#[template(path = "more.html")]
struct MorePage {
    f: Frame,
}

/// The rest of the menu, for phones.
pub(crate) async fn more(State(pages): State<Pages>, visitor: LoggedIn) -> Result<Response, Oops> {
    let f = reply::frame(&pages, &visitor, Menu::More, visitor.t("nav-more")).await?;
    Ok(shown(&MorePage { f }))
}
