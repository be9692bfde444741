//! The contract of [`orch_ports::workshop::Workshop`].

use std::collections::BTreeMap;

use orch_ports::PortResult;
use orch_ports::workshop::{CandidateOrder, Collected, Identity, Overlay, Workplace};
use orch_rules::event::CandidateResult;
use orch_rules::ids::{CommitId, TaskId, Timestamp};
use orch_rules::lane::Candidate;
use orch_rules::pipeline::default_pipeline;
use orch_rules::port_error::ErrorKind;
use orch_rules::scope::Scope;

use super::deliveries::{
    a_clone_that_is_gone_is_told, a_rewritten_history_counts_as_what_it_holds, leftovers_are_committed_once,
    nothing_done_is_an_empty_delivery, what_came_home_outlives_its_clone, what_is_not_in_scope_is_left_out_by_name,
    what_was_left_out_of_it_outlives_its_clone,
};
use super::{Bench, Case, cases};
use crate::fake::forge::Edit;

/// What is in the repository at first.
pub const FIRST: &[(&str, &str)] = &[("a.txt", "1\n2\n3\n4\n5\n6\n"), ("docs/guide.md", "guide\n")];

/// All cases.
pub fn suite<B: Bench>() -> &'static [Case<B>] {
    // One list for every bench type.
    let cases: &'static [Case<B>] = const {
        cases![
            a_clone_stands_at_its_start_and_is_replaced,
            work_is_collected_as_evidence_and_again,
            leftovers_are_committed_once,
            what_is_not_in_scope_is_left_out_by_name,
            nothing_done_is_an_empty_delivery,
            documents_are_told_apart_from_code,
            the_whole_change_is_told_by_its_paths,
            weakened_tests_are_told,
            an_overlay_is_what_the_other_commit_has,
            the_code_id_ignores_documents,
            a_rewritten_history_counts_as_what_it_holds,
            a_file_that_is_too_large_is_named_and_left_out,
            a_clone_that_is_gone_is_told,
            what_came_home_outlives_its_clone,
            what_was_left_out_of_it_outlives_its_clone,
            an_earlier_rounds_document_is_set_aside,
            a_checkout_is_clean_and_exact,
            the_same_order_makes_the_same_candidate,
            changes_apart_are_combined,
            documents_of_older_work_items_leave,
            changes_of_the_same_lines_conflict,
            what_main_has_already_is_an_empty_candidate,
            the_reverse_of_a_commit_takes_back_what_it_brought_and_nothing_else,
            files_are_read_from_a_commit,
            what_does_not_exist_is_told,
            a_tasks_last_head_is_kept_if_asked,
        ]
    };
    cases
}

pub(super) fn place<B: Bench>(bench: &B, attempt: u32) -> Workplace {
    Workplace {
        packed_again: true,
        largest_file: 100_000_000,
        task: TaskId::from("0190-task"),
        work_item: "T-001".into(),
        attempt,
        branch: "feature/T-001-x".to_owned(),
        directory: bench.directory(&format!("place-{attempt}/code")),
        parcel: bench.directory(&format!("place-{attempt}/parcel")),
        overlaid: false,
        message: "left\n\nRefs: T-001".to_owned(),
        identity: who(),
        at: Timestamp(1_700_000_000_000),
    }
}

fn who() -> Identity {
    Identity { name: "Robot".to_owned(), email: "robot@example.org".to_owned() }
}

pub(super) fn base<B: Bench>(bench: &B) -> CommitId {
    bench.forge().base().unwrap().tip
}

/// One attempt from main's tip; gives its head.
pub(super) fn deliver<B: Bench>(bench: &B, attempt: u32, edits: &[Edit<'_>]) -> CommitId {
    let (place, start) = (place(bench, attempt), base(bench));
    bench.workshop().prepare(&place, &start, &[], None).unwrap();
    bench.work(&place, edits, Some("work"));
    let head = collect(bench, &place, &start).evidence.head;
    assert_ne!(head, start);
    head
}

/// Packs and takes in everything that lies in a clone.
pub(super) fn collect<B: Bench>(bench: &B, place: &Workplace, start: &CommitId) -> Collected {
    bench.run_commands(place, &[bench.workshop().parcel_command(place, start).unwrap()]);
    bench.workshop().collect(place, start, &scope("development")).unwrap()
}

/// What attempts at a stage of the built-in line may deliver. A developer's is everything but others' documents.
pub(super) fn scope(stage: &str) -> Scope {
    let mut pipeline = default_pipeline();
    let at = pipeline.stages.iter().position(|known| known.id.as_str() == stage).unwrap();
    if stage == "development" {
        pipeline.stages.iter_mut().for_each(|other| other.documents.clear());
    }
    Scope::of(&pipeline, &pipeline.stages[at], &"T-001".into())
}

fn order(head: &CommitId) -> CandidateOrder {
    CandidateOrder {
        head: head.clone(),
        work_item: "T-001".into(),
        documents_kept: None,
        message: "title (T-001)\n\nRefs: T-001".to_owned(),
        identity: who(),
        at: Timestamp(1_700_000_000_000),
    }
}

pub(super) fn made<B: Bench>(bench: &B, head: &CommitId) -> Candidate {
    match bench.workshop().candidate(&order(head), &base(bench)).unwrap() {
        CandidateResult::Made { candidate } => candidate,
        other => panic!("{other:?}"),
    }
}

/// It is a fact about the object that was asked for, of this kind.
#[track_caller]
pub(super) fn fails<T: std::fmt::Debug>(result: PortResult<T>, kind: ErrorKind) {
    let error = result.unwrap_err();
    assert!(error.kind == kind && error.is_fact() && !error.words.is_empty(), "{error:?}");
}

fn texts(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

fn a_clone_stands_at_its_start_and_is_replaced<B: Bench>(bench: &B) {
    let (place, start) = (place(bench, 1), base(bench));
    bench.workshop().prepare(&place, &start, &[], None).unwrap();
    assert_eq!(bench.files(&place.directory), texts(FIRST));
    bench.work(&place, &[("a.txt", Some("broken\n")), ("junk", Some("x"))], Some("half done"));
    bench.workshop().prepare(&place, &start, &[], None).unwrap();
    assert_eq!(bench.files(&place.directory), texts(FIRST));
    assert!(collect(bench, &place, &start).evidence.is_empty());
}

fn work_is_collected_as_evidence_and_again<B: Bench>(bench: &B) {
    let (place, start) = (place(bench, 1), base(bench));
    bench.workshop().prepare(&place, &start, &[], None).unwrap();
    bench.work(&place, &[("a.txt", Some("one\n"))], Some("one"));
    bench.work(&place, &[("b.txt", Some("two\n"))], Some("two"));
    let evidence = collect(bench, &place, &start).evidence;
    assert_eq!((evidence.commits, evidence.changed_total, &evidence.start, &evidence.base), (2, 2, &start, &start));
    assert_eq!(evidence.changed, ["a.txt", "b.txt"]);
    assert_eq!(collect(bench, &place, &start).evidence, evidence);
    assert_eq!(base(bench), start, "collecting moves no branch");
    assert_eq!(bench.branch(&place.branch), None);
}

fn documents_are_told_apart_from_code<B: Bench>(bench: &B) {
    let review = "---\nverdict: APPROVED\n---\n";
    let edits = [
        ("docs/work-items/T-001/12-review.md", Some(review)),
        ("docs/work-items/T-002/12-review.md", Some(review)),
        ("src/new.rs", Some("x\n")),
        ("docs/guide.md", None),
    ];
    let (place, start) = (place(bench, 1), base(bench));
    bench.workshop().prepare(&place, &start, &[], None).unwrap();
    bench.work(&place, &edits, Some("all"));
    let evidence = collect(bench, &place, &start).evidence;
    let document = evidence.document("12-review.md").unwrap();
    assert_eq!(document.fields.as_ref().unwrap().get("verdict").map(String::as_str), Some("APPROVED"));
    assert_eq!(evidence.documents.len(), 1);
    assert_eq!(evidence.changed, ["docs/guide.md", "docs/work-items/T-002/12-review.md", "src/new.rs"]);
    // The next attempt starts there: what it did not write is not its own.
    let next = Workplace { directory: bench.directory("place-2/code"), attempt: 2, ..place };
    bench.workshop().prepare(&next, &evidence.head, &[], None).unwrap();
    bench.work(&next, &[("docs/work-items/T-001/12-review.md", None)], Some("removed"));
    let removed = collect(bench, &next, &evidence.head).evidence;
    assert!(removed.documents.is_empty(), "{removed:?}");
    assert_eq!(removed.changed, ["docs/work-items/T-001/12-review.md"], "a removed document is a change");
}

fn the_whole_change_is_told_by_its_paths<B: Bench>(bench: &B) {
    let (first, start) = (place(bench, 1), base(bench));
    bench.workshop().prepare(&first, &start, &[], None).unwrap();
    let edits = [("a.txt", Some("x\n")), ("docs/work-items/T-001/01-brd.md", Some("text\n")), (".ci/run", Some("x\n"))];
    bench.work(&first, &edits, Some("first"));
    let head = collect(bench, &first, &start).evidence.head;
    bench.user_commits(&[("elsewhere", Some("x\n"))], false);
    assert_ne!(base(bench), start, "main moved");
    let second = Workplace { directory: bench.directory("place-2/code"), attempt: 2, ..first };
    bench.workshop().prepare(&second, &head, &[], None).unwrap();
    bench.work(&second, &[("docs/guide.md", None)], Some("second"));
    let collected = collect(bench, &second, &head);
    assert_eq!(collected.evidence.changed, ["docs/guide.md"]);
    assert_eq!(collected.evidence.protected, None);
    let mut paths = collected.patch_paths;
    paths.sort();
    assert_eq!(paths, [".ci/run", "a.txt", "docs/guide.md"]);
    assert_eq!(collected.patch_shrunk, ["a.txt", "docs/guide.md"], "of the whole change, not of the attempt");
}

fn weakened_tests_are_told<B: Bench>(bench: &B) {
    let (first, start) = (place(bench, 1), base(bench));
    bench.workshop().prepare(&first, &start, &[], None).unwrap();
    let text = Some("one\ntwo\n");
    let edits = [("tests/a", text), ("tests/b", text), ("tests/c", text), ("src/sum.rs", text)];
    bench.work(&first, &edits, Some("tests"));
    let written = collect(bench, &first, &start).evidence;
    assert_eq!((written.weakened.len(), written.weakened_total), (0, 0), "new tests weaken nothing");
    let second = Workplace { directory: bench.directory("place-2/code"), attempt: 2, ..first };
    bench.workshop().prepare(&second, &written.head, &[], None).unwrap();
    let longer = Some("one\ntwo\nthree\n");
    let edits = [("tests/a", Some("one\n")), ("tests/b", None), ("tests/c", longer), ("src/sum.rs", None)];
    bench.work(&second, &edits, Some("weaker"));
    let Collected { evidence, patch_shrunk: whole, .. } = collect(bench, &second, &written.head);
    let told: Vec<_> = evidence.weakened.iter().map(|w| (w.path.as_str(), w.deleted, w.removed_lines)).collect();
    assert_eq!(told, [("tests/b", true, 2), ("tests/a", false, 1)], "deleted ones first");
    assert_eq!(evidence.weakened_total, 2);
    assert!(whole.is_empty(), "what the task itself added is nobody's loss: {whole:?}");
    assert!(evidence.weakened[1].diff.contains("-two\n"), "{}", evidence.weakened[1].diff);
}

fn a_file_that_is_too_large_is_named_and_left_out<B: Bench>(bench: &B) {
    let (place, start) = (Workplace { largest_file: 10, ..place(bench, 1) }, base(bench));
    bench.workshop().prepare(&place, &start, &[], None).unwrap();
    bench.work(&place, &[("small", Some("0123456789")), ("large", Some("0123456789\n"))], Some("both"));
    let evidence = collect(bench, &place, &start).evidence;
    assert_eq!(evidence.changed, ["small"]);
    assert!(evidence.refused.len() == 1 && evidence.refused[0].contains("large"), "{:?}", evidence.refused);
}

fn the_code_id_ignores_documents<B: Bench>(bench: &B) {
    let (place, start) = (place(bench, 1), base(bench));
    let collect = || collect(bench, &place, &start).evidence;
    bench.workshop().prepare(&place, &start, &[], None).unwrap();
    bench.work(&place, &[("a.txt", Some("x\n"))], Some("code"));
    let code = collect();
    bench.work(&place, &[("docs/work-items/T-001/01-brd.md", Some("text\n"))], Some("documents"));
    let documented = collect();
    assert_ne!(documented.head, code.head);
    assert_eq!(documented.code, code.code);
    bench.work(&place, &[("a.txt", Some("y\n"))], Some("more code"));
    let more = collect();
    assert!(more.code != code.code && more.patch != code.patch);
}

fn an_earlier_rounds_document_is_set_aside<B: Bench>(bench: &B) {
    let (review, text) = ("docs/work-items/T-001/12-review.md", "---\nverdict: APPROVED\n---\n");
    let first = deliver(bench, 1, &[(review, Some(text)), ("b.txt", Some("b\n"))]);
    let (place, aside) = (place(bench, 2), [review.to_owned(), "not/there.md".to_owned()]);
    let start = bench.workshop().prepare(&place, &first, &aside, None).unwrap();
    assert_ne!(start, first);
    assert!(!place.directory.join(review).exists() && place.directory.join("b.txt").exists());
    assert_eq!(bench.workshop().prepare(&place, &first, &aside, None).unwrap(), start, "again is the same");
    assert!(collect(bench, &place, &start).evidence.document("12-review.md").is_none(), "silence is no verdict");
    // The same words again are this attempt's own.
    bench.work(&place, &[(review, Some(text))], Some("review"));
    let second = collect(bench, &place, &start).evidence;
    assert!(second.document("12-review.md").is_some());
    // Nothing to set aside: it starts where it was told.
    assert_eq!(bench.workshop().prepare(&place, &first, &["not/there.md".to_owned()], None).unwrap(), first);
}

fn a_checkout_is_clean_and_exact<B: Bench>(bench: &B) {
    let (start, directory) = (base(bench), bench.directory("check"));
    let head = deliver(bench, 1, &[("a.txt", Some("x\n")), ("docs/guide.md", None)]);
    bench.workshop().checkout(&start, &directory, None).unwrap();
    assert_eq!(bench.files(&directory), texts(FIRST));
    std::fs::write(directory.join("junk"), "built").unwrap();
    bench.workshop().checkout(&head, &directory, None).unwrap();
    assert_eq!(bench.files(&directory), texts(&[("a.txt", "x\n")]), "the one before is replaced");
}

fn an_overlay_is_what_the_other_commit_has<B: Bench>(bench: &B) {
    bench.user_commits(&[("ci/run", Some("the base's\n")), ("ci/deep/kept", Some("kept\n"))], false);
    let (start, directory) = (base(bench), bench.directory("check"));
    let edits =
        [("ci/run", Some("exit 0\n")), ("ci/added", Some("mine\n")), ("ci/deep/kept", None), ("b.txt", Some("work\n"))];
    let head = deliver(bench, 1, &edits);
    let overlay = |pattern: &str| Overlay { from: start.clone(), patterns: vec![pattern.to_owned()] };
    let seen = |pattern: &str| {
        bench.workshop().checkout(&head, &directory, Some(&overlay(pattern))).unwrap();
        bench.files(&directory)
    };
    let with = |files: &[(&str, &str)]| texts(&[FIRST, &[("b.txt", "work\n")], files].concat());
    assert_eq!(seen("ci/**"), with(&[("ci/run", "the base's\n"), ("ci/deep/kept", "kept\n")]));
    assert_eq!(seen("ci/r*"), with(&[("ci/run", "the base's\n"), ("ci/added", "mine\n")]));
    assert_eq!(seen("other"), with(&[("ci/run", "exit 0\n"), ("ci/added", "mine\n")]));
}

fn the_same_order_makes_the_same_candidate<B: Bench>(bench: &B) {
    let head = deliver(bench, 1, &[("b.txt", Some("b\n"))]);
    let first = made(bench, &head);
    assert!(!first.empty && first.parent == base(bench) && first.commit != head);
    assert_eq!(made(bench, &head), first);
    let later = CandidateOrder { at: Timestamp(1_800_000_000_000), ..order(&head) };
    let CandidateResult::Made { candidate } = bench.workshop().candidate(&later, &base(bench)).unwrap() else {
        panic!()
    };
    assert_ne!(candidate.commit, first.commit);
}

fn changes_apart_are_combined<B: Bench>(bench: &B) {
    let head = deliver(bench, 1, &[("a.txt", Some("one\n2\n3\n4\n5\n6\n"))]);
    bench.user_commits(&[("a.txt", Some("1\n2\n3\n4\n5\nsix\n"))], false);
    let candidate = made(bench, &head);
    let directory = bench.directory("combined");
    bench.workshop().checkout(&candidate.commit, &directory, None).unwrap();
    let both = texts(&[("a.txt", "one\n2\n3\n4\n5\nsix\n"), FIRST[1]]);
    assert_eq!(bench.files(&directory), both);
}

fn documents_of_older_work_items_leave<B: Bench>(bench: &B) {
    let paper = |id: &str| format!("docs/work-items/{id}/01-brd.md");
    let old: Vec<String> = ["T-1", "T-002", "T-010", "OLD-3", "notes"].map(paper).to_vec();
    bench.user_commits(&old.iter().map(|path| (path.as_str(), Some("old\n"))).collect::<Vec<_>>(), false);
    let own = paper("T-001");
    let head = deliver(bench, 1, &[("b.txt", Some("b\n")), (&own, Some("own\n"))]);
    let seen = |documents_kept| {
        let order = CandidateOrder { documents_kept, ..order(&head) };
        let CandidateResult::Made { candidate } = bench.workshop().candidate(&order, &base(bench)).unwrap() else {
            panic!()
        };
        let directory = bench.directory("seen");
        bench.workshop().checkout(&candidate.commit, &directory, None).unwrap();
        let mut found: Vec<String> = bench.files(&directory).into_keys().collect();
        found.retain(|path| path.starts_with("docs/work-items/"));
        found
    };
    let with = |ids: &[&str]| ids.iter().map(|id| paper(id)).collect::<Vec<_>>();
    assert_eq!(seen(None), with(&["OLD-3", "T-001", "T-002", "T-010", "T-1", "notes"]));
    assert_eq!(seen(Some(4)), seen(None));
    // The task's own stay, whatever its number.
    assert_eq!(seen(Some(1)), with(&["OLD-3", "T-001", "T-010", "notes"]));
    assert_eq!(seen(Some(0)), with(&["OLD-3", "notes"]));
}

fn changes_of_the_same_lines_conflict<B: Bench>(bench: &B) {
    let head = deliver(bench, 1, &[("a.txt", Some("one\n2\n3\n4\n5\n6\n")), ("b.txt", Some("b\n"))]);
    bench.user_commits(&[("a.txt", Some("eins\n2\n3\n4\n5\n6\n"))], false);
    let result = bench.workshop().candidate(&order(&head), &base(bench)).unwrap();
    assert_eq!(result, CandidateResult::Conflict { paths: vec!["a.txt".to_owned()] });
}

fn the_reverse_of_a_commit_takes_back_what_it_brought_and_nothing_else<B: Bench>(bench: &B) {
    let before = base(bench);
    bench.user_commits(&[("a.txt", Some("one\n2\n3\n4\n5\n6\n")), ("b.txt", Some("b\n"))], false);
    let brought = base(bench);
    let reverse = bench.workshop().reverse(&order(&brought)).unwrap();
    assert_eq!(bench.workshop().reverse(&order(&brought)).unwrap(), reverse, "the same order, the same commit");
    // Nothing came since.
    let candidate = made(bench, &reverse);
    let directory = bench.directory("taken-back");
    bench.workshop().checkout(&candidate.commit, &directory, None).unwrap();
    assert_eq!(bench.files(&directory), texts(FIRST));
    // Something did, elsewhere.
    bench.user_commits(&[("c.txt", Some("c\n"))], false);
    let candidate = made(bench, &reverse);
    bench.workshop().checkout(&candidate.commit, &directory, None).unwrap();
    let left = bench.files(&directory);
    assert!(left.contains_key("c.txt") && !left.contains_key("b.txt") && left["a.txt"] == FIRST[0].1, "{left:?}");
    // On the same lines.
    bench.user_commits(&[("b.txt", Some("more\n"))], false);
    let result = bench.workshop().candidate(&order(&reverse), &base(bench)).unwrap();
    assert_eq!(result, CandidateResult::Conflict { paths: vec!["b.txt".to_owned()] });
    fails(bench.workshop().reverse(&order(&before)), ErrorKind::Gone);
}

fn what_main_has_already_is_an_empty_candidate<B: Bench>(bench: &B) {
    let head = deliver(bench, 1, &[("b.txt", Some("b\n"))]);
    bench.user_commits(&[("b.txt", Some("b\n"))], false);
    let candidate = made(bench, &head);
    assert!(candidate.empty && candidate.commit == base(bench), "{candidate:?}");
}

fn files_are_read_from_a_commit<B: Bench>(bench: &B) {
    let start = base(bench);
    let head = deliver(bench, 1, &[("docs/guide.md", Some("new\n"))]);
    let read = |commit, path| bench.workshop().read(commit, path, 100).unwrap();
    assert_eq!(read(&start, "docs/guide.md").as_deref(), Some("guide\n"));
    assert_eq!(read(&head, "docs/guide.md").as_deref(), Some("new\n"));
    assert_eq!(read(&head, "docs/none.md"), None);
    assert_eq!(read(&head, "docs"), None, "a folder is no file");
    // Half a settings file would be another settings file.
    fails(bench.workshop().read(&start, "docs/guide.md", 3), ErrorKind::Refused);
}

fn what_does_not_exist_is_told<B: Bench>(bench: &B) {
    let (nothing, start) = (CommitId("f".repeat(40)), base(bench));
    fails(bench.workshop().prepare(&place(bench, 1), &nothing, &[], None), ErrorKind::Gone);
    fails(bench.workshop().checkout(&nothing, &bench.directory("check"), None), ErrorKind::Gone);
    fails(bench.workshop().candidate(&order(&nothing), &start), ErrorKind::Gone);
    fails(bench.workshop().read(&nothing, "a.txt", 100), ErrorKind::Gone);
    assert_eq!(base(bench), start);
}

fn a_tasks_last_head_is_kept_if_asked<B: Bench>(bench: &B) {
    let task = TaskId::from("0190-task");
    let head = deliver(bench, 1, &[("b.txt", Some("b\n"))]);
    assert_eq!(bench.archived(&task), None);
    for _ in 0..2 {
        bench.workshop().archive(&task, &head).unwrap();
        bench.workshop().forget(&task).unwrap();
        assert_eq!(bench.archived(&task).as_ref(), Some(&head));
    }
}
