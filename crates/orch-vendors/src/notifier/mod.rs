//! Who tells people.

pub mod command;
pub mod quiet;
mod slack;
pub mod telegram;
pub mod webhook;

use orch_rules::notice::{Notice, NoticeKind};
use orch_text::{Alert, AlertMark, Language, NoticeText};
use sha2::{Digest as _, Sha256};

/// What a notifier is told of, and in which language.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subscription {
    /// Everything, if it names nothing.
    pub kinds: Vec<NoticeKind>,
    /// Of the sentences.
    pub language: Language,
}

impl Subscription {
    fn has(&self, kind: &NoticeKind) -> bool {
        // Each step of an agent is for those who ask for it.
        let usual = self.kinds.is_empty() && *kind != NoticeKind::Agent;
        usual || *kind == NoticeKind::Test || self.kinds.contains(kind)
    }

    /// The text of a chat that speaks as Slack does.
    fn slack(&self, notice: &Notice) -> String {
        slack::body(&Alert::of(notice, self.language))
    }

    /// The JSON object for programs, with a sentence for people.
    fn body(&self, notice: &Notice) -> String {
        let words = NoticeText::of(notice, self.language);
        notice.body(&words.text, &words.commands)
    }
}

/// The sign of an alert, before its words.
fn sign(mark: AlertMark) -> &'static str {
    match mark {
        AlertMark::Asks => "🔶",
        AlertMark::Stuck => "🟥",
        AlertMark::Passed => "✅",
        AlertMark::CalledOff => "⚫",
        AlertMark::Told => "🔵",
    }
}

/// Tells whether something is as it was, and shows nothing of it.
pub(crate) fn fingerprint(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
