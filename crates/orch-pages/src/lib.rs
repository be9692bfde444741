//! The dashboard: pages, forms and events for people who logged in. Complete HTML without script; every act goes through
//! the same [`Control`] as the command line's, in the name of the person.

#![deny(missing_docs)]

mod acts;
mod assets;
mod board;
mod costs;
mod deploys;
mod diff;
mod door;
mod events;
mod fields;
mod frame;
mod inbox;
mod lane;
mod markdown;
mod marks;
mod new_task;
mod parts;
mod people;
mod reliability;
mod reply;
mod repositories;
mod say;
mod site;
mod task;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use orch_engine::control::{Control, ControlError};
use orch_rules::ids::PipelineDigest;
use orch_rules::pipeline::Pipeline;
use orch_web::Guard;

pub use site::{PublicSite, Setting};

/// Most lines that are remembered; there are as many as versions of pipeline files.
const MOST_LINES: usize = 256;
/// Longest form that is read, in bytes.
const MAX_FORM: usize = 1024 * 1024;

/// What every page has at hand.
#[derive(Clone)]
pub(crate) struct Pages(Arc<Inner>);

pub(crate) struct Inner {
    pub control: Control,
    pub guard: Guard,
    pub site: PublicSite,
    pub gate: door::Gate,
    /// Answers what is no page.
    pub api: Router,
    lines: Mutex<HashMap<PipelineDigest, Arc<Pipeline>>>,
}

impl std::ops::Deref for Pages {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Inner {
    /// A line by its digest; it never changes, so it is read once.
    pub async fn line(&self, digest: &PipelineDigest) -> Result<Option<Arc<Pipeline>>, ControlError> {
        let lines = || self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines().get(digest) {
            return Ok(Some(line.clone()));
        }
        let Some(line) = self.control.pipeline(digest).await?.map(Arc::new) else { return Ok(None) };
        let mut lines = lines();
        if lines.len() >= MOST_LINES {
            lines.clear();
        }
        lines.insert(digest.clone(), line.clone());
        Ok(Some(line))
    }
}

/// The pages, and behind them `api` for everything that is none: under the site's path, and at the root for proxies that
/// take the path away.
pub fn router(control: Control, guard: Guard, site: PublicSite, api: Router) -> Router {
    let base = site.base().to_owned();
    let pages =
        Pages(Arc::new(Inner { control, guard, site, gate: door::Gate::default(), api, lines: Mutex::default() }));
    let routes = Router::new()
        .route("/", get(inbox::first))
        .route("/inbox", get(inbox::page))
        .route("/board", get(board::page))
        .route("/new", get(new_task::page).post(new_task::open))
        .route("/t/{id}", get(task::find))
        .route("/t/{repository}/{id}", get(task::overview::page))
        .route("/t/{repository}/{id}/act", post(acts::task))
        .route("/t/{repository}/{id}/edit", get(new_task::edit_page))
        .route("/t/{repository}/{id}/documents", get(task::documents::page))
        .route("/t/{repository}/{id}/changes", get(task::changes::page))
        .route("/t/{repository}/{id}/log", get(task::log::page))
        .route("/t/{repository}/{id}/log/events", get(task::log::follow))
        .route("/t/{repository}/{id}/history", get(task::history::page))
        .route("/lane", get(lane::first))
        .route("/lane/{repository}", get(lane::page))
        .route("/lane/{repository}/act", post(acts::lane))
        .route("/runs", get(lane::runs))
        .route("/costs", get(costs::page))
        .route("/costs.csv", get(costs::csv))
        .route("/costs.json", get(costs::json))
        .route("/deploys", get(deploys::page))
        .route("/deploys/{target}/act", post(acts::target))
        .route("/waiting", get(lane::waiting))
        .route("/waiting/act", post(acts::outage))
        .route("/reliability", get(reliability::page))
        .route("/reliability/act", post(acts::reliability))
        .route("/repositories", get(repositories::page))
        .route("/repositories/act", post(acts::repository))
        .route("/settings", get(repositories::settings))
        .route("/people", get(people::page))
        .route("/people/act", post(acts::people))
        .route("/me", get(people::me))
        .route("/me/look", post(people::look))
        .route("/me/password", post(people::password))
        .route("/more", get(people::more))
        .route("/login", get(door::login_page).post(door::log_in))
        .route("/logout", post(door::log_out))
        .route("/enter/{secret}", get(door::link_page).post(door::come_in))
        .route("/events", get(events::stream))
        .route("/assets/{name}", get(assets::serve))
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .route_layer(from_fn_with_state(pages.clone(), door::stand))
        .fallback(reply::nothing_here)
        .with_state(pages);
    if base.is_empty() { routes } else { Router::new().nest(&base, routes.clone()).merge(routes) }
}
