//! Counting system calls in a trace written by `strace -f -ttt -o FILE`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The system calls worth tracing: writing to the disk for good, and starting a program.
const CALLS: &str = "trace=fsync,fdatasync,syncfs,sync,execve,execveat";

/// The arguments before the traced program's own.
pub fn arguments(trace: &Path) -> Vec<String> {
    let trace = trace.display().to_string();
    ["-f", "-ttt", "-qq", "-e", CALLS, "-o", &trace, "--"].map(str::to_owned).into()
}

/// Seconds since 1970, as the trace counts them.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}

/// What happened in a stretch of a trace.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that wait for the disk.
    pub syncs: usize,
    /// Programs started, by the last part of their path.
    pub programs: Vec<String>,
}

impl Counts {
    /// How many of the started programs are git, its own subcommands included.
    pub fn git(&self) -> usize {
        self.programs.iter().filter(|name| *name == "git" || name.starts_with("git-")).count()
    }
}

/// Counts what began within `during` (seconds since 1970).
pub fn count(trace: &str, during: &Range<f64>) -> Counts {
    let mut counts = Counts::default();
    // A call that another thread interrupts is finished on a second line,
    // `<... execve resumed>) = 0`; until then it is not known whether the program was there.
    let mut begun: BTreeMap<&str, String> = BTreeMap::new();
    for line in trace.lines() {
        // `1234 1700000000.123456 fsync(5) = 0`
        let Some((thread, rest)) = line.trim_start().split_once(' ') else {
            continue;
        };
        let Some((time, call)) = rest.trim_start().split_once(' ') else {
            continue;
        };
        if call.starts_with("<... execve") {
            counts.programs.extend(begun.remove(thread).filter(|_| !failed(call)));
            continue;
        }
        if !time.parse().is_ok_and(|time: f64| during.contains(&time)) {
            continue;
        }
        let Some((name, arguments)) = call.split_once('(') else {
            continue;
        };
        match name {
            "fsync" | "fdatasync" | "syncfs" | "sync" => counts.syncs += 1,
            "execve" | "execveat" => match program(arguments) {
                Some(program) if call.ends_with("<unfinished ...>") => {
                    begun.insert(thread, program);
                }
                program => counts.programs.extend(program.filter(|_| !failed(call))),
            },
            _ => {}
        }
    }
    counts.programs.extend(begun.into_values());
    counts
}

/// A search along PATH fails in every folder but the last.
fn failed(call: &str) -> bool {
    call.contains(") = -1 ")
}

/// `"/usr/bin/git", ["git", …` → `git`
fn program(arguments: &str) -> Option<String> {
    let path = arguments.split('"').nth(1)?;
    path.rsplit('/').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = r#"11 100.000001 execve("/usr/bin/orch", ["orch", "up"], 0x7ffe /* 9 vars */) = 0
11 101.500000 fsync(5) = 0
12 101.600000 fdatasync(6 <unfinished ...>
11 101.700000 execve("/usr/local/bin/git", ["git", "fetch"], 0x1 /* 3 vars */) = -1 ENOENT (No such file or directory)
11 101.700100 execve("/usr/bin/git", ["git", "fetch"], 0x1 /* 3 vars */) = 0
12 101.800000 <... fdatasync resumed>) = 0
11 101.900000 +++ exited with 0 +++
11 109.000000 fsync(5) = 0
"#;

    #[test]
    fn what_began_in_the_stretch_is_counted() {
        let counts = count(TRACE, &(101.0..105.0));
        assert_eq!(counts, Counts { syncs: 2, programs: vec!["git".to_owned()] });
        assert_eq!(counts.git(), 1);
        assert_eq!(count(TRACE, &(0.0..200.0)).syncs, 3);
        assert_eq!(count(TRACE, &(0.0..101.0)).programs, ["orch"]);
        assert_eq!(count("", &(0.0..200.0)), Counts::default());
    }

    #[test]
    fn an_interrupted_call_is_counted_once_it_is_known() {
        let trace = "7 1.0 execve(\"/a/git\", [\"git\"], 0x1 <unfinished ...>\n8 1.1 fsync(3) = 0\n\
                     7 1.2 <... execve resumed>) = -1 ENOENT (No such file or directory)\n\
                     7 1.3 execve(\"/b/git\", [\"git\"], 0x1 <unfinished ...>\n\
                     7 1.4 <... execve resumed>) = 0\n";
        let counts = count(trace, &(0.0..2.0));
        assert_eq!(counts, Counts { syncs: 1, programs: vec!["git".to_owned()] });
    }

    #[test]
    fn only_git_is_git() {
        let counts =
            Counts { syncs: 0, programs: ["git", "git-remote-https", "gitea", "sh"].map(str::to_owned).into() };
        assert_eq!(counts.git(), 2);
    }
}
