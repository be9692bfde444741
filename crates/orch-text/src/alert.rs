//! A notice as the lines of a chat.

use fluent_bundle::FluentArgs;
use orch_rules::notice::{Notice, NoticeKind};

use crate::catalogue::text;
use crate::language::Language;
use crate::notice::NoticeText;

/// What a glance has to tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertMark {
    /// A person is asked.
    Asks,
    /// Nothing goes on there until somebody acts.
    Stuck,
    /// It went well.
    Passed,
    /// Somebody called it off.
    CalledOff,
    /// It is told, and no more.
    Told,
}

/// A notice for a chat: what is so in a few words, and what they are about, apart from each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// What it is at a glance.
    pub mark: AlertMark,
    /// What is asked, or is so.
    pub headline: String,
    /// The task's title, or why it is so; empty where the headline says all.
    pub detail: String,
    /// What the agent wants to know, or the paths that need a grant.
    pub questions: Vec<String>,
    /// Commands that answer it.
    pub commands: Vec<String>,
    /// A person has to act: it may make a sound.
    pub loud: bool,
}

impl Alert {
    /// Of a notice, in the language of the chat.
    #[must_use]
    pub fn of(notice: &Notice, language: Language) -> Self {
        let NoticeText { text: sentence, commands } = NoticeText::of(notice, language);
        let (mark, loud) = match notice.kind {
            NoticeKind::Asked => (AlertMark::Asks, true),
            NoticeKind::Held
            | NoticeKind::Frozen
            | NoticeKind::Deployment
            | NoticeKind::Outage
            | NoticeKind::Red
            | NoticeKind::Tracker => (AlertMark::Stuck, true),
            NoticeKind::Done | NoticeKind::Unfrozen => (AlertMark::Passed, false),
            NoticeKind::Stopped => (AlertMark::CalledOff, false),
            NoticeKind::Agent | NoticeKind::Test | NoticeKind::Other(_) => (AlertMark::Told, false),
        };
        let title = notice.title.clone().unwrap_or_default();
        let message = match (&notice.kind, notice.text.code()) {
            (NoticeKind::Asked, "asks_approval") => Some(("alert-asks-approval", title)),
            (NoticeKind::Asked, "asks_questions") => Some(("alert-asks-questions", title)),
            (NoticeKind::Asked, "asks_protected") => Some(("alert-asks-protected", title)),
            (NoticeKind::Asked, "asks_confirmation") => Some(("alert-asks-confirmation", title)),
            (NoticeKind::Asked, "asks_budget") => Some(("alert-asks-budget", title)),
            (NoticeKind::Held, _) => Some(("alert-held", sentence.clone())),
            (NoticeKind::Done, _) => Some(("alert-done", title)),
            (NoticeKind::Stopped, _) => Some(("alert-stopped", title)),
            _ => None,
        };
        let (headline, detail) = match message.filter(|_| notice.work_item.is_some()) {
            Some((message, detail)) => (text(language, message, &arguments(notice)), detail),
            None => (sentence, String::new()),
        };
        Self { mark, headline, detail, questions: notice.questions.clone(), commands, loud }
    }
}

fn arguments(notice: &Notice) -> FluentArgs<'_> {
    let mut args = FluentArgs::new();
    args.set("id", notice.work_item.as_ref().map(ToString::to_string).unwrap_or_default());
    args.set("stage", notice.stage.as_deref().unwrap_or_default());
    args.set("count", notice.questions.len());
    args
}
