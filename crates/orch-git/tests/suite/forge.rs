//! Making and opening the local forge; its two directions to the user's repository.

use std::fs;
use std::time::{Duration, SystemTime};

use orch_git::*;

use crate::fixture::*;

fn open(world: &World, started: SystemTime) -> Result<Opened> {
    Forge::open(&git(), world.forge.origin().clone(), world.forge.path(), started)
}

#[test]
fn the_forge_owns_its_objects_and_has_the_base_branch_only() {
    let root = tempfile::tempdir().unwrap();
    let source = root.path().join("u");
    user_repository(&source);
    run(&source, ["tag", "v1"]);
    run(&source, ["checkout", "--quiet", "-b", "private"]);
    put(&source, "secret.txt", "not for the line\n");
    let private = commit(&source, "private");
    let origin = Origin { source: source.clone(), base: branch("main") };
    let place = root.path().join("f.git");
    let opened = Forge::create_from(&git(), origin.clone(), &place, SystemTime::now()).unwrap();
    assert!(opened.created);
    let refs = run(&place, ["for-each-ref", "--format=%(refname)"]);
    assert_eq!(refs, "refs/heads/main\nrefs/orch/taken/main\nrefs/orch/upstream/main");
    assert_eq!(run(&place, ["symbolic-ref", "HEAD"]), "refs/heads/main");
    assert!(!place.join("objects/info/alternates").exists());
    // The user's repository may go away altogether.
    fs::remove_dir_all(&source).unwrap();
    run(&place, ["fsck", "--full", "--strict"]);
    assert!(!plain(&place).args(["cat-file", "-e", private.as_str()]).output().unwrap().status.success());
    // Once made, it opens without the source.
    let again = Forge::create_from(&git(), origin, &place, SystemTime::now()).unwrap();
    assert!(!again.created);
}

#[test]
fn a_creation_that_died_is_made_anew() {
    let world = World::new();
    let place = world.place("state dir/second.git");
    // What a crash before the rename leaves: part of a repository under the other name, with read-only files.
    let unfinished = world.place("state dir/second.git.unfinished");
    run(world.root.path(), ["init", "--quiet", "--bare", unfinished.to_str().unwrap()]);
    put(&unfinished, "objects/pack/tmp_pack_x", "half");
    put(&unfinished, "config.lock", "");
    let opened = Forge::create_from(&git(), world.forge.origin().clone(), &place, SystemTime::now()).unwrap();
    assert!(opened.created && !unfinished.exists());
    assert!(!place.join("objects/pack/tmp_pack_x").exists());
    run(&place, ["fsck", "--full"]);
    assert_eq!(opened.forge.tip(&branch("main")).unwrap(), Some(head(&world.source)));
}

#[test]
fn a_git_killed_at_any_step_leaves_nothing_or_a_whole_forge() {
    let world = World::new();
    let shim = world.place("shim");
    let steps = world.place("steps");
    let real = git().program().to_owned();
    // The process that is the n-th of the creation dies as it starts; the first is the question for the version.
    program(
        &shim.join("git"),
        &format!(
            "#!/bin/sh\necho x >>'{steps}'\n[ $(wc -l <'{steps}') = $(cat '{steps}.deadly') ] && kill -9 $$\nexec '{real}' \"$@\"\n",
            steps = steps.display(),
            real = real.display()
        ),
    );
    let mut search = shim.into_os_string();
    search.push(":");
    search.push(search_path());
    let mut deaths = 0;
    for deadly in 2.. {
        fs::write(&steps, "").unwrap();
        fs::write(format!("{}.deadly", steps.display()), deadly.to_string()).unwrap();
        let mortal = Git::detect(&search).unwrap();
        let place = world.place(&format!("state dir/{deadly}.git"));
        let origin = || world.forge.origin().clone();
        let first = Forge::create_from(&mortal, origin(), &place, SystemTime::now());
        let survived = first.is_ok();
        if let Err(error) = first {
            deaths += 1;
            assert!(matches!(error, Error::Failed { code: None, .. }) && error.is_retryable(), "{error:?}");
        }
        let forge = Forge::create_from(&git(), origin(), &place, SystemTime::now()).unwrap().forge;
        assert_eq!(forge.tip(&branch("main")).unwrap(), Some(crate::fixture::head(&world.source)));
        run(&place, ["fsck", "--full"]);
        if survived {
            break;
        }
    }
    assert_eq!(deaths, 4);
}

#[test]
fn what_is_no_forge_is_left_alone() {
    let world = World::new();
    let origin = || world.forge.origin().clone();
    let now = SystemTime::now();
    let taken = world.place("taken");
    put(&taken, "precious.txt", "x");
    assert!(matches!(Forge::create_from(&git(), origin(), &taken, now), Err(Error::Occupied(_))));
    assert_eq!(fs::read_to_string(taken.join("precious.txt")).unwrap(), "x");
    let relative = std::path::Path::new("f.git");
    assert!(matches!(Forge::create_from(&git(), origin(), relative, now), Err(Error::BadPath { .. })));
    let broken = world.place("line\nbreak.git");
    assert!(matches!(Forge::create_from(&git(), origin(), &broken, now), Err(Error::BadPath { .. })));
    assert!(matches!(Forge::open(&git(), origin(), &world.place("none"), now), Err(Error::NotARepository(_))));
    let other = Origin { base: branch("trunk"), ..origin() };
    assert!(matches!(Forge::open(&git(), other.clone(), world.forge.path(), now), Err(Error::NoBranch { .. })));
    assert!(matches!(
        Forge::create_from(&git(), other, &world.place("t.git"), now),
        Err(Error::NoBranch { existing, .. }) if existing == ["main"]
    ));
    let empty = world.place("empty");
    run(world.root.path(), ["init", "--quiet", empty.to_str().unwrap()]);
    let no_commit = Origin { source: empty, base: branch("main") };
    assert!(matches!(Forge::create_from(&git(), no_commit, &world.place("e.git"), now), Err(Error::NoCommit(_))));
}

#[test]
fn locks_of_dead_processes_go_and_younger_ones_stay() {
    let world = World::new();
    let forge = world.forge.path();
    let stale = ["HEAD.lock", "packed-refs.lock", "shallow.lock", "refs/heads/main.lock", "refs/orch/pin/ET-1/1.lock"];
    for lock in stale {
        put(forge, lock, "");
    }
    put(&world.source, ".git/index.lock", "");
    let head = world.main();
    let landing = || world.forge.publish_branch(&branch("main2"), &head, None);
    assert!(matches!(open(&world, SystemTime::UNIX_EPOCH).unwrap().kept_locks.len(), 5));
    let opened = open(&world, SystemTime::now() + Duration::from_secs(5)).unwrap();
    assert_eq!(opened.removed_locks.len(), stale.len(), "{:?}", opened.removed_locks);
    assert!(opened.kept_locks.is_empty());
    assert!(stale.iter().all(|lock| !forge.join(lock).exists()));
    landing().unwrap();
    // The user's own repository is never touched.
    assert!(world.source.join(".git/index.lock").exists());
}

#[test]
fn a_lock_is_kept_while_a_git_still_works_there() {
    if !std::path::Path::new("/proc/self/cwd").exists() {
        return not_run_here("a_lock_is_kept_while_a_git_still_works_there", "no /proc");
    }
    let world = World::new();
    put(world.forge.path(), "packed-refs.lock", "");
    // A git that waits for a question, as one that outlived its caller would be at work.
    let mut alive = plain(world.forge.path())
        .args(["update-ref", "--stdin"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // It answers, so it is up.
    use std::io::{Read, Write};
    alive.stdin.as_mut().unwrap().write_all(b"start\n").unwrap();
    alive.stdout.as_mut().unwrap().read_exact(&mut [0; 9]).unwrap();
    let later = SystemTime::now() + Duration::from_secs(5);
    let opened = open(&world, later).unwrap();
    assert_eq!((opened.removed_locks.len(), opened.kept_locks.len()), (0, 1));
    drop(alive.stdin.take());
    alive.wait().unwrap();
    assert_eq!(open(&world, later).unwrap().removed_locks.len(), 1);
}

#[test]
fn a_held_lock_is_an_error_that_passes() {
    let world = World::new();
    put(world.forge.path(), "refs/heads/feature/x.lock", "");
    let error = world.forge.publish_branch(&branch("feature/x"), &world.main(), None).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }) && error.is_retryable(), "{error:?}");
    fs::remove_file(world.forge.path().join("refs/heads/feature/x.lock")).unwrap();
    world.forge.publish_branch(&branch("feature/x"), &world.main(), None).unwrap();
}

#[test]
fn the_base_follows_the_user_forward_only() {
    let world = World::new();
    let first = world.main();
    assert_eq!(world.forge.sync_base().unwrap(), Synced::Contained);
    put(&world.source, "README.md", "hello again\n");
    let second = commit(&world.source, "three");
    let moved = Synced::FastForwarded { from: first.clone(), to: second.clone() };
    assert_eq!(world.forge.sync_base().unwrap(), moved);
    assert_eq!(world.main(), second);

    // Ours is ahead: nothing to take over.
    let head = world.attempt("ET-001", &[("new.txt", "x\n")]);
    let candidate = world.candidate(&second, &head);
    world.forge.land(&second, &candidate.commit).unwrap();
    assert_eq!(world.forge.sync_base().unwrap(), Synced::Contained);
    assert_eq!(open(&world, SystemTime::now()).unwrap().forge.sync_base().unwrap(), Synced::Contained);

    // Both moved: told, and nothing changed; told again the next time.
    put(&world.source, "README.md", "own way\n");
    let theirs = commit(&world.source, "four");
    let diverged = Synced::Diverged { ours: candidate.commit.clone(), theirs };
    assert_eq!(world.forge.sync_base().unwrap(), diverged);
    assert_eq!(world.forge.sync_base().unwrap(), diverged);
    assert_eq!(world.main(), candidate.commit);

    // The user brings the work home; then theirs is ahead again.
    world.forge.add_remote_to_source().unwrap();
    run(&world.source, ["fetch", "--quiet", "orch"]);
    run(&world.source, ["merge", "--quiet", "--no-edit", "orch/main"]);
    let home = crate::fixture::head(&world.source);
    assert_eq!(world.forge.sync_base().unwrap(), Synced::FastForwarded { from: candidate.commit, to: home });

    let last = world.main();
    // Moved back to before what was taken over, and rewritten from there: neither is taken over, both are told.
    run(&world.source, ["reset", "--quiet", "--hard", first.as_str()]);
    let back = Synced::Rewritten { ours: last.clone(), theirs: first, taken: last.clone() };
    assert_eq!(world.forge.sync_base().unwrap(), back);
    put(&world.source, "README.md", "rewritten\n");
    let other = commit(&world.source, "other");
    let rewritten = Synced::Rewritten { ours: last.clone(), theirs: other.clone(), taken: last.clone() };
    assert_eq!(world.forge.sync_base().unwrap(), rewritten);
    assert_eq!(open(&world, SystemTime::now()).unwrap().forge.sync_base().unwrap(), rewritten, "also after a restart");
    assert_eq!(world.main(), last);
    // Their people may say that theirs is the right one; what was seen counts, not what came meanwhile.
    let elsewhere = world.forge.accept_base(&last, &last);
    assert!(matches!(elsewhere, Err(Error::StaleRef { .. })), "{elsewhere:?}");
    world.forge.accept_base(&last, &other).unwrap();
    assert_eq!((world.main(), world.forge.sync_base().unwrap()), (other, Synced::Contained));
    run(&world.source, ["branch", "--move", "trunk"]);
    assert!(matches!(world.forge.sync_base(), Err(Error::NoBranch { existing, .. }) if existing == ["trunk"]));
    fs::remove_dir_all(&world.source).unwrap();
    assert!(matches!(world.forge.sync_base(), Err(Error::NotARepository(_))));
}

#[test]
fn the_remote_is_added_once_and_only_over_our_own() {
    let world = World::new();
    assert_eq!(world.forge.add_remote_to_source().unwrap(), RemoteAdded::Added);
    let settings = fs::read(world.source.join(".git/config")).unwrap();
    assert_eq!(world.forge.add_remote_to_source().unwrap(), RemoteAdded::Unchanged);
    assert_eq!(fs::read(world.source.join(".git/config")).unwrap(), settings);
    assert_eq!(run(&world.source, ["remote", "get-url", "orch"]), world.forge.path().to_str().unwrap());

    // The state directory moved: ours is updated.
    run(&world.source, ["remote", "set-url", "orch", "/elsewhere"]);
    assert_eq!(world.forge.add_remote_to_source().unwrap(), RemoteAdded::Updated);
    run(&world.source, ["fetch", "--quiet", "orch"]);

    // A copy of the folder names the forge beside ours; another state folder's is left alone while it is there.
    let beside = world.forge.path().with_file_name("beside.git");
    run(&world.source, ["remote", "set-url", "orch", beside.to_str().unwrap()]);
    fs::create_dir_all(&beside).unwrap();
    put(&beside, "HEAD", "ref: refs/heads/main\n");
    assert_eq!(world.forge.add_remote_to_source().unwrap(), RemoteAdded::Updated);
    let other = world.place("another state/forge/s.git");
    fs::create_dir_all(&other).unwrap();
    put(&other, "HEAD", "ref: refs/heads/main\n");
    run(&world.source, ["remote", "set-url", "orch", other.to_str().unwrap()]);
    let taken = world.forge.add_remote_to_source().unwrap_err().to_string();
    assert!(taken.contains("another state folder") && taken.contains(other.to_str().unwrap()), "{taken}");
    assert_eq!(forge_of(&git(), &world.source).unwrap(), Some(other.clone()));
    fs::remove_dir_all(&other).unwrap();
    assert_eq!(world.forge.add_remote_to_source().unwrap(), RemoteAdded::Updated);
    assert_eq!(forge_of(&git(), &world.source).unwrap().as_deref(), Some(world.forge.path()));

    // A remote of that name that somebody else made is left alone.
    run(&world.source, ["remote", "remove", "orch"]);
    assert_eq!(forge_of(&git(), &world.source).unwrap(), None);
    run(&world.source, ["remote", "add", "orch", "https://example.org/orch.git"]);
    assert!(matches!(world.forge.add_remote_to_source(), Err(Error::RemoteTaken { .. })));
    assert_eq!(run(&world.source, ["remote", "get-url", "orch"]), "https://example.org/orch.git");
}

#[test]
fn a_user_may_push_forward_but_not_rewrite_nor_touch_our_refs() {
    let world = World::new();
    world.forge.add_remote_to_source().unwrap();
    put(&world.source, "README.md", "pushed\n");
    let pushed = commit(&world.source, "pushed");
    run(&world.source, ["push", "--quiet", "orch", "main"]);
    assert_eq!(world.main(), pushed);
    let push = |arguments: &[&str]| plain(&world.source).arg("push").args(arguments).output().unwrap().status.success();
    run(&world.source, ["reset", "--quiet", "--hard", "HEAD~1"]);
    put(&world.source, "README.md", "rewritten\n");
    commit(&world.source, "rewritten");
    assert!(!push(&["--force", "orch", "main"]));
    assert!(!push(&["orch", ":main"]));
    assert!(!push(&["orch", "main:refs/orch/pin/ET-1/1"]));
    assert!(push(&["orch", "main:refs/heads/feature/mine"]));
    assert_eq!(world.main(), pushed);
}
