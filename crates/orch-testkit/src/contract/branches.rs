//! The contract of [`orch_ports::forge::Forge`] about task branches that people push to.

use orch_ports::forge::{BranchOrder, BranchState, Identity, Workplace};
use orch_rules::ids::{CommitId, Timestamp};

use super::forge::ForgeBench;
use super::{Case, cases};
use crate::fake::forge::Edit;

const BRANCH: &str = "feature/T-001-x";

/// All cases.
pub fn suite<B: ForgeBench>() -> &'static [Case<B>] {
    const {
        cases![
            a_branch_at_the_head_is_the_same,
            a_branch_that_is_gone_is_told,
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
fn deliver<B: ForgeBench>(bench: &B, attempt: u32, start: &CommitId, edits: &[Edit<'_>]) -> CommitId {
    let place = Workplace {
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
    bench.forge().prepare(&place, start, &[], None).unwrap();
    bench.work(&place, edits, Some("work"));
    super::forge::collect(bench, &place, start).evidence.head
}

fn order(head: &CommitId, since: &CommitId, replay: bool) -> BranchOrder {
    BranchOrder {
        branch: BRANCH.to_owned(),
        head: head.clone(),
        since: since.clone(),
        replay,
        work_item: "T-001".into(),
        message: "T-001: on top\n\nRefs: T-001".to_owned(),
        identity: who(),
        at: Timestamp(1_700_000_000_000),
    }
}

/// A published attempt: where it started, and its head.
fn published<B: ForgeBench>(bench: &B) -> (CommitId, CommitId) {
    let start = bench.forge().base().unwrap().tip;
    let head = deliver(bench, 1, &start, &[("b.txt", Some("b\n"))]);
    bench.forge().publish(BRANCH, None, &head).unwrap();
    (start, head)
}

fn a_branch_at_the_head_is_the_same<B: ForgeBench>(bench: &B) {
    let (start, head) = published(bench);
    assert_eq!(bench.forge().branch_state(&order(&head, &head, false)).unwrap(), BranchState::Same);
    let all = bench.forge().branches().unwrap();
    assert_eq!((all.get(BRANCH), all.get("main")), (Some(&head), Some(&start)));
    // The newest head is about to be published.
    let newer = deliver(bench, 2, &head, &[("c.txt", Some("c\n"))]);
    assert_eq!(bench.forge().branch_state(&order(&newer, &newer, false)).unwrap(), BranchState::Same);
}

fn a_branch_that_is_gone_is_told<B: ForgeBench>(bench: &B) {
    let start = bench.forge().base().unwrap().tip;
    let head = deliver(bench, 1, &start, &[("b.txt", Some("b\n"))]);
    assert_eq!(bench.forge().branch_state(&order(&head, &head, false)).unwrap(), BranchState::Gone);
    assert!(!bench.forge().branches().unwrap().contains_key(BRANCH));
}

fn a_persons_commits_on_top_are_told_as_evidence<B: ForgeBench>(bench: &B) {
    let (_, head) = published(bench);
    let document = "docs/work-items/T-001/01-brd.md";
    let tip = bench.push(BRANCH, &[("p.txt", Some("by hand\n")), (document, Some("# What\n"))]);
    let BranchState::Pushed { by, work } = bench.forge().branch_state(&order(&head, &head, false)).unwrap() else {
        panic!("it was pushed to")
    };
    let evidence = work.evidence;
    assert!(!by.is_empty());
    assert_eq!((&evidence.start, &evidence.head, evidence.commits), (&head, &tip, 1));
    assert_eq!(evidence.changed, ["p.txt"]);
    assert_eq!(evidence.documents.iter().map(|d| d.path.as_str()).collect::<Vec<_>>(), ["01-brd.md"]);
    assert_eq!(work.patch_paths, ["b.txt", "p.txt"], "the whole change");
}

fn a_branch_without_the_head_was_rewritten<B: ForgeBench>(bench: &B) {
    let (start, head) = published(bench);
    let newer = deliver(bench, 2, &head, &[("c.txt", Some("c\n"))]);
    let tip = bench.push(BRANCH, &[("p.txt", Some("by hand\n"))]);
    let found = bench.forge().branch_state(&order(&newer, &newer, false)).unwrap();
    let BranchState::Rewritten { work, .. } = found else { panic!("{found:?}") };
    assert_eq!(work.evidence.head, tip);
    // Nor is anything put on top of a branch that lacks what the attempt started from.
    let other = deliver(bench, 3, &start, &[("d.txt", Some("d\n"))]);
    let last = deliver(bench, 4, &other, &[("e.txt", Some("e\n"))]);
    let found = bench.forge().branch_state(&order(&last, &other, true)).unwrap();
    assert!(matches!(found, BranchState::Rewritten { .. }), "{found:?}");
    assert_eq!(bench.branch(BRANCH), Some(tip), "nothing is moved");
}

fn an_attempts_work_is_put_on_top_of_a_push<B: ForgeBench>(bench: &B) {
    let (_, head) = published(bench);
    let newer = deliver(bench, 2, &head, &[("c.txt", Some("c\n"))]);
    let pushed = bench.push(BRANCH, &[("p.txt", Some("by hand\n"))]);
    let order = order(&newer, &head, true);
    let found = bench.forge().branch_state(&order).unwrap();
    assert_eq!(bench.forge().branch_state(&order).unwrap(), found, "the same again");
    let BranchState::Replayed { tip, work, .. } = found else { panic!("{found:?}") };
    assert_eq!((&tip, bench.branch(BRANCH).as_ref()), (&pushed, Some(&pushed)), "nothing is published yet");
    assert_eq!((&work.evidence.start, &work.evidence.changed[..]), (&head, &["c.txt", "p.txt"].map(str::to_owned)[..]));
    bench.forge().publish(BRANCH, Some(&tip), &work.evidence.head).unwrap();
    let copy = bench.directory("look");
    bench.forge().checkout(&work.evidence.head, &copy, None).unwrap();
    let files = bench.files(&copy);
    assert!(["b.txt", "c.txt", "p.txt"].iter().all(|name| files.contains_key(*name)), "{files:?}");
}

fn the_same_lines_on_both_sides_conflict<B: ForgeBench>(bench: &B) {
    let (_, head) = published(bench);
    let newer = deliver(bench, 2, &head, &[("b.txt", Some("the agent's\n"))]);
    let tip = bench.push(BRANCH, &[("b.txt", Some("the person's\n"))]);
    let found = bench.forge().branch_state(&order(&newer, &head, true)).unwrap();
    let BranchState::Conflict { work, paths, .. } = found else { panic!("{found:?}") };
    assert_eq!((work.evidence.head, &paths[..]), (tip, &["b.txt".to_owned()][..]));
}
