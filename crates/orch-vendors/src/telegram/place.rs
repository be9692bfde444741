//! One chat that we write to, as the notifier and the reader of its bot know it.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use orch_text::Language;
use serde_json::Value;

use super::pace::ChatPace;

/// A chat, or a topic of one.
pub struct ChatPlace {
    /// Its number or `@name`. A group that became a supergroup has another number; the old one tells it each time.
    chat: Mutex<String>,
    /// The topic.
    pub topic: Option<u64>,
    /// Its language.
    pub language: Language,
    pace: Mutex<ChatPace>,
}

impl ChatPlace {
    /// As the settings name it.
    #[must_use]
    pub fn new(chat: &str, topic: Option<u64>, language: Language) -> Self {
        Self { chat: Mutex::new(chat.to_owned()), topic, language, pace: Mutex::default() }
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
        let wait = pace.wait(Instant::now());
        if !wait.is_zero() {
            std::thread::sleep(wait);
        }
        pace.begin(Instant::now());
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
