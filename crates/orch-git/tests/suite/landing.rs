//! Moving the base branch and task branches; upkeep.

use std::fs;

use orch_git::*;

use crate::fixture::*;

#[test]
fn landing_moves_main_once_and_only_from_the_named_tip() {
    let world = World::new();
    let start = world.main();
    let first = world.candidate(&start, &world.attempt("ET-001", &[("a", "a\n")]));
    let second = world.candidate(&start, &world.attempt("ET-002", &[("b", "b\n")]));
    assert!(!world.forge.is_landed(&first.commit).unwrap());
    assert_eq!(world.forge.land(&start, &first.commit).unwrap(), Landing::Moved);
    assert!(world.forge.is_landed(&first.commit).unwrap() && world.forge.is_landed(&start).unwrap());
    // Asking again after a crash is safe, even when others have landed since.
    assert_eq!(world.forge.land(&start, &first.commit).unwrap(), Landing::Already);
    match world.forge.land(&start, &second.commit) {
        Err(error @ Error::StaleRef { .. }) => {
            assert!(!error.is_retryable());
            let Error::StaleRef { expected, found, .. } = error else { unreachable!() };
            assert_eq!((expected, found), (Some(start.clone()), Some(first.commit.clone())));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.main(), first.commit);
    assert!(!world.forge.is_landed(&second.commit).unwrap());
    // Its parent is not the tip it is said to land on.
    let refused = world.forge.land(&first.commit, &second.commit);
    assert!(matches!(&refused, Err(Error::NotOnTip { found: Some(found), .. }) if *found == start), "{refused:?}");
    let again = world.candidate(&first.commit, &id(&world.in_forge(&["rev-parse", "refs/orch/attempts/ET-002/1"])));
    assert_eq!(world.forge.land(&first.commit, &again.commit).unwrap(), Landing::Moved);
    assert_eq!(world.forge.land(&start, &first.commit).unwrap(), Landing::Already);
    assert_eq!(world.forge.first_parent_since(&start).unwrap(), [first.commit, again.commit]);
    let unknown = id(&"e".repeat(40));
    assert!(matches!(world.forge.land(&start, &unknown), Err(Error::NotFound { .. })));
    assert!(!world.forge.is_landed(&unknown).unwrap());
}

#[test]
fn of_racing_landings_exactly_one_wins() {
    let world = World::new();
    for round in 0..5 {
        let start = world.main();
        let candidates: Vec<_> = (0..4)
            .map(|n| {
                world.candidate(&start, &world.attempt(&format!("ET-{round}{n}"), &[(&format!("f{round}{n}"), "x\n")]))
            })
            .collect();
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let racing: Vec<_> = candidates
                .iter()
                .map(|candidate| scope.spawn(|| world.forge.land(&start, &candidate.commit)))
                .collect();
            racing.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        let won: Vec<_> = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Landing::Moved))).collect();
        let lost = outcomes.iter().filter(|outcome| matches!(outcome, Err(Error::StaleRef { .. }))).count();
        assert_eq!((won.len(), lost), (1, 3), "{outcomes:?}");
        assert_eq!(world.forge.first_parent_since(&start).unwrap().len(), 1);
    }
}

#[test]
fn task_branches_move_by_their_old_value() {
    let world = World::new();
    let (one, two) = (world.main(), world.attempt("ET-001", &[("x", "x\n")]));
    let name = branch("feature/ET-001-größe");
    assert_eq!(world.forge.tip(&name).unwrap(), None);
    assert_eq!(world.forge.publish_branch(&name, &one, None).unwrap(), Published::Moved);
    assert_eq!(world.forge.publish_branch(&name, &one, None).unwrap(), Published::Already);
    let refused = world.forge.publish_branch(&name, &two, None);
    assert!(matches!(&refused, Err(Error::StaleRef { expected: None, found: Some(found), .. }) if *found == one));
    assert_eq!(world.forge.publish_branch(&name, &two, Some(&one)).unwrap(), Published::Moved);
    assert_eq!(world.forge.publish_branch(&name, &two, Some(&one)).unwrap(), Published::Already);
    assert!(matches!(world.forge.publish_branch(&name, &one, Some(&one)), Err(Error::StaleRef { .. })));
    assert_eq!(world.forge.tip(&name).unwrap(), Some(two.clone()));
    // It exists for nobody: somebody deleted it meanwhile.
    let gone = world.forge.publish_branch(&branch("feature/gone"), &two, Some(&one));
    assert!(matches!(gone, Err(Error::StaleRef { found: None, .. })));
    let unknown = world.forge.publish_branch(&branch("feature/new"), &id(&"f".repeat(40)), None);
    assert!(matches!(unknown, Err(Error::NotFound { .. })), "{unknown:?}");

    assert!(matches!(world.forge.delete_branch(&name, Some(&one)), Err(Error::StaleRef { .. })));
    world.forge.archive_documents(&task("ET-001"), &two).unwrap();
    world.forge.delete_branch(&name, Some(&two)).unwrap();
    world.forge.delete_branch(&name, Some(&two)).unwrap();
    world.forge.delete_branch(&name, None).unwrap();
    assert_eq!(world.forge.tip(&name).unwrap(), None);
    assert_eq!(world.in_forge(&["rev-parse", "refs/orch/archive/ET-001"]), two.as_str());
}

#[test]
fn what_a_clock_that_was_wrong_dated_is_contained_all_the_same() {
    let world = World::new();
    let taken = world.main();
    let mut story = String::new();
    for number in 0..80 {
        let from = if number == 0 { format!("from {taken}\n") } else { String::new() };
        story += &format!("commit refs/heads/main\ncommitter a <a@l> {number} +0000\ndata 2\nx\n{from}\n");
    }
    let file = world.place("story");
    std::fs::write(&file, story).unwrap();
    let input = std::fs::File::open(&file).unwrap();
    checked(plain(world.forge.path()).args(["fast-import", "--quiet"]).stdin(input).output().unwrap());
    let tip = world.main();
    assert_ne!(tip, taken);
    assert!(world.forge.contains(&tip, &taken).unwrap());
    assert!(world.forge.is_landed(&taken).unwrap());
    assert!(!world.forge.contains(&taken, &tip).unwrap());
    let nothing = id(&"f".repeat(40));
    assert!(!world.forge.contains(&nothing, &nothing).unwrap());
}

#[test]
fn the_base_branch_is_neither_published_nor_deleted() {
    let world = World::new();
    let main = world.main();
    for name in ["main", "Main"] {
        assert!(matches!(world.forge.delete_branch(&branch(name), None), Err(Error::BaseBranch(_))));
        assert!(matches!(world.forge.publish_branch(&branch(name), &main, Some(&main)), Err(Error::BaseBranch(_))));
    }
    assert_eq!(world.main(), main);
}

#[test]
fn reaping_takes_the_named_tasks_only_and_packing_loses_nothing_pinned() {
    let world = World::new();
    let start = world.main();
    let one = world.attempt("ET-1", &[("one", "1\n")]);
    let ten = world.attempt("ET-10", &[("ten", "10\n")]);
    // A live clone on a commit that nothing else names.
    let clone = world.clone_at("ET-2", &one);
    world.forge.archive_documents(&task("ET-1"), &start).unwrap();
    assert_eq!(world.forge.reap(&[task("ET-1")]).unwrap(), 2);
    assert_eq!(world.forge.reap(&[task("ET-1"), task("ET-none")]).unwrap(), 0);
    assert_eq!(world.forge.reap(&[]).unwrap(), 0);
    let refs = world.in_forge(&["for-each-ref", "--format=%(refname)", "refs/orch"]);
    assert_eq!(
        refs.lines().collect::<Vec<_>>(),
        [
            "refs/orch/archive/ET-1",
            "refs/orch/attempts/ET-10/1",
            "refs/orch/pin/ET-10/1",
            "refs/orch/pin/ET-2/1",
            "refs/orch/taken/main",
            "refs/orch/upstream/main"
        ]
    );
    for packing in [Packing::Quick, Packing::Full, Packing::Quick] {
        world.forge.pack(packing).unwrap();
        run(world.forge.path(), ["fsck", "--full", "--strict"]);
        assert_eq!(head(&clone), one);
        run(&clone, ["fsck", "--full"]);
    }
    // The settled refs are in one file now; moving them still works.
    let candidate = world.candidate(&start, &ten);
    assert_eq!(world.forge.land(&start, &candidate.commit).unwrap(), Landing::Moved);
    let packs = fs::read_dir(world.forge.path().join("objects/pack")).unwrap().flatten();
    assert_eq!(packs.filter(|entry| entry.file_name().to_string_lossy().ends_with(".pack")).count(), 1);
}

#[test]
fn upkeep_joins_what_many_tasks_leave_and_takes_nothing_that_is_borrowed() {
    let world = World::new();
    let now = std::time::SystemTime::now();
    assert!(world.forge.upkeep(now).unwrap().is_nothing());
    let start = world.main();
    let first = world.clone_at("ET-000", &start);
    for n in 0..40 {
        world.attempt(&format!("ET-1{n}"), &[("src/lib.txt", &format!("{n}\n"))]);
    }
    // A living clone whose pin is all that keeps its start, and a half-written pack of a dead git and of a living one.
    let orphan = {
        let clone = world.clone_at("ET-200", &start);
        run(&clone, ["checkout", "--quiet", "--orphan", "elsewhere"]);
        commit(&clone, "of nobody")
    };
    let _ = world.collect(&world.place("clones/ET-200 é"), &task("ET-200"), 1, &start);
    world.forge.pin(&task("ET-201"), 1, &orphan).unwrap();
    let borrowing = world.clone_at("ET-202", &orphan);
    world.forge.reap(&[task("ET-200")]).unwrap();
    let objects = world.forge.objects_folder();
    let old = now - std::time::Duration::from_secs(2 * 3600);
    for (name, at) in [("pack/tmp_pack_dead", old), ("17/tmp_obj_dead", old), ("pack/tmp_pack_alive", now)] {
        put(&objects, name, "half");
        fs::File::open(objects.join(name)).unwrap().set_modified(at).unwrap();
    }
    let done = world.forge.upkeep(now).unwrap();
    assert!(done.packs.0 > 30 && done.packs.1 <= 10 && done.removed == 2, "{done:?}");
    assert!(objects.join("pack/tmp_pack_alive").exists());
    assert!(world.forge.upkeep(now).unwrap().is_nothing());
    for clone in [&first, &borrowing] {
        run(clone, ["fsck", "--full"]);
    }
    for n in 0..500 {
        put(world.forge.path(), &format!("refs/heads/feature/{n}"), format!("{start}\n"));
    }
    assert!(world.forge.upkeep(now).unwrap().refs);
    // A week later, thoroughly; what nobody has needed for long may go, what a pin keeps may not.
    let week = now + std::time::Duration::from_secs(8 * 24 * 3600);
    let done = world.forge.upkeep(week).unwrap();
    assert!(done.full && done.packs.1 <= 2, "{done:?}");
    run(&borrowing, ["fsck", "--full"]);
    assert_eq!(world.forge.branches().unwrap().len(), 501);
    assert_eq!(world.forge.tip(&branch("feature/7")).unwrap(), Some(start));
}

#[test]
fn refs_go_wherever_git_keeps_them_and_a_torn_one_stops_no_packing() {
    let world = World::new();
    let start = world.main();
    for (name, attempts) in [("ET-1", [1, 2]), ("ET-10", [1, 3])] {
        for attempt in attempts {
            world.forge.pin(&task(name), attempt, &start).unwrap();
        }
    }
    run(world.forge.path(), ["pack-refs", "--all"]);
    // Moved again, and one that came later.
    world.forge.pin(&task("ET-1"), 2, &start).unwrap();
    world.forge.pin(&task("ET-1"), 4, &start).unwrap();
    put(world.forge.path(), "refs/orch/pin/ET-1/5.lock", "");
    assert_eq!(world.forge.reap(&[task("ET-1")]).unwrap(), 3);
    let left = world.in_forge(&["for-each-ref", "--format=%(refname)", "refs/orch/pin"]);
    assert_eq!(left, "refs/orch/pin/ET-10/1\nrefs/orch/pin/ET-10/3");
    assert_eq!(world.forge.reap(&[task("ET-1"), task("ET-2")]).unwrap(), 0);
    // A power cut may leave what was not waited for without its content.
    put(world.forge.path(), "refs/orch/pin/ET-11/1", "");
    put(world.forge.path(), "refs/orch/told/ET-11/1", "");
    assert!(world.forge.pack(Packing::Full).is_err(), "git packs beside a torn ref");
    let origin = world.forge.origin().clone();
    let opened = Forge::open(&git(), origin, world.forge.path(), std::time::SystemTime::now()).unwrap();
    opened.forge.pack(Packing::Full).unwrap();
    assert_eq!(opened.forge.tip(&branch("main")).unwrap(), Some(start));
}
