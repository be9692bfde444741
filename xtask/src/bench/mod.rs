//! `cargo xtask bench`: named measurements, each with its unit, its baseline and its goal.
//!
//! What is measured from outside (a process that is ready, idle, traced) is in this folder. What
//! is measured from inside stands beside what it measures: `examples/bench.rs` of a crate
//! (`examples.rs` here says what it prints).

mod aged;
mod examples;
mod figure;
mod idle;
mod issues;
mod lists;
mod ready;
mod strace;
mod sweeps;
mod task;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::Args;

use self::figure::Figure;
use crate::{interrupt, process, root};

/// What to measure and how to show it.
#[derive(Args)]
pub struct Options {
    /// Only these measurements; without a name: all.
    names: Vec<String>,
    /// One JSON object a line: name, value, unit, baseline, ratio, goal, met.
    #[arg(long)]
    json: bool,
    /// The `orch` binary to measure; without it a release build is made.
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// Fail if a goal is not met; without it only a measurement that breaks fails.
    #[arg(long)]
    check: bool,
    /// Name the measurements of this folder and end.
    #[arg(long)]
    list: bool,
}

/// Some figures that come from one run.
struct Measurement {
    /// Names of the figures, in the order in which `run` returns them.
    names: &'static [&'static str],
    /// What is measured, for `--list`.
    what: &'static str,
    /// Measures.
    run: fn(&Bench) -> Result<Vec<Figure>>,
}

/// A new measurement is a file in this folder and a line here.
const MEASUREMENTS: &[Measurement] = &[
    Measurement {
        names: &["ready_empty"],
        what: "from the start of `orch up` with an empty database to the first 200 of /readyz",
        run: ready::empty,
    },
    Measurement {
        names: &["ready_million"],
        what: "the same with a million finished tasks in the database",
        run: ready::million,
    },
    Measurement {
        names: &["idle_memory", "idle_wakeups"],
        what: "resident memory and wake-ups a second of `orch up` and its children, with nothing to do",
        run: idle::at_rest,
    },
    Measurement {
        names: &["idle_fsyncs", "idle_git_processes"],
        what: "fsync calls and git processes of `orch up`, with nothing to do, under strace",
        run: idle::traced,
    },
    Measurement {
        names: &["new_issues", "new_issue_p99", "new_issue_cpu", "new_issue_written"],
        what: "issues a second that 64 clients file over HTTP and get the ids of, and what `orch up` writes for each",
        run: issues::filed,
    },
    Measurement {
        names: &["list_of_50", "show_one", "queue_at_a_glance", "memory_after_lists"],
        what: "a list of 50, one task and the queue over HTTP beside 10,000 open tasks in one line, and resident memory after all were listed",
        run: lists::looked_at,
    },
    Measurement {
        names: &["sweep_cpu", "sweep_written"],
        what: "processor time of a sweep, and what it writes, beside 5,000 tasks that wait",
        run: sweeps::beside_many,
    },
    Measurement {
        names: &["no_work_task"],
        what: "a task whose agents do no work, from `orch new` to main, against a script of the git commands it needs",
        run: task::against_script,
    },
    Measurement {
        names: &["task_git_processes", "task_fsyncs"],
        what: "git processes and disk syncs of such a task, service, supervisors and agents together, under strace",
        run: task::counted,
    },
    Measurement {
        names: &["committed_git_processes"],
        what: "git processes of such a task with attributes, a set-up and agents that commit, their own gits included",
        run: task::committed,
    },
    Measurement {
        names: &["aged_task", "aged_git_processes", "aged_fsyncs", "aged_state"],
        what: "such a task, and the state folder for each task, beside ten thousand finished tasks, against beside two",
        run: aged::against_young,
    },
];

/// What every measurement may use.
pub struct Bench {
    binary: PathBuf,
}

impl Bench {
    /// The `orch` binary to measure, an absolute path.
    pub fn binary(&self) -> &std::path::Path {
        &self.binary
    }
}

/// Measures and prints.
///
/// # Errors
/// If the binary cannot be built, or a name is unknown.
pub fn run(options: &Options) -> Result<ExitCode> {
    if options.list {
        for measurement in MEASUREMENTS {
            println!("{}: {}", measurement.names.join(", "), measurement.what);
        }
        return Ok(ExitCode::SUCCESS);
    }
    interrupt::watch()?;
    let root = root::find()?;
    let wanted = |name: &str| options.names.is_empty() || options.names.iter().any(|wanted| wanted == name);

    let mut report = Report { json: options.json, figures: Vec::new(), broken: 0 };
    let chosen: Vec<&Measurement> =
        MEASUREMENTS.iter().filter(|measurement| measurement.names.iter().any(|name| wanted(name))).collect();
    if !chosen.is_empty() {
        let bench = Bench { binary: binary(options.binary.as_deref(), &root)? };
        for measurement in chosen {
            if interrupt::happened() {
                return Ok(ExitCode::from(130));
            }
            match (measurement.run)(&bench) {
                Ok(figures) => {
                    figures.into_iter().filter(|figure| wanted(&figure.name)).for_each(|figure| report.add(figure))
                }
                Err(error) => report.broke(measurement.names, &error),
            }
        }
    }
    let known = |name: &str| MEASUREMENTS.iter().any(|measurement| measurement.names.contains(&name));
    if options.names.is_empty() || !options.names.iter().all(|name| known(name)) {
        for package in examples::packages(&root)? {
            if interrupt::happened() {
                return Ok(ExitCode::from(130));
            }
            match examples::run(&root, &package, &options.names) {
                Ok(figures) => {
                    figures.into_iter().filter(|figure| wanted(&figure.name)).for_each(|figure| report.add(figure))
                }
                Err(error) => report.broke(&[package.as_str()], &error),
            }
        }
    }
    for name in &options.names {
        anyhow::ensure!(
            report.broken > 0 || report.figures.iter().any(|figure| figure.name == *name),
            "there is no measurement `{name}`; `cargo xtask bench --list` names those of xtask"
        );
    }
    Ok(report.finish(options.check))
}

/// The binary that was named, or a release build of the product; an absolute path.
///
/// # Errors
/// If there is none, or it cannot be built.
pub fn binary(named: Option<&std::path::Path>, root: &std::path::Path) -> Result<PathBuf> {
    if let Some(path) = named {
        return path.canonicalize().with_context(|| format!("no binary at {}", path.display()));
    }
    eprintln!("building the release binary");
    process::read(
        Command::new(root::cargo())
            .args(["build", "--quiet", "--release", "--package", "orchestrion"])
            .current_dir(root),
    )?;
    Ok(examples::target_folder(root)?.join("release/orch"))
}

struct Report {
    json: bool,
    figures: Vec<Figure>,
    broken: usize,
}

impl Report {
    fn add(&mut self, figure: Figure) {
        if self.json {
            println!("{}", figure.json());
        }
        self.figures.push(figure);
    }

    fn broke(&mut self, names: &[&str], error: &anyhow::Error) {
        self.broken += 1;
        eprintln!("{}: not measured: {error:#}", names.join(", "));
    }

    fn finish(&self, check: bool) -> ExitCode {
        if !self.json && !self.figures.is_empty() {
            print!("{}", figure::table(&self.figures));
        }
        let missed = self.figures.iter().any(|figure| figure.met() == Some(false));
        if self.broken > 0 || (check && missed) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}
