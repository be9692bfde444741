//! What roles do that no play scripts.

use orch_rules::pipeline::Role;
use orch_rules::verdict::{deploy, read_document, review, staging, tests};

use crate::place::{Attempt, Order, Place, everywhere, task_file};

/// Reads a document's verdict.
type Reading = fn(&std::collections::BTreeMap<String, String>) -> orch_rules::verdict::Verdict;

fn attempt(place: &mut Place, role: Role, start: &str) -> Attempt {
    let task = task_file("DEMO-007", "Count the longest line", None);
    let script = everywhere("");
    place.attempt(&Order { role, id: "DEMO-007", task_file: &task, script: &script, start }).done()
}

fn written(role: Role) -> &'static [&'static str] {
    match role {
        Role::Analyst => &["01-brd.md", "02-spec.md", "03-acceptance.md"],
        Role::Architect => &["06-adr/ADR-001-smallest-change.md"],
        Role::Developer => &["../../../notes/DEMO-007.md"],
        Role::Reviewer => &["12-review.md"],
        Role::Tester => &["13-test-report.md"],
        Role::Deployer => &["14-deploy-log.md"],
    }
}

#[test]
fn each_role_writes_its_documents_and_nothing_else() {
    let mut place = Place::new();
    let mut head = place.main();
    for role in Role::ALL {
        let done = attempt(&mut place, role, &head);
        let changed = done.git(&["diff", "--name-only", &head, "HEAD"]);
        let expected: Vec<String> = written(role)
            .iter()
            .map(|name| {
                name.strip_prefix("../../../").map_or(format!("docs/work-items/DEMO-007/{name}"), str::to_owned)
            })
            .collect();
        assert_eq!(changed.lines().collect::<Vec<_>>(), expected, "{role:?}");
        for path in &expected {
            let text = done.committed(path);
            assert!(text.contains("DEMO-007") && !text.contains("{id}") && !text.contains("{attempt}"), "{text}");
        }
        assert!(done.result.is_some(), "{role:?} reports no usage");
        head = done.head();
    }
}

#[test]
fn a_second_round_changes_every_document() {
    let mut place = Place::new();
    for role in Role::ALL {
        let start = place.main();
        let first = attempt(&mut place, role, &start).head();
        let second = attempt(&mut place, role, &first);
        let changed = second.git(&["diff", "--name-only", &first, "HEAD"]);
        assert_eq!(changed.lines().count(), written(role).len(), "{role:?}: {changed}");
    }
}

#[test]
fn the_request_stands_in_the_requirements() {
    let mut place = Place::new();
    let start = place.main();
    let text = attempt(&mut place, Role::Analyst, &start).committed("docs/work-items/DEMO-007/01-brd.md");
    assert!(text.contains("# DEMO-007: Count the longest line"), "{text}");
    assert!(text.contains("> Please Count the longest line."), "{text}");
}

#[test]
fn the_documents_say_what_the_gates_read() {
    let mut place = Place::new();
    let start = place.main();
    let readings: [(Role, &str, &str, Reading); 4] = [
        (Role::Reviewer, "review", "12-review.md", review),
        (Role::Tester, "testing", "13-test-report.md", tests),
        (Role::Deployer, "deploy-staging", "15-staging-log.md", staging),
        (Role::Deployer, "deploy", "14-deploy-log.md", deploy),
    ];
    for (role, stage, name, reading) in readings {
        let task = task_file("DEMO-007", "a", None);
        let order = Order { role, id: "DEMO-007", task_file: &task, script: &everywhere(""), start: &start };
        let done = place.attempt_in(&order, stage).done();
        let text = done.committed(&format!("docs/work-items/DEMO-007/{name}"));
        let verdict = reading(&read_document(name, text.as_bytes()).fields.unwrap());
        assert!(verdict.passes, "{name}: {}", verdict.reason);
    }
}

#[test]
fn the_analyst_asks_nothing_and_every_front_matter_can_be_read() {
    let mut place = Place::new();
    let start = place.main();
    for role in [Role::Analyst, Role::Architect] {
        let done = attempt(&mut place, role, &start);
        for name in written(role) {
            let text = done.committed(&format!("docs/work-items/DEMO-007/{name}"));
            let document = read_document(name, text.as_bytes());
            assert_eq!(document.fields.unwrap()["work_item"], "DEMO-007", "{name}");
            assert!(document.questions.is_empty(), "{name}");
        }
    }
}
