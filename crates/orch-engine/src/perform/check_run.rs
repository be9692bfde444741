//! The test command on a clean checkout of an exact commit.

use camino::Utf8PathBuf;
use orch_ports::error::PortResult;
use orch_ports::hosts::{RunKind, RunToBe};
use orch_ports::runner::{Keeps, RunOrder, RunReport, Runner};
use orch_ports::store::Work;
use orch_ports::workshop::Overlay;
use orch_rules::attempt::RunEnd;
use orch_rules::check::CheckOutcome;
use orch_rules::episode::{Answer, Answered, EpisodeKind};
use orch_rules::event::{Event, LaneEvent, TaskEvent};
use orch_rules::facts::TaskFacts;
use orch_rules::ids::{CheckId, CommitId, TaskId};
use orch_rules::repository_file::RepositoryFile;

use super::agent_run::never_began;
use super::{PerformError, PerformResult, Performed, blocking, set_up};
use crate::engine::Engine;
use crate::repository_context::{Program, REPOSITORY_FILE, RepositoryContext};

/// So many runs a test has at most: its host may end under one of them, and red is tried once more.
pub(crate) const MOST_RUNS: u32 = 5;
/// Output handed on to the developer.
const EXCERPT_BYTES: usize = 6 * 1024;

impl Engine {
    pub(super) async fn run_check(
        &self,
        work: &Work,
        task: &TaskId,
        check: &CheckId,
        commit: &CommitId,
        lane: bool,
    ) -> PerformResult {
        if self.store.task(task).await?.is_none() {
            return Ok(Performed::nothing());
        }
        let run = RunToBe { name: check.to_string(), kind: RunKind::Check, task: task.clone() };
        self.place(work, run).await?;
        let (facts, _) = self.store.task_facts(task, &self.served().policy).await?;
        let context = self.context(&facts.task.repository)?;
        let granted = granted(&facts);
        let runner = self.runner.clone();
        let (name, commit) = (check.to_string(), commit.clone());
        let (tested, leftovers) = blocking(move || {
            let (folder, kept) = (context.work_folder(&name), context.work_folder(&kept_of(&name)));
            let base = context.forge.base()?.tip;
            let settings = context.settings_at(&base)?;
            let (file, command) = match settings.as_ref() {
                Err(problem) => {
                    let problem = format!("the repository's settings are unusable: {problem}");
                    return Ok((Tested::unknown(&problem), vec![]));
                }
                Ok(file) => match &file.check_command {
                    None => return Ok((Tested::unknown(&no_command()), vec![])),
                    Some(command) => (file, command),
                },
            };
            let mut judging = file.check_from_base.clone();
            if !granted {
                judging.extend(context.named_by_check(&base, file)?);
            }
            let overlay = (!judging.is_empty()).then(|| Overlay { from: base.clone(), patterns: judging });
            let keeps = overlay.as_ref().map(|overlay| Keeps {
                patterns: overlay.patterns.clone(),
                repository: false,
                copy: kept.clone(),
            });
            let test = Test { name: &name, commit: &commit, folder: &folder, file, command, overlay, keeps };
            Ok((test.run(&context, &*runner)?, vec![folder, kept]))
        })
        .await?;
        let event = self.check_event(task, check, tested, lane).await?;
        Ok(Performed { leftovers, ..Performed::event(event) })
    }

    /// The event for whoever asked for the check.
    pub(super) async fn check_event(
        &self,
        task: &TaskId,
        check: &CheckId,
        tested: Tested,
        lane: bool,
    ) -> Result<Event, orch_ports::store::StoreError> {
        let Tested { outcome, excerpt, first_red } = tested;
        if !lane {
            let event = TaskEvent::CheckEnded { check: check.clone(), outcome, excerpt, first_red };
            return Ok(Event::Task { task: task.clone(), event });
        }
        let row = self.store.task(task).await?;
        let repository = row
            .map(|r| r.repository)
            .ok_or_else(|| orch_ports::store::StoreError::Missing { what: format!("task {task}") })?;
        let event = LaneEvent::CheckEnded { task: task.clone(), check: check.clone(), outcome, excerpt, first_red };
        Ok(Event::Lane { repository, event })
    }
}

/// The test command on one commit, to be run.
pub(crate) struct Test<'t> {
    /// Its runs are this name with a number.
    pub name: &'t str,
    /// What is checked out.
    pub commit: &'t CommitId,
    /// Where, clean for each try.
    pub folder: &'t Utf8PathBuf,
    /// The settings of the base branch.
    pub file: &'t RepositoryFile,
    /// Their test command.
    pub command: &'t str,
    /// What comes from another commit.
    pub overlay: Option<Overlay>,
    /// What the set-up must leave as it is.
    pub keeps: Option<Keeps>,
}

/// What came of it.
pub(crate) struct Tested {
    pub outcome: CheckOutcome,
    /// The end of what the last try printed; empty if it passed.
    pub excerpt: String,
    /// Why the first of two tries was red.
    pub first_red: Option<String>,
}

impl Tested {
    pub(crate) fn unknown(reason: &str) -> Self {
        Self { outcome: unknown(reason), excerpt: String::new(), first_red: None }
    }
}

impl Test<'_> {
    /// Runs it, once more if it is red: flaky tests are not the change's. Not after a timeout: a test that hangs would
    /// hold the slot as long again. A run whose host ended under it is made again, and so is what a restart of this process
    /// finds begun. Blocks.
    pub(crate) fn run(&self, context: &RepositoryContext, runner: &dyn Runner) -> Result<Tested, PerformError> {
        let mut tested = Tested::unknown("its run was lost again and again; look at the host");
        for round in 1..=MOST_RUNS {
            let run = format!("{}-{round}", self.name);
            if !runner.exists(&run) {
                runner.room().map_err(PerformError::NoRoom)?;
                context.workshop.checkout(self.commit, self.folder, self.overlay.as_ref())?;
                let order = self.order(context, &run);
                runner.ensure(&order).map_err(PerformError::Launch)?;
            }
            let report = runner.wait(&run)?;
            never_began(runner, &run, &report)?;
            if matches!(report.end, RunEnd::Lost | RunEnd::Stopped) {
                continue;
            }
            let outcome = check_outcome(runner, &run, &report, u64::from(self.file.check_timeout_seconds))?;
            let excerpt = match outcome {
                CheckOutcome::Passed => String::new(),
                _ => runner.output_tail(&run, EXCERPT_BYTES)?,
            };
            let before = match tested.outcome {
                CheckOutcome::Failed { reason } => Some(reason),
                _ => None,
            };
            let again = before.is_none() && matches!(report.end, RunEnd::Failed { .. });
            let again = again && matches!(outcome, CheckOutcome::Failed { .. });
            tested = Tested { outcome, excerpt, first_red: before };
            if !again {
                break;
            }
        }
        Ok(tested)
    }

    fn order(&self, context: &RepositoryContext, run: &str) -> RunOrder {
        check_order(&context.program, run, self.file, self.command, self.folder, self.keeps.clone())
    }
}

fn unknown(reason: &str) -> CheckOutcome {
    CheckOutcome::Unknown { reason: reason.to_owned() }
}

/// Whether a person has let this task change protected paths: then the files that the test command names are its own.
/// Those that the base branch lists under `from_base` never are.
fn granted(facts: &TaskFacts) -> bool {
    let approved = |answered: &Answered| answered.answer == Answer::Approved;
    let asked = facts.episodes.iter().filter(|episode| episode.kind == EpisodeKind::ProtectedPaths);
    asked.filter_map(|episode| episode.answer.as_ref()).any(approved)
}

/// Name of the place, beside that of a check, where its own files are kept: nobody of the run can write there.
pub(super) fn kept_of(check: &str) -> String {
    format!("{check}.kept")
}

fn no_command() -> String {
    format!("no test command is configured; set [check] command in {REPOSITORY_FILE} on the base branch, then retry")
}

/// A run of the test command, after the set-up of the repository, in a folder that holds the commit to be tested.
pub fn check_order(
    program: &Program,
    run: &str,
    file: &RepositoryFile,
    command: &str,
    folder: &Utf8PathBuf,
    keeps: Option<Keeps>,
) -> RunOrder {
    let environment = &program.check_environment;
    RunOrder {
        name: run.to_owned(),
        check: true,
        argv: vec!["/bin/sh".to_owned(), "-c".to_owned(), command.to_owned()],
        directory: folder.clone(),
        appears: program.appears.clone(),
        environment: environment.clone(),
        set_up: set_up::of(Some(file), environment, keeps, &[]),
        result_file: None,
        finish: Vec::new(),
        deadline_ms: u64::from(file.check_timeout_seconds).saturating_mul(1000),
        stall_ms: 0,
        stop_grace_ms: program.stop_grace_ms,
        output_cap_bytes: program.output_cap_bytes,
        read_only: Vec::new(),
        read_write: Vec::new(),
        model: None,
        stop: Vec::new(),
    }
}

/// What a run of the test command that has ended says of the commit. `timeout_s`: the seconds that it had.
///
/// # Errors
/// The runner's.
pub fn check_outcome(runner: &dyn Runner, run: &str, report: &RunReport, timeout_s: u64) -> PortResult<CheckOutcome> {
    Ok(match set_up::failed(runner, run, report)? {
        Some(reason) => unknown(&reason),
        None => outcome(report, timeout_s),
    })
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
