//! The contract of [`orch_ports::workshop::Workshop`] about task branches that people push to.

use orch_ports::workshop::{BranchOrder, BranchState, Identity, Workplace};
use orch_rules::ids::{CommitId, Timestamp};

use super::{Bench, Case, cases};
use crate::fake::forge::Edit;

const BRANCH: &str = "feature/T-001-x";

/// All cases.
pub fn suite<B: Bench>() -> &'static [Case<B>] {
    const {
        cases![
            a_branch_at_the_head_is_the_same,
            a_persons_commits_on_top_are_told_as_evidence,
            a_branch_without_the_head_was_rewritten,
            an_attempts_work_is_put_on_top_of_a_push,
            the_same_lines_on_both_sides_conflict,
        ]
    }
}

fn who() -> Identity {
    Identity { name: "Robot".to_owned(), email: "robot@example.org".to_owned() }
}

/// One attempt from `start`; gives its head.
fn deliver<B: Bench>(bench: &B, attempt: u32, start: &CommitId, edits: &[Edit<'_>]) -> CommitId {
    let place = Workplace {
        packed_again: true,
        largest_file: 100_000_000,
        task: "0190-task".into(),
        work_item: "T-001".into(),
        attempt,
        branch: BRANCH.to_owned(),
        directory: bench.directory(&format!("place-{attempt}/code")),
        parcel: bench.directory(&format!("place-{attempt}/parcel")),
        overlaid: false,
        message: "left".to_owned(),
        identity: who(),
        at: Timestamp(1_700_000_000_000),
    };
    bench.workshop().prepare(&place, start, &[], None).unwrap();
    bench.work(&place, edits, Some("work"));
    super::workshop::collect(bench, &place, start).evidence.head
}

fn order(head: &CommitId, since: &CommitId, replay: bool) -> BranchOrder {
    BranchOrder {
        head: head.clone(),
        since: since.clone(),
        replay,
        work_item: "T-001".into(),
        message: "T-001: on top\n\nRefs: T-001".to_owned(),
        identity: who(),
        at: Timestamp(1_700_000_000_000),
    }
}

/// The branch as it is now beside the task's head.
fn state<B: Bench>(bench: &B, order: &BranchOrder) -> BranchState {
    let tip = bench.forge().tip(BRANCH).unwrap().unwrap();
    bench.workshop().branch_state(order, &tip).unwrap()
}

/// A published attempt: where it started, and its head.
fn published<B: Bench>(bench: &B) -> (CommitId, CommitId) {
    let start = bench.forge().base().unwrap().tip;
    let head = deliver(bench, 1, &start, &[("b.txt", Some("b\n"))]);
    bench.forge().publish(BRANCH, None, &head).unwrap();
    (start, head)
}

fn a_branch_at_the_head_is_the_same<B: Bench>(bench: &B) {
    let (start, head) = published(bench);
    assert_eq!(state(bench, &order(&head, &head, false)), BranchState::Same);
    let all = bench.forge().branches().unwrap();
    assert_eq!((all.get(BRANCH), all.get("main")), (Some(&head), Some(&start)));
    // The newest head is about to be published.
    let newer = deliver(bench, 2, &head, &[("c.txt", Some("c\n"))]);
    assert_eq!(state(bench, &order(&newer, &newer, false)), BranchState::Same);
}

fn a_persons_commits_on_top_are_told_as_evidence<B: Bench>(bench: &B) {
    let (_, head) = published(bench);
    let document = "docs/work-items/T-001/01-brd.md";
    let tip = bench.push(BRANCH, &[("p.txt", Some("by hand\n")), (document, Some("# What\n"))]);
    let BranchState::Pushed { by, work } = state(bench, &order(&head, &head, false)) else {
        panic!("it was pushed to")
    };
    let evidence = work.evidence;
    assert!(!by.is_empty());
    assert_eq!((&evidence.start, &evidence.head, evidence.commits), (&head, &tip, 1));
    assert_eq!(evidence.changed, ["p.txt"]);
    assert_eq!(evidence.documents.iter().map(|d| d.path.as_str()).collect::<Vec<_>>(), ["01-brd.md"]);
    assert_eq!(work.patch_paths, ["b.txt", "p.txt"], "the whole change");
}

fn a_branch_without_the_head_was_rewritten<B: Bench>(bench: &B) {
    let (start, head) = published(bench);
    let newer = deliver(bench, 2, &head, &[("c.txt", Some("c\n"))]);
    let tip = bench.push(BRANCH, &[("p.txt", Some("by hand\n"))]);
    let found = state(bench, &order(&newer, &newer, false));
    let BranchState::Rewritten { work, .. } = found else { panic!("{found:?}") };
    assert_eq!(work.evidence.head, tip);
    // Nor is anything put on top of a branch that lacks what the attempt started from.
    let other = deliver(bench, 3, &start, &[("d.txt", Some("d\n"))]);
    let last = deliver(bench, 4, &other, &[("e.txt", Some("e\n"))]);
    let found = state(bench, &order(&last, &other, true));
    assert!(matches!(found, BranchState::Rewritten { .. }), "{found:?}");
    assert_eq!(bench.branch(BRANCH), Some(tip), "nothing is moved");
}

fn an_attempts_work_is_put_on_top_of_a_push<B: Bench>(bench: &B) {
    let (_, head) = published(bench);
    let newer = deliver(bench, 2, &head, &[("c.txt", Some("c\n"))]);
    let pushed = bench.push(BRANCH, &[("p.txt", Some("by hand\n"))]);
    let order = order(&newer, &head, true);
    let found = state(bench, &order);
    assert_eq!(state(bench, &order), found, "the same again");
    let BranchState::Replayed { tip, work, .. } = found else { panic!("{found:?}") };
    assert_eq!((&tip, bench.branch(BRANCH).as_ref()), (&pushed, Some(&pushed)), "nothing is published yet");
    assert_eq!((&work.evidence.start, &work.evidence.changed[..]), (&head, &["c.txt", "p.txt"].map(str::to_owned)[..]));
    bench.forge().publish(BRANCH, Some(&tip), &work.evidence.head).unwrap();
    let copy = bench.directory("look");
    bench.workshop().checkout(&work.evidence.head, &copy, None).unwrap();
    let files = bench.files(&copy);
    assert!(["b.txt", "c.txt", "p.txt"].iter().all(|name| files.contains_key(*name)), "{files:?}");
}

fn the_same_lines_on_both_sides_conflict<B: Bench>(bench: &B) {
    let (_, head) = published(bench);
    let newer = deliver(bench, 2, &head, &[("b.txt", Some("the agent's\n"))]);
    let tip = bench.push(BRANCH, &[("b.txt", Some("the person's\n"))]);
    let found = state(bench, &order(&newer, &head, true));
    let BranchState::Conflict { work, paths, .. } = found else { panic!("{found:?}") };
    assert_eq!((work.evidence.head, &paths[..]), (tip, &["b.txt".to_owned()][..]));
}
