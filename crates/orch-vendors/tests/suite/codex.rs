//! `Codex` under the contract of agents.

use std::collections::BTreeMap;

use orch_ports::agent::Agent;
use orch_testkit::contract;
use orch_testkit::contract::agent::{AgentBench, SECRET, Told};
use orch_vendors::agent::codex::Codex;

const STARTED: &str = r#"{"type":"thread.started","thread_id":"01a1faea-3ce3-7721-8825-6312fc37ef99"}
{"type":"turn.started"}
"#;
const ENDED: &str = r#"{"type":"turn.completed","usage":{"input_tokens":5,"cached_input_tokens":3,"output_tokens":7}}
"#;

struct Bench(Codex);

impl AgentBench for Bench {
    fn agent(&self) -> &dyn Agent {
        &self.0
    }
    fn told(&self) -> Told {
        Told { result: None, output: format!("{STARTED}{ENDED}") }
    }
    fn tells_money(&self) -> bool {
        false
    }
    fn exit_0_in_vain(&self) -> Option<String> {
        Some(STARTED.to_owned())
    }
}

#[test]
fn it_keeps_the_contract() {
    let agent = Codex {
        program: "codex".to_owned(),
        model: Some("some-model".to_owned()),
        credential: "openai".to_owned(),
        environment: BTreeMap::from([("KEY".to_owned(), SECRET.to_owned())]),
    };
    contract::run(contract::agent::suite(), |_| Bench(agent.clone()));
}
