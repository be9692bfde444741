//! A thread and what it had used when it was left.
//!
//! Codex counts over the whole thread, so what a run used is a difference. The figures before it travel with the id:
//! `<thread>/<input>/<cached>/<written>/<output>`.

use orch_rules::attempt::Usage;
use serde_json::Value;

use super::super::told::is_session;

/// A thread that can be gone on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    /// Its id.
    pub(super) thread: String,
    /// Used so far.
    pub(super) used: Used,
}

/// Tokens of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Used {
    /// All input, the cached included.
    input: u64,
    cached: u64,
    written: u64,
    output: u64,
}

impl Session {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let thread = parts.next().filter(|id| is_session(id))?.to_owned();
        let numbers: Vec<u64> = parts.map(str::parse).collect::<Result<_, _>>().ok()?;
        let [input, cached, written, output] = numbers.try_into().ok()?;
        Some(Self { thread, used: Used { input, cached, written, output } })
    }
}

impl std::fmt::Display for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Used { input, cached, written, output } = self.used;
        write!(f, "{}/{input}/{cached}/{written}/{output}", self.thread)
    }
}

impl Used {
    /// Of the `usage` of a turn; `None` if a figure is broken.
    pub(super) fn of(usage: &Value) -> Option<Self> {
        let count = |name: &str| usage.get(name)?.as_u64();
        Some(Self {
            input: count("input_tokens")?,
            cached: count("cached_input_tokens")?,
            // Not told by older versions.
            written: usage.get("cache_write_input_tokens").map_or(Some(0), Value::as_u64)?,
            output: count("output_tokens")?,
        })
    }

    /// What was used since `before`; `None` if the thread is not the one that was left.
    pub(super) fn since(self, before: Self) -> Option<Usage> {
        Some(Usage {
            input_tokens: Some(self.input.checked_sub(before.input)?),
            cached_tokens: Some(self.cached.checked_sub(before.cached)?),
            cache_creation_tokens: Some(self.written.checked_sub(before.written)?),
            output_tokens: Some(self.output.checked_sub(before.output)?),
            // It tells no money and no model.
            ..Usage::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const THREAD: &str = "01a1faea-3ce3-7721-8825-6312fc37ef99";

    #[test]
    fn a_session_reads_back() {
        let used = Used { input: 1200, cached: 800, written: 0, output: 60 };
        let session = Session { thread: THREAD.to_owned(), used };
        assert_eq!(Session::parse(&session.to_string()), Some(session));
        for broken in ["", THREAD, "--last/1/2/3/4", &format!("{THREAD}/1/2/3"), &format!("{THREAD}/1/2/3/x")] {
            assert_eq!(Session::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_run_used_what_the_thread_has_used_since() {
        let before = Used { input: 1200, cached: 800, written: 0, output: 60 };
        let told = json!({"input_tokens": 3600, "cached_input_tokens": 2400, "output_tokens": 180});
        let usage = Used::of(&told).unwrap().since(before).unwrap();
        assert_eq!((usage.input_tokens, usage.cached_tokens, usage.output_tokens), (Some(2400), Some(1600), Some(120)));
        assert_eq!(Used::default().since(before), None, "less than before is another thread");
        assert_eq!(Used::of(&json!({"input_tokens": -1, "cached_input_tokens": 1, "output_tokens": 1})), None);
    }
}
