//! What stands on the pages.

use fluent_bundle::FluentArgs;

use crate::catalogue::text;
use crate::language::Language;

/// The text `NAME` of the pages, with these arguments; `count` chooses the form of a number.
#[must_use]
pub fn page(name: &str, given: &[(&str, &str)], count: Option<u64>, language: Language) -> String {
    let mut args = FluentArgs::new();
    given.iter().for_each(|(name, value)| args.set((*name).to_owned(), *value));
    if let Some(count) = count {
        args.set("count", count);
    }
    text(language, &format!("p-{name}"), &args)
}
