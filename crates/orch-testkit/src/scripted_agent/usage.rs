//! What a run of the scripted agent used, as it reports it.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::AgentError;

/// The model's name in the reports.
const MODEL: &str = "scripted";
/// A usual count of bytes to a token of English text and code.
const BYTES_PER_TOKEN: u64 = 4;
/// Millionths of a US dollar for a token read and a token written: a usual price, so that sums look like sums.
const PRICE_MICROS: (u64, u64) = (3, 15);

/// Tokens and money of one run. What is `None` is not reported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageReport {
    /// Full input, cached tokens included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Of these, read from the cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u64>,
    /// Of these, written to the cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_creation_tokens: Option<u64>,
    /// Output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// Millionths of a US dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micros: Option<u64>,
    /// Model name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

impl UsageReport {
    /// What an agent that read and wrote so many bytes would have used.
    pub fn of_bytes(read: u64, written: u64) -> Self {
        let input = read.div_ceil(BYTES_PER_TOKEN);
        let output = written.div_ceil(BYTES_PER_TOKEN);
        Self {
            input_tokens: Some(input),
            cached_tokens: Some(0),
            cache_creation_tokens: None,
            output_tokens: Some(output),
            cost_micros: Some(input * PRICE_MICROS.0 + output * PRICE_MICROS.1),
            model: Some(MODEL.to_owned()),
        }
    }

    /// The contents of the result file: `{"usage": {tokens}, "cost_micros": n, "model": "…"}`.
    pub fn to_json(&self) -> Value {
        let mut tokens = Map::new();
        for (name, value) in [
            ("input_tokens", self.input_tokens),
            ("cached_tokens", self.cached_tokens),
            ("cache_creation_tokens", self.cache_creation_tokens),
            ("output_tokens", self.output_tokens),
        ] {
            tokens.extend(value.map(|value| (name.to_owned(), value.into())));
        }
        let mut result = Map::from_iter([("usage".to_owned(), Value::Object(tokens))]);
        result.extend(self.cost_micros.map(|cost| ("cost_micros".to_owned(), cost.into())));
        result.extend(self.model.clone().map(|model| ("model".to_owned(), model.into())));
        Value::Object(result)
    }

    /// Leaves the report in the result file, whole or not at all. One that reports nothing leaves no file.
    pub(super) fn leave(&self, path: &Path) -> Result<(), AgentError> {
        if *self == Self::default() {
            return Ok(());
        }
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        std::fs::write(&name, self.to_json().to_string())
            .and_then(|()| std::fs::rename(&name, path))
            .map_err(|error| AgentError::File { doing: "write the result file", path: path.to_owned(), error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_bytes_as_tokens_and_prices_them() {
        let usage = UsageReport::of_bytes(4001, 8);
        assert_eq!((usage.input_tokens, usage.output_tokens), (Some(1001), Some(2)));
        assert_eq!(usage.cost_micros, Some(3033));
    }

    #[test]
    fn what_is_unknown_is_left_out_and_never_zero() {
        let usage = UsageReport { input_tokens: Some(5), ..UsageReport::default() };
        assert_eq!(usage.to_json().to_string(), r#"{"usage":{"input_tokens":5}}"#);
    }
}
