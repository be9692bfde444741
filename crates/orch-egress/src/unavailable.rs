//! What a vendor's refusal means: does it pass in a moment, or is there no use in asking until a human or a clock
//! has acted?

use http::HeaderMap;
use serde_json::Value;

use crate::config::Wire;
use crate::count::code;
use crate::ledger::Unavailable;

/// Waits up to this long are the client's own affair.
pub const SHORT_WAIT_S: u64 = 60;

/// What is done with an answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The client is told not to ask again.
    pub final_: bool,
    /// Seconds that stand in `retry-after` instead of the vendor's; `None` leaves it.
    pub retry_after: Option<u64>,
    /// The credential cannot be used.
    pub unavailable: Option<Unavailable>,
    /// Whose trouble it is.
    pub about: About,
    /// The vendor does not offer what is asked for at this address.
    pub unknown_model: bool,
}

/// Whose trouble an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// The request's: another one may be answered.
    Request,
    /// The vendor's, or the credential's.
    Vendor,
    /// The credential's, if the vendor refuses it in general ([`Verdict::decide`]).
    Perhaps,
}

impl Verdict {
    /// Settles [`About::Perhaps`].
    pub fn decide(&mut self, key_is_refused: bool) {
        self.about = if key_is_refused { About::Vendor } else { About::Request };
        if !key_is_refused {
            self.unavailable = None;
        }
    }

    /// Why the vendor does not serve, if this is what it means.
    pub fn unserved(&self, status: u16, body: &[u8]) -> Option<String> {
        if self.about == About::Request {
            return None;
        }
        Some(answered(status, body))
    }
}

/// An answer that is an error, in words.
pub fn answered(status: u16, body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let words = body.get("error").and_then(|e| e.get("message")).and_then(Value::as_str).unwrap_or_default();
    let words: String = words.chars().filter(|c| !c.is_control()).take(300).collect();
    let told = if words.is_empty() { String::new() } else { format!(": {words}") };
    format!("the vendor answered HTTP {status}{told}")
}

/// Codes by which a vendor says that the credential's allowance is used up. OpenAI: error types and codes of the
/// Responses API, and those that Codex's own backend sends.
const USED_UP: &[&str] = &["insufficient_quota", "usage_limit_reached", "usage_not_included", "billing_error"];

/// Whether a code, also one inside of a stream, says so.
pub fn is_used_up(code: &str) -> bool {
    USED_UP.contains(&code)
}

/// Judges an answer with a status of 400 or more. `now_ms`: milliseconds since 1970.
pub fn judge(wire: Wire, status: u16, headers: &HeaderMap, body: &[u8], now_ms: u64) -> Verdict {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = body.get("error");
    let code = code(error).unwrap_or_default();
    let words = error.and_then(|e| e.get("message")).and_then(Value::as_str).unwrap_or_default();
    let reason = |what: &str| {
        let words: String = words.chars().filter(|c| !c.is_control()).take(300).collect();
        if words.is_empty() { format!("{what} (HTTP {status})") } else { format!("{what} (HTTP {status}): {words}") }
    };
    let stop = |reason: String, until_ms: Option<u64>| Verdict {
        final_: true,
        retry_after: None,
        unavailable: Some(Unavailable { until_ms, reason }),
        about: About::Vendor,
        unknown_model: false,
    };
    let of = |about| Verdict { final_: false, retry_after: None, unavailable: None, about, unknown_model: false };
    let pass = of(About::Vendor);
    match status {
        404 | 400 | 403 if status == 404 || code == "model_not_found" => {
            Verdict { unknown_model: true, ..of(About::Request) }
        }
        401 => Verdict { about: About::Perhaps, ..stop(reason("the vendor does not accept the key"), None) },
        403 => Verdict { about: About::Perhaps, ..stop(reason("the vendor refuses the key"), None) },
        402 => stop(reason("the vendor wants to be paid"), None),
        400 if words.to_ascii_lowercase().contains("credit balance is too low") => {
            stop(reason("the vendor wants to be paid"), None)
        }
        429 => {
            let rejected = text(headers, "anthropic-ratelimit-unified-status") == Some("rejected");
            let until = resets_at(headers, error, rejected, now_ms);
            let wait_s = until.map(|until| until.saturating_sub(now_ms).div_ceil(1000));
            let used_up = is_used_up(&code) || rejected;
            if !used_up && wait_s.unwrap_or(0) <= SHORT_WAIT_S {
                return pass;
            }
            let what = if used_up { "the allowance is used up" } else { "the vendor asks to wait" };
            // codex sleeps as long as it is told, whatever else the answer says.
            let retry_after = (wire == Wire::OpenAiResponses && headers.contains_key("retry-after")).then_some(1);
            Verdict { retry_after, ..stop(reason(what), until) }
        }
        500.. => pass,
        _ => of(About::Request),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// When a limit ends, in milliseconds since 1970. The vendor's body, then the end of the subscription's window if that is what
/// rejected the request, then `retry-after` (RFC 9110, 10.2.3: seconds or a date).
fn resets_at(headers: &HeaderMap, error: Option<&Value>, rejected: bool, now_ms: u64) -> Option<u64> {
    let figure = |name: &str| error?.get(name)?.as_u64();
    let seconds = |s: u64| s.saturating_mul(1000);
    let in_seconds = |s: u64| now_ms.saturating_add(seconds(s));
    let retry_after = || {
        let value = text(headers, "retry-after")?;
        if let Ok(wait) = value.parse::<f64>() {
            return (0.0..1e9).contains(&wait).then(|| in_seconds(wait.ceil() as u64));
        }
        let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
        u64::try_from(date.as_millisecond()).ok()
    };
    figure("resets_at")
        .map(seconds)
        .or_else(|| figure("resets_in_seconds").map(in_seconds))
        .or_else(|| text(headers, "anthropic-ratelimit-unified-reset").filter(|_| rejected)?.parse().ok().map(seconds))
        .or_else(retry_after)
}
