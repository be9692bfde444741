//! Leases of hosts: when a host may work, and when it may take the work of another for a dead one's.
//!
//! One lease per host, not per run: a thousand runs on twenty hosts are then twenty small writes every five seconds.
//! The store's clock says when a lease ends; a host counts by its own monotonic clock, from before it asked.

/// For so long a renewal holds, in milliseconds of the store's clock.
pub const LEASE_MS: i64 = 60_000;
/// A host renews so often, in milliseconds of its own clock.
pub const RENEW_EVERY_MS: i64 = 5_000;

/// How long a lease holds and how often it is renewed. All hosts of a store have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// See [`LEASE_MS`].
    pub lease_ms: i64,
    /// See [`RENEW_EVERY_MS`].
    pub renew_every_ms: i64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { lease_ms: LEASE_MS, renew_every_ms: RENEW_EVERY_MS }
    }
}

impl Pace {
    /// So long after its last renewal a host claims nothing and begins no call any more, in milliseconds of its own
    /// clock: two thirds of the lease. The rest is for what it had begun.
    #[must_use]
    pub fn work_ms(self) -> i64 {
        self.lease_ms / 3 * 2
    }

    /// Renewals that are further apart than this, in milliseconds of the host's clock, leave a gap in its lease: the
    /// store was away, or the host slept. Others may have been cut off at the same time, so their ended leases prove
    /// nothing.
    fn gap_ms(self) -> i64 {
        3 * self.renew_every_ms
    }
}

/// What a host knows of its own lease. Moments are milliseconds of its own monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OwnLease {
    pace: Pace,
    /// The newest renewal that was answered.
    newest: Option<i64>,
    /// The first one of the row without a failure, an end or a gap that `newest` ends.
    since: Option<i64>,
}

/// What the store says to a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// The lease was in force and was prolonged.
    Prolonged,
    /// It had ended (or never begun) and is in force again; meanwhile another host may have taken what this one did.
    Regained,
    /// A younger process of this host holds the lease: this one stops.
    Superseded,
}

impl OwnLease {
    /// Of a host that has not asked yet.
    #[must_use]
    pub fn of(pace: Pace) -> Self {
        Self { pace, ..Self::default() }
    }

    /// How often it is renewed.
    #[must_use]
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// A renewal that was asked for at `asked` was answered.
    pub fn answered(&mut self, asked: i64, renewal: Renewal) {
        if renewal == Renewal::Superseded {
            *self = Self::of(self.pace);
            return;
        }
        let unbroken =
            renewal == Renewal::Prolonged && self.newest.is_some_and(|newest| asked - newest <= self.pace.gap_ms());
        self.since = self.since.filter(|_| unbroken).or(Some(asked));
        self.newest = Some(asked);
    }

    /// A renewal failed: the store did not answer. The lease itself may go on.
    pub fn failed(&mut self) {
        self.since = None;
    }

    /// Whether this host may claim work and begin calls at `now`.
    #[must_use]
    pub fn may_work(&self, now: i64) -> bool {
        self.newest.is_some_and(|newest| now - newest < self.pace.work_ms())
    }

    /// Whether this host may take over from a host whose lease has ended: only who has held its own without a gap for a
    /// whole lease. After an outage of the store all leases have ended, and the first host that comes back would
    /// otherwise take the living for dead.
    #[must_use]
    pub fn may_take_over(&self, now: i64) -> bool {
        let (Some(since), Some(newest)) = (self.since, self.newest) else { return false };
        newest - since >= self.pace.lease_ms && now - newest <= self.pace.gap_ms()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORK_MS: i64 = 40_000;
    const GAP_MS: i64 = 15_000;

    /// Renewed from 0 on, every five seconds, `count` times.
    fn renewed(count: i64) -> OwnLease {
        let mut own = OwnLease::default();
        own.answered(0, Renewal::Regained);
        (1..count).for_each(|nth| own.answered(nth * RENEW_EVERY_MS, Renewal::Prolonged));
        own
    }

    #[test]
    fn a_host_stops_before_its_lease_ends() {
        assert!(!OwnLease::default().may_work(0));
        let own = renewed(1);
        assert!(own.may_work(0) && own.may_work(WORK_MS - 1));
        assert!(!own.may_work(WORK_MS) && !own.may_work(LEASE_MS));
    }

    #[test]
    fn only_a_lease_without_a_gap_takes_over() {
        let whole = LEASE_MS / RENEW_EVERY_MS + 1;
        let now = (whole - 1) * RENEW_EVERY_MS;
        assert!(renewed(whole).may_take_over(now) && !renewed(whole - 1).may_take_over(now - RENEW_EVERY_MS));
        // Not renewed lately.
        assert!(!renewed(whole).may_take_over(now + GAP_MS + 1));
        for gap in [
            (|own: &mut OwnLease, _| own.failed()) as fn(&mut OwnLease, i64),
            |own, now| own.answered(now + GAP_MS + 1, Renewal::Prolonged),
            |own, now| own.answered(now + 1, Renewal::Regained),
            |own, now| own.answered(now + 1, Renewal::Superseded),
        ] {
            let mut own = renewed(whole * 2);
            let now = (whole * 2 - 1) * RENEW_EVERY_MS;
            gap(&mut own, now);
            assert!(!own.may_take_over(now + 2));
            let mut next = now + GAP_MS + RENEW_EVERY_MS;
            // A whole lease after that it may again, and not before.
            let begun = next;
            while next - begun < LEASE_MS {
                own.answered(next, Renewal::Prolonged);
                assert!(!own.may_take_over(next));
                next += RENEW_EVERY_MS;
            }
            own.answered(next, Renewal::Prolonged);
            assert!(own.may_take_over(next));
        }
    }

    #[test]
    fn a_superseded_process_does_nothing_more() {
        let mut own = renewed(40);
        own.answered(200_000, Renewal::Superseded);
        assert!(!own.may_work(200_000) && !own.may_take_over(200_000));
    }
}
