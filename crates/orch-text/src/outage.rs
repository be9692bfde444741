//! What is out, and how its pause is lifted.

use fluent_bundle::FluentArgs;
use orch_rules::outage::Source;
use orch_rules::reason::{Arg, Reason};

use crate::catalogue::text;
use crate::language::Language;

/// The command that lifts an outage by hand; of a repository, the one that tells how it stands.
#[must_use]
pub fn lift(source: &Source) -> String {
    match source {
        Source::Credential { name } => format!("orch resume --credential {name}"),
        Source::Agent { name } => format!("orch resume --agent {name}"),
        Source::Repository { .. } => "orch doctor".to_owned(),
    }
}

/// What a reason says is out, if it says so.
pub(crate) fn named_source(reason: &Reason) -> Option<Source> {
    let named = |wanted: &str| {
        reason.args().find_map(|(name, arg)| match arg {
            Arg::Text(text) | Arg::Id(text) if name == wanted => Some(text.clone()),
            _ => None,
        })
    };
    Source::of(&named("source")?, named("name")?)
}

/// That it is out, as the beginning of a sentence.
pub(crate) fn what_is_out(source: &Source, language: Language) -> String {
    let mut args = FluentArgs::new();
    args.set("name", source.name());
    text(language, &format!("outage-{}", source.kind()), &args)
}
