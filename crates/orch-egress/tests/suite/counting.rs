//! Tokens and money, by the recorded answers of both vendors.

use orch_egress::{Metered, Price, Wire};

use crate::vendor::{Say, Vendor, fixture, json};
use crate::world::Proxy;

fn metered(wire: Wire, answers: Vec<Say>, requests: usize) -> Metered {
    let vendor = Vendor::start(answers);
    let mut proxy = Proxy::of(wire, &vendor.url());
    let path = if wire == Wire::AnthropicMessages { "/v1/messages?beta=true" } else { "/v1/responses" };
    for _ in 0..requests {
        proxy.ask(path, "{}");
    }
    proxy.end()
}

const ANTHROPIC: Wire = Wire::AnthropicMessages;
const OPENAI: Wire = Wire::OpenAiResponses;

#[test]
fn input_includes_what_was_cached_and_the_last_output_figure_holds() {
    for name in ["anthropic-text-turn", "anthropic-tool-turn", "anthropic-nonstream-text-turn"] {
        let counted = metered(ANTHROPIC, vec![fixture(name)], 1);
        assert_eq!((counted.input_tokens, counted.cached_tokens, counted.cache_creation_tokens), (4200, 3000, 200));
        assert_eq!((counted.output_tokens, counted.requests, counted.uncounted), (50, 1, 0), "{name}");
        assert_eq!(counted.model.as_deref(), Some("claude-opus-5-5"));
        // 1000 × $4 + 3000 × $0.20 + 200 × $5 + 50 × $20, for a million each.
        assert_eq!(counted.cost_micros, Some(4000 + 600 + 1000 + 1000), "{name}");
    }
}

#[test]
fn answers_add_up() {
    let counted = metered(ANTHROPIC, vec![fixture("anthropic-text-turn")], 3);
    assert_eq!((counted.input_tokens, counted.output_tokens, counted.requests), (12_600, 150, 3));
    assert_eq!(counted.cost_micros, Some(3 * 6600));
}

#[test]
fn a_stream_that_breaks_off_counts_as_far_as_it_told_and_is_not_known() {
    for name in ["anthropic-cut-after-4-events", "anthropic-error-event-mid-stream"] {
        let counted = metered(ANTHROPIC, vec![fixture(name)], 1);
        assert_eq!((counted.input_tokens, counted.output_tokens, counted.uncounted), (4200, 1, 1), "{name}");
        // What was asked for, which nobody named: 128,000 at $20 for a million.
        let least = 128_000 * 20;
        assert!(counted.cost_micros.is_none() && counted.at_least_micros >= least, "{name}: {counted:?}");
        assert!(counted.unserved.is_some(), "{name}");
    }
}

#[test]
fn responses_are_counted_and_a_model_without_a_price_costs_nobody_knows_what() {
    for name in ["openai-responses-text-turn", "openai-responses-tool-turn", "openai-responses-custom-tool-turn"] {
        let counted = metered(OPENAI, vec![fixture(name)], 1);
        assert_eq!((counted.input_tokens, counted.cached_tokens, counted.output_tokens), (1200, 800, 60), "{name}");
        assert_eq!((counted.cost_micros, counted.model.as_deref()), (None, Some("mock-model")));
    }
}

#[test]
fn a_failed_response_without_figures_used_nothing_that_was_told() {
    let counted = metered(OPENAI, vec![fixture("openai-responses-failed-context")], 1);
    assert_eq!((counted.input_tokens, counted.requests, counted.uncounted), (0, 1, 0));
}

#[test]
fn an_answer_whose_figures_are_missing_makes_the_cost_unknown() {
    for body in ["{}", "<html>", r#"{"model":"claude-opus-5-5","usage":"many"}"#] {
        let counted = metered(ANTHROPIC, vec![json(200, &[], body)], 1);
        assert_eq!((counted.requests, counted.uncounted, counted.cost_micros), (1, 1, None), "{body}");
    }
}

#[test]
fn what_was_unknown_once_stays_unknown() {
    let counted = metered(ANTHROPIC, vec![json(200, &[], "{}"), fixture("anthropic-text-turn")], 2);
    assert_eq!((counted.requests, counted.input_tokens, counted.cost_micros), (2, 4200, None));
}

#[test]
fn later_figures_replace_earlier_ones_and_the_long_cache_has_its_price() {
    let body = "data: {\"type\":\"message_start\",\"message\":{\"model\":\"claude-opus-5-5\",\"usage\":{\"input_tokens\":1,\
        \"cache_creation_input_tokens\":100,\"cache_creation\":{\"ephemeral_1h_input_tokens\":40}}}}\n\n\
        data: {\"type\":\"message_delta\",\"usage\":{\"input_tokens\":5,\"output_tokens\":7}}\n\n";
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{body}");
    let counted = metered(ANTHROPIC, vec![Say::Bytes(answer.into_bytes())], 1);
    assert_eq!((counted.input_tokens, counted.cache_creation_tokens, counted.output_tokens), (105, 100, 7));
    assert_eq!(counted.cost_micros, Some(5 * 4 + 60 * 5 + 40 * 8 + 7 * 20));
}

#[test]
fn a_price_of_ones_own_holds() {
    let vendor = Vendor::start(vec![fixture("openai-responses-text-turn")]);
    let mut proxy = Proxy::with(OPENAI, &vendor.url(), |config| {
        let price = Price { input: 2_000_000, cached: 1_000_000, cache_write: 0, output: 10_000_000 };
        config.model.as_mut().unwrap().prices = vec![("mock-*".to_owned(), price)];
    });
    proxy.ask("/v1/responses", "{}");
    assert_eq!(proxy.end().cost_micros, Some(400 * 2 + 800 + 60 * 10));
}

#[test]
fn counting_tokens_is_no_use_of_them() {
    let vendor = Vendor::start(vec![json(200, &[], r#"{"input_tokens":9}"#)]);
    let mut proxy = Proxy::of(ANTHROPIC, &vendor.url());
    assert_eq!(proxy.ask("/v1/messages/count_tokens", "{}").json()["input_tokens"], 9);
    let counted = proxy.end();
    assert_eq!((counted.requests, counted.cost_micros), (0, Some(0)));
}

#[test]
fn a_proxy_that_is_started_again_goes_on_counting() {
    let vendor = Vendor::start(vec![fixture("anthropic-text-turn")]);
    let mut proxy = Proxy::of(ANTHROPIC, &vendor.url());
    proxy.ask("/v1/messages", "{}");
    let before = proxy.end();
    let again = Proxy::with(ANTHROPIC, &vendor.url(), |config| config.run_directory = proxy.run_directory());
    again.ask("/v1/messages", "{}");
    drop(again);
    let after = Metered::read(&proxy.run_directory()).unwrap();
    assert_eq!((before.requests, after.requests, after.cost_micros), (1, 2, Some(2 * 6600)));
}

/// What a run has read is paid, whether it waits for the figures or not.
#[test]
fn an_answer_is_counted_to_its_end_when_the_run_hangs_up() {
    use std::io::{Read, Write};
    for (rest, output, uncounted) in [
        ("data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":30000}}\n\n", 30_000, 0),
        ("", 1, 1),
        ("data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":-5}}\n\n", 1, 1),
        ("data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":1e300}}\n\n", 1, 1),
        ("data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":\"7\"}}\n\n", 1, 1),
    ] {
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let act = move |socket: &mut std::net::TcpStream| {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
            let start = "data: {\"type\":\"message_start\",\"message\":{\"model\":\"claude-opus-5-5\",\"usage\":{\"input_tokens\":100,\"output_tokens\":1}}}\n\nevent: last words\n\n";
            socket.write_all(format!("{head}{start}").as_bytes()).unwrap();
            let _hung_up = gone.recv();
            let _gone = socket.write_all(rest.as_bytes());
        };
        let vendor = Vendor::start(vec![Say::Act(Box::new(act))]);
        let mut proxy = Proxy::of(ANTHROPIC, &vendor.url());
        let mut socket = proxy.connect();
        let body = r#"{"model":"claude-opus-5-5","max_tokens":1000}"#;
        socket.write_all(&crate::world::request("POST", "/v1/messages", &[], body)).unwrap();
        let mut text = Vec::new();
        while memchr::memmem::find(&text, b"last words").is_none() {
            let mut piece = [0; 1000];
            let n = socket.read(&mut piece).unwrap();
            text.extend_from_slice(&piece[..n]);
        }
        drop(socket);
        go.send(()).unwrap();
        let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while Metered::read(&proxy.run_directory()).is_none_or(|counted| counted.requests == 0) {
            assert!(std::time::Instant::now() < until, "it was never counted");
            std::thread::yield_now();
        }
        let counted = proxy.end();
        assert_eq!((counted.output_tokens, counted.uncounted), (output, uncounted), "{rest}");
        match uncounted {
            0 => assert_eq!(counted.cost_micros, Some(100 * 4 + 30_000 * 20)),
            _ => assert!(counted.cost_micros.is_none() && counted.at_least_micros >= 1000 * 20, "{counted:?}"),
        }
    }
}

#[test]
fn searches_of_the_vendor_have_their_price() {
    let body = r#"{"model":"claude-opus-5-5","usage":{"input_tokens":1,"output_tokens":1,"server_tool_use":{"web_search_requests":5}}}"#;
    let counted = metered(ANTHROPIC, vec![json(200, &[], body)], 1);
    assert_eq!(counted.cost_micros, Some(4 + 20 + 50_000));
}
