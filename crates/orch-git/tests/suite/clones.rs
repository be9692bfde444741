//! Working copies for attempts and checks, leftovers, and bringing work home.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use orch_git::*;

use crate::fixture::*;

#[test]
fn a_clone_is_on_its_branch_at_the_commit_and_cannot_reach_the_forge() {
    let world = World::new();
    let first = id(&world.in_forge(&["rev-parse", "main~1"]));
    let clone = world.clone_at("ET-001", &first);
    assert_eq!(head(&clone), first);
    assert_eq!(run(&clone, ["symbolic-ref", "--short", "HEAD"]), "feature/ET-001-x");
    assert_eq!(run(&clone, ["status", "--porcelain"]), "");
    assert!(clone.join("README.md").exists() && !clone.join("src").exists());
    assert_eq!(run(&clone, ["remote"]), "");
    assert_eq!(run(&clone, ["for-each-ref", "--format=%(refname)"]), "refs/heads/feature/ET-001-x");
    // An agent can commit as it is, and is who we said.
    put(&clone, "x", "x");
    commit(&clone, "work");
    assert_eq!(
        run(&clone, ["log", "-1", "--format=%an <%ae> %cn <%ce>"]),
        "Robot <robot@example.org> Robot <robot@example.org>"
    );
    run(&clone, ["fsck", "--full", "--strict"]);
    assert_eq!(world.in_forge(&["rev-parse", "refs/orch/pin/ET-001/1"]), first.as_str());
    world.forge.unpin(&task("ET-001"), 1).unwrap();
    world.forge.unpin(&task("ET-001"), 1).unwrap();
    assert_eq!(world.in_forge(&["for-each-ref", "refs/orch/pin"]), "");
}

#[test]
fn names_with_special_characters_survive_the_settings() {
    let world = World::new();
    let identity = Identity::new(r#"Zoë "Z" \ # ; = [x]"#, "z+a@example.org").unwrap();
    let folder = world.place("c");
    let request = CloneRequest {
        task: &task("ET-001"),
        attempt: 7,
        commit: &world.main(),
        base: None,
        branch: &branch("feature/ET-001-größe"),
        folder: &folder,
        identity: &identity,
    };
    world.forge.clone_attempt(request).unwrap();
    commit(&folder, "x");
    assert_eq!(run(&folder, ["log", "-1", "--format=%an"]), identity.name());
    // The place is taken now.
    assert!(matches!(world.forge.clone_attempt(request), Err(Error::Occupied(_))));
    remove_clone(&folder).unwrap();
    world.forge.clone_attempt(request).unwrap();
    let unknown = id(&"a".repeat(40));
    let missing = CloneRequest { commit: &unknown, folder: &world.place("d"), ..request };
    assert!(matches!(world.forge.clone_attempt(missing), Err(Error::NotFound { .. })));
}

#[test]
fn a_clean_checkout_is_the_exact_commit_on_no_branch() {
    let world = World::new();
    let head_of_task = world.attempt("ET-001", &[("tool.sh", "#!/bin/sh\n"), ("README.md", "changed\n")]);
    let folder = world.place("check");
    world.forge.checkout_clean(&head_of_task, &folder).unwrap();
    assert_eq!(head(&folder), head_of_task);
    assert!(!plain(&folder).args(["symbolic-ref", "-q", "HEAD"]).output().unwrap().status.success());
    assert_eq!(fs::read_to_string(folder.join("README.md")).unwrap(), "changed\n");
    assert_eq!(run(&folder, ["status", "--porcelain", "--ignored"]), "");
    let unknown = world.forge.checkout_clean(&id(&"b".repeat(40)), &world.place("check2"));
    assert!(matches!(unknown, Err(Error::NotFound { .. })), "{unknown:?}");
}

#[test]
fn attributes_and_links_are_checked_out_as_they_are() {
    let world = World::new();
    let clone = world.clone_at("ET-001", &world.main());
    put(&clone, ".gitattributes", "*.bin filter=lfs\n*.txt text eol=crlf\n");
    put(&clone, "a.bin", "version https://git-lfs.github.com/spec/v1\n");
    std::os::unix::fs::symlink("/etc/passwd", clone.join("link")).unwrap();
    commit(&clone, "x");
    let head = world.collect(&clone, &task("ET-001"), 1, &world.main()).unwrap();
    let folder = world.place("check");
    world.forge.checkout_clean(&head, &folder).unwrap();
    assert!(fs::read_to_string(folder.join("a.bin")).unwrap().starts_with("version https"));
    assert!(fs::symlink_metadata(folder.join("link")).unwrap().is_symlink());
}

#[test]
fn what_an_attempt_committed_comes_home_and_outlives_the_clone() {
    let world = World::new();
    let start = world.main();
    let clone = world.clone_at("ET-001", &start);
    assert_eq!(world.collect(&clone, &task("ET-001"), 1, &start).unwrap(), start);
    for n in 0..5 {
        put(&clone, "src/new.txt", format!("{n}\n"));
        commit(&clone, "step");
    }
    // On another branch or none: the head is what counts.
    run(&clone, ["checkout", "--quiet", "--detach"]);
    let head = world.collect(&clone, &task("ET-001"), 1, &start).unwrap();
    assert_eq!(head, self::head(&clone));
    let kept = |attempt| world.forge.attempt_head(&task("ET-001"), attempt).unwrap();
    assert_eq!((kept(1), kept(2)), (Some(head.clone()), None));
    remove_clone(&clone).unwrap();
    run(world.forge.path(), ["fsck", "--full", "--strict"]);
    assert_eq!(world.in_forge(&["rev-list", "--count", &format!("{start}..{head}")]), "5");
    // Collecting again replaces: the attempt is the same.
    assert!(!world.forge.path().join("FETCH_HEAD").exists());
}

#[test]
fn a_removed_clone_is_gone_with_everything_in_it() {
    let world = World::new();
    let clone = world.clone_at("ET-001", &world.main());
    let outside = world.place("outside");
    put(&outside, "kept.txt", "x");
    std::os::unix::fs::symlink(&outside, clone.join("link")).unwrap();
    checked(Command::new("mkfifo").arg(clone.join("pipe")).output().unwrap());
    remove_clone(&clone).unwrap();
    remove_clone(&clone).unwrap();
    assert!(!clone.exists() && outside.join("kept.txt").exists());
    // A link in the clone's place is removed itself.
    std::os::unix::fs::symlink(&outside, &clone).unwrap();
    remove_clone(&clone).unwrap();
    assert!(fs::symlink_metadata(&clone).is_err() && outside.join("kept.txt").exists());
}

#[test]
fn a_sha256_repository_works_the_same() {
    let root = tempfile::tempdir().unwrap();
    let source = root.path().join("u");
    fs::create_dir(&source).unwrap();
    run(&source, ["init", "--quiet", "--initial-branch=main", "--object-format=sha256"]);
    run(&source, ["config", "user.name", "Uma"]);
    run(&source, ["config", "user.email", "uma@example.org"]);
    put(&source, "a.txt", "a\n");
    put(&source, "docs/work-items/ET-001/01.md", "d\n");
    let start = commit(&source, "one");
    let origin = Origin { source, base: branch("main") };
    let forge =
        Forge::create_from(&git(), origin, &root.path().join("f.git"), std::time::SystemTime::now()).unwrap().forge;
    let world = World { source: root.path().join("u"), forge, root };
    let head = world.attempt("ET-001", &[("b.txt", "b\n")]);
    let evidence = world.evidence(&start, &start, &head);
    assert_eq!((evidence.commits, evidence.changed.len(), evidence.code_id.as_str().len()), (1, 1, 64));
    let without = world.clone_at("ET-002", &head);
    run(&without, ["rm", "--quiet", "-r", "docs"]);
    commit(&without, "x");
    assert_eq!(run(&without, ["rev-parse", "HEAD^{tree}"]), evidence.code_id.as_str());
    let candidate = world.candidate(&start, &head);
    assert_eq!(world.forge.land(&start, &candidate.commit).unwrap(), Landing::Moved);
    world.forge.publish_branch(&branch("feature/x"), &head, None).unwrap();
}

/// What a checkout has on disk: path to content, links as `-> target`.
fn on_disk(folder: &Path, below: &str, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder.join(below)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        match entry.file_type().unwrap() {
            _ if name == ".git" => {}
            kind if kind.is_dir() => on_disk(folder, &format!("{name}/"), found),
            kind if kind.is_symlink() => {
                let target = fs::read_link(entry.path()).unwrap();
                found.push((name, format!("-> {}", target.display())));
            }
            _ => found.push((name, fs::read_to_string(entry.path()).unwrap())),
        }
    }
    found.sort();
}

fn overlaid(
    world: &World,
    commit: &CommitId,
    from: &CommitId,
    covers: fn(&str) -> bool,
    name: &str,
) -> Vec<(String, String)> {
    let folder = world.place(name);
    world.forge.checkout_overlaid(commit, &folder, Overlay { from, covers: &covers }).unwrap();
    assert_eq!(&head(&folder), commit);
    let mut found = Vec::new();
    on_disk(&folder, "", &mut found);
    found
}

#[test]
fn an_overlay_has_the_files_of_the_other_commit() {
    use std::os::unix::ffi::OsStrExt;
    let world = World::new();
    for (name, content) in [("ci/run", "the base's\n"), ("ci/deep/kept", "kept\n"), ("gate", "gate\n")] {
        put(&world.source, name, content);
    }
    fs::set_permissions(world.source.join("ci/run"), fs::Permissions::from_mode(0o755)).unwrap();
    commit(&world.source, "checks");
    world.forge.sync_base().unwrap();
    let base = world.main();
    let clone = world.clone_at("ET-001", &base);
    put(&clone, "ci/run", "exit 0\n");
    put(&clone, "ci/added", "mine\n");
    fs::write(clone.join("ci").join(std::ffi::OsStr::from_bytes(b"odd\xff")), "mine\n").unwrap();
    fs::remove_dir_all(clone.join("ci/deep")).unwrap();
    put(&clone, "src/new", "work\n");
    commit(&clone, "work");
    let work = world.collect(&clone, &task("ET-001"), 1, &base).unwrap();
    let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let rest = [
        pair("README.md", "hello\n"),
        pair("ci/deep/kept", "kept\n"),
        pair("ci/run", "the base's\n"),
        pair("docs/guide.md", "guide\n"),
        pair("gate", "gate\n"),
        pair("src/lib.txt", "a\nb\nc\nd\ne\nf\ng\nh\n"),
        pair("src/new", "work\n"),
    ];
    assert_eq!(overlaid(&world, &work, &base, |path| path.starts_with("ci/"), "one"), rest);
    let mode = fs::metadata(world.place("one/ci/run")).unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0o111);
    // Nothing covered, or nothing different there: exactly the commit.
    let exact = overlaid(&world, &work, &base, |_| false, "two");
    assert!(exact.contains(&pair("ci/run", "exit 0\n")) && exact.contains(&pair("ci/added", "mine\n")), "{exact:?}");
    assert_eq!(overlaid(&world, &work, &base, |path| path == "gate", "three"), exact);

    // A link in the place of a folder leads nothing astray, whether the link itself is covered or not.
    let outside = world.place("outside");
    fs::create_dir_all(&outside).unwrap();
    fs::remove_dir_all(clone.join("ci")).unwrap();
    std::os::unix::fs::symlink(&outside, clone.join("ci")).unwrap();
    put(&clone, "elsewhere/gate/deep", "x\n");
    fs::remove_file(clone.join("gate")).unwrap();
    fs::rename(clone.join("elsewhere/gate"), clone.join("gate")).unwrap();
    commit(&clone, "traps");
    let traps = world.collect(&clone, &task("ET-001"), 2, &work).unwrap();
    for (name, covers) in [
        ("four", (|path| path.starts_with("ci") || path == "gate") as fn(&str) -> bool),
        ("five", |path| path.starts_with("ci/") || path == "gate"),
    ] {
        assert_eq!(overlaid(&world, &traps, &base, covers, name), rest, "{name}");
    }
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

/// Whoever judges has the base's files before it; git shows and commits the branch's.
#[test]
fn a_clone_with_an_overlay_shows_the_others_files_and_commits_its_own() {
    let world = World::new();
    for (name, content) in
        [("CLAUDE.md", "the base's\n"), (".agent/only base [x].md", "base\n"), ("AGENTS.md", "same\n")]
    {
        put(&world.source, name, content);
    }
    commit(&world.source, "rules");
    world.forge.sync_base().unwrap();
    let base = world.main();
    let clone = world.clone_at("ET-001", &base);
    put(&clone, "CLAUDE.md", "approve\n");
    put(&clone, ".agent/hook.sh", "exit 0\n");
    put(&clone, "src/new", "work\n");
    fs::remove_file(clone.join(".agent/only base [x].md")).unwrap();
    commit(&clone, "work");
    let work = world.collect(&clone, &task("ET-001"), 1, &base).unwrap();

    let folder = world.place("judge");
    let covers = |path: &str| path == "CLAUDE.md" || path == "AGENTS.md" || path.starts_with(".agent/");
    let request = CloneRequest {
        task: &task("ET-002"),
        attempt: 1,
        commit: &work,
        base: Some(&base),
        branch: &BranchName::new("work").unwrap(),
        folder: &folder,
        identity: &Identity::new("A", "a@example.org").unwrap(),
    };
    world.forge.clone_attempt_overlaid(request, Overlay { from: &base, covers: &covers }).unwrap();
    let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
    assert_eq!((text("CLAUDE.md"), text(".agent/only base [x].md")), ("the base's\n".to_owned(), "base\n".to_owned()));
    assert_eq!((text("AGENTS.md"), text("src/new")), ("same\n".to_owned(), "work\n".to_owned()));
    assert!(!folder.join(".agent/hook.sh").exists());
    assert_eq!(run(&folder, ["status", "--porcelain"]), "");

    // What is left comes home, and nothing of the overlay with it.
    put(&folder, "docs/review.md", "approved\n");
    checked(world.pack_from(&folder, &work, true));
    let found = world.take(&folder, &task("ET-002"), 1, &work, &|path, _| path.starts_with("docs/")).unwrap();
    assert_eq!(world.in_forge(&["diff", "--name-status", work.as_str(), found.head.as_str()]), "A\tdocs/review.md");
    assert_eq!((found.strayed, found.told, found.refused), (vec![], vec![], vec![]));
}
