//! Work that comes back: the round is told from what is there, and the conflict is resolved.

use orch_rules::pipeline::Role;
use orch_rules::verdict::read_document;
use orch_testkit::sample::{Issue, conflicting_pair, script, sent_back};

use crate::place::{Attempt, Order, Place, cargo_test, everywhere, task_file};

fn act(place: &mut Place, role: Role, issue: &Issue, id: &str, start: &str, rework: Option<&str>) -> Attempt {
    let script = script(std::slice::from_ref(issue)).to_toml().unwrap();
    let task = task_file(id, &issue.title, rework);
    place.attempt(&Order { role, id, task_file: &task, script: &script, start }).done()
}

#[test]
fn rounds_are_counted_per_role_and_task_from_the_commits() {
    let mut place = Place::new();
    let script = everywhere(
        "[[play.act]]\nrole = \"developer\"\nsteps = [{ append = \"log\", text = \"{id} {round}\\n\" }]\n\
         [[play.act]]\nrole = \"reviewer\"\nsteps = [{ append = \"log\", text = \"review {round}\\n\" }]",
    );
    let mut head = place.main();
    for (role, id) in [
        (Role::Developer, "D-1"),
        (Role::Reviewer, "D-1"),
        (Role::Developer, "D-1"),
        (Role::Developer, "D-10"),
        (Role::Developer, "D-1"),
        (Role::Reviewer, "D-1"),
    ] {
        let task = task_file(id, "a", None);
        head = place.attempt(&Order { role, id, task_file: &task, script: &script, start: &head }).done().head();
    }
    let log = orch_testkit::git(&place.forge(), &["show", &format!("{head}:log")]).unwrap();
    assert_eq!(log, "D-1 1\nreview 1\nD-1 2\nD-10 1\nD-1 3\nreview 2");
}

#[test]
fn the_task_file_decides_and_rework_is_the_second_round_at_least() {
    let mut place = Place::new();
    let script = everywhere(
        "[[play.act]]\nrole = \"developer\"\nsteps = [{ append = \"log\", text = \"{round} {rework}\\n\" }]\n",
    );
    let start = place.main();
    let mut round = |task: &str| {
        let order = Order { role: Role::Developer, id: "D-1", task_file: task, script: &script, start: &start };
        place.attempt(&order).done().committed("log").trim_end().to_owned()
    };
    assert_eq!(round("---\ntitle: a\nround: 5\n---\n# a\n"), "5");
    assert_eq!(round(&task_file("D-1", "a", Some("P1: no"))), "2 P1: no");
    assert_eq!(round(&task_file("D-1", "a", None)), "1");
}

#[test]
fn a_round_without_an_act_is_said_and_never_made_up() {
    let mut place = Place::new();
    let script = everywhere("[[play.act]]\nrole = \"developer\"\nround = 1\nsteps = [{ exit = 0 }]\n");
    let start = place.main();
    let task = task_file("D-1", "a", Some("again"));
    let order = Order { role: Role::Developer, id: "D-1", task_file: &task, script: &script, start: &start };
    let attempt = place.attempt(&order);
    assert_eq!(attempt.code, 65);
    assert!(attempt.said.contains("no act of the developer for round 2"), "{}", attempt.said);
}

#[test]
fn a_delivery_that_the_review_rejects_is_mended_and_approved() {
    let mut place = Place::with_sample();
    let issue = sent_back();
    let mut head = place.main();
    let mut verdicts = Vec::new();
    let mut rework = None;
    for _ in 0..2 {
        let developed = act(&mut place, Role::Developer, &issue, "DEMO-003", &head, rework.as_deref());
        assert!(rework.is_none() || developed.said.contains("several blank lines"), "{}", developed.said);
        let reviewed = act(&mut place, Role::Reviewer, &issue, "DEMO-003", &developed.head(), None);
        let review = reviewed.committed("docs/work-items/DEMO-003/12-review.md");
        let document = read_document("12-review.md", review.as_bytes());
        verdicts.push(orch_rules::verdict::review(&document.fields.unwrap()).passes);
        rework = Some(document.must_fix);
        head = reviewed.head();
    }
    assert_eq!(verdicts, [false, true]);
    let (green, output) = cargo_test(&place, &head, &[]);
    assert!(green, "{output}");
}

/// `told` makes the text the second developer is sent back with, from main's tip.
fn conflict_is_resolved(told: &dyn Fn(&str) -> String, from_its_own_head: bool) {
    let mut place = Place::with_sample();
    let [first, second] = conflicting_pair();
    let base = place.main();
    let winner = act(&mut place, Role::Developer, &first, "DEMO-001", &base, None);
    let loser = act(&mut place, Role::Developer, &second, "DEMO-002", &base, None);
    place.land(&winner.head()).unwrap();
    let conflict = place.land(&loser.head()).unwrap_err();
    assert_eq!(conflict, ["src/report.rs", "tests/command.rs"]);

    let main = place.main();
    let start = if from_its_own_head { loser.head() } else { main.clone() };
    let mended = act(&mut place, Role::Developer, &second, "DEMO-002", &start, Some(&told(&main)));
    if from_its_own_head {
        assert!(mended.said.contains("in conflict: src/report.rs, tests/command.rs"), "{}", mended.said);
    }
    assert_eq!(mended.git(&["merge-base", "HEAD", &main]), main, "main is in the branch");
    let landed = place.land(&mended.head()).unwrap();
    let (green, output) = cargo_test(&place, &landed, &[]);
    assert!(green, "{output}");
}

#[test]
fn the_second_of_a_conflicting_pair_merges_the_main_it_is_told_of() {
    conflict_is_resolved(&|main| format!("The branch conflicts with main ({main}) in `src/report.rs`."), true);
}

#[test]
fn an_attempt_that_starts_from_main_again_needs_no_merge() {
    conflict_is_resolved(&|main| format!("Main `{main}` has changed the same lines."), false);
}

#[test]
fn a_conflict_the_script_forgets_is_never_committed() {
    let mut place = Place::with_sample();
    let [first, mut second] = conflicting_pair();
    let base = place.main();
    let winner = act(&mut place, Role::Developer, &first, "DEMO-001", &base, None);
    let loser = act(&mut place, Role::Developer, &second, "DEMO-002", &base, None);
    place.land(&winner.head()).unwrap();
    let again = second.acts.iter_mut().find(|act| act.round == Some(2)).unwrap();
    again.steps.retain(
        |step| !matches!(step, orch_testkit::scripted_agent::Step::TakeMain(path) if path.starts_with("tests/")),
    );
    let script = script(&[second.clone()]).to_toml().unwrap();
    let task = task_file("DEMO-002", &second.title, Some(&place.main()));
    let start = loser.head();
    let order = Order { role: Role::Developer, id: "DEMO-002", task_file: &task, script: &script, start: &start };
    let attempt = place.attempt(&order);
    assert_eq!(attempt.code, 65, "{}", attempt.said);
    assert!(attempt.said.contains("conflict in tests/command.rs"), "{}", attempt.said);
    assert_eq!(attempt.head(), start);
}

#[test]
fn without_a_main_to_merge_it_says_where_it_looked() {
    let mut place = Place::new();
    let script = everywhere("[[play.act]]\nrole = \"developer\"\nsteps = [{ merge_main = true }]\n");
    let start = place.main();
    let task = task_file("D-1", "a", None);
    let order = Order { role: Role::Developer, id: "D-1", task_file: &task, script: &script, start: &start };
    let attempt = place.attempt(&order);
    assert_eq!(attempt.code, 65);
    assert!(attempt.said.contains("refs/heads/main"), "{}", attempt.said);
}
