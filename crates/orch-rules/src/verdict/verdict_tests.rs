//! Truth tables of the verdicts, and what is read from documents.

use std::collections::BTreeMap;

use super::must_fix::{CUT_MARKER, LIMIT};
use super::*;

fn fields(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn read(text: &str) -> crate::attempt::DocumentFact {
    read_document("13-test-report.md", text.as_bytes())
}

#[test]
fn token_sets_are_frozen() {
    insta::assert_debug_snapshot!(
        "token_sets",
        (
            ("positive", tokens::POSITIVE),
            ("negative", tokens::NEGATIVE),
            ("success", tokens::SUCCESS),
            ("negations", tokens::NEGATIONS),
            ("test fields", TEST_FIELDS),
            ("failing lines", must_fix::FAILING),
            ("summary sections", must_fix::SUMMARY),
            ("findings section", must_fix::FINDINGS),
        )
    );
}

#[test]
fn review_truth_table() {
    for (value, green) in [
        ("APPROVED", true),
        ("approved", true),
        ("  Approved. ", true),
        ("✅ APPROVED", true),
        ("**APPROVED**", true),
        ("REQUEST_CHANGES", false),
        ("NOT APPROVED", false),
        ("APPROVED WITH CHANGES", false),
        ("NOT-APPROVED", false),
        ("UNAPPROVED", false),
        ("PASS", false),
        ("REJECTED", false),
        ("", false),
        ("yes", false),
    ] {
        let verdict = review(&fields(&[("verdict", value)]));
        assert_eq!(verdict.passes, green, "{value:?}: {}", verdict.reason);
        assert!(verdict.reason.contains("`verdict`"), "{}", verdict.reason);
    }
    assert!(!review(&fields(&[])).passes);
    assert!(!review(&fields(&[("result", "APPROVED"), ("status", "APPROVED")])).passes, "only `verdict` counts");
}

#[test]
fn tests_truth_table_of_values() {
    for (value, green) in [
        ("PASS", true),
        ("PASSED", true),
        ("GREEN", true),
        ("APPROVED", true),
        ("READY-TO-DEPLOY", true),
        ("ready-to-deploy", true),
        ("READY_TO_DEPLOY", true),
        ("PASS — ready-to-deploy", true),
        ("PASS - ready-to-deploy", true),
        ("PASS-ready-to-deploy", true),
        ("pass (23/23)", true),
        ("✅ PASS", true),
        ("FAIL", false),
        ("FAILED", false),
        ("BLOCKED", false),
        ("RED", false),
        ("REJECTED", false),
        ("REQUEST_CHANGES", false),
        ("request-changes", false),
        ("PASS, but FAILED later", false),
        ("PASS-WITH-FAIL", false),
        ("TEST_FAILED", false),
        // Whole words only.
        ("PASSING", false),
        ("BYPASS", false),
        ("COMPASS", false),
        ("EVERGREEN", false),
        ("PASS_THROUGH", false),
        ("PARTIAL-PASS", false),
        ("READY-TO", false),
        ("REDUCED GREEN", true),
        ("PASS, UNBLOCKED", true),
        // Turned around.
        ("NOT PASSED", false),
        ("no pass", false),
        ("не PASS", false),
        // Unknown or empty: as if it were absent.
        ("OK", false),
        ("", false),
        ("23 passes", false),
    ] {
        for name in TEST_FIELDS {
            let verdict = tests(&fields(&[(name, value)]));
            assert_eq!(verdict.passes, green, "{name}: {value:?}: {}", verdict.reason);
            assert!(verdict.reason.contains(&format!("`{name}`")), "{}", verdict.reason);
        }
    }
}

/// Every combination of positive, negative, unknown and absent over the three fields: one negative decides, else one
/// positive is enough, else red.
#[test]
fn tests_truth_table_of_fields() {
    let values = [Some("PASS"), Some("FAIL"), Some("whatever"), None];
    for result in values {
        for verdict in values {
            for status in values {
                let row = [("result", result), ("verdict", verdict), ("status", status)];
                let given: Vec<(&str, &str)> =
                    row.iter().filter_map(|(name, value)| value.map(|v| (*name, v))).collect();
                let is = |wanted: &str| given.iter().find(|(_, value)| *value == wanted).map(|(name, _)| *name);
                let said = tests(&fields(&given));
                assert_eq!(said.passes, is("FAIL").is_none() && is("PASS").is_some(), "{given:?}: {}", said.reason);
                if let Some(decided) = is("FAIL").or_else(|| is("PASS")) {
                    assert!(said.reason.starts_with(&format!("`{decided}` says")), "{given:?}: {}", said.reason);
                }
            }
        }
    }
}

#[test]
fn stage_field_is_ignored() {
    assert!(!tests(&fields(&[("stage", "PASS")])).passes);
    assert!(tests(&fields(&[("stage", "BLOCKED"), ("result", "PASS")])).passes);
}

/// B3 (Incident): a report marked BLOCKED passed because its prose said "23 passed".
#[test]
fn incident_prose_never_passes_a_report() {
    let fact = read("---\nstatus: BLOCKED\n---\n# Report\n\nResult: PASS. 23 passed, verdict: APPROVED\n");
    let verdict = tests(&fact.fields.unwrap());
    assert!(!verdict.passes);
    assert_eq!(verdict.reason, "`status` says BLOCKED (BLOCKED is negative)");
    let fact = read("# Report\n\nresult: PASS\n");
    assert_eq!(fact.fields, Err(NO_FRONT_MATTER.to_owned()));
}

/// B3 (Incident): a report with only `result: PASS`, as the prompt prescribes, was bounced until the cap.
#[test]
fn incident_result_alone_is_enough() {
    let fact = read("---\nstage: testing\nresult: PASS\n---\n");
    let verdict = tests(&fact.fields.unwrap());
    assert_eq!((verdict.passes, verdict.reason.as_str()), (true, "`result` says PASS (PASS)"));
}

#[test]
fn logs_truth_table() {
    type Rule = fn(&BTreeMap<String, String>) -> Verdict;
    for (name, rule) in [("staging_status", staging as Rule), ("deploy_status", deploy as Rule)] {
        for (value, green) in [
            ("SUCCESS", true),
            ("success", true),
            ("SUCCESS (1 check waived)", true),
            ("FAILED", false),
            ("SUCCESS, then FAILED", false),
            ("NO SUCCESS", false),
            ("SUCCESSFUL", false),
            ("PARTIAL-SUCCESS", false),
            ("PASS", false),
            ("", false),
        ] {
            let verdict = rule(&fields(&[(name, value)]));
            assert_eq!(verdict.passes, green, "{name}: {value:?}: {}", verdict.reason);
            assert!(verdict.reason.contains(name), "{}", verdict.reason);
        }
        assert!(!rule(&fields(&[("status", "SUCCESS"), ("result", "SUCCESS")])).passes);
    }
    assert!(!staging(&fields(&[("deploy_status", "SUCCESS")])).passes);
    assert!(!deploy(&fields(&[("staging_status", "SUCCESS")])).passes);
}

#[test]
fn long_values_are_cut_in_reasons() {
    let verdict = review(&fields(&[("verdict", &"ы".repeat(500))]));
    assert!(verdict.reason.chars().count() < 120, "{}", verdict.reason);
}

#[test]
fn front_matter_is_read_as_spelled() {
    let fact = read(
        "\u{feff}---\r\nResult: PASS\r\nrevision: 5e10\r\nbuild: 007\r\nflag: yes\r\nnothing: ~\r\nempty:\r\nlist: [a, b]\r\nmap: {a: b}\r\nquoted: \"a: b\"\r\nnan: .nan\r\nwhen: 2026-01-02\r\n---\r\nbody\r\n",
    );
    let wanted = fields(&[
        ("result", "PASS"),
        ("revision", "5e10"),
        ("build", "007"),
        ("flag", "yes"),
        ("quoted", "a: b"),
        ("nan", ".nan"),
        ("when", "2026-01-02"),
    ]);
    assert_eq!(fact.fields, Ok(wanted));
    assert_eq!(fact.path, "13-test-report.md");
}

#[test]
fn front_matter_borders() {
    for (text, wanted) in [
        ("\n\n---\nresult: PASS\n---\n", Ok("PASS")),
        ("---\nresult: PASS\n...\n", Ok("PASS")),
        ("---  \nresult: PASS\n---  ", Ok("PASS")),
        ("--- \nresult: 'PASS' # good\n---\n---\nresult: FAIL\n---\n", Ok("PASS")),
        ("", Err("no front matter")),
        ("text\n---\nresult: PASS\n---\n", Err("no front matter")),
        ("----\nresult: PASS\n----\n", Err("no front matter")),
        ("---\nresult: PASS\n", Err("has no end")),
        ("---\n- a\n- b\n---\n", Err("not valid YAML")),
        ("---\nresult: PASS: really\n---\n", Err("not valid YAML")),
        ("---\nresult: [PASS\n---\n", Err("not valid YAML")),
        ("---\nresult: PASS\nresult: FAIL\n---\n", Err("not valid YAML")),
        ("---\nresult: PASS\nResult: FAIL\n---\n", Err("there twice")),
        ("---\na: &a [x]\n<<: *a\nresult: PASS\n---\n", Err("not valid YAML")),
    ] {
        let fact = read(text);
        match (&fact.fields, wanted) {
            (Ok(fields), Ok(value)) => assert_eq!(fields.get("result").map(String::as_str), Some(value), "{text:?}"),
            (Err(reason), Err(part)) => {
                assert!(reason.contains(part) && !reason.contains("Options"), "{text:?}: {reason}");
            }
            (found, _) => panic!("{text:?}: {found:?}"),
        }
    }
    assert_eq!(read("---\n---\n").fields, Ok(BTreeMap::new()));
    let fact = read_document("x.md", b"---\nresult: \xff\n---\n");
    assert!(fact.fields.unwrap_err().contains("UTF-8"));
}

/// A few lines of YAML that unfold into billions of nodes must end as an error, not as a dead process.
#[test]
fn hostile_front_matter_is_bounded() {
    let mut bomb = String::from("---\na0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let before = level - 1;
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![format!("*a{before}"); 9].join(", ")));
    }
    bomb.push_str("result: PASS\n---\n");
    assert!(read(&bomb).fields.is_err());
    let aliases = |count: usize| {
        let anchors: String = (0..count).map(|n| format!("a{n}: &a{n} x\nb{n}: *a{n}\n")).collect();
        read(&format!("---\n{anchors}---\n")).fields
    };
    assert_eq!(aliases(2).unwrap()["b1"], "x");
    assert!(aliases(17).is_err());
    let deep = format!("---\na: {}{}\n---\n", "[".repeat(5_000), "]".repeat(5_000));
    assert!(read(&deep).fields.is_err());
    let large = format!("---\na: {}\n---\n", "x".repeat(100 * 1024));
    assert!(read(&large).fields.unwrap_err().contains("larger than"));
}

#[test]
fn questions_are_read() {
    for (yaml, wanted) in [
        ("questions: []", vec![]),
        ("questions:", vec![]),
        ("questions: none", vec![]),
        ("questions: no", vec![]),
        ("questions: Which database?", vec!["Which database?"]),
        ("questions:\n  - Which colour?\n  - \"Which size?\"", vec!["Which colour?", "Which size?"]),
        // An unquoted colon makes a mapping of the question.
        ("questions:\n  - Which database: Postgres or SQLite?", vec!["Which database: Postgres or SQLite?"]),
        ("questions:\n  - question: Why?\n    why: it matters", vec!["question: Why?; why: it matters"]),
        ("questions:\n  - 42\n  - \"\"", vec!["42"]),
        // As agents write them, and no YAML.
        ("questions:\n- `git` or svn?", vec!["`git` or svn?"]),
        ("Questions:\n  - @ann or @bob?\n  - Which?", vec!["@ann or @bob?", "Which?"]),
        ("questions:\n  - *bold* or not: what's right?", vec!["*bold* or not: what's right?"]),
        ("questions:\n  - \"git\" or svn?\n  - %d or %s?", vec!["\"git\" or svn?", "%d or %s?"]),
        ("questions:\n  - [x] or y?\n  - {a: b} or c?", vec!["[x] or y?", "{a: b} or c?"]),
        ("questions: `git` or svn?\nsummary: fine", vec!["`git` or svn?"]),
        ("questions:\n  - 'it''s' or & what?\n  - \"Which size?\"", vec!["'it''s' or & what?", "Which size?"]),
        ("Questions: {q1: Why?}", vec!["q1: Why?"]),
    ] {
        assert_eq!(read(&format!("---\n{yaml}\n---\n")).questions, wanted, "{yaml}");
    }
}

#[test]
fn review_hands_on_blocking_findings_verbatim() {
    let body = "---\nverdict: REQUEST_CHANGES\n---\n# Review\n\n- P0 outside of the findings\n\n## Findings\n\nIntro.\n\n- **P0** `a.rs:3`: loses data\n  second line\n\n  ```\n  ## not a heading\n  - P2 not an item\n  ```\n- P2: a typo\n  with more\n1. [P1] no test\n- Group\n  - P1 nested\n\n### P1: sub-section\nall of it\n- and this\n\n### P3 taste\n- not this\n\n## Other\n- P0 not a finding\n";
    let fact = read_document("12-review.md", body.as_bytes());
    assert_eq!(
        fact.must_fix,
        "- **P0** `a.rs:3`: loses data\n  second line\n\n  ```\n  ## not a heading\n  - P2 not an item\n  ```\n1. [P1] no test\n- Group\n  - P1 nested\n\n### P1: sub-section\nall of it\n- and this"
    );
}

#[test]
fn review_with_a_table_or_without_marks() {
    let table = "## Findings\n| level | what |\n|---|---|\n| P1 | broken |\n| P2 | typo |\n";
    assert_eq!(must_fix::extract(table), "| P1 | broken |");
    let unmarked = "## Findings\n- it loses data\n- no test\n## Next\nx\n";
    assert_eq!(must_fix::extract(unmarked), "- it loses data\n- no test");
    let harmless = "## Findings\n- P2 typo\n";
    assert_eq!(must_fix::extract(harmless), "");
}

#[test]
fn report_hands_on_the_failing_part_verbatim() {
    let body = "---\nresult: FAIL\n---\n# Report\n\n23 passed, 0 failed so far.\n\n```\nok 1\n```\n\n```text\nrunning 2 tests\ntest a ... ok\ntest b ... FAILED\n```\n\n- TC-3: FAIL, no answer\n- TC-4: PASS\n\n## Итог\n\nОдин тест красный.\n\n## After\nx\n";
    assert_eq!(
        read(body).must_fix,
        "```text\nrunning 2 tests\ntest a ... ok\ntest b ... FAILED\n```\n- TC-3: FAIL, no answer\n\nОдин тест красный."
    );
    assert_eq!(must_fix::extract("# Log\nhealth check 3: unhealthy\nall else fine\n"), "health check 3: unhealthy");
    assert_eq!(must_fix::extract("# Report\nall good, errors: 0\n## Summary\n\nGood.\n"), "Good.");
    assert_eq!(must_fix::extract("# Report\nall good\n"), "");
}

#[test]
fn must_fix_is_cut_at_a_character_boundary() {
    for pad in 0..4 {
        let body = format!("## Findings\n- P0 {}{}\n", "x".repeat(pad), "я".repeat(LIMIT));
        let text = must_fix::extract(&body);
        assert!(text.len() <= LIMIT && text.len() > LIMIT - 8, "{}", text.len());
        assert!(text.ends_with(CUT_MARKER));
    }
    let exact = "x".repeat(LIMIT);
    assert_eq!(must_fix::cut(&exact), exact);
}

proptest::proptest! {
    /// Whatever an agent writes, reading it ends, and what is handed on fits.
    #[test]
    fn reading_never_fails(text in "(---\n)?[-a-z:#`| \\[\\]{}&*!\n~яP0-9]{0,400}(\n---\n)?[^\u{0}]{0,200}") {
        let fact = read_document("x.md", text.as_bytes());
        proptest::prop_assert!(fact.must_fix.len() <= LIMIT);
    }

    #[test]
    fn bytes_never_fail(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        let fact = read_document("x.md", &bytes);
        proptest::prop_assert!(fact.must_fix.len() <= LIMIT);
    }
}
