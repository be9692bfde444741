//! One chat that we write to, as the notifier and the reader of its bot know it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use orch_text::Language;
use serde_json::Value;

use super::pace::ChatPace;

/// Cards leave room for so many alerts and answers in each minute.
const LEFT_BY_CARDS: usize = 3;

/// By what a chat's pace is kept.
pub trait PaceClock: Send + Sync {
    /// This moment.
    fn now(&self) -> Instant;
    /// Waits so long.
    fn sleep(&self, pause: Duration);
}

/// The machine's own.
struct Machine;

impl PaceClock for Machine {
    fn now(&self) -> Instant {
        Instant::now()
    }
    fn sleep(&self, pause: Duration) {
        std::thread::sleep(pause);
    }
}

/// A chat, or a topic of one.
pub struct ChatPlace {
    /// Its number or `@name`. A group that became a supergroup has another number; the old one tells it each time.
    chat: Mutex<String>,
    /// The topic.
    pub topic: Option<u64>,
    /// Its language.
    pub language: Language,
    pace: Mutex<ChatPace>,
    clock: Arc<dyn PaceClock>,
    /// What it is called in the settings, if its tasks have cards there.
    cards: Option<String>,
}

impl ChatPlace {
    /// As the settings name it.
    #[must_use]
    pub fn new(chat: &str, topic: Option<u64>, language: Language) -> Self {
        let (chat, clock) = (Mutex::new(chat.to_owned()), Arc::new(Machine));
        Self { chat, topic, language, pace: Mutex::default(), clock, cards: None }
    }

    /// By another clock.
    #[must_use]
    pub fn by(self, clock: Arc<dyn PaceClock>) -> Self {
        Self { clock, ..self }
    }

    /// Tasks have cards there, under this name.
    #[must_use]
    pub fn with_cards(self, name: &str) -> Self {
        Self { cards: Some(name.to_owned()), ..self }
    }

    /// The name under which tasks have cards there.
    pub(super) fn cards(&self) -> Option<&str> {
        self.cards.as_deref()
    }

    /// How long a card has to wait until it may be written there.
    pub(super) fn card_wait(&self) -> Duration {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.wait_leaving(self.clock.now(), LEFT_BY_CARDS)
    }

    /// As it is called now.
    pub(crate) fn name(&self) -> String {
        self.chat.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// As calls name it.
    pub(crate) fn id(&self) -> Value {
        id(&self.name())
    }

    /// Waits until something may be written there: messages and edits, whoever makes them, share one pace.
    pub(crate) fn take_turn(&self) {
        // The lock is held while it waits: who comes second waits for both.
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = pace.wait(self.clock.now());
        if !wait.is_zero() {
            self.clock.sleep(wait);
        }
        pace.begin(self.clock.now());
    }

    /// It has another number from now on.
    pub(crate) fn moved(&self, number: i64) {
        *self.chat.lock().unwrap_or_else(PoisonError::into_inner) = number.to_string();
    }
}

/// A chat as calls name it: a number, or `@name`.
pub(super) fn id(chat: &str) -> Value {
    chat.parse::<i64>().map_or_else(|_| chat.into(), Value::from)
}
