//! `orch costs`.

use clap::{Args, ValueEnum};
use orch_web::view::{CostsView, UsageView};

use super::text::{clean, counted, fit, money, pad, width};
use crate::client::{Caller, encoded};
use crate::exit::Failure;
use crate::screen::{Screen, Style};

/// Columns of the longest bar.
const BAR: usize = 24;

/// Show what runs cost: by day, stage, agent, model, repository, and the dearest tasks.
///
/// Days are days of UTC. A run that did not tell its cost is counted and never taken for free; the sum is then what the
/// others cost at least. What came to nothing is in every sum, and in what a landed task cost.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  orch costs\n  orch costs --days 1 --by task\n  orch costs --by model --repo shop\n  \
                  orch costs --days 30 --csv > costs.csv\n  orch costs --json | jq .per_landed_usd"
)]
pub struct CostsArgs {
    /// Of the last so many days, today included
    #[arg(long, value_name = "N", default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=366))]
    pub days: u32,
    /// Only this repository
    #[arg(long, value_name = "REPO")]
    pub repo: Option<String>,
    /// Only by this; by stage, agent, model and task if left out
    #[arg(long, value_enum)]
    pub by: Option<By>,
    /// As CSV: a line for each day, repository, stage, agent and model
    #[arg(long, conflicts_with = "by")]
    pub csv: bool,
}

/// What costs are added up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Each day
    Day,
    /// Each stage
    Stage,
    /// Each kind of agent
    Agent,
    /// Each model
    Model,
    /// Each repository
    Repository,
    /// Each task, the dearest first
    Task,
}

impl By {
    fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Stage => "stage",
            Self::Agent => "agent",
            Self::Model => "model",
            Self::Repository => "repository",
            Self::Task => "task",
        }
    }

    fn sums(self, costs: &CostsView) -> Vec<(String, UsageView)> {
        match self {
            Self::Day => {
                let mut days = costs.by(|row| &row.day);
                days.sort_by(|(one, _), (other, _)| one.cmp(other));
                days
            }
            Self::Stage => costs.by(|row| &row.stage),
            Self::Agent => costs.by(|row| &row.agent),
            Self::Model => costs.by(|row| &row.model),
            Self::Repository => costs.by(|row| &row.repository),
            Self::Task => costs.tasks.iter().map(|task| (task.id.clone(), task.usage.clone())).collect(),
        }
    }
}

/// Runs it.
///
/// # Errors
/// If the service does not answer, or knows no such repository.
pub fn run(args: &CostsArgs, caller: &Caller, screen: &Screen) -> Result<(), Failure> {
    let repository = args.repo.as_deref().map(|repo| format!("&repository={}", encoded(repo))).unwrap_or_default();
    let tasks = if args.by == Some(By::Task) { 1_000 } else { 10 };
    let costs: CostsView = caller.read(&format!("/api/v1/costs?days={}&tasks={tasks}{repository}", args.days))?;
    if args.csv {
        costs.csv().lines().for_each(|line| screen.line(line));
        return Ok(());
    }
    screen.json(&costs);
    for line in lines(&costs, args.by, screen) {
        screen.line(&line);
    }
    Ok(())
}

/// The figures for people.
pub fn lines(costs: &CostsView, by: Option<By>, screen: &Screen) -> Vec<String> {
    let span = if costs.days == 1 { "today".to_owned() } else { format!("{} days", costs.days) };
    if costs.spent.runs == 0 {
        return vec![format!("{span}: no agent ran")];
    }
    let spent = screen.styled(Style::Strong, &sum(&costs.spent));
    let mut lines = vec![format!("{span}: {spent} for {}", counted(costs.spent.runs, "run"))];
    lines[0] += &match costs.per_landed_usd {
        Some(each) => format!(" · {} landed, {} each", counted(costs.landed, "task"), money(each)),
        None => format!(" · {} landed", counted(costs.landed, "task")),
    };
    if costs.spent.unknown_runs > 0 {
        let text = format!("{} did not tell the cost", counted(costs.spent.unknown_runs, "run"));
        lines.push(screen.styled(Style::Attention, &text));
    }
    let usual = [By::Stage, By::Agent, By::Model, By::Task];
    for by in by.as_ref().map_or(usual.as_slice(), std::slice::from_ref) {
        lines.push(String::new());
        lines.push(screen.styled(Style::Strong, &format!("by {}", by.name())));
        lines.extend(table(&by.sums(costs), screen));
    }
    lines
}

fn table(sums: &[(String, UsageView)], screen: &Screen) -> Vec<String> {
    let names: Vec<String> = sums
        .iter()
        .map(|(name, _)| if name.is_empty() { "unknown".to_owned() } else { fit(&clean(name), 40) })
        .collect();
    let figures: Vec<String> = sums.iter().map(|(_, usage)| sum(usage)).collect();
    let most = sums.iter().filter_map(|(_, usage)| usage.cost_usd).fold(0.0, f64::max);
    let wide = |texts: &[String]| texts.iter().map(|text| width(text)).max().unwrap_or(0);
    let (left, right) = (wide(&names), wide(&figures));
    let line = |((name, figure), (_, usage)): ((&String, &String), &(String, UsageView))| {
        let share = usage.cost_usd.filter(|_| most > 0.0).map_or(0.0, |usd| usd / most * BAR as f64);
        let bar = screen.styled(Style::Faint, &pad(&"▇".repeat(share.round() as usize), BAR));
        let figure = format!("{}{figure}", " ".repeat(right - width(figure)));
        fit(&format!("  {}  {figure}  {bar}  {}", pad(name, left), counted(usage.runs, "run")), screen.width())
    };
    names.iter().zip(&figures).zip(sums).map(line).collect()
}

/// Money that is known; `≥` where some is not.
fn sum(usage: &UsageView) -> String {
    match (usage.cost_usd, usage.unknown_runs) {
        (None, _) => "unknown".to_owned(),
        (Some(usd), 0) => money(usd),
        (Some(usd), _) => format!("≥ {}", money(usd)),
    }
}

#[cfg(test)]
mod tests {
    use orch_web::view::{CostView, TaskCostView};

    use super::*;

    #[test]
    fn sums_and_what_is_not_known() {
        let usage = |cost_usd, runs, unknown_runs| UsageView { runs, unknown_runs, cost_usd, ..UsageView::default() };
        let row = |stage: &str, agent: &str, usage| CostView {
            day: "2026-11-30".to_owned(),
            repository: "shop".to_owned(),
            stage: stage.to_owned(),
            agent: agent.to_owned(),
            model: String::new(),
            usage,
        };
        let costs = CostsView {
            since: "2026-11-17".to_owned(),
            days: 14,
            spent: usage(Some(8.0), 5, 1),
            landed: 2,
            per_landed_usd: Some(4.0),
            rows: vec![
                row("brief", "codex", usage(Some(2.0), 2, 0)),
                row("build", "", usage(Some(6.0), 2, 0)),
                row("review", "", usage(None, 1, 1)),
            ],
            tasks: vec![TaskCostView {
                repository: "shop".to_owned(),
                id: "SHOP-001".to_owned(),
                usage: usage(Some(8.0), 5, 1),
            }],
        };
        let screen = super::super::tests::plain("100");
        let bar = |share: usize| pad(&"▇".repeat(share), BAR);
        let expected = format!(
            "14 days: ≥ $8.00 for 5 runs · 2 tasks landed, $4.00 each\n1 run did not tell the cost\n\nby stage\n  \
             build     $6.00  {}  2 runs\n  brief     $2.00  {}  2 runs\n  review  unknown  {}  1 run",
            bar(24),
            bar(8),
            bar(0)
        );
        assert_eq!(lines(&costs, Some(By::Stage), &screen).join("\n"), expected);
        assert_eq!(lines(&costs, Some(By::Agent), &screen)[4], format!("  unknown  ≥ $6.00  {}  3 runs", bar(24)));
        assert_eq!(lines(&costs, Some(By::Task), &screen)[4], format!("  SHOP-001  ≥ $8.00  {}  5 runs", bar(24)));
        let nothing = CostsView { spent: UsageView::default(), days: 1, ..costs };
        assert_eq!(lines(&nothing, None, &screen), ["today: no agent ran"]);
    }
}
