//! The contract of [`orch_ports::change_requests::ChangeRequests`].

use orch_ports::PortResult;
use orch_ports::change_requests::{ChangeRequestState, ChangeRequestText, ChangeRequests, ReviewVerdict};
use orch_rules::ci::{CommitStatus, StatusState};
use orch_rules::ids::CommitId;
use orch_rules::port_error::ErrorKind;

use super::{Case, cases};

/// A product with a repository whose main has a commit, and what happens there beside us.
pub trait ProductBench {
    /// What is under test.
    fn product(&self) -> &dyn ChangeRequests;
    /// A branch with a commit on top of main; another commit, if it is there.
    fn push(&self, branch: &str) -> CommitId;
    /// A branch is removed.
    fn delete(&self, branch: &str);
    /// Main is moved to a commit.
    fn lands(&self, commit: &CommitId);
    /// A branch at main's commit.
    fn empty(&self, branch: &str);
    /// CI says something of a commit.
    fn ci(&self, commit: &CommitId, context: &str, state: &str);
    /// A person reviews: `APPROVED`, `REQUEST_CHANGES`, `COMMENT`.
    fn review(&self, number: u64, person: &str, state: &str, words: &str);
    /// A person merges it by the button.
    fn press(&self, number: u64);
    /// Title and body that are shown.
    fn shown(&self, number: u64) -> (String, String);
    /// From now on nobody may say that something was merged by hand.
    fn forbid_marks(&self);
    /// A commit on top of main that the workshop has and no branch is at.
    fn candidate(&self) -> CommitId;
    /// So many branches, beside main, are at a commit.
    fn proposed(&self, commit: &CommitId) -> usize;
}

/// All cases.
pub fn suite<B: ProductBench>() -> &'static [Case<B>] {
    const {
        cases![
            opening_again_is_the_same_one,
            an_empty_one_is_not_opened,
            without_its_branch_it_is_missing,
            it_is_rewritten,
            what_landed_is_marked_as_merged,
            without_the_mark_it_is_closed_and_names_the_commit,
            merged_by_a_person_it_stays_so,
            what_was_stopped_is_closed,
            removing_its_branch_closes_it,
            every_page_of_statuses_is_read,
            the_newest_status_of_a_context_counts,
            of_an_unknown_commit_nothing_is_said,
            reviews_come_in_their_order,
            a_candidate_is_proposed_and_withdrawn,
        ]
    }
}

fn fails<T: std::fmt::Debug>(result: PortResult<T>, kind: ErrorKind) {
    let error = result.unwrap_err();
    assert!(error.kind == kind && error.place.object.is_some() && !error.words.is_empty(), "{error:?}");
}

fn text(words: &str) -> ChangeRequestText {
    ChangeRequestText { title: format!("SH-001 {words}"), body: format!("About {words}.\n") }
}

fn status(context: &str, state: StatusState) -> CommitStatus {
    CommitStatus {
        context: context.to_owned(),
        state,
        description: "a word".to_owned(),
        address: "https://orch.example.org/r/shop/SH-001".to_owned(),
    }
}

fn opening_again_is_the_same_one<B: ProductBench>(bench: &B) {
    let head = bench.push("feature/SH-001-ä");
    assert_eq!(bench.product().find("feature/SH-001-ä").unwrap(), None);
    let first = bench.product().open("feature/SH-001-ä", &text("one")).unwrap();
    assert_eq!((first.state, &first.head), (ChangeRequestState::Open, &head));
    assert!(first.address.contains(&first.number.to_string()), "{}", first.address);
    assert_eq!(bench.product().open("feature/SH-001-ä", &text("one")).unwrap(), first);
    assert_eq!(bench.product().look(first.number).unwrap(), first);
    assert_eq!(bench.product().find("feature/SH-001-ä").unwrap(), Some(first.clone()));
    let next = bench.push("feature/SH-001-ä");
    assert_eq!(bench.product().look(first.number).unwrap().head, next);
    bench.push("feature/b");
    assert_ne!(bench.product().open("feature/b", &text("other")).unwrap().number, first.number);
    fails(bench.product().look(first.number + 1_000), ErrorKind::Gone);
}

fn an_empty_one_is_not_opened<B: ProductBench>(bench: &B) {
    bench.empty("feature/a");
    fails(bench.product().open("feature/a", &text("nothing")), ErrorKind::Refused);
}

fn without_its_branch_it_is_missing<B: ProductBench>(bench: &B) {
    fails(bench.product().open("feature/nowhere", &text("nothing")), ErrorKind::Missing);
}

fn it_is_rewritten<B: ProductBench>(bench: &B) {
    bench.push("feature/a");
    let number = bench.product().open("feature/a", &text("one")).unwrap().number;
    for _ in 0..2 {
        bench.product().rewrite(number, &text("another")).unwrap();
        assert_eq!(bench.shown(number), ("SH-001 another".to_owned(), "About another.\n".to_owned()));
    }
    fails(bench.product().rewrite(number + 1_000, &text("x")), ErrorKind::Gone);
}

fn what_landed_is_marked_as_merged<B: ProductBench>(bench: &B) {
    bench.push("feature/a");
    let number = bench.product().open("feature/a", &text("one")).unwrap().number;
    // The candidate is another commit than the branch's.
    let landed = bench.push("candidate");
    bench.lands(&landed);
    for _ in 0..2 {
        let end = bench.product().end(number, &text("landed"), Some(&landed)).unwrap();
        assert_eq!(end, ChangeRequestState::Merged);
        assert_eq!(bench.product().look(number).unwrap().state, ChangeRequestState::Merged);
        assert_eq!(bench.shown(number).1, "About landed.\n");
    }
}

fn without_the_mark_it_is_closed_and_names_the_commit<B: ProductBench>(bench: &B) {
    bench.push("feature/a");
    let number = bench.product().open("feature/a", &text("one")).unwrap().number;
    let landed = bench.push("candidate");
    bench.lands(&landed);
    bench.forbid_marks();
    let words = ChangeRequestText { body: format!("Landed as {landed}.\n"), ..text("landed") };
    for _ in 0..2 {
        assert_eq!(bench.product().end(number, &words, Some(&landed)).unwrap(), ChangeRequestState::Closed);
        assert!(bench.shown(number).1.contains(landed.as_str()));
    }
}

fn merged_by_a_person_it_stays_so<B: ProductBench>(bench: &B) {
    let head = bench.push("feature/a");
    let number = bench.product().open("feature/a", &text("one")).unwrap().number;
    bench.press(number);
    assert_eq!(bench.product().look(number).unwrap().state, ChangeRequestState::Merged);
    assert_eq!(bench.product().end(number, &text("x"), Some(&head)).unwrap(), ChangeRequestState::Merged);
    assert_eq!(bench.product().end(number, &text("x"), None).unwrap(), ChangeRequestState::Merged);
}

fn what_was_stopped_is_closed<B: ProductBench>(bench: &B) {
    bench.push("feature/a");
    let number = bench.product().open("feature/a", &text("one")).unwrap().number;
    for _ in 0..2 {
        assert_eq!(bench.product().end(number, &text("stopped"), None).unwrap(), ChangeRequestState::Closed);
    }
    let found = bench.product().find("feature/a").unwrap().unwrap();
    assert_eq!((found.number, found.state), (number, ChangeRequestState::Closed));
}

fn removing_its_branch_closes_it<B: ProductBench>(bench: &B) {
    let head = bench.push("feature/a");
    let number = bench.product().open("feature/a", &text("one")).unwrap().number;
    bench.delete("feature/a");
    assert_eq!(bench.product().look(number).unwrap().state, ChangeRequestState::Closed);
    assert_eq!(bench.product().end(number, &text("x"), Some(&head)).unwrap(), ChangeRequestState::Closed);
}

fn every_page_of_statuses_is_read<B: ProductBench>(bench: &B) {
    let head = bench.push("feature/a");
    assert_eq!(bench.product().statuses(&head).unwrap(), []);
    // The first to come is the last to be listed.
    bench.ci(&head, "ci/job-00", "failure");
    (1..120).for_each(|job| bench.ci(&head, &format!("ci/job-{job:02}"), "success"));
    let found = bench.product().statuses(&head).unwrap();
    assert_eq!(found.len(), 120);
    let red: Vec<_> = found.iter().filter(|status| status.state == StatusState::Failure).collect();
    assert_eq!(red.iter().map(|status| status.context.as_str()).collect::<Vec<_>>(), ["ci/job-00"]);
}

fn the_newest_status_of_a_context_counts<B: ProductBench>(bench: &B) {
    let head = bench.push("feature/a");
    bench.ci(&head, "ci/test", "pending");
    bench.product().set_status(&head, &status("orchestrion/check", StatusState::Pending)).unwrap();
    bench.ci(&head, "ci/test", "nonsense");
    for _ in 0..2 {
        bench.product().set_status(&head, &status("orchestrion/check", StatusState::Success)).unwrap();
    }
    let found = bench.product().statuses(&head).unwrap();
    let of = |context: &str| found.iter().find(|status| status.context == context).unwrap().clone();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(of("ci/test").state, StatusState::Other("nonsense".to_owned()));
    assert_eq!(of("orchestrion/check"), status("orchestrion/check", StatusState::Success));
}

fn of_an_unknown_commit_nothing_is_said<B: ProductBench>(bench: &B) {
    let nowhere = CommitId("1".repeat(40));
    fails(bench.product().statuses(&nowhere), ErrorKind::Missing);
    fails(bench.product().set_status(&nowhere, &status("orchestrion/check", StatusState::Success)), ErrorKind::Missing);
}

fn reviews_come_in_their_order<B: ProductBench>(bench: &B) {
    let head = bench.push("feature/a");
    let number = bench.product().open("feature/a", &text("one")).unwrap().number;
    assert_eq!(bench.product().reviews(number).unwrap(), []);
    bench.review(number, "rev", "COMMENT", "a word");
    bench.review(number, "rev", "REQUEST_CHANGES", "mend it");
    bench.review(number, "rev", "APPROVED", "good");
    let found = bench.product().reviews(number).unwrap();
    let said: Vec<_> =
        found.iter().map(|review| (review.verdict, review.text.as_str(), review.name.as_str())).collect();
    let expected = [
        (ReviewVerdict::Comment, "a word", "rev"),
        (ReviewVerdict::ChangesRequested, "mend it", "rev"),
        (ReviewVerdict::Approved, "good", "rev"),
    ];
    assert_eq!(said, expected);
    assert!(found.iter().all(|review| review.commit == head && !review.dismissed && !review.by.is_empty()));
    fails(bench.product().reviews(number + 1_000), ErrorKind::Gone);
}

fn a_candidate_is_proposed_and_withdrawn<B: ProductBench>(bench: &B) {
    let candidate = bench.candidate();
    for _ in 0..2 {
        bench.product().propose(&candidate).unwrap();
    }
    bench.ci(&candidate, "ci/test", "success");
    let found = bench.product().statuses(&candidate).unwrap();
    assert_eq!(found.iter().map(|status| status.context.as_str()).collect::<Vec<_>>(), ["ci/test"]);
    assert_eq!(bench.proposed(&candidate), 1);
    for _ in 0..2 {
        bench.product().withdraw(&candidate).unwrap();
        assert_eq!(bench.proposed(&candidate), 0);
    }
}
