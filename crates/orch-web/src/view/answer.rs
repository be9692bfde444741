//! Answers that are about no one thing: to a command, of a log, of the service's health.

use orch_engine::control::{Answer, LogChunk};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The answer to a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AnswerView {
    /// One sentence.
    pub text: String,
    /// Stored, and handled later.
    pub pending: bool,
}

impl From<Answer> for AnswerView {
    fn from(answer: Answer) -> Self {
        Self { text: answer.text, pending: answer.pending }
    }
}

/// Part of a run's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogView {
    /// The run's name.
    pub run: String,
    /// Which attempt of the task, or which of its checks.
    #[serde(default)]
    pub number: u32,
    /// Safe for a terminal and a page.
    pub text: String,
    /// Ask from this offset next.
    pub next: u64,
    /// Nothing more will come.
    pub ended: bool,
}

impl From<LogChunk> for LogView {
    fn from(chunk: LogChunk) -> Self {
        Self { run: chunk.run, number: chunk.number, text: chunk.text, next: chunk.next, ended: chunk.ended }
    }
}

/// How the service is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthView {
    /// `ok`.
    pub status: String,
}
