//! Whose move it was. Our own accounts never command, whatever they say: an agent with a bot's key must not approve.

use super::{Command, OwnWrite, Seen};
use crate::ids::Timestamp;
use crate::interpret::MARGIN_MS;
use crate::observation::Move;

impl Seen<'_> {
    /// We made this move, or somebody with our key did.
    pub(super) fn is_ours(&self, entry: &Move) -> bool {
        let at = self.translated(entry.at);
        self.is_our_account(&entry.by, &entry.to, || self.writes_that_may_be(&entry.to, at).next().is_some())
    }

    /// The state that stands may be our own doing: the product names us, or, if it names nobody, a write of ours that
    /// may have arrived since the last look explains it.
    pub(super) fn is_our_state(&self, state: &str, by: Option<&str>) -> bool {
        let since = self.before.read_at;
        let explained = || {
            self.writes
                .iter()
                .any(|write| write.value == state && write.ended.is_none_or(|ended| ended.plus_ms(MARGIN_MS) >= since))
        };
        match by {
            Some(account) => self.is_our_account(account, state, explained),
            None => explained(),
        }
    }

    fn is_our_account(&self, account: &str, state: &str, explained: impl FnOnce() -> bool) -> bool {
        if !self.tracker.accounts.contains(account) {
            return false;
        }
        if !self.tracker.shared_account {
            return true;
        }
        // A person's own key: we never write a status that commands, but for a start that has its status by fallback.
        match self.tracker.commands.meaning(state) {
            None => true,
            Some(Command::Start) if self.tracker.commands.start_by_fallback => explained(),
            Some(_) => false,
        }
    }

    /// Our last write explains the state that stands, and was begun after this entry for certain.
    pub(super) fn wrote_since(&self, newest: Option<&Move>, state: &str) -> bool {
        let later = |write: &OwnWrite| {
            newest.is_none_or(|newest| {
                let seen_before = self.before.moves.contains(&newest.id) && write.begun >= self.before.read_at;
                seen_before || self.translated(newest.at).is_some_and(|at| at.plus_ms(MARGIN_MS) < write.begun)
            })
        };
        self.writes.last().is_some_and(|write| write.value == state && later(write))
    }

    /// A time of the product as our clock would have told it.
    pub(super) fn translated(&self, at: Timestamp) -> Option<Timestamp> {
        self.look.ahead_ms.map(|ahead| at.plus_ms(ahead.saturating_neg()))
    }

    /// Writes, each with its place among all, that may be what arrived as this value at this moment of our clock; all of that
    /// value if the moment is not known.
    pub(super) fn writes_that_may_be(
        &self,
        value: &str,
        at: Option<Timestamp>,
    ) -> impl Iterator<Item = (usize, &OwnWrite)> {
        self.writes.iter().enumerate().filter(move |(_, write)| {
            write.value == value
                && at.is_none_or(|at| {
                    at.plus_ms(MARGIN_MS) >= write.begun
                        && write.ended.is_none_or(|ended| at <= ended.plus_ms(MARGIN_MS))
                })
        })
    }
}
