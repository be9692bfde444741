//! `orch status`, `orch down`, and `orch up --detach`: the service from another terminal.

use std::io::BufRead;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use clap::Args;
use orch_web::view::{QueueReport, RepositoryList, RepositoryView};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::client::{Caller, Running};
use crate::commands::ids::REPOSITORIES;
use crate::commands::text::{counted, wrap};
use crate::exit::{Exit, Failure};
use crate::screen::{Screen, Style, printable};
use crate::settings::{self, Host};
use crate::wiring::DataLock;

/// How long a service may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const BREATH: Duration = Duration::from_millis(50);

/// Say whether the service runs, what is at work, and what waits for you.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  orch status\n  orch status --json | jq .wait_for_you\n\nEnds with 5 if no service runs."
)]
pub struct StatusArgs {}

/// Stop the service; agents at work go on and are met again at the next start.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  orch down\n  orch down && orch up --detach    # a new release, or settings that changed"
)]
pub struct DownArgs {}

/// Tells how the service is.
///
/// # Errors
/// [`Exit::Unreachable`] if none runs.
pub fn status(screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    let (host, _) = settings::load(env)?;
    let (Some(running), Some(caller)) = (Running::read(&host.paths.state)?, Caller::running(&host.paths.state)?) else {
        return Err(
            Failure::new(Exit::Unreachable, "no service runs, so nothing moves").fix("orch up, or orch up --detach")
        );
    };
    let queue: QueueReport = caller.read("/queue")?;
    let counts = caller.tasks("ended=false", 1)?.counts;
    let known: RepositoryList = caller.read(REPOSITORIES)?;
    let waits = |kind: &str| counts.get(kind).copied().unwrap_or(0);
    let (asks, held, tasks) = (waits("human"), waits("held"), counts.values().sum::<u64>());
    let those = |passes: bool| -> Vec<&str> {
        let is = |r: &&RepositoryView| r.trouble.as_ref().is_some_and(|trouble| trouble.passes == passes);
        known.repositories.iter().filter(is).map(|r| r.id.as_str()).collect()
    };
    let (troubled, not_yet) = (those(false), those(true));
    screen.json(&serde_json::json!({
        "url": running.base(), "pid": running.pid, "version": env!("CARGO_PKG_VERSION"),
        "agents_at_work": queue.agent_slots.used, "tasks": tasks, "wait_for_you": asks, "held": held,
        "repositories": known.repositories.len(), "repositories_in_trouble": troubled, "repositories_not_yet": not_yet,
    }));
    let good = screen.styled(Style::Good, "up");
    screen.line(&format!(
        "{good} at {} (process {}), the API of {}",
        running.base(),
        running.pid,
        counted(known.repositories.len(), "repository")
    ));
    let agents = counted(queue.agent_slots.used, "agent");
    screen.line(&format!("{}, {agents} at work", counted(tasks, "task")));
    if asks + held > 0 {
        let text = format!("{asks} ask you something, {held} are held: orch inbox");
        screen.line(&screen.styled(Style::Attention, &text));
    }
    let told = |text: String, style| {
        wrap(&text, screen.width()).iter().for_each(|part| screen.line(&screen.styled(style, part)));
    };
    if !troubled.is_empty() {
        told(format!("something is wrong with {}: orch repo list", troubled.join(", ")), Style::Attention);
    }
    if !not_yet.is_empty() {
        told(format!("tested before work begins: {}", not_yet.join(", ")), Style::Faint);
    }
    Ok(())
}

/// Ends the service and waits until it has ended.
///
/// # Errors
/// [`Exit::Unreachable`] if none runs; [`Exit::Failed`] if it does not end.
pub fn down(screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    let (host, _) = settings::load(env)?;
    let running = Running::read(&host.paths.state)?;
    let pid = running.and_then(|running| Pid::from_raw(i32::try_from(running.pid).ok()?));
    // The address of one that was killed may be left, and its number be somebody else's by now.
    let ours = Caller::running(&host.paths.state)?.is_some();
    let Some(pid) = pid.filter(|_| ours) else {
        return Err(Failure::new(Exit::Unreachable, "no service runs").fix("nothing is to be stopped"));
    };
    kill_process(pid, Signal::TERM).map_err(|error| {
        Failure::new(Exit::Failed, format!("the service (process {pid:?}) cannot be stopped: {error}"))
            .fix("run orch as the user the service runs as")
    })?;
    let begun = Instant::now();
    // Its lock is free once it has ended, also while whoever started it has not asked how.
    while test_kill_process(pid).is_ok() && DataLock::take(&host.paths.state)?.is_none() {
        if begun.elapsed() > PATIENCE {
            return Err(Failure::new(
                Exit::Failed,
                format!("the service has not ended within {} s", PATIENCE.as_secs()),
            )
            .fix("look at its log"));
        }
        std::thread::sleep(BREATH);
    }
    screen.json(&serde_json::json!({"stopped": true}));
    screen.line("the service is stopped; agents at work go on and are met again at the next orch up");
    Ok(())
}

/// Starts the service in the background and waits until it answers.
///
/// # Errors
/// [`Exit::Failed`] with the end of its log if it does not come up.
pub fn detach(host: &Host, port: Option<u16>, screen: &Screen) -> Result<(), Failure> {
    let log = log_file(host);
    crate::settings::paths::create_private(&host.paths.state)?;
    let failed = |what: String| Failure::new(Exit::Failed, what).at(log.to_string()).fix("look at this log");
    let open = std::fs::File::create(&log).and_then(|out| Ok((out.try_clone()?, out)));
    let (out, err) = open.map_err(|error| failed(format!("its log cannot be written: {error}")))?;
    let own = std::env::current_exe().map_err(|error| failed(format!("this program cannot find itself: {error}")))?;
    let mut command = Command::new(own);
    command.arg("up").stdin(Stdio::null()).stdout(out).stderr(err).process_group(0);
    if let Some(port) = port {
        command.args(["--port", &port.to_string()]);
    }
    let mut child = command.spawn().map_err(|error| failed(format!("it cannot be started: {error}")))?;
    let begun = Instant::now();
    loop {
        if let Ok(Some(ended)) = child.try_wait() {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let last = lines[lines.len().saturating_sub(4)..].join("\n       ");
            return Err(failed(format!("the service did not come up ({ended}):\n       {last}")));
        }
        let there = Running::read(&host.paths.state).ok().flatten().filter(|running| running.pid == child.id());
        if let Some(running) = there
            && let Ok(Some(caller)) = Caller::running(&host.paths.state)
            && caller.get("/readyz").is_ok_and(|reply| reply.status == 200)
        {
            screen.json(&serde_json::json!({"ready": true, "url": running.base(), "pid": running.pid, "log": log}));
            screen.line(&format!("orch is up at {} in the background; its log: {log}", running.base()));
            screen.line("the dashboard: orch open; how it is: orch status; stop it: orch down");
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            return Err(failed(format!("the service has not answered within {} s", PATIENCE.as_secs())));
        }
        std::thread::sleep(BREATH);
    }
}

fn log_file(host: &Host) -> Utf8PathBuf {
    host.paths.state.join("service.log")
}

/// `orch logs --service`: what the service in the background said since its start; with `follow` until it has ended.
///
/// # Errors
/// [`Exit::NotFound`] if it was never started so.
pub fn log(follow: bool, screen: &Screen, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Failure> {
    let (host, _) = settings::load(env)?;
    let file = log_file(&host);
    let open = std::fs::File::open(&file).map_err(|_| {
        Failure::new(Exit::NotFound, "there is no log of a service in the background").at(file.as_str()).fix(
            "`orch up --detach` writes one; of a unit: journalctl -u orch; else it is on the terminal of `orch up`",
        )
    })?;
    let mut lines = std::io::BufReader::new(open);
    let mut line = Vec::new();
    loop {
        // Asked first: what it says at its end is read after it.
        let runs = follow && Caller::running(&host.paths.state)?.is_some();
        let failed =
            |error: std::io::Error| Failure::new(Exit::Failed, format!("it cannot be read: {error}")).at(file.as_str());
        while lines.read_until(b'\n', &mut line).map_err(failed)? > 0 {
            // The rest of a line that is still being written comes later.
            if line.last() != Some(&b'\n') && runs {
                break;
            }
            let text = printable(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']));
            screen.json(&serde_json::json!({"line": text}));
            screen.line(&text);
            line.clear();
        }
        if !runs {
            return Ok(());
        }
        std::thread::sleep(BREATH);
    }
}
