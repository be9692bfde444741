//! The files of texts against each other.

use std::collections::{BTreeMap, BTreeSet};

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};
use fluent_syntax::parser;
use orch_rules::outage::Source;
use orch_rules::reason::codes;

const FILES: [(&str, [&str; 4]); 2] = [
    (
        "en",
        [
            include_str!("../../texts/en.ftl"),
            include_str!("../../texts/en-reasons.ftl"),
            include_str!("../../texts/en-history.ftl"),
            include_str!("../../texts/en-chat.ftl"),
        ],
    ),
    (
        "ru",
        [
            include_str!("../../texts/ru.ftl"),
            include_str!("../../texts/ru-reasons.ftl"),
            include_str!("../../texts/ru-history.ftl"),
            include_str!("../../texts/ru-chat.ftl"),
        ],
    ),
];

/// Id of a message or `id.attribute`, and the variables in it.
type Texts = BTreeMap<String, BTreeSet<String>>;

fn texts(file: &str, sources: [&'static str; 4]) -> Texts {
    let parsed = sources.map(|source| parser::parse(source).unwrap_or_else(|(_, errors)| panic!("{file}: {errors:?}")));
    let mut texts = Texts::new();
    let mut add = |id: String, pattern: &Pattern<&str>| {
        let mut used = BTreeSet::new();
        variables(pattern, &mut used);
        assert!(texts.insert(id.clone(), used).is_none(), "{file}: {id} is there twice");
    };
    for entry in parsed.iter().flat_map(|read| &read.body) {
        match entry {
            Entry::Message(message) => {
                let id = message.id.name.to_owned();
                add(id.clone(), message.value.as_ref().unwrap_or_else(|| panic!("{file}: {id} has no text")));
                for attribute in &message.attributes {
                    add(format!("{id}.{}", attribute.id.name), &attribute.value);
                }
            }
            Entry::Junk { content } => panic!("{file}: cannot be read: {content}"),
            _ => {}
        }
    }
    texts
}

fn variables(pattern: &Pattern<&str>, used: &mut BTreeSet<String>) {
    for element in &pattern.elements {
        let PatternElement::Placeable { expression } = element else { continue };
        let mut note = |inline: &InlineExpression<&str>| {
            if let InlineExpression::VariableReference { id } = inline {
                used.insert(id.name.to_owned());
            }
        };
        match expression {
            Expression::Inline(inline) => note(inline),
            Expression::Select { selector, variants } => {
                note(selector);
                variants.iter().for_each(|variant| variables(&variant.value, used));
            }
        }
    }
}

#[test]
fn every_language_has_every_text_with_the_same_variables() {
    let [english, others @ ..] = FILES.map(|(file, source)| (file, texts(file, source)));
    assert!(english.1.len() > 30, "the English file was not read");
    for (file, other) in others {
        let ids = |texts: &Texts| texts.keys().cloned().collect::<Vec<_>>();
        assert_eq!(ids(&other), ids(&english.1), "{file}");
        assert_eq!(other, english.1, "{file}: a text uses other variables");
    }
}

#[test]
fn every_text_is_used() {
    let buttons = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../orch-ports/src/chat.rs")).unwrap();
    let sources = ["wait", "asked", "catalogue", "reason", "alert", "chat"]
        .map(|name| std::fs::read_to_string(format!("{}/src/{name}.rs", env!("CARGO_MANIFEST_DIR"))).unwrap());
    for id in texts("en", FILES[0].1).keys().filter(|id| !id.contains('.')) {
        // A reason's text is named after its code.
        if let Some(code) = id.strip_prefix("reason-").map(|code| code.replace('-', "_")) {
            assert!(codes().any(|known| known.name == code), "there is no code {code}");
            continue;
        }
        if let Some(kind) = id.strip_prefix("outage-") {
            assert!(Source::of(kind, String::new()).is_some(), "nothing that is out is a {kind}");
            continue;
        }
        if let Some(verb) = id.strip_prefix("button-") {
            assert!(buttons.contains(&format!("\"{verb}\"")), "no button does {verb}");
            continue;
        }
        // `placed` adds the end of such an id.
        let id = id.strip_suffix("-behind").unwrap_or(id);
        assert!(sources.iter().any(|source| source.contains(&format!("\"{id}\""))), "{id} is used by nobody");
    }
}
