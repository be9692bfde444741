//! A machine that says no: whatever happens to a git, the answer is right or the call may be repeated, and never a false
//! fact about the repository.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use orch_git::*;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, pidfd_open};

use crate::fixture::*;

/// What happens to one git.
const FAULTS: &[(&str, &str)] = &[
    ("out of threads", "echo 'fatal: unable to create thread: Resource temporarily unavailable' >&2; exit 128"),
    ("out of descriptors", "echo 'error: open: Too many open files' >&2; exit 1"),
    ("device error", "echo 'error: inflate: Input/output error' >&2; exit 255"),
    ("read-only", "echo 'fatal: cannot lock: Read-only file system' >&2; exit 128"),
    ("silent failure", "exit 1"),
    ("not found", "exit 127"),
    ("odd words", "echo 'warning: something is odd today'; exit 0"),
    ("odd words and a failure", "echo 'Terminated'; exit 1"),
    ("nothing at all", "cat >/dev/null; exit 0"),
    ("killed before", "kill -9 $$"),
    ("killed after", "\"$REAL\" \"$@\"; kill -9 $$"),
    ("fails after", "\"$REAL\" \"$@\"; echo 'fatal: write error: No space left on device' >&2; exit 128"),
    ("silently fails after", "\"$REAL\" \"$@\"; exit 1"),
];

/// A world whose git does what it is told the n-th time.
struct Troubled {
    world: World,
    orders: PathBuf,
    git: Git,
}

impl Troubled {
    fn new() -> Self {
        let shim = tempfile::tempdir().unwrap().keep();
        let orders = shim.join("orders");
        let real = git().program().to_owned();
        // `orders/fault` is shell; `orders/nth` says which call it is for; each call makes a file, so that they count.
        program(
            &shim.join("git"),
            &format!(
                "#!/bin/sh\nREAL='{}'; O='{}'\nif [ -e $O/fault ]; then\n n=$(cat $O/seen); n=$((n+1)); echo $n >$O/seen\n \
                 if [ $n = $(cat $O/nth) ]; then . $O/fault; fi\nfi\nexec \"$REAL\" \"$@\"\n",
                real.display(),
                orders.display()
            ),
        );
        fs::create_dir(&orders).unwrap();
        let mut search = shim.into_os_string();
        search.push(":");
        search.push(search_path());
        // Some of these gits never end.
        let git = Git::detect(search).unwrap().with_time_limit(Duration::from_secs(10));
        Self { world: World::new(), orders, git }
    }

    /// A forge that has no reader of objects yet.
    fn forge(&self) -> Forge {
        let origin = self.world.forge.origin().clone();
        Forge::open(&self.git, origin, self.world.forge.path(), SystemTime::now()).unwrap().forge
    }

    fn arm(&self, fault: &str, nth: u32) {
        fs::write(self.orders.join("seen"), "0\n").unwrap();
        fs::write(self.orders.join("nth"), nth.to_string()).unwrap();
        fs::write(self.orders.join("fault"), fault).unwrap();
    }

    /// Gives whether the fault was met.
    fn disarm(&self, nth: u32) -> bool {
        fs::remove_file(self.orders.join("fault")).unwrap();
        fs::read_to_string(self.orders.join("seen")).unwrap().trim().parse::<u32>().unwrap() >= nth
    }

    /// Every fault at every git of `work`, which gives what is to be seen.
    fn tried<T: PartialEq + std::fmt::Debug>(
        &self,
        name: &str,
        before: impl Fn(&Forge),
        work: impl Fn(&Forge) -> Result<T>,
    ) {
        before(&self.forge());
        let right = work(&self.forge()).unwrap();
        // All of them at every git of every call would take minutes: three each, in turn.
        let mut turn = FAULTS.iter().cycle().skip(name.len() % FAULTS.len());
        'gits: for nth in 1.. {
            for (fault, words) in turn.by_ref().take(3) {
                before(&self.forge());
                let forge = self.forge();
                self.arm(words, nth);
                let answer = work(&forge);
                let met = self.disarm(nth);
                match answer {
                    Ok(answer) => assert_eq!(answer, right, "{name}: {fault} at git {nth}"),
                    Err(error) => {
                        assert!(error.is_retryable(), "{name}: {fault} at git {nth}: {error:?}");
                        // The same forge, so that a reader of objects that broke is not kept.
                        let again = work(&forge);
                        assert_eq!(again.ok().as_ref(), Some(&right), "{name}: again after {fault} at git {nth}");
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
fn what_happens_to_a_git_that_looks_is_no_fact() {
    let troubled = Troubled::new();
    let world = &troubled.world;
    let main = world.main();
    let head = world.attempt("ET-001", &[("src/lib.txt", "x\n"), ("docs/work-items/ET-001/01-brd.md", "b\n")]);
    let other = world.attempt("ET-002", &[("src/lib.txt", "y\n")]);
    world.forge.publish_branch(&branch("feature/x"), &head, None).unwrap();
    run(world.forge.path(), ["pack-refs", "--all"]);
    let nothing = |_: &Forge| {};
    troubled.tried("tip", nothing, |forge| forge.tip(&branch("main")));
    troubled.tried("no such tip", nothing, |forge| forge.tip(&branch("feature/none")));
    troubled.tried("attempt_head", nothing, |forge| forge.attempt_head(&task("ET-001"), 1));
    troubled.tried("branches", nothing, Forge::branches);
    troubled.tried("read_file", nothing, |forge| forge.read_file(&main, &path("src/lib.txt"), 99));
    troubled.tried("no such file", nothing, |forge| forge.read_file(&main, &path(".orch/agents/developer.md"), 99));
    troubled.tried("is_landed", nothing, |forge| forge.is_landed(&main));
    troubled.tried("is not landed", nothing, |forge| forge.is_landed(&head));
    troubled.tried("contains", nothing, |forge| forge.contains(&head, &main));
    troubled.tried("sync_base", nothing, Forge::sync_base);
    troubled.tried("changed_paths", nothing, |forge| forge.changed_paths(&main, &head));
    let by = Signature { identity: robot(), seconds: 1_700_000_000 };
    let request = |onto, head| CandidateRequest {
        main: onto,
        head,
        message: "x",
        author: &by,
        committer: &by,
        keep_commits: false,
        leaving: &|_| Vec::new(),
    };
    troubled.tried("candidate", nothing, |forge| forge.candidate(request(&main, &head)));
    troubled.tried("conflict", nothing, |forge| forge.candidate(request(&other, &head)));
}

#[test]
fn what_happens_to_a_git_that_moves_a_ref_is_no_push_of_somebody() {
    let troubled = Troubled::new();
    let world = &troubled.world;
    let main = world.main();
    let head = world.attempt("ET-001", &[("new.txt", "x\n")]);
    let candidate = world.candidate(&main, &head).commit;
    let back = |name: &str, to: Option<&CommitId>| match to {
        Some(to) => drop(run(world.forge.path(), ["update-ref", name, to.as_str()])),
        None => drop(run(world.forge.path(), ["update-ref", "-d", name])),
    };
    let name = branch("feature/x");
    let done =
        |forge: &Forge, what: Result<()>| what.and_then(|()| Ok((forge.tip(&branch("main"))?, forge.tip(&name)?)));
    let unpublished = |_: &Forge| back("refs/heads/feature/x", None);
    troubled.tried("publish", unpublished, |forge| done(forge, forge.publish_branch(&name, &head, None).map(drop)));
    let published = |_: &Forge| back("refs/heads/feature/x", Some(&head));
    troubled.tried("delete", published, |forge| done(forge, forge.delete_branch(&name, Some(&head))));
    let unlanded = |_: &Forge| back("refs/heads/main", Some(&main));
    troubled.tried("land", unlanded, |forge| done(forge, forge.land(&main, &candidate).map(drop)));
    let ahead = {
        put(&world.source, "README.md", "news\n");
        commit(&world.source, "news")
    };
    assert_ne!(ahead, main);
    troubled.tried("take over", unlanded, |forge| done(forge, forge.sync_base().map(drop)));
}

#[test]
fn what_happens_to_a_git_that_checks_out_leaves_no_half_of_it() {
    let troubled = Troubled::new();
    let world = &troubled.world;
    let main = world.main();
    let head = world.attempt("ET-001", &[("src/test.txt", "x\n")]);
    let folder = world.place("checked out");
    let away = |_: &Forge| remove_clone(&folder).unwrap();
    let seen =
        |made: Result<()>| made.map(|()| (folder.join("README.md").exists(), folder.join("src/test.txt").exists()));
    troubled.tried("checkout_clean", away, |forge| {
        remove_clone(&folder)?;
        seen(forge.checkout_clean(&head, &folder))
    });
    troubled.tried("checkout_overlaid", away, |forge| {
        remove_clone(&folder)?;
        let overlay = Overlay { from: &main, covers: &|path| path.contains("test") };
        seen(forge.checkout_overlaid(&head, &folder, overlay))
    });
    troubled.tried("clone_attempt", away, |forge| {
        remove_clone(&folder)?;
        let (key, name, who) = (task("ET-009"), branch("feature/y"), robot());
        let request = CloneRequest {
            task: &key,
            attempt: 1,
            commit: &head,
            base: Some(&main),
            branch: &name,
            folder: &folder,
            identity: &who,
        };
        seen(forge.clone_attempt(request))
    });
}

#[test]
fn a_reader_that_was_killed_is_replaced_and_none_outlives_the_end() {
    let world = World::new();
    let main = world.main();
    let read = || world.forge.read_file(&main, &path("README.md"), 99);
    let right = read().unwrap();
    let reader = || gits_in(world.forge.path()).first().copied();
    let Some(first) = reader() else {
        return not_run_here("a_reader_that_was_killed_is_replaced_and_none_outlives_the_end", "no /proc");
    };
    rustix::process::kill_process(first, rustix::process::Signal::KILL).unwrap();
    assert_eq!(read().unwrap(), right);
    // What was written after it began is seen.
    put(&world.source, "late.txt", "late\n");
    let late = commit(&world.source, "late");
    world.forge.sync_base().unwrap();
    assert!(matches!(world.forge.read_file(&late, &path("late.txt"), 99).unwrap(), FileAt::File { .. }));
    // The reader and the movers of refs; on a very slow machine they have ended by themselves: nobody asked them any more.
    let kept = gits_in(world.forge.path()).into_iter();
    let alive: Vec<_> = kept.filter_map(|git| pidfd_open(git, PidfdFlags::empty()).ok()).collect();
    world.forge.end();
    for alive in alive {
        // A kill takes effect when the kernel next runs the process: on a busy machine that is not at once.
        let most = Timespec { tv_sec: 60, tv_nsec: 0 };
        assert_eq!(poll(&mut [PollFd::new(&alive, PollFlags::IN)], Some(&most)).unwrap(), 1, "it outlives the end");
    }
    assert_eq!(reader(), None);
    let refused = world.forge.is_landed(&main).unwrap_err();
    assert!(refused.is_retryable(), "{refused:?}");
}

/// Gits at work in a repository.
fn gits_in(repository: &std::path::Path) -> Vec<rustix::process::Pid> {
    let repository = repository.canonicalize().unwrap();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let at_work = processes.filter(|process| {
        let cwd = fs::read_link(process.path().join("cwd"));
        let state = fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        cwd.is_ok_and(|cwd| cwd == repository) && !state.contains(") Z ")
    });
    at_work.filter_map(|process| rustix::process::Pid::from_raw(process.file_name().to_str()?.parse().ok()?)).collect()
}
