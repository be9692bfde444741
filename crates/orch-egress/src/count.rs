//! Tokens as the vendor tells them in an answer, streamed or not.

use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;

use crate::config::Wire;
use crate::price::Tokens;

/// A line or a body longer than this is not read for its figures: they are unknown then.
const READ_MAX: usize = 16 << 20;

/// A figure above this is no count of tokens.
const MOST_TOKENS: u64 = 1_000_000_000;

/// What an answer said about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Tokens, as far as they were told; `None` if nothing was.
    pub tokens: Option<Tokens>,
    /// The model that answered.
    pub model: Option<String>,
    /// The stream reported a failure: its code.
    pub failed: Option<String>,
    /// Its end came, and with it figures that are the last word. Without it the tokens are too few.
    pub whole: bool,
}

/// Reads an answer while it passes.
#[derive(Debug)]
pub struct Counter {
    wire: Wire,
    streamed: bool,
    held: Vec<u8>,
    /// The line, or the body, became too long.
    over: bool,
    told: Told,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: Option<String>,
    model: Option<String>,
    message: Option<Part>,
    response: Option<Part>,
    usage: Option<Value>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Part {
    model: Option<String>,
    usage: Option<Value>,
    error: Option<Value>,
}

impl Counter {
    /// For an answer of this wire; `streamed`: it is a `text/event-stream`.
    pub fn new(wire: Wire, streamed: bool) -> Self {
        Self { wire, streamed, held: Vec::new(), over: false, told: Told::default() }
    }

    /// The next bytes of the body.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        if self.streamed {
            while let Some(end) = memchr::memchr(b'\n', bytes) {
                self.hold(&bytes[..end]);
                self.line();
                bytes = &bytes[end + 1..];
            }
        }
        self.hold(bytes);
    }

    /// Whether the last figures of an answer were told.
    pub fn is_whole(&self) -> bool {
        self.told.whole
    }

    fn hold(&mut self, bytes: &[u8]) {
        if self.over || self.held.len() + bytes.len() > READ_MAX {
            self.over = true;
            self.held = Vec::new();
        } else {
            self.held.extend_from_slice(bytes);
        }
    }

    fn line(&mut self) {
        let line = std::mem::take(&mut self.held);
        self.over = false;
        // Most events carry words of the model, and no figures.
        let telling = [&b"\"usage\""[..], b"\"error\""];
        if let Some(data) = line.strip_prefix(b"data:")
            && telling.iter().any(|word| memmem::find(data, word).is_some())
            && let Ok(event) = serde_json::from_slice::<Event>(data)
        {
            self.event(event);
        }
        // The next line takes over the room of this one.
        self.held = line;
        self.held.clear();
    }

    fn event(&mut self, event: Event) {
        match (self.wire, event.kind.as_deref().unwrap_or_default()) {
            (Wire::AnthropicMessages, "message_start") => {
                if let Some(message) = event.message {
                    self.told.model = message.model.or(self.told.model.take());
                    let _not_the_last = self.usage(message.usage.as_ref());
                }
            }
            // The vendor's sums stand in the last of them; a client that hangs up before has read its words.
            (Wire::AnthropicMessages, "message_delta") => self.told.whole = self.usage(event.usage.as_ref()),
            (Wire::OpenAiResponses, "response.completed" | "response.incomplete" | "response.failed") => {
                if let Some(response) = event.response {
                    self.told.model = response.model.or(self.told.model.take());
                    self.told.whole = self.usage(response.usage.as_ref());
                    self.told.failed = code(response.error.as_ref());
                }
            }
            (_, "error") => self.told.failed = code(event.error.as_ref()).or(Some("error".to_owned())),
            _ => {}
        }
    }

    /// A later figure replaces an earlier one: both vendors tell sums. Whether how much was written is told; a figure that
    /// is no unsigned number makes that unknown.
    fn usage(&mut self, usage: Option<&Value>) -> bool {
        let Some(usage) = usage.filter(|usage| usage.is_object()) else { return false };
        let mut odd = false;
        let mut figure = |name: &str| match usage.pointer(name) {
            None | Some(Value::Null) => None,
            Some(value) => {
                // Beyond this no model writes: the figure is as broken as one below zero.
                let number = value.as_u64().filter(|n| *n <= MOST_TOKENS);
                odd |= number.is_none();
                number
            }
        };
        let mut tokens = self.told.tokens.unwrap_or_default();
        let put = |place: &mut u64, figure: Option<u64>| *place = figure.unwrap_or(*place);
        let told = figure("/output_tokens").is_some();
        match self.wire {
            Wire::AnthropicMessages => {
                put(&mut tokens.input, figure("/input_tokens"));
                put(&mut tokens.cached, figure("/cache_read_input_tokens"));
                put(&mut tokens.output, figure("/output_tokens"));
                put(&mut tokens.searches, figure("/server_tool_use/web_search_requests"));
                if let Some(all) = figure("/cache_creation_input_tokens") {
                    let hour = figure("/cache_creation/ephemeral_1h_input_tokens").unwrap_or(tokens.written_hour);
                    tokens.written_hour = hour.min(all);
                    tokens.written = all - tokens.written_hour;
                }
            }
            // Its input includes what was cached.
            Wire::OpenAiResponses => {
                let (Some(all), Some(output)) = (figure("/input_tokens"), figure("/output_tokens")) else {
                    return false;
                };
                let cached = figure("/input_tokens_details/cached_tokens").unwrap_or(0).min(all);
                let written = figure("/input_tokens_details/cache_write_tokens").unwrap_or(0).min(all - cached);
                tokens = Tokens { input: all - cached - written, cached, written, output, ..Tokens::default() };
            }
        }
        self.told.tokens = Some(tokens);
        told && !odd
    }

    /// What was told, at the end of the body or where it broke off.
    pub fn finish(mut self) -> Told {
        if self.streamed {
            self.line();
        } else if let Ok(event) = serde_json::from_slice::<Event>(&self.held) {
            self.told.model = event.model;
            self.told.whole = self.usage(event.usage.as_ref());
        }
        self.told
    }
}

/// The code of an error object, or its type.
pub fn code(error: Option<&Value>) -> Option<String> {
    let of = |name: &str| error?.get(name)?.as_str().map(|text| text.chars().take(100).collect());
    of("code").or_else(|| of("type"))
}
