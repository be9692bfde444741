//! The test command on a clean checkout of an exact commit.

use orch_ports::forge::Overlay;
use orch_ports::runner::{RunOrder, RunReport};
use orch_rules::attempt::RunEnd;
use orch_rules::check::CheckOutcome;
use orch_rules::event::{Event, LaneEvent, TaskEvent};
use orch_rules::ids::{CheckId, CommitId, TaskId};
use orch_rules::repository_file::RepositoryFile;

use super::agent_run::never_began;
use super::{PerformError, PerformResult, Performed, blocking, set_up};
use crate::engine::Engine;
use crate::house::{House, REPOSITORY_FILE};

/// So often a check is started again because its host ended under it.
const MOST_LOST: u32 = 5;
/// Output handed on to the developer.
const EXCERPT_BYTES: usize = 6 * 1024;

impl Engine {
    pub(super) async fn run_check(
        &self,
        task: &TaskId,
        check: &CheckId,
        commit: &CommitId,
        lane: bool,
    ) -> PerformResult {
        let Some(row) = self.store.task(task).await? else { return Ok(Performed::nothing()) };
        let house = self.house(&row.repository)?;
        let runner = self.runner.clone();
        let (name, commit) = (check.to_string(), commit.clone());
        let (outcome, excerpt, leftovers) = blocking(move || {
            let folder = house.place(&name);
            let base = house.forge.base()?.tip;
            let settings = house.settings_at(&base)?;
            let (file, command) = match settings.as_ref() {
                Err(problem) => {
                    return Ok((
                        unknown(&format!("the repository's settings are unusable: {problem}")),
                        String::new(),
                        vec![],
                    ));
                }
                Ok(file) => match &file.check_command {
                    None => return Ok((unknown(&no_command()), String::new(), vec![])),
                    Some(command) => (file, command),
                },
            };
            let timeout = u64::from(file.check_timeout_seconds);
            for round in 1..=MOST_LOST {
                let run = format!("{name}-{round}");
                if !runner.exists(&run) {
                    runner.room().map_err(PerformError::NoRoom)?;
                    house.forge.checkout(&commit, &folder, overlay(&base, file).as_ref())?;
                    let order = order(&house, &run, file, command, &folder);
                    runner.ensure(&order).map_err(|error| PerformError::Doubtful(error.0))?;
                }
                let report = runner.wait(&run)?;
                never_began(&*runner, &run, &report)?;
                if matches!(report.end, RunEnd::Lost | RunEnd::Stopped) {
                    continue;
                }
                let outcome = match set_up::failed(&*runner, &run, &report)? {
                    Some(reason) => unknown(&reason),
                    None => outcome(&report, timeout),
                };
                let excerpt = match outcome {
                    CheckOutcome::Passed => String::new(),
                    _ => runner.output_tail(&run, EXCERPT_BYTES)?,
                };
                return Ok((outcome, excerpt, vec![folder]));
            }
            Ok((unknown("its run was lost again and again; look at the host"), String::new(), vec![folder]))
        })
        .await?;
        let event = self.check_event(task, check, outcome, excerpt, lane).await?;
        Ok(Performed { leftovers, ..Performed::event(event) })
    }

    /// The event for whoever asked for the check.
    pub(super) async fn check_event(
        &self,
        task: &TaskId,
        check: &CheckId,
        outcome: CheckOutcome,
        excerpt: String,
        lane: bool,
    ) -> Result<Event, orch_ports::store::StoreError> {
        if !lane {
            let event = TaskEvent::CheckEnded { check: check.clone(), outcome, excerpt };
            return Ok(Event::Task { task: task.clone(), event });
        }
        let row = self.store.task(task).await?;
        let repository = row
            .map(|r| r.repository)
            .ok_or_else(|| orch_ports::store::StoreError::Missing { what: format!("task {task}") })?;
        let event = LaneEvent::CheckEnded { task: task.clone(), check: check.clone(), outcome, excerpt };
        Ok(Event::Lane { repository, event })
    }
}

fn unknown(reason: &str) -> CheckOutcome {
    CheckOutcome::Unknown { reason: reason.to_owned() }
}

/// What judges a change is not part of it, as far as the base branch says so.
fn overlay(base: &CommitId, file: &RepositoryFile) -> Option<Overlay> {
    let patterns = file.check_from_base.clone();
    (!patterns.is_empty()).then(|| Overlay { from: base.clone(), patterns })
}

fn no_command() -> String {
    format!("no test command is configured; set [check] command in {REPOSITORY_FILE} on the base branch, then retry")
}

fn order(house: &House, run: &str, file: &RepositoryFile, command: &str, folder: &camino::Utf8PathBuf) -> RunOrder {
    let argv = vec!["/bin/sh".to_owned(), "-c".to_owned(), command.to_owned()];
    let (argv, set_up_ms) = set_up::before(Some(file), argv);
    RunOrder {
        name: run.to_owned(),
        check: true,
        argv,
        directory: folder.clone(),
        environment: house.program.check_environment.clone(),
        result_file: None,
        finish: Vec::new(),
        deadline_ms: u64::from(file.check_timeout_seconds).saturating_mul(1000).saturating_add(set_up_ms),
        stall_ms: 0,
        stop_grace_ms: house.program.stop_grace_ms,
        output_cap_bytes: house.program.output_cap_bytes,
        read_only: Vec::new(),
        read_write: Vec::new(),
        model: None,
        stop: Vec::new(),
    }
}

/// Exit 0 is green; 126 and 127 are the shell's words for "cannot be run", which is unknown, not red.
fn outcome(report: &RunReport, timeout_s: u64) -> CheckOutcome {
    match (&report.end, report.exit_code) {
        (RunEnd::Completed, _) => CheckOutcome::Passed,
        (_, Some(code @ (126 | 127))) => {
            unknown(&format!("the test command could not be run (exit code {code}); is it installed on this host?"))
        }
        (RunEnd::Failed { reason }, _) => CheckOutcome::Failed { reason: reason.clone() },
        (RunEnd::TimedOut, _) => CheckOutcome::Failed { reason: format!("timed out after {timeout_s} s") },
        (RunEnd::SpawnFailed { reason }, _) => unknown(reason),
        (end, _) => unknown(&format!("its run ended oddly: {end:?}")),
    }
}
