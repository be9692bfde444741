//! `report.json`: every commit that landed, tested once more. Nothing of the line is believed: each commit is cloned
//! from the project into a new, empty folder and tested there by the project's own command.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use orch_testkit::sample::TEST_COMMAND;
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Serialize;

use super::Trouble;
use super::events::Events;
use super::folder::{Folder, Main, unwritten};
use super::terminal::Terminal;
use crate::exit::{Exit, Failure};
use crate::wiring::TOOL_VARIABLES;

/// Between two looks whether a test has ended.
const LOOK: Duration = Duration::from_millis(50);

/// The whole file.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The project.
    pub repository: String,
    /// Main before the issues.
    pub base: String,
    /// Main after them.
    pub head: String,
    /// Run by `sh -c` in each checkout.
    pub test_command: &'static str,
    /// Main's first-parent line after `base`, oldest first.
    pub commits: Vec<TestedCommit>,
}

/// One commit on main.
#[derive(Debug, Serialize)]
pub struct TestedCommit {
    /// Full name.
    pub commit: String,
    /// First line of its message.
    pub subject: String,
    /// Of the test command; 128 and the signal's number if a signal ended it, as a shell says.
    pub exit_code: i32,
    /// Of the test command.
    pub duration_ms: u64,
}

/// Tests every commit on main's first-parent line since `main.base` and writes `report.json`.
///
/// # Errors
/// [`Trouble::Interrupted`]; [`Trouble::Failed`] if a checkout cannot be made. A red test is no error.
pub fn test_every_commit(
    folder: &Folder,
    main: &Main,
    env: &dyn Fn(&str) -> Option<String>,
    events: &Events,
    terminal: &mut Terminal,
) -> Result<Report, Trouble> {
    let range = format!("{}..{}", main.base, main.head);
    let listed = folder.git(&["log", "--first-parent", "--reverse", "--format=%H %s", &range])?;
    let named: Vec<(&str, &str)> = listed.lines().map(|line| line.split_once(' ').unwrap_or((line, ""))).collect();
    let mut commits = Vec::new();
    for (index, (commit, subject)) in named.iter().enumerate() {
        let words = format!("testing commit {} of {} on an empty checkout", index + 1, named.len());
        if terminal.is_live() {
            terminal.draw(&[String::new(), words]);
        } else {
            terminal.say(&words);
        }
        let (exit_code, took) = test(folder, commit, env, events)?;
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        commits.push(TestedCommit {
            commit: (*commit).to_owned(),
            subject: (*subject).to_owned(),
            exit_code,
            duration_ms,
        });
    }
    terminal.draw(&[]);
    let report = Report {
        repository: main.repository.to_string(),
        base: main.base.clone(),
        head: main.head.clone(),
        test_command: TEST_COMMAND,
        commits,
    };
    let text = serde_json::to_string_pretty(&report)
        .map_err(|e| Failure::new(Exit::Internal, format!("the report cannot be written as JSON: {e}")))?;
    std::fs::write(folder.report(), text + "\n").map_err(|e| unwritten(&folder.report(), &e))?;
    Ok(report)
}

fn test(
    folder: &Folder,
    commit: &str,
    env: &dyn Fn(&str) -> Option<String>,
    events: &Events,
) -> Result<(i32, Duration), Trouble> {
    let short = commit.get(..10).unwrap_or(commit);
    let checkout = folder.top().join(format!("checkout-{short}"));
    folder.git(&["clone", "--quiet", "--no-checkout", folder.project().as_str(), checkout.as_str()])?;
    folder.git(&["-C", checkout.as_str(), "checkout", "--quiet", "--detach", commit])?;
    let said = folder.top().join(format!("checkout-{short}.log"));
    let begun = Instant::now();
    let mut child = start(&checkout, &said, env)?;
    let ended = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => {}
            Err(e) => return Err(Failure::new(Exit::Failed, format!("a test cannot be waited for: {e}")).into()),
        }
        if let Err(trouble) = events.next(LOOK) {
            end(&mut child);
            return Err(trouble);
        }
    };
    let took = begun.elapsed();
    // It is empty again for nobody; only the words are kept.
    std::fs::remove_dir_all(&checkout).map_err(|e| unwritten(&checkout, &e))?;
    let by_signal = std::os::unix::process::ExitStatusExt::signal(&ended).map(|signal| 128 + signal);
    Ok((ended.code().or(by_signal).unwrap_or(-1), took))
}

fn start(checkout: &Utf8Path, said: &Utf8Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Child, Failure> {
    let log = File::create(said).map_err(|e| unwritten(said, &e))?;
    let same = log.try_clone().map_err(|e| unwritten(said, &e))?;
    let mut command = Command::new("/bin/sh");
    command.args(["-c", TEST_COMMAND]).current_dir(checkout).stdin(Stdio::null()).stdout(log).stderr(same);
    // What the line's own checks get; above all no build folder that somebody else has filled.
    command.env_clear().envs(TOOL_VARIABLES.iter().filter_map(|name| Some((name, env(name)?))));
    command.process_group(0);
    command.spawn().map_err(|e| Failure::new(Exit::Failed, format!("the test command cannot be started: {e}")))
}

/// Ends the test and whatever it started.
fn end(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
}
