//! What a person may answer, and what may be asked of the whole service.

use orch_engine::control::TaskCommand;
use orch_rules::ids::EpisodeId;
use orch_rules::people::Reply;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An answer to a question of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AnswerRequest {
    /// The question that was seen, by the `id` of the task's `episodes`: an answer to an older one is refused. Left out,
    /// it answers whichever is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub episode: Option<String>,
    /// What.
    #[serde(flatten)]
    pub reply: ReplyRequest,
}

/// What a person answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "reply")]
pub enum ReplyRequest {
    /// Yes, to the stage's work or the change to protected paths.
    Approve,
    /// No.
    Reject {
        /// What the agent is told; must not be empty.
        reason: String,
    },
    /// Production may have the candidate.
    Confirm,
    /// Words, to the agent's questions.
    Text {
        /// Reaches the next attempt as it is; must not be empty.
        text: String,
    },
}

impl From<AnswerRequest> for TaskCommand {
    fn from(request: AnswerRequest) -> Self {
        let reply = match request.reply {
            ReplyRequest::Approve => Reply::Approve,
            ReplyRequest::Reject { reason } => Reply::Reject { reason },
            ReplyRequest::Confirm => Reply::Confirm,
            ReplyRequest::Text { text } => Reply::Text { text },
        };
        Self::Answer { episode: request.episode.map(EpisodeId), reply }
    }
}

/// A command to every repository of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "command", deny_unknown_fields)]
pub enum EverythingRequest {
    /// Nothing new starts.
    Pause,
    /// Goes on, those that were paused one by one as well.
    Resume,
}
