//! The lane of a repository, what runs, and why the rest waits.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use orch_engine::control::{ControlError, TaskName};
use orch_ports::lists::TaskFilter;
use orch_rules::change::SLOT_RUNS;
use orch_rules::ids::RepositoryId;
use orch_rules::lane::{LaneEntry, LaneState};

use crate::Pages;
use crate::door::LoggedIn;
use crate::frame::{Frame, Menu};
use crate::inbox::rows;
use crate::marks::Glance;
use crate::parts::{Row, address, segment};
use crate::reply::{self, Oops, page as shown};
use crate::say::{Html, Voice, short};

/// Most places of one line.
const PLACES: u32 = 50;
/// Rows of a list.
const ROWS: u32 = 50;

/// A place in a line.
struct Place {
    dot: String,
    on: bool,
    id: String,
    href: String,
    title: String,
    state: String,
    candidate: Option<String>,
    priority: i32,
}

struct LaneTab {
    id: String,
    href: String,
    here: bool,
}

#[derive(Template)]
#[template(path = "lane.html")]
struct LanePage {
    f: Frame,
    id: String,
    branch: String,
    main: Option<String>,
    serial: bool,
    paused: bool,
    frozen: Option<Frozen>,
    tabs: Vec<LaneTab>,
    act: String,
    landing: Vec<Place>,
    landing_all: u64,
    entry: Vec<Place>,
    waiting_all: u64,
}

/// Why nothing enters and nothing lands.
struct Frozen {
    reason: String,
    by: String,
    at: Html,
}

/// The lane of the first repository.
pub(crate) async fn first(State(pages): State<Pages>, visitor: LoggedIn) -> Result<Response, Oops> {
    let repositories = pages.control.repositories().await.map_err(|error| Oops::of(&visitor, error))?;
    match repositories.first() {
        Some(first) => Ok(reply::to(pages.site.base(), &format!("/lane/{}", segment(first.id.as_str())))),
        None => Err(Oops::not_found(&visitor, visitor.t("no-repository"))),
    }
}

/// What lands, one after the other.
pub(crate) async fn page(
    State(pages): State<Pages>,
    visitor: LoggedIn,
    Path(repository): Path<String>,
) -> Result<Response, Oops> {
    let failed = |error| Oops::of(&visitor, error);
    let f = reply::frame(&pages, &visitor, Menu::Lane, visitor.say.w1("lane-of", "repository", &repository)).await?;
    let fronts = pages.control.lane(&RepositoryId(repository.clone()), PLACES).await.map_err(failed)?;
    let all = pages.control.repositories().await.map_err(failed)?;
    let row = &fronts.facts.repository;
    let mut landing = Vec::new();
    for (at, entry) in fronts.facts.landing.iter().map(|facts| &facts.entry).enumerate() {
        landing.push(place(&pages, &visitor, entry, at).await.map_err(failed)?);
    }
    let mut entries = Vec::new();
    let mut at = 0;
    for entry in fronts.facts.entry.iter().map(|facts| &facts.entry) {
        entries.push(place(&pages, &visitor, entry, at).await.map_err(failed)?);
        at += usize::from(entry.state != LaneState::Admitted);
    }
    let tabs = all.iter().map(|known| LaneTab {
        id: known.id.to_string(),
        href: format!("{}/lane/{}", visitor.base, segment(known.id.as_str())),
        here: known.id == row.id,
    });
    Ok(shown(&LanePage {
        id: row.id.to_string(),
        branch: row.base_branch.clone(),
        main: row.main.as_ref().map(|commit| short(commit.as_str()).to_owned()),
        serial: row.serial,
        paused: row.paused,
        frozen: row.frozen.as_ref().map(|freeze| Frozen {
            reason: freeze.reason.clone(),
            by: freeze.by.to_string(),
            at: f.say.ago(freeze.at, f.now),
        }),
        tabs: tabs.collect(),
        act: format!("{}/lane/{}/act", visitor.base, segment(row.id.as_str())),
        landing,
        landing_all: fronts.landing,
        entry: entries,
        waiting_all: fronts.waiting,
        f,
    }))
}

async fn place(pages: &Pages, visitor: &LoggedIn, entry: &LaneEntry, at: usize) -> Result<Place, ControlError> {
    let name = TaskName { repository: Some(entry.repository.clone()), work_item: entry.work_item.clone() };
    let title = match pages.control.show(name).await {
        Ok(detail) => detail.task.title,
        Err(ControlError::NotFound { .. }) => String::new(),
        Err(error) => return Err(error),
    };
    let on = !matches!(entry.state, LaneState::Queued);
    Ok(Place {
        dot: if entry.state == LaneState::Admitted { "→".to_owned() } else { (at + 1).to_string() },
        on,
        id: entry.work_item.to_string(),
        href: format!("{}{}", visitor.base, address(entry.repository.as_str(), entry.work_item.as_str())),
        title,
        state: state(&entry.state, &visitor.say),
        candidate: entry.state.candidate().map(|candidate| short(candidate.commit.as_str()).to_owned()),
        priority: entry.priority,
    })
}

fn state(state: &LaneState, say: &Voice) -> String {
    match state {
        LaneState::Queued => say.t("lane-queued"),
        LaneState::Admitted => say.t("lane-admitted"),
        LaneState::Building { .. } => say.t("lane-building"),
        LaneState::Testing { .. } => say.t("lane-testing"),
        LaneState::Tested { .. } => say.t("lane-tested"),
        LaneState::Validated { .. } => say.t("lane-validated"),
        LaneState::Landing { .. } => say.t("lane-landing"),
        LaneState::Landed { .. } => say.t("lane-landed"),
        LaneState::Deploying { .. } => say.t("lane-deploying"),
        LaneState::Mending => say.t("lane-mending"),
        LaneState::Ejected { .. } => say.t("sent-back"),
        LaneState::Unknown(_) => say.t("unknown"),
    }
}

#[derive(Template)]
#[template(path = "runs.html")]
struct RunsPage {
    f: Frame,
    rows: Vec<Row>,
    slots: String,
    hosts: Vec<HostLine>,
}

struct HostLine {
    name: String,
    release: String,
    alive: bool,
    runs: u32,
    max_runs: u32,
}

/// Agents and checks at work.
pub(crate) async fn runs(State(pages): State<Pages>, visitor: LoggedIn) -> Result<Response, Oops> {
    let failed = |error| Oops::of(&visitor, error);
    let f = reply::frame(&pages, &visitor, Menu::Runs, visitor.t("nav-runs")).await?;
    let kinds = ["agent", "collecting", "check", "stopping"].map(str::to_owned).to_vec();
    let working = TaskFilter { doing: kinds, limit: ROWS, ..TaskFilter::default() };
    let working = pages.control.board(&working).await.map_err(failed)?;
    let queue = pages.control.queue().await.map_err(failed)?;
    let (_, hosts) = pages.control.hosts().await.map_err(failed)?;
    let most: u32 = hosts.iter().map(|host| host.max_runs).sum();
    let used = queue.slots.iter().find(|(name, _)| name == SLOT_RUNS).map_or(0, |(_, used)| *used);
    let slots = f.say.w("slots-used", &[("used", &used.to_string()), ("most", &most.to_string())]);
    let hosts = hosts.into_iter().map(|host| HostLine {
        name: host.name,
        release: host.release,
        alive: host.alive,
        runs: host.runs,
        max_runs: host.max_runs,
    });
    Ok(shown(&RunsPage { rows: rows(&pages, &working.tasks, &visitor, &f).await?, slots, hosts: hosts.collect(), f }))
}

/// How many wait for one thing.
struct ReasonLine {
    mark: Html,
    text: String,
    count: String,
    ends: String,
    rule: String,
    href: Option<String>,
}

struct OutLine {
    name: String,
    kind: &'static str,
    reason: String,
    since: Html,
    until: Option<Html>,
}

struct BudgetLine {
    name: String,
    spent: String,
    reserved: String,
    most: String,
    spent_width: String,
    reserved_width: String,
}

#[derive(Template)]
#[template(path = "waiting.html")]
struct WaitingPage {
    f: Frame,
    reasons: Vec<ReasonLine>,
    outages: Vec<OutLine>,
    budgets: Vec<BudgetLine>,
    parked: Vec<(String, String)>,
    sweep: Option<Html>,
    unblocked: u64,
}

/// Every kind of wait: its text, what ends it, where its tasks are listed.
const KINDS: [(&str, &str, &str, &str); 18] = [
    ("human", "kind-human", "ends-human", "asks"),
    ("held", "kind-held", "ends-held", "stuck"),
    ("repository", "kind-repository", "ends-mended", "stuck"),
    ("frozen", "kind-frozen", "ends-unfreeze", "stuck"),
    ("outage", "kind-outage", "ends-itself", "waits"),
    ("budget", "kind-budget", "ends-budget", "waits"),
    ("slot", "kind-slot", "ends-itself", "waits"),
    ("lane", "kind-lane", "ends-itself", "waits"),
    ("entry", "kind-entry", "ends-itself", ""),
    ("dependency", "kind-dependency", "ends-itself", ""),
    ("agent", "kind-agent", "ends-itself", "work"),
    ("collecting", "kind-collecting", "ends-itself", "work"),
    ("check", "kind-check", "ends-itself", "work"),
    ("branch", "kind-branch", "ends-itself", ""),
    ("paused", "kind-paused", "ends-resume", "rests"),
    ("hands", "kind-hands", "ends-hands", "rests"),
    ("stopping", "kind-stopping", "ends-itself", "work"),
    ("backlog", "kind-backlog", "ends-start", ""),
];

/// Why things wait.
pub(crate) async fn waiting(State(pages): State<Pages>, visitor: LoggedIn) -> Result<Response, Oops> {
    let failed = |error| Oops::of(&visitor, error);
    let f = reply::frame(&pages, &visitor, Menu::Waiting, visitor.t("waiting-head")).await?;
    let counts = pages.control.counts(None).await.map_err(failed)?;
    let queue = pages.control.queue().await.map_err(failed)?;
    let say = &f.say;
    let reasons = KINDS.iter().filter_map(|(kind, text, ends, state)| {
        let count =
            counts.iter().find(|(known, _)| known == kind).map(|(_, count)| *count).filter(|count| *count > 0)?;
        Some(ReasonLine {
            mark: Glance::of_kind(kind, visitor.acts()).beside(),
            text: say.t(text),
            count: say.number(count),
            ends: say.t(ends),
            rule: (*kind).to_owned(),
            href: (!state.is_empty()).then(|| format!("{}/board?why={state}", visitor.base)),
        })
    });
    let outages = queue.outages.iter().filter(|outage| outage.is_closed()).map(|outage| OutLine {
        name: outage.source.name().to_owned(),
        kind: outage.source.kind(),
        reason: outage.reason.clone(),
        since: say.ago(outage.since, f.now),
        until: outage.until.map(|at| say.when(at, f.now)),
    });
    let mut budgets = Vec::new();
    for row in &queue.budgets {
        let most = row.most.max(1) as f64;
        let money = |micros: i64| say.money(u64::try_from(micros).unwrap_or(0));
        let width = |micros: i64| format!("{:.1}", (micros as f64 / most * 100.0).clamp(0.0, 100.0));
        budgets.push(BudgetLine {
            name: budget(&row.key, say),
            spent: money(row.spent),
            reserved: money(row.reserved),
            most: money(row.most),
            spent_width: width(row.spent),
            reserved_width: width(row.reserved),
        });
    }
    let parked = queue.rows.iter().filter(|row| row.state == "failed");
    let parked = parked.map(|row| (row.kind.clone(), row.error.clone().unwrap_or_default())).collect();
    let sweep = pages.control.reconciler();
    Ok(shown(&WaitingPage {
        reasons: reasons.collect(),
        outages: outages.collect(),
        budgets,
        parked,
        sweep: sweep.last.map(|at| say.ago(at, f.now)),
        unblocked: sweep.unblocked_total,
        f,
    }))
}

fn budget(key: &str, say: &Voice) -> String {
    let mut parts = key.splitn(4, ':').skip(1);
    match (parts.next(), parts.next()) {
        (Some("task"), Some(_)) => say.t("budget-task"),
        (Some("repository"), Some(id)) => say.w1("budget-repository", "repository", id),
        (Some("day"), _) => say.t("budget-day"),
        _ => key.to_owned(),
    }
}
