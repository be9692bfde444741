//! What a storm strikes with, and in which order.

/// What happens in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Blow {
    Service,
    ServiceAndGits,
    Everything,
    Host,
    Supervisors,
    Proxies,
    Gits,
    Stopped,
    Paused,
    Git(&'static str),
    Descriptors,
    FullDisk,
    OlderDatabase,
    Restored,
    Clock,
}

/// Each of them once.
pub(super) const BLOWS: &[Blow] = &[
    Blow::Service,
    Blow::Git("fails"),
    Blow::ServiceAndGits,
    Blow::Git("fails-after"),
    Blow::Host,
    Blow::Git("odd"),
    Blow::Supervisors,
    Blow::Git("hangs"),
    Blow::Proxies,
    Blow::Gits,
    Blow::Git("killed"),
    Blow::Everything,
    Blow::Git("slow"),
    Blow::Stopped,
    Blow::Descriptors,
    Blow::Paused,
    Blow::FullDisk,
    Blow::OlderDatabase,
    Blow::Clock,
    Blow::Restored,
];

impl Blow {
    /// In the report.
    pub(super) fn name(self) -> String {
        match self {
            Self::Git(how) => format!("git {how}"),
            Self::OlderDatabase => "older database".to_owned(),
            other => format!("{other:?}").to_lowercase(),
        }
    }
}

/// Numbers that are the same for the same seed.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// Below a number.
    pub(super) fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below.max(1)
    }

    /// Each of them once, so that so many rounds meet everything.
    pub(super) fn shuffled<T: Copy>(&mut self, all: &[T]) -> Vec<T> {
        let mut deck = all.to_vec();
        for at in (1..deck.len()).rev() {
            deck.swap(at, usize::try_from(self.roll(at as u64 + 1)).unwrap_or(0));
        }
        deck
    }
}
