//! A target's health: one object that fails is its own trouble; the connection is down only when two of them fail.

use serde::{Deserialize, Serialize};

use super::pause_ms;
use crate::ids::Timestamp;
use crate::port_error::{ErrorKind, ForTarget, consequences};

/// A target is a connection; limits belong to its channel (a chat, a key).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Health {
    /// Objects that failed in a row, at most two.
    pub failing: Vec<String>,
    /// Failures in a row while it is down.
    pub failures: u32,
    /// Down since.
    pub since: Option<Timestamp>,
    /// Nothing is sent before; then one call goes first.
    pub until: Option<Timestamp>,
    /// The credentials were refused: nothing is sent until they change. The fingerprint of those that were.
    pub refused: Option<String>,
    /// The last failure, for people.
    pub reason: String,
}

/// What may be called now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Everything that is due.
    Freely,
    /// One call, to find out.
    OneCall,
    /// Nothing before then.
    NotBefore(Timestamp),
    /// Nothing until the settings change.
    Stopped,
}

impl Health {
    /// What may be called now, with the credentials of this fingerprint.
    pub fn pace(&self, now: Timestamp, fingerprint: &str) -> Pace {
        match (&self.refused, self.until) {
            (Some(refused), _) if refused == fingerprint => Pace::Stopped,
            (_, Some(until)) if now < until => Pace::NotBefore(until),
            (_, Some(_)) => Pace::OneCall,
            (_, None) => Pace::Freely,
        }
    }

    /// It is out for everything.
    pub fn is_down(&self) -> bool {
        self.until.is_some() || self.refused.is_some()
    }

    /// A call was answered as it should be.
    pub fn served(&mut self) {
        *self = Self::default();
    }

    /// A call for `object` failed. True if that has just closed the target.
    pub fn failed(&mut self, kind: ErrorKind, object: &str, fingerprint: &str, reason: &str, now: Timestamp) -> bool {
        let was_down = self.is_down();
        match consequences(kind).target {
            ForTarget::Closed => {
                self.refused = Some(fingerprint.to_owned());
                self.until = None;
            }
            ForTarget::Limited(until) => self.until = Some(until.max(now.plus_ms(1_000))),
            ForTarget::Suspect => {
                if self.failing.len() < 2 && !self.failing.iter().any(|known| known == object) {
                    self.failing.push(object.to_owned());
                }
                if self.until.is_some() || self.failing.len() > 1 {
                    self.failures = self.failures.saturating_add(1);
                    self.until = Some(now.plus_ms(pause_ms(self.failures)));
                }
            }
            // It answered, and spoke of this object alone.
            ForTarget::Well => {
                self.served();
                return false;
            }
        }
        reason.clone_into(&mut self.reason);
        if self.is_down() {
            self.since.get_or_insert(now);
        }
        self.is_down() && !was_down
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    #[test]
    fn one_bad_object_stops_nobody_and_two_stop_all() {
        let mut health = Health::default();
        assert!((0..9).all(|_| !health.failed(ErrorKind::Passing, "a", "f", "500", NOW)));
        assert_eq!(health.pace(NOW, "f"), Pace::Freely);
        assert!(health.failed(ErrorKind::Passing, "b", "f", "500", NOW));
        assert_eq!(health.pace(NOW, "f"), Pace::NotBefore(NOW.plus_ms(5_000)));
        assert_eq!(health.pace(NOW.plus_ms(5_000), "f"), Pace::OneCall);
        assert!(!health.failed(ErrorKind::Passing, "a", "f", "500", NOW.plus_ms(5_000)), "it was down before");
        assert_eq!(health.pace(NOW.plus_ms(5_000), "f"), Pace::NotBefore(NOW.plus_ms(15_000)));
        health.served();
        assert_eq!(health, Health::default());
    }

    #[test]
    fn a_limit_is_heeded_and_refused_credentials_wait_for_others() {
        let mut health = Health::default();
        health.failed(ErrorKind::RateLimited { until: NOW.plus_ms(40_000) }, "a", "f", "429", NOW);
        assert_eq!(health.pace(NOW, "f"), Pace::NotBefore(NOW.plus_ms(40_000)));
        assert!(!health.failed(ErrorKind::Unauthorised, "a", "f", "401", NOW));
        assert_eq!(health.pace(NOW.plus_ms(i64::from(u32::MAX)), "f"), Pace::Stopped);
        assert_eq!(health.pace(NOW, "another key"), Pace::Freely);
    }

    #[test]
    fn an_answer_about_the_object_proves_the_target_well() {
        let mut health = Health::default();
        health.failed(ErrorKind::Passing, "a", "f", "500", NOW);
        assert!(!health.failed(ErrorKind::Refused, "b", "f", "400", NOW));
        assert_eq!(health, Health::default());
    }
}
