//! What shares one limit at a Plane server: all calls with one key. Plane counts each key's calls of the last minute.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use orch_rules::ids::Timestamp;
use orch_rules::port_error::ErrorKind;

use crate::forge::reach::{Channel, Pass, now};

/// Calls of one key in a minute that a server takes unless its administrators say otherwise.
pub const A_MINUTE: usize = 60;
/// The window, in milliseconds.
const WINDOW_MS: i64 = 60_000;

/// The calls of one key.
#[derive(Debug)]
pub struct KeyChannel {
    pub(super) server: Arc<Channel>,
    recent: Mutex<VecDeque<Timestamp>>,
    most: usize,
}

impl Default for KeyChannel {
    fn default() -> Self {
        Self::new(A_MINUTE)
    }
}

impl KeyChannel {
    /// At most so many calls in a minute.
    pub fn new(most: usize) -> Self {
        Self { server: Arc::default(), recent: Mutex::default(), most: most.max(1) }
    }

    /// Takes a turn to call `server`; what kind of trouble keeps it from that, and in words.
    pub(super) fn enter(&self, server: &str) -> Result<Pass, (ErrorKind, String)> {
        if let Some(until) = self.full(now()) {
            let words = format!("{server} takes {} requests a minute with one key; it is asked again then", self.most);
            return Err((ErrorKind::RateLimited { until }, words));
        }
        self.server.enter(server)
    }

    /// Counts a call; when the next one may be made, if this one may not.
    fn full(&self, now: Timestamp) -> Option<Timestamp> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back must not keep us out.
        while recent.front().is_some_and(|at| now.since_ms(*at) >= WINDOW_MS || now < *at) {
            recent.pop_front();
        }
        if recent.len() >= self.most {
            return recent.front().map(|oldest| oldest.plus_ms(WINDOW_MS));
        }
        recent.push_back(now);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_window_of_a_minute_holds_more_calls_than_the_server_takes() {
        let channel = KeyChannel::new(3);
        let at = |ms| channel.full(Timestamp(ms));
        assert_eq!([at(0), at(10), at(20)], [None; 3]);
        assert_eq!(at(59_999), Some(Timestamp(60_000)));
        assert_eq!(at(60_000), None);
        assert_eq!(at(60_001), Some(Timestamp(60_010)));
        assert_eq!(at(5), None, "the clock was set back");
    }
}
