//! Chats in which people answer: they press buttons under what they are told, and reply.

use orch_rules::connection::NewConnection;
use orch_rules::ids::{TaskId, WorkItemId};
use orch_rules::reason::Reason;

use crate::error::PortResult;

/// The subject of a button that is about a hold: another hold of the same task is another subject.
#[must_use]
pub fn held(task: &TaskId, reason: &Reason) -> String {
    format!("{task}: {reason}")
}

/// What a button does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Says yes to what is asked.
    Approve,
    /// Says no; the reason is asked for.
    Reject,
    /// Answers questions; the words are asked for.
    Answer,
    /// Deploys; a second press confirms it.
    Deploy,
    /// The second press.
    DeployNow,
    /// The second press takes the first one back.
    NotNow,
    /// Adds five dollars to the task's budget.
    RaiseBy5,
    /// Adds twenty.
    RaiseBy20,
    /// Tries a held task again.
    Retry,
    /// Shows a task's card anew, here.
    Card,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Approve,
        Self::Reject,
        Self::Answer,
        Self::Deploy,
        Self::DeployNow,
        Self::NotNow,
        Self::RaiseBy5,
        Self::RaiseBy20,
        Self::Retry,
        Self::Card,
    ];

    /// Spelling in a button, and of its text.
    pub fn name(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Answer => "answer",
            Self::Deploy => "deploy",
            Self::DeployNow => "deploynow",
            Self::NotNow => "notnow",
            Self::RaiseBy5 => "raise5",
            Self::RaiseBy20 => "raise20",
            Self::Retry => "retry",
            Self::Card => "card",
        }
    }

    /// What its proof is about: the second press is of the question that the first one was of.
    pub fn family(self) -> Self {
        match self {
            Self::DeployNow | Self::NotNow => Self::Deploy,
            Self::RaiseBy20 => Self::RaiseBy5,
            Self::Reject => Self::Approve,
            other => other,
        }
    }
}

/// A button that somebody pressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Press {
    /// Of the press: answered once.
    pub id: String,
    /// What the button does.
    pub verb: Verb,
    /// Whose.
    pub work_item: WorkItemId,
    /// Tells that we made the button, in this chat, about one question: asked of the chat.
    pub proof: String,
    /// Text of the message under which the button is.
    pub message: i64,
    /// How long ago that message was sent, in milliseconds.
    pub age_ms: i64,
}

/// What somebody did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatWhat {
    /// Pressed a button of ours.
    Press(Press),
    /// Replied to a message of ours.
    Reply {
        /// That message.
        to: i64,
        /// The words.
        text: String,
    },
    /// Wants an account linked by a code.
    Code(String),
    /// Anything else: never a command.
    Other,
}

/// One thing that somebody did in a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatEvent {
    /// Rises; told again until a higher one is asked for.
    pub number: i64,
    /// The account there, without our name for its connection.
    pub account: String,
    /// What that account is called.
    pub name: String,
    /// The chat, as the product names it.
    pub chat: String,
    /// What.
    pub what: ChatWhat,
}

/// Reads what people do in the chats of one bot, and answers there. Calls block.
pub trait Chat: Send + Sync {
    /// For logs.
    fn name(&self) -> &str;
    /// Which connection accounts there belong to.
    fn connection(&self) -> NewConnection;
    /// What happened behind event `after`, at most a minute later; nothing, if nothing did. What comes before is not told
    /// again.
    ///
    /// # Errors
    /// [`crate::PortError`].
    fn events(&self, after: Option<i64>) -> PortResult<Vec<ChatEvent>>;
    /// Whether the button is about this question or task.
    fn is_about(&self, chat: &str, press: &Press, subject: &str) -> bool;
    /// Tells the presser, and nobody else, in at most 200 characters.
    ///
    /// # Errors
    /// [`crate::PortError`].
    fn answer(&self, press: &str, text: &str) -> PortResult<()>;
    /// Shows under a message of ours the buttons of a second step, or those of the first again.
    ///
    /// # Errors
    /// [`crate::PortError`].
    fn offer(&self, chat: &str, press: &Press, verbs: &[Verb]) -> PortResult<()>;
    /// Replaces a message of ours, with its buttons, by what became of it.
    ///
    /// # Errors
    /// [`crate::PortError`].
    fn settle(&self, chat: &str, message: i64, text: &str) -> PortResult<()>;
    /// Says something in the chat, as an answer to `message`; with `reply` people are asked for theirs. Its number there.
    ///
    /// # Errors
    /// [`crate::PortError`].
    fn say(&self, chat: &str, message: Option<i64>, text: &str, reply: bool) -> PortResult<i64>;
    /// What a message in a chat is called as a task's card: a target that shows cards there, and its name for the message.
    fn cards_at(&self, _chat: &str, _message: i64) -> Vec<(String, String)> {
        Vec::new()
    }
    /// The language of a chat, as a tag.
    fn language(&self, chat: &str) -> &'static str;
}
