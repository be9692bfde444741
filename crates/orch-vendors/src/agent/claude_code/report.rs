//! What its lines say of a run.

use std::collections::BTreeMap;
use std::io::BufRead;

use orch_ports::agent::AgentReport;
use orch_rules::attempt::{RunEnd, Usage};
use serde_json::{Map, Value};

use super::super::calm::one_line;
use super::super::json_lines::{self, Line};
use super::super::told::is_session;
use super::{outcome, usage};

/// Longest quotation of its words.
const QUOTED: usize = 300;

/// Everything in an output that says how the run went.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) session: Option<String>,
    pub(super) model: Option<String>,
    /// The last result line.
    pub(super) result: Option<Map<String, Value>>,
    pub(super) usage: usage::Sum,
    /// Figures of requests by message id, for a run that ended without a result.
    pub(super) requests: BTreeMap<String, Map<String, Value>>,
    /// Tools that were refused, each once.
    pub(super) refused: Vec<String>,
    /// `error` of the last message that had one.
    pub(super) message_error: Option<String>,
    /// When the usage limit that was hit is lifted, seconds since 1970.
    pub(super) resets_at: Option<i64>,
    /// What it waited for when the output ended: status and error of the last retry that no answer followed.
    pub(super) retrying: Option<(Option<u64>, String)>,
    /// The first line that is no JSON; a line that says `error` is preferred.
    pub(super) said: Option<String>,
    /// The log has its limit, and what came after it is lost.
    pub(super) cut: bool,
}

impl Heard {
    pub(super) fn of(output: &mut dyn BufRead) -> Self {
        let mut heard = Self::default();
        json_lines::each(output, |line| match line {
            Line::Object(object) => heard.object(object),
            Line::Text(text) => heard.text(&text),
        });
        heard
    }

    fn text(&mut self, text: &str) {
        // What the supervisor writes where it stops to keep the output.
        self.cut |= text.starts_with("[orch: the log is cut here");
        let is_error = |text: &str| text.to_ascii_lowercase().contains("error");
        if self.said.is_none() || (is_error(text) && !self.said.as_deref().is_some_and(is_error)) {
            self.said = Some(one_line(text, QUOTED));
        }
    }

    fn object(&mut self, object: Map<String, Value>) {
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        // Every line of a run names the same session.
        if let Some(session) = text("session_id").filter(|id| is_session(id)) {
            self.session = Some(session.to_owned());
        }
        match (text("type"), text("subtype")) {
            (Some("system"), Some("init")) => self.model = text("model").map(name),
            (Some("system"), Some("api_retry")) => {
                let status = object.get("error_status").and_then(Value::as_u64);
                self.retrying = Some((status, one_line(text("error").unwrap_or_default(), QUOTED)));
            }
            (Some("assistant"), _) => {
                self.retrying = None;
                self.message_error = text("error").map(name).or(self.message_error.take());
                self.request(&object);
            }
            (Some("rate_limit_event"), _) => {
                let info = object.get("rate_limit_info");
                let field = |name: &str| info.and_then(|info| info.get(name));
                if field("status").and_then(Value::as_str) == Some("rejected") {
                    self.resets_at = field("resetsAt").and_then(Value::as_i64).filter(|at| *at > 0);
                }
            }
            (Some("result"), _) => {
                self.retrying = None;
                for denial in object.get("permission_denials").and_then(Value::as_array).into_iter().flatten() {
                    let tool = name(denial.get("tool_name").and_then(Value::as_str).unwrap_or("a tool"));
                    if !self.refused.contains(&tool) {
                        self.refused.push(tool);
                    }
                }
                self.usage.result(&object);
                self.result = Some(object);
            }
            _ => {}
        }
    }

    /// Notes the figures a message carries; each of its blocks is a line with the same ones.
    fn request(&mut self, object: &Map<String, Value>) {
        let message = object.get("message");
        let id = message.and_then(|m| m.get("id")).and_then(Value::as_str);
        let usage = message.and_then(|m| m.get("usage")).and_then(Value::as_object);
        if let (Some(id), Some(usage)) = (id, usage) {
            self.requests.insert(id.to_owned(), usage.clone());
        }
    }

    /// What is reported of a run that ended so. `resumed` is the session it went on with.
    pub(super) fn report(self, end: &RunEnd, resumed: Option<&str>, credential: &str) -> AgentReport {
        let outcome = outcome::of(&self, end, credential);
        // A session that cannot be gone on with must not be tried again.
        let session = self.session.clone().or_else(|| resumed.map(str::to_owned)).filter(|_| outcome.resumable);
        let told = self.usage.total(resumed.is_some()).or_else(|| usage::of_requests(&self.requests));
        let usage = told.unwrap_or_default();
        let model = usage.model.clone().or(self.model);
        // Without a figure there is nothing that the model's name could belong to.
        let usage = if usage == Usage::default() { usage } else { Usage { model, ..usage } };
        AgentReport { usage, end: outcome.end, session }
    }
}

/// A name as it is kept: short, whatever an output holds.
pub(super) fn name(text: &str) -> String {
    one_line(text, 100)
}
