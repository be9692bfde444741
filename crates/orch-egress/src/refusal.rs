//! Answers of the proxy itself, in the shape of the vendor whose client asks. What a client does with which of them was
//! tried with claude 2.1.329 and codex 0.169.0.

use serde_json::json;

use crate::config::Wire;

/// Why a request is not sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It breaks the rules of HTTP.
    Bad,
    /// It does not name the run's key.
    Unauthorized,
    /// Another path than the vendor's.
    NotFound,
    /// Its body is too large.
    TooLarge,
    /// The run's budget is used up: both clients give up at once.
    Budget,
    /// The vendor cannot be reached, or does not answer.
    Unreachable,
}

impl Refused {
    /// Status, and the words of the vendor's error object.
    fn shape(self, wire: Wire) -> (u16, &'static str, &'static str) {
        match (self, wire) {
            (Self::Bad, Wire::AnthropicMessages) => (400, "invalid_request_error", ""),
            (Self::Bad, Wire::OpenAiResponses) => (400, "invalid_request_error", "invalid_request"),
            (Self::Unauthorized, Wire::AnthropicMessages) => (401, "authentication_error", ""),
            (Self::Unauthorized, Wire::OpenAiResponses) => (401, "invalid_request_error", "invalid_api_key"),
            (Self::NotFound, Wire::AnthropicMessages) => (404, "not_found_error", ""),
            (Self::NotFound, Wire::OpenAiResponses) => (404, "invalid_request_error", "not_found"),
            (Self::TooLarge, Wire::AnthropicMessages) => (413, "request_too_large", ""),
            (Self::TooLarge, Wire::OpenAiResponses) => (413, "invalid_request_error", "request_too_large"),
            (Self::Budget, Wire::AnthropicMessages) => (403, "permission_error", ""),
            (Self::Budget, Wire::OpenAiResponses) => (429, "insufficient_quota", "insufficient_quota"),
            (Self::Unreachable, Wire::AnthropicMessages) => (529, "overloaded_error", ""),
            (Self::Unreachable, Wire::OpenAiResponses) => (502, "server_error", "server_error"),
        }
    }

    /// Status and body.
    pub fn answer(self, wire: Wire, words: &str) -> (u16, Vec<u8>) {
        let (status, kind, code) = self.shape(wire);
        let words = format!("Orchestrion: {words}");
        let body = match wire {
            Wire::AnthropicMessages => json!({"type": "error", "error": {"type": kind, "message": words}}),
            Wire::OpenAiResponses => {
                json!({"error": {"message": words, "type": kind, "param": null, "code": code}})
            }
        };
        (status, body.to_string().into_bytes())
    }

    /// Whether asking again may help.
    pub fn passes(self) -> bool {
        self == Self::Unreachable
    }
}
