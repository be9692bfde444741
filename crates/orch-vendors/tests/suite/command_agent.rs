//! `CommandAgent` under the contract of agents.

use std::collections::BTreeMap;

use orch_ports::agent::Agent;
use orch_testkit::contract::{self, agent::AgentBench};
use orch_vendors::agent::command::CommandAgent;

struct Bench(CommandAgent);

impl AgentBench for Bench {
    fn agent(&self) -> &dyn Agent {
        &self.0
    }
    fn result(&self) -> serde_json::Value {
        let usage = serde_json::json!({"input_tokens": 5, "cached_tokens": 3, "output_tokens": 7});
        serde_json::json!({"model": "m", "cost_usd": 0.21, "usage": usage})
    }
}

#[test]
fn it_keeps_the_contract() {
    let agent = CommandAgent { argv: vec!["agent".to_owned()], environment: BTreeMap::new() };
    contract::run(contract::agent::suite(), |_| Bench(agent.clone()));
}
