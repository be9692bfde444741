//! What waits for a person.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use orch_engine::control::{ControlError, TaskDetail, TaskName};
use orch_ports::lists::{ListedTask, TaskFilter};
use orch_rules::episode::EpisodeKind;
use orch_rules::outage::Outage;

use crate::Pages;
use crate::door::LoggedIn;
use crate::frame::{Frame, Menu};
use crate::marks::Glance;
use crate::parts::{Row, address, cost};
use crate::reply::{self, Oops, page as shown};
use crate::say::Html;
use crate::task::asked::{Asked, Size};

/// Most questions on one page.
const MOST_ASKED: u32 = 25;
/// Most rows of everything else on it.
const MOST_ROWS: u32 = 8;

#[derive(Template)]
#[template(path = "inbox.html")]
struct InboxPage {
    f: Frame,
    asked: Vec<Asked>,
    more: bool,
    oldest: Option<Html>,
    stuck: Vec<Row>,
    outages: Vec<OutageLine>,
    at_work: Vec<WorkLine>,
    landed: Vec<WorkLine>,
}

/// Something that is out.
struct OutageLine {
    what: String,
    why: String,
    until: Option<Html>,
}

/// A task in a few words.
struct WorkLine {
    mark: Html,
    id: String,
    href: String,
    words: String,
    age: Html,
    cost: Html,
}

/// The inbox for who may decide, else the board.
pub(crate) async fn first(State(pages): State<Pages>, visitor: LoggedIn) -> Response {
    reply::to(pages.site.base(), if visitor.acts() { "/inbox" } else { "/board" })
}

/// The inbox.
pub(crate) async fn page(State(pages): State<Pages>, visitor: LoggedIn) -> Result<Response, Oops> {
    let failed = |error| Oops::of(&visitor, error);
    let f = reply::frame(&pages, &visitor, Menu::Inbox, visitor.t("inbox-head")).await?;
    let kinds = |kinds: &[&str], limit| TaskFilter {
        doing: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        limit,
        ..TaskFilter::default()
    };
    let waiting = pages.control.board(&kinds(&["human"], MOST_ASKED)).await.map_err(failed)?;
    let mut details = Vec::new();
    for task in &waiting.tasks {
        let name = TaskName { repository: Some(task.repository.clone()), work_item: task.work_item.clone() };
        match pages.control.show(name).await {
            Ok(detail) => details.push(detail),
            // Gone meanwhile.
            Err(ControlError::NotFound { .. }) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    order(&mut details);
    let opened =
        |detail: &TaskDetail| detail.history.episodes.iter().filter(|e| e.is_open()).map(|e| e.opened_at).min();
    let oldest = details.iter().filter_map(opened).min().map(|at| f.say.when(at, f.now));
    let mut asked = Vec::new();
    for detail in &details {
        asked.extend(Asked::of(&pages, detail, &visitor, Size::Inbox, f.now).await);
    }
    let stuck = pages.control.board(&kinds(&["held", "repository"], MOST_ASKED)).await.map_err(failed)?;
    let working = kinds(&["agent", "collecting", "check", "stopping"], MOST_ROWS);
    let working = pages.control.board(&working).await.map_err(failed)?;
    let done = TaskFilter { place: Some("done".to_owned()), limit: MOST_ROWS, ..TaskFilter::default() };
    let done = pages.control.board(&done).await.map_err(failed)?;
    let outages = pages.control.queue().await.map_err(failed)?.outages;
    let stuck = rows(&pages, &stuck.tasks, &visitor, &f).await?;
    let at_work = lines(&pages, &working.tasks, &visitor, &f).await?;
    let landed = lines(&pages, &done.tasks, &visitor, &f).await?;
    let outages = outages.iter().filter(|outage| outage.is_closed()).map(|outage| out(outage, &f)).collect();
    Ok(shown(&InboxPage { asked, more: waiting.next.is_some(), oldest, stuck, outages, at_work, landed, f }))
}

/// Approvals first, the newest first; then whoever waits longest.
fn order(details: &mut [TaskDetail]) {
    let key = |detail: &TaskDetail| {
        let open = detail.history.episodes.iter().find(|episode| episode.is_open());
        open.map_or((2, 0), |episode| match episode.kind {
            EpisodeKind::Approval => (0, -episode.opened_at.0),
            _ => (1, episode.opened_at.0),
        })
    };
    details.sort_by_key(key);
}

/// Rows of a list, each with the line it goes along.
pub(crate) async fn rows(pages: &Pages, tasks: &[ListedTask], visitor: &LoggedIn, f: &Frame) -> Result<Vec<Row>, Oops> {
    let mut rows = Vec::with_capacity(tasks.len());
    for task in tasks {
        let line = pages.line(&task.pipeline).await.map_err(|error| Oops::of(visitor, error))?;
        rows.push(Row::of(task, line.as_deref(), visitor, f.now));
    }
    Ok(rows)
}

async fn lines(pages: &Pages, tasks: &[ListedTask], visitor: &LoggedIn, f: &Frame) -> Result<Vec<WorkLine>, Oops> {
    let mut lines = Vec::with_capacity(tasks.len());
    for task in tasks {
        let line = pages.line(&task.pipeline).await.map_err(|error| Oops::of(visitor, error))?;
        let mark = Glance::of(task, visitor.acts());
        let ended = task.position.is_terminal();
        let words = match ended {
            true => task.shown.title.clone(),
            false => crate::marks::why_of(task, line.as_deref(), &f.say),
        };
        let used = orch_web::view::UsageView {
            runs: task.attempt,
            cost_usd: task.cost_micros.map(|micros| micros as f64 / 1e6),
            ..Default::default()
        };
        lines.push(WorkLine {
            mark: mark.beside(),
            id: task.work_item.to_string(),
            href: format!("{}{}", visitor.base, address(task.repository.as_str(), task.work_item.as_str())),
            words,
            age: match task.shown.ended_at {
                Some(at) => f.say.ago(at, f.now),
                None => f.say.since(task.shown.entered_at, f.now),
            },
            cost: cost(&used, &f.say),
        });
    }
    Ok(lines)
}

fn out(outage: &Outage, f: &Frame) -> OutageLine {
    OutageLine {
        what: outage.source.name().to_owned(),
        why: outage.reason.clone(),
        until: outage.until.map(|at| f.say.when(at, f.now)),
    }
}
