//! Clones whose agent tries to get code run, or the collector stuck, outside its sandbox.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use orch_git::*;

use crate::fixture::*;

/// A clone with one commit and a program that leaves a mark when anything runs it.
struct Trap {
    world: World,
    start: CommitId,
    clone: PathBuf,
    mark: PathBuf,
    evil: PathBuf,
}

impl Trap {
    fn new() -> Self {
        let world = World::new();
        let start = world.main();
        let clone = world.clone_at("ET-001", &start);
        put(&clone, "x", "x");
        commit(&clone, "work");
        let (mark, evil) = (world.root.path().join("mark"), clone.join("evil"));
        // Marks, and then behaves: a program that fails might hide behind the failure.
        program(
            &evil,
            &format!(
                "#!/bin/sh\necho \"$0 $*\" >>'{}'\ncase \"$*\" in *pack-objects*) exec \"$@\";; esac\n",
                mark.display()
            ),
        );
        Self { world, start, clone, mark, evil }
    }

    fn set(&self, key: &str, value: &str) {
        run(&self.clone, ["config", "--add", key, value]);
    }

    /// Makes the clone say that a remote, which is the trap, has the objects it lacks; and lack one.
    fn break_promise(&self, url: &str) -> String {
        // How the `ext` transport writes a blank.
        let evil = self.evil.display().to_string().replace(' ', "% ");
        self.set("extensions.partialClone", "o");
        self.set("remote.o.promisor", "true");
        self.set("remote.o.url", &url.replace("{}", &evil));
        self.set("remote.o.uploadpack", &format!("'{}'", self.evil.display()));
        self.set("protocol.allow", "always");
        self.set("protocol.ext.allow", "always");
        run(&self.clone, ["config", "--replace-all", "core.repositoryFormatVersion", "1"]);
        let blob = run(&self.clone, ["rev-parse", "HEAD:x"]);
        fs::remove_file(self.clone.join(".git/objects").join(&blob[..2]).join(&blob[2..])).unwrap();
        blob
    }

    fn collect(&self) -> Result<CommitId> {
        self.world.collect(&self.clone, &task("ET-001"), 1, &self.start)
    }

    fn assert_unharmed(&self, attack: &str) {
        let ran = fs::read_to_string(&self.mark).unwrap_or_default();
        assert!(ran.is_empty(), "{attack} ran code: {ran}");
    }
}

/// Settings that name a program git may run.
const PROGRAMS: &[&str] = &[
    "core.fsmonitor",
    "core.sshCommand",
    "core.gitProxy",
    "core.editor",
    "core.pager",
    "core.askPass",
    "core.alternateRefsCommand",
    "uploadpack.packObjectsHook",
    "pager.upload-pack",
    "pager.fetch",
    "alias.upload-pack",
    "credential.helper",
    "gpg.program",
    "diff.external",
    "filter.x.clean",
    "filter.x.smudge",
    "filter.x.process",
    "merge.x.driver",
    "receive.procReceiveRefs",
    "trace2.eventTarget",
    "sequence.editor",
];

#[test]
fn no_setting_of_a_clone_gets_code_run() {
    for form in ["{}", "!{}", "{} pack-objects"] {
        let trap = Trap::new();
        let evil = form.replace("{}", &format!("'{}'", trap.evil.display()));
        for key in PROGRAMS {
            trap.set(key, &evil);
        }
        put(&trap.clone, ".gitattributes", "* diff=x merge=x\nfiltered filter=x\n");
        put(&trap.clone, "filtered", "x\n");
        // Through an include and through worktree settings as well.
        let all: String = fs::read_to_string(trap.clone.join(".git/config")).unwrap();
        put(&trap.clone, ".git/other", &all);
        trap.set("include.path", "other");
        trap.set("extensions.worktreeConfig", "true");
        put(&trap.clone, ".git/config.worktree", &all);
        for hook in [
            "post-checkout",
            "pre-receive",
            "update",
            "reference-transaction",
            "post-update",
            "pre-auto-gc",
            "pre-push",
        ] {
            program(&trap.clone.join(".git/hooks").join(hook), &fs::read_to_string(&trap.evil).unwrap());
        }
        run(
            &trap.clone,
            ["config", "--replace-all", "core.hooksPath", trap.clone.join(".git/hooks").to_str().unwrap()],
        );
        checked(trap.world.pack(&trap.clone, &trap.start));
        let found = trap.world.take(&trap.clone, &task("ET-001"), 1, &trap.start, &|_, _| true).unwrap();
        let head = found.head;
        assert!(found.refused[0].starts_with("filtered "), "{:?}", found.refused);
        assert!(
            trap.world
                .forge
                .evidence(EvidenceRequest {
                    start: &trap.start,
                    main: &trap.start,
                    head: &head,
                    documents: &path("docs"),
                    limits: DocumentLimits::default(),
                    is_test: |_| true,
                })
                .is_ok()
        );
        let candidate = trap.world.candidate(&trap.start, &head);
        trap.world.forge.land(&trap.start, &candidate.commit).unwrap();
        trap.world.forge.checkout_clean(&head, &trap.world.place("check")).unwrap();
        trap.assert_unharmed(form);
    }
}

#[test]
fn the_traps_would_spring_for_an_unguarded_git() {
    let trap = Trap::new();
    trap.set("core.fsmonitor", &format!("'{}'", trap.evil.display()));
    let _ = plain(&trap.clone).args(["status"]).output().unwrap();
    assert!(trap.mark.exists(), "fsmonitor");
    for url in PROMISED {
        let trap = Trap::new();
        let blob = trap.break_promise(url);
        let _ = plain(&trap.clone).args(["cat-file", "-p", &blob]).output().unwrap();
        assert!(trap.mark.exists(), "{url}");
    }
}

const PROMISED: &[&str] = &["ext::{} x", "file:///nowhere"];

/// A promised object that is missing makes the other side of a fetch fetch by itself, with programs that the
/// clone's settings name.
#[test]
fn a_missing_promised_object_fetches_nothing() {
    for url in PROMISED {
        let trap = Trap::new();
        trap.break_promise(url);
        // What lies there comes home all the same.
        let head = trap.collect().unwrap();
        assert_eq!(trap.world.in_forge(&["show", &format!("{head}:x")]), "x", "{url}");
        trap.assert_unharmed(url);
    }
}

#[test]
fn a_clone_of_another_owner_is_collected() {
    use std::os::unix::fs::MetadataExt;
    let trap = Trap::new();
    let owned = Command::new("chown").args(["-R", "65534:65534"]).arg(&trap.clone).output();
    let owner = fs::metadata(trap.clone.join(".git")).unwrap().uid();
    if !owned.is_ok_and(|output| output.status.success()) || owner != 65534 {
        return not_run_here("a_clone_of_another_owner_is_collected", "files cannot be given away here");
    }
    trap.collect().unwrap();
}

#[test]
fn another_repository_in_the_clones_place_means_nothing() {
    let trap = Trap::new();
    let dot_git = trap.clone.join(".git");
    let elsewhere = trap.world.place("elsewhere");
    user_repository(&elsewhere);
    let away = trap.world.place("away");
    fs::rename(&dot_git, &away).unwrap();
    let attacks: [(&str, &dyn Fn()); 4] = [
        ("missing", &|| {}),
        ("a file that names another", &|| put(&trap.clone, ".git", format!("gitdir: {}/.git\n", elsewhere.display()))),
        ("a link", &|| std::os::unix::fs::symlink(elsewhere.join(".git"), &dot_git).unwrap()),
        ("a FIFO", &|| {
            checked(Command::new("mkfifo").arg(&dot_git).output().unwrap());
        }),
    ];
    for (name, attack) in attacks {
        attack();
        let head = trap.collect().unwrap();
        let changed = trap.world.in_forge(&["diff", "--name-only", trap.start.as_str(), head.as_str()]);
        assert_eq!(changed, "evil\nx", "{name}: the files, and no more");
        let _ = fs::remove_file(&dot_git);
    }
    fs::rename(&away, &dot_git).unwrap();
    trap.collect().unwrap();
}

#[test]
fn a_broken_clone_is_an_answer_and_not_a_hang() {
    type Damage<'a> = (&'a str, &'a dyn Fn(&Path));
    let damage: [Damage<'_>; 6] = [
        ("no commit", &|clone| put(clone, ".git/HEAD", "ref: refs/heads/nothing\n")),
        ("nonsense in HEAD", &|clone| put(clone, ".git/HEAD", "nonsense\n")),
        ("HEAD is a FIFO", &|clone| {
            fs::remove_file(clone.join(".git/HEAD")).unwrap();
            checked(Command::new("mkfifo").arg(clone.join(".git/HEAD")).output().unwrap());
        }),
        ("settings cannot be read", &|clone| put(clone, ".git/config", "[core\n")),
        ("HEAD names a missing commit", &|clone| put(clone, ".git/HEAD", format!("{}\n", "a".repeat(40)))),
        ("history is cut off", &|clone| {
            let head = run(clone, ["rev-parse", "HEAD"]);
            put(clone, ".git/shallow", format!("{head}\n"));
        }),
    ];
    for (name, damage) in damage {
        let trap = Trap::new();
        damage(&trap.clone);
        let head = trap.collect().unwrap();
        let changed = trap.world.in_forge(&["diff", "--name-only", trap.start.as_str(), head.as_str()]);
        assert_eq!(changed, "evil\nx", "{name}");
        run(trap.world.forge.path(), ["fsck", "--full"]);
    }
}

/// What the clone's repository is made of where the collector would look.
#[test]
fn pipes_and_links_in_the_repository_hold_nobody() {
    let forms = [
        "mkfifo .git/packed-refs",
        "mkfifo .git/objects/info/packs .git/refs/heads/pipe",
        "rm -f .git/objects/info/alternates; mkfifo .git/objects/info/alternates",
        "ln -s /etc/passwd .git/packed-refs; ln -s /etc/passwd .git/shallow",
        "mv .git/objects ../objects; ln -s ../../objects .git/objects; mv ../objects ../o",
        "mkfifo .git/pipe; git config include.path pipe",
        "rm .git/index; mkfifo .git/index",
    ];
    for form in forms {
        let trap = Trap::new();
        checked(Command::new("sh").args(["-c", form]).current_dir(&trap.clone).output().unwrap());
        let head = trap.collect().unwrap();
        let changed = trap.world.in_forge(&["diff", "--name-only", trap.start.as_str(), head.as_str()]);
        assert_eq!(changed, "evil\nx", "{form}");
        trap.assert_unharmed(form);
    }
}

/// What another repository has is not the run's to bring home, even where the run itself could read it.
#[test]
fn borrowed_objects_do_not_come_home_of_themselves() {
    let trap = Trap::new();
    let other = trap.world.place("other");
    user_repository(&other);
    put(&other, "s/secret", "canary\n");
    let secret = commit(&other, "secret");
    let tree = run(&other, ["rev-parse", &format!("{secret}:s")]);
    let alternates = trap.clone.join(".git/objects/info/alternates");
    let ours = fs::read_to_string(&alternates).unwrap();
    fs::write(alternates, format!("{ours}{}/.git/objects\n", other.display())).unwrap();
    let script = format!(
        "t=$( (git ls-tree HEAD; printf '040000 tree {tree}\\tleak\\n') | git mktree --missing); \
         c=$(git commit-tree $t -p {} -m x); git update-ref HEAD $c",
        trap.start
    );
    let mut shell = plain(&trap.clone);
    drop(shell.arg("version").output().unwrap());
    let output = Command::new("sh").args(["-c", &script]).current_dir(&trap.clone).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    checked(trap.world.pack(&trap.clone, &trap.start));
    let found = trap.world.take(&trap.clone, &task("ET-001"), 1, &trap.start, &|_, _| true).unwrap();
    let grep = plain(trap.world.forge.path()).args(["grep", "canary", found.head.as_str()]).output().unwrap();
    assert!(grep.stdout.is_empty(), "{found:?}");
    assert!(!plain(trap.world.forge.path()).args(["cat-file", "-e", &tree]).output().unwrap().status.success());
}

#[test]
fn malformed_objects_do_not_enter_the_forge() {
    let trap = Trap::new();
    // A tree with an entry named `.git`, which a checkout elsewhere would write.
    let blob = run(&trap.clone, ["rev-parse", "HEAD:x"]);
    let raw: Vec<u8> = blob
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    let mut tree = b"100644 .git\0".to_vec();
    tree.extend(raw);
    put(trap.world.root.path(), "tree", &tree);
    let tree = checked(
        plain(&trap.clone)
            .args(["hash-object", "-t", "tree", "-w", "--literally"])
            .arg(trap.world.place("tree"))
            .output()
            .unwrap(),
    );
    let bad = run(&trap.clone, ["commit-tree", &tree, "-p", "HEAD", "-m", "bad"]);
    run(&trap.clone, ["update-ref", "HEAD", &bad]);
    checked(trap.world.pack(&trap.clone, &trap.start));
    let found = trap.world.take(&trap.clone, &task("ET-001"), 1, &trap.start, &|_, _| true).unwrap();
    assert_eq!((&found.head, found.refused.len()), (&trap.start, 1), "{found:?}");
    assert!(!plain(trap.world.forge.path()).args(["cat-file", "-e", &bad]).output().unwrap().status.success());
}

#[test]
fn replaced_objects_change_no_answer() {
    let world = World::new();
    let head = world.attempt("ET-001", &[("README.md", "honest\n")]);
    let (start, other) = (world.main(), world.attempt("ET-002", &[("README.md", "other\n")]));
    let before = world.evidence(&start, &start, &head);
    world.in_forge(&["replace", head.as_str(), other.as_str()]);
    assert_eq!(world.evidence(&start, &start, &head), before);
}
