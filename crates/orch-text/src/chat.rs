//! What a chat says to those who press and reply.

use fluent_bundle::FluentArgs;

use crate::catalogue::text;
use crate::language::Language;

/// The text `chat-NAME` with these arguments.
#[must_use]
pub fn chat(name: &str, given: &[(&'static str, &str)], language: Language) -> String {
    let mut args = FluentArgs::new();
    given.iter().for_each(|(name, value)| args.set(*name, *value));
    text(language, &format!("chat-{name}"), &args)
}

/// What stands on the button `NAME`.
#[must_use]
pub fn button(name: &str, language: Language) -> String {
    text(language, &format!("button-{name}"), &FluentArgs::new())
}
