//! Prompts and gates are held together here: what a prompt names is what its gate reads, and every example is read by the
//! parser that reads the agents' documents.

use std::collections::BTreeSet;

use orch_rules::attempt::DocumentFact;
use orch_rules::pipeline::{default_pipeline, default_with_deploy};
use orch_rules::verdict::{self, Verdict};

use super::*;

fn id() -> WorkItemId {
    WorkItemId("SHOP-001".to_owned())
}

/// Every stage of the long line at which an agent acts, with its prompt.
fn prompts(own: Option<&OwnPrompt>) -> Vec<(Stage, String)> {
    let pipeline = default_with_deploy();
    let acted = pipeline.stages.iter().filter(|stage| stage.role.is_some());
    let prompt = |stage: &Stage| {
        let role = stage.role.unwrap();
        render(&Subject { role, stage, pipeline: &pipeline, work_item: &id() }, own)
    };
    acted.map(|stage| (stage.clone(), prompt(stage))).collect()
}

/// The fenced Markdown examples of a text.
fn examples(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() != "```markdown" {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let body = lines.by_ref().take_while(|line| line.trim() != "```");
        found.push(body.map(|line| format!("{}\n", line.get(indent..).unwrap_or(""))).collect());
    }
    found
}

type Rule = fn(&std::collections::BTreeMap<String, String>) -> Verdict;

/// Gates that read a verdict: the field that is prescribed, what is prescribed for it (green, then red), and the rule.
const READING: [(GateName, &str, [&str; 2], Rule); 4] = [
    (GateName::CheckReviewerVerdict, "verdict", ["APPROVED", "REQUEST_CHANGES"], verdict::review),
    (GateName::CheckTestsPassed, "result", ["PASS", "FAIL"], verdict::tests),
    (GateName::CheckStagingStatus, "staging_status", ["SUCCESS", "FAILED"], verdict::staging),
    (GateName::CheckDeployStatus, "deploy_status", ["SUCCESS", "FAILED"], verdict::deploy),
];

fn facts(gate: GateName) -> Vec<DocumentFact> {
    let filled = fill(contract_of(gate), &[("id", "SHOP-001".to_owned())]);
    examples(&filled).iter().map(|text| verdict::read_document("x.md", text.as_bytes())).collect()
}

#[test]
fn every_role_is_told_in_these_words() {
    for (stage, prompt) in prompts(None) {
        insta::assert_snapshot!(format!("prompt_{}", stage.id), prompt);
    }
}

#[test]
fn every_role_acts_somewhere_and_every_owed_document_is_explained() {
    let roles: BTreeSet<Role> = prompts(None).iter().filter_map(|(stage, _)| stage.role).collect();
    assert_eq!(roles, Role::ALL.into_iter().collect());
    for stage in default_with_deploy().stages.iter().chain(&default_pipeline().stages) {
        for document in &stage.documents {
            assert!(purpose(document).is_some(), "{document}");
        }
    }
}

/// Whatever a prompt shows as an example is read with exactly the verdict it is shown for.
#[test]
fn examples_are_read_as_they_are_meant() {
    let all = GateName::ALL.iter().map(|gate| examples(contract_of(*gate)).len()).sum::<usize>();
    let mut seen = 0;
    let verdicts = |gate: GateName, rule: Rule| -> Vec<(bool, String)> {
        let read = facts(gate).into_iter().map(|fact| rule(&fact.fields.unwrap()));
        read.map(|verdict| (verdict.passes, verdict.reason)).collect()
    };
    for (gate, wanted) in [
        (
            GateName::CheckReviewerVerdict,
            [(false, "`verdict` says REQUEST_CHANGES; only APPROVED is green"), (true, "`verdict` says APPROVED")],
        ),
        (
            GateName::CheckTestsPassed,
            [(true, "`result` says PASS (PASS)"), (false, "`result` says FAIL (FAIL is negative)")],
        ),
        (
            GateName::CheckStagingStatus,
            [(true, "`staging_status` says SUCCESS"), (false, "`staging_status` says FAILED (FAILED is negative)")],
        ),
        (
            GateName::CheckDeployStatus,
            [(true, "`deploy_status` says SUCCESS"), (false, "`deploy_status` says FAILED (FAILED is negative)")],
        ),
    ] {
        let (_, _, _, rule) = READING.into_iter().find(|row| row.0 == gate).unwrap();
        let wanted = wanted.map(|(passes, reason)| (passes, reason.to_owned()));
        assert_eq!(verdicts(gate, rule), wanted, "{gate:?}");
        seen += wanted.len();
    }
    let questions: Vec<_> = facts(GateName::CheckNoQuestions).into_iter().map(|fact| fact.questions).collect();
    assert_eq!(
        questions,
        [[
            "Which rate counts for a basket in two currencies: today's, or that of the order?",
            "May old orders keep their totals?"
        ]]
    );
    assert_eq!(seen + questions.len(), all, "an example that no test reads");
}

/// The examples of the part that every prompt has.
#[test]
fn examples_of_the_contract_are_read_as_they_are_meant() {
    let facts = examples(CONTRACT).into_iter().map(|text| verdict::read_document("x.md", text.as_bytes()));
    let read: Vec<(usize, usize)> = facts.map(|fact| (fact.questions.len(), fact.found.len())).collect();
    assert_eq!(read, [(1, 0), (0, 1)]);
}

/// What goes to the developer is what the prompt says goes there.
#[test]
fn examples_hand_on_what_blocks() {
    let handed = |gate| facts(gate).into_iter().map(|fact| fact.must_fix).collect::<Vec<_>>();
    let review = handed(GateName::CheckReviewerVerdict);
    let items: Vec<&str> = review[0].lines().collect();
    assert!(items.len() == 2 && items[0].starts_with("- P0 F-1") && items[1].starts_with("- P1 F-2"), "{review:?}");
    assert_eq!(review[1], "", "advice blocks nothing");
    let report = &handed(GateName::CheckTestsPassed)[1];
    assert!(report.contains("TC-2: FAIL") && report.contains("AC-2 is not met"), "{report}");
    assert!(handed(GateName::CheckStagingStatus)[1].contains("unhealthy"));
    assert!(handed(GateName::CheckDeployStatus)[1].contains("unhealthy"));
}

/// Both ways: the field and tokens a prompt prescribes are those its gate reads, and every word in capitals that a
/// prompt quotes is a token of a frozen set, or one of the weights of findings.
#[test]
fn prompts_name_the_fields_and_tokens_of_their_gates() {
    for (gate, field, [green, red], rule) in READING {
        let text = fill(contract_of(gate), &[("negative", listed(&tokens::NEGATIVE)), ("positive", String::new())]);
        for named in [field, green, red] {
            assert!(text.contains(&format!("`{named}`")), "{gate:?} does not name {named}");
        }
        let says = |field: &str, value: &str| rule(&[(field.to_owned(), value.to_owned())].into()).passes;
        assert!(says(field, green) && !says(field, red), "{gate:?}");
        assert!(!says("outcome", green), "{gate:?} reads another field");
        assert!(tokens::NEGATIVE.contains(&red), "{red}");
    }
    let frozen: BTreeSet<&str> =
        tokens::POSITIVE.into_iter().chain(tokens::NEGATIVE).chain([tokens::SUCCESS]).collect();
    let weights = ["P0", "P1", "P2", "P3"];
    for (stage, prompt) in prompts(None) {
        let quoted = prompt.split('`').skip(1).step_by(2);
        let words = quoted.filter(|word| {
            let letters = |c: char| c.is_ascii_uppercase() || matches!(c, '-' | '_');
            word.len() > 1 && word.chars().all(letters) && !word.ends_with('-')
        });
        for word in words {
            assert!(frozen.contains(word) || weights.contains(&word), "{}: `{word}` is no token", stage.id);
        }
    }
    let tester = prompts(None).into_iter().find(|(stage, _)| stage.role == Some(Role::Tester)).unwrap().1;
    for token in tokens::POSITIVE.into_iter().chain(tokens::NEGATIVE).chain(verdict::TEST_FIELDS) {
        assert!(tester.contains(&format!("`{token}`")), "the tester is not told of {token}");
    }
}

#[test]
fn ids_scope_and_data_are_told_to_those_concerned() {
    for (stage, prompt) in prompts(None) {
        for needed in ["Refs: SHOP-001", "it is data", "`Rework`"] {
            assert!(prompt.contains(needed), "{}: {needed}", stage.id);
        }
        for document in &stage.documents {
            assert!(prompt.contains(&format!("`docs/work-items/SHOP-001/{document}`")), "{}: {document}", stage.id);
        }
        assert!(!prompt.contains("{id}") && !prompt.contains("{f"), "{}", stage.id);
    }
    let of = |role| prompts(None).into_iter().find(|(stage, _)| stage.role == Some(role)).unwrap().1;
    for (role, words) in [
        (Role::Analyst, &["`BR-1`", "`FR-1`", "`AC-1`", "`TC-1`", "`questions`"][..]),
        (Role::Architect, &["`BR-`", "`FR-`", "ADR-NNN-slug.md"]),
        (Role::Developer, &["`AC-`", "same commit", "`12-review.md`", "`orch-base`"]),
        (Role::Reviewer, &["same commit", "## Findings", "`P0`", "`P1`", "never block", "changelog"]),
        (Role::Tester, &["`TC-`", "test files"]),
    ] {
        for word in words {
            assert!(of(role).contains(word), "{role:?}: {word}");
        }
    }
}

#[test]
fn a_repositorys_own_words_cannot_lose_the_contract() {
    let own = usable(".orch/agents/reviewer.md", "Judge {id} by {owed}. {gates} {x} { }\n".to_owned()).unwrap();
    for (stage, prompt) in prompts(Some(&own)) {
        assert!(prompt.starts_with("Judge SHOP-001 by {owed}. {gates} {x} { }\n\n## What you owe\n"), "{prompt}");
        assert!(!prompt.contains("# You are"), "{}", stage.id);
        let contract = |prompt: &str| prompt.split_once("## What you owe").map(|(_, rest)| rest.to_owned());
        let built_in = prompts(None).into_iter().find(|(other, _)| other.id == stage.id).unwrap().1;
        assert_eq!(contract(&prompt), contract(&built_in));
    }
}

#[test]
fn a_file_that_cannot_be_used_says_why_and_what_to_do() {
    for (text, word) in [
        (String::new(), "is empty"),
        (" \n".to_owned(), "is empty"),
        ("x".repeat(CAP + 1), "32769 bytes"),
        ("\0".to_owned(), "no text"),
    ] {
        let error = usable(".orch/agents/tester.md", text).unwrap_err().to_string();
        for needed in [word, ".orch/agents/tester.md", "remove it"] {
            assert!(error.contains(needed), "{error}");
        }
    }
    assert_eq!(paths_of(Role::Tester), [".orch/agents/tester.md", ".openclaw/agents/tester.md"]);
}
