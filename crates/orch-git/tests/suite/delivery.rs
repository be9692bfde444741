//! What of an attempt's work comes home: each kind of state an agent leaves its clone in, in several forms.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use orch_git::*;

use crate::fixture::*;

/// An agent, as a shell in its clone; with an identity, and with the start in `$start`.
fn agent(clone: &Path, start: &CommitId, script: &str) {
    let mut shell = Command::new("sh");
    shell.args(["-euc", script]).current_dir(clone).env_clear().env("PATH", search_path()).env("HOME", "/nonexistent");
    shell.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("start", start.as_str());
    for who in ["AUTHOR", "COMMITTER"] {
        shell.env(format!("GIT_{who}_NAME"), "Ada").env(format!("GIT_{who}_EMAIL"), "ada@example.org");
    }
    checked(shell.output().unwrap());
}

/// A user's repository with these files besides, and a clone of it.
pub struct Case {
    pub world: World,
    pub start: CommitId,
    pub clone: std::path::PathBuf,
}

impl Case {
    pub fn new(set_up: &str) -> Self {
        let world = World::new();
        if !set_up.is_empty() {
            agent(&world.source, &world.main(), &format!("{set_up}\ngit add -A; git commit -q --allow-empty -m more"));
            world.forge.sync_base().unwrap();
        }
        let start = world.main();
        let clone = world.clone_at("ET-001", &start);
        Self { world, start, clone }
    }

    pub fn agent(&self, script: &str) {
        agent(&self.clone, &self.start, script);
    }

    fn delivered(&self, owns: &dyn Fn(&str, bool) -> bool) -> Delivered {
        checked(self.world.pack(&self.clone, &self.start));
        let found = self.world.take(&self.clone, &task("ET-001"), 1, &self.start, owns).unwrap();
        assert_eq!(self.world.forge.attempt_head(&task("ET-001"), 1).unwrap().as_ref(), Some(&found.head));
        assert_eq!(
            self.world.take(&self.clone, &task("ET-001"), 1, &self.start, owns).unwrap(),
            found,
            "again is the same"
        );
        run(self.world.forge.path(), ["fsck", "--full", "--strict"]);
        found
    }

    pub fn all(&self) -> Delivered {
        self.delivered(&|_, _| true)
    }

    /// What differs from the start: path to the new text, or `-`.
    pub fn changed(&self, head: &CommitId) -> BTreeMap<String, String> {
        let names = self.world.in_forge(&["diff", "--name-only", "--no-renames", self.start.as_str(), head.as_str()]);
        let text = |name: &str| {
            let found = plain(self.world.forge.path()).args(["show", &format!("{head}:{name}")]).output().unwrap();
            if found.status.success() { String::from_utf8_lossy(&found.stdout).into_owned() } else { "-".to_owned() }
        };
        names.lines().map(|name| (name.to_owned(), text(name))).collect()
    }

    fn parents(&self, head: &CommitId) -> Vec<String> {
        let line = self.world.in_forge(&["rev-list", "--parents", "-n", "1", head.as_str()]);
        line.split(' ').skip(1).map(str::to_owned).collect()
    }
}

pub fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn what_was_not_committed_is_taken_whatever_stood_in_the_way() {
    let forms = [
        ("plain", "true"),
        ("a lock of the index", "touch .git/index.lock"),
        (
            "locks of head and branch",
            "touch .git/HEAD.lock .git/refs/heads/feature/ET-001-x.lock .git/packed-refs.lock",
        ),
        (
            "a hook that says no",
            "mkdir .git/hooks; printf '#!/bin/sh\nexit 1\n' > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit; git config core.hooksPath .git/hooks",
        ),
        ("settings that are none", "echo '[core' > .git/config"),
        ("another place for the files", "git config core.worktree /tmp"),
        ("signatures without a key", "git config commit.gpgSign true; git config gpg.program /bin/false"),
        ("no identity", "git config user.useConfigOnly true; git config --unset user.name"),
        ("no index", "rm .git/index"),
        ("an index of noise", "echo noise > .git/index"),
        ("a split index", "git update-index --split-index"),
        ("a head that names nothing", "echo 'ref: refs/heads/gone' > .git/HEAD"),
        ("a head of noise", "echo noise > .git/HEAD"),
        ("no repository", "rm -rf .git"),
        ("a repository elsewhere", "mv .git ../moved; echo \"gitdir: $PWD/../moved\" > .git"),
        ("no branch", "git checkout -q --detach"),
        (
            "files that only their owner may not read",
            "chmod 000 new.txt; mkdir -p deep; echo x > deep/x; chmod 000 deep",
        ),
        ("settings that include a pipe", "mkfifo pipe; git config include.path ../pipe; true"),
        ("references behind a pipe", "mkfifo .git/packed-refs"),
        ("a name behind a pipe", "mkfifo .git/MERGE_MSG .git/info/exclude || true"),
    ];
    for (name, form) in forms {
        let case = Case::new("");
        case.agent(&format!("echo work > new.txt; echo more >> README.md; {form}"));
        let found = case.all();
        let changed = case.changed(&found.head);
        assert_eq!(changed.get("new.txt").map(String::as_str), Some("work\n"), "{name}: {found:?}");
        assert_eq!(changed.get("README.md").map(String::as_str), Some("hello\nmore\n"), "{name}: {found:?}");
        assert!(found.refused.is_empty(), "{name}: {found:?}");
        let _ = Command::new("chmod").args(["-R", "u+rwX"]).arg(&case.clone).status();
    }
}

#[test]
fn a_change_of_the_same_size_in_the_second_of_the_checkout_is_taken() {
    use std::os::unix::fs::MetadataExt;
    let second = |path: &Path| std::fs::metadata(path).unwrap().ctime();
    // Behind git's back, after git looked at it, and after it was committed.
    let forms = [
        "echo HELLO > README.md",
        "git status -s; git update-index --refresh; echo HELLO > README.md",
        "echo hullo > README.md; git commit -qam first; echo HELLO > README.md",
        "git update-index --split-index; echo HELLO > README.md",
        "echo '*.x text' > .gitattributes; echo HELLO > README.md",
    ];
    for form in forms {
        let case = loop {
            let case = Case::new("");
            case.agent(form);
            // The machine may be so slow that a second goes by in between.
            if second(&case.clone.join("README.md")) == second(&case.clone.join(".git/index")) {
                break case;
            }
        };
        // What is copied later has a later time.
        let at = second(&case.clone.join("README.md")).unsigned_abs();
        while std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() <= at {
            std::thread::yield_now();
        }
        let changed = case.changed(&case.all().head);
        assert_eq!(changed.get("README.md").map(String::as_str), Some("HELLO\n"), "{form}");
    }
}

#[test]
fn a_history_that_goes_on_is_kept_and_the_rest_put_on_top() {
    let case = Case::new("");
    assert_eq!(case.all().head, case.start, "nothing was done");
    case.agent("echo 1 > one; git add one; git commit -qm one; git checkout -q -b elsewhere; echo 2 > two; git add two; git commit -qm two");
    let head = head(&case.clone);
    assert_eq!(case.all().head, head);
    case.agent("echo 3 > three; echo ignored > .git/info/exclude; echo x > ignored; echo staged > forced.log; echo '*.log' > .gitignore; git add -f forced.log");
    let found = case.all();
    assert_eq!(case.parents(&found.head), [head.to_string()]);
    assert_eq!(
        case.changed(&found.head),
        texts(&[
            (".gitignore", "*.log\n"),
            ("forced.log", "staged\n"),
            ("one", "1\n"),
            ("three", "3\n"),
            ("two", "2\n")
        ])
    );
    assert_eq!(
        case.world.in_forge(&["log", "-1", "--format=%B%an", found.head.as_str()]),
        "what was left\n\nRefs: ET-001\nRobot"
    );
}

#[test]
fn a_rewritten_history_counts_as_what_it_holds() {
    let forms = [
        ("amended", "git add -A; git commit -q --amend -m mine", true),
        ("reset and committed", "git reset -q --soft HEAD~1; git add -A; git commit -qm mine", true),
        ("reset and left", "git reset -q HEAD~1", true),
        ("an orphan", "git checkout -q --orphan fresh; git add -A; git commit -qm mine", true),
        ("a repository made anew", "rm -rf .git; git init -q; git add -A; git commit -qm mine", true),
        ("cut off", "git add -A; git commit -qm mine; git rev-parse HEAD > .git/shallow", false),
        ("grafted", "git add -A; git commit -qm mine; git rev-parse HEAD > .git/info/grafts", false),
        ("replaced", "git add -A; git commit -qm mine; git replace --graft HEAD", false),
    ];
    for (name, form, told) in forms {
        let case = Case::new("");
        case.agent(&format!("echo work > new.txt; {form}"));
        let found = case.all();
        assert_eq!(case.changed(&found.head), texts(&[("new.txt", "work\n")]), "{name}: {found:?}");
        assert_eq!(case.parents(&found.head), [case.start.to_string()], "{name}");
        assert_eq!(found.told.iter().any(|line| line.contains("history")), told, "{name}: {found:?}");
    }
    // Without work it is no delivery.
    let case = Case::new("");
    case.agent("git commit -q --amend -m reworded");
    assert_eq!(case.all().head, case.start);
}

#[test]
fn what_was_taken_over_from_main_is_not_the_attempts() {
    for (name, mend) in [
        ("merged", "git merge -q --no-edit orch-base"),
        ("rebased", "git rebase -q orch-base"),
        ("merged, and something strays", "git merge -q --no-edit orch-base; echo x > strayed"),
        ("rebased, and left uncommitted", "git rebase -q orch-base; echo b >> work"),
    ] {
        let world = World::new();
        let first = world.attempt("ET-001", &[("work", "a\n")]);
        put(&world.source, "theirs", "by hand\n");
        commit(&world.source, "by hand");
        world.forge.sync_base().unwrap();
        let main = world.main();
        let clone = world.place("second");
        world
            .forge
            .clone_attempt(CloneRequest {
                task: &task("ET-001"),
                attempt: 2,
                commit: &first,
                base: Some(&main),
                branch: &branch("feature/ET-001-x"),
                folder: &clone,
                identity: &robot(),
            })
            .unwrap();
        let case = Case { world, start: first, clone };
        case.agent(mend);
        checked(case.world.pack(&case.clone, &case.start));
        // Whoever may write but its own takes over what is main's all the same.
        let owns = |path: &str, _: bool| path == "work";
        let found = case.world.take(&case.clone, &task("ET-001"), 2, &case.start, &owns).unwrap();
        let patch = case.world.in_forge(&["diff", "--name-only", &format!("{main}...{}", found.head)]);
        assert_eq!(patch, "work", "{name}: {found:?}");
        assert_eq!(case.changed(&found.head).get("theirs").map(String::as_str), Some("by hand\n"), "{name}");
        assert_eq!(found.strayed, if name.contains("strays") { vec!["strayed"] } else { vec![] }, "{name}");
    }
}

#[test]
fn what_is_not_the_roles_own_is_left_out_by_name() {
    let owns = |path: &str, _: bool| path.starts_with("docs/work-items/ET-001/");
    let paper = "mkdir -p docs/work-items/ET-001; echo ok > docs/work-items/ET-001/12.md";
    let forms: [(&str, &str, &[&str]); 7] = [
        ("nothing else", "true", &[]),
        (
            "files of a tool",
            "mkdir -p __pycache__ .tool; echo x > __pycache__/a.pyc; echo '{}' > .tool/x.json",
            &[".tool/x.json", "__pycache__/a.pyc"],
        ),
        ("committed", "echo x > a.pyc; git add -A; git commit -qm all", &["a.pyc"]),
        ("changed and removed", "echo x >> README.md; rm src/lib.txt", &["README.md", "src/lib.txt"]),
        (
            "another's papers",
            "mkdir docs/work-items/ET-0010; echo x > docs/work-items/ET-0010/12.md",
            &["docs/work-items/ET-0010/12.md"],
        ),
        ("a link in place of a folder", "rm -r src; ln -s docs src", &["src", "src/lib.txt"]),
        (
            "names with everything in them",
            "echo x > \"$(printf 'a\\n\"b\\\\ ü\\001')\"",
            &["\"a\\n\\\"b\\\\ ü\\u{1}\""],
        ),
    ];
    for (name, form, strayed) in forms {
        let case = Case::new("");
        case.agent(&format!("{paper}; {form}"));
        let found = case.delivered(&owns);
        assert_eq!(case.changed(&found.head), texts(&[("docs/work-items/ET-001/12.md", "ok\n")]), "{name}");
        assert_eq!(found.strayed, *strayed, "{name}");
        assert!(found.refused.is_empty(), "{name}: {found:?}");
    }
    // With odd names among what is kept, too.
    let case = Case::new("");
    case.agent("echo x > \"$(printf 'q\\n\"b\\\\ ü\\001')\"; echo y > left.pyc");
    let found = case.delivered(&|path, _| path != "left.pyc");
    assert_eq!(
        case.world
            .in_forge(&["ls-tree", "-z", "--name-only", found.head.as_str()])
            .split('\0')
            .filter(|n| n.starts_with('q'))
            .collect::<Vec<_>>(),
        ["q\n\"b\\ ü\u{1}"]
    );
}

#[test]
fn papers_come_home_though_git_ignores_them() {
    for ignore in ["docs/", "*", "*.md", "/docs/work-items/**"] {
        let case = Case::new(&format!("echo '{ignore}' > .gitignore; git add -f .gitignore"));
        case.agent("mkdir -p docs/work-items/ET-001/06-adr; echo a > docs/work-items/ET-001/01.md; echo b > docs/work-items/ET-001/06-adr/x.md");
        let changed = case.changed(&case.all().head);
        assert_eq!(changed.len(), 2, "{ignore}: {changed:?}");
    }
}

#[test]
fn what_git_has_in_the_middle_is_never_committed() {
    let two = "b=$(git symbolic-ref --short HEAD); git checkout -q -b x; echo one > README.md; git commit -qam one; \
               git checkout -q $b; echo two > README.md; git commit -qam two;";
    let forms = [
        ("a merge", "git merge -q x || true", "merge", "two\n"),
        ("a merge, marked as resolved", "git merge -q x || true; git add README.md", "merge", "two\n"),
        (
            "a merge without conflict",
            "git reset -q --hard HEAD~1; echo z > z; git add z; git commit -qm z; git merge -q --no-commit x",
            "merge",
            "hello\n",
        ),
        ("a pick", "git cherry-pick x >/dev/null 2>&1 || true", "cherry-pick", "two\n"),
        (
            "a revert",
            "echo three > README.md; git commit -qam three; git revert --no-edit HEAD~1 >/dev/null 2>&1 || true",
            "revert",
            "three\n",
        ),
        ("a rebase", "git rebase -q x >/dev/null 2>&1 || true", "rebase", "two\n"),
        ("a rebase of patches", "git rebase -q --apply x >/dev/null 2>&1 || true", "rebase", "two\n"),
        ("a bisection", "git bisect start -q HEAD HEAD~1 >/dev/null 2>&1; git checkout -q HEAD~1", "bisect", "two\n"),
        (
            "a stash that conflicts",
            "echo mine > README.md; git stash -q; echo other > README.md; git commit -qam other; git stash pop -q >/dev/null 2>&1 || true",
            "conflicts in README.md",
            "other\n",
        ),
    ];
    for (name, form, word, text) in forms {
        let case = Case::new("");
        case.agent(&format!("{two} {form}"));
        let found = case.all();
        let readme = case.world.in_forge(&["show", &format!("{}:README.md", found.head)]);
        assert_eq!(format!("{readme}\n"), text, "{name}: {found:?}");
        assert!(found.refused.iter().any(|line| line.contains(word)), "{name}: {found:?}");
    }
}

#[test]
fn a_repository_inside_comes_as_its_files() {
    let forms = [
        ("committed in itself", "git init -q app; cd app; echo code > main.py; git add .; git commit -qm x"),
        ("without a commit", "git init -q app; echo code > app/main.py"),
        ("empty but for its repository", "git init -q sub; mkdir app; echo code > app/main.py"),
        (
            "committed as a pointer",
            "git init -q app; cd app; echo code > main.py; git add .; git commit -qm x; cd ..; git add app 2>/dev/null; git commit -qm app",
        ),
        ("cloned", "git clone -q . app 2>/dev/null; rm -rf app/* ; echo code > app/main.py"),
        (
            "inside one another",
            "git init -q app; git init -q app/lib; echo code > app/main.py; echo l > app/lib/l; cd app/lib; git add .; git commit -qm l; cd ..; git add . 2>/dev/null; git commit -qm x",
        ),
        ("a work tree of its own", "git worktree add -q app; rm -rf app/[A-Za-z]*; echo code > app/main.py"),
        ("with a name of blanks", "git init -q 'a pp'; echo x > 'a pp/x'; mkdir app; echo code > app/main.py"),
    ];
    for (name, form) in forms {
        let case = Case::new("");
        case.agent(&format!("echo work > new.txt; {form}"));
        let found = case.all();
        let changed = case.changed(&found.head);
        assert_eq!(changed.get("app/main.py").map(String::as_str), Some("code\n"), "{name}: {found:?} {changed:?}");
        assert_eq!(changed.get("new.txt").map(String::as_str), Some("work\n"), "{name}");
        assert!(!case.world.in_forge(&["ls-tree", "-r", found.head.as_str()]).contains("160000"), "{name}");
    }
}

#[test]
fn what_nobody_touched_is_not_delivered() {
    let crlf = "printf 'one\\r\\ntwo\\r\\n' > b.txt; git -c core.autocrlf=false add b.txt; git commit -qm crlf;";
    let forms = [
        ("line ends", format!("{crlf} echo '*.txt text' > .gitattributes"), "touch b.txt"),
        ("line ends, written again", format!("{crlf} echo '*.txt text' > .gitattributes"), "cp b.txt c; cat c > b.txt; rm c"),
        ("line ends of the machine", format!("{crlf} echo '* text=auto eol=lf' > .gitattributes"), "touch b.txt"),
        ("mixed line ends", "printf 'one\\r\\ntwo\\n' > b.txt; git -c core.autocrlf=false add b.txt; git commit -qm m; echo '*.txt text eol=crlf' > .gitattributes".to_owned(), "touch b.txt"),
        ("a filter that is not here", "echo 'secret' > b.txt; echo '*.txt filter=crypt' > .gitattributes".to_owned(), "touch b.txt"),
        ("names of revisions", "echo '$Id: 1234 $' > b.txt; git add b.txt; git commit -qm i; echo '*.txt ident' > .gitattributes".to_owned(), "touch b.txt"),
        ("committed by sweeping", format!("{crlf} echo '*.txt text' > .gitattributes"), "touch b.txt; echo work > new.md; git add -A; git commit -qm all"),
    ];
    for (name, set_up, touch) in forms {
        let case = Case::new(&set_up);
        case.agent(&format!("echo work > new.md; {touch}"));
        let found = case.all();
        assert_eq!(case.changed(&found.head), texts(&[("new.md", "work\n")]), "{name}: {found:?}");
        assert!(found.refused.is_empty() && found.strayed.is_empty(), "{name}: {found:?}");
    }
    // Whoever changes it delivers it, and whoever changes how git stores it does, too.
    let case = Case::new(&format!("{crlf} echo '*.txt text' > .gitattributes"));
    case.agent("printf 'three\\r\\n' >> b.txt");
    assert!(case.changed(&case.all().head).contains_key("b.txt"));
    let case = Case::new(crlf);
    case.agent("echo '*.txt text' > .gitattributes; touch b.txt; git add --renormalize .");
    assert_eq!(case.changed(&case.all().head).len(), 2);
}

#[test]
fn what_the_set_up_left_is_not_the_agents() {
    let set_up = "echo v2 >> lock.txt; mkdir -p node; echo x > node/x; rm src/lib.txt; echo crlf >> README.md";
    let forms: [(&str, &str, &[&str]); 4] = [
        ("untouched", "echo work > new.md", &["new.md"]),
        ("committed by sweeping", "echo work > new.md; git add -A; git commit -qm all", &["new.md"]),
        ("gone on with", "echo work > new.md; echo v3 >> lock.txt", &["lock.txt", "new.md"]),
        ("taken back", "echo work > new.md; git checkout -q -- README.md; rm -r node", &["new.md"]),
    ];
    for (name, form, changed) in forms {
        let case = Case::new("echo v1 > lock.txt");
        case.agent(set_up);
        let request = ParcelRequest {
            parcel: &case.world.parcel(&case.clone),
            start: &case.start,
            base: None,
            documents: &path("docs/work-items/ET-001"),
            branch: &branch("feature/ET-001-x"),
            overlaid: false,
        };
        let words = case.world.forge.snapshot_command(request);
        checked(plain(&case.clone).arg("version").output().unwrap());
        let noted = Command::new(&words[0]).args(&words[1..]).current_dir(&case.clone).output().unwrap();
        assert!(checked(noted).is_empty());
        case.agent(form);
        let found = case.all();
        assert_eq!(case.changed(&found.head).into_keys().collect::<Vec<_>>(), changed, "{name}: {found:?}");
    }
}

#[test]
fn work_that_lies_elsewhere_is_named() {
    let forms = [
        ("a stash", "echo w >> README.md; git stash -q", "refs/stash"),
        (
            "another branch",
            "git checkout -q -b mine; echo w >> README.md; git commit -qam w; git checkout -q -",
            "refs/heads/mine",
        ),
        (
            "a tag",
            "git checkout -q --detach; echo w >> README.md; git commit -qam w; git tag keep; git checkout -q -",
            "refs/tags/keep",
        ),
        (
            "packed",
            "git checkout -q -b mine; echo w >> README.md; git commit -qam w; git checkout -q -; git pack-refs --all",
            "refs/heads/mine",
        ),
    ];
    for (name, form, word) in forms {
        let case = Case::new("");
        case.agent(form);
        let found = case.all();
        assert_eq!(found.head, case.start, "{name}");
        assert!(found.told.iter().any(|line| line.contains(word)), "{name}: {found:?}");
    }
    for mark in ["--skip-worktree", "--assume-unchanged"] {
        let case = Case::new("");
        case.agent(&format!("git update-index {mark} README.md src/lib.txt; echo w >> README.md; rm src/lib.txt"));
        let found = case.all();
        assert_eq!(case.changed(&found.head), texts(&[("README.md", "hello\nw\n"), ("src/lib.txt", "-")]), "{mark}");
        assert!(found.told.iter().any(|line| line.contains("README.md was hidden")), "{mark}: {found:?}");
    }
    // Files that were never checked out are not removed.
    let case = Case::new("");
    case.agent("git sparse-checkout set --no-cone /README.md >/dev/null; test ! -e src; echo w >> README.md");
    assert_eq!(case.changed(&case.all().head), texts(&[("README.md", "hello\nw\n")]));
}

#[test]
fn a_step_of_ours_that_failed_is_ours_and_can_be_done_again() {
    let case = Case::new("");
    case.agent("echo work > new.txt");
    let (parcel, owns) = (case.world.parcel(&case.clone), |_: &str, _: bool| true);
    let take = || case.world.take(&case.clone, &task("ET-001"), 1, &case.start, &owns);
    let unpacked = |found: Result<Delivered>| match found {
        Err(error @ Error::Unpacked { .. }) => assert!(error.is_retryable()),
        other => panic!("{other:?}"),
    };
    unpacked(take());
    // The forge cannot be read, the parcel cannot be written: both are said.
    let objects = case.world.forge.path().join("objects");
    let away = case.world.place("away");
    std::fs::rename(&objects, &away).unwrap();
    assert!(!case.world.pack(&case.clone, &case.start).status.success());
    std::fs::rename(&away, &objects).unwrap();
    unpacked(take());
    // Killed in the middle.
    let facts = parcel.with_extension("parcel.facts");
    std::fs::write(&facts, "orch-parcel 1\0head\0").unwrap();
    unpacked(take());
    checked(case.world.pack(&case.clone, &case.start));
    assert_eq!(case.changed(&take().unwrap().head), texts(&[("new.txt", "work\n")]));
}
