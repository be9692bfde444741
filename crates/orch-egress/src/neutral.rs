//! A question of our own to a vendor, with nothing of a run in it: is it the key that is refused?

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crate::config::{Limits, Wire};
use crate::exchange::Vendor;
use crate::heads::put;
use crate::line::Patience;
use crate::message::read_answer;

/// So long the vendor's word about the key itself is believed.
const KEY_BELIEVED: Duration = Duration::from_secs(30);

impl Vendor {
    /// Whether the vendor refuses the key itself: asked with a question of our own that has nothing of the run in it. Where
    /// it gives no answer to that, 401 is about the key and 403 is not.
    pub fn key_is_refused(&self, status: u16, limits: &Limits) -> bool {
        let mut known = self.key_refused.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, refused)) = known.filter(|(since, _)| since.elapsed() < KEY_BELIEVED) {
            return refused;
        }
        let refused = match self.neutral_question(limits) {
            Some(401 | 403) => true,
            Some(200..300) => false,
            _ => return status == 401,
        };
        *known = Some((Instant::now(), refused));
        refused
    }

    /// The status of the vendor's list of models.
    fn neutral_question(&self, limits: &Limits) -> Option<u16> {
        let patience = || Patience::of(Duration::from_millis(limits.connect_ms), None);
        let mut line = self.upstream.take(None).ok()?;
        let mut head = format!("GET {}/v1/models HTTP/1.1\r\n", self.upstream.prefix).into_bytes();
        put(&mut head, "host", self.upstream.authority.as_bytes());
        let (name, value) = self.credential.header();
        put(&mut head, name, value.as_bytes());
        if self.model.wire == Wire::AnthropicMessages {
            put(&mut head, "anthropic-version", b"2023-06-01");
        }
        if let Some(beta) = self.credential.beta() {
            put(&mut head, "anthropic-beta", beta.as_bytes());
        }
        put(&mut head, "connection", b"close");
        head.extend_from_slice(b"\r\n");
        line.send(&head, patience()).ok()?;
        read_answer(&mut line, patience()).ok().map(|answer| answer.status)
    }
}
