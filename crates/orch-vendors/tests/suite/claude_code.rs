//! `ClaudeCode` under the contract of agents.

use std::collections::BTreeMap;

use orch_ports::agent::Agent;
use orch_testkit::contract;
use orch_testkit::contract::agent::{AgentBench, SECRET, Told};
use orch_vendors::agent::claude_code::{ClaudeCode, PermissionMode};
use serde_json::json;

const SESSION: &str = "11111111-2222-4333-8444-555555555555";

struct Bench(ClaudeCode);

fn result(denials: &serde_json::Value) -> String {
    let model = json!({"inputTokens": 2, "cacheReadInputTokens": 3, "cacheCreationInputTokens": 0, "outputTokens": 7,
        "costUSD": 0.21, "costBasis": "list"});
    let line = json!({"type": "result", "subtype": "success", "is_error": false, "session_id": SESSION,
        "permission_denials": denials, "result": "Done.", "model_usage_since_last_result": {"m": model}});
    let first = json!({"type": "system", "subtype": "init", "session_id": SESSION, "model": "m"});
    format!("{first}\n{line}\n")
}

impl AgentBench for Bench {
    fn agent(&self) -> &dyn Agent {
        &self.0
    }
    fn told(&self) -> Told {
        Told { result: None, output: result(&json!([])) }
    }
    fn tells_money(&self) -> bool {
        true
    }
    fn exit_0_in_vain(&self) -> Option<String> {
        Some(result(&json!([{"tool_name": "Write", "tool_use_id": "t", "tool_input": {}}])))
    }
}

#[test]
fn it_keeps_the_contract() {
    for permission_mode in [PermissionMode::Bypass, PermissionMode::AcceptEdits] {
        let agent = ClaudeCode {
            program: "claude".to_owned(),
            model: Some("some-model".to_owned()),
            permission_mode,
            credential: "anthropic".to_owned(),
            environment: BTreeMap::from([("KEY".to_owned(), SECRET.to_owned())]),
        };
        contract::run(contract::agent::suite(), |_| Bench(agent.clone()));
    }
}
