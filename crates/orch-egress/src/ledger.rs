//! What a run has used: `metered.json` in its directory, whole at every moment.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::config::{Budget, replace};
use crate::count::Told;
use crate::meaning::Asked;
use crate::price::{Price, Tokens, price};

/// File name of the counts in a run's directory.
pub const METERED_FILE: &str = "metered.json";

/// What the proxy of a run counted. Tokens are what was told: while [`Metered::uncounted`] is above zero, more was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metered {
    /// All input, from the cache or not.
    pub input_tokens: u64,
    /// Of it: read from a cache.
    pub cached_tokens: u64,
    /// Of it: written to a cache.
    pub cache_creation_tokens: u64,
    /// Output, thinking included.
    pub output_tokens: u64,
    /// Millionths of a US dollar by the table of prices; `None` is unknown, for one answer had no price or no count.
    pub cost_micros: Option<u64>,
    /// The model that answered last.
    pub model: Option<String>,
    /// Requests that were answered well.
    pub requests: u64,
    /// Of them: those whose tokens were not told.
    #[serde(default)]
    pub uncounted: u64,
    /// The vendor refuses to serve this credential; a good answer clears it.
    pub unavailable: Option<Unavailable>,
    /// The run's budget is used up: in words.
    #[serde(default)]
    pub budget_reached: Option<String>,
    /// Why the last request that was sent on, or should have been, was not served by the vendor: in words. A good answer
    /// clears it, and so does a refusal that is about the request.
    #[serde(default)]
    pub unserved: Option<String>,
    /// The vendor does not offer the model that was asked for last: in words. A good answer clears it.
    #[serde(default)]
    pub unknown_model: Option<String>,
    /// Tokens that answers count for whose figures are unknown, at least what was asked for: against budgets, and nowhere
    /// else.
    #[serde(default)]
    pub charged_tokens: u64,
    /// The same in millionths of a dollar, and what is known besides: never less than it cost, where prices are known.
    #[serde(default)]
    pub at_least_micros: u64,
}

/// The vendor refuses to serve a credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unavailable {
    /// Until then, in milliseconds since 1970, if the vendor said so.
    pub until_ms: Option<u64>,
    /// Its reason, in words.
    pub reason: String,
}

impl Default for Metered {
    fn default() -> Self {
        Self {
            input_tokens: 0,
            cached_tokens: 0,
            cache_creation_tokens: 0,
            output_tokens: 0,
            cost_micros: Some(0),
            model: None,
            requests: 0,
            uncounted: 0,
            unavailable: None,
            budget_reached: None,
            unserved: None,
            unknown_model: None,
            charged_tokens: 0,
            at_least_micros: 0,
        }
    }
}

impl Metered {
    /// The counts in a run's directory; `None` if there are none, or none that can be read.
    pub fn read(run_directory: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(run_directory.join(METERED_FILE)).ok()?).ok()
    }
}

/// The counts of one run, and its budget.
pub struct Ledger {
    file: PathBuf,
    budget: Budget,
    prices: Vec<(String, Price)>,
    /// Name of the model in the settings.
    name: String,
    state: Mutex<State>,
    /// A request has come to its end.
    settled: Condvar,
    /// Held while the file is replaced: an older state must not come after a newer one.
    writing: Mutex<()>,
}

struct State {
    metered: Metered,
    /// Millionths of a millionth of a dollar; `None` is unknown.
    cost: Option<u128>,
    /// The same of what is known and of what unknown answers count for.
    at_least: u128,
    /// The most that requests under way may cost: tokens, and millionths of a millionth of a dollar.
    under_way: Vec<(u64, Most)>,
    next: u64,
    /// A model without a price answered.
    unpriced: Option<String>,
}

/// The most that answers may be.
#[derive(Debug, Clone, Copy, Default)]
struct Most {
    tokens: u64,
    cost: u128,
}

/// A request that is under way, for [`Ledger::answered`].
#[derive(Debug)]
pub struct UnderWay {
    number: u64,
    asked: Asked,
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ledger {
    /// Goes on with what stands in the run's directory.
    pub fn open(run_directory: &Path, name: &str, budget: Budget, prices: Vec<(String, Price)>) -> Self {
        let metered = Metered::read(run_directory).unwrap_or_default();
        let cost = metered.cost_micros.map(|micros| u128::from(micros) * 1_000_000);
        Self {
            file: run_directory.join(METERED_FILE),
            budget,
            prices,
            name: name.to_owned(),
            state: Mutex::new(State {
                at_least: u128::from(metered.at_least_micros) * 1_000_000,
                metered,
                cost,
                under_way: Vec::new(),
                next: 0,
                unpriced: None,
            }),
            settled: Condvar::new(),
            writing: Mutex::new(()),
        }
    }

    /// Lets a request out, or says why not. What is under way may still use all it asked for; where that could be more than
    /// is left of the budget, the request waits for its end, at most `patience`.
    ///
    /// # Errors
    /// The budget is used up, in words; noted in the counts.
    pub fn admit(&self, asked: &Asked, patience: Duration) -> Result<UnderWay, String> {
        let until = Instant::now() + patience;
        let most = self.most(asked);
        let mut state = held(&self.state);
        loop {
            let words = self.exhausted(&state, Most::default());
            state.metered.budget_reached.clone_from(&words);
            if let Some(words) = words {
                return Err(words);
            }
            let sum = state.under_way.iter().fold(Most::default(), |sum, (_, most)| Most {
                tokens: sum.tokens.saturating_add(most.tokens),
                cost: sum.cost.saturating_add(most.cost),
            });
            let left = until.saturating_duration_since(Instant::now());
            if state.under_way.is_empty() || left.is_zero() || self.exhausted(&state, sum).is_none() {
                state.next += 1;
                let number = state.next;
                state.under_way.push((number, most));
                return Ok(UnderWay { number, asked: asked.clone() });
            }
            state = self.settled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn most(&self, asked: &Asked) -> Most {
        let tokens = Tokens { input: asked.most_input, output: asked.most_output, ..Tokens::default() };
        let price = asked.model.as_deref().and_then(|model| price(&self.prices, model, &tokens));
        Most { tokens: asked.most_output, cost: price.map_or(0, |price| price.of(&tokens)) }
    }

    /// A request that was let out came to nothing that is paid.
    pub fn unanswered(&self, request: UnderWay) {
        held(&self.state).under_way.retain(|(number, _)| *number != request.number);
        self.settled.notify_all();
    }

    /// A good answer, at its end or where it broke off.
    pub fn answered(&self, request: UnderWay, told: &Told) {
        let mut guard = held(&self.state);
        let state = &mut *guard;
        state.under_way.retain(|(number, _)| *number != request.number);
        state.metered.requests += 1;
        if let Some(model) = &told.model {
            state.metered.model = Some(model.chars().take(100).collect());
        }
        if told.failed.is_none() {
            state.metered.unavailable = None;
            state.metered.unserved = None;
            state.metered.unknown_model = None;
        }
        let known = told.tokens.filter(|_| told.whole);
        // What was told so far is a part of it, and a request that failed before it began has no usage to tell.
        let tokens = told.tokens.unwrap_or_default();
        let metered = &mut state.metered;
        let add = |place: &mut u64, n: u64| *place = place.saturating_add(n);
        add(&mut metered.input_tokens, tokens.full_input());
        add(&mut metered.cached_tokens, tokens.cached);
        add(&mut metered.cache_creation_tokens, tokens.written.saturating_add(tokens.written_hour));
        add(&mut metered.output_tokens, tokens.output);
        let priced = told.model.as_deref().and_then(|model| price(&self.prices, model, &tokens));
        let cost = priced.map(|price| price.of(&tokens));
        match (known, &told.failed) {
            (Some(_), _) => {
                if cost.is_none() {
                    state.unpriced = told.model.clone().or(Some("its model".to_owned()));
                }
                state.cost = state.cost.zip(cost).map(|(sum, cost)| sum + cost);
                state.at_least += cost.unwrap_or(0);
            }
            (None, Some(_)) if told.tokens.is_none() => {}
            (None, _) => {
                // Nobody told what it was: never less than what was asked for.
                metered.uncounted += 1;
                let asked = &request.asked;
                let most = Tokens { output: tokens.output.max(asked.most_output), ..tokens };
                let most = if told.tokens.is_none() { Tokens { input: asked.most_input, ..most } } else { most };
                add(&mut metered.charged_tokens, most.output.saturating_sub(tokens.output));
                let model = told.model.as_deref().or(asked.model.as_deref());
                match model.and_then(|model| price(&self.prices, model, &most)) {
                    Some(price) => state.at_least += price.of(&most),
                    None => state.unpriced = Some(model.unwrap_or("its model").to_owned()),
                }
                state.cost = None;
            }
        }
        let micros = |sum: u128| u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX);
        state.metered.cost_micros = state.cost.map(micros);
        state.metered.at_least_micros = micros(state.at_least);
        drop(guard);
        self.settled.notify_all();
    }

    /// The vendor refuses.
    pub fn unavailable(&self, why: Unavailable) {
        held(&self.state).metered.unavailable = Some(why);
    }

    /// The vendor did not serve, or (`None`) it was asked and the trouble is another's.
    pub fn unserved(&self, why: Option<String>) {
        held(&self.state).metered.unserved = why;
    }

    /// The vendor does not offer the model that was asked for.
    pub fn unknown_model(&self, words: String) {
        held(&self.state).metered.unknown_model = Some(words);
    }

    /// Why no further request is sent, if so, were so much used besides.
    fn exhausted(&self, state: &State, besides: Most) -> Option<String> {
        let metered = &state.metered;
        let used = [metered.output_tokens, metered.charged_tokens, besides.tokens];
        let used = used.into_iter().fold(metered.input_tokens, u64::saturating_add);
        let name = &self.name;
        let unknown = || if metered.uncounted > 0 { ", what was not told counted as asked for" } else { "" };
        let cost = state.at_least.saturating_add(besides.cost).div_ceil(1_000_000);
        match (self.budget.tokens, self.budget.micros, &state.unpriced) {
            (Some(tokens), _, _) if used >= tokens => Some(format!(
                "this run has used {used} tokens of its {tokens}{} (models.{name}.run_token_budget)",
                unknown()
            )),
            (_, Some(most), _) if cost >= u128::from(most) => Some(format!(
                "this run has cost ${:.2} of its ${:.2}{} (models.{name}.run_budget_usd)",
                cost as f64 / 1e6,
                most as f64 / 1e6,
                unknown()
            )),
            // What it costs is not known, so nobody could keep the promise.
            (_, Some(_), Some(model)) => Some(format!(
                "this run has a budget in dollars (models.{name}.run_budget_usd), and the cost of {model} is not known: \
                 name its price in models.{name}.prices"
            )),
            _ => None,
        }
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// If the directory cannot be written.
    pub fn save(&self) -> std::io::Result<()> {
        let _turn = held(&self.writing);
        let metered = held(&self.state).metered.clone();
        replace(&self.file, &serde_json::to_vec(&metered).map_err(std::io::Error::other)?)
    }
}
