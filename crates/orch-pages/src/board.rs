//! Every task, by where it stands.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use orch_ports::lists::{Census, ListedTask, TaskFilter};
use orch_rules::ids::RepositoryId;
use orch_rules::pipeline::StageKind;
use serde::Deserialize;

use crate::Pages;
use crate::door::LoggedIn;
use crate::frame::{Frame, Menu};
use crate::inbox::rows;
use crate::marks::{self, Glance};
use crate::parts::{Row, segment};
use crate::reply::{self, Oops, page as shown};
use crate::say::Voice;

/// Rows of a group.
const ROWS: u32 = 25;
/// Rows of what has not begun, or is over.
const FEW: u32 = 5;

/// What is looked for.
#[derive(Debug, Deserialize, Default, Clone)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    repo: String,
    #[serde(default)]
    why: String,
    #[serde(default)]
    stage: String,
    after: Option<String>,
}

/// What somebody may look for, by the name in the address: kinds of waits.
const STATES: [(&str, &str, &[&str]); 5] = [
    ("asks", "state-asks", &["human"]),
    ("stuck", "state-stuck", &["held", "repository", "frozen"]),
    ("work", "state-work", &["agent", "collecting", "check", "stopping"]),
    ("waits", "state-waits", &["slot", "budget", "outage", "lane"]),
    ("rests", "state-rests", &["paused", "hands"]),
];

impl Asked {
    fn filter(&self) -> TaskFilter {
        let kinds = STATES.iter().find(|(name, ..)| *name == self.why).map_or(&[][..], |(.., kinds)| kinds);
        TaskFilter {
            repository: Some(self.repo.trim())
                .filter(|repo| !repo.is_empty())
                .map(|repo| RepositoryId(repo.to_owned())),
            doing: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            search: Some(self.q.trim()).filter(|q| !q.is_empty()).map(str::to_owned),
            limit: ROWS,
            ..TaskFilter::default()
        }
    }

    /// The same with another stage.
    fn at(&self, stage: &str, after: Option<&str>) -> String {
        let mut parts = Vec::new();
        for (name, value) in [("q", self.q.as_str()), ("repo", &self.repo), ("why", &self.why), ("stage", stage)] {
            if !value.is_empty() {
                parts.push(format!("{name}={}", segment(value)));
            }
        }
        parts.extend(after.map(|after| format!("after={}", segment(after))));
        format!("/board?{}", parts.join("&"))
    }
}

/// A place of the line with its counts.
struct Column {
    name: String,
    icon: &'static str,
    href: String,
    current: bool,
    count: String,
    mix: Vec<Share>,
    words: String,
}

/// Part of a bar.
struct Share {
    class: &'static str,
    x: String,
    width: String,
}

/// A group of rows.
struct BoardGroup {
    key: String,
    name: String,
    icon: &'static str,
    count: String,
    words: String,
    rows: Vec<Row>,
    more: Option<String>,
}

#[derive(Template)]
#[template(path = "board.html")]
struct BoardPage {
    f: Frame,
    asked: Asked,
    repositories: Vec<String>,
    states: Vec<(&'static str, String)>,
    columns: Vec<Column>,
    groups: Vec<BoardGroup>,
}

/// The board.
pub(crate) async fn page(
    State(pages): State<Pages>,
    visitor: LoggedIn,
    Query(asked): Query<Asked>,
) -> Result<Response, Oops> {
    let failed = |error| Oops::of(&visitor, error);
    let f = reply::frame(&pages, &visitor, Menu::Board, visitor.t("nav-board")).await?;
    let filter = asked.filter();
    let census = pages.control.census(filter.repository.as_ref()).await.map_err(failed)?;
    let places = places(&pages, &census, &visitor).await?;
    let narrowed = filter.search.is_some() || !filter.doing.is_empty();
    let columns = places.iter().map(|place| column(place, &census, &asked, &visitor)).collect();
    let mut groups = Vec::new();
    for place in &places {
        let all: u64 = census.iter().filter(|row| row.place == place.id).map(|row| row.count).sum();
        let wanted = if asked.stage.is_empty() { all > 0 } else { asked.stage == place.id };
        if wanted {
            groups.extend(group(&pages, place, &census, (&asked, &filter, narrowed), &visitor, &f).await?);
        }
    }
    let repositories = pages.control.repositories().await.map_err(failed)?;
    let repositories = repositories.iter().map(|repository| repository.id.to_string()).collect();
    let states = STATES.iter().map(|(name, text, _)| (*name, visitor.t(text))).collect();
    Ok(shown(&BoardPage { f, asked, repositories, states, columns, groups }))
}

/// Where tasks may stand.
struct Place {
    id: String,
    icon: &'static str,
}

/// In the order of the lines; what has not begun and what is over come last.
async fn places(pages: &Pages, census: &[Census], visitor: &LoggedIn) -> Result<Vec<Place>, Oops> {
    let failed = |error| Oops::of(visitor, error);
    let mut stages: Vec<(String, StageKind)> = Vec::new();
    let recent = TaskFilter { limit: 200, ..TaskFilter::default() };
    for task in pages.control.board(&recent).await.map_err(failed)?.tasks {
        let Some(line) = pages.line(&task.pipeline).await.map_err(failed)? else { continue };
        // A stage two lines share stays where the first has it; the others go behind the one before them.
        let mut after = 0;
        for stage in &line.stages {
            let at = stages.iter().position(|(known, _)| known == stage.id.as_str()).unwrap_or_else(|| {
                stages.insert(after, (stage.id.to_string(), stage.kind));
                after
            });
            after = at + 1;
        }
    }
    let ends = ["backlog", "entering", "done", "cancelled"];
    for row in census.iter().filter(|row| !ends.contains(&row.place.as_str())) {
        if !stages.iter().any(|(known, _)| *known == row.place) {
            stages.push((row.place.clone(), StageKind::Build));
        }
    }
    let there = |id: &str| census.iter().any(|row| row.place == id);
    let mut places = Vec::new();
    places.extend(there("entering").then(|| Place { id: "entering".to_owned(), icon: "lane" }));
    places.extend(stages.into_iter().map(|(id, kind)| Place { id, icon: marks::icon(kind) }));
    places.push(Place { id: "backlog".to_owned(), icon: "inbox" });
    places.push(Place { id: "done".to_owned(), icon: "ok" });
    places.extend(there("cancelled").then(|| Place { id: "cancelled".to_owned(), icon: "cancel" }));
    Ok(places)
}

/// How many of a place are what: asked, stuck, at work, waiting, over.
fn shares(place: &str, census: &[Census], acts: bool) -> [(&'static str, &'static str, u64); 4] {
    let mut shares = [("a", "n-asks", 0), ("x", "n-stuck", 0), ("g", "n-works", 0), ("w", "", 0)];
    for row in census.iter().filter(|row| row.place == place) {
        let at = match Glance::of_kind(&row.doing, acts) {
            Glance::Ask => 0,
            Glance::Stuck => 1,
            Glance::Run => 2,
            _ => 3,
        };
        shares[at].2 += row.count;
    }
    shares
}

fn words(shares: &[(&'static str, &'static str, u64)], say: &Voice) -> String {
    let told = shares.iter().filter(|(_, text, count)| !text.is_empty() && *count > 0);
    told.map(|(_, text, count)| say.n(text, *count)).collect::<Vec<_>>().join(" · ")
}

fn column(place: &Place, census: &[Census], asked: &Asked, visitor: &LoggedIn) -> Column {
    let shares = shares(&place.id, census, visitor.acts());
    let all: u64 = shares.iter().map(|(.., count)| count).sum();
    let (mut x, mut mix) = (0.0, Vec::new());
    for (class, _, count) in shares.iter().filter(|(.., count)| *count > 0) {
        // What is there is seen, however many others there are.
        let width = (*count as f64 / all as f64 * 100.0).max(3.0).min(100.0 - x);
        let class = if place.id == "done" { "o" } else { class };
        mix.push(Share { class, x: format!("{x:.1}"), width: format!("{:.1}", (width - 0.8).max(0.4)) });
        x += width;
    }
    let current = asked.stage == place.id;
    Column {
        name: marks::place(&place.id, &visitor.say),
        icon: place.icon,
        href: format!("{}{}", visitor.base, asked.at(if current { "" } else { &place.id }, None)),
        current,
        count: visitor.say.number(all),
        mix,
        words: words(&shares, &visitor.say),
    }
}

async fn group(
    pages: &Pages,
    place: &Place,
    census: &[Census],
    (asked, filter, narrowed): (&Asked, &TaskFilter, bool),
    visitor: &LoggedIn,
    f: &Frame,
) -> Result<Option<BoardGroup>, Oops> {
    let failed = |error| Oops::of(visitor, error);
    let quiet = ["backlog", "done", "cancelled"].contains(&place.id.as_str());
    let limit = if quiet && asked.stage.is_empty() { FEW } else { ROWS };
    let here = TaskFilter { place: Some(place.id.clone()), ..filter.clone() };
    let after = asked.after.as_deref().filter(|_| asked.stage == place.id).and_then(|after| after.parse().ok());
    let begins = after.is_none();
    let rest = pages.control.board(&TaskFilter { limit, after, ..here.clone() }).await.map_err(failed)?;
    let mut tasks: Vec<ListedTask> = Vec::new();
    if begins && !narrowed && !quiet {
        // Whoever asks or is stuck comes first.
        let first = TaskFilter { doing: vec!["human".to_owned(), "held".to_owned()], limit: ROWS, ..here };
        tasks = pages.control.board(&first).await.map_err(failed)?.tasks;
    }
    let more =
        rest.next.as_ref().map(|next| format!("{}{}", visitor.base, asked.at(&place.id, Some(&next.to_string()))));
    let known = |tasks: &[ListedTask], task: &ListedTask| tasks.iter().any(|known| known.id == task.id);
    for task in rest.tasks {
        if !known(&tasks, &task) {
            tasks.push(task);
        }
    }
    if tasks.is_empty() && (narrowed || asked.stage.is_empty()) {
        return Ok(None);
    }
    let shares = shares(&place.id, census, visitor.acts());
    Ok(Some(BoardGroup {
        key: format!("g-{}", segment(&place.id).replace('%', "-")),
        name: marks::place(&place.id, &visitor.say),
        icon: place.icon,
        count: match narrowed {
            true => visitor.say.number(tasks.len() as u64),
            false => visitor.say.number(shares.iter().map(|(.., count)| count).sum()),
        },
        words: words(&shares, &visitor.say),
        rows: rows(pages, &tasks, visitor, f).await?,
        more,
    }))
}
