//! Its lines as people follow them.

use serde_json::{Map, Value};

use super::super::calm::{LINE, count, from_top, one_line, words};
use super::super::json_lines::object;

/// Arguments by which a tool's call is known, the telling ones first.
const TELLING: &[&str] =
    &["command", "file_path", "notebook_path", "pattern", "url", "query", "description", "skill", "prompt", "path"];

/// One line, or nothing for one that tells nothing.
pub(super) fn line(raw: &str) -> Option<String> {
    let Some(object) = object(raw) else {
        return (!raw.trim().is_empty()).then(|| one_line(raw, LINE));
    };
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    match (text("type")?, text("subtype").unwrap_or_default()) {
        ("system", "init") => {
            let version = text("claude_code_version").unwrap_or("of unknown version");
            Some(one_line(&format!("Claude Code {version} starts with {}", text("model").unwrap_or("a model")), LINE))
        }
        ("system", "api_retry") => Some(retry(&object)),
        ("system", "model_fallback" | "informational") => text("content").map(|words| one_line(words, LINE)),
        ("system", "task_notification") => text("summary").map(|words| one_line(words, LINE)),
        ("assistant", _) => said(blocks(&object)),
        ("user", _) => failed(blocks(&object)),
        ("rate_limit_event", _) => limit(object.get("rate_limit_info")?),
        ("result", _) => Some(result(&object)),
        _ => None,
    }
}

fn blocks(object: &Map<String, Value>) -> &[Value] {
    let content = object.get("message").and_then(|message| message.get("content")).and_then(Value::as_array);
    content.map(Vec::as_slice).unwrap_or_default()
}

fn said(blocks: &[Value]) -> Option<String> {
    let said: Vec<String> = blocks.iter().filter_map(block).collect();
    (!said.is_empty()).then(|| said.join("\n"))
}

fn block(block: &Value) -> Option<String> {
    let text = |name: &str| block.get(name).and_then(Value::as_str);
    match text("type")? {
        "text" => text("text").and_then(words),
        "tool_use" => {
            let argument = TELLING.iter().find_map(|name| block.get("input")?.get(name)?.as_str()).unwrap_or_default();
            Some(one_line(&format!("{}: {}", text("name").unwrap_or("tool"), from_top(argument)), LINE))
        }
        _ => None,
    }
}

/// Results of tools are long and the agent's to read; that one failed is worth a line.
fn failed(blocks: &[Value]) -> Option<String> {
    let bad = blocks.iter().find(|block| block.get("is_error").and_then(Value::as_bool) == Some(true))?;
    let content = bad.get("content");
    let first = content.and_then(Value::as_array).and_then(|parts| parts.first()).and_then(|part| part.get("text"));
    let words = content.and_then(Value::as_str).or(first.and_then(Value::as_str)).unwrap_or("without words");
    Some(format!("  that failed: {}", one_line(words, LINE)))
}

fn retry(object: &Map<String, Value>) -> String {
    let number = |name: &str| object.get(name).and_then(Value::as_u64).unwrap_or(0);
    let error = object.get("error").and_then(Value::as_str).unwrap_or("unknown");
    let what = match object.get("error_status").and_then(Value::as_u64) {
        Some(529) => "model overloaded".to_owned(),
        Some(429) => "rate limit".to_owned(),
        Some(401 | 403) => "the key is refused".to_owned(),
        Some(status) => format!("the model answers {status}"),
        None if error == "unknown" => "no answer from the model".to_owned(),
        None => format!("no answer from the model ({})", one_line(error, 60)),
    };
    let seconds = number("retry_delay_ms").div_ceil(1_000);
    format!("{what}, retry {} of {} in {seconds} s", number("attempt"), number("max_retries"))
}

fn limit(info: &Value) -> Option<String> {
    let text = |name: &str| info.get(name).and_then(Value::as_str);
    let of = one_line(text("rateLimitType").unwrap_or("usage"), 40);
    match text("status")? {
        "rejected" => Some(format!("usage limit reached ({of})")),
        "allowed_warning" => {
            let used = info.get("utilization").and_then(Value::as_f64).unwrap_or(1.0).clamp(0.0, 1.0);
            Some(format!("usage limit near: {:.0} % of {of} used", used * 100.0))
        }
        _ => None,
    }
}

fn result(object: &Map<String, Value>) -> String {
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let failed = object.get("is_error").and_then(Value::as_bool) != Some(false);
    let how = text("terminal_reason").or(text("subtype")).unwrap_or("no reason given");
    let mut line = if failed { format!("failed ({})", one_line(how, 60)) } else { "done".to_owned() };
    if let Some(turns) = object.get("num_turns").and_then(Value::as_u64) {
        line += &format!(", {turns} {}", if turns == 1 { "turn" } else { "turns" });
    }
    let usage = |name: &str| object.get("usage")?.get(name)?.as_u64();
    let cached = usage("cache_read_input_tokens");
    let parts = [usage("input_tokens"), cached, usage("cache_creation_input_tokens")];
    let input = parts.into_iter().try_fold(0u64, |sum, tokens| sum.checked_add(tokens?)).filter(|sum| *sum > 0);
    if let (Some(input), Some(output)) = (input, usage("output_tokens")) {
        line += &format!(", {} tokens in ({} cached), {} out", count(input), count(cached.unwrap_or(0)), count(output));
    }
    line
}
