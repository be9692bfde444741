//! How many processes and how many syncs an operation costs.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use orch_git::*;

use crate::fixture::*;

/// A git that writes down each call of it, and how it may be started.
struct Counted {
    root: tempfile::TempDir,
    log: PathBuf,
    git: Git,
}

impl Counted {
    /// `through`: what the real git is started with, for example a tracer.
    fn new(through: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let log = root.path().join("log");
        let real = git().program().to_owned();
        program(
            &root.path().join("git"),
            &format!("#!/bin/sh\necho \"$*\" >>'{}'\nexec {through} '{}' \"$@\"\n", log.display(), real.display()),
        );
        let mut search = root.path().as_os_str().to_os_string();
        search.push(":");
        search.push(search_path());
        // Tracing a process makes each of its system calls some ten times dearer.
        let git = Git::detect(search).unwrap().with_time_limit(std::time::Duration::from_secs(300));
        Self { root, log, git }
    }

    /// The calls that `work` makes, but for those that are kept for the next question or order: on a slow machine they
    /// have ended meanwhile and begin again.
    fn calls<T>(&self, work: impl FnOnce() -> T) -> (T, Vec<String>) {
        let _ = fs::remove_file(&self.log);
        let done = work();
        let ends = [" --batch-command", " update-ref --stdin", " commit --stdin-paths"];
        let kept = |line: &&str| ends.iter().any(|end| line.ends_with(end));
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        (done, log.lines().filter(|line| !kept(line)).map(str::to_owned).collect())
    }
}

#[test]
fn the_number_of_processes_is_known() {
    let counted = Counted::new("");
    let world = World::with(&counted.git);
    let forge = &world.forge;
    let start = world.main();
    let mut table = Vec::new();
    let mut count = |name: &'static str, calls: Vec<String>| {
        table.push((name, calls.len()));
    };
    forge.sync_base().unwrap();
    count("sync_base, nothing new", counted.calls(|| forge.sync_base().unwrap()).1);
    put(&world.source, "README.md", "new\n");
    commit(&world.source, "new");
    count("sync_base, forward", counted.calls(|| forge.sync_base().unwrap()).1);
    let main = world.main();
    assert_ne!(main, start);
    let (clone, calls) = counted.calls(|| world.clone_at("ET-001", &main));
    count("clone_attempt", calls);
    put(&clone, "docs/work-items/ET-001/01-brd.md", "x\n");
    put(&clone, "src/x", "x\n");
    commit(&clone, "x");
    let (head, calls) = counted.calls(|| world.collect(&clone, &task("ET-001"), 1, &main).unwrap());
    // Of the calls inside the run none: its git is found by a search path of its own.
    count("collect", calls);
    count("evidence", counted.calls(|| world.evidence(&main, &main, &head)).1);
    let clone = world.clone_at("ET-002", &head);
    put(&clone, "docs/work-items/ET-001/12-review.md", "x\n");
    let (reviewed, calls) = counted.calls(|| world.collect(&clone, &task("ET-002"), 1, &head).unwrap());
    count("collect a document", calls);
    count("evidence of a document", counted.calls(|| world.evidence(&head, &main, &reviewed)).1);
    let (candidate, calls) = counted.calls(|| world.candidate(&main, &reviewed));
    count("candidate", calls);
    let task_branch = branch("feature/ET-001-x");
    let publish = || forge.publish_branch(&task_branch, &candidate.commit, None).unwrap();
    count("publish_branch", counted.calls(publish).1);
    count("checkout_clean", counted.calls(|| forge.checkout_clean(&candidate.commit, &world.place("c")).unwrap()).1);
    count("land", counted.calls(|| forge.land(&main, &candidate.commit).unwrap()).1);
    count("read_file", counted.calls(|| forge.read_file(&main, &path("src/lib.txt"), 9).unwrap()).1);
    count("changed_paths", counted.calls(|| forge.changed_paths(&main, &head).unwrap()).1);
    count("tip", counted.calls(|| forge.tip(&task_branch).unwrap()).1);
    count("is_landed", counted.calls(|| forge.is_landed(&candidate.commit).unwrap()).1);
    count("reap", counted.calls(|| forge.reap(&[task("ET-001")]).unwrap()).1);
    assert_eq!(
        table,
        [
            ("sync_base, nothing new", 0),
            ("sync_base, forward", 2),
            ("clone_attempt", 1),
            ("collect", 1),
            ("evidence", 1),
            ("collect a document", 1),
            ("evidence of a document", 0),
            ("candidate", 0),
            ("publish_branch", 0),
            ("checkout_clean", 1),
            ("land", 0),
            ("read_file", 0),
            ("changed_paths", 0),
            ("tip", 0),
            ("is_landed", 0),
            ("reap", 0),
        ]
    );
    drop(world);
}

/// The system calls in a trace since the last look, with the file they were for. A git that is kept goes on writing.
fn synced(trace: &Path, seen: &mut HashMap<PathBuf, usize>) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(trace.parent().unwrap()).unwrap().flatten() {
        if !entry.file_name().to_string_lossy().starts_with("trace") {
            continue;
        }
        let text = fs::read_to_string(entry.path()).unwrap();
        let from = seen.insert(entry.path(), text.len()).unwrap_or_default();
        for line in text[from..].lines().filter(|line| line.contains("sync(")) {
            let from = line.find('<').map_or(0, |at| at + 1);
            let to = line.rfind(">)").unwrap_or(line.len());
            files.push(line[from..to].to_owned());
        }
    }
    files
}

#[test]
fn objects_and_refs_are_on_the_disk_before_an_answer() {
    let name = "objects_and_refs_are_on_the_disk_before_an_answer";
    let probe = tempfile::tempdir().unwrap();
    let tried = Command::new("strace").args(["-f", "-o"]).arg(probe.path().join("t")).arg("true").output();
    if !tried.is_ok_and(|output| output.status.success()) {
        return not_run_here(name, "strace is missing or may not trace here");
    }
    let (trace, mut seen) = (probe.path().join("trace"), HashMap::new());
    let counted =
        Counted::new(&format!("strace -f -ff -y -qq -e trace=fsync,fdatasync -e signal=none -o '{}'", trace.display()));
    let world = World::with(&counted.git);
    let main = world.main();
    let ends = |files: &[String], end: &str| files.iter().filter(|file| file.ends_with(end)).count();
    let inside = |files: &[String], part: &str| files.iter().filter(|file| file.contains(part)).count();
    let forge_made = synced(&trace, &mut seen);
    assert!(inside(&forge_made, "/objects/pack/") >= 1, "{forge_made:?}");
    assert_eq!(ends(&forge_made, "/refs/heads/main.lock"), 1, "{forge_made:?}");

    let clone = world.clone_at("ET-001", &main);
    assert_eq!(synced(&trace, &mut seen), Vec::<String>::new(), "a clone is not worth a sync");
    for n in 0..20 {
        put(&clone, &format!("src/{n}"), format!("{n}\n"));
        commit(&clone, "step");
    }
    let head = world.collect(&clone, &task("ET-001"), 1, &main).unwrap();
    let collected = synced(&trace, &mut seen);
    assert!(inside(&collected, "/objects/pack/") >= 1, "{collected:?}");
    assert_eq!(ends(&collected, "/refs/orch/attempts/ET-001/1.lock"), 1, "{collected:?}");
    assert!(collected.len() <= 5, "twenty commits come as one pack: {collected:?}");

    let candidate = world.candidate(&main, &head);
    let made = synced(&trace, &mut seen);
    assert!(inside(&made, "/objects/") >= 1 && ends(&made, ".lock") == 0, "{made:?}");
    world.forge.land(&main, &candidate.commit).unwrap();
    let landed = synced(&trace, &mut seen);
    assert_eq!(landed.len(), 1, "{landed:?}");
    assert!(landed[0].ends_with("/refs/heads/main.lock"), "{landed:?}");
    println!("syncs by git: collect {}, candidate {}, land {}", collected.len(), made.len(), landed.len());
    drop((world, counted.root));
}
