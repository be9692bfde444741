//! The sample project under its own test command.

use std::fs;

use orch_rules::pipeline::Role;
use orch_testkit::git;
use orch_testkit::sample::{Issue, SampleError, TEST_COMMAND, create, demo_issues, plain_pair, red_first, script};

use crate::place::{Order, Place, cargo_test, task_file};

/// The head after the developer's first round.
fn developed(place: &mut Place, issue: &Issue, id: &str) -> String {
    let script = script(std::slice::from_ref(issue)).to_toml().unwrap();
    let task = task_file(id, &issue.title, None);
    let start = place.main();
    let order = Order { role: Role::Developer, id, task_file: &task, script: &script, start: &start };
    place.attempt(&order).done().head()
}

#[test]
fn it_is_a_clean_repository_whose_first_commit_is_always_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| create(&folder.path().join(name)).unwrap());
    assert_eq!(one.base, two.base);
    assert_eq!(git(&one.directory, &["status", "--porcelain"]).unwrap(), "");
    assert_eq!(git(&one.directory, &["symbolic-ref", "HEAD"]).unwrap(), "refs/heads/main");
    assert_eq!(git(&one.directory, &["ls-files"]).unwrap().lines().count(), 10);
    assert_eq!(git(&one.directory, &["log", "--format=%an"]).unwrap(), "tally");
}

#[test]
fn a_folder_with_something_in_it_is_refused_and_untouched() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine"), "x").unwrap();
    assert!(matches!(create(folder.path()), Err(SampleError::NotEmpty(_))));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn its_tests_are_green_and_build_nothing_into_the_tree() {
    assert_eq!(TEST_COMMAND, "cargo test --offline --quiet");
    let place = Place::with_sample();
    let (green, output) = cargo_test(&place, &place.main(), &["--locked"]);
    assert!(green, "{output}");
    assert_eq!(git(&place.path("checkout"), &["status", "--porcelain"]).unwrap(), "");
}

#[test]
fn every_issue_comes_with_a_test_that_fails_before_and_passes_after() {
    let mut place = Place::with_sample();
    let base = place.main();
    // Later rounds are tried where the stories are played out.
    let [_, punctuation] = plain_pair();
    for (number, issue) in demo_issues().into_iter().chain([punctuation]).enumerate() {
        let id = format!("DEMO-{number:03}");
        let head = developed(&mut place, &issue, &id);
        let (green, output) = cargo_test(&place, &head, &[]);
        // One of them is meant to be red at first, by its own test.
        assert_eq!(green, issue != red_first(), "{}: {output}", issue.title);

        // The proof alone, on the commit before.
        let clone = place.clone_at(&base, &format!("before-{number}"));
        let proof = git(&place.forge(), &["show", &format!("{head}:{}", issue.proof)]).unwrap();
        fs::write(clone.join(&issue.proof), proof).unwrap();
        git(&clone, &["add", "."]).unwrap();
        git(&clone, &["commit", "-q", "-m", "Only the proof"]).unwrap();
        git(&place.forge(), &["fetch", "-q", clone.to_str().unwrap(), "HEAD"]).unwrap();
        let before = git(&clone, &["rev-parse", "HEAD"]).unwrap();
        let (green, output) = cargo_test(&place, &before, &["--test", issue.proof_name()]);
        assert!(!green, "{}: the proof passes without the change\n{output}", issue.title);
    }
}

#[test]
fn plain_issues_land_in_either_order_on_a_main_that_has_moved() {
    for order in [[0, 1], [1, 0]] {
        let mut place = Place::with_sample();
        let issues = plain_pair();
        let heads = [0, 1].map(|index| developed(&mut place, &issues[index], &format!("DEMO-{index:03}")));
        let landed = order.map(|index| place.land(&heads[index]).unwrap());
        for commit in landed {
            let (green, output) = cargo_test(&place, &commit, &[]);
            assert!(green, "{output}");
        }
    }
}
