//! Verdicts, findings and weakened tests at 80 columns.

use orch_web::view::{FindingView, VerdictView, WeakenedView};

use super::show;
use super::tests::{detail, drawn, now, plain};

fn verdict(by: &str, attempt: Option<u32>, outcome: &str, key: [&str; 2], void: Option<[&str; 2]>) -> VerdictView {
    let document = attempt.map(|_| "12-review.md".to_owned());
    let reason = match (document.is_some(), outcome) {
        (true, "pass") => "`verdict` says APPROVED",
        (true, _) => {
            "`verdict` says APPROVED, but blocking findings are open: P1-1 the sum overflows; P0 it loses data"
        }
        (false, _) => "the tests are red: exit code 101",
    };
    VerdictView {
        by: by.to_owned(),
        attempt,
        check: attempt.is_none().then(|| "c1".to_owned()),
        document,
        outcome: outcome.to_owned(),
        reason: reason.to_owned(),
        key_kind: key[0].to_owned(),
        key: key[1].to_owned(),
        commit: "3f2a1b9c0d8e7f6a5b4c3d2e1f00112233445566".to_owned(),
        at: "2026-11-20T21:12:30Z".to_owned(),
        holds: void.is_none(),
        void_by: void.map(|[name, _]| name.to_owned()),
        standing: void.map_or("holds".to_owned(), |[_, text]| format!("void: {text}")),
    }
}

fn finding(id: Option<&str>, grade: u8, state: &str, rounds: u32, title: &str) -> FindingView {
    FindingView {
        id: id.map(str::to_owned),
        grade: Some(grade),
        blocks: grade < 2 && state != "resolved",
        state: state.to_owned(),
        file: None,
        title: title.to_owned(),
        first_attempt: 4,
        last_attempt: 6,
        rounds,
    }
}

#[test]
fn a_task_that_was_judged() {
    let mut judged = detail();
    (judged.lane, judged.episodes, judged.work, judged.timeline) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    (judged.dependencies, judged.checks) = (Vec::new(), Vec::new());
    judged.attempt_list.truncate(1);
    judged.attempt_list[0].weakened = vec![
        WeakenedView {
            path: "tests/sum.rs".to_owned(),
            deleted: true,
            removed_lines: 12,
            text: "tests/sum.rs is deleted (12 lines)".to_owned(),
            diff: "--- a/tests/sum.rs\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-#[test]\n-\tfn \u{1b}[31msums() {}\n"
                .to_owned(),
        },
        WeakenedView {
            path: "tests/total.rs".to_owned(),
            deleted: false,
            removed_lines: 1,
            text: "tests/total.rs lost 1 line".to_owned(),
            diff: String::new(),
        },
    ];
    judged.attempt_list[0].weakened_total = 3;
    judged.findings = vec![
        finding(Some("P2-1"), 2, "new", 1, "a typo"),
        finding(None, 0, "resolved", 1, "it loses data"),
        finding(
            Some("P1-1"),
            1,
            "still open",
            3,
            "the sum overflows in a basket that is so long that nobody ever had one",
        ),
        finding(None, 1, "reopened", 2, "no \u{1b}[31mtest"),
    ];
    judged.verdicts =
        (0..9).map(|number| verdict("tester", Some(number), "pass", ["code", "aaaaaaaaaaaaaaaa"], None)).collect();
    judged.verdicts.extend([
        verdict(
            "reviewer",
            Some(14),
            "fail",
            ["patch", "0f1e2d3c4b5a69788796"],
            Some(["new_patch", "new patch (attempt 15)"]),
        ),
        verdict(
            "check",
            None,
            "fail",
            ["candidate", "cccccccccccccccc"],
            Some(["new_candidate", "the candidate is 77777777777777777777777777777777777777ff now"]),
        ),
        verdict("reviewer", Some(16), "pass", ["patch", "bbbbbbbbbbbbbbbb"], None),
    ]);
    insta::assert_snapshot!(drawn(&show::lines(&judged, false, &plain("80"), now()), 80));
}
