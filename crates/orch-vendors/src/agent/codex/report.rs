//! What its lines say of a run.

use std::io::BufRead;

use orch_ports::agent::AgentReport;
use orch_rules::attempt::RunEnd;
use serde_json::{Map, Value};

use super::super::calm::one_line;
use super::super::json_lines::{self, Line};
use super::super::told::is_session;
use super::outcome;
use super::session::{Session, Used};

/// Longest quotation of its words.
const QUOTED: usize = 400;

/// Everything in an output that says how the run went.
#[derive(Debug, Default)]
pub(super) struct Heard {
    thread: Option<String>,
    /// Of the last finished turn, over the whole thread; the inner `None` is broken.
    used: Option<Option<Used>>,
    /// How the last turn ended; `None` while it goes on.
    pub(super) turn: Option<Result<(), String>>,
    /// What it last complained of; not final.
    pub(super) complaint: Option<String>,
    /// The first line that is no JSON; one that says `error` is preferred.
    pub(super) said: Option<String>,
    /// The log has its limit, and what came after it is lost.
    pub(super) cut: bool,
}

impl Heard {
    pub(super) fn of(output: &mut dyn BufRead) -> Self {
        let mut heard = Self::default();
        json_lines::each(output, |line| match line {
            Line::Object(object) => heard.object(&object),
            Line::Text(text) => heard.text(&text),
        });
        heard
    }

    fn text(&mut self, text: &str) {
        // What the supervisor writes where it stops to keep the output.
        self.cut |= text.starts_with("[orch: the log is cut here");
        let is_error = |text: &str| text.to_ascii_lowercase().starts_with("error");
        // It says so of an empty standard input as well.
        let usual = text.starts_with("Reading additional input from stdin");
        if !usual && (self.said.is_none() || (is_error(text) && !self.said.as_deref().is_some_and(is_error))) {
            self.said = Some(one_line(text, QUOTED));
        }
    }

    fn object(&mut self, object: &Map<String, Value>) {
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        match text("type") {
            Some("thread.started") => {
                self.thread = text("thread_id").filter(|id| is_session(id)).map(str::to_owned).or(self.thread.take());
            }
            Some("turn.started") => (self.turn, self.complaint) = (None, None),
            Some("turn.completed") => {
                self.turn = Some(Ok(()));
                self.used = Some(object.get("usage").and_then(Used::of));
            }
            Some("turn.failed") => {
                let words = object.get("error").and_then(|error| error.get("message")).and_then(Value::as_str);
                self.turn = Some(Err(one_line(words.unwrap_or("no reason given"), QUOTED)));
            }
            Some("error") => self.complaint = text("message").map(|words| one_line(words, QUOTED)),
            // It went on, so what it complained of is over; its warnings are items as well.
            Some("item.started" | "item.completed") => {
                let item = object.get("item").and_then(|item| item.get("type")).and_then(Value::as_str);
                if item != Some("error") {
                    self.complaint = None;
                }
            }
            _ => {}
        }
    }

    /// What is reported of a run that ended so. `resumed` is the thread it went on with.
    pub(super) fn report(self, end: &RunEnd, resumed: Option<Session>, credential: &str) -> AgentReport {
        let outcome = outcome::of(&self, end, credential);
        let thread = self.thread.or(resumed.as_ref().map(|session| session.thread.clone()));
        // Another thread counts from nothing.
        let before = resumed.filter(|session| thread.as_ref() == Some(&session.thread));
        let before = before.map(|session| session.used).unwrap_or_default();
        let used = self.used.flatten();
        // Without a figure the next difference begins where this one did: what this run used is in it then.
        let session = thread.map(|thread| Session { thread, used: used.unwrap_or(before) });
        AgentReport {
            usage: used.and_then(|used| used.since(before)).unwrap_or_default(),
            end: outcome.end,
            session: session.filter(|_| outcome.resumable).map(|session| session.to_string()),
        }
    }
}
