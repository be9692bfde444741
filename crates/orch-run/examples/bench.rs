//! Figures of runs (`cargo xtask bench`): many sleeping ones at once, launched through a host.
//!
//! `supervisor_memory`: anonymous memory of a supervisor whose agent sleeps, the mean of them all. `host_memory`: that
//! of their host. `host_launch`: from the request to the held lock, the mean, against the same launch without a host.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use orch_run::host::{BETWEEN, FOR_SERVICE, Home, Host, StartedBy, Starter, serve, start_again};
use orch_run::{RunDirectory, SUBCOMMAND, Spec, launch, request_stop, supervise, wait};
use serde_json::{Value, json};

/// Runs at once.
const MANY: u32 = 200;
/// Launches without a host, for the baseline.
const BARE: u32 = 20;
/// Pages of programs are shared; this is what a supervisor costs of its own, in kilobytes (10^3 bytes).
const SUPERVISOR_GOAL: f64 = 1000.0;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let done = match words.as_slice() {
        [word, directory] if word == SUBCOMMAND => return supervise(Path::new(directory)).into(),
        [word, how] if word == "host" && how == BETWEEN => start_again().map_err(Into::into),
        [word, how] if word == "host" && how == FOR_SERVICE => {
            let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).unwrap_or_default();
            let home = Home { folder: folder("HOST_FOLDER"), runs: folder("HOST_RUNS") };
            serve(&home, "bench", StartedBy::Service).map(drop).map_err(Into::into)
        }
        _ => measure(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&*error);
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let home = Home { folder: folder.path().join("host"), runs: folder.path().join("runs") };
    std::fs::create_dir(&home.runs)?;
    let program = std::env::current_exe()?;
    let environment = [("HOST_FOLDER", &home.folder), ("HOST_RUNS", &home.runs)];
    let environment = environment.map(|(name, path)| (name.into(), path.into())).into();
    let host = Host::new(home.clone(), Starter { program: program.clone(), environment });
    let host_pid = host.ensure()?.hello.pid;
    let spec = sleeper(folder.path())?;
    let create = |name: String| RunDirectory::create(&home.runs, &name, &spec);

    let (many, launched_ms) = timed(MANY, |n| {
        let run = create(format!("run-{n}"))?;
        host.launch(&run, &program)?;
        Ok(run)
    })?;
    let live = host.list()?.unwrap_or_default().len();
    if live != many.len() {
        return Err(format!("{live} of {MANY} runs live").into());
    }
    let supervisors = many.iter().map(supervisor_pid).collect::<Outcome<Vec<_>>>()?;
    let memory = supervisors.iter().map(|pid| anonymous_kb(*pid)).sum::<Outcome<f64>>()? / f64::from(MANY);
    let host_memory = anonymous_kb(host_pid)?;
    let (bare, bare_ms) = timed(BARE, |n| {
        let run = create(format!("bare-{n}"))?;
        launch(&run, &program)?;
        Ok(run)
    })?;
    for run in many.iter().chain(&bare) {
        request_stop(run)?;
    }
    for run in many.iter().chain(&bare) {
        wait(run)?;
    }
    host.release()?;
    tell("supervisor_memory", memory, "kB", None, json!([{"value_at_most": SUPERVISOR_GOAL}]));
    tell("host_memory", host_memory, "kB", None, json!([{"value_at_most": 2.0 * SUPERVISOR_GOAL}]));
    tell("host_launch", launched_ms, "ms", Some(bare_ms), json!([{"ratio_at_most": 2.0}]));
    Ok(())
}

/// Does it so often; what came of it, and the mean milliseconds.
fn timed(times: u32, one: impl Fn(u32) -> Outcome<RunDirectory>) -> Outcome<(Vec<RunDirectory>, f64)> {
    let begun = Instant::now();
    let made = (0..times).map(one).collect::<Outcome<Vec<_>>>()?;
    Ok((made, begun.elapsed().as_secs_f64() * 1000.0 / f64::from(times)))
}

fn sleeper(folder: &Path) -> Outcome<Spec> {
    // What is left out is what holds by default.
    Ok(serde_json::from_value(json!({
        "kind": "check", "argv": ["sleep", "1000000"], "cwd": folder, "env": {"PATH": "/usr/bin:/bin"},
        "stdin": "null", "deadline_ms": 600_000, "stall_ms": 0, "stop_grace_ms": 5_000, "finish": [],
        "finish_deadline_ms": 1_000, "result_file": null, "output_cap_bytes": 1_000_000,
    }))?)
}

fn supervisor_pid(run: &RunDirectory) -> Outcome<i32> {
    let started: Value = serde_json::from_slice(&std::fs::read(run.path().join("started.json"))?)?;
    let pid = started["supervisor"]["pid"].as_i64().ok_or("started.json names no supervisor")?;
    Ok(i32::try_from(pid)?)
}

/// `RssAnon` of proc_pid_status(5), which counts in units of 1024 bytes.
fn anonymous_kb(pid: i32) -> Outcome<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).ok_or("no RssAnon")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1.024)
}

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
fn tell(name: &str, value: f64, unit: &str, baseline: Option<f64>, goals: Value) {
    println!("{}", json!({"name": name, "value": value, "unit": unit, "baseline": baseline, "goals": goals}));
}

#[expect(clippy::print_stderr, reason = "whoever measures must hear why there is no figure")]
fn complain(error: &dyn std::error::Error) {
    eprintln!("{error}");
}
