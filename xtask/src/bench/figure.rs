//! One measured figure, its goal, and how both are shown.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One measured figure. Also the line a crate's `examples/bench.rs` prints.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Figure {
    /// Its name, unique in the project: `ready_empty`.
    pub name: String,
    /// What was measured, in `unit`.
    pub value: f64,
    /// `ms`, `MB`, `1/s`, `count`.
    pub unit: String,
    /// The same work done barely, in the same unit and the same run; the ratio is to it.
    #[serde(default)]
    pub baseline: Option<f64>,
    /// What it should be; all of them.
    #[serde(default)]
    pub goals: Vec<Goal>,
}

/// A bound on a figure.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// The value is no more.
    ValueAtMost(f64),
    /// The value is no less.
    ValueAtLeast(f64),
    /// Value over baseline is no more.
    RatioAtMost(f64),
    /// Value over baseline is no less.
    RatioAtLeast(f64),
}

impl fmt::Display for Goal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ValueAtMost(bound) => write!(out, "value <= {bound}"),
            Self::ValueAtLeast(bound) => write!(out, "value >= {bound}"),
            Self::RatioAtMost(bound) => write!(out, "ratio <= {bound}"),
            Self::RatioAtLeast(bound) => write!(out, "ratio >= {bound}"),
        }
    }
}

/// The frozen shape of a line of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    value: f64,
    unit: &'a str,
    baseline: Option<f64>,
    ratio: Option<f64>,
    goal: Option<String>,
    met: Option<bool>,
}

impl Figure {
    /// A figure with one bound and no baseline.
    pub fn new(name: &str, value: f64, unit: &str, goal: Goal) -> Self {
        Self { name: name.to_owned(), value, unit: unit.to_owned(), baseline: None, goals: vec![goal] }
    }

    /// Value over baseline; `None` without a baseline, or with one of zero.
    pub fn ratio(&self) -> Option<f64> {
        self.baseline.filter(|baseline| *baseline != 0.0).map(|baseline| self.value / baseline)
    }

    /// Whether all goals are met; `None` if there is none.
    pub fn met(&self) -> Option<bool> {
        (!self.goals.is_empty()).then(|| {
            self.goals.iter().all(|goal| match *goal {
                Goal::ValueAtMost(bound) => self.value <= bound,
                Goal::ValueAtLeast(bound) => self.value >= bound,
                Goal::RatioAtMost(bound) => self.ratio().is_some_and(|ratio| ratio <= bound),
                Goal::RatioAtLeast(bound) => self.ratio().is_some_and(|ratio| ratio >= bound),
            })
        })
    }

    fn goal(&self) -> Option<String> {
        (!self.goals.is_empty()).then(|| self.goals.iter().map(Goal::to_string).collect::<Vec<_>>().join(" and "))
    }

    /// The line of `--json`.
    pub fn json(&self) -> String {
        let line = Line {
            name: &self.name,
            value: rounded(self.value),
            unit: &self.unit,
            baseline: self.baseline.map(rounded),
            ratio: self.ratio().map(rounded),
            goal: self.goal(),
            met: self.met(),
        };
        serde_json::to_string(&line).expect("a flat object of words and numbers always has a text")
    }
}

/// Three decimals: no measurement here is truer than that.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// A table for people.
pub fn table(figures: &[Figure]) -> String {
    let head = ["name", "value", "unit", "baseline", "ratio", "goal", "met"].map(str::to_owned);
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| rounded(value).to_string());
    let mut rows = vec![head];
    rows.extend(figures.iter().map(|figure| {
        [
            figure.name.clone(),
            number(Some(figure.value)),
            figure.unit.clone(),
            number(figure.baseline),
            number(figure.ratio()),
            figure.goal().unwrap_or_else(|| "-".to_owned()),
            figure.met().map_or("-", |met| if met { "yes" } else { "NO" }).to_owned(),
        ]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; 7] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// The middle of `values`, or `None` if there are none.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_everything() {
        let mut figure = Figure::new("ready_empty", 12.3456, "ms", Goal::ValueAtMost(20.0));
        let line: serde_json::Value = serde_json::from_str(&figure.json()).unwrap();
        let expected = serde_json::json!({"name": "ready_empty", "value": 12.346, "unit": "ms", "baseline": null,
            "ratio": null, "goal": "value <= 20", "met": true});
        assert_eq!(line, expected);
        assert!(figure.json().starts_with("{\"name\":\"ready_empty\",\"value\":"), "people read it too");
        figure.goals.push(Goal::RatioAtLeast(0.8));
        figure.baseline = Some(20.0);
        assert_eq!(figure.met(), Some(false));
        assert!(figure.json().contains("value <= 20 and ratio >= 0.8"));
        assert!(table(&[figure]).lines().last().unwrap().ends_with("NO"));
    }

    #[test]
    fn goals_are_bounds() {
        let figure = |goal| Figure { baseline: Some(10.0), ..Figure::new("a", 5.0, "ms", goal) };
        for (goal, met) in [
            (Goal::ValueAtMost(5.0), true),
            (Goal::ValueAtMost(4.9), false),
            (Goal::ValueAtLeast(5.1), false),
            (Goal::RatioAtMost(0.5), true),
            (Goal::RatioAtLeast(0.6), false),
        ] {
            assert_eq!(figure(goal).met(), Some(met), "{goal}");
        }
        let bare = Figure::new("a", 5.0, "ms", Goal::RatioAtMost(9.0));
        assert_eq!(bare.met(), Some(false), "without a baseline no ratio is met");
        assert_eq!(Figure { goals: Vec::new(), ..bare }.met(), None);
    }

    #[test]
    fn the_middle_of_some_values() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(Vec::new()), None);
    }
}
