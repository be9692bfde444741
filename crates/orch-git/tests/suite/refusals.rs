//! What of an attempt's work never comes home, in several forms each.

use std::collections::BTreeMap;

use orch_git::*;

use crate::delivery::{Case, texts};
use crate::fixture::*;

#[test]
fn no_pointer_to_another_repository_is_taken_on_trust() {
    let nowhere = "1111111111111111111111111111111111111111";
    let module = format!(
        "printf '[submodule \"lib\"]\\n\\tpath = lib\\n\\turl = https://example.org/lib\\n' > .gitmodules; git update-index --add --cacheinfo 160000,{},lib; git add .gitmodules; git commit -qm lib; mkdir -p lib",
        "2".repeat(40)
    );
    let forms = [
        (
            "new",
            "",
            format!("git update-index --add --cacheinfo 160000,{nowhere},app; git commit -qm app; mkdir app"),
            "app",
        ),
        (
            "new and named",
            "",
            format!(
                "printf '[submodule \"app\"]\\n\\tpath = app\\n\\turl = ../app\\n' > .gitmodules; git update-index --add --cacheinfo 160000,{nowhere},app; mkdir app; git add .gitmodules; git commit -qm app"
            ),
            "app",
        ),
        (
            "moved",
            module.as_str(),
            format!("git update-index --cacheinfo 160000,{nowhere},lib; git commit -qm lib; mkdir -p lib"),
            "lib",
        ),
        (
            "moved by a commit inside",
            module.as_str(),
            "git init -q lib; cd lib; echo x > x; git add x; git commit -qm x".to_owned(),
            "lib",
        ),
        (
            "in place of a file",
            "",
            format!(
                "rm README.md; git rm -q --cached README.md; git update-index --add --cacheinfo 160000,{nowhere},README.md; git commit -qm app; mkdir README.md"
            ),
            "README.md",
        ),
    ];
    for (name, set_up, form, path) in forms {
        let case = Case::new(
            &set_up.replace("git commit -qm lib; mkdir -p lib", "git commit -qm lib; mkdir -p lib; echo z > z"),
        );
        case.agent(&format!("echo work > new.txt; git add new.txt; {form}"));
        let found = case.all();
        assert!(
            found.refused.iter().any(|line| line.starts_with(&format!("{path} is a pointer"))),
            "{name}: {found:?}"
        );
        let changed = case.changed(&found.head);
        assert_eq!(changed.get("new.txt").map(String::as_str), Some("work\n"), "{name}: {found:?}");
        assert!(!changed.contains_key(path), "{name}: {changed:?}");
    }
    // One that stays where it was is nobody's business, and one that goes is a change like any other.
    let case = Case::new(&format!("{module}; echo z > z"));
    case.agent("echo work > new.txt");
    assert_eq!(case.changed(&case.all().head), texts(&[("new.txt", "work\n")]));
    case.agent("git rm -q --cached lib; git rm -q .gitmodules 2>/dev/null || git rm -q --cached .gitmodules; rm -rf lib .gitmodules; git commit -qm gone");
    let found = case.all();
    assert!(found.refused.is_empty() && case.changed(&found.head).contains_key("lib"), "{found:?}");
}

#[test]
fn files_that_a_filter_stores_are_pointers_or_are_refused() {
    let lfs = "echo '*.bin filter=lfs diff=lfs merge=lfs -text' > .gitattributes; printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:1\\nsize 3\\n' > a.bin";
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:2\nsize 4\n";
    let case = Case::new(lfs);
    case.agent(&format!(
        "printf '{}' > b.bin; echo raw > a.bin; echo raw > c.bin; echo ok > d.txt",
        pointer.replace('\n', "\\n")
    ));
    let found = case.all();
    assert_eq!(case.changed(&found.head), texts(&[("b.bin", pointer), ("d.txt", "ok\n")]));
    let refused: Vec<_> = found.refused.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(refused, ["a.bin", "c.bin"], "{found:?}");
    let case = Case::new("echo 'secrets/** filter=git-crypt' > .gitattributes");
    case.agent("mkdir secrets; echo plain > secrets/key; git add -A; git commit -qm s");
    let found = case.all();
    assert_eq!(found.head, case.start);
    assert!(found.refused[0].starts_with("secrets/key is stored through the filter `git-crypt`"), "{found:?}");
}

#[test]
fn what_no_forge_should_hold_is_refused_by_name() {
    let limits = CollectLimits { file: 1000, files: 3000, count: 20, depth: 5, path: 100, pack: 100_000 };
    let deep = "d/".repeat(20);
    let long = "n".repeat(120);
    let forms = [
        ("a large file", "head -c 2000 /dev/zero > big; echo ok > ok".to_owned(), "big has 1 MB", true),
        ("one object by many names", "head -c 900 /dev/zero > a; for n in 1 2 3 4 5; do cp a b$n; done".to_owned(), "a checkout of what it changed", false),
        ("many files", "for n in $(seq 30); do echo $n > f$n; done".to_owned(), "it changed 30 paths", false),
        ("a deep folder", format!("mkdir -p {deep}; echo x > {deep}x; echo ok > ok"), "lies deeper", true),
        ("a long name", format!("echo x > {long}; echo ok > ok"), "is longer", true),
        ("a large pack", "head -c 200000 /dev/urandom > big".to_owned(), "its pack is larger", false),
        ("a paper with a line break in its name", "mkdir -p docs/work-items/ET-001; echo x > \"docs/work-items/ET-001/$(printf 'a\\n## Rework\\n.md')\"; echo ok > ok".to_owned(), "control character", true),
        ("settings of submodules that git refuses", "printf '[submodule \"s\"]\\n\\tpath = s\\n\\tupdate = !evil\\n' > .gitmodules".to_owned(), "disallowed submodule update", false),
        ("a pipe in place of a file", "rm README.md; mkfifo README.md; echo ok > ok".to_owned(), "can only add regular files", true),
    ];
    for (name, form, word, rest) in forms {
        let case = Case::new("");
        case.agent(&form);
        checked(case.world.pack(&case.clone, &case.start));
        let found = case
            .world
            .forge
            .collect(CollectRequest {
                packed_again: true,
                parcel: &case.world.parcel(&case.clone),
                task: &task("ET-001"),
                attempt: 1,
                start: &case.start,
                main: &case.start,
                documents: &path("docs/work-items/ET-001"),
                owns: &|_, _| true,
                message: "x",
                by: &Signature { identity: robot(), seconds: 1 },
                limits,
            })
            .unwrap();
        assert!(found.refused.iter().any(|line| line.contains(word)), "{name}: {found:?}");
        let expected = if rest { texts(&[("ok", "ok\n")]) } else { BTreeMap::new() };
        assert_eq!(case.changed(&found.head), expected, "{name}");
    }
}
