//! What leaves: projections (*make X look like what we know*) and messages (*say this once*). Rows of both are written
//! with the facts; what is done with one is decided here, before each try, from the facts of that moment.

pub mod fate;
pub mod message;
pub mod projection;
pub mod target;

use crate::ids::Timestamp;
use crate::port_error::{ErrorKind, ForMessage, consequences};

/// First pause in milliseconds of an object that failed; it doubles from failure to failure.
const FIRST_PAUSE_MS: i64 = 5_000;
/// The longest pause in milliseconds.
const LONGEST_PAUSE_MS: i64 = 60 * 60_000;
/// The longest pause in milliseconds of a projection whose target is in trouble that passes.
const LONGEST_PASSING_MS: i64 = 60_000;

/// What follows for the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Try again.
    Again {
        /// Not before.
        due: Timestamp,
    },
    /// Never by itself: shown, until a person replays or drops it.
    Dead,
    /// There is nothing to tell it to any more.
    Ended,
}

/// What becomes of a row after a failed try. `tries` counts this one, `made_at` is when the row was written, and after
/// `keep_ms` it is given up.
pub fn after_failure(kind: ErrorKind, tries: u32, made_at: Timestamp, now: Timestamp, keep_ms: i64) -> Next {
    let due = match consequences(kind).message {
        ForMessage::Ended => return Next::Ended,
        ForMessage::Dead => return Next::Dead,
        ForMessage::NotBefore(until) => until.max(now.plus_ms(1_000)),
        // The target itself waits for other settings; its rows only wait for it.
        ForMessage::Mend => now.plus_ms(FIRST_PAUSE_MS),
        ForMessage::Again => now.plus_ms(pause_ms(tries)),
    };
    if now.since_ms(made_at) >= keep_ms { Next::Dead } else { Next::Again { due } }
}

/// When a projection is tried again after a failed try; `None`: there is nothing to show it at any more. It is never given
/// up: whatever is wrong, what is shown has to be right in the end.
pub fn after_failed_projection(kind: ErrorKind, tries: u32, now: Timestamp) -> Option<Timestamp> {
    match consequences(kind).message {
        ForMessage::Ended => None,
        ForMessage::NotBefore(until) => Some(until.max(now.plus_ms(1_000))),
        ForMessage::Mend => Some(now.plus_ms(FIRST_PAUSE_MS)),
        // What passes is over at any moment, and what waits for it is seen by people.
        ForMessage::Again if kind == ErrorKind::Passing => Some(now.plus_ms(pause_ms(tries).min(LONGEST_PASSING_MS))),
        ForMessage::Again | ForMessage::Dead => Some(now.plus_ms(pause_ms(tries))),
    }
}

/// 5, 10, 20 … seconds, to an hour.
pub fn pause_ms(tries: u32) -> i64 {
    (FIRST_PAUSE_MS << tries.saturating_sub(1).min(16)).min(LONGEST_PAUSE_MS)
}

/// No call starts that could outlive its claim: another worker would repeat it while it is under way.
pub fn may_call(now: Timestamp, claimed_until: Timestamp, longest_call_ms: i64) -> bool {
    now.plus_ms(longest_call_ms) < claimed_until
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);
    const WEEK: i64 = 7 * 24 * 60 * 60_000;

    #[test]
    fn what_follows_a_failure_is_one_table() {
        let next = |kind| after_failure(kind, 3, NOW, NOW, WEEK);
        let again = |ms| Next::Again { due: NOW.plus_ms(ms) };
        for (kind, expected) in [
            (ErrorKind::Passing, again(20_000)),
            (ErrorKind::RateLimited { until: NOW.plus_ms(90_000) }, again(90_000)),
            (ErrorKind::RateLimited { until: Timestamp(0) }, again(1_000)),
            (ErrorKind::Unauthorised, again(5_000)),
            (ErrorKind::Refused, Next::Dead),
            (ErrorKind::Missing, again(20_000)),
            (ErrorKind::Gone, Next::Ended),
            (ErrorKind::Conflict, again(20_000)),
            (ErrorKind::Malformed, Next::Dead),
            (ErrorKind::InDoubt, again(20_000)),
        ] {
            assert_eq!(next(kind), expected, "{kind:?}");
        }
    }

    #[test]
    fn a_projection_is_tried_until_there_is_nothing_to_show_it_at() {
        let next = |kind| after_failed_projection(kind, 3, NOW);
        for kind in
            [ErrorKind::Passing, ErrorKind::Refused, ErrorKind::Missing, ErrorKind::Malformed, ErrorKind::InDoubt]
        {
            assert_eq!(next(kind), Some(NOW.plus_ms(20_000)), "{kind:?}");
        }
        assert_eq!(next(ErrorKind::RateLimited { until: NOW.plus_ms(90_000) }), Some(NOW.plus_ms(90_000)));
        assert_eq!(next(ErrorKind::Unauthorised), Some(NOW.plus_ms(5_000)));
        assert_eq!(next(ErrorKind::Gone), None);
        let at_last = |kind| after_failed_projection(kind, 99, NOW);
        assert_eq!(at_last(ErrorKind::Passing), Some(NOW.plus_ms(60_000)));
        assert_eq!(at_last(ErrorKind::Refused), Some(NOW.plus_ms(3_600_000)));
    }

    #[test]
    fn pauses_grow_to_an_hour_and_a_row_is_kept_for_so_long_only() {
        let pauses: Vec<i64> = [1, 2, 3, 9, 10, 11, 99].map(|tries| pause_ms(tries) / 1_000).to_vec();
        assert_eq!(pauses, [5, 10, 20, 1_280, 2_560, 3_600, 3_600]);
        let after = |ms| after_failure(ErrorKind::Passing, 50, NOW, NOW.plus_ms(ms), WEEK);
        assert!(matches!(after(WEEK - 1), Next::Again { .. }));
        assert_eq!(after(WEEK), Next::Dead);
    }

    #[test]
    fn a_call_that_could_outlive_its_claim_does_not_start() {
        assert!(may_call(NOW, NOW.plus_ms(10_001), 10_000));
        assert!(!may_call(NOW, NOW.plus_ms(10_000), 10_000));
    }
}
