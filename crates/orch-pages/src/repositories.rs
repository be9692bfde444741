//! Repositories and how they are, and the settings in force.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use orch_rules::outage::Source;

use crate::Pages;
use crate::door::LoggedIn;
use crate::frame::{Frame, Menu};
use crate::parts::segment;
use crate::reply::{self, Oops, page as shown};
use crate::say::short;
use crate::site::Setting;

struct RepositoryLine {
    id: String,
    prefix: String,
    branch: String,
    main: Option<String>,
    serial: bool,
    paused: bool,
    frozen: Option<String>,
    trouble: Option<String>,
    lane: String,
    board: String,
}

#[derive(Template)]
#[template(path = "repositories.html")]
struct RepositoriesPage {
    f: Frame,
    repositories: Vec<RepositoryLine>,
}

/// Every repository.
pub(crate) async fn page(State(pages): State<Pages>, visitor: LoggedIn) -> Result<Response, Oops> {
    let failed = |error| Oops::of(&visitor, error);
    let f = reply::frame(&pages, &visitor, Menu::Repositories, visitor.t("nav-repositories")).await?;
    let all = pages.control.repositories().await.map_err(failed)?;
    let outages = pages.control.queue().await.map_err(failed)?.outages;
    let lines = all.iter().map(|row| {
        let of_it = outages.iter().find(|outage| {
            outage.is_closed() && matches!(&outage.source, Source::Repository { name } if *name == row.id.as_str())
        });
        let path = segment(row.id.as_str());
        RepositoryLine {
            id: row.id.to_string(),
            prefix: row.prefix.clone(),
            branch: row.base_branch.clone(),
            main: row.main.as_ref().map(|commit| short(commit.as_str()).to_owned()),
            serial: row.serial,
            paused: row.paused,
            frozen: row.frozen.as_ref().map(|freeze| freeze.reason.clone()),
            trouble: of_it.map(|outage| outage.reason.clone()),
            lane: format!("{}/lane/{path}", visitor.base),
            board: format!("{}/board?repo={path}", visitor.base),
        }
    });
    Ok(shown(&RepositoriesPage { repositories: lines.collect(), f }))
}

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    f: Frame,
    sections: Vec<(String, Vec<Setting>)>,
}

/// The settings in force, for admins.
pub(crate) async fn settings(State(pages): State<Pages>, visitor: LoggedIn) -> Result<Response, Oops> {
    if !visitor.administers() {
        return Err(Oops::forbidden(&visitor));
    }
    let f = reply::frame(&pages, &visitor, Menu::Settings, visitor.t("nav-settings")).await?;
    let mut sections: Vec<(String, Vec<Setting>)> = Vec::new();
    for setting in pages.site.settings() {
        match sections.iter_mut().find(|(section, _)| *section == setting.section) {
            Some((_, settings)) => settings.push(setting.clone()),
            None => sections.push((setting.section.clone(), vec![setting.clone()])),
        }
    }
    Ok(shown(&SettingsPage { f, sections }))
}
