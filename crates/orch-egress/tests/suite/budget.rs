//! A run's budget, while it runs.

use orch_egress::{Budget, Config, Wire};

use crate::vendor::{Vendor, fixture};
use crate::world::Proxy;

fn with(budget: Budget) -> impl FnOnce(&mut Config) {
    move |config| config.model.as_mut().unwrap().budget = budget
}

#[test]
fn tokens_are_given_out_until_they_are_used_up() {
    let vendor = Vendor::start(vec![fixture("anthropic-text-turn")]);
    let budget = Budget { tokens: Some(8000), micros: None };
    let mut proxy = Proxy::with(Wire::AnthropicMessages, &vendor.url(), with(budget));
    let statuses: Vec<u16> = (0..4).map(|_| proxy.ask("/v1/messages", "{}").status).collect();
    assert_eq!(statuses, [200, 200, 403, 403], "4250 tokens each");
    let refused = proxy.ask("/v1/messages", "{}");
    assert!(refused.has("x-should-retry: false"), "{}", refused.head);
    assert_eq!(refused.json()["error"]["type"], "permission_error");
    let counted = proxy.end();
    assert_eq!(counted.requests, 2);
    assert!(counted.budget_reached.unwrap().contains("models.test.run_token_budget"));
    vendor.hears();
    vendor.hears();
    assert!(vendor.heard_nothing());
    assert_eq!(proxy.journal().iter().filter(|line| line["refused"].is_string()).count(), 3);
}

#[test]
fn so_is_money() {
    let vendor = Vendor::start(vec![fixture("anthropic-text-turn")]);
    let budget = Budget { tokens: None, micros: Some(13_200) };
    let proxy = Proxy::with(Wire::AnthropicMessages, &vendor.url(), with(budget));
    let statuses: Vec<u16> = (0..3).map(|_| proxy.ask("/v1/messages", "{}").status).collect();
    assert_eq!(statuses, [200, 200, 403], "6600 micros each");
}

#[test]
fn a_promise_in_dollars_is_not_given_for_a_model_without_a_price() {
    let vendor = Vendor::start(vec![fixture("openai-responses-text-turn")]);
    let budget = Budget { tokens: None, micros: Some(1_000_000) };
    let proxy = Proxy::with(Wire::OpenAiResponses, &vendor.url(), with(budget));
    assert_eq!(proxy.ask("/v1/responses", "{}").status, 200);
    let refused = proxy.ask("/v1/responses", "{}");
    // What Codex gives up on at once.
    assert_eq!((refused.status, refused.json()["error"]["code"].as_str()), (429, Some("insufficient_quota")));
    assert!(refused.body.contains("mock-model") && refused.body.contains("models.test.prices"), "{}", refused.body);
}
