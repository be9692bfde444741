//! Truth tables of the gates.

mod case;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Outcome::{Fail, NeedsHuman, Pass, Pending, Unknown};
use super::*;
use crate::attempt::{DocumentFact, Ended, Evidence, ProtectedPaths, RunEnd};
use crate::check::{CheckKey, CheckOutcome};
use crate::episode::{Answer, Answered, Episode, EpisodeKind};
use crate::ids::{CommitId, Timestamp};
use crate::lane::{Ejection, LaneState, Line};
use crate::pipeline::{default_pipeline, default_with_deploy};
use crate::task::{Keys, Position};
use case::{Case, at, candidate, code, in_line};

const DOCUMENT_GATES: [(GateName, &str, &str, &str, &str); 4] = [
    (GateName::CheckReviewerVerdict, "review", "12-review.md", "verdict: APPROVED", "verdict: REQUEST_CHANGES"),
    (GateName::CheckTestsPassed, "testing", "13-test-report.md", "result: PASS", "result: FAIL"),
    (
        GateName::CheckStagingStatus,
        "deploy-staging",
        "15-staging-log.md",
        "staging_status: SUCCESS",
        "staging_status: FAILED",
    ),
    (GateName::CheckDeployStatus, "deploy", "14-deploy-log.md", "deploy_status: SUCCESS", "deploy_status: FAILED"),
];

fn document(front: &str) -> String {
    format!("---\n{front}\n---\nbody\n")
}

#[test]
fn document_gates_truth_table() {
    for (gate, stage, path, good, bad) in DOCUMENT_GATES {
        let case = || at(stage).green();
        case().wrote(path, &document(good)).says(gate, Pass, "says");
        let red = case().wrote(path, &document(bad)).says(gate, Fail, "says");
        assert!(red.must_fix.ends_with(&format!("The whole: docs/work-items/SHOP-001/{path}")), "{}", red.must_fix);
        case().wrote(path, "no front matter").says(gate, Fail, "no front matter");
        case().wrote(path, "---\na: b: c\n---\n").says(gate, Fail, "not valid YAML");
        case().wrote(path, "---\nother: x\n---\n").says(gate, Fail, "");
        case().wrote("99-other.md", &document(good)).says(gate, Fail, &format!("did not write `{path}`"));
        // Prose never counts.
        case().wrote(path, &format!("{}\n{good}\n", document(bad))).says(gate, Fail, "");
    }
}

/// Gates that look at an attempt's delivery, where there is none.
#[test]
fn no_delivery_is_never_green() {
    let looks_at_delivery = |gate: &GateName| !matches!(gate, GateName::CheckCiGreen | GateName::CheckBranchMergeable);
    for gate in GateName::ALL.into_iter().filter(looks_at_delivery) {
        let stage = match gate {
            GateName::CheckReviewerVerdict => "review",
            GateName::CheckTestsPassed => "testing",
            GateName::CheckStagingStatus | GateName::CheckStagingImageFresh => "deploy-staging",
            GateName::CheckDeployStatus => "deploy",
            GateName::CheckCodeChanged | GateName::CheckProtectedPaths => "development",
            _ => "analysis",
        };
        at(stage).with(|facts| facts.attempt = None).says(gate, Pending, "nobody has worked");
        at(stage).attempt(|attempt| attempt.visit = 3).says(gate, Pending, "nobody has worked");
        at(stage).attempt(|attempt| attempt.stage = "elsewhere".into()).says(gate, Pending, "nobody has worked");
        at(stage).attempt(|attempt| attempt.ended = None).says(gate, Pending, "attempt 7 is still under way");
        let without = |how: RunEnd| {
            at(stage).attempt(|attempt| {
                attempt.ended = Some(Ended { how, at: Timestamp(1), evidence: None, trouble: None, in_vain: false })
            })
        };
        without(RunEnd::Completed).says(gate, Unknown, "could not be brought home");
        without(RunEnd::TimedOut).says(gate, Fail, "its deadline passed");
        without(RunEnd::Failed { reason: "exit code 3".to_owned() }).says(gate, Fail, "exit code 3");
        let strange = at(stage).with(|facts| facts.task.position = Position::Stage("gone".into()));
        strange.says(gate, Unknown, "`gone` is no stage");
    }
}

/// What an agent is told before it ends is what the gates say when it has.
#[test]
fn the_gates_can_be_asked_before_the_end() {
    let now = crate::facts::Moment { now: Timestamp(5) };
    let asked = |case: Case| {
        let mut facts = case.facts;
        let attempt = facts.attempt.as_mut().unwrap();
        let evidence = attempt.ended.take().unwrap().evidence.unwrap();
        crate::decide::gates_if_ended(facts, evidence, now)
    };
    let outcome = |said: &[GateResult], gate| said.iter().find(|said| said.gate == gate).map(|said| said.outcome);
    let review = |front: &str| asked(at("review").wrote("12-review.md", &document(front)));
    for (front, expected) in [("verdict: APPROVED", Pass), ("verdict: REQUEST_CHANGES", Fail), ("other: x", Fail)] {
        assert_eq!(outcome(&review(front), GateName::CheckReviewerVerdict), Some(expected), "{front}");
    }
    let empty = asked(at("development").evidence(|evidence| evidence.head = evidence.start.clone()));
    assert_eq!(outcome(&empty, GateName::CheckCodeChanged), Some(Fail));
    // What stops a task though its stage does not name it is told first, and once.
    let broken = asked(at("development").evidence(|evidence| evidence.settings = vec!["x".to_owned()]));
    assert_eq!((broken[0].gate, broken[0].outcome), (GateName::CheckSettings, Fail));
    assert_eq!(broken.iter().filter(|said| said.gate == GateName::CheckSettings).count(), 1);
    let questions = asked(at("development").wrote("questions.md", &document("questions:\n  - \"Why?\"")));
    assert_eq!(outcome(&questions, GateName::CheckNoQuestions), Some(NeedsHuman));
}

/// D4: an empty delivery is told apart from a wrong one.
#[test]
fn empty_delivery_says_so() {
    for (gate, stage) in [
        (GateName::CheckDocumentWritten, "analysis"),
        (GateName::CheckDecisionRecord, "architecture"),
        (GateName::CheckCodeChanged, "development"),
        (GateName::CheckReviewerVerdict, "review"),
        (GateName::CheckTestsPassed, "testing"),
        (GateName::CheckStagingStatus, "deploy-staging"),
        (GateName::CheckDeployStatus, "deploy"),
    ] {
        let case = at(stage).evidence(|evidence| evidence.head = evidence.start.clone());
        case.says(gate, Fail, "delivered nothing");
    }
}

#[test]
fn document_written_takes_the_first_document_alone() {
    let gate = GateName::CheckDocumentWritten;
    at("analysis").wrote("01-brd.md", "x").says(gate, Pass, "01-brd.md");
    let missing = at("analysis").wrote("02-spec.md", "x").says(gate, Fail, "did not write `01-brd.md`");
    assert!(missing.must_fix.contains("Write docs/work-items/SHOP-001/01-brd.md"), "{}", missing.must_fix);
    let nameless = |facts: &mut TaskFacts| Arc::make_mut(&mut facts.pipeline).stages[0].documents.clear();
    at("analysis").with(nameless).wrote("01-brd.md", "x").says(gate, Unknown, "names no document");
}

#[test]
fn decision_record_matches_the_pattern() {
    let gate = GateName::CheckDecisionRecord;
    at("architecture").wrote("06-adr/ADR-001-store.md", "x").says(gate, Pass, "06-adr/ADR-001-store.md");
    for path in ["06-adr/notes.md", "ADR-001.md", "06-adr/old/ADR-001.md", "06-adr/ADR-001.txt"] {
        at("architecture").wrote(path, "x").says(gate, Fail, "did not write `06-adr/ADR-*.md`");
    }
}

#[test]
fn code_changed_needs_a_path_outside_the_documents() {
    let gate = GateName::CheckCodeChanged;
    at("development").changed(&["src/a.rs"]).says(gate, Pass, "1 file");
    at("development").wrote("07-notes.md", "x").says(gate, Fail, "documents only");
}

#[test]
fn ci_green_truth_table() {
    let gate = GateName::CheckCiGreen;
    let wants = at("development").says(gate, Pending, "have not run");
    assert_eq!(wants.wants, Some(Want::Check));
    // Checks of other keys do not count.
    for key in [code("older"), CheckKey::Candidate(CommitId::from("code"))] {
        let other = at("development").check(key, Some(CheckOutcome::Passed), "").says(gate, Pending, "have not run");
        assert_eq!(other.wants, Some(Want::Check));
    }
    let running = at("development").check(code("code"), None, "").says(gate, Pending, "are running on head");
    assert_eq!(running.wants, None);
    at("development").green().says(gate, Pass, "green on head");
    let failed = || Some(CheckOutcome::Failed { reason: "exit code 1".to_owned() });
    let red = at("development").check(code("code"), failed(), "test b FAILED").says(gate, Fail, "exit code 1");
    assert!(red.must_fix.contains("test b FAILED"));
    let unknown = Some(CheckOutcome::Unknown { reason: "no test command".to_owned() });
    at("development").check(code("code"), unknown, "").says(gate, Unknown, "no test command");
    // The newest check of the key decides, both ways.
    at("development").check(code("code"), failed(), "").green().says(gate, Pass, "");
    at("development").green().check(code("code"), failed(), "").says(gate, Fail, "");
    // Before the head is recorded the delivery's own key is the head's.
    at("development").with(|facts| facts.task.keys = None).green().says(gate, Pass, "");
    let headless = |facts: &mut TaskFacts| (facts.task.keys, facts.attempt) = (None, None);
    at("development").with(headless).green().says(gate, Pending, "no head");
}

/// X13: an agent's judgement may stop a task; it never replaces a fact.
#[test]
fn tests_passed_needs_report_and_run() {
    let gate = GateName::CheckTestsPassed;
    let pass = || at("testing").wrote("13-test-report.md", &document("result: PASS"));
    pass().green().says(gate, Pass, "`result` says PASS");
    assert_eq!(pass().says(gate, Pending, "have not run").wants, Some(Want::Check));
    assert_eq!(pass().check(code("code"), None, "").says(gate, Pending, "are running").wants, None);
    let red = Some(CheckOutcome::Failed { reason: "exit code 1".to_owned() });
    let result = pass().check(code("code"), red, "b FAILED").says(gate, Fail, "but the tests are red");
    assert!(result.must_fix.contains("b FAILED"));
    let unknown = Some(CheckOutcome::Unknown { reason: "no command".to_owned() });
    pass().check(code("code"), unknown, "").says(gate, Unknown, "no command");
    // A red report wants no run at all.
    let fail = at("testing").wrote("13-test-report.md", &document("result: FAIL"));
    assert_eq!(fail.says(gate, Fail, "`result` says FAIL").wants, None);
}

/// X13: a verdict is void once the head is another than the one that was judged.
#[test]
fn verdicts_are_bound_to_what_they_judged() {
    let review = at("review").wrote("12-review.md", &document("verdict: APPROVED"));
    let moved = |facts: &mut TaskFacts| {
        facts.task.keys = Some(Keys { code: "code2".into(), patch: "patch".into(), irreversible: false })
    };
    review.with(moved).says(GateName::CheckReviewerVerdict, Pass, "APPROVED");
    let review = at("review").wrote("12-review.md", &document("verdict: APPROVED"));
    let changed = |facts: &mut TaskFacts| {
        facts.task.keys = Some(Keys { code: "code".into(), patch: "patch2".into(), irreversible: false })
    };
    review.with(changed).says(GateName::CheckReviewerVerdict, Unknown, "void");

    let report = || at("testing").wrote("13-test-report.md", &document("result: PASS")).green();
    report().with(changed).says(GateName::CheckTestsPassed, Pass, "PASS");
    report().with(moved).says(GateName::CheckTestsPassed, Unknown, "void");
}

#[test]
fn branch_mergeable_truth_table() {
    let gate = GateName::CheckBranchMergeable;
    at("landing").says(gate, Pending, "does not stand in the landing line");
    for state in [
        LaneState::Queued,
        LaneState::Building { fence: 1 },
        LaneState::Testing { candidate: candidate(), check: "c".into() },
    ] {
        at("landing").landing(state).says(gate, Pending, "lane: ");
    }
    for state in [
        LaneState::Tested { candidate: candidate() },
        LaneState::Validated { candidate: candidate() },
        LaneState::Landing { candidate: candidate(), fence: 1 },
    ] {
        at("landing").landing(state).says(gate, Pass, "cand");
    }
    at("landing").landing(LaneState::Landed { commit: "cand".into(), contained: false }).says(
        gate,
        Pass,
        "landed as cand",
    );
    at("landing").with(|facts| facts.task.landed = Some("x".into())).says(gate, Pass, "landed as x");

    let ejected = |cause| at("landing").landing(LaneState::Ejected { cause });
    let paths = vec!["src/a.rs".to_owned(), "src/b.rs".to_owned()];
    let conflict = ejected(Ejection::Conflict { paths, onto: "m".into() }).says(gate, Fail, "src/a.rs, src/b.rs");
    assert!(conflict.must_fix.contains("- src/a.rs\n- src/b.rs"), "{}", conflict.must_fix);
    let red = Ejection::Red { excerpt: "x FAILED".to_owned(), onto: "m".into() };
    assert!(ejected(red).says(gate, Fail, "red on the combination").must_fix.contains("x FAILED"));
    ejected(Ejection::Unknown { reason: "no disk".to_owned() }).says(gate, Unknown, "no disk");
    let refused = Ejection::Refused { by: "git.example.org".to_owned(), why: "protected".to_owned() };
    ejected(refused).says(gate, Unknown, "git.example.org did not take it onto main: protected");

    // A place that still has an earlier head, the entry line, or another's place says nothing of this head.
    let tested = || at("landing").landing(LaneState::Tested { candidate: candidate() });
    tested().with(|facts| facts.lane[0].head = Some("older".into())).says(gate, Pending, "earlier head");
    tested().with(|facts| facts.lane[0].line = Line::Entry).says(gate, Pending, "does not stand");
    tested().with(|facts| facts.lane[0].task = "t2".into()).says(gate, Pending, "does not stand");
}

#[test]
fn staging_image_must_be_the_candidate() {
    let gate = GateName::CheckStagingImageFresh;
    let ran = |revision: &str| {
        at("deploy-staging")
            .landing(LaneState::Tested { candidate: candidate() })
            .wrote("15-staging-log.md", &document(&format!("staging_status: SUCCESS\n{revision}")))
    };
    ran("revision: cand").says(gate, Pass, "ran the candidate cand");
    ran("revision: CAND").says(gate, Pass, "");
    ran("revision: can").says(gate, Fail, "the candidate is cand");
    ran("revision: other").says(gate, Fail, "staging ran other");
    ran("x: y").says(gate, Fail, "`revision` is missing");
    let broken = at("deploy-staging").landing(LaneState::Tested { candidate: candidate() });
    broken.wrote("15-staging-log.md", "no front matter").says(gate, Fail, "no front matter");
    let no_candidate = at("deploy-staging").wrote("15-staging-log.md", &document("revision: cand"));
    no_candidate.says(gate, Pending, "no candidate");
}

/// X13: a change to protected paths is neither red nor green; a grant holds for exactly this patch and these paths.
#[test]
fn protected_paths_truth_table() {
    let gate = GateName::CheckProtectedPaths;
    for stage in ["development", "testing"] {
        let touching = |paths: &[&str]| {
            let all: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
            at(stage).evidence(|evidence| {
                evidence.protected = Some(ProtectedPaths::touched(&all, &[], &["ci/**".to_owned()]))
            })
        };
        let said = |case: Case, about: String, visit: u32, answer: Option<Answer>| {
            case.with(|facts| {
                facts.episodes.push(Episode {
                    beyond: Default::default(),
                    id: format!("e{}", facts.episodes.len()).into(),
                    task: "t1".into(),
                    kind: EpisodeKind::ProtectedPaths,
                    visit,
                    about,
                    questions: Vec::new(),
                    status_at_opening: None,
                    opened_at: Timestamp(0),
                    asked_again: false,
                    answer: answer.map(|answer| Answered { answer, by: "ann".into(), at: Timestamp(1), text: None }),
                });
            })
        };
        let key = |case: &Case| {
            let ended = case.facts.attempt.as_ref().unwrap().ended.as_ref().unwrap();
            grant_key(ended.evidence.as_ref().unwrap()).unwrap()
        };
        let approved = || Some(Answer::Approved);
        let no = || Some(Answer::Rejected { reason: "no".to_owned() });
        touching(&["src/a.rs"]).says(gate, Pass, "no protected path");
        let unknown = at(stage).evidence(|evidence| evidence.protected = None);
        unknown.says(gate, Unknown, "could not be read from main");
        let both = || touching(&["ci/run", "src/a.rs", "ci/a/b"]);
        both().says(gate, NeedsHuman, "ci/a/b, ci/run");
        let this = key(&both());
        for visit in [1, 4] {
            said(both(), this.clone(), visit, approved()).says(gate, Pass, "a person granted");
            said(both(), this.clone(), visit, None).says(gate, NeedsHuman, "ci/run");
            said(both(), this.clone(), visit, no()).says(gate, NeedsHuman, "ci/run");
            said(both(), this.clone(), visit, Some(Answer::Withdrawn)).says(gate, NeedsHuman, "ci/run");
            // The newest word counts, and a question that went away is no word.
            said(said(both(), this.clone(), 1, no()), this.clone(), visit, approved()).says(gate, Pass, "granted");
            said(said(both(), this.clone(), 1, approved()), this.clone(), visit, no()).says(gate, NeedsHuman, "");
            let away = said(said(both(), this.clone(), 1, approved()), this.clone(), visit, Some(Answer::Withdrawn));
            away.says(gate, Pass, "granted");
        }
        // Other paths, and the same paths in another patch.
        let fewer = key(&touching(&["ci/run"]));
        said(both(), fewer.clone(), 4, approved()).says(gate, NeedsHuman, "");
        said(touching(&["ci/run"]), this.clone(), 4, approved()).says(gate, NeedsHuman, "");
        let patch = both().evidence(|evidence| evidence.patch = "another".into());
        said(patch, this.clone(), 4, approved()).says(gate, NeedsHuman, "");
        // An approval of something else is no grant.
        let of_work = said(both(), this.clone(), 4, approved()).with(|f| f.episodes[0].kind = EpisodeKind::Approval);
        of_work.says(gate, NeedsHuman, "");
        let many: Vec<String> = (0..300).map(|n| format!("ci/{n:03}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        touching(&many).says(gate, NeedsHuman, "ci/009, and 290 more");
        assert_ne!(key(&touching(&many)), key(&touching(&many[..299])), "what is not kept counts too");
        assert_ne!(key(&touching(&["ci/a", "ci/b"])), key(&touching(&["ci/a\", \"ci/b"])));
    }
}

/// A18: questions ask a human; no approval is asked meanwhile.
#[test]
fn questions_need_a_human() {
    let gate = GateName::CheckNoQuestions;
    at("analysis").wrote("01-brd.md", "---\ntitle: x\n---\n").says(gate, Pass, "asks nothing");
    at("analysis").wrote("01-brd.md", "# no front matter\n").says(gate, Pass, "asks nothing");
    let one = "---\nquestions: [Which colour?]\n---\n";
    at("analysis").wrote("01-brd.md", one).says(gate, NeedsHuman, "Which colour?");
    let both = at("analysis").wrote("01-brd.md", one).wrote("02-spec.md", "---\nquestions: [Why?]\n---\n");
    both.says(gate, NeedsHuman, "2 questions wait for a human: Which colour? · Why?");
    at("analysis").wrote("01-brd.md", "---\nquestions: [a: b: c\n---\n").says(gate, NeedsHuman, "[a: b: c");
    at("analysis").wrote("01-brd.md", "---\ntitle: [a: b: c\n---\n").says(gate, Fail, "not valid YAML");
    // Only the stage's own documents can ask.
    at("analysis").wrote("notes.md", one).says(gate, Pass, "asks nothing");
}

#[test]
fn write_scope_truth_table() {
    let gate = GateName::CheckWriteScope;
    type Row = (&'static str, &'static [&'static str], &'static [&'static str], Outcome);
    let rows: &[Row] = &[
        // stage, documents written, other paths changed, outcome
        ("analysis", &["01-brd.md", "05-risks.md"], &[], Pass),
        ("analysis", &["06-adr/ADR-001-x.md"], &[], Fail),
        ("analysis", &["01-brd.md"], &["src/a.rs"], Fail),
        ("architecture", &["06-adr/ADR-001-x.md"], &[], Pass),
        ("architecture", &["06-adr/x/ADR-001.md"], &[], Fail),
        ("architecture", &["12-review.md"], &[], Fail),
        ("development", &[], &["src/a.rs", "tests/a.rs", "README.md"], Pass),
        ("development", &["07-notes.md"], &["src/a.rs"], Pass),
        ("development", &["12-review.md"], &["src/a.rs"], Fail),
        ("development", &["01-brd.md"], &[], Fail),
        ("review", &["12-review.md"], &[], Pass),
        ("review", &["12-review.md", "13-test-report.md"], &[], Fail),
        ("review", &["12-review.md"], &["tests/a.rs"], Fail),
        ("testing", &["13-test-report.md"], &["tests/a.rs", "src/sum_test.go"], Pass),
        ("testing", &["13-test-report.md"], &["src/sum.go"], Fail),
        ("testing", &["12-review.md"], &[], Fail),
        ("deploy-staging", &["15-staging-log.md"], &[], Pass),
        ("deploy-staging", &["15-staging-log.md"], &["src/a.rs"], Fail),
        ("deploy", &["14-deploy-log.md"], &[], Pass),
        ("deploy", &["15-staging-log.md"], &[], Fail),
        ("review", &[], &[], Pass),
    ];
    for (stage, documents, changed, outcome) in rows {
        let mut case = at(stage).changed(changed);
        for path in *documents {
            case = case.wrote(path, "x");
        }
        println!("{stage} {documents:?} {changed:?}");
        case.says(gate, *outcome, "attempt 7");
    }
}

#[test]
fn write_scope_does_not_guess_about_paths_it_cannot_see() {
    let gate = GateName::CheckWriteScope;
    let many = |evidence: &mut Evidence| evidence.changed_total = 500;
    at("testing").changed(&["tests/a.rs"]).evidence(many).says(gate, Unknown, "changed 500 paths");
    at("testing").changed(&["src/a.rs"]).evidence(many).says(gate, Fail, "src/a.rs");
    at("development").changed(&["src/a.rs"]).evidence(many).says(gate, Pass, "");
    let paths: Vec<String> = (0..30).map(|n| format!("src/{n}.rs")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    at("review").changed(&paths).says(gate, Fail, "src/9.rs, and 20 more");
}

#[test]
fn test_files_by_example() {
    for path in [
        "tests/a.rs",
        "src/test/java/Sum.java",
        "a/__tests__/x.js",
        "spec/models/user.rb",
        "Tests/Sum.swift",
        "src/sum_test.go",
        "test_sum.py",
        "conftest.py",
        "src/sum.spec.ts",
        "SumTest.java",
        "SumTests.cs",
        "src/tests.rs",
        "a/__snapshots__/x.snap",
    ] {
        assert!(is_test_file(path), "{path}");
    }
    for path in
        ["src/latest.rs", "src/inspect.rs", "contest/a.rs", "src/specification.md", "attestation.go", "src/main.rs", ""]
    {
        assert!(!is_test_file(path), "{path}");
    }
}

/// B10: whatever the facts, a gate concludes with a reason; and nothing but a pass lets a task on silently.
#[test]
fn every_gate_concludes_at_every_stage() {
    for line in [default_pipeline(), default_with_deploy()] {
        for stage in line.stages.clone() {
            for gate in GateName::ALL {
                let result = evaluate(gate, &in_line(line.clone(), stage.id.as_str()).facts);
                assert!(!result.reason.is_empty(), "{gate} at {}", stage.id);
            }
        }
    }
}

#[test]
fn unreadable_fields_are_red_with_the_reason() {
    let unread = DocumentFact::unreadable("12-review.md", "larger than 64 KiB");
    let fact = DocumentFact { must_fix: "- P0 verbatim".to_owned(), ..unread.clone() };
    let case = at("review").evidence(|evidence| evidence.documents.push(fact));
    let result = case.says(GateName::CheckReviewerVerdict, Fail, "12-review.md: larger than 64 KiB");
    assert_eq!(result.must_fix, "- P0 verbatim\n\nThe whole: docs/work-items/SHOP-001/12-review.md");
    let fact = DocumentFact { fields: Ok(BTreeMap::new()), ..unread };
    let case = at("review").evidence(|evidence| evidence.documents.push(fact));
    let result = case.says(GateName::CheckReviewerVerdict, Fail, "`verdict` is missing");
    assert!(
        result.must_fix.contains("`verdict` is missing"),
        "a document without a must-fix part falls back to the reason"
    );
}
