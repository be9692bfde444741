//! Tokens and money.
//!
//! `usage` of a result line is of the turn since the line before; `modelUsage` and `total_cost_usd` run on over the
//! whole session, through every resume. `model_usage_since_last_result` is what one wants to add up; older versions
//! do not have it.

use std::collections::BTreeMap;

use orch_rules::attempt::Usage;
use serde_json::{Map, Value};

use super::report::name;

/// What the result lines of a run add up to.
#[derive(Debug, Default)]
pub(super) struct Sum {
    /// One entry per result line and model, of `model_usage_since_last_result`.
    since_last: Option<Vec<(String, PerModel)>>,
    /// `usage` of every result line.
    turns: Option<Tokens>,
    /// `modelUsage` of the last result line.
    whole_session: Option<Vec<(String, PerModel)>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Tokens {
    /// Neither read from the cache nor written to it.
    plain: u64,
    read: u64,
    written: u64,
    output: u64,
}

impl Tokens {
    fn add(self, other: Self) -> Self {
        Self {
            plain: self.plain.saturating_add(other.plain),
            read: self.read.saturating_add(other.read),
            written: self.written.saturating_add(other.written),
            output: self.output.saturating_add(other.output),
        }
    }

    fn usage(self) -> Usage {
        Usage {
            input_tokens: Some(self.plain.saturating_add(self.read).saturating_add(self.written)),
            cached_tokens: Some(self.read),
            cache_creation_tokens: Some(self.written),
            output_tokens: Some(self.output),
            ..Usage::default()
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct PerModel {
    tokens: Tokens,
    /// `None` if the price was not known: the figure is then another model's.
    usd: Option<f64>,
}

impl Sum {
    pub(super) fn result(&mut self, line: &Map<String, Value>) {
        if let Some(models) = line.get("model_usage_since_last_result").and_then(per_model) {
            self.since_last.get_or_insert_default().extend(models);
        }
        if let Some(tokens) = line.get("usage").and_then(Value::as_object).and_then(turn) {
            self.turns = Some(self.turns.unwrap_or_default().add(tokens));
        }
        self.whole_session = line.get("modelUsage").and_then(per_model).or(self.whole_session.take());
    }

    /// What the run used; `None` if no line told.
    pub(super) fn total(&self, resumed: bool) -> Option<Usage> {
        if let Some(models) = &self.since_last {
            return Some(added(models));
        }
        match &self.whole_session {
            // It began the session, so what the session used is what it used.
            Some(models) if !resumed => Some(added(models)),
            _ => Some(Usage { model: self.dearest(), ..self.turns?.usage() }),
        }
    }

    fn dearest(&self) -> Option<String> {
        added(self.whole_session.as_ref()?).model
    }
}

fn added(models: &[(String, PerModel)]) -> Usage {
    let mut tokens = Tokens::default();
    let mut usd = Some(0.0);
    let mut output: BTreeMap<&str, u64> = BTreeMap::new();
    for (model, used) in models {
        tokens = tokens.add(used.tokens);
        usd = usd.zip(used.usd).map(|(sum, usd)| sum + usd);
        *output.entry(model).or_default() += used.tokens.output;
    }
    // Two models in one run: the one that did the work gives the name.
    let model = output.into_iter().max_by_key(|(_, tokens)| *tokens).map(|(model, _)| model.to_owned());
    Usage { cost_micros: usd.and_then(micros), model, ..tokens.usage() }
}

/// Negative, endless or absurd money is unknown money.
fn micros(usd: f64) -> Option<u64> {
    (0.0..1e9).contains(&usd).then(|| (usd * 1e6).round() as u64)
}

/// `None` if one figure is broken: half a sum is no sum.
fn per_model(value: &Value) -> Option<Vec<(String, PerModel)>> {
    let models = value.as_object()?;
    models
        .iter()
        .map(|(model, used)| {
            let count = |name: &str| used.get(name)?.as_u64();
            let tokens = Tokens {
                plain: count("inputTokens")?,
                read: count("cacheReadInputTokens")?,
                written: count("cacheCreationInputTokens")?,
                output: count("outputTokens")?,
            };
            let guessed = used.get("costBasis").and_then(Value::as_str) == Some("unknown");
            let usd = used.get("costUSD").and_then(Value::as_f64).filter(|_| !guessed);
            Some((name(model), PerModel { tokens, usd }))
        })
        .collect()
}

fn turn(usage: &Map<String, Value>) -> Option<Tokens> {
    let count = |name: &str| usage.get(name)?.as_u64();
    Some(Tokens {
        plain: count("input_tokens")?,
        read: count("cache_read_input_tokens")?,
        written: count("cache_creation_input_tokens")?,
        output: count("output_tokens")?,
    })
}

/// What the messages of a killed run told: their input. The output they name is only where it began.
pub(super) fn of_requests(requests: &BTreeMap<String, Map<String, Value>>) -> Option<Usage> {
    let sum = requests.values().filter_map(turn).reduce(Tokens::add)?;
    Some(Usage { output_tokens: None, ..sum.usage() })
}
