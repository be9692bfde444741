//! What a forge says of the work that landed in it, and copies of it.

use std::fs;

use orch_git::*;

use crate::fixture::*;

fn landed(world: &World, key: &str, file: &str) -> CommitId {
    let main = world.main();
    let head = world.attempt(key, &[(file, "x\n")]);
    let by = Signature { identity: robot(), seconds: 1_700_000_000 };
    let message = format!("Add {file} ({key})\n\nRefs: {key}\n");
    let request = CandidateRequest {
        main: &main,
        head: &head,
        message: &message,
        author: &by,
        committer: &by,
        keep_commits: false,
        leaving: &|_| Vec::new(),
    };
    let Merged::Clean(made) = world.forge.candidate(request).unwrap() else { panic!("it conflicts") };
    world.forge.land(&main, &made.commit).unwrap();
    made.commit
}

fn highest(world: &World, prefix: &str) -> u32 {
    world.forge.highest_number(prefix, None).unwrap().unwrap().highest
}

/// Main and the branches move while somebody counts: an id that came to stand there is never given again.
#[test]
fn numbers_that_come_to_stand_in_a_forge_are_met() {
    let world = World::new();
    let taken = |before: Option<&TakenNumbers>| world.forge.highest_number("ET", before).unwrap();
    let mut seen = taken(None).unwrap();
    assert_eq!(seen.highest, 0);
    assert_eq!(taken(Some(&seen)), None, "nothing has moved");
    let first = landed(&world, "ET-003", "a.txt");
    let by_hand = |message: &str, folder: Option<&str>| {
        if let Some(folder) = folder {
            put(&world.source, &format!("docs/work-items/{folder}/01-brd.md"), "x\n");
        }
        run(&world.source, ["pull", "--quiet", "--no-rebase", world.forge.path().to_str().unwrap(), "main"]);
        commit(&world.source, message);
        world.forge.sync_base().unwrap();
    };
    let push = |name: &str| assert!(world.forge.publish_branch(&branch(name), &first, None).is_ok());
    type Move<'a> = Box<dyn Fn() + 'a>;
    let moves: [(u32, Move<'_>); 7] = [
        (3, Box::new(|| ())),
        (20, Box::new(|| push("feature/et-0020-x"))),
        (31, Box::new(|| by_hand("Papers", Some("ET-031")))),
        (32, Box::new(|| by_hand("Papers", Some("et-32")))),
        (40, Box::new(|| by_hand("Mend it\n\nRefs: ET-0040 OTHER-99", Some("x")))),
        (41, Box::new(|| by_hand("Squashed (et-41)", Some("y")))),
        (42, Box::new(|| by_hand("Another\n\nCloses: ET-42", Some("z")))),
    ];
    for (wanted, happen) in moves {
        happen();
        seen = taken(Some(&seen)).unwrap();
        assert_eq!(seen.highest, wanted);
        assert_eq!(taken(Some(&seen)), None, "nothing has moved since {wanted}");
    }
    world.forge.delete_branch(&branch("feature/et-0020-x"), None).unwrap();
    assert_eq!(taken(Some(&seen)).unwrap().highest, 42);
    assert_eq!(taken(None).unwrap().highest, 42);
}

#[test]
fn what_landed_is_known_from_the_forge_alone() {
    let world = World::new();
    let start = world.main();
    assert_eq!(world.forge.landed_work(None).unwrap(), []);
    assert_eq!(highest(&world, "ET"), 0);
    let first = landed(&world, "ET-003", "a.txt");
    let second = landed(&world, "ET-012", "b.txt");
    let found = world.forge.landed_work(Some(&start)).unwrap();
    let seen: Vec<_> = found.iter().map(|work| (work.work_item.as_str(), &work.commit, work.ours)).collect();
    assert_eq!(seen, [("ET-012", &second, true), ("ET-003", &first, true)]);
    assert_eq!(world.forge.landed_work(Some(&second)).unwrap(), []);
    assert_eq!(highest(&world, "ET"), 12);
    // A branch that never landed, documents that somebody else brought, and a commit that only names a work item.
    world.forge.publish_branch(&branch("feature/ET-020-x"), &first, None).unwrap();
    assert_eq!(highest(&world, "ET"), 20);
    put(&world.source, "docs/work-items/ET-031/01-brd.md", "x\n");
    run(&world.source, ["pull", "--quiet", "--no-rebase", world.forge.path().to_str().unwrap(), "main"]);
    commit(&world.source, "Mend it\n\nRefs: ET-040 OTHER-99");
    world.forge.sync_base().unwrap();
    assert_eq!(highest(&world, "ET"), 40);
    let by_hand = world.forge.landed_work(Some(&second)).unwrap();
    assert!(by_hand.iter().all(|work| !work.ours) && by_hand.len() == 2, "{by_hand:?}");
    assert_eq!(highest(&world, "NEVER"), 0);
}

#[test]
fn a_forge_remembers_the_databases_that_worked_with_it() {
    let world = World::new();
    assert_eq!(world.forge.databases().unwrap(), Vec::<String>::new());
    for id in ["0a1b", "0a1b", "77ff"] {
        world.forge.note_database(id).unwrap();
    }
    assert_eq!(world.forge.databases().unwrap(), ["0a1b", "77ff"]);
}

#[test]
fn a_copy_is_whole_and_has_what_no_ref_names() {
    let world = World::new();
    let main = world.main();
    let head = world.attempt("ET-001", &[("a.txt", "x\n")]);
    let candidate = world.candidate(&main, &head).commit;
    run(world.forge.path(), ["pack-refs", "--all"]);
    world.forge.publish_branch(&branch("feature/x"), &head, None).unwrap();
    put(world.forge.path(), "objects/pack/tmp_pack_of_a_dead_git", "half");
    let copy = world.place("copy.git");
    copy_forge(&git(), world.forge.path(), &copy).unwrap();
    assert_eq!(run(&copy, ["for-each-ref"]), world.in_forge(&["for-each-ref"]));
    run(&copy, ["cat-file", "-e", candidate.as_str()]);
    assert!(!copy.join("objects/pack/tmp_pack_of_a_dead_git").exists());
    let opened = Forge::open(&git(), world.forge.origin().clone(), &copy, std::time::SystemTime::now()).unwrap();
    assert_eq!(opened.forge.tip(&branch("main")).unwrap(), Some(main));
    assert!(matches!(copy_forge(&git(), world.forge.path(), &copy), Err(Error::Occupied(_))));
    // One that lost an object is no backup.
    let (broken, kept) = (world.place("broken.git"), world.place("kept"));
    fs::rename(world.forge.path().join("objects/pack"), &kept).unwrap();
    fs::create_dir(world.forge.path().join("objects/pack")).unwrap();
    assert!(copy_forge(&git(), world.forge.path(), &broken).is_err());
}

#[test]
fn what_stands_on_the_way_to_a_folder_is_named_and_nothing_beside_it() {
    let world = World::new();
    let folder = path("docs/work-items");
    let at = |make: &dyn Fn(&std::path::Path)| {
        let _gone =
            fs::remove_file(world.source.join("docs")).or_else(|_| fs::remove_dir_all(world.source.join("docs")));
        make(&world.source);
        let tip = commit(&world.source, "docs");
        world.forge.sync_base().unwrap();
        world.forge.obstacle(&tip, &folder).unwrap()
    };
    let link = |at: &std::path::Path, name: &str| std::os::unix::fs::symlink("there", at.join(name)).unwrap();
    assert_eq!(world.forge.obstacle(&world.main(), &folder).unwrap(), None, "nothing is there yet");
    assert_eq!(at(&|top| put(top, "docs/README.md", "x\n")), None);
    assert_eq!(at(&|top| put(top, "docs/work-items/ET-001/01-brd.md", "x\n")), None);
    assert_eq!(at(&|top| link(top, "docs")).as_deref(), Some("docs is a symbolic link"));
    assert_eq!(at(&|top| put(top, "docs", "x\n")).as_deref(), Some("docs is a file"));
    assert_eq!(at(&|top| put(top, "docs/work-items", "x\n")).as_deref(), Some("docs/work-items is a file"));
    let deep = at(&|top| {
        put(top, "docs/a.md", "x\n");
        link(top, "docs/work-items");
    });
    assert_eq!(deep.as_deref(), Some("docs/work-items is a symbolic link"));
}
