//! The OpenAI Responses API: `POST /v1/responses`, always streamed.

use serde_json::{Value, json};

use super::http::{Answer, Piece, event};
use super::script::{Deed, ToolCall, Turn, Usage};

/// Figures that the recordings were made with.
const USUAL: Usage = Usage { input: 1200, cached: 800, written: 0, output: 60 };

/// Of the output, spent on thinking.
const REASONING: u64 = 20;

/// A moment that nobody reads, seconds since 1970.
const CREATED: u64 = 1_795_212_862;

/// The answer to `request`, which is the `number`-th one of this server.
pub(super) fn answer(deed: &Deed, request: &Value, number: u64) -> Answer {
    let model = request.get("model").and_then(Value::as_str).unwrap_or("mock-model");
    let stream = Stream { model, id: format!("resp_mock{number:04}") };
    match deed {
        Deed::Turn(turn) => Answer::events(stream.events(turn)),
        Deed::Refuse { status, headers, body } => {
            let mut answer = Answer::json(*status, body);
            answer.headers.extend(headers.clone());
            answer
        }
        Deed::Cut(turn, after) | Deed::Silence(turn, after) => {
            let mut pieces = stream.events(turn);
            pieces.truncate(*after);
            if matches!(deed, Deed::Silence(..)) {
                pieces.push(Piece::Silence);
            }
            Answer::events(pieces)
        }
        Deed::BreaksOff(turn) | Deed::Garbles(turn) => {
            let mut pieces = stream.events(turn);
            // Not its last event, which alone completes it.
            pieces.pop();
            pieces.push(match deed {
                Deed::Garbles(_) => Piece::Text("event: response.completed\ndata: {\"type\":\"resp\n\n".to_owned()),
                _ => event(&json!({"type": "error", "code": "server_error", "message": "The server had an error"})),
            });
            Answer::events(pieces)
        }
        Deed::Alien(body) => Answer::body(200, "text/html", body.clone()),
        Deed::Fails { code, message } => {
            let mut response = stream.response("failed", &[], None);
            response["error"] = json!({"code": code, "message": message});
            Answer::events(
                stream.numbered(vec![stream.created(), json!({"type": "response.failed", "response": response})]),
            )
        }
        Deed::Incomplete(turn, reason) => {
            let mut response = stream.response("incomplete", &[], Some(turn.usage.unwrap_or(USUAL)));
            response["incomplete_details"] = json!({"reason": reason});
            Answer::events(
                stream.numbered(vec![stream.created(), json!({"type": "response.incomplete", "response": response})]),
            )
        }
    }
}

struct Stream<'a> {
    model: &'a str,
    id: String,
}

impl Stream<'_> {
    fn response(&self, status: &str, output: &[Value], usage: Option<Usage>) -> Value {
        let usage = usage.map(|usage| {
            json!({
                "input_tokens": usage.input,
                "input_tokens_details": {"cached_tokens": usage.cached},
                "output_tokens": usage.output,
                "output_tokens_details": {"reasoning_tokens": REASONING.min(usage.output)},
                "total_tokens": usage.input + usage.output,
            })
        });
        json!({
            "id": self.id, "object": "response", "created_at": CREATED, "model": self.model, "status": status,
            "output": output, "usage": usage, "error": null,
        })
    }

    fn created(&self) -> Value {
        json!({"type": "response.created", "response": self.response("in_progress", &[], None)})
    }

    fn numbered(&self, events: Vec<Value>) -> Vec<Piece> {
        let number = |(at, mut data): (usize, Value)| {
            data["sequence_number"] = json!(at);
            event(&data)
        };
        events.into_iter().enumerate().map(number).collect()
    }

    fn events(&self, turn: &Turn) -> Vec<Piece> {
        let mut events = vec![self.created()];
        let mut output = Vec::new();
        if !turn.text.is_empty() {
            output.push(self.says(&turn.text, &mut events));
        }
        for (at, tool) in turn.tools.iter().enumerate() {
            output.push(self.calls(tool, at, output.len(), &mut events));
        }
        let response = self.response("completed", &output, Some(turn.usage.unwrap_or(USUAL)));
        events.push(json!({"type": "response.completed", "response": response}));
        self.numbered(events)
    }

    /// The events of a message, and the finished item.
    fn says(&self, text: &str, events: &mut Vec<Value>) -> Value {
        let id = format!("msg_{}", self.id);
        let item = |status: &str, content: Value| json!({"type": "message", "id": id, "role": "assistant", "status": status, "content": content});
        let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
        let done = item("completed", json!([part(text)]));
        let at = |mut event: Value| {
            event["item_id"] = json!(id);
            event["output_index"] = json!(0);
            event["content_index"] = json!(0);
            event
        };
        let added = item("in_progress", json!([]));
        events.push(json!({"type": "response.output_item.added", "output_index": 0, "item": added}));
        events.push(at(json!({"type": "response.content_part.added", "part": part("")})));
        events.push(at(json!({"type": "response.output_text.delta", "delta": text})));
        events.push(at(json!({"type": "response.output_text.done", "text": text})));
        events.push(json!({"type": "response.output_item.done", "output_index": 0, "item": done}));
        done
    }

    /// The events of a tool's call, and the finished item.
    fn calls(&self, tool: &ToolCall, at: usize, index: usize, events: &mut Vec<Value>) -> Value {
        let (name, arguments) = match tool {
            ToolCall::Shell(command) => ("exec_command".to_owned(), json!({"cmd": command})),
            ToolCall::Named(name, input) => (name.clone(), input.clone()),
        };
        let call = format!("call_{}_{at}", self.id);
        // A tool with a free text as its input.
        let item = |status: &str| match &arguments {
            Value::String(input) => json!({"type": "custom_tool_call", "id": format!("ctc_{}_{at}", self.id),
                "call_id": call, "name": name, "input": input, "status": status}),
            input => json!({"type": "function_call", "id": format!("fc_{}_{at}", self.id), "call_id": call,
                "name": name, "arguments": input.to_string(), "status": status}),
        };
        let done = item("completed");
        let added = item("in_progress");
        events.push(json!({"type": "response.output_item.added", "output_index": index, "item": added}));
        events.push(json!({"type": "response.output_item.done", "output_index": index, "item": done}));
        done
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::Step;
    use super::super::wire_tests::same_events;
    use super::*;

    fn answered(deed: &Deed) -> Answer {
        answer(deed, &json!({"model": "mock-model", "stream": true}), 1)
    }

    #[test]
    fn it_sends_what_was_recorded() {
        same_events(&answered(&Step::says("Done.").deed), include_str!("fixtures/openai-responses-text-turn.http"));
        let commit = ToolCall::Shell("git commit -qm x".to_owned());
        let turn = Turn { text: "Committing.".to_owned(), tools: vec![commit], ..Turn::default() };
        same_events(&answered(&Deed::Turn(turn)), include_str!("fixtures/openai-responses-tool-turn.http"));
        let script = json!("const r = await tools.exec_command({cmd: \"id\"}); text(r.output);");
        let custom = Step::tool("exec", script);
        same_events(&answered(&custom.deed), include_str!("fixtures/openai-responses-custom-tool-turn.http"));
        let failed = Deed::Fails {
            code: "context_length_exceeded".to_owned(),
            message: "Your input exceeds the context window of this model.".to_owned(),
        };
        same_events(&answered(&failed), include_str!("fixtures/openai-responses-failed-context.http"));
    }
}
