//! What every port says when a call fails.

use std::fmt;

use orch_rules::ids::Timestamp;
use orch_rules::port_error::{ErrorKind, ForEffect, consequences};

/// Result of a call of a port.
pub type PortResult<T> = Result<T, PortError>;

/// A call that did not do what it should: what kind of trouble, where, and in words for people what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct PortError {
    /// Decisions go by it.
    pub kind: ErrorKind,
    /// Whose trouble it is.
    pub place: Place,
    /// For people, without any secret.
    pub words: String,
}

/// Where something went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which port was called.
    pub port: Port,
    /// Which of its targets: a repository, the place where runs live, a notifier.
    pub target: String,
    /// What the call was about; `None`: the target itself cannot be used, whatever it is asked.
    pub object: Option<String>,
}

/// The ports that call the outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// Where code is worked on.
    Workshop,
    /// Where branches live.
    Forge,
    /// Where runs are.
    Runner,
    /// Who tells people.
    Notifier,
    /// What shows outside what we know.
    Projection,
    /// Where issues are.
    Tracker,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = match self.port {
            Port::Workshop => "workshop",
            Port::Forge => "forge",
            Port::Runner => "runner",
            Port::Notifier => "notifier",
            Port::Projection => "projection",
            Port::Tracker => "tracker",
        };
        match &self.object {
            Some(object) => write!(f, "{port} {}, {object}", self.target),
            None => write!(f, "{port} {}", self.target),
        }
    }
}

impl PortError {
    /// Trouble with one object of a target.
    pub fn of_object(
        kind: ErrorKind,
        port: Port,
        target: impl Into<String>,
        object: impl Into<String>,
        words: impl Into<String>,
    ) -> Self {
        let place = Place { port, target: target.into(), object: Some(object.into()) };
        Self { kind, place, words: words.into() }
    }

    /// Trouble with the target as a whole. What does not pass by itself holds the target until it is mended; nobody's
    /// task is to blame for it, and then the same call succeeds.
    pub fn of_target(kind: ErrorKind, port: Port, target: impl Into<String>, words: impl Into<String>) -> Self {
        Self { kind, place: Place { port, target: target.into(), object: None }, words: words.into() }
    }

    /// The same, as the trouble of the target and not of the object that was asked for.
    #[must_use]
    pub fn widened(mut self) -> Self {
        self.place.object = None;
        self
    }

    /// Passes by itself.
    pub fn passes(&self) -> bool {
        self.kind.passes()
    }

    /// What becomes of an effect that met it.
    pub fn for_effect(&self) -> ForEffect {
        let consequences = consequences(self.kind);
        if self.place.object.is_some() { consequences.of_object } else { consequences.of_target }
    }

    /// When the target wants to be asked again at the earliest, if it said so.
    pub fn not_before(&self) -> Option<Timestamp> {
        match self.kind {
            ErrorKind::RateLimited { until } => Some(until),
            _ => None,
        }
    }

    /// A fact about the object that was asked for.
    pub fn is_fact(&self) -> bool {
        self.for_effect() == ForEffect::Tell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_in_trouble_is_a_fact_and_its_target_waits_to_be_mended() {
        let one = PortError::of_object(ErrorKind::Refused, Port::Forge, "shop", "refs/heads/a", "no");
        assert!(one.is_fact() && !one.passes());
        assert_eq!(one.place.to_string(), "forge shop, refs/heads/a");
        let all = one.widened();
        assert_eq!((all.for_effect(), all.is_fact()), (ForEffect::Mend, false));
        assert_eq!((all.place.to_string(), all.to_string()), ("forge shop".to_owned(), "no".to_owned()));
    }
}
