//! `CommandAgent` under the contract of agents.

use std::collections::BTreeMap;

use orch_ports::agent::Agent;
use orch_testkit::contract;
use orch_testkit::contract::agent::{AgentBench, SECRET, Told};
use orch_vendors::agent::command::CommandAgent;

struct Bench(CommandAgent);

impl AgentBench for Bench {
    fn agent(&self) -> &dyn Agent {
        &self.0
    }
    fn told(&self) -> Told {
        let usage = serde_json::json!({"input_tokens": 5, "cached_tokens": 3, "output_tokens": 7});
        let result = serde_json::json!({"model": "m", "cost_usd": 0.21, "usage": usage});
        Told { result: Some(result), output: String::new() }
    }
    fn tells_money(&self) -> bool {
        true
    }
    fn exit_0_in_vain(&self) -> Option<String> {
        None
    }
}

#[test]
fn it_keeps_the_contract() {
    let environment = BTreeMap::from([("KEY".to_owned(), SECRET.to_owned())]);
    let agent = CommandAgent { argv: vec!["agent".to_owned()], environment };
    contract::run(contract::agent::suite(), |_| Bench(agent.clone()));
}
