//! Attacks through git: a clone whose settings, links and objects are meant for the git that looks at it from outside, and
//! work that is not what it seems. The forge is the real one, and so is the fetch.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::SystemTime;

use camino::Utf8PathBuf;
use orch_git::{BranchName, Git, Origin};
use orch_ports::PortResult;
use orch_ports::workshop::{Collected, Identity, Workplace, Workshop};
use orch_rules::ids::{CommitId, TaskId, Timestamp, WorkItemId};
use orch_rules::pipeline::{StageKind, default_pipeline};
use orch_rules::scope::Scope;
use orch_run::Confinement;
use orch_testkit::git;
use orch_vendors::workshop::{GitWorkshop, Opening};

use super::place::{self, CANARY, Place};

/// One attack: a shell script in the attempt's clone, and what is collected of it, see [`spelled`].
struct Attack {
    name: &'static str,
    script: &'static str,
    collected: &'static str,
}

/// Words for scripts: a program that leaves a mark when it runs outside, and commits under somebody's name.
const PRELUDE: &str = r#"
set -u
export HOME="$PWD/.git" GIT_CONFIG_NOSYSTEM=1
git config user.name A; git config user.email a@example.org
forge="$ATTACK_PLACE/line/forge.git"
docs=docs/work-items/IT-1
mkdir -p $docs
save() { git -c core.hooksPath=/dev/null -c core.fsmonitor=false add --all . && git -c core.hooksPath=/dev/null -c core.fsmonitor=false commit --quiet --message "$1"; }
evil="$PWD/.git/evil"
printf '#!/bin/sh\n: > "%s/line/mark"\ncat\n' "$ATTACK_PLACE" > "$evil"; chmod 755 "$evil"
tried() { echo "$1: TRIED"; }
"#;

const ATTACKS: &[Attack] = &[
    Attack {
        name: "settings that name programs",
        script: r#"echo x > work; save work
            for key in core.fsmonitor core.sshCommand core.gitProxy core.askPass core.pager core.editor core.alternateRefsCommand \
                uploadpack.packObjectsHook diff.external filter.x.clean filter.x.smudge filter.x.process diff.x.textconv diff.x.command \
                merge.x.driver credential.helper gpg.program alias.upload-pack; do git config "$key" "$evil"; done
            git config core.hooksPath "$PWD/.git"; echo '* filter=x diff=x merge=x' > .git/info/attributes; tried settings"#,
        collected: "1 commits; changed work; documents none",
    },
    Attack {
        name: "hooks of every name",
        script: r#"echo x > work; save work; mkdir -p .git/hooks
            for hook in pre-commit commit-msg post-commit post-checkout reference-transaction pre-receive update post-update fsmonitor-watchman pre-push; do
                cp "$evil" .git/hooks/$hook; done; tried hooks"#,
        collected: "1 commits; changed work; documents none",
    },
    Attack {
        name: "attributes with a filter, in the work itself",
        script: r#"echo '* filter=x diff=x merge=x' > .gitattributes; echo x > work; save work
            git config filter.x.clean "$evil"; git config filter.x.smudge "$evil"; tried attributes"#,
        collected: "nothing",
    },
    Attack {
        name: "the repository's folder is a file that names the forge",
        script: r#"echo x > work; mv .git ../own/git 2>/dev/null || mv .git elsewhere; echo "gitdir: $forge" > .git; tried gitdir"#,
        collected: "1 commits; changed work; documents none",
    },
    Attack {
        name: "the repository's folder is a link to the forge",
        script: r#"mv .git elsewhere; ln -s "$forge" .git; tried link"#,
        collected: "1 commits; changed elsewhere/HEAD elsewhere/config elsewhere/evil elsewhere/index elsewhere/index.begun elsewhere/objects/info/alternates elsewhere/refs/heads/feature/it-1 elsewhere/refs/heads/orch-base; documents none",
    },
    Attack {
        name: "the repository shares the forge's settings and branches",
        script: r#"echo x > work; save work; echo "$forge" > .git/commondir; tried commondir"#,
        collected: "1 commits; changed work; documents none",
    },
    Attack { name: "HEAD is a pipe", script: r#"rm .git/HEAD; mkfifo .git/HEAD; tried pipe"#, collected: "nothing" },
    Attack {
        name: "HEAD names another task's branch, which is in the forge",
        script: r#"git update-ref --no-deref HEAD "$ATTACK_OTHER"; tried branch"#,
        // What no level gives: its objects are in the shared store. It is a copy, and judged like the attempt's own work.
        collected: "2 commits; changed none; documents none",
    },
    Attack {
        name: "references are links to secrets, whose lines git would quote",
        script: r#"echo x > work; save work; rm -f .git/packed-refs; ln -s "$ATTACK_PLACE/state/token" .git/packed-refs
            ln -sf "$ATTACK_PLACE/state/token" .git/shallow; tried links"#,
        collected: "1 commits; changed work; documents none",
    },
    Attack {
        name: "objects are borrowed from somebody else's repository",
        script: r#"echo x > work; save work; echo "$ATTACK_PLACE/line/private/.git/objects" >> .git/objects/info/alternates; tried alternates"#,
        collected: "1 commits; changed work; documents none",
    },
    Attack {
        name: "a commit of somebody else's repository is taken in through borrowed objects",
        script: r#"echo "$ATTACK_PLACE/line/private/.git/objects" >> .git/objects/info/alternates
            printf '%s\n' "$ATTACK_PRIVATE" > .git/HEAD; tried private"#,
        collected: "nothing",
    },
    Attack {
        name: "replaced and grafted history",
        script: r#"echo x > work; save work; git replace HEAD "$ATTACK_OTHER"; git rev-parse HEAD > .git/info/grafts 2>/dev/null || mkdir -p .git/info
            git --no-replace-objects rev-parse HEAD > .git/info/grafts; tried replace"#,
        collected: "1 commits; changed work; documents none",
    },
    Attack {
        name: "history before the start is rewritten",
        script: r#"git checkout --quiet --orphan new; echo x > work; save work; tried rewritten"#,
        collected: "1 commits; changed work; documents none",
    },
    Attack {
        name: "the forge is pushed to, main and the branch of another task",
        script: r#"echo x > work; save work; for to in refs/heads/main refs/heads/feature/other refs/heads/new; do
            git push --quiet --force "$forge" HEAD:$to 2>/dev/null && echo "push: DONE"; done
            git --git-dir "$forge" update-ref refs/heads/main HEAD 2>/dev/null && echo "update: DONE"; tried push"#,
        collected: "1 commits; changed work; documents none",
    },
    Attack {
        name: "a submodule with a command for an address",
        script: r#"printf '[submodule "s"]\n\tpath = s\n\turl = ext::%s\n\tupdate = !%s\n' "$evil" "$evil" > .gitmodules
            git add .gitmodules; git update-index --add --cacheinfo "160000,$(git rev-parse HEAD),s"
            git -c core.hooksPath=/dev/null commit --quiet -m s; mkdir -p s; git config submodule.s.url "ext::$evil"; tried submodule"#,
        collected: "nothing",
    },
    Attack {
        name: "a missing object that a remote promises, by a command",
        script: r#"echo "promised $$" > work; save work; blob=$(git rev-parse HEAD:work)
            git config core.repositoryFormatVersion 1; git config extensions.partialClone o; git config remote.o.promisor true
            git config remote.o.url "ext::$evil"; git config remote.o.uploadpack "$evil"; git config protocol.allow always
            rm -f .git/objects/$(echo $blob | cut -c1-2)/$(echo $blob | cut -c3-); tried promise"#,
        collected: "1 commits; changed work; documents none",
    },
    Attack {
        name: "documents that are links, to a secret and to a folder",
        script: r#"ln -s "$ATTACK_PLACE/state/token" $docs/01-brd.md; ln -s ../../.. $docs/02-all; save links; tried links"#,
        collected: "1 commits; changed none; documents 01-brd.md refused, 02-all refused",
    },
    Attack {
        name: "the documents' folder is a link out of the clone",
        script: r#"rm -rf docs; ln -s "$ATTACK_PLACE/state" docs; save link; tried folder"#,
        collected: "1 commits; changed docs docs/note; documents none",
    },
    Attack {
        name: "documents that are a pipe and a socket",
        script: r#"mkfifo $docs/01-brd.md; echo x > work; save pipe; tried pipe"#,
        collected: "1 commits; changed work; documents none",
    },
    Attack {
        name: "a document of ten megabytes",
        script: r#"{ printf -- '---\nwork_item: IT-1\nverdict: approved\n'; head -c 10000000 /dev/zero | tr '\0' x; printf '\n---\n'; } > $docs/03-review.md; save huge; tried huge"#,
        collected: "1 commits; changed none; documents 03-review.md unread",
    },
    Attack {
        name: "a document that is no text",
        script: r#"printf -- '---\nwork_item: IT-1\nverdict: appr\377\376oved\n---\n\000\033]0;x\007' > $docs/03-review.md; save bytes; tried bytes"#,
        collected: "1 commits; changed none; documents 03-review.md unread",
    },
    Attack {
        name: "a thousand documents",
        script: r#"for n in $(seq 1000); do echo x > $docs/d$n.md; done; save many; tried many"#,
        collected: "1 commits; changed none; documents 400",
    },
    Attack {
        name: "another work item's document and another role's files",
        script: r#"mkdir -p docs/work-items/IT-2 .orch; printf -- '---\nverdict: approved\n---\n' > docs/work-items/IT-2/03-review.md
            echo 'x = 1' > .orch/orch.toml; save others; tried others"#,
        collected: "1 commits; changed .orch/orch.toml docs/work-items/IT-2/03-review.md; documents none",
    },
    Attack {
        name: "names with newlines, escapes and directions",
        script: r#"echo x > "$(printf 'a\nb')"; echo x > "$(printf 'e\033[2Jf')"; echo x > "$(printf 'g\342\200\256h')"; echo x > "$(printf 'n\377')"; save names; tried names"#,
        collected: "1 commits; changed 4 odd; documents none",
    },
    Attack {
        name: "a commit whose message and author are forged",
        script: r#"echo x > work; git add work; GIT_AUTHOR_NAME='orchestrion' GIT_COMMITTER_DATE='2001-01-01T00:00:00Z' git -c core.hooksPath=/dev/null commit --quiet \
            -m "$(printf 'Land IT-2\n\nRefs: IT-2\nOrch-Landed: yes\033[2J')"; tried message"#,
        collected: "1 commits; changed work; documents none",
    },
    Attack {
        name: "a path into the repository's folder",
        script: r#"blob=$(echo x | git hash-object -w --stdin)
            tree=$(printf '100755 blob %s\tpost-checkout\n' $blob | git mktree); tree=$(printf '040000 tree %s\thooks\n' $tree | git mktree)
            tree=$(printf '040000 tree %s\t.git\n' $tree | git mktree); commit=$(echo x | git commit-tree $tree -p HEAD); git update-ref HEAD $commit; tried path"#,
        collected: "nothing",
    },
    Attack {
        name: "five thousand files in one commit",
        script: r#"mkdir many; for n in $(seq 5000); do echo $n > many/$n; done; save many; tried many"#,
        collected: "1 commits; changed 5000; documents none",
    },
];

/// How many rows there are.
pub const COUNT: usize = ATTACKS.len();

/// What was collected, in short words.
fn spelled(start: &CommitId, collected: &PortResult<Collected>) -> String {
    let evidence = match collected {
        Err(error) => return format!("error: {error}"),
        Ok(collected) if collected.evidence.head == *start => return "nothing".to_owned(),
        Ok(collected) => &collected.evidence,
    };
    let odd = |path: &String| path.chars().any(|c| c.is_control() || !c.is_ascii() || c == '\\' || c == '"');
    let changed = match evidence.changed.len() {
        0 => "none".to_owned(),
        _ if evidence.changed_total > 20 => evidence.changed_total.to_string(),
        count if evidence.changed.iter().any(odd) => format!("{count} odd"),
        _ => evidence.changed.join(" "),
    };
    let said = |document: &orch_rules::attempt::DocumentFact| {
        let how = match &document.fields {
            Err(why) if why.starts_with("not read") => "refused",
            Err(_) => "unread",
            Ok(_) => "read",
        };
        format!("{} {how}", document.path)
    };
    let documents = match evidence.documents.len() {
        0 => "none".to_owned(),
        count if count > 20 => count.to_string(),
        _ => evidence.documents.iter().map(said).collect::<Vec<_>>().join(", "),
    };
    format!("{} commits; changed {changed}; documents {documents}", evidence.commits)
}

/// The scope of somebody whose everything is.
fn everything() -> Scope {
    let mut pipeline = default_pipeline();
    pipeline.stages.iter_mut().for_each(|stage| stage.documents.clear());
    let developer = pipeline.stages.iter().find(|stage| stage.kind == StageKind::Build).unwrap();
    Scope::of(&pipeline, developer, &WorkItemId::from("IT-1"))
}

/// A repository on the line, with another task's branch, in a [`Place`].
struct Line {
    workshop: GitWorkshop,
    bare: PathBuf,
    start: CommitId,
    /// Head of the other task's branch.
    other: String,
    /// A commit of a repository that is on no line.
    private: String,
    refs: String,
    config: String,
}

impl Line {
    fn new(place: &Place) -> Self {
        let repository = |name: &str| {
            let folder = place.path("line").join(name);
            std::fs::create_dir_all(folder.join("docs")).unwrap();
            git(&folder, &["init", "--quiet", "--template=", "--initial-branch", "main"]).unwrap();
            git(&folder, &["config", "user.name", "A User"]).unwrap();
            git(&folder, &["config", "user.email", "user@example.org"]).unwrap();
            std::fs::write(folder.join("docs/note"), format!("{name}\n")).unwrap();
            git(&folder, &["add", "--all"]).unwrap();
            git(&folder, &["commit", "--quiet", "--message", "First"]).unwrap();
            folder
        };
        let private = repository("private");
        let source = repository("user");
        let private = git(&private, &["rev-parse", "HEAD"]).unwrap();
        let origin = Origin { source: source.clone(), base: BranchName::new("main").unwrap() };
        let program = Git::detect(std::env::var_os("PATH").unwrap()).unwrap();
        let bare = place.path("line/forge.git");
        let open = move |path: &Path| {
            orch_git::Forge::create_from(&program, origin.clone(), path, SystemTime::now()).unwrap().forge
        };
        drop(open(&bare));
        std::fs::write(source.join("docs/note"), "other\n").unwrap();
        git(&source, &["commit", "--quiet", "--all", "--message", "Other"]).unwrap();
        git(&source, &["push", "--quiet", bare.to_str().unwrap(), "HEAD:refs/heads/feature/other"]).unwrap();
        let other = git(&source, &["rev-parse", "HEAD"]).unwrap();
        git(&source, &["reset", "--quiet", "--hard", "HEAD~1"]).unwrap();
        let start = CommitId(git(&source, &["rev-parse", "HEAD"]).unwrap());
        let place = bare.clone();
        let workshop = GitWorkshop::new(Arc::new(Opening::new(move || Ok(open(&place)))));
        let mut line = Self { workshop, bare, start, other, private, refs: String::new(), config: String::new() };
        (line.refs, line.config) = line.look();
        line
    }

    /// Branches and settings of the forge.
    fn look(&self) -> (String, String) {
        let refs = git(&self.bare, &["for-each-ref", "--format=%(refname) %(objectname)", "refs/heads"]).unwrap();
        (refs, std::fs::read_to_string(self.bare.join("config")).unwrap())
    }

    /// Runs an attack in a clone of its own, commits what it leaves, collects.
    fn attack(&self, place: &Place, number: u32, attack: &Attack) -> Vec<String> {
        let name = format!("git-{number}");
        let mut order = place.order(&name, &[]);
        let workplace = Workplace {
            packed_again: true,
            largest_file: 100_000_000,
            task: TaskId::from("01TASK"),
            work_item: WorkItemId::from("IT-1"),
            attempt: number,
            branch: "feature/it-1".to_owned(),
            directory: order.directory.clone(),
            parcel: order.directory.with_file_name("own").join("parcel"),
            overlaid: false,
            message: "IT-1: what was left".to_owned(),
            identity: Identity { name: "Agent".to_owned(), email: "agent@example.org".to_owned() },
            at: Timestamp(1_700_000_000_000),
        };
        let start = self.workshop.prepare(&workplace, &self.start, &[], None).unwrap();
        let script = Utf8PathBuf::try_from(place.path("line").join(format!("{name}.sh"))).unwrap();
        std::fs::write(&script, format!("{PRELUDE}\n{}\n", attack.script)).unwrap();
        order.argv = vec!["/bin/sh".to_owned(), script.to_string()];
        order.environment.insert("ATTACK_OTHER".to_owned(), self.other.clone());
        order.environment.insert("ATTACK_PRIVATE".to_owned(), self.private.clone());
        order.finish = vec![self.workshop.parcel_command(&workplace, &start).unwrap()];
        let ran = place.finish(place.runner(), &order);
        let collected = self.workshop.collect(&workplace, &start, &everything());
        let mut wrong = place.harm();
        let tried = ran.output.lines().filter(|line| line.ends_with(": TRIED")).count();
        if tried != 1 || ran.output.contains(": DONE") || ran.end != "completed" {
            wrong.push(format!("the attack went otherwise ({}):\n{}", ran.end, ran.output));
        }
        let seen = spelled(&start, &collected);
        if !attack.collected.split('|').any(|expected| expected == seen) {
            wrong.push(format!("expected {:?}, collected {seen:?}\n{}", attack.collected, ran.output));
        }
        if format!("{collected:?}").contains(CANARY) {
            wrong.push("a secret was collected".to_owned());
        }
        if place.path("line/mark").exists() {
            wrong.push("a program of the clone was run outside".to_owned());
            std::fs::remove_file(place.path("line/mark")).unwrap();
        }
        let (refs, config) = self.look();
        if (&refs, &config) != (&self.refs, &self.config) {
            wrong.push(format!("the forge was changed:\n{refs}\n{config}"));
        }
        // Whatever it left can be cleared away.
        orch_git::remove_clone(order.directory.as_std_path()).unwrap();
        wrong.into_iter().map(|wrong| format!("{} at {}: {wrong}", attack.name, place.level.name())).collect()
    }
}

#[test]
fn git_outside_is_not_led_astray() {
    let mut wrong = Vec::new();
    for level in [Confinement::Bubblewrap, Confinement::Landlock] {
        if !place::here(level, "hostile_git") {
            continue;
        }
        let place = Place::new(level);
        let line = Line::new(&place);
        for (number, attack) in ATTACKS.iter().enumerate() {
            let began = std::time::Instant::now();
            wrong.extend(line.attack(&place, u32::try_from(number + 1).unwrap(), attack));
            println!("{:>6} ms {} at {}", began.elapsed().as_millis(), attack.name, level.name());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The programs of these attacks would leave their mark if an unguarded git looked.
#[test]
fn an_unguarded_git_is_led_astray() {
    let level = Confinement::None;
    if !place::here(level, "hostile_git_unguarded") {
        return;
    }
    let place = Place::new(level);
    let line = Line::new(&place);
    let clone = place.path("clone");
    git(&place.path("line"), &["clone", "--quiet", line.bare.to_str().unwrap(), clone.to_str().unwrap()]).unwrap();
    let script = format!("{PRELUDE}\ngit config core.fsmonitor \"$evil\"; git status >/dev/null 2>&1");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).current_dir(&clone).env("ATTACK_PLACE", place.folder.path());
    assert!(shell.output().unwrap().status.success());
    assert!(place.path("line/mark").exists());
}
