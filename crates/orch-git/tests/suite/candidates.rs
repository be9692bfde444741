//! One commit per task, made from main's tip and the task's head.

use orch_git::*;

use crate::fixture::*;

#[test]
fn a_candidate_is_one_commit_on_the_tip_and_the_same_every_time() {
    let world = World::new();
    let start = world.main();
    let mine = world.attempt("ET-001", &[("src/lib.txt", "A\nb\nc\nd\ne\nf\ng\nh\n")]);
    let theirs = world.attempt("ET-002", &[("src/lib.txt", "a\nb\nc\nd\ne\nf\ng\nH\n"), ("new.txt", "n\n")]);
    let landed = world.candidate(&start, &theirs);
    world.forge.land(&start, &landed.commit).unwrap();
    let main = world.main();
    let candidate = world.candidate(&main, &mine);
    assert_eq!(candidate, world.candidate(&main, &mine));
    assert_eq!(candidate.main, main);
    let show = |format: &str| world.in_forge(&["log", "-1", &format!("--format={format}"), candidate.commit.as_str()]);
    assert_eq!(show("%P"), main.as_str());
    assert_eq!(show("%T"), candidate.tree.as_str());
    assert_eq!(show("%B"), "Add the thing\n\nRefs: ET-001");
    assert_eq!(show("%an <%ae> %at %ct"), "Robot <robot@example.org> 1700000000 1700000000");
    // Both changes of the same file are in.
    let file = world.forge.read_file(&candidate.commit, &path("src/lib.txt"), 100).unwrap();
    assert_eq!(file, FileAt::File { bytes: b"A\nb\nc\nd\ne\nf\ng\nH\n".to_vec(), truncated: false, executable: false });
    // Nothing moved.
    assert_eq!(world.main(), main);
}

#[test]
fn message_author_and_time_are_the_callers() {
    let world = World::new();
    let (main, head) = (world.main(), world.attempt("ET-001", &[("x", "x\n")]));
    let author = Signature { identity: Identity::new("Zoë \"Z\" Ö.", "z@example.org").unwrap(), seconds: 0 };
    let committer = Signature { identity: robot(), seconds: 4_102_444_800 };
    let message = "Größe ändern 🎹\n\n# no comment\n  -- \"quoted\"\n";
    let request = CandidateRequest {
        main: &main,
        head: &head,
        message,
        author: &author,
        committer: &committer,
        keep_commits: true,
        leaving: &|_| Vec::new(),
    };
    let Merged::Clean(kept) = world.forge.candidate(request).unwrap() else { panic!("a candidate was expected") };
    let show = |format: &str| world.in_forge(&["log", "-1", &format!("--format={format}"), kept.commit.as_str()]);
    assert_eq!(show("%P"), format!("{main} {head}"));
    assert_eq!(show("%an|%at|%cn|%ct"), "Zoë \"Z\" Ö|0|Robot|4102444800");
    assert_eq!(show("%B"), message.trim_end());
    assert_eq!(world.forge.land(&main, &kept.commit).unwrap(), Landing::Moved);
    assert_eq!(world.forge.first_parent_since(&main).unwrap(), [kept.commit]);
}

#[test]
fn a_conflict_names_its_files_and_changes_nothing() {
    let world = World::new();
    let start = world.main();
    let both = |a: &'static str, b: &'static str| [("src/lib.txt", a), ("docs/guide ü.md", b), ("README.md", "")];
    let mine = world.attempt("ET-001", &both("mine\n", "mine\n")[..2]);
    let theirs = world.attempt("ET-002", &both("theirs\n", "theirs\n"));
    let landed = world.candidate(&start, &theirs);
    world.forge.land(&start, &landed.commit).unwrap();
    let before = world.in_forge(&["for-each-ref"]);
    match world.merged(&landed.commit, &mine) {
        Merged::Conflict { paths } => assert_eq!(paths, ["docs/guide ü.md", "src/lib.txt"]),
        other => panic!("{other:?}"),
    }
    assert_eq!(world.in_forge(&["for-each-ref"]), before);
    // Removed here, changed there: a conflict as well.
    let changed = world.clone_at("ET-003", &start);
    put(&changed, "README.md", "changed\n");
    commit(&changed, "x");
    let changed = world.collect(&changed, &task("ET-003"), 1, &start).unwrap();
    assert_eq!(world.merged(&landed.commit, &changed), Merged::Conflict { paths: vec!["README.md".to_owned()] });
    // A folder there, a file here, and the other way round: told by the name that people know.
    let file = world.attempt("ET-004", &[("thing", "a file\n")]);
    let folder = world.attempt("ET-005", &[("thing/inside", "in a folder\n")]);
    for (first, second) in [(&file, &folder), (&folder, &file)] {
        let Merged::Conflict { paths } = world.merged(first, second) else { panic!() };
        assert_eq!(paths, ["thing"]);
    }
}

#[test]
fn what_is_in_main_already_makes_no_candidate() {
    let world = World::new();
    let start = world.main();
    assert_eq!(world.merged(&start, &start), Merged::Empty);
    let mine = world.attempt("ET-001", &[("x", "x\n")]);
    let same = world.attempt("ET-002", &[("x", "x\n")]);
    let landed = world.candidate(&start, &same);
    world.forge.land(&start, &landed.commit).unwrap();
    assert_eq!(world.merged(&landed.commit, &mine), Merged::Empty);
    let older = id(&world.in_forge(&["rev-parse", "main~1"]));
    assert_eq!(world.merged(&landed.commit, &older), Merged::Empty);
}

#[test]
fn unknown_and_unrelated_commits_are_errors() {
    let world = World::new();
    let main = world.main();
    let by = Signature { identity: robot(), seconds: 1 };
    let make = |main: &CommitId, head: &CommitId| {
        world.forge.candidate(CandidateRequest {
            main,
            head,
            message: "x",
            author: &by,
            committer: &by,
            keep_commits: false,
            leaving: &|_| Vec::new(),
        })
    };
    let unknown = id(&"d".repeat(40));
    for (main, head) in [(&main, &unknown), (&unknown, &main)] {
        let refused = make(main, head);
        assert!(matches!(&refused, Err(Error::NotFound { what, .. }) if what == unknown.as_str()), "{refused:?}");
    }
    let clone = world.clone_at("ET-001", &main);
    run(&clone, ["checkout", "--quiet", "--orphan", "fresh"]);
    let orphan = commit(&clone, "orphan");
    let _ = world.collect(&clone, &task("ET-001"), 1, &main);
    let refused = make(&main, &orphan).unwrap_err();
    assert!(matches!(&refused, Error::Unrelated { head, .. } if *head == orphan), "{refused:?}");
    assert!(!refused.is_retryable());
}
