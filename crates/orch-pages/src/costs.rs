//! What runs cost: by day, by stage, by model, by repository. What did not say its cost is counted, never guessed.

use std::collections::BTreeMap;
use std::fmt::Write;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use orch_ports::lists::{Spent, SpentFilter};
use orch_rules::ids::{RepositoryId, Timestamp};
use orch_web::view::UsageView;
use serde::Deserialize;

use crate::Pages;
use crate::door::LoggedIn;
use crate::frame::{Frame, Menu};
use crate::marks;
use crate::parts::{address, cost, segment};
use crate::reply::{self, Oops, page as shown};
use crate::say::{Html, Voice, escaped};

/// Milliseconds of a day; days of money are days of UTC.
const DAY_MS: i64 = 86_400_000;
/// Most days that are looked at.
const MOST_DAYS: i64 = 366;
/// Days that are looked at if nobody says.
const USUAL_DAYS: i64 = 14;

/// Days that may be chosen.
const SPANS: [i64; 6] = [1, 7, 14, 30, 90, 365];

/// Which part.
#[derive(Debug, Deserialize, Default, Clone)]
pub(crate) struct Asked {
    days: Option<i64>,
    #[serde(default)]
    repo: String,
}

impl Asked {
    fn days(&self) -> i64 {
        self.days.unwrap_or(USUAL_DAYS).clamp(1, MOST_DAYS)
    }

    fn filter(&self, now: Timestamp) -> SpentFilter {
        let first_day = now.0.div_euclid(DAY_MS) - self.days() + 1;
        SpentFilter {
            since: Timestamp(first_day * DAY_MS),
            repository: Some(self.repo.trim())
                .filter(|repo| !repo.is_empty())
                .map(|repo| RepositoryId(repo.to_owned())),
        }
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
    runs: u64,
    silent: u64,
    chart: Html,
    days: Vec<(String, Html)>,
    spans: Vec<(i64, bool)>,
    groups: Vec<CostGroup>,
    csv: String,
    json: String,
}

/// Adds up.
fn sum<'s>(rows: impl Iterator<Item = &'s Spent>) -> UsageView {
    let mut sum = UsageView::default();
    for row in rows {
        sum.runs = sum.runs.saturating_add(u32::try_from(row.runs).unwrap_or(u32::MAX));
        sum.unknown_runs = sum.unknown_runs.saturating_add(u32::try_from(row.silent).unwrap_or(u32::MAX));
        if let Some(micros) = row.micros {
            sum.cost_usd = Some(sum.cost_usd.unwrap_or(0.0) + micros as f64 / 1e6);
        }
    }
    sum
}

/// Rows with one thing in common, the dearest first.
fn shares(
    rows: &[Spent],
    say: &Voice,
    of: impl Fn(&Spent) -> String,
    name: impl Fn(&str) -> String,
) -> Vec<SharedCost> {
    let mut groups: BTreeMap<String, Vec<&Spent>> = BTreeMap::new();
    for row in rows {
        groups.entry(of(row)).or_default().push(row);
    }
    let mut sums: Vec<_> = groups.into_iter().map(|(key, rows)| (key, sum(rows.into_iter()))).collect();
    sums.sort_by(|(_, one), (_, other)| other.cost_usd.unwrap_or(0.0).total_cmp(&one.cost_usd.unwrap_or(0.0)));
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
    let failed = |error| Oops::of(&visitor, error);
    let f = reply::frame(&pages, &visitor, Menu::Costs, visitor.t("nav-costs")).await?;
    let spent = pages.control.spent(&asked.filter(f.now)).await.map_err(failed)?;
    let repositories = pages.control.repositories().await.map_err(failed)?;
    let (say, rows) = (&f.say, &spent.rows);
    let all = sum(rows.iter());
    let each = match (all.cost_usd, spent.landed) {
        (Some(usd), 1..) => {
            let one = UsageView { cost_usd: Some(usd / spent.landed as f64), ..all.clone() };
            cost(&one, say)
        }
        _ => Html("<span class=\"cost dim\">–</span>".to_owned()),
    };
    let unknown = say.t("unknown");
    let first_day = asked.filter(f.now).since.0.div_euclid(DAY_MS);
    let by_day: Vec<(i64, UsageView)> = (0..asked.days())
        .map(|at| (first_day + at, sum(rows.iter().filter(|row| row.day == first_day + at))))
        .collect();
    let mut tasks = shares(&spent.dearest, say, |row| format!("{}/{}", row.repository, row.task), str::to_owned);
    for task in &mut tasks {
        if let Some((repository, id)) = task.name.clone().split_once('/') {
            (task.href, task.name) = (Some(format!("{}{}", visitor.base, address(repository, id))), id.to_owned());
        }
    }
    let stages = shares(rows, say, |row| row.stage.clone(), |stage| marks::place(stage, say));
    let shops = shares(rows, say, |row| row.repository.clone(), str::to_owned);
    let models = shares(
        rows,
        say,
        |row| row.model.clone(),
        |model| if model.is_empty() { unknown.clone() } else { model.to_owned() },
    );
    let query = format!("days={}&repo={}", asked.days(), segment(&asked.repo));
    Ok(shown(&CostsPage {
        spent: cost(&all, say),
        landed: spent.landed,
        each,
        runs: u64::from(all.runs),
        silent: u64::from(all.unknown_runs),
        chart: chart(&by_day, say),
        days: by_day.iter().rev().map(|(day, used)| (day_name(*day, say), cost(used, say))).collect(),
        spans: SPANS.iter().map(|days| (*days, *days == asked.days())).collect(),
        groups: vec![
            CostGroup { key: "stages", head: say.t("costs-by-stage"), shares: stages },
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

/// Days are days of UTC, in whatever zone they are read.
fn day_name(day: i64, say: &Voice) -> String {
    Voice::new(say.language, None).day(Timestamp(day * DAY_MS))
}

/// A bar for each day, with its figure where there is room; the table beside it says the same.
fn chart(days: &[(i64, UsageView)], say: &Voice) -> Html {
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
    let spent = read(&pages, &visitor, &asked).await?;
    let mut out = String::from("day,repository,stage,model,runs,silent_runs,cost_usd,input_tokens,output_tokens\n");
    for row in &spent {
        let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        let usd = row.micros.map(|micros| format!("{:.6}", micros as f64 / 1e6)).unwrap_or_default();
        let fields = [
            day(row.day),
            quoted(&row.repository),
            quoted(&row.stage),
            quoted(&row.model),
            row.runs.to_string(),
            row.silent.to_string(),
            usd,
            number(row.input),
            number(row.output),
        ];
        out.push_str(&fields.join(","));
        out.push('\n');
    }
    Ok(file(out, "text/csv; charset=utf-8"))
}

/// The same as JSON.
pub(crate) async fn json(
    State(pages): State<Pages>,
    visitor: LoggedIn,
    Query(asked): Query<Asked>,
) -> Result<Response, Oops> {
    let spent = read(&pages, &visitor, &asked).await?;
    let rows: Vec<_> = spent
        .iter()
        .map(|row| {
            serde_json::json!({
                "day": day(row.day), "repository": row.repository, "stage": row.stage, "model": row.model,
                "runs": row.runs, "silent_runs": row.silent,
                "cost_usd": row.micros.map(|micros| micros as f64 / 1e6),
                "input_tokens": row.input, "output_tokens": row.output,
            })
        })
        .collect();
    Ok(file(serde_json::Value::from(rows).to_string(), "application/json"))
}

async fn read(pages: &Pages, visitor: &LoggedIn, asked: &Asked) -> Result<Vec<Spent>, Oops> {
    let filter = asked.filter(crate::frame::now());
    Ok(pages.control.spent(&filter).await.map_err(|error| Oops::of(visitor, error))?.rows)
}

/// `2026-11-30`.
fn day(day: i64) -> String {
    orch_text::rfc3339(Timestamp(day * DAY_MS)).chars().take(10).collect()
}

/// A field that no program takes for a formula, whatever a model calls itself.
fn quoted(text: &str) -> String {
    let begins = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    format!("\"{}{}\"", if begins { "'" } else { "" }, text.replace('"', "\"\""))
}

fn file(text: String, kind: &'static str) -> Response {
    let mut response = text.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_no_formula() {
        for (text, field) in [("a\"b", "\"a\"\"b\""), ("=1+1", "\"'=1+1\""), ("@x", "\"'@x\""), ("", "\"\"")] {
            assert_eq!(quoted(text), field);
        }
        assert_eq!(day(20_787), "2026-11-30");
    }
}
