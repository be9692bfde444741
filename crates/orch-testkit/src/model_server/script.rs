//! What a scripted model does.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Gate;

/// One answer.
#[derive(Debug, Clone)]
pub struct Step {
    /// Nothing is answered before this gate is open.
    pub gate: Option<Gate>,
    /// The answer.
    pub deed: Deed,
}

/// What is answered.
#[derive(Debug, Clone)]
pub enum Deed {
    /// A whole turn.
    Turn(Turn),
    /// An error instead of a stream.
    Refuse {
        /// HTTP status.
        status: u16,
        /// Headers besides content type and length.
        headers: BTreeMap<String, String>,
        /// The body.
        body: Value,
    },
    /// The connection is closed after so many events of the turn. A request that wants no stream gets the turn whole.
    Cut(Turn, usize),
    /// Nothing comes after so many events of the turn, and the connection stays. No stream: the turn whole.
    Silence(Turn, usize),
    /// The turn's first block, then an error event.
    BreaksOff(Turn),
    /// The turn's first block, then a line that is no JSON.
    Garbles(Turn),
    /// Status 200 and a body that is none of the API.
    Alien(String),
    /// Responses API: `response.failed` with this code. Messages API: an error event.
    Fails {
        /// For example `context_length_exceeded`.
        code: String,
        /// For people.
        message: String,
    },
    /// Responses API: `response.incomplete` with this reason. Messages API: the turn with this stop reason.
    Incomplete(Turn, String),
}

/// What the model says and wants done.
#[derive(Debug, Clone, Default)]
pub struct Turn {
    /// Its words.
    pub text: String,
    /// Tools it calls.
    pub tools: Vec<ToolCall>,
    /// Tokens; `None` is the API's usual figures here: 1000 input, 200 written to the cache, 3000 read from it and 50
    /// out, or 1200 input with 800 cached and 60 out.
    pub usage: Option<Usage>,
    /// Why it ends; `None` is `tool_use` with tools and `end_turn` without.
    pub stop_reason: Option<String>,
}

/// Tokens of one turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// All input, cached included.
    pub input: u64,
    /// Of these, read from the cache.
    pub cached: u64,
    /// Of these, written to the cache (Messages API).
    pub written: u64,
    /// Output.
    pub output: u64,
}

/// A call of a tool.
#[derive(Debug, Clone)]
pub enum ToolCall {
    /// A shell command, by whatever tool the agent has for it.
    Shell(String),
    /// A tool by its name with its input as the agent defines it.
    Named(String, Value),
}

impl Step {
    /// Does this at once.
    pub fn of(deed: Deed) -> Self {
        Self { gate: None, deed }
    }

    /// Ends the agent's work with these words.
    pub fn says(text: &str) -> Self {
        Self::of(Deed::Turn(Turn { text: text.to_owned(), ..Turn::default() }))
    }

    /// Has a shell command run in the agent's folder, with its environment.
    pub fn shell(command: &str) -> Self {
        let turn = Turn { tools: vec![ToolCall::Shell(command.to_owned())], ..Turn::default() };
        Self::of(Deed::Turn(turn))
    }

    /// Calls a tool by its name.
    pub fn tool(name: &str, input: Value) -> Self {
        let turn = Turn { tools: vec![ToolCall::Named(name.to_owned(), input)], ..Turn::default() };
        Self::of(Deed::Turn(turn))
    }

    /// An error as the Messages API words it, with these headers.
    pub fn error(status: u16, kind: &str, message: &str, headers: &[(&str, &str)]) -> Self {
        let body = super::anthropic::error(kind, message);
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::of(Deed::Refuse { status, headers, body })
    }

    /// An error as the Responses API words it; `more` is put into the error object.
    pub fn open_ai_error(status: u16, kind: &str, message: &str, more: &[(&str, Value)]) -> Self {
        let mut error = json!({"message": message, "type": kind, "code": kind});
        for (name, value) in more {
            error[*name] = value.clone();
        }
        Self::of(Deed::Refuse { status, headers: BTreeMap::new(), body: json!({"error": error}) })
    }

    /// Waits for a gate first.
    pub fn after(self, gate: &str) -> Self {
        Self { gate: Some(gate.to_owned()), ..self }
    }
}
