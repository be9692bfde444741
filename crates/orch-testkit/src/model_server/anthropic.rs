//! The Anthropic Messages API: `POST /v1/messages`, streamed or not.

use serde_json::{Value, json};

use super::http::{Answer, Piece, event};
use super::script::{Deed, ToolCall, Turn, Usage};

/// Used for what says it is done in a whole answer: figures that the recordings were made with.
const USUAL: Usage = Usage { input: 4200, cached: 3000, written: 200, output: 50 };

/// An error body.
pub(super) fn error(kind: &str, message: &str) -> Value {
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_mock"})
}

/// The answer to `request`, which is the `number`-th one of this server.
pub(super) fn answer(deed: &Deed, request: &Value, number: u64) -> Answer {
    let model = request.get("model").and_then(Value::as_str).unwrap_or("mock-model");
    let streams = request.get("stream").and_then(Value::as_bool) == Some(true);
    let whole = |turn: &Turn| {
        if streams {
            Answer::events(events(turn, model, number))
        } else {
            Answer::json(200, &message(turn, model, number, true))
        }
    };
    match deed {
        Deed::Turn(turn) => whole(turn),
        Deed::Refuse { status, headers, body } => {
            let mut answer = Answer::json(*status, body);
            answer.headers.extend(headers.clone());
            answer
        }
        Deed::Cut(turn, after) | Deed::Silence(turn, after) if streams => {
            let mut pieces = events(turn, model, number);
            pieces.truncate(*after);
            if matches!(deed, Deed::Silence(..)) {
                pieces.push(Piece::Silence);
            }
            Answer::events(pieces)
        }
        Deed::Cut(turn, _) | Deed::Silence(turn, _) => whole(turn),
        Deed::BreaksOff(turn) | Deed::Garbles(turn) => {
            let mut pieces = events(turn, model, number);
            // message_start, ping, and the three events of the first block.
            pieces.truncate(5);
            pieces.push(match deed {
                Deed::Garbles(_) => Piece::Text(
                    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"del\n\n"
                        .to_owned(),
                ),
                _ => event(&json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})),
            });
            Answer::events(pieces)
        }
        Deed::Alien(body) => Answer::body(200, "text/html", body.clone()),
        Deed::Fails { code, message } => Answer::json(400, &error(code, message)),
        Deed::Incomplete(turn, reason) => whole(&Turn { stop_reason: Some(reason.clone()), ..turn.clone() }),
    }
}

fn blocks(turn: &Turn, number: u64) -> Vec<Value> {
    let text = (!turn.text.is_empty()).then(|| json!({"type": "text", "text": turn.text}));
    let tools = turn.tools.iter().enumerate().map(|(index, tool)| {
        let (name, input) = match tool {
            ToolCall::Shell(command) => {
                ("Bash".to_owned(), json!({"command": command, "description": "Run a command"}))
            }
            ToolCall::Named(name, input) => (name.clone(), input.clone()),
        };
        json!({"type": "tool_use", "id": format!("toolu_mock{number:04}_{index}"), "name": name, "input": input})
    });
    text.into_iter().chain(tools).collect()
}

fn stop_reason(turn: &Turn) -> &str {
    turn.stop_reason.as_deref().unwrap_or(if turn.tools.is_empty() { "end_turn" } else { "tool_use" })
}

/// The message object; a stream begins with the one that is not `finished`.
fn message(turn: &Turn, model: &str, number: u64, finished: bool) -> Value {
    let usage = turn.usage.unwrap_or(USUAL);
    json!({
        "id": format!("msg_mock{number:04}"),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": if finished { blocks(turn, number) } else { Vec::new() },
        "stop_reason": if finished { Some(stop_reason(turn)) } else { None },
        "stop_sequence": null,
        "usage": {
            "input_tokens": usage.input.saturating_sub(usage.cached).saturating_sub(usage.written),
            "cache_creation_input_tokens": usage.written,
            "cache_read_input_tokens": usage.cached,
            "output_tokens": if finished { usage.output } else { 1 },
        },
    })
}

fn events(turn: &Turn, model: &str, number: u64) -> Vec<Piece> {
    let mut events =
        vec![json!({"type": "message_start", "message": message(turn, model, number, false)}), json!({"type": "ping"})];
    for (index, mut block) in blocks(turn, number).into_iter().enumerate() {
        let deltas = if block["type"] == "text" {
            let text = block["text"].take();
            block["text"] = json!("");
            vec![json!({"type": "text_delta", "text": text})]
        } else {
            let input = block["input"].take().to_string();
            block["input"] = json!({});
            // In two pieces, as a client must be able to take it.
            let middle = (0..=input.len() / 2).rev().find(|at| input.is_char_boundary(*at)).unwrap_or(0);
            let (first, second) = input.split_at(middle);
            [first, second].map(|piece| json!({"type": "input_json_delta", "partial_json": piece})).into()
        };
        events.push(json!({"type": "content_block_start", "index": index, "content_block": block}));
        let delta = |delta| json!({"type": "content_block_delta", "index": index, "delta": delta});
        events.extend(deltas.into_iter().map(delta));
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    let output = turn.usage.unwrap_or(USUAL).output;
    let end = json!({"stop_reason": stop_reason(turn), "stop_sequence": null});
    events.push(json!({"type": "message_delta", "delta": end, "usage": {"output_tokens": output}}));
    events.push(json!({"type": "message_stop"}));
    events.iter().map(event).collect()
}

#[cfg(test)]
mod tests {
    use super::super::script::Step;
    use super::super::wire_tests::{body_of, same_events};
    use super::*;

    fn answered(step: &Step, stream: bool) -> Answer {
        answer(&step.deed, &json!({"model": "claude-opus-5-5", "stream": stream}), 1)
    }

    #[test]
    fn it_sends_what_was_recorded() {
        let recorded = include_str!("fixtures/anthropic-text-turn.http");
        same_events(&answered(&Step::says("Done."), true), recorded);
        let partial = Turn { text: "partial answer that is cut".to_owned(), ..Turn::default() };
        let recorded = include_str!("fixtures/anthropic-cut-after-4-events.http");
        same_events(&answered(&Step::of(Deed::Cut(partial, 4)), true), recorded);
        let broken = Turn { text: "abc".to_owned(), ..Turn::default() };
        let recorded = include_str!("fixtures/anthropic-error-event-mid-stream.http");
        same_events(&answered(&Step::of(Deed::BreaksOff(broken)), true), recorded);
    }

    /// The recording splits a tool's input at another place, so the pieces are put together first.
    #[test]
    fn it_calls_tools_as_was_recorded() {
        let input = json!({"command": "git commit -qm x", "description": "Commit"});
        let turn = Turn {
            text: "Now commit.".to_owned(),
            tools: vec![ToolCall::Named("Bash".to_owned(), input.clone())],
            ..Turn::default()
        };
        let answer = answered(&Step::of(Deed::Turn(turn)), true);
        let recorded = include_str!("fixtures/anthropic-tool-turn.http");
        let input_of = |events: &[Value]| -> String {
            events.iter().filter_map(|event| event["delta"]["partial_json"].as_str()).collect()
        };
        let rest = |events: &[Value]| -> Vec<Value> {
            events.iter().filter(|event| event["delta"]["partial_json"].is_null()).cloned().collect()
        };
        let (ours, theirs) = (super::super::wire_tests::events_of_answer(&answer), body_of(recorded).1);
        assert_eq!(rest(&ours), rest(&theirs));
        for events in [ours, theirs] {
            assert_eq!(serde_json::from_str::<Value>(&input_of(&events)).unwrap(), input);
        }
    }

    #[test]
    fn who_wants_no_stream_gets_the_whole_message() {
        let recorded = include_str!("fixtures/anthropic-nonstream-text-turn.http");
        let (_, body) = recorded.split_once("\n\n").unwrap();
        let Answer { pieces, .. } = answered(&Step::says("Done."), false);
        let [Piece::Text(ours)] = &pieces[..] else { panic!("{pieces:?}") };
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(parse(ours), parse(body));
    }

    #[test]
    fn errors_are_worded_as_was_recorded() {
        for (recorded, step) in [
            (
                include_str!("fixtures/anthropic-429.http"),
                Step::error(
                    429,
                    "rate_limit_error",
                    "This request would exceed your rate limit",
                    &[("retry-after", "3")],
                ),
            ),
            (include_str!("fixtures/anthropic-529.http"), Step::error(529, "overloaded_error", "Overloaded", &[])),
        ] {
            let (head, body) = recorded.split_once("\n\n").unwrap();
            let answer = answered(&step, true);
            assert!(head.starts_with(&format!("HTTP/1.1 {} ", answer.status)), "{head}");
            let retry = answer.headers.iter().find(|(name, _)| name == "retry-after").map(|(_, value)| value.as_str());
            assert_eq!(retry, head.lines().find_map(|line| line.strip_prefix("retry-after: ")));
            let [Piece::Text(ours)] = &answer.pieces[..] else { panic!("{answer:?}") };
            let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            assert_eq!(parse(ours), parse(body));
        }
    }
}
