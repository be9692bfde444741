//! The files of texts against each other.

use std::collections::{BTreeMap, BTreeSet};

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};
use fluent_syntax::parser;
use orch_rules::attempt::RunEnd;
use orch_rules::effect::Effect;
use orch_rules::lane::LaneState;
use orch_rules::outage::Source;
use orch_rules::pipeline::GateName;
use orch_rules::reason::{self, codes};
use orch_rules::task::Wait;
use orch_text::{Language, Subject, WordList, is_known, word};

const FILES: [(&str, [&str; 6]); 2] = [
    (
        "en",
        [
            include_str!("../../texts/en.ftl"),
            include_str!("../../texts/en-reasons.ftl"),
            include_str!("../../texts/en-history.ftl"),
            include_str!("../../texts/en-chat.ftl"),
            include_str!("../../texts/en-words.ftl"),
            include_str!("../../texts/en-pages.ftl"),
        ],
    ),
    (
        "ru",
        [
            include_str!("../../texts/ru.ftl"),
            include_str!("../../texts/ru-reasons.ftl"),
            include_str!("../../texts/ru-history.ftl"),
            include_str!("../../texts/ru-chat.ftl"),
            include_str!("../../texts/ru-words.ftl"),
            include_str!("../../texts/ru-pages.ftl"),
        ],
    ),
];

/// Beginnings of the ids of words, see [`words`].
const LISTS: [&str; 6] = ["gate", "work", "state", "place", "end", "test"];

/// Every spelling that people meet, with its list.
fn words() -> impl Iterator<Item = (WordList, &'static str)> {
    let gates = GateName::ALL.iter().map(|gate| (WordList::Gate, gate.name()));
    let work = Effect::KINDS.iter().chain(&["inbox", "intake", "decide_task", "decide_lane"]);
    let states = ["queued", "running", "failed", "done", "cancelled"].map(|state| (WordList::State, state));
    let places = LaneState::NAMES.iter().map(|place| (WordList::Place, *place));
    let ends = RunEnd::SPELLINGS.iter().chain(&["running"]).map(|end| (WordList::End, *end));
    let tests = ["running", "passed", "failed", "unknown"].map(|test| (WordList::Test, test));
    gates.chain(work.map(|kind| (WordList::Work, *kind))).chain(states).chain(places).chain(ends).chain(tests)
}

fn named(list: WordList, spelling: &str) -> String {
    let at = WordList::ALL.iter().position(|one| *one == list).unwrap();
    let parts: Vec<_> = spelling.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect();
    format!("{}-{}", LISTS[at], parts.join("-"))
}

/// A spelling is for programs; where it means something to a person, too, the page about trouble has it beside the word.
#[test]
fn every_spelling_has_a_word_and_stands_in_the_paper() {
    let paper = include_str!("../../../../docs/trouble.md");
    for (list, spelling) in words() {
        assert!(is_known(list, spelling), "{list:?} {spelling} has no word");
        for language in Language::ALL {
            let word = word(list, spelling, language);
            assert!(!word.contains('_') && !word.is_empty(), "{list:?} {spelling}: {word}");
        }
        let english = word(list, spelling, Language::English);
        let row = format!("| `{spelling}` | {english} |");
        assert!(paper.contains(&row), "docs/trouble.md lacks the row {row}");
    }
    assert_eq!(word(WordList::Gate, "check_of_a_newer_release", Language::English), "check of a newer release");
}

/// Of a reason nothing is shown to people as programs spell it.
#[test]
fn no_sentence_has_a_spelling_in_it() {
    let given = [
        reason::gate_red("check_ci_green", "exit code 1"),
        reason::gate_unknown("check_write_scope", "no answer"),
        reason::effect_failed("publish_branch", "no answer"),
        reason::effect_failed_for_good("build_candidate", "no answer"),
        reason::found_by_the_sweep("lane_joins, approval_waits"),
    ];
    for (reason, language) in given.iter().flat_map(|reason| Language::ALL.map(|language| (reason, language))) {
        let said = orch_text::reason(reason, Subject::default(), language).to_string();
        assert!(!said.contains('_') && !said.contains("check "), "{said}");
    }
    let wait = Wait::Lane { place: 1, behind: None, doing: "testing the candidate".to_owned() };
    let task = Subject { work_item: "SHOP-1", ..Subject::default() };
    let said = orch_text::wait(&wait, task, Language::Russian).to_string();
    assert!(!said.contains("candidate"), "{said}");
}

/// Id of a message or `id.attribute`, and the variables in it.
type Texts = BTreeMap<String, BTreeSet<String>>;

fn texts(file: &str, sources: [&'static str; 6]) -> Texts {
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

/// Sources and templates of the pages.
fn pages() -> String {
    let mut folders =
        ["src", "templates"].map(|part| format!("{}/../orch-pages/{part}", env!("CARGO_MANIFEST_DIR"))).to_vec();
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
            match file.is_dir() {
                true => folders.push(file.to_str().unwrap().to_owned()),
                false => text.push_str(&std::fs::read_to_string(file).unwrap()),
            }
        }
    }
    text
}

#[test]
fn every_text_of_the_pages_is_there() {
    let (pages, english) = (pages(), texts("en", FILES[0].1));
    for call in [".t(\"", ".n(\"", ".w(\"", ".w1(\""] {
        for (at, _) in pages.match_indices(call) {
            let name = pages[at + call.len()..].split('"').next().unwrap();
            assert!(english.contains_key(&format!("p-{name}")), "a page says {name}, for which there is no text");
        }
    }
}

#[test]
fn every_text_is_used() {
    let buttons = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../orch-ports/src/chat.rs")).unwrap();
    let pages = pages();
    let sources = [
        "wait",
        "asked",
        "catalogue",
        "deployment",
        "reason",
        "alert",
        "chat",
        "card",
        "card_figures",
        "word",
        "tracker",
    ]
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
        if let Some(name) = id.strip_prefix("p-") {
            assert!(pages.contains(&format!("\"{name}\"")), "no page says {name}");
            continue;
        }
        if let Some((list, _)) = id.split_once('-').filter(|(list, _)| LISTS.contains(list)) {
            // Of work that a release beside this one queues a person reads here, too.
            if list == "work" {
                continue;
            }
            assert!(
                words().any(|(list, spelling)| *id == named(list, spelling)),
                "nothing is spelt so: {id} of {list}"
            );
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

#[test]
fn no_text_takes_the_base_branch_for_one_that_is_called_main() {
    for (file, text) in FILES.iter().flat_map(|(file, texts)| texts.map(|text| (file, text))) {
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let said = line.split_once('=').map_or(line, |(_, said)| said);
            // A variable may be called as it likes.
            let words = said.split('{').map(|part| part.split_once('}').map_or(part, |(_, after)| after));
            let named = words.flat_map(|words| words.split(|c: char| !c.is_alphanumeric() && c != '-'));
            assert!(!named.into_iter().any(|word| word == "main"), "{file}: {line}");
        }
    }
}
