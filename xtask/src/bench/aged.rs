//! A task in an old state folder against one in a young one: what grows with what is over shows here.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::figure::{Figure, Goal, median};
use super::{Bench, examples, strace, task};
use crate::sandbox::{NO_WORK, Sandbox};
use crate::{interrupt, process, root};

/// Finished tasks of an old state.
const MANY: u32 = 10_000;
/// Tasks that are timed in either state; the middle counts.
const TIMED: usize = 5;
/// After this long the upkeep that a start and a task set going is over.
const SETTLE: Duration = Duration::from_secs(4);

/// `aged_task`, `aged_git_processes`, `aged_fsyncs`, `aged_state`: a no-work task beside ten thousand finished ones, against
/// the same beside two.
///
/// # Errors
/// If there is no strace, a task fails, or the state cannot be aged.
pub fn against_young(bench: &Bench) -> Result<Vec<Figure>> {
    let young = measured(&lived(bench)?)?;
    let sandbox = lived(bench)?;
    age(&sandbox, MANY)?;
    let old = measured(&sandbox)?;
    let against = |name: &str, of: fn(&Seen) -> f64, unit: &str, goal| Figure {
        baseline: Some(of(&young)),
        ..Figure::new(name, of(&old), unit, goal)
    };
    #[expect(clippy::cast_precision_loss, reason = "a state folder stays far below 2^52 bytes")]
    let each = bytes(&sandbox.path("state"))? as f64 / f64::from(MANY);
    Ok(vec![
        against("aged_task", |seen| seen.ms, "ms", Goal::RatioAtMost(1.3)),
        against("aged_git_processes", |seen| seen.git, "count", Goal::RatioAtMost(1.1)),
        against("aged_fsyncs", |seen| seen.syncs, "count", Goal::RatioAtMost(1.1)),
        Figure::new("aged_state", each / 1e3, "kB", Goal::ValueAtMost(20.0)),
    ])
}

struct Seen {
    ms: f64,
    git: f64,
    syncs: f64,
}

/// A sandbox in which two tasks have landed.
fn lived(bench: &Bench) -> Result<Sandbox> {
    let sandbox = Sandbox::with_agent(bench.binary(), NO_WORK, "true")?;
    let running = sandbox.up()?;
    task::land(&sandbox)?;
    task::land(&sandbox)?;
    pause(SETTLE)?;
    drop(running);
    Ok(sandbox)
}

fn measured(sandbox: &Sandbox) -> Result<Seen> {
    let trace = sandbox.path("trace");
    let running = sandbox.up_traced(&strace::arguments(&trace))?;
    task::land(sandbox)?;
    pause(SETTLE)?;
    let start = strace::now();
    task::land(sandbox)?;
    let during = start..strace::now();
    drop(running);
    let text = fs::read_to_string(&trace).with_context(|| format!("cannot read {}", trace.display()))?;
    let counts = strace::count(&text, &during);
    let running = sandbox.up()?;
    task::land(sandbox)?;
    let mut times = Vec::new();
    for _ in 0..TIMED {
        times.push(task::land(sandbox)?.as_secs_f64() * 1e3);
    }
    pause(SETTLE)?;
    drop(running);
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    let (git, syncs) = (counts.git() as f64, counts.syncs as f64);
    Ok(Seen { ms: median(times).context("no task was timed")?, git, syncs })
}

/// The numbers of the old tasks lie above this one, here and in the database.
const ABOVE: u32 = 1_000_000;
/// Documents of a task of the built-in line.
const DOCUMENTS: [&str; 4] = ["01-brd.md", "06-adr/ADR-001-none.md", "12-review.md", "13-test-report.md"];
/// Of so many tasks a repository as `orch init` makes it keeps the documents on main, and so many leave at once.
const KEPT: (u32, u32) = (100, 20);

/// So many further finished tasks: a commit on main with its documents, and the rows of the last one, for each.
fn age(sandbox: &Sandbox, tasks: u32) -> Result<()> {
    let forge = sandbox.forge();
    let git = |arguments: &[&str], input: &str| -> Result<String> {
        let mut git = Command::new("git");
        git.arg("--git-dir").arg(&forge).args(arguments);
        process::fed(&mut git, input)
    };
    let mut story = String::new();
    for number in 1..=tasks {
        let (item, from) =
            (format!("REPO-{}", ABOVE + number), if number == 1 { "from refs/heads/main^0\n" } else { "" });
        let subject = format!("No work ({item})\n\nRefs: {item}\n");
        let line = format!("no work {number}\n");
        write!(
            story,
            "commit refs/heads/main\ncommitter old <old@localhost> {} +0000\ndata {}\n{subject}\n{from}M 100644 inline \
             work.txt\ndata {}\n{line}\n",
            1_700_000_000 + number,
            subject.len(),
            line.len()
        )?;
        for name in DOCUMENTS {
            let text = format!("# {name}\n\nWhat was to be said of {item}.\n");
            writeln!(story, "M 100644 inline docs/work-items/{item}/{name}\ndata {}\n{text}", text.len())?;
        }
        if number > KEPT.0 && number.is_multiple_of(KEPT.1) {
            let last = number - KEPT.0;
            for gone in last + 1 - KEPT.1..=last {
                writeln!(story, "D docs/work-items/REPO-{}", ABOVE + gone)?;
            }
        }
    }
    git(&["fast-import", "--quiet", "--force"], &story)?;
    let main = git(&["rev-parse", "refs/heads/main"], "")?.trim().to_owned();
    // Somebody has brought home what landed.
    sandbox.git(&["fetch", "--quiet", &forge.display().to_string(), "main"], "repository")?;
    sandbox.git(&["reset", "--quiet", "--hard", "FETCH_HEAD"], "repository")?;
    examples::age(&root::find()?, tasks, &sandbox.database()?, &main)
}

/// Bytes of the files below a folder.
fn bytes(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let entry = entry?;
            match entry.metadata()? {
                found if found.is_dir() => waiting.push(entry.path()),
                found => sum += found.len(),
            }
        }
    }
    Ok(sum)
}

fn pause(time: Duration) -> Result<()> {
    anyhow::ensure!(!interrupt::happened(), "interrupted");
    std::thread::sleep(time);
    Ok(())
}
