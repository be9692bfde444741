//! Where a person's request meets its answer: the inbox row is handled by the loop, the request waits beside it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use orch_ports::store::{InboxAnswer, InboxId};
use orch_rules::task::Task;
use tokio::sync::oneshot;

/// Newest answers that are kept for a request that comes to wait a moment too late; older ones are in the store.
const KEPT: usize = 256;

/// What a row was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct RowAnswer {
    /// As it is stored.
    pub answer: InboxAnswer,
    /// The task that an issue became, where it is at hand; else it is in the store.
    pub task: Option<Box<Task>>,
}

impl From<InboxAnswer> for RowAnswer {
    fn from(answer: InboxAnswer) -> Self {
        Self { answer, task: None }
    }
}

/// Answers on their way.
#[derive(Default)]
pub struct Answers(Mutex<Waiters>);

#[derive(Default)]
struct Waiters {
    /// Several requests may wait for one row: a command sent twice is one row.
    waiting: BTreeMap<InboxId, Vec<oneshot::Sender<Result<RowAnswer, String>>>>,
    given: VecDeque<(InboxId, InboxAnswer)>,
}

impl Answers {
    /// The row was handled.
    pub fn give(&self, inbox: InboxId, given: impl Into<RowAnswer>) {
        let given = given.into();
        let mut waiters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for sender in waiters.waiting.remove(&inbox).into_iter().flatten() {
            // A person who no longer waits reads it from the board.
            let _ = sender.send(Ok(given.clone()));
        }
        waiters.given.push_back((inbox, given.answer));
        if waiters.given.len() > KEPT {
            waiters.given.pop_front();
        }
    }

    /// The row waits, for this reason: who waits for it need not.
    pub fn put_off(&self, inbox: InboxId, why: String) {
        let mut waiters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for sender in waiters.waiting.remove(&inbox).into_iter().flatten() {
            let _ = sender.send(Err(why.clone()));
        }
    }

    /// Wait for the row's answer, or the reason why there is none yet; it may have been given already.
    pub fn wait(&self, inbox: InboxId) -> oneshot::Receiver<Result<RowAnswer, String>> {
        let (sender, receiver) = oneshot::channel();
        let mut waiters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, answer)) = waiters.given.iter().rev().find(|(id, _)| *id == inbox) {
            let _ = sender.send(Ok(answer.clone().into()));
            return receiver;
        }
        // Whoever lost patience is forgotten here, so that rows which are never handled do not pile up requests.
        if waiters.waiting.len() >= KEPT {
            waiters.waiting.retain(|_, senders| {
                senders.retain(|s| !s.is_closed());
                !senders.is_empty()
            });
        }
        waiters.waiting.entry(inbox).or_default().push(sender);
        receiver
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> InboxAnswer {
        InboxAnswer::Accepted { text: text.into() }
    }

    #[test]
    fn everybody_who_waits_for_a_row_gets_its_answer_early_or_late() {
        let answers = Answers::default();
        let (mut one, mut other) = (answers.wait(7), answers.wait(7));
        assert!(one.try_recv().is_err());
        answers.give(7, answer("yes"));
        let mut late = answers.wait(7);
        for receiver in [&mut one, &mut other, &mut late] {
            assert_eq!(receiver.try_recv().unwrap(), Ok(answer("yes").into()));
        }
    }

    #[test]
    fn a_row_that_waits_says_why_and_is_answered_later() {
        let answers = Answers::default();
        let mut first = answers.wait(7);
        answers.put_off(7, "not seen yet".to_owned());
        assert_eq!(first.try_recv().unwrap(), Err("not seen yet".to_owned()));
        let mut next = answers.wait(7);
        answers.give(7, answer("yes"));
        assert_eq!(next.try_recv().unwrap(), Ok(answer("yes").into()));
    }

    #[test]
    fn answers_nobody_fetches_and_requests_nobody_answers_do_not_pile_up() {
        let answers = Answers::default();
        let mut patient = answers.wait(-1);
        for inbox in 0..5_000 {
            answers.give(inbox, answer("x"));
            drop(answers.wait(100_000 + inbox));
        }
        let waiters = answers.0.lock().unwrap();
        assert!(
            waiters.given.len() <= KEPT && waiters.waiting.len() <= KEPT + 1,
            "{} {}",
            waiters.given.len(),
            waiters.waiting.len()
        );
        drop(waiters);
        answers.give(-1, answer("at last"));
        assert_eq!(patient.try_recv().unwrap(), Ok(answer("at last").into()));
    }
}
