//! Any program as an agent: the `command` contract.
//!
//! It runs in the attempt's clone with `ORCH_ROLE ORCH_STAGE ORCH_TASK_ID ORCH_PROMPT_FILE ORCH_TASK_FILE ORCH_DOCS_DIR
//! ORCH_ATTEMPT ORCH_RESULT_FILE`; exit 0 plus evidence is done. The result file is optional JSON:
//! `{"model": "…", "cost_usd": 0.21, "usage": {"input_tokens": 1, "cached_tokens": 1, "cache_creation_tokens": 1,
//! "output_tokens": 1}}`; the usage fields may also stand at the top.

use std::collections::BTreeMap;
use std::io::BufRead;

use orch_ports::agent::{Agent, AgentReport, Assignment, Launch};
use orch_rules::attempt::{RunEnd, Usage};
use serde_json::Value;

use super::ready::ready;
use super::{program, told};

/// A program and what it is given besides the contract's variables.
#[derive(Clone, PartialEq, Eq)]
pub struct CommandAgent {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Its environment; the contract's variables are added.
    pub environment: BTreeMap<String, String>,
}

impl std::fmt::Debug for CommandAgent {
    /// Names of variables only: among the values are the agent's keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.environment.keys().collect();
        f.debug_struct("CommandAgent").field("argv", &self.argv).field("environment", &names).finish()
    }
}

impl Agent for CommandAgent {
    fn name(&self) -> &str {
        "command"
    }

    fn ready(&self) -> Result<(), String> {
        self.argv.first().map_or(Ok(()), |program| ready(program, &self.environment, None))
    }

    fn obstacle(&self, in_repository: &dyn Fn(&str) -> bool) -> Option<String> {
        program::obstacle(self.argv.first().map_or("", String::as_str), &self.environment, in_repository)
    }

    fn launch(&self, assignment: &Assignment) -> Launch {
        let mut environment = self.environment.clone();
        environment.extend(told::variables(assignment).map(|(name, value)| (name.to_owned(), value)));
        Launch { argv: self.argv.clone(), environment, ..Launch::default() }
    }

    fn report(
        &self,
        _end: &RunEnd,
        result: Option<&Value>,
        _resumed: Option<&str>,
        _output: &mut dyn BufRead,
    ) -> AgentReport {
        AgentReport { usage: result.map(usage).unwrap_or_default(), ..AgentReport::default() }
    }
}

fn usage(result: &Value) -> Usage {
    let count = |name: &str| result.get("usage").and_then(|u| u.get(name)).or_else(|| result.get(name))?.as_u64();
    let cost_micros = count("cost_micros").or_else(|| {
        let usd = result.get("cost_usd").or_else(|| result.get("cost"))?.as_f64()?;
        // Negative, endless or absurd money is unknown money.
        (0.0..1e9).contains(&usd).then(|| (usd * 1e6).round() as u64)
    });
    Usage {
        input_tokens: count("input_tokens"),
        cached_tokens: count("cached_tokens"),
        cache_creation_tokens: count("cache_creation_tokens"),
        output_tokens: count("output_tokens"),
        cost_micros,
        model: result.get("model").and_then(Value::as_str).map(|m| m.chars().take(100).collect()),
        ..Usage::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn usage_is_read_from_both_shapes() {
        let nested = usage(&json!({"model": "m", "cost_usd": 0.21, "usage": {"input_tokens": 5, "output_tokens": 7}}));
        assert_eq!((nested.input_tokens, nested.output_tokens, nested.cost_micros), (Some(5), Some(7), Some(210_000)));
        let flat = usage(&json!({"input_tokens": 5, "cached_tokens": 3, "cost_micros": 9}));
        assert_eq!((flat.input_tokens, flat.cached_tokens, flat.cost_micros), (Some(5), Some(3), Some(9)));
    }

    #[test]
    fn no_value_of_the_environment_is_shown() {
        let environment = BTreeMap::from([("API_KEY".to_owned(), "hush".to_owned())]);
        let shown = format!("{:?}", CommandAgent { argv: Vec::new(), environment });
        assert!(shown.contains("API_KEY") && !shown.contains("hush"), "{shown}");
    }

    #[test]
    fn what_is_broken_is_unknown_and_not_zero() {
        for broken in [
            json!({}),
            json!({"usage": "many", "cost_usd": "free"}),
            json!({"cost_usd": -1, "usage": {"input_tokens": -4}}),
        ] {
            assert_eq!(usage(&broken), Usage::default(), "{broken}");
        }
    }
}
