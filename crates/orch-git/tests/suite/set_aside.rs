//! An earlier round's documents leave the branch before the next round starts.

use orch_git::*;

use crate::fixture::*;

fn aside(world: &World, start: &CommitId, files: &[&str]) -> Option<CommitId> {
    let files: Vec<_> = files.iter().map(|name| path(name)).collect();
    let by = Signature { identity: robot(), seconds: 1_700_000_000 };
    let request = SetAsideRequest {
        task: &task("ET-001"),
        attempt: 7,
        start,
        files: &files,
        message: "Set aside\n\nRefs: ET-001",
        by: &by,
    };
    world.forge.set_aside(request).unwrap()
}

const REVIEW: &str = "docs/work-items/ET-001/12-review ü \"x\".md";

#[test]
fn the_file_goes_and_everything_else_stays() {
    let world = World::new();
    let start = world.attempt("ET-001", &[(REVIEW, "APPROVED\n"), ("code.txt", "c\n")]);
    let made = aside(&world, &start, &[REVIEW, "not/there.md"]).expect("the review is there");
    assert_eq!(aside(&world, &start, &[REVIEW, "not/there.md"]), Some(made.clone()), "the same order, the same commit");
    let read = |name: &str| world.forge.read_file(&made, &path(name), 100).unwrap();
    assert_eq!(read(REVIEW), FileAt::Absent);
    assert!(matches!(read("code.txt"), FileAt::File { .. }));
    let show = |format: &str| world.in_forge(&["log", "-1", &format!("--format={format}"), made.as_str()]);
    assert_eq!(show("%P"), start.as_str());
    assert_eq!(show("%B"), "Set aside\n\nRefs: ET-001");
    assert_eq!(world.in_forge(&["rev-parse", "refs/orch/pin/ET-001/7"]), made.as_str(), "it is kept for the clone");
    // The keys of the code do not change by it.
    let documents = path("docs/work-items/ET-001");
    assert_eq!(world.forge.code_id(&made, &documents).unwrap(), world.forge.code_id(&start, &documents).unwrap());
}

#[test]
fn what_is_not_there_makes_no_commit() {
    let world = World::new();
    let start = world.main();
    assert_eq!(aside(&world, &start, &[REVIEW]), None);
    assert_eq!(aside(&world, &start, &[]), None);
    // A folder of that name is no document.
    let folder = world.attempt("ET-001", &[("docs/12-review.md/x", "x\n")]);
    assert_eq!(aside(&world, &folder, &["docs/12-review.md"]), None);
}
