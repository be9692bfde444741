//! A parcel that is not whole, or that a git made which did not do its work: the machine may have packed it so. Only after
//! it was packed again and again it is the work's.

use std::fmt::Display;
use std::fs;
use std::process::{Command, Output};

use orch_git::*;

use crate::delivery::Case;
use crate::fixture::*;

#[test]
fn a_parcel_that_is_not_whole_is_packed_again_before_anybody_is_blamed() {
    let case = Case::new("");
    case.agent("echo work > new.txt");
    let (parcel, owns) = (case.world.parcel(&case.clone), |_: &str, _: bool| true);
    let pack = parcel.with_extension("parcel.pack");
    let whole = || {
        checked(case.world.pack(&case.clone, &case.start));
        std::fs::read(&pack).unwrap()
    };
    let take = |again| case.world.take_packed(&case.clone, (&task("ET-001"), 1), &case.start, &owns, again);
    type Spoil = fn(Vec<u8>) -> Vec<u8>;
    let forms: [(&str, Spoil); 4] = [
        ("words before it", |pack| [b"warning: the moon is full\n".to_vec(), pack].concat()),
        ("cut off", |pack| pack[..pack.len() / 2].to_vec()),
        ("a byte differs", |mut pack| {
            let at = pack.len() / 2;
            pack[at] ^= 0xff;
            pack
        }),
        ("something else", |_| b"Segmentation fault\n".to_vec()),
    ];
    for (name, spoil) in forms {
        let good = whole();
        std::fs::write(&pack, spoil(good)).unwrap();
        let taken = take(false);
        assert!(matches!(&taken, Err(Error::Unpacked { .. })), "{name}: {taken:?}");
        let settled = take(true).unwrap();
        assert!(settled.refused.len() == 1 && settled.head == case.start, "{name}: {settled:?}");
        whole();
        let taken = take(false).unwrap();
        let found = case.world.forge.read_file(&taken.head, &path("new.txt"), 99).unwrap();
        assert!(matches!(found, FileAt::File { .. }), "{name}: {found:?}");
    }
}

/// A git that says that it did its work, and did not; `$REAL` is the real one, `$O` a folder of the test's.
const LIES: &[(&str, &str)] = &[
    ("does nothing", "exit 0"),
    ("reads all and does nothing", "cat > /dev/null; exit 0"),
    ("says something else", "echo 'warning: the moon is full'; exit 0"),
    ("answers half", "\"$REAL\" \"$@\" > $O/out.$$; head -c $(($(wc -c < $O/out.$$) / 2)) $O/out.$$; exit 0"),
    ("answers nothing", "\"$REAL\" \"$@\" > /dev/null; exit 0"),
    ("works on an old index", "cp $O/index $O/index.$$; GIT_INDEX_FILE=$O/index.$$ exec \"$REAL\" \"$@\""),
    ("works on another folder", "mkdir -p $O/none; GIT_WORK_TREE=$O/none exec \"$REAL\" \"$@\""),
    ("fails", "exit 128"),
    ("fails when it is done", "\"$REAL\" \"$@\"; exit 1"),
    ("is killed", "kill -9 $$"),
];

/// A case whose runs meet a git that lies once.
struct Liar {
    case: Case,
    shim: tempfile::TempDir,
}

impl Liar {
    fn new(set_up: &str) -> Self {
        let (case, shim) = (Case::new(set_up), tempfile::tempdir().unwrap());
        let (real, folder) = (git().program().display().to_string(), shim.path().display().to_string());
        // Each call writes its process down, so that they count, whoever calls at the same time.
        program(
            &shim.path().join("git"),
            &format!(
                "#!/bin/sh\nREAL='{real}' O='{folder}' n=0\necho $$ >> $O/calls\n\
                 while read -r at; do n=$((n+1)); [ $at != $$ ] || break; done < $O/calls\nread -r nth < $O/nth\ncase \" $* \" in *\" $nth \"*) n=$nth ;; esac\n\
                 if [ $n = $nth ]; then . $O/lie; fi\nexec \"$REAL\" \"$@\"\n"
            ),
        );
        fs::copy(case.clone.join(".git/index"), shim.path().join("index")).unwrap();
        Self { case, shim }
    }

    /// Runs a command of a run; the `nth` git lies, or every git with this word. Gives how many there were.
    fn run(&self, words: &[String], lie: &str, nth: impl Display) -> (Output, usize) {
        let calls = self.shim.path().join("calls");
        let _gone = fs::remove_file(&calls);
        fs::write(self.shim.path().join("nth"), format!("{nth}\n")).unwrap();
        fs::write(self.shim.path().join("lie"), lie).unwrap();
        let mut search = self.shim.path().as_os_str().to_os_string();
        search.push(":");
        search.push(search_path());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(&self.case.clone).env_clear().env("PATH", search);
        let output = command.output().unwrap();
        (output, fs::read_to_string(&calls).unwrap_or_default().lines().count())
    }

    fn words(&self, make: impl Fn(&Forge, ParcelRequest<'_>) -> Vec<String>) -> Vec<String> {
        let request = ParcelRequest {
            parcel: &self.case.world.parcel(&self.case.clone),
            start: &self.case.start,
            base: None,
            documents: &path("docs/work-items/ET-001"),
            branch: &branch("feature/ET-001-x"),
            overlaid: false,
        };
        make(&self.case.world.forge, request)
    }

    /// What comes home of the parcel, in the forge's words.
    fn comes(&self) -> Result<Delivered> {
        let owns = |_: &str, _: bool| true;
        self.case.world.take_packed(&self.case.clone, (&task("ET-001"), 1), &self.case.start, &owns, false)
    }

    /// Packs what lies there as it is packed anyhow, and looked at twice: the same comes home.
    fn comes_the_same(&self, name: &str, usual: bool) {
        let words = self.words(Forge::parcel_command);
        let facts = self.case.world.parcel(&self.case.clone).with_extension("parcel.facts");
        let agreed = || fs::read(&facts).unwrap().windows(8).any(|part| part == b"\0agreed\0");
        let mut twice = words.clone();
        // Without the tree of the start nothing is usual.
        if let Some(tree) = twice.last_mut() {
            tree.clear();
        }
        checked(self.run(&twice, "", 0).0);
        assert!(!agreed(), "{name}");
        let right = self.comes().unwrap();
        checked(self.run(&words, "", 0).0);
        assert_eq!(agreed(), usual, "{name}");
        assert_eq!(self.comes().unwrap(), right, "{name}");
        if usual {
            // One that does nothing, whatever it is asked, makes it unusual.
            checked(self.run(&words, "exit 0", "status").0);
            assert!(!agreed(), "{name}");
            assert_eq!(self.comes().unwrap(), right, "{name}");
        }
    }

    /// Every lie at every git of a packing, two at each in turn: what comes home is right, or the packing has failed
    /// as a step of ours, and is right when it is done again.
    fn tried(&self, name: &str) {
        let words = self.words(Forge::parcel_command);
        checked(self.run(&words, "", 0).0);
        let right = self.comes().unwrap();
        let mut turn = LIES.iter().cycle().skip(name.len() % LIES.len());
        'gits: for nth in 1.. {
            for (lie, script) in turn.by_ref().take(2) {
                let (packed, calls) = self.run(&words, script, nth);
                let met = calls >= nth;
                match self.comes() {
                    Ok(came) => assert_eq!(came, right, "{name}: a git that {lie}, number {nth}"),
                    Err(error) => {
                        assert!(matches!(error, Error::Unpacked { .. }), "{name}: {lie} at git {nth}: {error:?}");
                        assert!(met, "{name}: {lie} at git {nth}: {error:?} {packed:?}");
                        checked(self.run(&words, "", 0).0);
                        assert_eq!(self.comes().unwrap(), right, "{name}: again after a git that {lie}, number {nth}");
                    }
                }
                if !met {
                    break 'gits;
                }
            }
        }
    }
}

#[test]
fn no_single_git_of_a_packing_makes_a_fact() {
    let lies = Liar::new("");
    lies.case
        .agent("echo work > new.txt; git add new.txt; git commit -qm work; echo more >> README.md; rm src/lib.txt");
    lies.tried("a commit and the rest");
    let lies = Liar::new("echo '*.bin filter=lfs' > .gitattributes; echo x > a.bin");
    lies.case.agent(
        "git init -q app; echo code > app/main.py; git -C app add .; git -C app commit -qm x; git add app 2>/dev/null; \
         git update-index --skip-worktree README.md; echo w >> README.md; echo y > a.bin; \
         git checkout -q -b mine; git commit -q --allow-empty -m elsewhere; git checkout -q -",
    );
    lies.tried("all that can lie there");
    let lies = Liar::new("");
    lies.case.agent("echo one > one; git add one; git commit -qm one; git commit -q --amend -m other; git checkout -q -b x; echo c > README.md; git commit -qam c; git checkout -q -; echo d > README.md; git commit -qam d; git merge x >/dev/null || true");
    lies.tried("an unfinished merge");
}

#[test]
fn no_single_git_of_the_note_before_an_agent_makes_its_work() {
    let lies = Liar::new("echo v1 > lock.txt");
    lies.case.agent("echo v2 >> lock.txt; mkdir node; echo x > node/x");
    let (note, pack) = (lies.words(Forge::snapshot_command), lies.words(Forge::parcel_command));
    let work = || fs::write(lies.case.clone.join("new.md"), "work\n").unwrap();
    let mut turn = LIES.iter().cycle();
    for nth in 1..=7 {
        for (lie, script) in turn.by_ref().take(4) {
            let _gone = fs::remove_file(lies.case.clone.join("new.md"));
            checked(lies.run(&note, script, nth).0);
            work();
            checked(lies.run(&pack, "", 0).0);
            let changed = lies.case.changed(&lies.comes().unwrap().head);
            assert_eq!(changed.into_keys().collect::<Vec<_>>(), ["new.md"], "a git that {lie}, number {nth}");
        }
    }
}

#[test]
fn a_git_that_never_does_a_thing_and_says_it_did_is_not_believed() {
    let lies = Liar::new("echo '*.bin filter=lfs' > .gitattributes; echo x > a.bin");
    lies.case
        .agent("git update-index --skip-worktree README.md; echo w >> README.md; echo work > new.txt; echo y > a.bin");
    let words = lies.words(Forge::parcel_command);
    let commands =
        ["cat-file", "ls-files", "update-index", "add", "write-tree", "diff-index", "check-attr", "rev-parse"];
    for command in commands.into_iter().chain(["pack-objects"]) {
        for lie in ["exit 0", "cat > /dev/null", "echo 'warning: the moon is full'; exit 0"] {
            let (packed, _) = lies.run(&words, &format!("{lie}; exit 0"), command);
            assert!(!packed.status.success(), "{command}: {lie}: {packed:?}");
            let said = lies.comes().unwrap_err().to_string();
            assert!(said.contains("came to no end of its own"), "{command}: {lie}: {said}");
        }
    }
    checked(lies.run(&words, "", 0).0);
    assert!(lies.case.changed(&lies.comes().unwrap().head).contains_key("new.txt"));
}

/// Everything in a folder that a look could change. Whoever meets an object that it would write gives it a new time.
fn listed(folder: &std::path::Path) -> String {
    let listed = Command::new("find")
        .args([".", "-path", "./.git/objects/*", "-printf", "%p %s\\n", "-o", "-printf", "%p %y %m %s %T@ %l\\n"])
        .current_dir(folder)
        .output();
    let mut lines: Vec<String> = checked(listed.unwrap()).lines().map(str::to_owned).collect();
    lines.sort();
    lines.join("\n")
}

#[test]
fn who_looks_while_somebody_is_at_work_sees_what_comes_and_changes_nothing() {
    for (name, deed) in [
        ("a commit and the rest", "echo work > new.txt; git add new.txt; git commit -qm work; echo m >> README.md"),
        ("an amended commit", "echo a > a; git add a; git commit -qm a; git commit -q --amend -m b; rm src/lib.txt"),
        (
            "an unfinished merge",
            "git checkout -qb x; echo c > README.md; git commit -qam c; git checkout -q -; echo d > README.md; git commit -qam d; git merge x >/dev/null || true",
        ),
        (
            "settings that name programs",
            "git config core.fsmonitor 'touch traced'; git config core.hooksPath hooks; mkdir hooks; echo 'touch traced' > hooks/post-index-change; chmod +x hooks/*; echo w > w",
        ),
        ("objects borrowed elsewhere", "echo /nonexistent >> .git/objects/info/alternates; echo w > w"),
    ] {
        let case = Case::new("");
        case.agent(deed);
        let before = listed(&case.clone);
        let looked = look(&case);
        assert_eq!(listed(&case.clone), before, "{name}");
        assert_eq!(looked, case.all(), "{name}: the same comes home");
    }
}

#[test]
fn a_repository_inside_is_passed_over_by_who_looks() {
    let case = Case::new("");
    case.agent("for at in app 'a [b] *'; do git init -q \"$at\"; echo x > \"$at/main\"; git -C \"$at\" add .; git -C \"$at\" commit -qm x; done; echo w > w; mkdir shut; echo y > shut/y; chmod 500 shut");
    let before = listed(&case.clone);
    let looked = look(&case);
    assert_eq!(listed(&case.clone), before);
    assert_eq!(case.changed(&looked.head).into_keys().collect::<Vec<_>>(), ["shut/y", "w"]);
    let named = fs::read(case.world.place("looked/parcel.nested")).unwrap();
    let mut named: Vec<_> = named.split(|byte| *byte == 0).filter(|name| !name.is_empty()).collect();
    named.sort();
    assert_eq!(named, [&b"a [b] *"[..], b"app"]);
}

/// What comes of a look, in a forge of a moment.
fn look(case: &Case) -> Delivered {
    let folder = case.world.place("looked");
    fs::create_dir(&folder).unwrap();
    let parcel = folder.join("parcel");
    let (documents, work_branch) = (path("docs/work-items/ET-001"), branch("feature/ET-001-x"));
    let words = case.world.forge.looking_command(ParcelRequest {
        parcel: &parcel,
        start: &case.start,
        base: None,
        documents: &documents,
        branch: &work_branch,
        overlaid: false,
    });
    let mut command = Command::new(&words[0]);
    checked(
        command.args(&words[1..]).current_dir(&case.clone).env_clear().env("PATH", search_path()).output().unwrap(),
    );
    let objects = case.world.forge.objects_folder();
    let forge = Forge::borrowing(&git(), branch("main"), &case.world.main(), &objects, &folder.join("forge")).unwrap();
    let delivered = forge.collect(CollectRequest {
        packed_again: true,
        parcel: &parcel,
        task: &task("ET-001"),
        attempt: 1,
        start: &case.start,
        main: &case.world.main(),
        documents: &documents,
        owns: &|_, _| true,
        message: "what was left\n\nRefs: ET-001",
        by: &Signature { identity: robot(), seconds: 1_700_000_000 },
        limits: CollectLimits::default(),
    });
    let delivered = delivered.unwrap();
    // For who looks at it afterwards.
    run(case.world.forge.path(), ["fetch", "--quiet", forge.path().to_str().unwrap(), delivered.head.as_str()]);
    delivered
}
/// States of a clone, and whether they are usual: looked at once, and told by another git.
const STATES: &[(&str, &str, bool)] = &[
    ("nothing", "true", true),
    ("a new file", "echo work > new.txt", true),
    (
        "all kinds of change",
        "echo a >> README.md; rm src/lib.txt; ln -s README.md link; chmod +x docs/guide.md; mkdir -p a/b; echo x > a/b/c",
        true,
    ),
    (
        "a file in place of a folder",
        "rm -r src; echo x > src; rm README.md; mkdir README.md; echo y > README.md/y",
        true,
    ),
    ("letters of all kinds", "echo x > 'a \"b\\ ü'; printf x > \"$(printf 'tab\\there')\"", true),
    ("a line break in a name", "echo x > \"$(printf 'a\\nb')\"", false),
    ("added", "echo work > new.txt; git add new.txt; echo more >> new.txt", true),
    ("committed", "echo work > new.txt; git add new.txt; git commit -qm work; echo more >> README.md", true),
    (
        "committed twice, on no branch",
        "git checkout -q --detach; for n in 1 2; do echo $n > new; git add new; git commit -qm $n; done",
        true,
    ),
    ("amended", "echo work > new.txt; git add new.txt; git commit -q --amend -m mine", true),
    ("looked at", "git status > /dev/null; echo x > y", true),
    ("an ignored file", "echo '*.log' > .gitignore; echo x > a.log", true),
    ("a document", "mkdir -p docs/work-items/ET-001; echo x > docs/work-items/ET-001/a.md", true),
    (
        "an ignored document",
        "echo '*.md' > .gitignore; mkdir -p docs/work-items/ET-001; echo x > docs/work-items/ET-001/a.md; echo y > b.md",
        false,
    ),
    (
        "a document that nobody may read",
        "mkdir -p docs/work-items/ET-001; echo x > docs/work-items/ET-001/a.md; mkfifo docs/work-items/ET-001/p",
        false,
    ),
    ("another branch", "git checkout -q -b other; echo x > y; git add y; git commit -qm y; git checkout -q -", false),
    ("a stash", "echo x >> README.md; git stash -q", false),
    ("references in one file", "git pack-refs --all", false),
    ("a mark", "git update-index --skip-worktree README.md; echo x >> README.md", false),
    ("a repository inside", "git init -q app; echo x > app/x", false),
    ("attributes", "echo '* text=auto' > .gitattributes", false),
    ("attributes that were taken away", "rm -f .gitattributes; printf 'a\\r\\n' > crlf", true),
    (
        "an unfinished merge",
        "git checkout -q -b x; echo c > README.md; git commit -qam c; git checkout -q -; echo d > README.md; git commit -qam d; git merge x >/dev/null || true",
        false,
    ),
    ("no index", "rm .git/index; echo x > y", false),
    ("a pipe in place of the copy of the index", "rm .git/index.begun; mkfifo .git/index.begun; echo x > y", true),
];

#[test]
fn what_is_usual_is_looked_at_once_and_comes_home_the_same() {
    for (name, script, usual) in STATES {
        let lies = Liar::new("");
        lies.case.agent(script);
        lies.comes_the_same(name, *usual);
    }
}

/// What a repository has besides, what an agent does, and whether that is usual.
const ATTRIBUTED: &[(&str, &str, bool)] = &[
    ("echo '*.png diff=exif linguist-vendored' > .gitattributes", "echo x > new.png; echo y >> README.md", true),
    (
        "echo '* text=auto' > .gitattributes",
        "echo x > new.txt; rm README.md; git add -A; git commit -qm x; echo y > z",
        true,
    ),
    ("echo '* text=auto' > .gitattributes", "printf 'a\\r\\nb\\n' > new.txt", false),
    ("echo '* text=auto' > .gitattributes", "printf 'a\\0b\\r' > new.bin", false),
    ("echo '* text=auto' > .gitattributes", "printf 'a\\r\\n' > ./-q", false),
    ("echo '* eol=crlf' > .gitattributes", "echo x > new.txt", true),
    ("echo '* text=auto' > .gitattributes", "echo '* -text' > .gitattributes; echo y > z", false),
    ("echo '* text=auto' > .gitattributes", "rm .gitattributes; echo y > z", false),
    ("mkdir a; echo '*.x ident' > a/.gitattributes", "echo y > z", false),
    ("echo '*.bin filter=lfs' > .gitattributes", "echo y > z", false),
    ("echo '*.utf working-tree-encoding=UTF-16' > .gitattributes", "echo y > z", false),
];

#[test]
fn attributes_are_usual_where_they_cannot_say_how_a_change_is_stored() {
    for (set_up, script, usual) in ATTRIBUTED {
        let lies = Liar::new(set_up);
        lies.case.agent(script);
        lies.comes_the_same(&format!("{set_up}: {script}"), *usual);
    }
}

#[test]
fn a_set_up_that_leaves_what_it_found_is_usual() {
    for (set_up, usual) in [
        ("true", true),
        ("touch README.md; echo built > ignored.o", true),
        ("echo built > made.txt", false),
        ("echo 2 >> README.md", false),
    ] {
        let lies = Liar::new("echo '*.o' > .gitignore");
        lies.case.agent(set_up);
        let (note, _) = lies.run(&lies.words(Forge::snapshot_command), "", 0);
        checked(note);
        lies.case.agent("echo work > new.txt");
        lies.comes_the_same(set_up, usual);
        let changed = lies.case.changed(&lies.comes().unwrap().head);
        assert_eq!(changed.into_keys().collect::<Vec<_>>(), ["new.txt"], "{set_up}");
    }
}
