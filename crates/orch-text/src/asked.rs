//! What a person is asked for.

use fluent_bundle::FluentArgs;
use orch_rules::episode::EpisodeKind;

use crate::catalogue::sentence;
use crate::language::Language;
use crate::sentence::Sentence;

/// What a person is asked for about a task; its help is the way to answer.
#[must_use]
pub fn asked(kind: EpisodeKind, id: &str, language: Language) -> Sentence {
    let message = match kind {
        EpisodeKind::Approval => "ask-approval",
        EpisodeKind::Questions => "ask-questions",
        EpisodeKind::ProtectedPaths => "ask-protected-paths",
        EpisodeKind::Budget => "ask-budget",
        EpisodeKind::ConfirmDeploy => "ask-confirm-deploy",
    };
    let mut args = FluentArgs::new();
    args.set("id", id);
    sentence(language, message, &args)
}
