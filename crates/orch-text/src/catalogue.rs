//! The texts, read once.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::LanguageIdentifier;

use crate::language::Language;
use crate::sentence::Sentence;

type Bundle = FluentBundle<FluentResource>;

static ENGLISH: LazyLock<Bundle> = LazyLock::new(|| {
    bundle(
        Language::English,
        [
            include_str!("../texts/en.ftl"),
            include_str!("../texts/en-reasons.ftl"),
            include_str!("../texts/en-history.ftl"),
            include_str!("../texts/en-chat.ftl"),
            include_str!("../texts/en-words.ftl"),
            include_str!("../texts/en-pages.ftl"),
        ],
    )
});
static RUSSIAN: LazyLock<Bundle> = LazyLock::new(|| {
    bundle(
        Language::Russian,
        [
            include_str!("../texts/ru.ftl"),
            include_str!("../texts/ru-reasons.ftl"),
            include_str!("../texts/ru-history.ftl"),
            include_str!("../texts/ru-chat.ftl"),
            include_str!("../texts/ru-words.ftl"),
            include_str!("../texts/ru-pages.ftl"),
        ],
    )
});

fn bundle(language: Language, sources: [&str; 6]) -> Bundle {
    let locale = LanguageIdentifier::from_bytes(language.tag().as_bytes()).unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![locale]);
    // Marks of direction around every variable would stand in terminals as noise, and both languages run one way.
    bundle.set_use_isolating(false);
    for source in sources {
        // What cannot be read is left out of the resource; a test reads the files by the same parser and wants no such.
        bundle.add_resource_overriding(FluentResource::try_new(source.to_owned()).unwrap_or_else(|(read, _)| read));
    }
    bundle
}

fn of(language: Language) -> &'static Bundle {
    match language {
        Language::English => &ENGLISH,
        Language::Russian => &RUSSIAN,
    }
}

/// The message of this id with its help; one that is missing is its id.
pub(crate) fn sentence(language: Language, id: &str, args: &FluentArgs<'_>) -> Sentence {
    find(language, id, args).unwrap_or_else(|| Sentence { text: id.to_owned(), help: None })
}

/// The message of this id with its help. A text that is missing in a language is taken from English.
pub(crate) fn find(language: Language, id: &str, args: &FluentArgs<'_>) -> Option<Sentence> {
    [language, Language::English].into_iter().find_map(|language| {
        let bundle = of(language);
        let message = bundle.get_message(id)?;
        // A variable that is missing stands as `{$name}` in the text: seen, and no reason to show nothing.
        let mut missing = Vec::new();
        let mut write = |pattern| bundle.format_pattern(pattern, Some(args), &mut missing).into_owned();
        let text = write(message.value()?);
        let help = message.get_attribute("help").map(|help| write(help.value()));
        Some(Sentence { text, help })
    })
}

/// The message of this id.
pub(crate) fn text(language: Language, id: &str, args: &FluentArgs<'_>) -> String {
    sentence(language, id, args).text
}

/// `A`, `A and B`, `A, B and C`.
pub(crate) fn list(language: Language, names: &[&str]) -> String {
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => {
            let mut args = FluentArgs::new();
            args.set("first", rest.join(", "));
            args.set("last", *last);
            text(language, "list-two", &args)
        }
        _ => names.join(", "),
    }
}
