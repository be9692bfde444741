//! Tests of the pipeline file: the built-in lines, every rule with a good and a bad line, problems with their lines.

use super::check::{LINE_RULES, STAGE_RULES};
use super::*;

/// B1: transitions and gates, readable at a glance and pinned.
#[test]
fn built_in_lines_are_pinned() {
    insta::assert_snapshot!("default_picture", draw(&default_pipeline()));
    insta::assert_snapshot!("default_table", explain(&default_pipeline()));
    insta::assert_snapshot!("deploy_picture", draw(&default_with_deploy()));
    insta::assert_snapshot!("deploy_table", explain(&default_with_deploy()));
    // Tasks pin a digest; if it changes, so does the identity of the line of every task on its way.
    insta::assert_snapshot!("digests", format!("{}\n{}", default_pipeline().digest, default_with_deploy().digest));
}

/// The commented file says what the kind implies anyway.
#[test]
fn built_in_lines_spell_out_the_defaults() {
    for text in [DEFAULT_TEXT, DEFAULT_WITH_DEPLOY_TEXT] {
        let implied: String = text
            .lines()
            .filter(|line| !["documents", "gates", "next"].iter().any(|key| line.starts_with(key)))
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(parse(&implied, "f"), parse(text, "f"));
    }
}

#[test]
fn digest_is_of_the_meaning_not_of_the_text() {
    let digest = |text: &str| parse(text, "f").unwrap().digest;
    let same = "stage = [{ cap = 1, role = 'developer', id = 'a', on_red = 'a', kind = 'build' },\n\
        { kind = 'land', id = 'l', lands = true, on_red = 'a', cap = 2 }] # comment\n";
    assert_eq!(digest(same), digest(GOOD));
    assert_ne!(digest(&GOOD.replace("cap = 2", "cap = 3")), digest(GOOD));
    assert_eq!(digest(GOOD).as_str().len(), 64);
    assert!(digest(GOOD).as_str().bytes().all(|c| c.is_ascii_hexdigit()));
}

/// A small line that works.
const GOOD: &str = r#"
[[stage]]
id = "a"
kind = "build"
role = "developer"
on_red = "a"
cap = 1
[[stage]]
id = "l"
kind = "land"
on_red = "a"
cap = 2
lands = true
"#;

/// A stage's text.
fn stage(id: &str, kind: &str, more: &str) -> String {
    let role = match kind {
        "author" => "role = \"analyst\"\n",
        "build" => "role = \"developer\"\n",
        "judge" => "role = \"reviewer\"\n",
        "check" => "role = \"tester\"\n",
        "stage" | "deploy" => "role = \"deployer\"\n",
        _ => "",
    };
    let red = if more.contains("on_red") || kind == "author" { "" } else { "on_red = \"stay\"\n" };
    format!("[[stage]]\nid = \"{id}\"\nkind = \"{kind}\"\n{role}{red}{more}\n")
}

fn broken_rules(text: &str) -> Vec<String> {
    match parse(text, "f") {
        Ok(_) => Vec::new(),
        Err(problems) => problems.into_iter().map(|problem| problem.rule).collect(),
    }
}

/// Per rule: a line that breaks it, and the nearest line that does not.
fn rows() -> Vec<(&'static str, String, String)> {
    let build = || stage("b", "build", "");
    let land = |more: &str| stage("l", "land", more);
    let lands = "lands = true";
    vec![
        ("stage_ids", stage("Über", "author", ""), stage("ueber-9", "author", "")),
        ("stage_ids", stage("done", "author", ""), stage("undone", "author", "")),
        ("stage_ids", stage(&"x".repeat(33), "author", ""), stage(&"x".repeat(32), "author", "")),
        (
            "stage_ids_unique",
            stage("a", "author", "") + &stage("a", "author", ""),
            stage("a", "author", "") + &stage("a2", "author", ""),
        ),
        ("back_edges_capped", stage("a", "author", "on_red = \"a\""), stage("a", "author", "on_red = \"a\"\ncap = 1")),
        ("back_edges_capped", stage("a", "author", "cap = 1"), stage("a", "author", "")),
        (
            "gates_have_documents",
            stage("r", "judge", "documents = []"),
            stage("r", "judge", "documents = []\ngates = []"),
        ),
        (
            "lane_gates_in_lane",
            stage("r", "judge", "gates = [\"check_branch_mergeable\"]"),
            stage("r", "judge", "gates = [\"check_reviewer_verdict\"]"),
        ),
        ("land_has_no_agent", land("lands = true\nrole = \"developer\""), land(lands)),
        ("land_has_no_agent", land("lands = true\ndocuments = [\"x.md\"]"), land(lands)),
        (
            "authors_have_documents",
            stage("a", "author", "documents = []"),
            stage("a", "author", "documents = [\"x.md\"]"),
        ),
        ("confirmation_before_landing", stage("a", "author", "confirm = true"), land("lands = true\nconfirm = true")),
        ("some_stage", "# nothing\n".to_owned(), stage("a", "author", "")),
        (
            "one_entry",
            stage("a", "author", "next = \"done\"") + &stage("b", "author", ""),
            stage("a", "author", "next = \"b\"") + &stage("b", "author", ""),
        ),
        (
            "no_cycle",
            stage("a", "author", "") + &stage("b", "author", "next = \"a\""),
            stage("a", "author", "") + &stage("b", "author", "on_red = \"a\"\ncap = 1"),
        ),
        ("no_cycle", stage("a", "author", "next = \"a\""), stage("a", "author", "")),
        (
            "every_stage_reachable",
            stage("a", "author", "next = \"c\"") + &stage("b", "author", "next = \"c\"") + &stage("c", "author", ""),
            stage("a", "author", "next = \"b\"") + &stage("b", "author", "next = \"c\"") + &stage("c", "author", ""),
        ),
        (
            "done_reachable",
            stage("a", "author", "") + &stage("b", "author", "") + &stage("c", "author", "next = \"b\""),
            stage("a", "author", "") + &stage("b", "author", "") + &stage("c", "author", ""),
        ),
        (
            "back_edges_lead_back",
            stage("a", "author", "on_red = \"b\"\ncap = 1") + &stage("b", "author", ""),
            stage("a", "author", "") + &stage("b", "author", "on_red = \"a\"\ncap = 1"),
        ),
        (
            "back_edges_lead_back",
            build() + &stage("s", "stage", "") + &land("lands = true\non_red = \"s\"\ncap = 1"),
            build() + &stage("s", "stage", "") + &land("lands = true\non_red = \"b\"\ncap = 1"),
        ),
        (
            "one_landing",
            build() + &stage("s", "stage", lands) + &land(lands),
            build() + &stage("s", "stage", "") + &land(lands),
        ),
        ("builds_land", build(), build() + &land(lands)),
        ("builds_land", land(lands) + &build(), build() + &land(lands)),
        ("lane_lands", build() + &land(""), build() + &land(lands)),
        ("lane_lands", build() + &stage("t", "check", lands), build() + &stage("t", "check", "") + &land(lands)),
        (
            "lane_before_landing",
            build() + &land(lands) + &stage("s", "stage", ""),
            build() + &stage("s", "stage", "") + &land(lands),
        ),
        (
            "lane_before_landing",
            build() + &stage("s", "stage", "") + &stage("t", "check", "") + &land(lands),
            build() + &stage("t", "check", "") + &stage("s", "stage", "") + &land(lands),
        ),
        (
            "deploy_after_landing",
            build() + &stage("d", "deploy", "") + &land(lands),
            build() + &land(lands) + &stage("d", "deploy", ""),
        ),
    ]
}

#[test]
fn every_rule_tells_good_from_bad() {
    for (rule, bad, good) in rows() {
        let broken = broken_rules(&bad);
        assert!(broken.iter().any(|name| name == rule), "{rule} did not fire ({broken:?}) on:\n{bad}");
        assert_eq!(broken_rules(&good), Vec::<String>::new(), "the good line of {rule}:\n{good}");
        for problem in parse(&bad, "f").unwrap_err() {
            assert!(!problem.what.is_empty() && !problem.fix.is_empty(), "{problem:?}");
            assert!(problem.line.is_some() || rule == "some_stage", "{problem:?}");
        }
    }
}

#[test]
fn every_rule_has_a_row() {
    let rows = rows();
    for (name, _) in STAGE_RULES.iter().chain(&LINE_RULES) {
        assert!(rows.iter().any(|(rule, ..)| rule == name), "{name} has no good and bad line");
    }
}

#[test]
fn all_problems_at_once_with_their_lines() {
    let text = r#"# line 1
colour = "red"
[[stage]]
id = "a"
kind = "bild"
role = "dev"
gates = ["ci_green", "check_test_passed", 7, "check_ci_green", "check_ci_green"]
documents = ["../x.md", "/abs"]
aproval = true
[[stage]]
id = "done"
kind = "judge"
role = "reviewer"
on_red = "develop"
cap = 0
lands = "yes"
[[stage]]
kind = "author"
id = 3
[[stage]]
id = "a"
kind = "land"
next = "b"
"#;
    let problems = parse(text, ".orch/pipeline.toml").unwrap_err();
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!("problems", shown.join("\n"));
    let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
    assert!(paths.contains(&"stage[0].gates[1]"), "{paths:?}");
}

/// The line as a whole is judged with lines of the file, even if a gate is misspelled.
#[test]
fn dead_end_uncapped_loop_and_two_landings_at_once() {
    let text = r#"[[stage]]
id = "development"
kind = "build"
role = "developer"
gates = ["check_ci_gren"]
on_red = "development"
[[stage]]
id = "staging"
kind = "stage"
role = "deployer"
on_red = "stay"
lands = true
[[stage]]
id = "landing"
kind = "land"
on_red = "stay"
lands = true
next = "staging"
"#;
    let problems = parse(text, "p.toml").unwrap_err();
    let shown: Vec<String> = problems.iter().map(|problem| format!("[{}] {problem}", problem.rule)).collect();
    insta::assert_snapshot!("dead_end", shown.join("\n"));
}

#[test]
fn broken_toml_is_told_and_the_rest_is_read() {
    let text = "[[stage]]\nid = \"a\nkind = \"author\"\nrole = \"analist\"\n";
    let problems = parse(text, "f").unwrap_err();
    let places: Vec<_> = problems.iter().map(|problem| (problem.rule.as_str(), problem.line)).collect();
    assert!(places.contains(&("toml_syntax", Some(2))), "{problems:?}");
    assert!(places.contains(&("unknown_role", Some(4))), "{problems:?}");
    // What seems to be missing may only be lost.
    assert!(!places.iter().any(|(rule, _)| *rule == "missing_key"), "{problems:?}");
    let stages: String = (0..65).map(|n| stage(&format!("s{n}"), "author", "")).collect();
    assert_eq!(broken_rules(&stages), ["too_many_stages"]);
    assert_eq!(
        broken_rules("stage = 3"),
        ["wrong_type"].map(str::to_owned).into_iter().chain(["some_stage".to_owned()]).collect::<Vec<_>>()
    );
}

#[test]
fn windows_line_ends_and_byte_order_mark_are_tolerated() {
    let text = format!("\u{feff}{}", GOOD.replace('\n', "\r\n"));
    assert_eq!(parse(&text, "f").unwrap(), parse(GOOD, "f").unwrap());
    let text = text.replace("kind = \"land\"", "kind = \"lend\"");
    assert_eq!(parse(&text, "f").unwrap_err()[0].line, Some(10));
}

/// Ways back that cross, nest and share; ids as long as they may be: never wider than 100 columns.
#[test]
fn picture_of_a_crowded_line() {
    let long = |n: usize| format!("stage-with-a-very-long-name-{n:04}");
    let mut text = String::new();
    for n in 0..9 {
        let back = if n < 4 { long(n) } else { long(8 - n) };
        let documents =
            "documents = [\"a-document-with-a-long-name.md\", \"another-document-with-a-long-name.md\", \"c.md\"]";
        text.push_str(&stage(
            &long(n),
            "author",
            &format!("{documents}\non_red = \"{back}\"\ncap = 100\napproval = true"),
        ));
    }
    let picture = draw(&parse(&text, "f").unwrap());
    for line in picture.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    insta::assert_snapshot!("crowded", picture);
}

#[test]
fn patterns_match_within_one_segment() {
    for (pattern, path, wanted) in [
        ("a.md", "a.md", true),
        ("a.md", "b/a.md", false),
        ("06-adr/ADR-*.md", "06-adr/ADR-001-x.md", true),
        ("06-adr/ADR-*.md", "06-adr/ADR-.md", true),
        ("06-adr/ADR-*.md", "06-adr/x/ADR-1.md", false),
        ("06-adr/ADR-*.md", "06-adr/ADR-1/x.md", false),
        ("*", "x", true),
        ("*", "x/y", false),
        ("a*b*c", "aXbYc", true),
        ("a*b*c", "abc", true),
        ("a*b*c", "acb", false),
        ("a*a", "a", false),
        ("**", "x", true),
        ("x", "", false),
    ] {
        assert_eq!(document_matches(pattern, path), wanted, "{pattern} {path}");
    }
    for bad in ["", "/a", "a/../b", "./a", "a//b", "a\\b", "a\nb"] {
        assert!(pattern_fault(bad).is_some(), "{bad:?}");
    }
    assert_eq!(pattern_fault("06-adr/ADR-*.md"), None);
}

#[test]
fn names_are_the_persisted_spellings() {
    for gate in GateName::ALL {
        assert_eq!(serde_json::to_value(gate).unwrap(), gate.name());
        assert!(!gate.sentence().is_empty());
    }
    for kind in StageKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
    }
    for role in Role::ALL {
        assert_eq!(serde_json::to_value(role).unwrap(), role.name());
    }
}

proptest::proptest! {
    /// Whatever stands in the file, reading it ends; and a line that is accepted is drawn within 100 columns.
    #[test]
    fn reading_and_drawing_never_fail(text in "(\\[\\[stage\\]\\]\n((id|kind|role|next|on_red) = \"(a|b|c|author|build|land|analyst|done|stay|développer)\"\n|cap = [0-9]\n|lands = true\n|approval = true\n){0,6}){0,5}") {
        if let Ok(pipeline) = parse(&text, "f") {
            for line in draw(&pipeline).lines().chain(explain(&pipeline).lines()) {
                proptest::prop_assert!(line.chars().count() <= 100 || !draw(&pipeline).contains(line));
            }
        }
    }

    #[test]
    fn arbitrary_text_never_fails(text in "\\PC{0,200}") {
        let _ = parse(&text, "f");
    }
}

/// A gate that a file's own list leaves out is told, stage by stage.
#[test]
fn stages_that_do_not_ask_about_protected_paths_are_known() {
    assert!(default_pipeline().unguarded().is_empty());
    assert!(default_with_deploy().unguarded().is_empty());
    let text = DEFAULT_TEXT.replacen(", \"check_ci_green\", \"check_protected_paths\"]", ", \"check_ci_green\"]", 1);
    let pipeline = parse(&text, "f").unwrap();
    let names: Vec<&str> = pipeline.unguarded().into_iter().map(crate::ids::StageId::as_str).collect();
    assert_eq!(names, ["development"]);
}
