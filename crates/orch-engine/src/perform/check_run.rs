//! The test command on a clean checkout of an exact commit.

use camino::Utf8PathBuf;
use orch_ports::error::PortResult;
use orch_ports::hosts::{RunKind, RunToBe};
use orch_ports::runner::{Keeps, Ordered, RunOrder, RunReport, Runner};
use orch_ports::store::Work;
use orch_ports::workshop::Overlay;
use orch_rules::attempt::RunEnd;
use orch_rules::check::CheckOutcome;
use orch_rules::effect::Effect;
use orch_rules::episode::{Answer, Answered, EpisodeKind};
use orch_rules::event::{Event, LaneEvent, TaskEvent};
use orch_rules::facts::TaskFacts;
use orch_rules::ids::{CheckId, CommitId, TaskId};
use orch_rules::repository_file::RepositoryFile;

use super::await_ci::propose_early;
use super::commit_test::{Test, Tested};
use super::{PerformError, PerformResult, Performed, blocking, set_up};
use crate::cache::{self, Leaves};
use crate::engine::Engine;
use crate::orch_check::TestsToBe;
use crate::repository_context::{Program, REPOSITORY_FILE, RepositoryContext};

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
        let (granted, asked_for) = (granted(&facts), commit);
        let (asked, name, commit) = (context.clone(), check.to_string(), commit.clone());
        let left = lane.then(|| left_by(task, &commit));
        let found = blocking(move || test_of(&asked, name, commit, granted, left)).await?;
        let await_ci = |first_red| {
            let (task, check, commit) = (task.clone(), check.clone(), asked_for.clone());
            Some(Effect::AwaitCi { task, check, commit, lane, first_red })
        };
        let (tested, leftovers) = match found {
            Err(reason) => (Tested::unknown(&reason), Vec::new()),
            Ok(None) => return Ok(Performed { then: await_ci(None), ..Performed::nothing() }),
            Ok(Some(test)) => {
                let leftovers = vec![test.folder.clone(), context.work_folder(&kept_of(&test.name))];
                let both = test.file.check_ci.asks_forge();
                if both && lane {
                    propose_early(context.clone(), asked_for.clone()).await;
                }
                let tested = self.test(&context, test).await?;
                if both && tested.outcome == CheckOutcome::Passed {
                    return Ok(Performed { leftovers, then: await_ci(tested.first_red), ..Performed::nothing() });
                }
                (tested, leftovers)
            }
        };
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

/// What is to be run, `None` if the forge's CI alone decides; in words why nothing can be.
fn test_of(
    context: &RepositoryContext,
    name: String,
    commit: CommitId,
    granted: bool,
    left: Option<String>,
) -> Result<Result<Option<Test>, String>, PerformError> {
    let TestsToBe { file, command, overlay } = match terms(context, context.forge.base()?.tip, granted)? {
        Ok(Some(terms)) => terms,
        Ok(None) => return Ok(Ok(None)),
        Err(problem) => return Ok(Err(problem)),
    };
    let copy = context.work_folder(&kept_of(&name));
    let keeps = overlay.as_ref().map(|overlay| Keeps { patterns: overlay.patterns.clone(), repository: false, copy });
    let folder = context.work_folder(&name);
    let leaves = match left {
        Some(left) => context.leaves(&file, &commit, &left)?,
        None => None,
    };
    Ok(Ok(Some(Test { name, commit, folder, file, command, overlay, keeps, leaves })))
}

/// The tests of a task's code as `base` wants them, `None` if the forge's CI alone decides; in words why there are none.
pub(crate) fn check_terms(
    context: &RepositoryContext,
    base: CommitId,
    facts: &TaskFacts,
) -> PortResult<Result<Option<TestsToBe>, String>> {
    terms(context, base, granted(facts))
}

fn terms(context: &RepositoryContext, base: CommitId, granted: bool) -> PortResult<Result<Option<TestsToBe>, String>> {
    let settings = context.settings_at(&base)?;
    let file = match settings.as_ref() {
        Err(problem) => return Ok(Err(format!("the repository's settings are unusable: {problem}"))),
        Ok(file) => file.clone(),
    };
    if !file.check_ci.runs_here() {
        return Ok(Ok(None));
    }
    let Some(command) = file.check_command.clone() else { return Ok(Err(no_command())) };
    let mut judging = file.check_from_base.clone();
    if !granted {
        judging.extend(context.named_by_check(&base, &file)?);
    }
    let overlay = (!judging.is_empty()).then_some(Overlay { from: base, patterns: judging });
    Ok(Ok(Some(TestsToBe { file, command, overlay })))
}

/// Where the test of a candidate leaves what it fetched, until it lands.
pub(super) fn left_by(task: &TaskId, candidate: &CommitId) -> String {
    format!("{task}-cache-{}", candidate.as_str().chars().take(12).collect::<String>())
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
    leaves: Option<&Leaves>,
) -> RunOrder {
    let environment = &program.check_environment;
    let lent = cache::lent(Some(file), program.cache.as_ref());
    let then = leaves.map_or(&[][..], |leaves| &leaves.set_up);
    let at = set_up::At { appears: program.appears.as_deref(), leaves: !then.is_empty() };
    let set_up = set_up::of(Some(file), environment, &lent, keeps, then, &at);
    let variables = environment.iter().chain(&lent.environment);
    RunOrder {
        name: run.to_owned(),
        ordered: Ordered::Check,
        argv: vec!["/bin/sh".to_owned(), "-c".to_owned(), command.to_owned()],
        directory: folder.clone(),
        appears: program.appears.clone(),
        environment: variables.map(|(name, value)| (name.clone(), value.clone())).collect(),
        set_up,
        result_file: None,
        finish: leaves.iter().map(|leaves| leaves.fetched.clone()).filter(|words| !words.is_empty()).collect(),
        deadline_ms: u64::from(file.check_timeout_seconds).saturating_mul(1000),
        stall_ms: 0,
        stop_grace_ms: program.stop_grace_ms,
        output_cap_bytes: program.output_cap_bytes,
        read_only: lent.files().collect(),
        read_write: leaves.iter().map(|leaves| leaves.folder.clone()).collect(),
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
        None => match outcome(report, timeout_s) {
            CheckOutcome::Failed { reason } => {
                CheckOutcome::Failed { reason: format!("{reason}{}", set_up::refused(runner, run)) }
            }
            other => other,
        },
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
        (RunEnd::SpawnFailed { reason, .. }, _) => unknown(reason),
        (end, _) => unknown(&format!("its run ended oddly: {end:?}")),
    }
}
