//! What we send against what was recorded: the same events with the same content.

use serde_json::Value;

use super::http::{Answer, Piece};

/// Events of a stream, each with its name and its data, and the head before them.
pub(super) fn body_of(recorded: &str) -> (String, Vec<Value>) {
    let (head, body) = recorded.split_once("\n\n").unwrap();
    (head.to_owned(), events(body))
}

pub(super) fn events_of_answer(answer: &Answer) -> Vec<Value> {
    let text: String = answer
        .pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.as_str(),
            Piece::Silence => "",
        })
        .collect();
    events(&text)
}

fn events(text: &str) -> Vec<Value> {
    let blocks = text.split("\n\n").filter(|block| !block.trim().is_empty());
    blocks
        .map(|block| {
            let (name, data) = block.trim().split_once('\n').unwrap();
            let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(name, format!("event: {}", data["type"].as_str().unwrap()));
            without_moments(data)
        })
        .collect()
}

/// When it was recorded is no part of it, nor is the spelling of JSON inside a text.
fn without_moments(mut data: Value) -> Value {
    match &mut data {
        Value::Object(object) => {
            object.remove("created_at");
            for (name, value) in object.iter_mut() {
                let parsed = value.as_str().filter(|_| name == "arguments").map(serde_json::from_str);
                *value = parsed.map_or_else(|| without_moments(value.take()), Result::unwrap);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = without_moments(item.take())),
        _ => {}
    }
    data
}

#[track_caller]
pub(super) fn same_events(answer: &Answer, recorded: &str) {
    let (head, theirs) = body_of(recorded);
    assert!(head.starts_with(&format!("HTTP/1.1 {} ", answer.status)), "{head}");
    for (name, value) in &answer.headers {
        assert!(head.contains(&format!("{name}: {value}")), "{name}: {value} is not in {head}");
    }
    assert_eq!(events_of_answer(answer), theirs);
}
