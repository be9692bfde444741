//! What agents used, added up without pretending.

use orch_rules::attempt::Usage;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Tokens and money of one or more runs. A figure no run reported is absent; if only some reported it, it is what
/// these add up to, and `unknown_runs` says how many more there were.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsageView {
    /// Runs that are added up.
    pub runs: u32,
    /// Of these, runs that reported neither tokens nor cost, or not all of both: the truth is more than the sums.
    pub unknown_runs: u32,
    /// Full input, the cached part included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Of these, read from a cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u64>,
    /// Output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Models as the agents reported them, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
}

impl UsageView {
    /// Adds up the runs; `None` stands for a run of which nothing is known.
    pub fn of<'a>(runs: impl IntoIterator<Item = Option<&'a Usage>>) -> Self {
        let mut sum = Self::default();
        let mut micros = None;
        for run in runs {
            sum.runs += 1;
            let Some(usage) = run else {
                sum.unknown_runs += 1;
                continue;
            };
            if usage.input_tokens.is_none() || usage.output_tokens.is_none() || usage.cost_micros.is_none() {
                sum.unknown_runs += 1;
            }
            add(&mut sum.input_tokens, usage.input_tokens);
            add(&mut sum.cached_tokens, usage.cached_tokens);
            add(&mut sum.output_tokens, usage.output_tokens);
            add(&mut micros, usage.cost_micros);
            if let Some(model) = usage.model.as_ref().filter(|model| !sum.models.contains(model)) {
                sum.models.push(model.clone());
            }
        }
        sum.cost_usd = micros.map(|micros: u64| micros as f64 / 1e6);
        sum
    }
}

pub(super) fn add(sum: &mut Option<u64>, more: Option<u64>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or(0).saturating_add(more));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_reported_is_absent_and_never_zero() {
        let nothing = Usage::default();
        let json = serde_json::to_value(UsageView::of([None, Some(&nothing)])).unwrap();
        assert_eq!(json, serde_json::json!({"runs": 2, "unknown_runs": 2}));
    }

    #[test]
    fn a_sum_with_a_gap_says_so() {
        let known = Usage {
            input_tokens: Some(45_200),
            cached_tokens: Some(38_000),
            output_tokens: Some(0),
            cost_micros: Some(210_000),
            model: Some("m".to_owned()),
            ..Usage::default()
        };
        let sum = UsageView::of([Some(&known), None, Some(&known)]);
        assert_eq!((sum.runs, sum.unknown_runs), (3, 1));
        assert_eq!((sum.input_tokens, sum.cached_tokens, sum.output_tokens), (Some(90_400), Some(76_000), Some(0)));
        assert_eq!(sum.cost_usd, Some(0.42));
        assert_eq!(sum.models, ["m"]);
    }
}
