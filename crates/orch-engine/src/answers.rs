//! Where a person's request meets its answer: the inbox row is handled by the loop, the request waits beside it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use orch_ports::store::{InboxAnswer, InboxId};
use tokio::sync::oneshot;

/// Answers nobody has asked for yet; older ones are in the store.
const KEPT: usize = 256;

enum Slot {
    Waiting(oneshot::Sender<InboxAnswer>),
    Given(InboxAnswer),
}

/// Answers on their way.
#[derive(Default)]
pub struct Answers(Mutex<BTreeMap<InboxId, Slot>>);

impl Answers {
    /// The row was handled.
    pub fn give(&self, inbox: InboxId, answer: InboxAnswer) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Slot::Waiting(sender)) = slots.remove(&inbox) {
            // A person who no longer waits reads it from the board.
            let _ = sender.send(answer);
            return;
        }
        slots.insert(inbox, Slot::Given(answer));
        while slots.len() > KEPT {
            slots.pop_first();
        }
    }

    /// Wait for the row's answer; it may have been given already.
    pub fn wait(&self, inbox: InboxId) -> oneshot::Receiver<InboxAnswer> {
        let (sender, receiver) = oneshot::channel();
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match slots.remove(&inbox) {
            Some(Slot::Given(answer)) => {
                let _ = sender.send(answer);
            }
            _ => {
                slots.insert(inbox, Slot::Waiting(sender));
            }
        }
        receiver
    }
}
