//! An agent that is only a name for the runner's script to know. It goes on with the session that its result file
//! names (`session`), and tells which one it goes on with in `FAKE_RESUME`.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::sync::{Arc, Mutex, PoisonError};

use orch_ports::agent::{Agent, AgentReport, Assignment, Launch};
use orch_rules::attempt::{RunEnd, Usage};
use serde_json::Value;

/// Launches as `fake <role> <work item> <attempt>`, with what a script needs as variables.
#[derive(Debug, Clone, Default)]
pub struct FakeAgent {
    /// What the host lacks for it, in words.
    pub lacks: Arc<Mutex<Option<String>>>,
}

impl Agent for FakeAgent {
    fn name(&self) -> &str {
        "fake"
    }

    fn credential(&self) -> Option<String> {
        Some("main".to_owned())
    }

    fn ready(&self) -> Result<(), String> {
        self.lacks.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }

    fn launch(&self, assignment: &Assignment) -> Launch {
        let role = assignment.role.name().to_owned();
        let variables = [
            ("ORCH_ROLE", role.clone()),
            ("ORCH_STAGE", assignment.stage.to_string()),
            ("ORCH_TASK_ID", assignment.work_item.to_string()),
            ("ORCH_TASK_FILE", assignment.task_file.to_string()),
            ("ORCH_DOCS_DIR", assignment.documents.to_string()),
            ("ORCH_ATTEMPT", assignment.attempt.to_string()),
            ("ORCH_RESULT_FILE", assignment.result_file.to_string()),
        ];
        let resume = assignment.resume.iter().map(|session| ("FAKE_RESUME", session.clone()));
        Launch {
            argv: vec!["fake".to_owned(), role, assignment.work_item.to_string(), assignment.attempt.to_string()],
            environment: variables
                .into_iter()
                .chain(resume)
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<BTreeMap<_, _>>(),
            ..Launch::default()
        }
    }

    fn report(
        &self,
        _end: &RunEnd,
        result: Option<&Value>,
        _resumed: Option<&str>,
        _output: &mut dyn BufRead,
    ) -> AgentReport {
        let session = result.and_then(|result| result.get("session")).and_then(Value::as_str).map(str::to_owned);
        AgentReport { usage: result.map(usage).unwrap_or_default(), session, end: None }
    }

    /// Lines that begin with `#` are noise.
    fn readable(&self, line: &str) -> Option<String> {
        (!line.starts_with('#')).then(|| line.to_owned())
    }
}

fn usage(result: &Value) -> Usage {
    let count = |name: &str| result.get("usage").and_then(|usage| usage.get(name)).and_then(Value::as_u64);
    let cost = result.get("cost_usd").and_then(Value::as_f64).filter(|usd| (0.0..1e9).contains(usd));
    Usage {
        input_tokens: count("input_tokens"),
        cached_tokens: count("cached_tokens"),
        cache_creation_tokens: count("cache_creation_tokens"),
        output_tokens: count("output_tokens"),
        cost_micros: cost.map(|usd| (usd * 1e6).round() as u64),
        model: result.get("model").and_then(Value::as_str).map(str::to_owned),
        ..Usage::default()
    }
}
