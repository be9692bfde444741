//! For how long.

/// How long rows are kept that nobody needs any more, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// Finished work, and runs that are over.
    pub work_ms: i64,
    /// Answers to what was asked: for so long the same key is the same delivery.
    pub answers_ms: i64,
    /// Bodies and headers of what webhooks told.
    pub bodies_ms: i64,
    /// That a webhook told it.
    pub deliveries_ms: i64,
    /// Messages that were sent.
    pub sent_ms: i64,
    /// Dead letters: what was given up and waits for a person.
    pub dead_ms: i64,
}

impl Keep {
    /// A day.
    pub const DAY_MS: i64 = 24 * 60 * 60_000;
}

impl Default for Keep {
    fn default() -> Self {
        let days = |days: i64| days * Self::DAY_MS;
        Self {
            work_ms: 10 * 60_000,
            answers_ms: days(30),
            bodies_ms: days(7),
            deliveries_ms: days(90),
            sent_ms: days(30),
            dead_ms: days(90),
        }
    }
}
