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

/// Answers without figures count for what was asked for, so no budget is without end.
#[test]
fn what_is_not_told_is_spent_all_the_same() {
    let asks = r#"{"model":"claude-opus-5-5","max_tokens":4000}"#;
    for budget in [Budget { tokens: Some(10_000), micros: None }, Budget { tokens: None, micros: Some(200_000) }] {
        for answer in
            ["{}", r#"{"usage":null}"#, r#"{"usage":{"output_tokens":-1}}"#, r#"{"usage":{"output_tokens":1.5}}"#]
        {
            let vendor = Vendor::start(vec![crate::vendor::json(200, &[], answer)]);
            let mut proxy = Proxy::with(Wire::AnthropicMessages, &vendor.url(), with(budget));
            let statuses: Vec<u16> = (0..4).map(|_| proxy.ask("/v1/messages", asks).status).collect();
            assert_eq!(statuses, [200, 200, 200, 403], "{answer} {budget:?}");
            assert!(proxy.end().budget_reached.unwrap().contains("counted as asked for"));
        }
    }
}

/// Requests at once do not each find the whole budget: what is under way may use all it asked for.
#[test]
fn many_at_once_wait_for_each_other_near_the_end_of_a_budget() {
    let vendor = Vendor::start(vec![fixture("anthropic-text-turn")]);
    let budget = Budget { tokens: None, micros: Some(13_200) };
    let mut proxy = Proxy::with(Wire::AnthropicMessages, &vendor.url(), with(budget));
    let asks = r#"{"model":"claude-opus-5-5","max_tokens":32000}"#;
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..16).map(|_| scope.spawn(|| proxy.ask("/v1/messages", asks).status)).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 2, "6600 micros each: {statuses:?}");
    assert_eq!(proxy.end().cost_micros, Some(13_200));
}
