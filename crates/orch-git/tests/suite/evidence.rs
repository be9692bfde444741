//! What an attempt left behind, read from objects.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use orch_git::*;

use crate::fixture::*;

const DOCS: &str = "docs/work-items/ET-001";

fn read(text: &str) -> DocumentContent {
    DocumentContent::Read { bytes: text.as_bytes().to_vec(), truncated: false }
}

#[test]
fn changes_documents_and_commits_are_told() {
    let world = World::new();
    let start = world.main();
    let clone = world.clone_at("ET-001", &start);
    put(&clone, "src/new ü.txt", "n\n");
    put(&clone, "src/lib.txt", "changed\n");
    put(&clone, &format!("{DOCS}/01-brd.md"), "# BRD\n");
    put(&clone, &format!("{DOCS}/06-adr/ADR-001-x.md"), "# ADR\n");
    put(&clone, "docs/work-items/ET-0010/01-brd.md", "another task's\n");
    commit(&clone, "one");
    fs::remove_file(clone.join("README.md")).unwrap();
    symlink("guide.md", clone.join("docs/guide-link.md")).unwrap();
    fs::remove_file(clone.join("docs/guide.md")).unwrap();
    symlink("/etc/passwd", clone.join("docs/guide.md")).unwrap();
    fs::set_permissions(clone.join("src/lib.txt"), fs::Permissions::from_mode(0o755)).unwrap();
    commit(&clone, "two");
    let head = world.collect(&clone, &task("ET-001"), 1, &start).unwrap();
    let evidence = world.evidence(&start, &start, &head);
    let seen: Vec<_> =
        evidence.changed.iter().map(|change| (change.path.as_str(), change.status, change.new_mode)).collect();
    use ChangeStatus::*;
    assert_eq!(
        seen,
        [
            ("README.md", Deleted, None),
            ("docs/guide-link.md", Added, Some(Mode::Symlink)),
            ("docs/guide.md", TypeChanged, Some(Mode::Symlink)),
            ("docs/work-items/ET-001/01-brd.md", Added, Some(Mode::File)),
            ("docs/work-items/ET-001/06-adr/ADR-001-x.md", Added, Some(Mode::File)),
            ("docs/work-items/ET-0010/01-brd.md", Added, Some(Mode::File)),
            ("src/lib.txt", Modified, Some(Mode::Executable)),
            ("src/new ü.txt", Added, Some(Mode::File)),
        ]
    );
    assert_eq!(evidence.commits, 2);
    assert_eq!(evidence.tree.as_str(), run(&clone, ["rev-parse", "HEAD^{tree}"]));
    assert_eq!(
        evidence.documents,
        [
            Document { path: format!("{DOCS}/01-brd.md"), content: read("# BRD\n") },
            Document { path: format!("{DOCS}/06-adr/ADR-001-x.md"), content: read("# ADR\n") },
        ]
    );
    assert_eq!(world.forge.changed_paths(&start, &head).unwrap(), evidence.changed);
    // Git itself sees the same.
    let raw = run(&clone, ["diff-tree", "-r", "--no-renames", "--name-only", "-z", start.as_str(), head.as_str()]);
    let names: Vec<_> = raw.split('\0').filter(|name| !name.is_empty()).collect();
    assert_eq!(names, seen.iter().map(|(path, ..)| *path).collect::<Vec<_>>());
}

#[test]
fn a_file_that_becomes_a_folder_is_a_removal_and_additions() {
    let world = World::new();
    let start = world.main();
    let clone = world.clone_at("ET-001", &start);
    fs::remove_file(clone.join("README.md")).unwrap();
    put(&clone, "README.md/a", "a");
    put(&clone, "README.md/b/c", "c");
    fs::remove_dir_all(clone.join("src")).unwrap();
    put(&clone, "src", "a file now");
    commit(&clone, "x");
    let head = world.collect(&clone, &task("ET-001"), 1, &start).unwrap();
    let seen: Vec<_> = world
        .forge
        .changed_paths(&start, &head)
        .unwrap()
        .into_iter()
        .map(|change| (change.path, change.status))
        .collect();
    use ChangeStatus::*;
    let expected = [
        ("README.md", Deleted),
        ("README.md/a", Added),
        ("README.md/b/c", Added),
        ("src", Added),
        ("src/lib.txt", Deleted),
    ];
    assert_eq!(seen, expected.map(|(path, status)| (path.to_owned(), status)));
}

#[test]
fn documents_that_are_no_files_or_too_large_are_not_read() {
    let world = World::new();
    let start = world.main();
    let clone = world.clone_at("ET-001", &start);
    fs::create_dir_all(clone.join(DOCS)).unwrap();
    symlink("/etc/passwd", clone.join(DOCS).join("12-review.md")).unwrap();
    put(&clone, &format!("{DOCS}/02-spec.md"), "x".repeat(5000));
    put(&clone, &format!("{DOCS}/03-acceptance.md"), "y".repeat(5000));
    put(&clone, &format!("{DOCS}/04-test-plan.md"), "z");
    put(&clone, &format!("{DOCS}/05-risks.md"), [0xff, 0x00, b'\n']);
    run(&clone, ["add", "--all"]);
    run(&clone, ["update-index", "--add", "--cacheinfo", &format!("160000,{start},{DOCS}/13-test-report.md")]);
    run(&clone, ["commit", "--quiet", "-m", "x"]);
    let head = world.fetch(&clone);
    let with = |limits| {
        world
            .forge
            .evidence(EvidenceRequest {
                start: &start,
                main: &start,
                head: &head,
                documents: &path(DOCS),
                limits,
                is_test: |_| false,
            })
            .unwrap()
            .documents
            .into_iter()
            .map(|document| (document.path[DOCS.len() + 1..].to_owned(), document.content))
            .collect::<Vec<_>>()
    };
    let limits = DocumentLimits { each: 4000, total: 7000, count: 10 };
    let cut = |c: u8, len| DocumentContent::Read { bytes: vec![c; len], truncated: true };
    assert_eq!(
        with(limits),
        [
            ("02-spec.md".to_owned(), cut(b'x', 4000)),
            ("03-acceptance.md".to_owned(), cut(b'y', 3000)),
            ("04-test-plan.md".to_owned(), DocumentContent::Refused(Refusal::TooMany)),
            ("05-risks.md".to_owned(), DocumentContent::Refused(Refusal::TooMany)),
            ("12-review.md".to_owned(), DocumentContent::Refused(Refusal::Symlink)),
            ("13-test-report.md".to_owned(), DocumentContent::Refused(Refusal::Submodule)),
        ]
    );
    let all = with(DocumentLimits::default());
    assert_eq!(all[3].1, DocumentContent::Read { bytes: vec![0xff, 0x00, b'\n'], truncated: false });
    assert_eq!(with(DocumentLimits { count: 1, ..DocumentLimits::default() }).len(), 2);

    // The same through the single-file question.
    let at = |name: &str, most| world.forge.read_file(&head, &path(name), most).unwrap();
    assert_eq!(at(&format!("{DOCS}/12-review.md"), 10), FileAt::Other(Mode::Symlink));
    assert_eq!(at(DOCS, 10), FileAt::Other(Mode::Folder));
    assert_eq!(at("README.md", 3), FileAt::File { bytes: b"hel".to_vec(), truncated: true, executable: false });
    assert_eq!(at("README.md", 6), FileAt::File { bytes: b"hello\n".to_vec(), truncated: false, executable: false });
    assert_eq!(at("README.md/x", 3), FileAt::Absent);
    assert_eq!(at("missing/x", 3), FileAt::Absent);
    let unknown = world.forge.read_file(&id(&"c".repeat(40)), &path("x"), 1);
    assert!(matches!(unknown, Err(Error::NotFound { .. })), "{unknown:?}");
}

#[test]
fn the_code_id_is_the_tree_without_the_documents() {
    let world = World::new();
    let start = world.main();
    let plain_tree = id(&world.in_forge(&["rev-parse", "main^{tree}"]));
    let docs = path(DOCS);
    // No folder, no difference; and documents alone make none.
    assert_eq!(world.forge.code_id(&start, &docs).unwrap().as_str(), plain_tree.as_str());
    let only_docs = world.attempt("ET-001", &[("docs/work-items/ET-001/01-brd.md", "x\n")]);
    assert_eq!(world.forge.code_id(&only_docs, &docs).unwrap().as_str(), plain_tree.as_str());
    assert_eq!(world.evidence(&start, &start, &only_docs).code_id.as_str(), plain_tree.as_str());
    // Another task's documents and any code do make one.
    for (key, name) in
        [("ET-002", "docs/work-items/ET-002/01-brd.md"), ("ET-003", "src/x"), ("ET-004", "docs/work-items/ET-001")]
    {
        let head = world.attempt(key, &[(name, "x\n")]);
        let code = world.forge.code_id(&head, &docs).unwrap();
        assert_eq!(code.as_str(), world.in_forge(&["rev-parse", &format!("{head}^{{tree}}")]), "{name}");
        assert_ne!(code.as_str(), plain_tree.as_str(), "{name}");
    }
    // With a neighbour that stays, git's own removal gives the same tree.
    let clone = world.clone_at("ET-005", &only_docs);
    put(&clone, "docs/work-items/ET-001.md", "sorts around the folder\n");
    // A folder sorts as if its name ended in a slash, so after this file.
    put(&clone, "docs/work-items/ET-002/01.md", "x\n");
    put(&clone, "docs/work-items/ET-002.md", "x\n");
    put(&clone, "docs/work-items/ET-0011/01.md", "x\n");
    put(&clone, "src/y", "y\n");
    commit(&clone, "x");
    let head = world.collect(&clone, &task("ET-005"), 1, &only_docs).unwrap();
    run(&clone, ["rm", "--quiet", "-r", DOCS]);
    commit(&clone, "without");
    assert_eq!(world.forge.code_id(&head, &docs).unwrap().as_str(), run(&clone, ["rev-parse", "HEAD^{tree}"]));
}

#[test]
fn the_patch_id_survives_a_moved_base_and_our_documents_but_no_change() {
    let world = World::new();
    let start = world.main();
    let docs = path(DOCS);
    let first = world.attempt("ET-001", &[("src/lib.txt", "a\nb\nc\nd\ne\nf\nG\nh\n")]);
    let patch = world.forge.patch_id(&start, &first, &docs).unwrap();

    // The base moves by lines above; the same change on top of it has the same name.
    let other = world.attempt("ET-002", &[("src/lib.txt", "0\n1\na\nb\nc\nd\ne\nf\ng\nh\n"), ("z", "z\n")]);
    let landed = world.candidate(&start, &other);
    world.forge.land(&start, &landed.commit).unwrap();
    assert_eq!(world.forge.patch_id(&landed.commit, &first, &docs).unwrap(), patch);
    let moved = world.candidate(&landed.commit, &first);
    assert_eq!(world.forge.patch_id(&landed.commit, &moved.commit, &docs).unwrap(), patch);

    // Documents of the task change nothing; white space, a mode, a binary byte and another file do.
    let on_top = |key: &str, edit: &dyn Fn(&std::path::Path)| {
        let clone = world.clone_at(key, &first);
        edit(&clone);
        commit(&clone, "x");
        let head = world.collect(&clone, &task(key), 1, &first).unwrap();
        world.forge.patch_id(&start, &head, &docs).unwrap()
    };
    assert_eq!(on_top("ET-010", &|c| put(c, &format!("{DOCS}/12-review.md"), "x\n")), patch);
    assert_ne!(on_top("ET-011", &|c| put(c, "src/lib.txt", "a\nb\nc\nd\ne\nf\n G\nh\n")), patch);
    assert_ne!(on_top("ET-012", &|c| put(c, "docs/work-items/ET-002/x.md", "x\n")), patch);
    assert_ne!(
        on_top("ET-013", &|c| fs::set_permissions(c.join("README.md"), fs::Permissions::from_mode(0o755)).unwrap()),
        patch
    );
    assert_ne!(on_top("ET-014", &|c| put(c, "src/lib.txt", "a\nb\nc\nd\ne\nf\nG\0x\nh\n")), patch);
    let binary = |key: &str, byte| on_top(key, &move |c| put(c, "b.bin", [0, byte]));
    assert_ne!(binary("ET-015", 1), binary("ET-016", 2));
}

#[test]
fn commits_are_counted_through_merges() {
    let world = World::new();
    let start = world.main();
    let clone = world.clone_at("ET-001", &start);
    run(&clone, ["checkout", "--quiet", "-b", "side"]);
    put(&clone, "side", "x");
    commit(&clone, "side");
    run(&clone, ["checkout", "--quiet", "feature/ET-001-x"]);
    put(&clone, "mine", "x");
    commit(&clone, "mine");
    run(&clone, ["merge", "--quiet", "--no-edit", "side"]);
    let head = world.collect(&clone, &task("ET-001"), 1, &start).unwrap();
    assert_eq!(world.evidence(&start, &start, &head).commits, 3);
    assert_eq!(world.evidence(&head, &start, &head).commits, 0);
}

#[test]
fn very_deep_folders_are_read() {
    let world = World::new();
    let start = world.main();
    let clone = world.clone_at("ET-001", &start);
    // Deeper than a recursion would like, made without a working copy: paths of this length do not fit in one.
    let mut tree = checked({
        let mut make = plain(&clone);
        put(world.root.path(), "entry", "");
        make.args(["mktree"]).stdin(fs::File::open(world.place("entry")).unwrap());
        make.output().unwrap()
    });
    let blob = run(&clone, ["hash-object", "-w", "README.md"]);
    for depth in 0..300 {
        let entry = if depth == 0 { format!("100644 blob {blob}\tf\n") } else { format!("040000 tree {tree}\td\n") };
        put(world.root.path(), "entry", entry);
        let output = plain(&clone).arg("mktree").stdin(fs::File::open(world.place("entry")).unwrap()).output().unwrap();
        tree = checked(output);
    }
    let deep = id(&run(&clone, ["commit-tree", &tree, "-p", start.as_str(), "-m", "deep"]));
    run(&clone, ["update-ref", "HEAD", deep.as_str()]);
    let head = world.fetch(&clone);
    let changed = world.evidence(&start, &start, &head).changed;
    assert!(changed.iter().any(|change| change.path.len() > 590 && change.path.ends_with("d/f")));
}

#[test]
fn the_whole_change_is_told_by_its_paths() {
    let world = World::new();
    let start = world.main();
    let clone = world.clone_at("ET-001", &start);
    let odd = "src/\"q\" \t\\ ü b/x";
    put(&clone, odd, "n\n");
    put(&clone, "bin", [0, 1, 2]);
    put(&clone, "empty", "");
    put(&clone, &format!("{DOCS}/01-brd.md"), "# BRD\n");
    fs::set_permissions(clone.join("README.md"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::remove_file(clone.join("docs/guide.md")).unwrap();
    symlink("/etc/passwd", clone.join("docs/guide.md")).unwrap();
    commit(&clone, "first attempt");
    let first = world.collect(&clone, &task("ET-001"), 1, &start).unwrap();
    // The next attempt starts there and does something else; main moves meanwhile.
    fs::remove_file(clone.join("src/lib.txt")).unwrap();
    commit(&clone, "second attempt");
    let head = world.collect(&clone, &task("ET-001"), 2, &first).unwrap();
    put(&world.source, "elsewhere", "x\n");
    commit(&world.source, "main moves");
    world.forge.sync_base().unwrap();
    let evidence = world.evidence(&first, &world.main(), &head);
    assert_eq!(evidence.changed.iter().map(|change| change.path.as_str()).collect::<Vec<_>>(), ["src/lib.txt"]);
    let mut paths = evidence.patch_paths;
    paths.sort();
    assert_eq!(paths, ["README.md", "bin", "docs/guide.md", "empty", odd, "src/lib.txt"]);
}

#[test]
fn tests_that_lost_something_are_told_with_their_diff() {
    let world = World::new();
    let start = world.main();
    let clone = world.clone_at("ET-001", &start);
    for name in ["tests/a", "tests/b", "tests/grows", "tests/link", "tests/nul", "tests/empty"] {
        put(&clone, name, if name == "tests/empty" { "" } else { "one\ntwo\nthree\n" });
    }
    put(&clone, &format!("{DOCS}/13-test-report.md"), "result: PASS\n");
    commit(&clone, "tests");
    let before = world.collect(&clone, &task("ET-001"), 1, &start).unwrap();
    assert_eq!(world.evidence(&start, &start, &before).weakened, [], "new tests weaken nothing");
    put(&clone, "tests/a", "one\n-- two\nthree\nfour\n");
    fs::remove_file(clone.join("tests/b")).unwrap();
    fs::remove_file(clone.join("tests/empty")).unwrap();
    put(&clone, "tests/grows", "zero\none\ntwo\nthree\n");
    fs::remove_file(clone.join("tests/link")).unwrap();
    symlink("a", clone.join("tests/link")).unwrap();
    put(&clone, "tests/nul", "one\0\nthree\n");
    put(&clone, "src/lib.txt", "a\n");
    put(&clone, &format!("{DOCS}/13-test-report.md"), "result: FAIL\n");
    put(&clone, "tests/long", "x\n");
    commit(&clone, "weaker");
    let head = world.collect(&clone, &task("ET-001"), 2, &before).unwrap();
    let weakened = world.evidence(&before, &start, &head).weakened;
    let told: Vec<_> = weakened.iter().map(|w| (w.path.as_str(), w.deleted, w.removed_lines)).collect();
    assert_eq!(
        told,
        [
            ("tests/a", false, 1),
            ("tests/b", true, 3),
            ("tests/empty", true, 0),
            ("tests/link", false, 3),
            ("tests/nul", false, 2)
        ]
    );
    let diff = String::from_utf8_lossy(&weakened[0].diff).into_owned();
    assert!(diff.starts_with("diff --git a/tests/a b/tests/a\n"), "{diff}");
    assert!(diff.ends_with("@@ -1,3 +1,4 @@\n one\n-two\n+-- two\n three\n+four\n"), "{diff}");
    put(&clone, "tests/a", "x\n".repeat(4000));
    commit(&clone, "long");
    let long = world.collect(&clone, &task("ET-001"), 3, &head).unwrap();
    fs::remove_file(clone.join("tests/a")).unwrap();
    commit(&clone, "gone");
    let gone = world.collect(&clone, &task("ET-001"), 4, &long).unwrap();
    let weakened = world.evidence(&long, &start, &gone).weakened;
    assert_eq!((weakened[0].removed_lines, weakened[0].diff.len()), (4000, Weakened::DIFF_BYTES));
}
