//! The contract of [`Forge`].

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use orch_ports::PortResult;
use orch_ports::forge::{CandidateOrder, Collected, Forge, Identity, Overlay, Workplace};
use orch_rules::event::CandidateResult;
use orch_rules::ids::{CommitId, TaskId, Timestamp};
use orch_rules::lane::Candidate;
use orch_rules::pipeline::default_pipeline;
use orch_rules::port_error::ErrorKind;
use orch_rules::scope::Scope;

use super::deliveries::{
    a_clone_that_is_gone_is_told, a_rewritten_history_counts_as_what_it_holds, leftovers_are_committed_once,
    nothing_done_is_an_empty_delivery, what_is_not_in_scope_is_left_out_by_name,
};
use super::{Case, cases};
use crate::fake::forge::Edit;

/// A forge, made from a user's repository whose branch `main` has [`FIRST`] in it, and what people do around it.
pub trait ForgeBench {
    /// The forge under test.
    fn forge(&self) -> &dyn Forge;
    /// An absolute path nobody has used yet.
    fn directory(&self, name: &str) -> Utf8PathBuf;
    /// An agent in its clone: change files and, with a message, commit.
    fn work(&self, place: &Workplace, edits: &[Edit<'_>], message: Option<&str>);
    /// An agent gives its clone another history, without the commit it started from.
    fn rewrite(&self, place: &Workplace);
    /// Carry out commands in a clone, in order.
    fn run_commands(&self, place: &Workplace, commands: &[Vec<String>]);
    /// The user commits to main in their own repository; `pulled`: after bringing home what landed.
    fn user_commits(&self, edits: &[Edit<'_>], pulled: bool) -> CommitId;
    /// A person pushes a commit on top of a task branch.
    fn push(&self, branch: &str, edits: &[Edit<'_>]) -> CommitId;
    /// Where a branch of the forge is.
    fn branch(&self, name: &str) -> Option<CommitId>;
    /// What is archived of a task.
    fn archived(&self, task: &TaskId) -> Option<CommitId>;
    /// Files of a clone or checkout: path to text.
    fn files(&self, directory: &Utf8PathBuf) -> BTreeMap<String, String>;
}

/// What is in the repository at first.
pub const FIRST: &[(&str, &str)] = &[("a.txt", "1\n2\n3\n4\n5\n6\n"), ("docs/guide.md", "guide\n")];

/// All cases.
pub fn suite<B: ForgeBench>() -> &'static [Case<B>] {
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
            a_clone_that_is_gone_is_told,
            an_earlier_rounds_document_is_set_aside,
            cleaning_up_leaves_a_persons_push,
            a_checkout_is_clean_and_exact,
            the_same_order_makes_the_same_candidate,
            changes_apart_are_combined,
            changes_of_the_same_lines_conflict,
            what_main_has_already_is_an_empty_candidate,
            landing_moves_main_once,
            a_stale_landing_moves_nothing,
            a_candidate_lands_on_its_own_parent_only,
            publishing_follows_the_head,
            a_persons_push_is_never_overwritten,
            main_is_never_published_nor_removed,
            cleaning_up_keeps_the_head_if_asked,
            cleaning_up_twice_is_cleaning_up,
            a_users_commits_become_the_base,
            a_diverged_base_is_told_and_left_alone,
            files_are_read_from_a_commit,
            what_does_not_exist_is_told,
        ]
    };
    cases
}

pub(super) fn place<B: ForgeBench>(bench: &B, attempt: u32) -> Workplace {
    Workplace {
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

pub(super) fn base<B: ForgeBench>(bench: &B) -> CommitId {
    bench.forge().base().unwrap().tip
}

/// One attempt from main's tip; gives its head.
fn deliver<B: ForgeBench>(bench: &B, attempt: u32, edits: &[Edit<'_>]) -> CommitId {
    let (place, start) = (place(bench, attempt), base(bench));
    bench.forge().prepare(&place, &start, &[], None).unwrap();
    bench.work(&place, edits, Some("work"));
    let head = collect(bench, &place, &start).evidence.head;
    assert_ne!(head, start);
    head
}

/// Packs and takes in everything that lies in a clone.
pub(super) fn collect<B: ForgeBench>(bench: &B, place: &Workplace, start: &CommitId) -> Collected {
    bench.run_commands(place, &[bench.forge().parcel_command(place, start).unwrap()]);
    bench.forge().collect(place, start, &scope("development")).unwrap()
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
        message: "title (T-001)\n\nRefs: T-001".to_owned(),
        identity: who(),
        at: Timestamp(1_700_000_000_000),
    }
}

fn made<B: ForgeBench>(bench: &B, head: &CommitId) -> Candidate {
    match bench.forge().candidate(&order(head), &base(bench)).unwrap() {
        CandidateResult::Made { candidate } => candidate,
        other => panic!("{other:?}"),
    }
}

/// It is a fact about the object that was asked for, of this kind.
#[track_caller]
fn fails<T: std::fmt::Debug>(result: PortResult<T>, kind: ErrorKind) {
    let error = result.unwrap_err();
    assert!(error.kind == kind && error.is_fact() && !error.words.is_empty(), "{error:?}");
}

fn texts(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

fn a_clone_stands_at_its_start_and_is_replaced<B: ForgeBench>(bench: &B) {
    let (place, start) = (place(bench, 1), base(bench));
    bench.forge().prepare(&place, &start, &[], None).unwrap();
    assert_eq!(bench.files(&place.directory), texts(FIRST));
    bench.work(&place, &[("a.txt", Some("broken\n")), ("junk", Some("x"))], Some("half done"));
    bench.forge().prepare(&place, &start, &[], None).unwrap();
    assert_eq!(bench.files(&place.directory), texts(FIRST));
    assert!(collect(bench, &place, &start).evidence.is_empty());
}

fn work_is_collected_as_evidence_and_again<B: ForgeBench>(bench: &B) {
    let (place, start) = (place(bench, 1), base(bench));
    bench.forge().prepare(&place, &start, &[], None).unwrap();
    bench.work(&place, &[("a.txt", Some("one\n"))], Some("one"));
    bench.work(&place, &[("b.txt", Some("two\n"))], Some("two"));
    let evidence = collect(bench, &place, &start).evidence;
    assert_eq!((evidence.commits, evidence.changed_total, &evidence.start, &evidence.base), (2, 2, &start, &start));
    assert_eq!(evidence.changed, ["a.txt", "b.txt"]);
    assert_eq!(collect(bench, &place, &start).evidence, evidence);
    assert_eq!(base(bench), start, "collecting moves no branch");
    assert_eq!(bench.branch(&place.branch), None);
}

fn documents_are_told_apart_from_code<B: ForgeBench>(bench: &B) {
    let review = "---\nverdict: APPROVED\n---\n";
    let edits = [
        ("docs/work-items/T-001/12-review.md", Some(review)),
        ("docs/work-items/T-002/12-review.md", Some(review)),
        ("src/new.rs", Some("x\n")),
        ("docs/guide.md", None),
    ];
    let (place, start) = (place(bench, 1), base(bench));
    bench.forge().prepare(&place, &start, &[], None).unwrap();
    bench.work(&place, &edits, Some("all"));
    let evidence = collect(bench, &place, &start).evidence;
    let document = evidence.document("12-review.md").unwrap();
    assert_eq!(document.fields.as_ref().unwrap().get("verdict").map(String::as_str), Some("APPROVED"));
    assert_eq!(evidence.documents.len(), 1);
    assert_eq!(evidence.changed, ["docs/guide.md", "docs/work-items/T-002/12-review.md", "src/new.rs"]);
    // The next attempt starts there: what it did not write is not its own.
    let next = Workplace { directory: bench.directory("place-2/code"), attempt: 2, ..place };
    bench.forge().prepare(&next, &evidence.head, &[], None).unwrap();
    bench.work(&next, &[("docs/work-items/T-001/12-review.md", None)], Some("removed"));
    let removed = collect(bench, &next, &evidence.head).evidence;
    assert!(removed.documents.is_empty(), "{removed:?}");
    assert_eq!(removed.changed, ["docs/work-items/T-001/12-review.md"], "a removed document is a change");
}

fn the_whole_change_is_told_by_its_paths<B: ForgeBench>(bench: &B) {
    let (first, start) = (place(bench, 1), base(bench));
    bench.forge().prepare(&first, &start, &[], None).unwrap();
    let edits = [("a.txt", Some("x\n")), ("docs/work-items/T-001/01-brd.md", Some("text\n")), (".ci/run", Some("x\n"))];
    bench.work(&first, &edits, Some("first"));
    let head = collect(bench, &first, &start).evidence.head;
    bench.user_commits(&[("elsewhere", Some("x\n"))], false);
    assert_ne!(base(bench), start, "main moved");
    let second = Workplace { directory: bench.directory("place-2/code"), attempt: 2, ..first };
    bench.forge().prepare(&second, &head, &[], None).unwrap();
    bench.work(&second, &[("docs/guide.md", None)], Some("second"));
    let collected = collect(bench, &second, &head);
    assert_eq!(collected.evidence.changed, ["docs/guide.md"]);
    assert_eq!(collected.evidence.protected, None);
    let mut paths = collected.patch_paths;
    paths.sort();
    assert_eq!(paths, [".ci/run", "a.txt", "docs/guide.md"]);
}

fn weakened_tests_are_told<B: ForgeBench>(bench: &B) {
    let (first, start) = (place(bench, 1), base(bench));
    bench.forge().prepare(&first, &start, &[], None).unwrap();
    let text = Some("one\ntwo\n");
    let edits = [("tests/a", text), ("tests/b", text), ("tests/c", text), ("src/sum.rs", text)];
    bench.work(&first, &edits, Some("tests"));
    let written = collect(bench, &first, &start).evidence;
    assert_eq!((written.weakened.len(), written.weakened_total), (0, 0), "new tests weaken nothing");
    let second = Workplace { directory: bench.directory("place-2/code"), attempt: 2, ..first };
    bench.forge().prepare(&second, &written.head, &[], None).unwrap();
    let longer = Some("one\ntwo\nthree\n");
    let edits = [("tests/a", Some("one\n")), ("tests/b", None), ("tests/c", longer), ("src/sum.rs", None)];
    bench.work(&second, &edits, Some("weaker"));
    let evidence = collect(bench, &second, &written.head).evidence;
    let told: Vec<_> = evidence.weakened.iter().map(|w| (w.path.as_str(), w.deleted, w.removed_lines)).collect();
    assert_eq!(told, [("tests/b", true, 2), ("tests/a", false, 1)], "deleted ones first");
    assert_eq!(evidence.weakened_total, 2);
    assert!(evidence.weakened[1].diff.contains("-two\n"), "{}", evidence.weakened[1].diff);
}

fn the_code_id_ignores_documents<B: ForgeBench>(bench: &B) {
    let (place, start) = (place(bench, 1), base(bench));
    let collect = || collect(bench, &place, &start).evidence;
    bench.forge().prepare(&place, &start, &[], None).unwrap();
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

fn an_earlier_rounds_document_is_set_aside<B: ForgeBench>(bench: &B) {
    let (review, text) = ("docs/work-items/T-001/12-review.md", "---\nverdict: APPROVED\n---\n");
    let first = deliver(bench, 1, &[(review, Some(text)), ("b.txt", Some("b\n"))]);
    let (place, aside) = (place(bench, 2), [review.to_owned(), "not/there.md".to_owned()]);
    let start = bench.forge().prepare(&place, &first, &aside, None).unwrap();
    assert_ne!(start, first);
    assert!(!place.directory.join(review).exists() && place.directory.join("b.txt").exists());
    assert_eq!(bench.forge().prepare(&place, &first, &aside, None).unwrap(), start, "again is the same");
    assert!(collect(bench, &place, &start).evidence.document("12-review.md").is_none(), "silence is no verdict");
    // The same words again are this attempt's own.
    bench.work(&place, &[(review, Some(text))], Some("review"));
    let second = collect(bench, &place, &start).evidence;
    assert!(second.document("12-review.md").is_some());
    // Nothing to set aside: it starts where it was told.
    assert_eq!(bench.forge().prepare(&place, &first, &["not/there.md".to_owned()], None).unwrap(), first);
}

fn cleaning_up_leaves_a_persons_push<B: ForgeBench>(bench: &B) {
    let (name, task) = ("feature/T-001-x", TaskId::from("0190-task"));
    let head = deliver(bench, 1, &[("b.txt", Some("b\n"))]);
    bench.forge().publish(name, None, &head).unwrap();
    let pushed = bench.push(name, &[("p.txt", Some("by hand\n"))]);
    bench.forge().clean_up(&task, name, Some(&head), true).unwrap();
    assert_eq!((bench.branch(name), bench.archived(&task)), (Some(pushed.clone()), None));
    bench.forge().clean_up(&task, name, None, true).unwrap();
    assert_eq!(bench.branch(name), Some(pushed));
}

fn a_checkout_is_clean_and_exact<B: ForgeBench>(bench: &B) {
    let (start, directory) = (base(bench), bench.directory("check"));
    let head = deliver(bench, 1, &[("a.txt", Some("x\n")), ("docs/guide.md", None)]);
    bench.forge().checkout(&start, &directory, None).unwrap();
    assert_eq!(bench.files(&directory), texts(FIRST));
    std::fs::write(directory.join("junk"), "built").unwrap();
    bench.forge().checkout(&head, &directory, None).unwrap();
    assert_eq!(bench.files(&directory), texts(&[("a.txt", "x\n")]), "the one before is replaced");
}

fn an_overlay_is_what_the_other_commit_has<B: ForgeBench>(bench: &B) {
    bench.user_commits(&[("ci/run", Some("the base's\n")), ("ci/deep/kept", Some("kept\n"))], false);
    let (start, directory) = (base(bench), bench.directory("check"));
    let edits =
        [("ci/run", Some("exit 0\n")), ("ci/added", Some("mine\n")), ("ci/deep/kept", None), ("b.txt", Some("work\n"))];
    let head = deliver(bench, 1, &edits);
    let overlay = |pattern: &str| Overlay { from: start.clone(), patterns: vec![pattern.to_owned()] };
    let seen = |pattern: &str| {
        bench.forge().checkout(&head, &directory, Some(&overlay(pattern))).unwrap();
        bench.files(&directory)
    };
    let with = |files: &[(&str, &str)]| texts(&[FIRST, &[("b.txt", "work\n")], files].concat());
    assert_eq!(seen("ci/**"), with(&[("ci/run", "the base's\n"), ("ci/deep/kept", "kept\n")]));
    assert_eq!(seen("ci/r*"), with(&[("ci/run", "the base's\n"), ("ci/added", "mine\n")]));
    assert_eq!(seen("other"), with(&[("ci/run", "exit 0\n"), ("ci/added", "mine\n")]));
}

fn the_same_order_makes_the_same_candidate<B: ForgeBench>(bench: &B) {
    let head = deliver(bench, 1, &[("b.txt", Some("b\n"))]);
    let first = made(bench, &head);
    assert!(!first.empty && first.parent == base(bench) && first.commit != head);
    assert_eq!(made(bench, &head), first);
    let later = CandidateOrder { at: Timestamp(1_800_000_000_000), ..order(&head) };
    let CandidateResult::Made { candidate } = bench.forge().candidate(&later, &base(bench)).unwrap() else { panic!() };
    assert_ne!(candidate.commit, first.commit);
}

fn changes_apart_are_combined<B: ForgeBench>(bench: &B) {
    let head = deliver(bench, 1, &[("a.txt", Some("one\n2\n3\n4\n5\n6\n"))]);
    bench.user_commits(&[("a.txt", Some("1\n2\n3\n4\n5\nsix\n"))], false);
    let candidate = made(bench, &head);
    let directory = bench.directory("combined");
    bench.forge().checkout(&candidate.commit, &directory, None).unwrap();
    let both = texts(&[("a.txt", "one\n2\n3\n4\n5\nsix\n"), FIRST[1]]);
    assert_eq!(bench.files(&directory), both);
}

fn changes_of_the_same_lines_conflict<B: ForgeBench>(bench: &B) {
    let head = deliver(bench, 1, &[("a.txt", Some("one\n2\n3\n4\n5\n6\n")), ("b.txt", Some("b\n"))]);
    bench.user_commits(&[("a.txt", Some("eins\n2\n3\n4\n5\n6\n"))], false);
    let result = bench.forge().candidate(&order(&head), &base(bench)).unwrap();
    assert_eq!(result, CandidateResult::Conflict { paths: vec!["a.txt".to_owned()] });
}

fn what_main_has_already_is_an_empty_candidate<B: ForgeBench>(bench: &B) {
    let head = deliver(bench, 1, &[("b.txt", Some("b\n"))]);
    bench.user_commits(&[("b.txt", Some("b\n"))], false);
    let candidate = made(bench, &head);
    assert!(candidate.empty && candidate.commit == base(bench), "{candidate:?}");
}

fn landing_moves_main_once<B: ForgeBench>(bench: &B) {
    let head = deliver(bench, 1, &[("b.txt", Some("b\n"))]);
    let candidate = made(bench, &head);
    let landing = bench.forge().land(&candidate.commit, &candidate.parent).unwrap();
    assert_eq!((landing.landed, &landing.main), (true, &candidate.commit));
    assert_eq!(base(bench), candidate.commit);
    // Asked again by a later process: it is there.
    assert_eq!(bench.forge().land(&candidate.commit, &candidate.parent).unwrap(), landing);
    // Even when others landed on top of it.
    let next = deliver(bench, 2, &[("c.txt", Some("c\n"))]);
    let next = made(bench, &next);
    assert!(bench.forge().land(&next.commit, &next.parent).unwrap().landed);
    let again = bench.forge().land(&candidate.commit, &candidate.parent).unwrap();
    assert_eq!((again.landed, again.main), (true, next.commit));
}

fn a_stale_landing_moves_nothing<B: ForgeBench>(bench: &B) {
    let (one, other) = (deliver(bench, 1, &[("b.txt", Some("b\n"))]), deliver(bench, 2, &[("c.txt", Some("c\n"))]));
    let (one, other) = (made(bench, &one), made(bench, &other));
    assert!(bench.forge().land(&one.commit, &one.parent).unwrap().landed);
    let stale = bench.forge().land(&other.commit, &other.parent).unwrap();
    assert_eq!((stale.landed, &stale.main), (false, &one.commit));
    assert_eq!(base(bench), one.commit);
}

fn a_candidate_lands_on_its_own_parent_only<B: ForgeBench>(bench: &B) {
    let start = base(bench);
    let candidate = made(bench, &deliver(bench, 1, &[("b.txt", Some("b\n"))]));
    let moved = bench.user_commits(&[("d.txt", Some("d\n"))], false);
    assert_eq!(base(bench), moved);
    fails(bench.forge().land(&candidate.commit, &moved), ErrorKind::Refused);
    assert!(!bench.forge().land(&candidate.commit, &start).unwrap().landed);
    assert_eq!(base(bench), moved);
}

fn publishing_follows_the_head<B: ForgeBench>(bench: &B) {
    let name = "feature/T-001-x";
    let (one, other) = (deliver(bench, 1, &[("b.txt", Some("b\n"))]), deliver(bench, 2, &[("c.txt", Some("c\n"))]));
    for _ in 0..2 {
        bench.forge().publish(name, None, &one).unwrap();
        assert_eq!(bench.branch(name).as_ref(), Some(&one));
    }
    for _ in 0..2 {
        bench.forge().publish(name, Some(&one), &other).unwrap();
        assert_eq!(bench.branch(name).as_ref(), Some(&other));
    }
}

fn a_persons_push_is_never_overwritten<B: ForgeBench>(bench: &B) {
    let name = "feature/T-001-x";
    let (one, other) = (deliver(bench, 1, &[("b.txt", Some("b\n"))]), deliver(bench, 2, &[("c.txt", Some("c\n"))]));
    bench.forge().publish(name, None, &one).unwrap();
    let pushed = bench.push(name, &[("p.txt", Some("by hand\n"))]);
    fails(bench.forge().publish(name, Some(&one), &other), ErrorKind::Conflict);
    fails(bench.forge().publish(name, None, &other), ErrorKind::Conflict);
    assert_eq!(bench.branch(name), Some(pushed));
}

fn main_is_never_published_nor_removed<B: ForgeBench>(bench: &B) {
    let start = base(bench);
    let head = deliver(bench, 1, &[("b.txt", Some("b\n"))]);
    fails(bench.forge().publish("main", Some(&start), &head), ErrorKind::Refused);
    fails(bench.forge().clean_up(&"0190-task".into(), "main", Some(&head), true), ErrorKind::Refused);
    assert_eq!(bench.branch("main"), Some(start));
}

fn cleaning_up_keeps_the_head_if_asked<B: ForgeBench>(bench: &B) {
    let (name, task) = ("feature/T-001-x", TaskId::from("0190-task"));
    let head = deliver(bench, 1, &[("b.txt", Some("b\n"))]);
    bench.forge().publish(name, None, &head).unwrap();
    bench.forge().clean_up(&task, name, Some(&head), false).unwrap();
    assert_eq!((bench.branch(name), bench.archived(&task)), (None, None));
    bench.forge().publish(name, None, &head).unwrap();
    bench.forge().clean_up(&task, name, Some(&head), true).unwrap();
    assert_eq!((bench.branch(name), bench.archived(&task)), (None, Some(head)));
}

fn cleaning_up_twice_is_cleaning_up<B: ForgeBench>(bench: &B) {
    let (name, task) = ("feature/T-001-x", TaskId::from("0190-task"));
    bench.forge().clean_up(&task, name, None, true).unwrap();
    let head = deliver(bench, 1, &[("b.txt", Some("b\n"))]);
    bench.forge().publish(name, None, &head).unwrap();
    for _ in 0..2 {
        bench.forge().clean_up(&task, name, Some(&head), true).unwrap();
        assert_eq!(bench.archived(&task).as_ref(), Some(&head));
    }
}

fn a_users_commits_become_the_base<B: ForgeBench>(bench: &B) {
    let before = base(bench);
    let commit = bench.user_commits(&[("u.txt", Some("u\n"))], false);
    let now = bench.forge().base().unwrap();
    assert_eq!((&now.tip, now.diverged), (&commit, None));
    assert_ne!(before, commit);
    assert_eq!(base(bench), commit);
}

fn a_diverged_base_is_told_and_left_alone<B: ForgeBench>(bench: &B) {
    let candidate = made(bench, &deliver(bench, 1, &[("b.txt", Some("b\n"))]));
    assert!(bench.forge().land(&candidate.commit, &candidate.parent).unwrap().landed);
    assert_eq!(bench.forge().base().unwrap().diverged, None, "what landed and was not fetched yet is no divergence");
    bench.user_commits(&[("u.txt", Some("u\n"))], false);
    let now = bench.forge().base().unwrap();
    assert_eq!(now.tip, candidate.commit);
    assert!(now.diverged.is_some_and(|words| !words.is_empty()));
    let merged = bench.user_commits(&[("v.txt", Some("v\n"))], true);
    let now = bench.forge().base().unwrap();
    assert_eq!((now.tip, now.diverged), (merged, None));
}

fn files_are_read_from_a_commit<B: ForgeBench>(bench: &B) {
    let start = base(bench);
    let head = deliver(bench, 1, &[("docs/guide.md", Some("new\n"))]);
    let read = |commit, path| bench.forge().read(commit, path, 100).unwrap();
    assert_eq!(read(&start, "docs/guide.md").as_deref(), Some("guide\n"));
    assert_eq!(read(&head, "docs/guide.md").as_deref(), Some("new\n"));
    assert_eq!(read(&head, "docs/none.md"), None);
    assert_eq!(read(&head, "docs"), None, "a folder is no file");
    // Half a settings file would be another settings file.
    fails(bench.forge().read(&start, "docs/guide.md", 3), ErrorKind::Refused);
}

fn what_does_not_exist_is_told<B: ForgeBench>(bench: &B) {
    let (nothing, start) = (CommitId("f".repeat(40)), base(bench));
    fails(bench.forge().prepare(&place(bench, 1), &nothing, &[], None), ErrorKind::Gone);
    fails(bench.forge().checkout(&nothing, &bench.directory("check"), None), ErrorKind::Gone);
    fails(bench.forge().publish("feature/T-001-x", None, &nothing), ErrorKind::Gone);
    fails(bench.forge().land(&nothing, &start), ErrorKind::Gone);
    fails(bench.forge().candidate(&order(&nothing), &start), ErrorKind::Gone);
    fails(bench.forge().read(&nothing, "a.txt", 100), ErrorKind::Gone);
    assert_eq!(base(bench), start);
}
