//! `cargo xtask chaos`: the service killed from outside at its durable steps, one task each time, and everything that
//! must hold afterwards (X2, X3).
//!
//! A first life shows the steps (`trace`); some of them are chosen (`points`); each is the end of another life
//! (`life`, `crash`), after which the service is started in peace and looked at from outside (`audit`).

mod audit;
mod crash;
mod life;
mod points;
mod storm;
mod trace;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;

use self::crash::Outcome;
use self::trace::{Point, Step};
use crate::{bench, interrupt, process, root};

/// One in so many points is followed by a second kill.
const SECOND_KILLS: usize = 5;
/// The second kill is at one of so many first steps of the recovery.
const RECOVERY: usize = 60;

/// Where to kill and how to show it.
#[derive(Args)]
pub struct Options {
    /// How many points are killed at, evenly spread over those there are.
    #[arg(long, default_value_t = 25)]
    points: usize,
    /// Kill at all of them.
    #[arg(long, conflicts_with = "points")]
    all: bool,
    /// Which points of equally good ones, and which second kills.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only this one: `sync:12` is the twelfth file made durable; or `supervisor`.
    #[arg(long, value_name = "KIND:N", conflicts_with_all = ["points", "all"])]
    point: Option<Place>,
    /// With `--point`: a second kill at this step of the recovery.
    #[arg(long, value_name = "STEP", requires = "point")]
    again: Option<usize>,
    /// Not one kill at one step, but kills and faults of the machine for so many seconds, over two repositories.
    #[arg(long, value_name = "N", conflicts_with_all = ["points", "all", "point"])]
    seconds: Option<u64>,
    /// With `--seconds`: at most so many rounds.
    #[arg(long, value_name = "N", requires = "seconds", default_value_t = u32::MAX, hide_default_value = true)]
    rounds: u32,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    /// The `orch` binary to kill; without it a release build is made.
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
}

/// What is killed.
#[derive(Clone, Copy)]
enum Place {
    /// The service, at a step.
    Step(Point),
    /// The supervisor of a working agent.
    Supervisor,
}

impl std::str::FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "supervisor" { Ok(Self::Supervisor) } else { text.parse().map(Self::Step) }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Step(point) => point.fmt(f),
            Self::Supervisor => f.write_str("supervisor"),
        }
    }
}

/// Kills and tells.
///
/// # Errors
/// If the binary cannot be built, or a task does not land even when nothing is killed.
pub fn run(options: &Options) -> Result<ExitCode> {
    if let Some(seconds) = options.seconds {
        return storm(options, seconds);
    }
    if !process::succeeds(Command::new("strace").arg("-V")) {
        println!("not run here: chaos: strace is missing; install it to kill at system calls");
        return Ok(ExitCode::SUCCESS);
    }
    interrupt::watch()?;
    let binary = bench::binary(options.binary.as_deref(), &root::find()?)?;
    let chosen = match options.point {
        Some(place) => vec![(place, options.again)],
        None => chosen(options, &binary)?,
    };
    let mut report = Report { json: options.json, killed: 0, of: chosen.len(), violations: 0 };
    for (place, again) in chosen {
        if interrupt::happened() {
            return Ok(ExitCode::from(130));
        }
        let start = Instant::now();
        let outcome = match place {
            Place::Step(point) => crash::of_the_service(&binary, point, again)?,
            Place::Supervisor => crash::of_a_supervisor(&binary)?,
        };
        report.add(place, again, &outcome, start);
    }
    Ok(report.finish())
}

fn storm(options: &Options, seconds: u64) -> Result<ExitCode> {
    interrupt::watch()?;
    let binary = bench::binary(options.binary.as_deref(), &root::find()?)?;
    let outcome = storm::run(&binary, Duration::from_secs(seconds), options.rounds, options.seed)?;
    if options.json {
        println!("{}", outcome.json(options.seed));
    } else {
        for (kind, rounds) in &outcome.rounds {
            println!("{rounds:4} {kind}");
        }
        outcome.not_run.iter().for_each(|kind| println!("not run here: {kind}"));
        outcome.violations.iter().for_each(|violation| println!("FAIL {violation}"));
        let rounds: u32 = outcome.rounds.values().sum();
        println!("rounds: {rounds}, {:?}, violations: {}", outcome.counts, outcome.violations.len());
    }
    Ok(if outcome.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The points of a life in which nothing is killed, and where a second kill follows.
fn chosen(options: &Options, binary: &Path) -> Result<Vec<(Place, Option<usize>)>> {
    let whole = crash::uninjured(binary)?;
    anyhow::ensure!(
        whole.violations.is_empty(),
        "without any kill this does not hold:\n  {}",
        whole.violations.join("\n  ")
    );
    let steps = &whole.lives.first().context("no life was seen")?.steps;
    let all = points::worthwhile(steps);
    eprintln!("{} durable steps, {} of them worth a kill", steps.len(), all.len());
    let count = if options.all { all.len() } else { options.points };
    let places = points::spread(&all, count, options.seed).into_iter().enumerate().map(|(at, point)| {
        let second = at % SECOND_KILLS == SECOND_KILLS - 1;
        (Place::Step(point), second.then(|| 1 + points::below(options.seed, at, RECOVERY)))
    });
    Ok(places.chain([(Place::Supervisor, None)]).collect())
}

struct Report {
    json: bool,
    killed: usize,
    of: usize,
    violations: usize,
}

impl Report {
    fn add(&mut self, place: Place, again: Option<usize>, outcome: &Outcome, start: Instant) {
        let ends: Vec<Option<&Step>> = outcome.lives.iter().map(|life| life.killed.as_ref()).collect();
        let killed = !ends.is_empty() && ends[0].is_some() || matches!(place, Place::Supervisor);
        let late: usize = outcome.lives.iter().map(|life| life.late).sum();
        self.killed += usize::from(killed);
        self.violations += usize::from(!outcome.violations.is_empty());
        let what = |end: &Option<&Step>| end.map_or("not reached", |step| step.what.as_str()).to_owned();
        let told: Vec<String> = match place {
            Place::Step(_) => ends.iter().map(what).collect(),
            Place::Supervisor => vec!["of a working agent".to_owned()],
        };
        let repeat = again.map_or_else(String::new, |step| format!(" --again {step}"));
        let repeat = format!("cargo xtask chaos --point {place}{repeat}");
        if self.json {
            let line = json!({
                "point": place.to_string(), "again": again, "at": told, "killed": killed, "late": late,
                "milliseconds": u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
                "violations": outcome.violations, "repeat": repeat,
            });
            println!("{line}");
            return;
        }
        let late = if late > 0 { format!(" ({late} steps late)") } else { String::new() };
        let mark = if outcome.violations.is_empty() { "ok  " } else { "FAIL" };
        let seconds = start.elapsed().as_secs_f64();
        println!("{mark} {:12} {}{late}  {seconds:.1} s", place.to_string(), told.join(", then "));
        for violation in &outcome.violations {
            println!("       {violation}");
        }
        if !outcome.violations.is_empty() {
            println!("       repeat it: {repeat}");
        }
    }

    fn finish(&self) -> ExitCode {
        let Self { killed, of, violations, .. } = self;
        if self.json {
            println!("{}", json!({"points": of, "killed": killed, "violations": violations}));
        } else {
            println!("points killed: {killed} of {of}, violations: {violations}");
        }
        if *violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
