//! All six roles, from the issue to main.

use orch_testkit::git;
use orch_testkit::model_server::Step;

use super::{APPROVED, Crew, Kind, Project, Who, booked, tells};
use crate::carried::{attempts_of, summary, waits};

/// Told to the developer word for word.
const FINDING: &str = "- P1 `src/echo.rs`: \"empty\" texts are echoed, too; they should not be (FR-1 \\ § 2).";

#[test]
fn claude_code_carries_an_issue_to_main() {
    let Some(crew) = Crew::new("walk", Kind::Claude, Project::Tally) else { return };
    walks(&crew);
}

#[test]
fn codex_carries_an_issue_to_main() {
    let Some(crew) = Crew::new("walk", Kind::Codex, Project::Tally) else { return };
    walks(&crew);
}

/// Analysis, approval, decision, a change that the review sends back and then approves, tests, landing.
fn walks(crew: &Crew) {
    let id = "IT-001";
    let service = crew.up();
    crew.analyst(id);
    crew.architect(id);
    let opened = service.open("Echo a text");
    assert_eq!(opened, id);
    service.until(id, "asks for approval", |task| waits(task, "human"));

    // Every run knows its clone by this path.
    let code = std::path::Path::new("/repo/code");
    crew.play(
        Who::of("developer", id),
        [
            Step::shell("cat \"$ORCH_TASK_FILE\""),
            crew.write(
                &code.join("src/echo.rs"),
                "//! Echo.\n\n/// The text again.\npub fn of(text: &str) -> &str {\n    text\n}\n",
            ),
            Step::shell(
                "sed -i 's/^pub mod lines;/pub mod echo;\\npub mod lines;/' src/lib.rs && cargo test --offline --quiet",
            ),
            Step::shell("git add src && git commit -qm 'Echo a text'"),
            Step::says("The first round is done."),
        ],
    );
    let review = format!("---\nverdict: REQUEST_CHANGES\n---\n# Review\n\n## Findings\n\n{FINDING}\n");
    crew.play(Who::of("reviewer", id), [Crew::document("12-review.md", &review), Step::says("Sent back.")]);
    let developer = Who::again("developer", id, 5);
    crew.play(
        developer,
        [
            Step::shell("cat \"$ORCH_TASK_FILE\""),
            Step::shell(
                "echo '// Empty texts are not.' >> src/echo.rs && git commit -qam 'Do not echo the empty text'",
            ),
            Step::says("The second round is done."),
        ],
    );
    crew.play(Who::again("reviewer", id, 6), [Crew::document("12-review.md", APPROVED), Step::says("Approved.")]);
    crew.tester(id);
    service.approve(id);
    let task = service.done(id);

    let roles: Vec<_> = task["attempt_list"].as_array().unwrap().iter().map(|a| a["role"].as_str().unwrap()).collect();
    assert_eq!(
        roles,
        ["analyst", "architect", "developer", "reviewer", "developer", "reviewer", "tester"],
        "{}",
        summary(&task)
    );
    for attempt in task["attempt_list"].as_array().unwrap() {
        assert!(attempt["level"] == "L3" || attempt["level"] == "L2", "{attempt}");
    }
    // What was sent back reaches the developer to the letter, in the session it had.
    let asked = crew.requests(developer, 3);
    assert!(!tells(&asked[0].body, FINDING), "it is in the task file");
    assert!(tells(&asked[1].body, FINDING), "{}", asked[1].body);
    assert!(tells(&asked[0].body, "The first round is done."), "it goes on in its session");
    assert_eq!(attempts_of(&task, "developer").len(), 2);

    // Tokens are exactly what the vendor said.
    let players = [
        Who::of("analyst", id),
        Who::of("architect", id),
        Who::of("developer", id),
        Who::of("reviewer", id),
        developer,
        Who::again("reviewer", id, 6),
        Who::of("tester", id),
    ];
    for (at, who) in players.into_iter().enumerate() {
        assert_eq!(booked(&task, at), crew.used(who), "{who:?}");
    }
    crew.the_real_key_is_the_proxys();

    assert_eq!(crew.carried.landed_items(), [id]);
    let forge = crew.carried.forge();
    let echo = git(&forge, &["show", "main:src/echo.rs"]).unwrap();
    assert!(echo.contains("// Empty texts are not."), "{echo}");
    for document in ["01-brd.md", "06-adr/ADR-001-small.md", "12-review.md", "13-test-report.md"] {
        git(&forge, &["cat-file", "-e", &format!("main:docs/work-items/{id}/{document}")]).unwrap();
    }
    assert_eq!(crew.carried.test_commit("main", orch_testkit::sample::TEST_COMMAND), Some(0));
}
