//! What runs cost, by what they have in common.

use std::collections::BTreeMap;
use std::fmt::Write;

use orch_ports::lists::{Costs, Spent};
use orch_rules::budget::DAY_MS;
use orch_rules::forecast::Forecast;
use orch_rules::ids::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{UsageView, rfc3339};

/// What runs cost since a day began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CostsView {
    /// The first day that counts; days are days of UTC.
    pub since: String,
    /// How many days, today included.
    pub days: u32,
    /// All together, what came to nothing included.
    pub spent: UsageView,
    /// Tasks that landed in this time.
    pub landed: u64,
    /// US dollars for each that landed, what came to nothing included; absent if nothing landed or no run told its cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_landed_usd: Option<f64>,
    /// By day, repository, stage, agent and model.
    pub rows: Vec<CostView>,
    /// The dearest tasks.
    pub tasks: Vec<TaskCostView>,
}

/// What runs of one day cost that have everything else in common, too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CostView {
    /// `2026-11-30`
    pub day: String,
    /// Of which repository.
    pub repository: String,
    /// At which stage.
    pub stage: String,
    /// By which kind of agent; empty if that was not recorded.
    pub agent: String,
    /// By which model; empty if no run said so.
    pub model: String,
    /// How much.
    pub usage: UsageView,
}

/// What the runs of a task cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskCostView {
    /// Of which repository.
    pub repository: String,
    /// `PREFIX-NNN`
    pub id: String,
    /// How much.
    pub usage: UsageView,
}

/// What the stages behind an approval cost those that landed before, in US dollars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ForecastView {
    /// Half of them cost at most so much.
    pub median_usd: f64,
    /// The cheapest.
    pub least_usd: f64,
    /// The dearest.
    pub most_usd: f64,
    /// How many landed tasks say so.
    pub tasks: usize,
}

impl From<&Forecast> for ForecastView {
    fn from(forecast: &Forecast) -> Self {
        Self {
            median_usd: usd(forecast.median_micros),
            least_usd: usd(forecast.least_micros),
            most_usd: usd(forecast.most_micros),
            tasks: forecast.tasks,
        }
    }
}

impl CostsView {
    /// Of what the store added up since a day began.
    pub fn of(since: Timestamp, days: u32, costs: &Costs) -> Self {
        let rows: Vec<CostView> = costs.rows.iter().map(CostView::from).collect();
        let spent = added(rows.iter().map(|row| &row.usage));
        let per_landed_usd = spent.cost_usd.filter(|_| costs.landed > 0).map(|usd| usd / costs.landed as f64);
        let task = |row: &Spent| TaskCostView {
            repository: row.repository.clone(),
            id: row.task.clone(),
            usage: UsageView::from(row),
        };
        Self {
            since: day_of(since),
            days,
            spent,
            landed: costs.landed,
            per_landed_usd,
            tasks: costs.dearest.iter().map(task).collect(),
            rows,
        }
    }

    /// What rows with one thing in common cost together, the dearest first; those of which nothing is known come last.
    pub fn by(&self, of: impl Fn(&CostView) -> &str) -> Vec<(String, UsageView)> {
        let mut groups: BTreeMap<&str, Vec<&UsageView>> = BTreeMap::new();
        for row in &self.rows {
            groups.entry(of(row)).or_default().push(&row.usage);
        }
        let mut sums: Vec<_> =
            groups.into_iter().map(|(key, usages)| (key.to_owned(), added(usages.into_iter()))).collect();
        sums.sort_by(|(_, one), (_, other)| other.cost_usd.unwrap_or(-1.0).total_cmp(&one.cost_usd.unwrap_or(-1.0)));
        sums
    }

    /// The rows as CSV, with a first line that names the columns. What is not known is empty.
    pub fn csv(&self) -> String {
        let mut out =
            String::from("day,repository,stage,agent,model,runs,unknown_runs,cost_usd,input_tokens,output_tokens\n");
        let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        for CostView { day, repository, stage, agent, model, usage } in &self.rows {
            let names = [repository, stage, agent, model].map(|name| quoted(name)).join(",");
            let usd = usage.cost_usd.map(|usd| format!("{usd:.6}")).unwrap_or_default();
            let (input, output) = (number(usage.input_tokens), number(usage.output_tokens));
            let (runs, unknown) = (usage.runs, usage.unknown_runs);
            // Writing into a string cannot fail.
            let _ = writeln!(out, "{day},{names},{runs},{unknown},{usd},{input},{output}");
        }
        out
    }
}

impl From<&Spent> for CostView {
    fn from(row: &Spent) -> Self {
        Self {
            day: day_of(Timestamp(row.day.saturating_mul(DAY_MS))),
            repository: row.repository.clone(),
            stage: row.stage.clone(),
            agent: row.agent.clone(),
            model: row.model.clone(),
            usage: UsageView::from(row),
        }
    }
}

impl From<&Spent> for UsageView {
    fn from(row: &Spent) -> Self {
        let count = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            runs: count(row.runs),
            unknown_runs: count(row.silent),
            input_tokens: row.input,
            output_tokens: row.output,
            cost_usd: row.micros.map(usd),
            ..Self::default()
        }
    }
}

fn added<'a>(usages: impl Iterator<Item = &'a UsageView>) -> UsageView {
    let mut sum = UsageView::default();
    // Millionths, so that many small sums lose nothing.
    let mut micros: Option<u64> = None;
    for usage in usages {
        sum.runs = sum.runs.saturating_add(usage.runs);
        sum.unknown_runs = sum.unknown_runs.saturating_add(usage.unknown_runs);
        super::usage::add(&mut sum.input_tokens, usage.input_tokens);
        super::usage::add(&mut sum.output_tokens, usage.output_tokens);
        super::usage::add(&mut micros, usage.cost_usd.map(|usd| (usd * 1e6).round() as u64));
    }
    UsageView { cost_usd: micros.map(usd), ..sum }
}

fn usd(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// The day of UTC that a moment is in: `2026-11-30`.
pub fn day_of(moment: Timestamp) -> String {
    rfc3339(moment).chars().take(10).collect()
}

/// A field that no program takes for a formula, whatever a model calls itself.
fn quoted(text: &str) -> String {
    let begins = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    format!("\"{}{}\"", if begins { "'" } else { "" }, text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_no_formula() {
        for (text, field) in [("a\"b", "\"a\"\"b\""), ("=1+1", "\"'=1+1\""), ("@x", "\"'@x\""), ("", "\"\"")] {
            assert_eq!(quoted(text), field);
        }
        assert_eq!(day_of(Timestamp(20_787 * DAY_MS + 7)), "2026-11-30");
    }

    #[test]
    fn sums_are_exact_and_unknown_is_no_zero() {
        let row = |day, stage: &str, micros: Option<u64>, silent| Spent {
            day,
            repository: "shop".to_owned(),
            stage: stage.to_owned(),
            runs: 1,
            silent,
            micros,
            ..Spent::default()
        };
        let rows = (0..3_000).map(|day| row(day, "make", Some(1), 0)).chain([row(9, "judge", None, 1)]).collect();
        let costs = Costs { rows, dearest: Vec::new(), landed: 2 };
        let view = CostsView::of(Timestamp(0), 9, &costs);
        assert_eq!((view.spent.cost_usd, view.spent.runs, view.spent.unknown_runs), (Some(0.003), 3_001, 1));
        assert_eq!(view.per_landed_usd, Some(0.0015));
        let stages: Vec<_> = view.by(|row| &row.stage).into_iter().map(|(name, sum)| (name, sum.cost_usd)).collect();
        assert_eq!(stages, [("make".to_owned(), Some(0.003)), ("judge".to_owned(), None)]);
        assert!(view.csv().ends_with("1970-01-10,\"shop\",\"judge\",\"\",\"\",1,1,,,\n"), "{}", view.csv());
    }
}
