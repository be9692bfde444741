//! The part of the contract that is about what an attempt delivers.

use orch_rules::port_error::ErrorKind;

use super::Bench;
use super::workshop::{base, collect, place, scope};

pub(super) fn leftovers_are_committed_once<B: Bench>(bench: &B) {
    let (place, start) = (place(bench, 1), base(bench));
    bench.workshop().prepare(&place, &start, &[], None).unwrap();
    bench.work(&place, &[("left.txt", Some("x\n"))], None);
    let unpacked = bench.workshop().collect(&place, &start, &scope("development"));
    assert_eq!(unpacked.unwrap_err().kind, ErrorKind::Missing);
    let evidence = collect(bench, &place, &start).evidence;
    assert_eq!((evidence.commits, evidence.changed.as_slice()), (1, &["left.txt".to_owned()][..]));
    assert_eq!((evidence.patch_total, &evidence.left_out, &evidence.refused), (Some(1), &vec![], &vec![]));
    assert_eq!(collect(bench, &place, &start).evidence, evidence);
}

pub(super) fn what_is_not_in_scope_is_left_out_by_name<B: Bench>(bench: &B) {
    let (place, start) = (place(bench, 1), base(bench));
    bench.workshop().prepare(&place, &start, &[], None).unwrap();
    let review = "docs/work-items/T-001/12-review.md";
    bench.work(
        &place,
        &[(review, Some("---\nverdict: APPROVED\n---\n")), ("x.pyc", Some("x\n")), ("a.txt", None)],
        None,
    );
    bench.run_commands(&place, &[bench.workshop().parcel_command(&place, &start).unwrap()]);
    let found = bench.workshop().collect(&place, &start, &scope("review")).unwrap().evidence;
    assert!(found.document("12-review.md").is_some() && found.changed.is_empty(), "{found:?}");
    assert_eq!(found.left_out, ["a.txt, x.pyc: not for the reviewer to change"]);
    // Nothing of its own is no delivery, and the rest is still named.
    let found = bench.workshop().collect(&place, &start, &scope("analysis")).unwrap().evidence;
    assert!(found.is_empty() && found.left_out.len() == 1, "{found:?}");
}

pub(super) fn nothing_done_is_an_empty_delivery<B: Bench>(bench: &B) {
    let (place, start) = (place(bench, 1), base(bench));
    bench.workshop().prepare(&place, &start, &[], None).unwrap();
    let evidence = collect(bench, &place, &start).evidence;
    assert!(evidence.is_empty() && evidence.documents.is_empty() && evidence.commits == 0, "{evidence:?}");
}

pub(super) fn a_rewritten_history_counts_as_what_it_holds<B: Bench>(bench: &B) {
    let (place, start) = (place(bench, 1), base(bench));
    bench.workshop().prepare(&place, &start, &[], None).unwrap();
    bench.work(&place, &[("a.txt", Some("x\n"))], Some("work"));
    bench.rewrite(&place);
    let evidence = collect(bench, &place, &start).evidence;
    assert_eq!((evidence.commits, evidence.changed.as_slice()), (1, &["a.txt".to_owned()][..]));
}

pub(super) fn a_clone_that_is_gone_is_told<B: Bench>(bench: &B) {
    let (place, start) = (place(bench, 1), base(bench));
    let never = bench.workshop().collect(&place, &start, &scope("development"));
    assert_eq!(never.unwrap_err().kind, ErrorKind::Missing);
}

/// And what was said of it, as long as it is so.
pub(super) fn what_was_left_out_of_it_outlives_its_clone<B: Bench>(bench: &B) {
    let (place, start) = (place(bench, 1), base(bench));
    bench.workshop().prepare(&place, &start, &[], None).unwrap();
    bench.work(&place, &[("x.pyc", Some("x\n"))], None);
    bench.run_commands(&place, &[bench.workshop().parcel_command(&place, &start).unwrap()]);
    for stage in ["review", "development"] {
        let collected = bench.workshop().collect(&place, &start, &scope(stage)).unwrap();
        assert_eq!(collected.evidence.left_out.len(), usize::from(stage == "review"));
        let known = bench.workshop().brought_home(&place, &scope(stage)).unwrap();
        assert_eq!(known, Some((start.clone(), collected)), "{stage}");
    }
}

pub(super) fn what_came_home_outlives_its_clone<B: Bench>(bench: &B) {
    let (place, start) = (place(bench, 1), base(bench));
    assert_eq!(bench.workshop().brought_home(&place, &scope("development")).unwrap(), None);
    bench.workshop().prepare(&place, &start, &[], None).unwrap();
    assert_eq!(bench.workshop().brought_home(&place, &scope("development")).unwrap(), None);
    bench.work(&place, &[("a.txt", Some("x\n"))], Some("work"));
    let collected = collect(bench, &place, &start);
    std::fs::remove_dir_all(&place.directory).unwrap();
    assert_eq!(bench.workshop().brought_home(&place, &scope("development")).unwrap(), Some((start, collected)));
    bench.workshop().forget(&place.task).unwrap();
    assert_eq!(bench.workshop().brought_home(&place, &scope("development")).unwrap(), None);
}
