//! Which models the pinned programs choose if nobody names one: each has a price, or its cost would be unknown on every
//! host that follows the README.

use orch_egress::price::{Tokens, price};
use orch_ports::agent::Agent;
use orch_testkit::model_server::Step;
use orch_vendors::agent::claude_code::{ClaudeCode, PermissionMode};
use orch_vendors::agent::codex::Codex;

use super::{Place, program};

fn has_a_price(place: &Place, agent: &dyn Agent) {
    place.server.play("T-001", [Step::shell("git commit -q --allow-empty -m more"), Step::says("Done.")]);
    place.run(agent).completed();
    let requests = place.server.requests();
    assert!(!requests.is_empty());
    for request in requests {
        let model = request.body["model"].as_str().unwrap_or_default().to_owned();
        for input in [1_000, 250_000] {
            let tokens = Tokens { input, ..Tokens::default() };
            assert!(price(&[], &model, &tokens).is_some(), "{model} has no price for {input} tokens of input");
        }
    }
}

#[test]
fn claude_codes_own_choice_has_a_price() {
    let Some(program) = program("prices/claude_code", super::claude::PROGRAM) else { return };
    let place = Place::new();
    let agent = ClaudeCode {
        program: program.to_str().unwrap().to_owned(),
        model: None,
        permission_mode: PermissionMode::Bypass,
        credential: "anthropic".to_owned(),
        environment: place.environment(),
    };
    has_a_price(&place, &agent);
}

#[test]
fn codexs_own_choice_has_a_price() {
    let Some(program) = program("prices/codex", super::codex::PROGRAM) else { return };
    let place = Place::new();
    let agent = Codex {
        program: program.to_str().unwrap().to_owned(),
        model: None,
        credential: "openai".to_owned(),
        environment: place.environment(),
    };
    has_a_price(&place, &agent);
}
