//! What a run has used: `metered.json` in its directory, whole at every moment.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::config::{Budget, replace};
use crate::count::Told;
use crate::price::{Price, price};

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
    /// Held while the file is replaced: an older state must not come after a newer one.
    writing: Mutex<()>,
}

struct State {
    metered: Metered,
    /// Millionths of a millionth of a dollar; `None` is unknown.
    cost: Option<u128>,
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
            state: Mutex::new(State { metered, cost }),
            writing: Mutex::new(()),
        }
    }

    /// A good answer, at its end or where it broke off.
    pub fn answered(&self, told: &Told) {
        let mut state = held(&self.state);
        state.metered.requests += 1;
        if let Some(model) = &told.model {
            state.metered.model = Some(model.chars().take(100).collect());
        }
        if told.failed.is_none() {
            state.metered.unavailable = None;
        }
        // A request that failed before it began has no usage to tell.
        let Some(tokens) = told.tokens else {
            if told.failed.is_none() {
                state.metered.uncounted += 1;
                state.cost = None;
                state.metered.cost_micros = None;
            }
            return;
        };
        let metered = &mut state.metered;
        let add = |place: &mut u64, n: u64| *place = place.saturating_add(n);
        add(&mut metered.input_tokens, tokens.full_input());
        add(&mut metered.cached_tokens, tokens.cached);
        add(&mut metered.cache_creation_tokens, tokens.written.saturating_add(tokens.written_hour));
        add(&mut metered.output_tokens, tokens.output);
        let price = told.model.as_deref().and_then(|model| price(&self.prices, model, &tokens));
        state.cost = state.cost.zip(price).map(|(sum, price)| sum + price.of(&tokens));
        state.metered.cost_micros = state.cost.map(|sum| u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX));
    }

    /// The vendor refuses.
    pub fn unavailable(&self, why: Unavailable) {
        held(&self.state).metered.unavailable = Some(why);
    }

    /// Why no further request is sent, if so; noted in the counts.
    pub fn exhausted(&self) -> Option<String> {
        let mut state = held(&self.state);
        let metered = &state.metered;
        let used = metered.input_tokens.saturating_add(metered.output_tokens);
        let name = &self.name;
        let words = match (self.budget.tokens, self.budget.micros, metered.cost_micros) {
            (Some(tokens), _, _) if used >= tokens => {
                Some(format!("this run has used {used} tokens of its {tokens} (models.{name}.run_token_budget)"))
            }
            (_, Some(most), Some(cost)) if cost >= most => Some(format!(
                "this run has cost ${:.2} of its ${:.2} (models.{name}.run_budget_usd)",
                cost as f64 / 1e6,
                most as f64 / 1e6
            )),
            // What it costs is not known, so nobody could keep the promise.
            (_, Some(_), None) => Some(format!(
                "this run has a budget in dollars (models.{name}.run_budget_usd), and the cost of {} is not known: \
                 name its price in models.{name}.prices",
                metered.model.as_deref().unwrap_or("its model")
            )),
            _ => None,
        };
        state.metered.budget_reached.clone_from(&words);
        words
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
