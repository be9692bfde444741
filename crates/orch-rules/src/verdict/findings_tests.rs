//! What is read as a finding, and which findings are the same.

use super::findings::{Finding, extract};

fn read(items: &str) -> Vec<Finding> {
    extract(&format!("# Review\n\n## Findings\n\n{items}\n\n## Other\n\n- P0 not a finding\n")).expect("a section")
}

/// `id grade file closed | title`, one line per finding.
fn told(items: &str) -> String {
    let line = |found: &Finding| {
        let grade = found.grade.map_or("P?".to_owned(), |grade| format!("P{grade}"));
        let closed = if found.closed { " closed" } else { "" };
        let file = found.file.as_deref().unwrap_or("-");
        format!("{} {grade} {file}{closed} | {}", found.id.as_deref().unwrap_or("-"), found.title)
    };
    read(items).iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn items_are_read_as_people_write_them() {
    for (items, wanted) in [
        ("- P1-3 `src/cart.rs:12`: the sum overflows", "P1-3 P1 src/cart.rs | src/cart.rs:12: the sum overflows"),
        (
            "- **P0** `a_b.rs`: loses data\n  and more\n- P2: a typo",
            "- P0 a_b.rs | a_b.rs: loses data\n- P2 - | a typo",
        ),
        ("1. [P1] no test", "- P1 - | no test"),
        ("- f-12 (P1) no test", "F-12 P1 - | no test"),
        ("- F-12: no test", "F-12 P? - | no test"),
        ("- the sum overflows (P1)", "- P1 - | the sum overflows (P1"),
        ("- **Severity: P1** no test", "- P1 - | no test"),
        ("- the sum overflows\n  Severity: P1", "- P1 - | the sum overflows"),
        ("- Group\n  - P1 nested\n  - P2 other", "- P1 - | nested\n- P2 - | other"),
        ("P0 it is wrong", "- P0 - | it is wrong"),
        ("### P1\n\n- one thing\n- another", "- P1 - | one thing\n- P1 - | another"),
        ("### P1\n\nThe sum overflows.\nTruly.", "- P1 - | The sum overflows."),
        ("### P1-2: the sum overflows\n- where: src/cart.rs\n- fix: use u64", "P1-2 P1 - | the sum overflows"),
        ("### P0 the sum overflows", "- P0 - | the sum overflows"),
        (
            "| id | level | what | where |\n|---|---|---|---|\n| P1-1 | P1 | it is broken | src/a1.rs:3 |",
            "P1-1 P1 src/a1.rs | it is broken",
        ),
        ("- P1 UTF-8 is read as Latin-1", "- P1 - | UTF-8 is read as Latin-1"),
        ("- P1-the sum overflows", "- P1 - | the sum overflows"),
        ("- P10 no such grade\n- the P1 of round one is gone", ""),
        ("```\n- P0 in a fence\n```", ""),
    ] {
        assert_eq!(told(items), wanted, "{items}");
    }
    assert_eq!(extract("# Review\n\nfine\n"), None, "no section is not the same as no finding");
    assert_eq!(extract("## Findings\n"), Some(Vec::new()));
}

#[test]
fn a_review_that_found_nothing_says_so_in_many_ways() {
    for items in [
        "None that block.",
        "- None.",
        "- P0: none\n- P1: none",
        "P0/P1: none found",
        "### P0\n\nNone.\n\n### P1\n\n- no findings",
        "| level | count |\n|---|---|\n| P0 | 0 |\n| P1 | 0 |",
        "- No P0 or P1 findings",
        "- P1 — нет",
    ] {
        assert_eq!(read(items), [], "{items}");
    }
    assert_eq!(told("- P1 No validation of the input"), "- P1 - | No validation of the input");
    assert_eq!(told("- P0 nothing is saved"), "- P0 - | nothing is saved");
}

#[test]
fn a_finding_is_closed_by_its_mark_and_never_by_a_word_of_its_title() {
    for (item, closed) in [
        ("- [x] P1-1 the sum overflows", true),
        ("- [ ] P1-1 the sum overflows", false),
        ("- ~~P1-1 the sum overflows~~", true),
        ("- P1-1 (resolved) the sum overflows", true),
        ("- P1-1: fixed — the sum overflows", true),
        ("- P1-1 resolved", true),
        ("| P1-1 | resolved | the sum overflows |", true),
        ("- P1-1 not resolved: the sum overflows", false),
        ("- P1-1 unresolved", false),
        ("- P1-1 Fixed-size buffer overflows", false),
        ("- P1-1 fixed the wrong line", false),
        ("- P1-1 the sum overflows (not resolved)", false),
    ] {
        let found = read(item);
        assert_eq!(found.iter().map(|f| f.closed).collect::<Vec<_>>(), [closed], "{item}");
        assert_eq!(found[0].blocks(), !closed, "{item}");
    }
}

#[test]
fn only_p0_and_p1_block() {
    let blocking = |item: &str| read(item).iter().map(Finding::blocks).collect::<Vec<_>>();
    assert_eq!(
        blocking("- P0 a thing\n- P1 b thing\n- P2 c thing\n- P3 d thing\n- F-1 e thing"),
        [true, true, false, false, false]
    );
}

#[test]
fn identity_is_the_name_or_else_file_and_title() {
    let same = |one: &str, two: &str| read(one)[0].is_same(&read(two)[0]);
    assert!(same("- P1-3 the sum overflows", "- P1-3: still overflows"));
    assert!(same("- P1-3 `src/a1.rs:3` overflows", "- P1-3 overflows"), "a round may leave the file out");
    assert!(!same("- P1-3 `src/a1.rs` overflows", "- P1-3 `src/b1.rs` leaks"), "a name that was given out anew");
    assert!(!same("- P1-3 the sum overflows", "- P1-4 the sum overflows"));
    assert!(same("- P1 `src/a1.rs:12`: the sum overflows at 31", "- **P0** src/a1.rs:40 — The sum overflows at 64."));
    assert!(same("- P1-3 the sum overflows", "- P1 the sum overflows"), "one round may leave the name out");
    assert!(!same("- P1 `src/a1.rs`: the sum overflows", "- P1 `src/b1.rs`: the sum overflows"));
}

proptest::proptest! {
    #[test]
    fn reading_ends_and_is_bounded(body in "## Findings\n[-a-z:#`| \\[\\]*~\n(яP0-9xF.)/]{0,400}") {
        let found = extract(&body).expect("a section");
        proptest::prop_assert!(found.len() <= super::findings::MOST);
        for finding in found {
            proptest::prop_assert!(finding.is_same(&finding) && finding.title.chars().count() <= 240);
        }
    }
}
