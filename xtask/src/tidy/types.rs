//! A type name is declared once in the product: one word, one idea. What stands for tests or checks the checkout may use a
//! word again.

use std::collections::BTreeMap;

use super::source::Source;
use super::{File, Violation};

const RULE: &str = "types";

/// Where the rule is kept.
const HERE: &str = "xtask/src/tidy/types.rs";

/// Code that is no part of the product.
const BESIDE: &[&str] = &["crates/orch-testkit/", "crates/orch-stories/", "xtask/"];

/// Names that Rust or a trait gives: a crate's error and its result are called so everywhere.
const GIVEN: &[&str] = &["Error", "Result"];

/// Names that were declared more than once when the rule was made. The list only gets shorter.
#[rustfmt::skip]
const TWICE: &[&str] = &[
    "Access", "Action", "Answer", "Answered", "Asked", "Before", "Budget", "Budgets", "Candidate", "Change",
    "Check", "Claim", "Client", "Closed", "Command", "Connection", "Control", "Database", "Delivery", "Document",
    "Doors", "Draft", "Ended", "Engine", "Entry", "Event", "Evidence", "Failure", "Fate", "Fault", "Finding",
    "Forge", "Found", "Greeting", "Groups", "Guard", "Heard", "Hold", "Host", "Identity", "Inner", "Intake",
    "Issue", "Keeps", "Kept", "Key", "Kind", "LandedWork", "Landing", "Language", "Limits", "Line", "Listen", "Look",
    "Metered", "Next", "Node", "Object", "Open", "Opened", "Outcome", "Overlay", "Pace", "Part", "Place",
    "Plan", "Problem", "Reader", "Refusal", "Remote", "Reply", "Request", "Row", "Rule", "RunState",
    "Running", "Scope", "Secret", "Seen", "Session", "Shared", "Source", "Standing", "State",
    "Step", "StopRequest", "StopStep", "Store", "Subject", "Taken", "Tokens", "Told", "Trouble", "Turn",
    "Value", "Verdict", "Way", "Lines", "Table",
];

/// Declarations of each name: file and line.
pub type Declared = BTreeMap<String, Vec<(String, usize)>>;

/// Notes the types that a file of the product declares.
pub fn note(file: &File, source: &Source, declared: &mut Declared) {
    let product = file.path.starts_with("crates/") && file.path.contains("/src/") && file.path.ends_with(".rs");
    let of_tests = file.path.ends_with("tests.rs") || file.path.contains("tests/");
    if !product || of_tests || BESIDE.iter().any(|beside| file.path.starts_with(beside)) {
        return;
    }
    for (line, code) in source.code_lines().filter(|(line, _)| !source.is_test_line(*line)) {
        if let Some(name) = name_of(code) {
            declared.entry(name.to_owned()).or_default().push((file.path.clone(), line));
        }
    }
}

/// The name that a line declares. Types inside of traits, functions and macros are indented and no matter.
fn name_of(code: &str) -> Option<&str> {
    let rest = code.strip_prefix("pub").map_or(code, |rest| match rest.strip_prefix('(') {
        Some(inside) => inside.split_once(')').map_or("", |(_, rest)| rest),
        None => rest,
    });
    let (kind, rest) = rest.trim_start().split_once(' ')?;
    let named = matches!(kind, "struct" | "enum" | "trait" | "type" | "union") && !code.starts_with(' ');
    let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    (named && !name.is_empty()).then_some(name)
}

/// Checks all that was noted.
pub fn check(declared: &Declared) -> Vec<Violation> {
    let mut found = Vec::new();
    for (name, places) in declared {
        let [(first, _), others @ ..] = places.as_slice() else { continue };
        if GIVEN.contains(&name.as_str()) || TWICE.contains(&name.as_str()) {
            continue;
        }
        for (path, line) in others {
            let words =
                format!("`{name}` is declared in {first} already: one word for one idea, name this one otherwise");
            found.push(Violation::new(path, *line, RULE, words));
        }
    }
    for name in TWICE.iter().filter(|name| declared.get(**name).is_none_or(|places| places.len() < 2)) {
        found.push(Violation::new(HERE, 0, RULE, format!("`{name}` is declared once now: take it from the list")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let mut declared = Declared::new();
        for (path, text) in files {
            note(&File::new(path, text), &Source::parse(text), &mut declared);
        }
        let found = check(&declared).into_iter().filter(|violation| violation.path != HERE);
        found.map(|violation| format!("{}:{}", violation.path, violation.line)).collect()
    }

    #[test]
    fn a_name_that_is_declared_again_is_told_with_its_place() {
        for again in ["pub struct Landmark;", "pub(crate) enum Landmark {}", "trait Landmark {}", "type Landmark = u8;"]
        {
            let files = [
                ("crates/orch-git/src/a.rs", "pub struct Landmark {}\n"),
                ("crates/orch-run/src/b.rs", &format!("\n{again}\n")),
            ];
            assert_eq!(found(&files), ["crates/orch-run/src/b.rs:2"], "{again}");
        }
    }

    #[test]
    fn tests_comments_and_what_stands_beside_the_product_may_use_a_word_again() {
        let first = ("crates/orch-git/src/a.rs", "pub struct Landmark {}\npub enum Error {}\n");
        for (path, text) in [
            ("crates/orch-testkit/src/b.rs", "pub struct Landmark;"),
            ("xtask/src/b.rs", "pub struct Landmark;"),
            ("crates/orch-run/tests/suite/b.rs", "struct Landmark;"),
            ("crates/orch-run/src/b.rs", "// struct Landmark;\n#[cfg(test)]\nmod tests {\n    struct Landmark;\n}\n"),
            ("crates/orch-run/src/b.rs", "impl X for Y {\n    type Landmark = u8;\n}\n"),
            ("crates/orch-run/src/b.rs", "pub enum Error {}"),
            ("crates/orch-run/src/b.rs", "pub struct Landmarks;"),
        ] {
            assert!(found(&[first, (path, text)]).is_empty(), "{path}: {text}");
        }
    }
}
