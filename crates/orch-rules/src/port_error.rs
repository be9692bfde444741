//! What a port says when a call fails, and what follows of it: one table for every port.

use crate::ids::Timestamp;

/// What kind of trouble. Decisions go by it, never by the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// May pass by itself: the network, a 5xx, a busy lock, a full disk, a killed process. What says nothing else is this.
    Passing,
    /// Too many calls; not before then.
    RateLimited {
        /// By our clock.
        until: Timestamp,
    },
    /// The credentials are not taken.
    Unauthorised,
    /// Understood and refused: the same call will be refused again.
    Refused,
    /// Something the call needs is not there yet.
    Missing,
    /// What the call is about does not exist, or not any more.
    Gone,
    /// Somebody else changed it first.
    Conflict,
    /// The answer cannot be understood.
    Malformed,
    /// Nobody knows whether it arrived.
    InDoubt,
}

/// What becomes of a step that a task or a lane waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForEffect {
    /// Tried again, for as long as that takes: it is no fact about the task.
    Again,
    /// Held with its target until somebody mends that: it is no fact about the task either.
    Mend,
    /// A fact, told to whoever waits for it.
    Tell,
}

/// What becomes of a message or a projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForMessage {
    /// Tried again; the pause grows.
    Again,
    /// Tried again then.
    NotBefore(Timestamp),
    /// Kept until its target is mended.
    Mend,
    /// Never by itself: shown, until a person replays or drops it.
    Dead,
    /// There is nothing to tell it to any more.
    Ended,
}

/// What it says of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForTarget {
    /// It answers: the trouble is the object's alone.
    Well,
    /// It may be down: it is, if another object fails as well.
    Suspect,
    /// It wants to be left alone until then.
    Limited(Timestamp),
    /// Nothing is sent until its settings change.
    Closed,
}

/// What follows of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consequences {
    /// For an effect, if one object is in trouble.
    pub of_object: ForEffect,
    /// For an effect, if the target as a whole is: whatever else it is asked will fail as well.
    pub of_target: ForEffect,
    /// For a message.
    pub message: ForMessage,
    /// For the target.
    pub target: ForTarget,
}

/// The table.
pub fn consequences(kind: ErrorKind) -> Consequences {
    use {ForEffect as E, ForMessage as M, ForTarget as T};
    let (of_object, of_target, message, target) = match kind {
        ErrorKind::Passing => (E::Again, E::Again, M::Again, T::Suspect),
        ErrorKind::RateLimited { until } => (E::Again, E::Again, M::NotBefore(until), T::Limited(until)),
        ErrorKind::Unauthorised => (E::Mend, E::Mend, M::Mend, T::Closed),
        ErrorKind::Refused => (E::Tell, E::Mend, M::Dead, T::Well),
        ErrorKind::Missing => (E::Again, E::Mend, M::Again, T::Well),
        ErrorKind::Gone => (E::Tell, E::Mend, M::Ended, T::Well),
        ErrorKind::Conflict => (E::Tell, E::Mend, M::Again, T::Well),
        ErrorKind::Malformed => (E::Tell, E::Mend, M::Dead, T::Well),
        ErrorKind::InDoubt => (E::Again, E::Again, M::Again, T::Suspect),
    };
    Consequences { of_object, of_target, message, target }
}

impl ErrorKind {
    /// Passes by itself, whatever it is about: no news of anything.
    pub fn passes(self) -> bool {
        consequences(self).of_target == ForEffect::Again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEN: Timestamp = Timestamp(7);

    #[test]
    fn each_kind_has_its_row() {
        use {ForEffect as E, ForMessage as M, ForTarget as T};
        for (kind, of_object, of_target, message, target) in [
            (ErrorKind::Passing, E::Again, E::Again, M::Again, T::Suspect),
            (ErrorKind::RateLimited { until: THEN }, E::Again, E::Again, M::NotBefore(THEN), T::Limited(THEN)),
            (ErrorKind::Unauthorised, E::Mend, E::Mend, M::Mend, T::Closed),
            (ErrorKind::Refused, E::Tell, E::Mend, M::Dead, T::Well),
            (ErrorKind::Missing, E::Again, E::Mend, M::Again, T::Well),
            (ErrorKind::Gone, E::Tell, E::Mend, M::Ended, T::Well),
            (ErrorKind::Conflict, E::Tell, E::Mend, M::Again, T::Well),
            (ErrorKind::Malformed, E::Tell, E::Mend, M::Dead, T::Well),
            (ErrorKind::InDoubt, E::Again, E::Again, M::Again, T::Suspect),
        ] {
            assert_eq!(consequences(kind), Consequences { of_object, of_target, message, target }, "{kind:?}");
            assert!(of_target != E::Tell, "{kind:?}: a target in trouble is never a fact about one task");
        }
    }
}
