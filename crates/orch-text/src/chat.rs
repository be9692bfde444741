//! What a chat says to those who press and reply.

use fluent_bundle::FluentArgs;

use crate::catalogue::text;
use crate::language::Language;

/// A text of a chat, with the arguments that it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatText {
    /// A yes was taken.
    Approved,
    /// A no was taken.
    Rejected,
    /// Words were taken.
    Answered,
    /// A deploy was confirmed.
    Confirmed,
    /// Money was added.
    Raised,
    /// A held task is tried again.
    Retried,
    /// Another press is needed.
    Sure,
    /// The second press took it back.
    NotNow,
    /// Where the reason is to be told.
    TellReason,
    /// Where the answer is to be told.
    TellAnswer,
    /// Asks for a reason; `who`, `id`.
    AskReason,
    /// Asks for an answer; `who`, `id`.
    AskAnswer,
    /// The question is not open.
    Over,
    /// The button is too old.
    TooOld,
    /// The account has no right to that.
    MayNot,
    /// The rules say no; `why`.
    Refused,
    /// This host could not do it now.
    Failed,
    /// An account became a person's; `who`.
    Linked,
    /// What became of a question; `id`, `done`, `who`.
    Settled,
    /// The card of a task is the one that was pressed.
    CardHere,
    /// The card of a task is further down.
    CardBelow,
}

impl ChatText {
    fn id(self) -> &'static str {
        match self {
            Self::Approved => "chat-approved",
            Self::Rejected => "chat-rejected",
            Self::Answered => "chat-answered",
            Self::Confirmed => "chat-confirmed",
            Self::Raised => "chat-raised",
            Self::Retried => "chat-retried",
            Self::Sure => "chat-sure",
            Self::NotNow => "chat-not-now",
            Self::TellReason => "chat-tell-reason",
            Self::TellAnswer => "chat-tell-answer",
            Self::AskReason => "chat-ask-reason",
            Self::AskAnswer => "chat-ask-answer",
            Self::Over => "chat-over",
            Self::TooOld => "chat-too-old",
            Self::MayNot => "chat-may-not",
            Self::Refused => "chat-refused",
            Self::Failed => "chat-failed",
            Self::Linked => "chat-linked",
            Self::Settled => "chat-settled",
            Self::CardHere => "chat-card",
            Self::CardBelow => "card-below",
        }
    }

    /// In a language, with these arguments.
    #[must_use]
    pub fn say(self, given: &[(&'static str, &str)], language: Language) -> String {
        let mut args = FluentArgs::new();
        given.iter().for_each(|(name, value)| args.set(*name, *value));
        text(language, self.id(), &args)
    }
}

/// What stands on the button `NAME`.
#[must_use]
pub fn button(name: &str, language: Language) -> String {
    text(language, &format!("button-{name}"), &FluentArgs::new())
}
