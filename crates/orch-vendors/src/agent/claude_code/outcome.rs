//! How a run ended, by its own words.

use orch_rules::attempt::RunEnd;
use orch_rules::ids::Timestamp;
use serde_json::{Map, Value};

use super::super::calm::one_line;
use super::report::Heard;

/// What its words make of a run.
pub(super) struct Outcome {
    /// `None`: they say no more than the run's own end.
    pub(super) end: Option<RunEnd>,
    /// Whether another attempt can go on with the session.
    pub(super) resumable: bool,
}

impl Outcome {
    fn stands() -> Self {
        Self { end: None, resumable: true }
    }
    fn failed(reason: String) -> Self {
        Self { end: Some(RunEnd::Failed { reason }), resumable: true }
    }
    /// It was to go on with a session that is not there, and did nothing.
    fn session_lost() -> Self {
        Self { end: Some(RunEnd::SESSION_LOST), resumable: false }
    }
    /// The session itself is what does not go on.
    fn dead_end(reason: String) -> Self {
        Self { end: Some(RunEnd::Failed { reason }), resumable: false }
    }
}

/// Reads the outcome.
pub(super) fn of(heard: &Heard, end: &RunEnd, credential: &str) -> Outcome {
    let unavailable = |until: Option<i64>, reason: String| Outcome {
        end: Some(RunEnd::Unavailable {
            credential: credential.to_owned(),
            until: until.and_then(|seconds| seconds.checked_mul(1_000)).map(Timestamp),
            reason,
        }),
        resumable: true,
    };
    match end {
        RunEnd::Completed | RunEnd::Failed { .. } => {}
        // It waited for an answer that did not come until its time was over.
        RunEnd::TimedOut | RunEnd::Stalled => {
            return match &heard.retrying {
                Some((status, error)) => {
                    unavailable(None, format!("the model did not answer: {}", told(*status, error)))
                }
                None => Outcome::stands(),
            };
        }
        _ => return Outcome::stands(),
    }
    let Some(result) = &heard.result else { return without_result(heard, end) };
    let flag = |name: &str| result.get(name).and_then(Value::as_bool);
    let text = |name: &str| result.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("subtype") == "success" && flag("is_error") == Some(false) {
        return if heard.refused.is_empty() {
            Outcome::stands()
        } else {
            Outcome::failed(format!(
                "Claude Code was refused permission for {}; allow it, or set permission_mode = \"bypass\"",
                heard.refused.join(", ")
            ))
        };
    }
    let words = words(result);
    let says = format!("Claude Code says: {words}");
    let status = result.get("api_error_status").and_then(Value::as_u64);
    let error = heard.message_error.as_deref().unwrap_or_default();
    match (text("terminal_reason"), status, text("api_error"), error) {
        (_, Some(401 | 403), ..) | (.., "authentication_failed") => {
            unavailable(None, format!("{says} (put a key that holds into the key file of `{credential}`)"))
        }
        (.., "billing_error") => unavailable(None, format!("{says} (the account of `{credential}` has no credit)")),
        _ if words.starts_with("Not logged in") || words.starts_with("Credit balance is too low") => {
            unavailable(None, format!("{says} (see to the credential `{credential}`)"))
        }
        (_, Some(429), ..) | (_, _, "usage_limit_reached", _) => unavailable(heard.resets_at, says),
        (_, Some(500..), ..) | (_, _, "connection_failed", _) => unavailable(None, says),
        ("prompt_too_long", ..) => Outcome::dead_end(says),
        _ if text("stop_reason") == "refusal" => Outcome::dead_end(says),
        (_, Some(404), ..) => Outcome::failed(format!("{says} (the setting `model` of the agent names it)")),
        (_, None, "", "server_error" | "unknown") => unavailable(None, says),
        (reason, ..) if reason.starts_with("aborted") => {
            Outcome::failed(format!("Claude Code was interrupted ({reason})"))
        }
        _ if words.starts_with("No conversation found") => Outcome::session_lost(),
        _ => Outcome::failed(says),
    }
}

fn without_result(heard: &Heard, end: &RunEnd) -> Outcome {
    if heard.cut {
        // What it said at its end is lost, so nothing is known but the exit code.
        return Outcome::stands();
    }
    let how = match end {
        RunEnd::Failed { reason } => reason.as_str(),
        _ => "exit code 0",
    };
    let Some(said) = &heard.said else {
        return Outcome::failed(format!("Claude Code ended without a result ({how})"));
    };
    let advice = if said.contains("root/sudo") {
        "; run agents under an account of their own, or set permission_mode = \"accept_edits\""
    } else {
        ""
    };
    let reason = format!("Claude Code ended without a result ({how}): {said}{advice}");
    match () {
        () if said.contains("No conversation found") => Outcome::session_lost(),
        () if said.contains("already in use") => Outcome::dead_end(reason),
        () => Outcome::failed(reason),
    }
}

/// Its final words: the answer, else the list of errors, else the reason.
fn words(result: &Map<String, Value>) -> String {
    let text = |name: &str| result.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let errors = result.get("errors").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let errors = errors.take(5).collect::<Vec<_>>().join("; ");
    let reason = text("terminal_reason").or(text("subtype")).unwrap_or("nothing");
    let said = text("result").map(str::to_owned).or((!errors.is_empty()).then_some(errors));
    one_line(&said.unwrap_or_else(|| reason.to_owned()), 400)
}

/// `overloaded (529)`.
fn told(status: Option<u64>, error: &str) -> String {
    let error = if error.is_empty() { "no reason given" } else { error };
    status.map_or_else(|| error.to_owned(), |status| format!("{error} ({status})"))
}
