//! The durable steps of a service, read from strace while it takes them, and its end exactly at one of them.
//!
//! strace writes a line when a call has ended, and holds the thread a moment before it goes on
//! (`inject=…:delay_exit`, strace(1)); a reader kills in that moment. strace's own `signal=` with `when=` will not do:
//! it counts per thread, and the service's threads take turns.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter};
use std::os::fd::AsRawFd;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// How long a thread is held after a step: long against a reader's wake-up, short against a task.
const HOLD_MICROS: u32 = 4_000;

/// What a step does, whatever the call is named on this machine. Writes without a sync are not among them: a killed
/// process loses none of them, and what a torn log means is SQLite's own to test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A file or folder is made durable.
    Sync,
    /// A file gets another name.
    Rename,
    /// A file gets a further name.
    Link,
    /// A file or folder is removed.
    Remove,
    /// A folder is made.
    Folder,
    /// A program is started: git, a supervisor.
    Spawn,
    /// A program has ended.
    Reap,
}

/// Kinds with their name on the command line and their system calls.
const KINDS: &[(Kind, &str, &[&str])] = &[
    (Kind::Sync, "sync", &["fsync", "fdatasync"]),
    (Kind::Rename, "rename", &["rename", "renameat", "renameat2"]),
    (Kind::Link, "link", &["link", "linkat"]),
    (Kind::Remove, "remove", &["unlink", "unlinkat", "rmdir"]),
    (Kind::Folder, "folder", &["mkdir", "mkdirat"]),
    (Kind::Spawn, "spawn", &["clone", "clone3", "vfork", "fork"]),
    (Kind::Reap, "reap", &["wait4", "waitid"]),
];

/// A step of a life: the `number`th of its kind, over all threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Of this kind.
    pub kind: Kind,
    /// From 1.
    pub number: usize,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = KINDS.iter().find(|(kind, _, _)| *kind == self.kind).map_or("", |(_, name, _)| *name);
        write!(f, "{name}:{}", self.number)
    }
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || "a point is `sync:12`: sync, rename, link, remove, folder, spawn or reap, and its number".to_owned();
        let (name, number) = text.split_once(':').ok_or_else(wrong)?;
        let (kind, _, _) = KINDS.iter().find(|(_, known, _)| *known == name).ok_or_else(wrong)?;
        let number = number.parse().ok().filter(|number| *number > 0).ok_or_else(wrong)?;
        Ok(Self { kind: *kind, number })
    }
}

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which.
    pub point: Point,
    /// Who took it.
    pub thread: u32,
    /// The process it started, if it did.
    pub child: Option<u32>,
    /// The call and what it was about, for people.
    pub what: String,
}

/// Where a life ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// When it is asked to.
    Asked,
    /// Killed at this step.
    At(Point),
    /// Killed at the step with this number, whatever its kind.
    After(usize),
}

/// Makes steps of the lines of a trace.
#[derive(Debug, Default)]
pub struct Reader {
    begun: BTreeMap<u32, String>,
    programs: BTreeMap<u32, String>,
    counts: BTreeMap<Kind, usize>,
}

impl Reader {
    /// The step that this line ends, if it does. A call that failed changed nothing and is none.
    pub fn read(&mut self, line: &str) -> Option<Step> {
        let (thread, rest) = line.trim_start().split_once(' ')?;
        let thread: u32 = thread.parse().ok()?;
        let rest = rest.trim_start();
        let whole = match rest.strip_prefix("<... ") {
            Some(resumed) => self.begun.remove(&thread)? + resumed.split_once("resumed>")?.1,
            None => rest.to_owned(),
        };
        if let Some(arguments) = whole.strip_prefix("execve(") {
            self.programs.insert(thread, words(arguments));
            return None;
        }
        if let Some(begun) = whole.strip_suffix("<unfinished ...>") {
            self.begun.insert(thread, begun.to_owned());
            return None;
        }
        let (call, arguments) = whole.split_once('(')?;
        let (kind, _, _) = KINDS.iter().find(|(_, _, calls)| calls.contains(&call))?;
        let (arguments, result) = arguments.rsplit_once(" = ")?;
        // `= 7 (DELAYED)`; waiting without a child that ended gives 0.
        let result: i64 = result.split_whitespace().next()?.parse().ok()?;
        let child = u32::try_from(result).ok();
        let program = child.and_then(|child| self.programs.get(&child)).cloned();
        let counts = match kind {
            Kind::Spawn => result > 0 && !arguments.contains("CLONE_THREAD"),
            Kind::Reap => call == "waitid" || result > 0,
            _ => result >= 0,
        };
        if !counts {
            return None;
        }
        let number = self.counts.entry(*kind).or_default();
        *number += 1;
        let about = program.or_else(|| named(arguments)).unwrap_or_default();
        let child = child.filter(|_| *kind == Kind::Spawn);
        let point = Point { kind: *kind, number: *number };
        Some(Step { point, thread, child, what: format!("{call} {about}").trim_end().to_owned() })
    }
}

impl Reader {
    /// A child may say what program it becomes after its parent has gone on.
    fn complete(&self, step: &mut Step) {
        let program = step.child.and_then(|child| self.programs.get(&child));
        if let Some(program) = program.filter(|program| !step.what.ends_with(program.as_str())) {
            step.what = format!("{} {program}", step.what);
        }
    }
}

/// `"/usr/bin/git", ["git", "-c", "x", "fetch"], …` → `git -c x fetch`, shortened.
fn words(arguments: &str) -> String {
    let list = arguments.split_once('[').map_or("", |(_, list)| list.split_once(']').map_or(list, |(list, _)| list));
    let words: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
    let settings = |at: usize| words[at].starts_with("-c") || (at > 0 && words[at - 1] == "-c");
    let told: Vec<&str> = (0..words.len()).filter(|at| !settings(*at)).take(6).map(|at| short(words[at])).collect();
    told.join(" ")
}

/// The last path among the arguments: in quotes, or that of a descriptor in angle brackets.
fn named(arguments: &str) -> Option<String> {
    let quoted = arguments.rsplit('"').nth(1).filter(|_| arguments.contains('"'));
    let path = quoted.or_else(|| arguments.split_once('<')?.1.rsplit_once('>').map(|(path, _)| path))?;
    Some(short(path).to_owned())
}

/// The end of a long path.
fn short(path: &str) -> &str {
    match path.rmatch_indices('/').nth(2) {
        Some((at, _)) if path.starts_with('/') => &path[at + 1..],
        _ => path,
    }
}

/// What was seen of a life.
#[derive(Debug, Default)]
pub struct Seen {
    /// Its steps, in order.
    pub steps: Vec<Step>,
    /// The one it was killed at.
    pub killed: Option<Step>,
    /// Steps the killed thread took after that: the reader was too slow.
    pub late: usize,
}

/// Reads a trace while it is written, and kills.
pub struct Watch {
    thread: JoinHandle<Seen>,
    service: Arc<AtomicU32>,
    /// Open until strace has opened it, too.
    writer: Option<PipeWriter>,
    path: String,
}

impl Watch {
    /// Ready for a life that ends so.
    ///
    /// # Errors
    /// If there is no pipe to be had.
    pub fn new(end: End) -> Result<Self> {
        let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
        let path = format!("/proc/{}/fd/{}", std::process::id(), writer.as_raw_fd());
        let service = Arc::new(AtomicU32::new(0));
        let told = Arc::clone(&service);
        let thread = std::thread::spawn(move || follow(reader, end, &told));
        Ok(Self { thread, service, writer: Some(writer), path })
    }

    /// The arguments of strace before the program's own. What the service starts is let go (`-b execve`).
    pub fn arguments(&self) -> Vec<String> {
        let calls = KINDS.iter().flat_map(|(_, _, calls)| *calls).copied().collect::<Vec<_>>().join(",");
        // A call this machine's kernel does not have is no mistake: `?`, strace(1).
        let calls = calls.split(',').map(|call| format!("?{call}")).collect::<Vec<_>>().join(",");
        let trace = format!("trace={calls},execve");
        let inject = format!("inject={calls}:delay_exit={HOLD_MICROS}");
        ["-f", "-b", "execve", "-y", "-qq", "-s", "200", "-e", &trace, "-e", &inject, "-o", &self.path, "--"]
            .map(str::to_owned)
            .into()
    }

    /// The process of the service, once it has been seen.
    pub fn service(&self) -> Option<u32> {
        Some(self.service.load(Ordering::SeqCst)).filter(|pid| *pid > 0)
    }

    /// What was seen, once strace has ended.
    ///
    /// # Errors
    /// If the reader broke down.
    pub fn finish(mut self) -> Result<Seen> {
        drop(self.writer.take());
        self.thread.join().map_err(|_| anyhow::anyhow!("the reader of the trace broke down"))
    }
}

fn follow(reader: PipeReader, end: End, service: &AtomicU32) -> Seen {
    let mut lines = Reader::default();
    let mut seen = Seen::default();
    let mut pid = None;
    for line in BufReader::new(reader).lines().map_while(Result::ok) {
        if pid.is_none() {
            // Its first line is the service's own start, in its first thread.
            pid = line.split_whitespace().next().and_then(|word| word.parse::<u32>().ok());
            service.store(pid.unwrap_or(0), Ordering::SeqCst);
        }
        let Some(step) = lines.read(&line) else { continue };
        let here = match end {
            End::Asked => false,
            End::At(point) => step.point == point,
            End::After(count) => seen.steps.len() + 1 == count,
        };
        match &seen.killed {
            None if here => {
                let raw = pid.and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
                if raw.is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok()) {
                    seen.killed = Some(step.clone());
                }
            }
            Some(killed) => seen.late += usize::from(killed.thread == step.thread),
            None => {}
        }
        seen.steps.push(step);
    }
    if let Some(killed) = &mut seen.killed {
        lines.complete(killed);
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = r#"7 execve("/bin/orch", ["orch", "up"], 0x7ffe /* 9 vars */) = 0
7 mkdir("/s/state", 0700) = -1 EEXIST (File exists) (DELAYED)
7 mkdir("/s/state/forge", 0700) = 0 (DELAYED)
7 fsync(12</s/state/orch.db>)             = 0 (DELAYED)
7 clone3({flags=CLONE_VM|CLONE_THREAD, exit_signal=0} => {parent_tid=[8]}, 88) = 8 (DELAYED)
8 clone3({flags=CLONE_VM|CLONE_VFORK, exit_signal=SIGCHLD}, 88 <unfinished ...>
9 execve("/usr/bin/git", ["/usr/bin/git", "-c", "a=b", "fetch", "/a/b/c/d/e"], 0x1 /* 3 vars */ <unfinished ...>
7 fdatasync(13</s/state/orch.db-wal> <unfinished ...>
8 <... clone3 resumed>) = 9 (DELAYED)
7 <... fdatasync resumed>) = 0 (DELAYED)
7 --- SIGCHLD {si_signo=SIGCHLD, si_pid=9} ---
8 wait4(9, [{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 9 (DELAYED)
8 unlinkat(5</s/state/places/x>, "f", 0) = 0 (DELAYED)
7 +++ killed by SIGKILL +++
"#;

    #[test]
    fn steps_are_numbered_over_all_threads() {
        let mut reader = Reader::default();
        let steps: Vec<String> = TRACE
            .lines()
            .filter_map(|line| reader.read(line))
            .map(|step| format!("{} {} {}", step.thread, step.point, step.what))
            .collect();
        let git = "/usr/bin/git fetch c/d/e".replace("/usr/bin/git", "usr/bin/git");
        let expected = [
            "7 folder:1 mkdir s/state/forge".to_owned(),
            "7 sync:1 fsync s/state/orch.db".to_owned(),
            format!("8 spawn:1 clone3 {git}"),
            "7 sync:2 fdatasync s/state/orch.db-wal".to_owned(),
            format!("8 reap:1 wait4 {git}"),
            "8 remove:1 unlinkat f".to_owned(),
        ];
        assert_eq!(steps, expected);
    }

    #[test]
    fn a_point_is_read_as_it_is_shown() {
        for (kind, _, _) in KINDS {
            let point = Point { kind: *kind, number: 7 };
            assert_eq!(point.to_string().parse(), Ok(point));
        }
        for wrong in ["", "sync", "sync:", "sync:0", "sync:x", "write:1"] {
            assert!(wrong.parse::<Point>().is_err(), "{wrong}");
        }
    }
}
