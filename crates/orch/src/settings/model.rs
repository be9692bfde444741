//! `[models.<name>]`: the models that runs may reach through their proxies.

use camino::Utf8PathBuf;

use super::keys::{Key, array, on, quoted, words};
use super::kind::{Kind, Value};

/// Spellings of the wire formats.
pub const WIRES: &[&str] = &["anthropic", "openai"];

/// A vendor of models, or a gateway to one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelEntry {
    /// One of [`WIRES`]; `None`: the name of the table is one.
    pub wire: Option<String>,
    /// Its address; `None` is the vendor's own.
    pub base_url: Option<String>,
    /// The file with the key.
    pub key_file: Option<Utf8PathBuf>,
    /// Authorities to trust besides the public ones, PEM.
    pub ca_file: Option<Utf8PathBuf>,
    /// `MODEL = INPUT / CACHED / CACHE WRITE / OUTPUT` in dollars; each can be read by [`orch_egress::price::parse`].
    pub prices: Vec<String>,
    /// Runs may ask for tools, servers and fetches of the vendor.
    pub vendor_tools: bool,
    /// Tokens of one run; 0 is without end.
    pub run_token_budget: u64,
    /// Millionths of a dollar for one run; 0 is without end.
    pub run_budget_micros: u64,
}

/// `[models.<name>]`
pub const MODEL: &[Key<ModelEntry>] = &[
    Key {
        section: "models",
        name: "wire",
        variable: None,
        kind: Kind::OneOf(WIRES),
        required: false,
        doc: "Whose requests it understands. Needed if the name is another one.",
        set: |m, v| m.wire = Some(v.into_text()),
        get: |m| m.wire.as_deref().map(quoted),
    },
    Key {
        section: "models",
        name: "base_url",
        variable: None,
        kind: Kind::BaseUrl,
        required: false,
        doc: "Its address, if it is not the vendor's own: https, or http to a loopback address.",
        set: |m, v| m.base_url = Some(v.into_text()),
        get: |m| m.base_url.as_deref().map(quoted),
    },
    Key {
        section: "models",
        name: "key_file",
        variable: None,
        kind: Kind::Path,
        required: false,
        doc: "A file with the API key (or the token of `claude setup-token`) on its first line, readable by you alone. \
              Without it `orch up` takes ANTHROPIC_API_KEY for `anthropic` and OPENAI_API_KEY for `openai`. Runs never \
              see the key.",
        set: |m, v| m.key_file = Some(Utf8PathBuf::from(v.into_text())),
        get: |m| m.key_file.as_ref().map(|f| quoted(f.as_str())),
    },
    Key {
        section: "models",
        name: "ca_file",
        variable: None,
        kind: Kind::Path,
        required: false,
        doc: "A PEM file with authorities to trust besides the public ones, for a gateway of your own.",
        set: |m, v| m.ca_file = Some(Utf8PathBuf::from(v.into_text())),
        get: |m| m.ca_file.as_ref().map(|f| quoted(f.as_str())),
    },
    Key {
        section: "models",
        name: "prices",
        variable: None,
        kind: Kind::Prices,
        required: false,
        doc: "Prices that stand above the built-in ones, in dollars for a million tokens: \
              \"MODEL = INPUT / CACHED / CACHE WRITE / OUTPUT\"; MODEL may end with `*`. The cost of a model without a \
              price is unknown.",
        set: |m, v| m.prices = words(v),
        get: |m| Some(array(&m.prices)),
    },
    Key {
        section: "models",
        name: "vendor_tools",
        variable: None,
        kind: Kind::Switch,
        required: false,
        doc: "Runs may ask the vendor for more than an answer: to search the web, to fetch an address, to run a server or \
              code of its own, to work at another price. That is a way out which egress.allow does not limit.",
        set: |m, v| m.vendor_tools = on(&v),
        get: |m| Some(m.vendor_tools.to_string()),
    },
    Key {
        section: "models",
        name: "run_token_budget",
        variable: None,
        kind: Kind::Number(0, 1_000_000_000_000),
        required: false,
        doc: "Tokens that one run may use, input and output together; then its requests are refused. 0 is without end.",
        set: |m, v| {
            if let Value::Number(n) = v {
                m.run_token_budget = n;
            }
        },
        get: |m| Some(m.run_token_budget.to_string()),
    },
    Key {
        section: "models",
        name: "run_budget_usd",
        variable: None,
        kind: Kind::Dollars,
        required: false,
        doc: "Dollars that one run may cost; then its requests are refused. Needs a price for the model. 0 is without \
              end.",
        set: |m, v| {
            if let Value::Number(micros) = v {
                m.run_budget_micros = micros;
            }
        },
        get: |m| Some(dollars(m.run_budget_micros)),
    },
];

/// As a TOML number.
fn dollars(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The wire of a model of this name.
pub fn wire(name: &str, entry: &ModelEntry) -> Option<orch_egress::Wire> {
    match entry.wire.as_deref().unwrap_or(name) {
        "anthropic" => Some(orch_egress::Wire::AnthropicMessages),
        "openai" => Some(orch_egress::Wire::OpenAiResponses),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_as_it_is_read() {
        for text in ["0", "2.5", "10", "0.000001", "100"] {
            assert_eq!(dollars(orch_egress::price::micros(text).unwrap()), text);
        }
    }
}
