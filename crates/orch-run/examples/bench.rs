//! Figures of runs (`cargo xtask bench`).
//!
//! Many sleeping ones at once, launched through a host: `runs_live`, those that have a supervisor and a command;
//! `supervisor_memory`, anonymous memory of a supervisor, the mean of them all; `runs_memory`, that of all of them with
//! their host; `host_memory`, that of the host; `host_launch`, from the request to the held lock, the mean, against the
//! same launch without a host; `runs_left`, processes that are there after all were asked to stop and waited for.
//!
//! `launch_overhead`: a run of `true` at level 3, from no run directory to its result, over a bare start of the same
//! command; medians of runs that take turns. `launch_overhead_…`: the same at the other levels.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use orch_run::host::{BETWEEN, FOR_SERVICE, Home, Host, StartedBy, Starter, serve, start_again};
use orch_run::{
    Account, CONFINE, Confinement, Ended, Made, RunDirectory, SUBCOMMAND, Spec, Trial, available, await_output,
    confine, launch, request_stop, supervise, wait,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, pidfd_open};
use serde_json::{Value, json};

/// Runs at once.
const MANY: u32 = 200;
/// For a command to say its first word.
const PATIENCE: Duration = Duration::from_secs(60);
/// Launches without a host, for the baseline.
const BARE: u32 = 20;
/// Rounds of the launches that take turns.
const ROUNDS: usize = 41;
/// What a run may take longer than its bare command, in milliseconds.
const OVERHEAD_GOAL: f64 = 30.0;
/// Pages of programs are shared; this is what a supervisor costs of its own, in kilobytes (10^3 bytes).
const SUPERVISOR_GOAL: f64 = 1000.0;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let done = match words.as_slice() {
        [word, directory] if word == SUBCOMMAND => return supervise(Path::new(directory)).into(),
        [word] if word == CONFINE => return confine(|_, _| ExitCode::from(2)),
        [word, how] if word == "host" && how == BETWEEN => start_again().map_err(Into::into),
        [word, how] if word == "host" && how == FOR_SERVICE => {
            let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).unwrap_or_default();
            let home = Home { folder: folder("HOST_FOLDER"), runs: folder("HOST_RUNS") };
            serve(&home, "bench", StartedBy::Service).map(drop).map_err(Into::into)
        }
        names => measure(names),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&*error);
            ExitCode::FAILURE
        }
    }
}

fn measure(names: &[std::ffi::OsString]) -> Outcome<()> {
    let wanted = |of: &[&str]| names.is_empty() || of.iter().any(|one| names.iter().any(|name| name == one));
    if wanted(&["runs_live", "supervisor_memory", "runs_memory", "host_memory", "host_launch", "runs_left"]) {
        many_at_once()?;
    }
    for (name, level) in [
        ("launch_overhead", Confinement::Bubblewrap),
        ("launch_overhead_l2", Confinement::Landlock),
        ("launch_overhead_l2_open", Confinement::Shared),
        ("launch_overhead_l1", Confinement::Account),
        ("launch_overhead_unconfined", Confinement::None),
    ] {
        if wanted(&[name]) {
            launch_overhead(name, level)?;
        }
    }
    Ok(())
}

fn many_at_once() -> Outcome<()> {
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
    for run in &many {
        // What is in the log was written by a supervisor that has recorded its command.
        if !await_output(run, 0, PATIENCE)? {
            return Err(format!("{} did not start its command", run.run_id()).into());
        }
    }
    let listed = host.list()?.unwrap_or_default().len();
    let sleeping = many.iter().filter(|run| agent_pid(run).is_ok_and(alive)).count();
    let supervisors = many.iter().map(supervisor_pid).collect::<Outcome<Vec<_>>>()?;
    let agents = many.iter().map(agent_pid).collect::<Outcome<Vec<_>>>()?;
    let together = supervisors.iter().map(|pid| anonymous_kb(*pid)).sum::<Outcome<f64>>()?;
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
    let left = supervisors.iter().chain(&agents).filter(|pid| !gone(**pid)).count();
    host.release()?;
    let count = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    tell("runs_live", count(listed.min(sleeping)), "count", None, json!([{"value_at_least": MANY}]));
    tell("runs_left", count(left), "count", None, json!([{"value_at_most": 0}]));
    let all_mb = (together + host_memory) / 1000.0;
    tell("runs_memory", all_mb, "MB", None, json!([{"value_at_most": f64::from(MANY) * SUPERVISOR_GOAL / 1000.0}]));
    let memory = together / f64::from(MANY);
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

/// Medians of `true` as a run and of the bare command, one after the other so that both meet the same machine.
fn launch_overhead(name: &str, level: Confinement) -> Outcome<()> {
    let root = rustix::process::geteuid().is_root();
    let folder = tempfile::tempdir()?;
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let program = std::env::current_exe()?;
    let trial = Trial { user: None, program: &program, folder: folder.path(), command: &[], env: &[] };
    let made = match available(&trial).into_iter().find(|(of, _)| *of == level) {
        Some((_, Ok(made))) => made,
        Some((_, Err(problem))) => {
            complain(&*Box::<dyn std::error::Error>::from(format!("{name}: not measured: {problem}")));
            return Ok(());
        }
        None => return Ok(()),
    };
    let (runs, clone) = (folder.path().join("runs"), folder.path().join("clone"));
    std::fs::create_dir(&runs)?;
    std::fs::create_dir(&clone)?;
    let mut spec = sleeper(&clone)?;
    spec.argv = vec!["true".to_owned()];
    spec.confinement = level;
    spec.plan.namespaces = made == Made::Namespaces;
    if level > Confinement::None {
        spec.plan.account = root.then(|| Account::named("nobody")).transpose()?;
        spec.plan.scratch = Some(folder.path().join("scratch"));
    }
    let (mut as_run, mut bare) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let begun = Instant::now();
        let run = RunDirectory::create(&runs, &format!("run-{round}"), &spec)?;
        launch(&run, &program)?;
        let Ended::Finished(result) = wait(&run)? else { return Err("a run was lost".into()) };
        as_run.push(begun.elapsed().as_secs_f64() * 1000.0);
        if result.end != (orch_run::End::Exited { code: 0 }) {
            return Err(format!("a run of `true` ended so: {:?}", result.end).into());
        }
        let mut command = Command::new("true");
        let begun = Instant::now();
        let ended = command.stdin(Stdio::null()).status()?;
        bare.push(begun.elapsed().as_secs_f64() * 1000.0);
        if !ended.success() {
            return Err(format!("the bare command ended so: {ended}").into());
        }
    }
    let (as_run, bare) = (median(as_run), median(bare));
    say(&format!("{name}: a run {as_run:.1} ms, the bare command {bare:.1} ms (medians of {ROUNDS})"));
    tell(name, as_run - bare, "ms", None, json!([{"value_at_most": OVERHEAD_GOAL}]));
    Ok(())
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn sleeper(folder: &Path) -> Outcome<Spec> {
    // What is left out is what holds by default.
    Ok(serde_json::from_value(json!({
        "kind": "check", "argv": ["sh", "-c", "echo up; exec sleep 1000000"], "cwd": folder, "env": {"PATH": "/usr/bin:/bin"},
        "stdin": "null", "deadline_ms": 600_000, "stall_ms": 0, "stop_grace_ms": 5_000, "finish": [],
        "finish_deadline_ms": 1_000, "result_file": null, "output_cap_bytes": 1_000_000,
    }))?)
}

fn supervisor_pid(run: &RunDirectory) -> Outcome<i32> {
    pid_of(run, "supervisor")
}

fn agent_pid(run: &RunDirectory) -> Outcome<i32> {
    pid_of(run, "agent")
}

fn pid_of(run: &RunDirectory, who: &str) -> Outcome<i32> {
    let started: Value = serde_json::from_slice(&std::fs::read(run.path().join("started.json"))?)?;
    let pid = started[who]["pid"].as_i64().ok_or_else(|| format!("started.json names no {who}"))?;
    Ok(i32::try_from(pid)?)
}

/// Whether a process runs. A zombie does not.
fn alive(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X'])))
}

/// Whether a process is over, or is soon: a result is there a moment before its supervisor has ended.
fn gone(pid: i32) -> bool {
    let patience = Timespec { tv_sec: 10, tv_nsec: 0 };
    let opened = rustix::process::Pid::from_raw(pid).map(|pid| pidfd_open(pid, PidfdFlags::empty()));
    let Some(Ok(process)) = opened else { return true };
    poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&patience)).is_ok_and(|ended| ended > 0)
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

#[expect(clippy::print_stdout, reason = "xtask passes words on")]
fn say(words: &str) {
    println!("{words}");
}

#[expect(clippy::print_stderr, reason = "whoever measures must hear why there is no figure")]
fn complain(error: &dyn std::error::Error) {
    eprintln!("{error}");
}
