//! Every code of the rules, in words.

use orch_rules::ids::Timestamp;
use orch_rules::reason::{self, ArgKind, Code, Reason, codes};
use orch_text::{Language, Subject};
use serde_json::{Map, Value, json};

const SUBJECT: Subject<'_> = Subject { work_item: "SHOP-001", repository: "shop", branch: "feature/SHOP-001-totals" };

/// Arguments that choose words and are not among them.
const SELECTS: [&str; 4] = ["source", "scope", "position", "word"];

/// A reason of this code, with a mark of its own in each argument.
fn example(code: &Code, number: i64) -> Reason {
    let arg = |name: &str, kind: ArgKind| match kind {
        // What is out is one of a closed set.
        ArgKind::Text if name == "source" => json!({ "text": "credential" }),
        ArgKind::Text => json!({ "text": format!("<{name}>") }),
        ArgKind::Number => json!({ "number": number }),
        ArgKind::Time => json!({ "time": Timestamp(0) }),
        ArgKind::Id => json!({ "id": format!("<{name}>") }),
        ArgKind::Quote => json!({ "quote": format!("<{name}>") }),
        ArgKind::Reasons => {
            json!({ "reasons": [{ "code": "quoted", "args": { "words": { "quote": format!("<{name}>") } } }] })
        }
    };
    let args: Map<String, Value> =
        code.args.iter().map(|(name, kind)| ((*name).to_owned(), arg(name, *kind))).collect();
    Reason::from(format!(r#"{{"code":"{}","args":{}}}"#, code.name, Value::Object(args)))
}

#[test]
fn every_code_has_a_sentence_in_every_language_that_tells_all_of_it() {
    for code in codes() {
        for language in Language::ALL {
            let sentence = orch_text::reason(&example(code, 77), SUBJECT, language);
            let whole = sentence.to_string();
            // What is shown of a code without a text.
            let bare = example(code, 77).to_string();
            assert!(
                sentence.text != bare || !bare.contains(['_', '(']),
                "{}: {} has no text",
                language.tag(),
                code.name
            );
            assert!(!whole.contains("{$") && !whole.contains("reason-"), "{}: {whole}", language.tag());
            for (name, kind) in code.args {
                let told = match kind {
                    ArgKind::Text if SELECTS.contains(name) => continue,
                    ArgKind::Number => whole.contains("77"),
                    ArgKind::Time => whole.contains("1970"),
                    _ => whole.contains(&format!("<{name}>")),
                };
                assert!(told, "{}: {} says nothing of {name}: {whole}", language.tag(), code.name);
            }
        }
    }
}

#[test]
fn commands_are_the_same_in_every_language() {
    for code in codes() {
        let commands = |language| {
            let help = orch_text::reason(&example(code, 77), SUBJECT, language).help.unwrap_or_default();
            let found = help.match_indices("orch ").map(|(at, _)| help[at..].chars().take(16).collect());
            found.collect::<Vec<String>>()
        };
        assert_eq!(commands(Language::Russian), commands(Language::English), "{}", code.name);
    }
}

#[test]
fn no_number_is_counted_wrongly() {
    let of = |reason: Reason, language| orch_text::reason(&reason, SUBJECT, language).text;
    for (number, english, russian) in [
        (1, "1 character", "1 символ;"),
        (2, "2 characters", "2 символа;"),
        (5, "5 characters", "5 символов;"),
        (11, "11 characters", "11 символов;"),
        (21, "21 characters", "21 символ;"),
        (1_000, "1000 characters", "1000 символов;"),
    ] {
        let short = || reason::title_short(number, 2_000);
        assert!(of(short(), Language::English).contains(english), "{}", of(short(), Language::English));
        assert!(of(short(), Language::Russian).contains(russian), "{}", of(short(), Language::Russian));
    }
    let after = |retries| reason::after_retries(reason::push_unseen(), retries);
    assert!(of(after(1), Language::English).ends_with("(after 1 retry)"));
    assert!(of(after(21), Language::Russian).ends_with("(после 21 повтора)"));
}

#[test]
fn a_code_of_a_newer_release_is_shown_with_its_arguments() {
    let newer = Reason::from(r#"{"code":"deploy_unhealthy","args":{"target":{"id":"eu"},"tries":{"number":3}}}"#);
    for language in Language::ALL {
        let sentence = orch_text::reason(&reason::stuck(newer.clone()), SUBJECT, language);
        assert!(sentence.text.ends_with("deploy_unhealthy (target: eu, tries: 3)"), "{}", sentence.text);
    }
}

#[test]
fn words_of_others_stay_as_they_are() {
    let strange = "{ $id } { reason-stuck } <b>\n\u{2068}";
    for language in Language::ALL {
        assert!(orch_text::reason(&reason::never_starts(1, strange), SUBJECT, language).text.contains(strange));
        assert_eq!(orch_text::reason(&strange.into(), SUBJECT, language).text, strange);
    }
}

#[test]
fn what_an_older_release_wrote_of_the_base_branch_does_without_its_name() {
    let older = || Reason::from(r#"{"code":"main_moved","args":{"main":{"id":"3f2a1b9"}}}"#);
    let said = |language| orch_text::reason(&older(), SUBJECT, language).text;
    assert_eq!(said(Language::English), "the base branch moved to 3f2a1b9 meanwhile");
    assert_eq!(said(Language::Russian), "основная ветка тем временем сдвинулась на 3f2a1b9");
    let now = orch_text::reason(&reason::main_moved("trunk", "3f2a1b9"), SUBJECT, Language::English).text;
    assert_eq!(now, "trunk moved to 3f2a1b9 meanwhile");
}

/// Begins the page of reasons.
const PAGE: &str = "# Reasons, as programs spell them

Why something is so is a *code* with arguments; what people read is made of it, in their language. Codes never change their
meaning, so a program may rely on them. Words *like this* are arguments; what helps stands where a person can do something, and
`orch show ID` says it with the names filled in. The same by what you read: [trouble](../trouble.md).

Made from the code: `ORCH_BLESS=1 cargo test -p orch-text --test suite page_of_reasons` writes it anew.

| code | what people read | what helps |
|---|---|---|
";

/// The page and the list of codes are held together.
#[test]
fn the_page_of_reasons_has_every_code_with_its_words() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/reasons.md");
    let mut codes: Vec<&Code> = codes().collect();
    codes.sort_by_key(|code| code.name);
    let mut page = PAGE.to_owned();
    let subject = Subject { work_item: "ID", repository: "<repository>", branch: "<branch>" };
    for code in codes {
        let said = orch_text::reason(&example(code, 2), subject, Language::English);
        let [text, help] =
            [said.text, said.help.unwrap_or_default()].map(|words| words.replace('|', "\\|").replace(['<', '>'], "*"));
        page += &format!("| `{}` | {text} | {help} |\n", code.name);
    }
    if std::env::var_os("ORCH_BLESS").is_some_and(|wanted| wanted == "1") {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == page, "docs/reference/reasons.md is not what the code says; write it anew with ORCH_BLESS=1");
}
