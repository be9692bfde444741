//! What an approval lets begin usually costs: said from what has landed before, never guessed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{StageId, TaskId};
use crate::pipeline::Pipeline;

/// Tasks that have to have landed before anything is said of the next one.
const FEWEST: usize = 3;

/// What the runs of one landed task cost at one stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LandedCost {
    /// Which task.
    pub task: TaskId,
    /// Which stage.
    pub stage: StageId,
    /// Millionths of a US dollar of the runs that told their cost.
    pub micros: u64,
    /// Runs that did not tell it.
    pub silent: u64,
}

/// What comparable work cost, in millionths of a US dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// Half of the tasks cost at most so much.
    pub median_micros: u64,
    /// The cheapest of them.
    pub least_micros: u64,
    /// The dearest of them.
    pub most_micros: u64,
    /// How many landed tasks say so.
    pub tasks: usize,
}

/// What the stages behind `stage` cost those that landed. A task of which a run there told no cost says nothing, and
/// neither does one of which no cost is kept; `None` where too few are left.
pub fn forecast(pipeline: &Pipeline, stage: &StageId, landed: &[LandedCost]) -> Option<Forecast> {
    let at = pipeline.stages.iter().position(|one| one.id == *stage)?;
    let ahead: Vec<&StageId> = pipeline.stages.iter().skip(at + 1).map(|one| &one.id).collect();
    let mut tasks: BTreeMap<&TaskId, Option<u64>> = BTreeMap::new();
    for cost in landed {
        let sum = tasks.entry(&cost.task).or_insert(Some(0));
        if ahead.contains(&&cost.stage) {
            *sum = sum.filter(|_| cost.silent == 0).map(|sum| sum.saturating_add(cost.micros));
        }
    }
    let mut sums: Vec<u64> = tasks.into_values().flatten().collect();
    sums.sort_unstable();
    match sums.as_slice() {
        [least, .., most] if sums.len() >= FEWEST => Some(Forecast {
            median_micros: sums[sums.len() / 2],
            least_micros: *least,
            most_micros: *most,
            tasks: sums.len(),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::default_pipeline;

    fn cost(task: &str, stage: &str, micros: u64, silent: u64) -> LandedCost {
        LandedCost { task: task.into(), stage: stage.into(), micros, silent }
    }

    #[test]
    fn only_what_is_ahead_counts_and_only_of_those_that_told_it() {
        let pipeline = default_pipeline();
        let ids: Vec<&str> = pipeline.stages.iter().map(|stage| stage.id.as_str()).collect();
        let (first, second, third) = (ids[0], ids[1], ids[2]);
        let landed = [
            cost("a", first, 900, 0),
            cost("a", second, 10, 0),
            cost("a", third, 5, 0),
            cost("b", second, 30, 0),
            // What was not told before the approval is no matter, behind it everything is.
            cost("c", first, 0, 2),
            cost("c", second, 20, 0),
            cost("d", second, 1, 0),
            cost("d", third, 1, 1),
            cost("e", "of another line", 7, 0),
        ];
        let told = forecast(&pipeline, &first.into(), &landed).unwrap();
        assert_eq!(told, Forecast { median_micros: 20, least_micros: 0, most_micros: 30, tasks: 4 });
        assert_eq!(forecast(&pipeline, &first.into(), &landed[..4]), None);
        assert_eq!(forecast(&pipeline, &"nowhere".into(), &landed), None);
    }
}
