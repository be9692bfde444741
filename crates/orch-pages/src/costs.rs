//! What runs cost: by day, by stage, by model, by repository. What did not say its cost is counted, never guessed.

use std::fmt::Write;

use askama::Template;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use orch_rules::budget::DAY_MS;
use orch_rules::ids::{RepositoryId, Timestamp};
use orch_web::view::{CostsView, UsageView, day_of};
use serde::Deserialize;

use crate::Pages;
use crate::door::LoggedIn;
use crate::frame::{Frame, Menu};
use crate::marks;
use crate::parts::{address, cost, segment};
use crate::reply::{self, Oops, page as shown};
use crate::say::{Html, Voice, escaped};

/// Most days that are looked at.
const MOST_DAYS: u32 = 366;
/// Days that are looked at if nobody says.
const USUAL_DAYS: u32 = 14;
/// Tasks that are named among the dearest.
const DEAREST: u32 = 10;

/// Days that may be chosen.
const SPANS: [u32; 6] = [1, 7, 14, 30, 90, 365];

/// Which part.
#[derive(Debug, Deserialize, Default, Clone)]
pub(crate) struct Asked {
    days: Option<u32>,
    #[serde(default)]
    repo: String,
}

impl Asked {
    fn days(&self) -> u32 {
        self.days.unwrap_or(USUAL_DAYS).clamp(1, MOST_DAYS)
    }

    async fn read(&self, pages: &Pages, visitor: &LoggedIn) -> Result<(Timestamp, CostsView), Oops> {
        let repository =
            Some(self.repo.trim()).filter(|repo| !repo.is_empty()).map(|repo| RepositoryId(repo.to_owned()));
        let read = pages.control.costs(self.days(), repository.as_ref(), DEAREST).await;
        let (since, costs) = read.map_err(|error| Oops::of(visitor, error))?;
        Ok((since, CostsView::of(since, self.days(), &costs)))
    }
}

/// What something cost together.
struct SharedCost {
    name: String,
    cost: Html,
    runs: String,
    width: String,
    href: Option<String>,
}

/// Costs with one thing in common.
struct CostGroup {
    key: &'static str,
    head: String,
    shares: Vec<SharedCost>,
}

#[derive(Template)]
#[template(path = "costs.html")]
struct CostsPage {
    f: Frame,
    asked: Asked,
    repositories: Vec<String>,
    spent: Html,
    landed: u64,
    each: Html,
    runs: u32,
    silent: u64,
    chart: Html,
    days: Vec<(String, Html)>,
    spans: Vec<(u32, bool)>,
    groups: Vec<CostGroup>,
    csv: String,
    json: String,
}

/// Sums with their bars; the dearest come first.
fn shares(sums: &[(String, UsageView)], say: &Voice, name: impl Fn(&str) -> String) -> Vec<SharedCost> {
    let most = sums.first().and_then(|(_, used)| used.cost_usd).unwrap_or(0.0);
    let share = |(key, used): &(String, UsageView)| SharedCost {
        name: name(key),
        cost: cost(used, say),
        runs: say.number(u64::from(used.runs)),
        width: match used.cost_usd {
            Some(usd) if most > 0.0 => format!("{:.1}", usd / most * 100.0),
            _ => "0".to_owned(),
        },
        href: None,
    };
    sums.iter().map(share).collect()
}

/// The page.
pub(crate) async fn page(
    State(pages): State<Pages>,
    visitor: LoggedIn,
    Query(asked): Query<Asked>,
) -> Result<Response, Oops> {
    let f = reply::frame(&pages, &visitor, Menu::Costs, visitor.t("nav-costs")).await?;
    let (since, costs) = asked.read(&pages, &visitor).await?;
    let repositories = pages.control.repositories().await.map_err(|error| Oops::of(&visitor, error))?;
    let say = &f.say;
    let each = match costs.per_landed_usd {
        Some(usd) => cost(&UsageView { cost_usd: Some(usd), ..costs.spent.clone() }, say),
        None => Html("<span class=\"cost dim\">–</span>".to_owned()),
    };
    let unknown = say.t("unknown");
    let named = |name: &str| if name.is_empty() { unknown.clone() } else { name.to_owned() };
    let by_day = by_day(since, &costs);
    let dearest: Vec<_> = costs.tasks.iter().map(|task| (task.id.clone(), task.usage.clone())).collect();
    let mut tasks = shares(&dearest, say, str::to_owned);
    for (share, task) in tasks.iter_mut().zip(&costs.tasks) {
        share.href = Some(format!("{}{}", visitor.base, address(&task.repository, &task.id)));
    }
    let stages = shares(&costs.by(|row| &row.stage), say, |stage| marks::place(stage, say));
    let agents = shares(&costs.by(|row| &row.agent), say, named);
    let models = shares(&costs.by(|row| &row.model), say, named);
    let shops = shares(&costs.by(|row| &row.repository), say, str::to_owned);
    let query = format!("days={}&repo={}", asked.days(), segment(&asked.repo));
    Ok(shown(&CostsPage {
        spent: cost(&costs.spent, say),
        landed: costs.landed,
        each,
        runs: costs.spent.runs,
        silent: u64::from(costs.spent.unknown_runs),
        chart: chart(&by_day, say),
        days: by_day.iter().rev().map(|(day, used)| (day_name(*day, say), cost(used, say))).collect(),
        spans: SPANS.iter().map(|days| (*days, *days == asked.days())).collect(),
        groups: vec![
            CostGroup { key: "stages", head: say.t("costs-by-stage"), shares: stages },
            CostGroup { key: "agents", head: say.t("costs-by-agent"), shares: agents },
            CostGroup { key: "models", head: say.t("costs-by-model"), shares: models },
            CostGroup { key: "places", head: say.t("costs-by-repository"), shares: shops },
            CostGroup { key: "tasks", head: say.t("costs-dearest"), shares: tasks },
        ],
        csv: format!("{}/costs.csv?{query}", visitor.base),
        json: format!("{}/costs.json?{query}", visitor.base),
        repositories: repositories.iter().map(|repository| repository.id.to_string()).collect(),
        asked,
        f,
    }))
}

/// Every day with what was spent in it, the first one first.
fn by_day(since: Timestamp, costs: &CostsView) -> Vec<(Timestamp, UsageView)> {
    let sums = costs.by(|row| &row.day);
    let day = |at: u32| {
        let start = Timestamp(since.0 + i64::from(at) * DAY_MS);
        let spelled = day_of(start);
        let sum = sums.iter().find(|(day, _)| *day == spelled).map(|(_, sum)| sum.clone());
        (start, sum.unwrap_or_default())
    };
    (0..costs.days).map(day).collect()
}

/// Days are days of UTC, in whatever zone they are read.
fn day_name(day: Timestamp, say: &Voice) -> String {
    Voice::new(say.language, None).day(day)
}

/// A bar for each day, with its figure where there is room; the table beside it says the same.
fn chart(days: &[(Timestamp, UsageView)], say: &Voice) -> Html {
    const WIDTH: f64 = 860.0;
    const HEIGHT: f64 = 150.0;
    let most = days.iter().filter_map(|(_, used)| used.cost_usd).fold(0.0, f64::max);
    let label = escaped(&say.t("costs-chart"));
    let mut out = format!("<svg class=\"chart\" viewBox=\"0 0 {WIDTH} 190\" role=\"img\" aria-label=\"{label}\">");
    let step = WIDTH / days.len().max(1) as f64;
    let every = (days.len() / 14).max(1);
    // Writing into a string cannot fail.
    let _ = write!(out, "<path class=\"grid\" d=\"M0 {:.1}H{WIDTH}\"/>", HEIGHT + 16.0);
    for (at, (day, used)) in days.iter().enumerate() {
        let tall = if most > 0.0 { used.cost_usd.unwrap_or(0.0) / most * HEIGHT } else { 0.0 };
        let (x, y) = (at as f64 * step + step * 0.15, 16.0 + HEIGHT - tall);
        let money = used.cost_usd.map(|usd| say.money((usd * 1e6).round() as u64)).unwrap_or_default();
        let name = day_name(*day, say);
        let _ = write!(
            out,
            "<rect class=\"s3\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{tall:.1}\" rx=\"2\"><title>{name}: {}</title></rect>",
            step * 0.7,
            escaped(&money),
        );
        let middle = at as f64 * step + step / 2.0;
        if at % every == 0 {
            let short = name.rsplit_once(' ').map_or(name.as_str(), |(day, _)| day);
            let _ = write!(out, "<text x=\"{middle:.1}\" y=\"184\" text-anchor=\"middle\">{short}</text>");
            if tall > 0.0 {
                let _ = write!(
                    out,
                    "<text class=\"cap\" x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                    y - 4.0,
                    escaped(&money)
                );
            }
        }
    }
    out.push_str("</svg>");
    Html(out)
}

/// The same as CSV.
pub(crate) async fn csv(
    State(pages): State<Pages>,
    visitor: LoggedIn,
    Query(asked): Query<Asked>,
) -> Result<Response, Oops> {
    Ok(file(asked.read(&pages, &visitor).await?.1.csv(), "text/csv; charset=utf-8"))
}

/// The same as JSON, as the API has it.
pub(crate) async fn json(
    State(pages): State<Pages>,
    visitor: LoggedIn,
    Query(asked): Query<Asked>,
) -> Result<Response, Oops> {
    Ok(Json(asked.read(&pages, &visitor).await?.1).into_response())
}

fn file(text: String, kind: &'static str) -> Response {
    let mut response = text.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
