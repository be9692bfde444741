//! Its lines as people follow them.

use serde_json::{Map, Value};

use super::super::calm::{LINE, count, one_line, words};
use super::super::json_lines::object;

/// One line, or nothing for one that tells nothing.
pub(super) fn line(raw: &str) -> Option<String> {
    let Some(object) = object(raw) else {
        let noise = raw.trim().is_empty() || raw.starts_with("Reading additional input from stdin");
        return (!noise).then(|| one_line(raw, LINE));
    };
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    match text("type")? {
        "thread.started" => Some("Codex starts".to_owned()),
        "item.started" => started(object.get("item")?.as_object()?),
        "item.completed" => completed(object.get("item")?.as_object()?),
        "error" => text("message").map(complaint),
        // Its words stand in the error before it.
        "turn.failed" => Some("failed".to_owned()),
        "turn.completed" => Some(done(object.get("usage"))),
        _ => None,
    }
}

fn started(item: &Map<String, Value>) -> Option<String> {
    let text = |name: &str| item.get(name).and_then(Value::as_str);
    match text("type")? {
        "command_execution" => Some(one_line(&format!("Shell: {}", bare(text("command")?)), LINE)),
        "web_search" => Some(one_line(&format!("Search: {}", text("query")?), LINE)),
        "mcp_tool_call" => Some(one_line(&format!("Tool: {}", text("tool")?), LINE)),
        _ => None,
    }
}

fn completed(item: &Map<String, Value>) -> Option<String> {
    let text = |name: &str| item.get(name).and_then(Value::as_str);
    match text("type")? {
        "agent_message" => text("text").and_then(words),
        "command_execution" => {
            let code = item.get("exit_code").and_then(Value::as_i64).filter(|code| *code != 0)?;
            // The last words of a command tell why it failed.
            let output = text("aggregated_output").unwrap_or_default();
            let last = output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no output");
            Some(format!("  that failed: exit code {code}: {}", one_line(last, LINE)))
        }
        "file_change" => {
            let changes = item.get("changes").and_then(Value::as_array);
            let paths = changes.into_iter().flatten().filter_map(|change| change.get("path")?.as_str());
            Some(one_line(&format!("Edit: {}", paths.take(20).collect::<Vec<_>>().join(", ")), LINE))
        }
        "error" => text("message").map(|words| format!("warning: {}", one_line(words, LINE))),
        _ => None,
    }
}

/// A command without the shell it is wrapped in.
fn bare(command: &str) -> &str {
    let inner = command.strip_prefix("/bin/bash -lc ").or_else(|| command.strip_prefix("bash -lc "));
    inner.map_or(command, |inner| inner.trim_matches(['\'', '"']))
}

/// `Reconnecting... 2/5 (words)` is a retry.
fn complaint(words: &str) -> String {
    let retry = words.strip_prefix("Reconnecting... ").and_then(|rest| rest.split_once(" ("));
    match retry {
        Some((of, why)) => {
            let of = of.replace('/', " of ");
            let of =
                if of == "waiting for network" { "waiting for the network".to_owned() } else { format!("retry {of}") };
            one_line(&format!("{}, {of}", why.trim_end_matches(')')), LINE)
        }
        None => one_line(words, LINE),
    }
}

fn done(usage: Option<&Value>) -> String {
    let figure = |name: &str| usage.and_then(|usage| usage.get(name)).and_then(Value::as_u64);
    match (figure("input_tokens"), figure("cached_input_tokens"), figure("output_tokens")) {
        (Some(input), Some(cached), Some(output)) => format!(
            "done; its thread has used {} tokens in ({} cached), {} out",
            count(input),
            count(cached),
            count(output)
        ),
        _ => "done".to_owned(),
    }
}
