//! What went wrong, told from the truth that neither the interpreter nor the projection knows.

use std::collections::BTreeSet;

use super::product::{Entry, Who};
use super::{Counts, History, Waiting, YES};

/// So soon after the opening, in milliseconds, a move may be asked for again: the margin, the noise of the clock, and
/// the step between.
const TOO_SOON: i64 = 3_000;

pub const LOST: &str = "LOST: a standing answer never counted";
pub const DOUBLED: &str = "DOUBLED: one move answered two questions";
pub const OLDER: &str = "INVENTED: answered by a move older than the question";
pub const TAKEN_BACK: &str = "INVENTED: answered by a move taken back before the look";
pub const NOBODY: &str = "INVENTED: answered by no move of a person";
pub const STATUS: &str = "LOST: our last status never shown";
pub const ANSWERS: &str = "answers given";
pub const AGAIN: &str = "(told to set it again)";
pub const SECOND: &str = "(taken back, and set a second time before the look)";
pub const OVERWRITTEN: &str = "(without a history: overwritten between our compare and our write)";

pub const UNREAD: &str = "(a command that no look had read was written over)";

pub const FAULTS: [&str; 6] = [LOST, DOUBLED, OLDER, TAKEN_BACK, NOBODY, STATUS];

impl History {
    pub(super) fn judge_answer(&mut self, open: usize, waiting: &Waiting) {
        let Some(cause) = waiting.cause.map(|at| self.product.entries[at].clone()) else {
            return self.count(NOBODY);
        };
        if cause.who == Who::Us || cause.to != YES {
            self.count(NOBODY);
        } else if cause.at < self.questions[open].opened {
            self.count(OLDER);
        } else if cause.taken_back.is_some_and(|back| back < waiting.look_begun) {
            // Its undo and a second one were not shown yet: they had said it once more, and it stood as the look began or
            // as it read the history.
            let said = |until: i64| {
                let person = |entry: &&Entry| entry.who == Who::Person && entry.at <= until;
                self.product.entries.iter().rfind(person).is_some_and(|entry| entry.to == YES)
            };
            let again = said(waiting.look_begun) || said(waiting.look_read);
            self.count(if again { SECOND } else { TAKEN_BACK });
        }
    }

    pub(super) fn judge(mut self) -> Counts {
        let answers: Vec<usize> = self.questions.iter().flat_map(|question| question.answers.clone()).collect();
        if answers.iter().collect::<BTreeSet<_>>().len() != answers.len() {
            self.count(DOUBLED);
        }
        let given = |entry: &&Entry| entry.who == Who::Person && entry.to == YES && entry.question.is_some();
        let given: Vec<Entry> = self.product.entries.iter().filter(given).cloned().collect();
        for entry in given {
            self.count(ANSWERS);
            let later = |other: &Entry| other.who == Who::Person && other.id > entry.id;
            let question = entry.question.map(|at| &self.questions[at]);
            let Some(question) = question.filter(|question| question.open) else { continue };
            if entry.taken_back.is_some() || self.product.entries.iter().any(later) {
                continue;
            }
            let soon = entry.at - question.opened < TOO_SOON;
            let unseen = !self.setting.history && question.told_again;
            let what = match (question.told_again && soon || unseen, self.setting.history, entry.overwritten) {
                (true, ..) => AGAIN,
                (false, false, true) => OVERWRITTEN,
                _ => LOST,
            };
            self.count(what);
        }
        let last_is_ours = self.product.entries.last().is_none_or(|last| last.who == Who::Us);
        if self.product.state != self.wish.value && last_is_ours {
            self.count(STATUS);
        }
        self.counts
    }
}
