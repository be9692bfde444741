//! How quickly one chat may be written to. Edits count as messages do: about twenty operations a minute in a group, one
//! a second in any chat (Telegram's FAQ for bots; a maintainer of TDLib on edits).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);
/// Operations in a minute: two below what is said, for those that somebody else's program makes.
const A_MINUTE: usize = 18;
/// Between two operations.
const BETWEEN: Duration = Duration::from_secs(1);

/// The operations of the last minute in one chat.
#[derive(Debug, Default)]
pub struct ChatPace(VecDeque<Instant>);

impl ChatPace {
    /// How long the next operation has to wait at this moment.
    pub fn wait(&mut self, now: Instant) -> Duration {
        self.wait_leaving(now, 0)
    }

    /// The same for what may wait: it leaves room for so many others in each minute.
    pub fn wait_leaving(&mut self, now: Instant, others: usize) -> Duration {
        while self.0.front().is_some_and(|first| now.saturating_duration_since(*first) >= MINUTE) {
            self.0.pop_front();
        }
        let until = |from: Option<&Instant>, pause: Duration| {
            from.map_or(Duration::ZERO, |from| (*from + pause).saturating_duration_since(now))
        };
        let most = A_MINUTE.saturating_sub(others).max(1);
        let full = self.0.len().checked_sub(most).and_then(|index| self.0.get(index));
        until(self.0.back(), BETWEEN).max(until(full, MINUTE))
    }

    /// An operation begins.
    pub fn begin(&mut self, now: Instant) {
        self.0.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_second_and_eighteen_a_minute() {
        let (start, mut pace) = (Instant::now(), ChatPace::default());
        let mut now = start;
        let mut done = Vec::new();
        for _ in 0..60 {
            now += pace.wait(now);
            assert_eq!(pace.wait(now), Duration::ZERO);
            pace.begin(now);
            done.push(now);
        }
        assert_eq!(done[17] - start, Duration::from_secs(17));
        assert_eq!(done[18] - start, MINUTE, "the nineteenth waits for the first to leave the minute");
        assert!(done.windows(19).all(|ones| ones[18] - ones[0] >= MINUTE));
        assert!(done.windows(2).all(|two| two[1] - two[0] >= BETWEEN));
        assert_eq!(ChatPace::default().wait(start), Duration::ZERO);
    }

    #[test]
    fn what_may_wait_leaves_room_for_what_may_not() {
        let (start, mut pace) = (Instant::now(), ChatPace::default());
        let mut now = start;
        for _ in 0..60 {
            now += pace.wait_leaving(now, 3);
            pace.begin(now);
            let mut alert = now;
            for _ in 0..3 {
                let mut others = ChatPace(pace.0.clone());
                alert += others.wait(alert);
            }
            assert!(alert - now <= BETWEEN, "an alert waits for nothing but the last operation");
        }
    }
}
