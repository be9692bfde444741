//! How a run ended, by its own words.

use orch_rules::attempt::RunEnd;

use super::report::Heard;

/// What its words make of a run.
pub(super) struct Outcome {
    /// `None`: they say no more than the run's own end.
    pub(super) end: Option<RunEnd>,
    /// Whether another attempt can go on with the thread.
    pub(super) resumable: bool,
}

/// Words (in small letters) of a vendor that does not serve: a limit, an overload, a broken connection, a key.
const NOT_SERVED: &[&str] = &[
    "401 unauthorized",
    "403 forbidden",
    "last status: 429",
    "429 too many requests",
    "rate limit",
    "usage limit",
    "quota exceeded",
    "high demand",
    "last status: 5",
    "status 5",
    "stream disconnected",
    "idle timeout",
    "waiting for network",
    "connection failed",
    "error sending request",
    "missing environment variable",
];

/// Of these, what lasts until somebody sees to the key or the account, with what to do.
const LASTING: &[(&str, &str)] = &[
    ("401 unauthorized", "put a key that holds into its key file"),
    ("403 forbidden", "its key may not use this model"),
    ("quota exceeded", "its account has no credit"),
    ("missing environment variable", "it has no key"),
];

/// Reads the outcome.
pub(super) fn of(heard: &Heard, end: &RunEnd, credential: &str) -> Outcome {
    let stands = Outcome { end: None, resumable: true };
    let unavailable = |reason: String| Outcome {
        end: Some(RunEnd::Unavailable { credential: credential.to_owned(), until: None, reason }),
        resumable: true,
    };
    match end {
        RunEnd::Completed | RunEnd::Failed { .. } => {}
        // It waits for a connection without end, and for as long as the vendor says.
        RunEnd::TimedOut | RunEnd::Stalled => {
            return match &heard.complaint {
                Some(words) if not_served(words) => unavailable(format!("the model did not answer: {words}")),
                _ => stands,
            };
        }
        _ => return stands,
    }
    let words = match &heard.turn {
        Some(Ok(())) => return stands,
        Some(Err(words)) => words,
        None if heard.cut => return stands,
        None => return without_end(heard, end),
    };
    let says = format!("Codex says: {words}");
    // Codex takes an answer that its model ended early (a content filter, a limit of length) for a broken connection
    // and asks again; that is about this conversation and not about the vendor.
    if words.to_lowercase().contains("incomplete response returned") {
        let resumable = !words.contains("content_filter");
        return Outcome { end: Some(RunEnd::Failed { reason: says }), resumable };
    }
    if not_served(words) {
        let small = words.to_lowercase();
        let advice = LASTING.iter().find(|(sign, _)| small.contains(sign));
        let advice = advice.map(|(_, advice)| format!(" (credential `{credential}`: {advice})"));
        return unavailable(says + &advice.unwrap_or_default());
    }
    // A thread that has become too long stays too long.
    let resumable = !words.contains("ran out of room");
    Outcome { end: Some(RunEnd::Failed { reason: says }), resumable }
}

fn not_served(words: &str) -> bool {
    let small = words.to_lowercase();
    NOT_SERVED.iter().any(|sign| small.contains(sign))
}

fn without_end(heard: &Heard, end: &RunEnd) -> Outcome {
    let how = match end {
        RunEnd::Failed { reason } => reason.as_str(),
        _ => "exit code 0",
    };
    let said = heard.complaint.as_ref().or(heard.said.as_ref());
    let reason = match said {
        Some(said) => format!("Codex ended without finishing its turn ({how}): {said}"),
        None => format!("Codex ended without finishing its turn ({how})"),
    };
    if said.is_some_and(|said| said.contains("no rollout found")) {
        // The thread is gone, and it did nothing.
        return Outcome { end: Some(RunEnd::SESSION_LOST), resumable: false };
    }
    Outcome { end: Some(RunEnd::Failed { reason }), resumable: true }
}
