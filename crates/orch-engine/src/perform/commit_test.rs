//! The test command on one commit: launched, waited for without a thread, judged, tried once more if it is red.

use std::sync::Arc;

use camino::Utf8PathBuf;
use orch_ports::runner::{Keeps, RunReport};
use orch_ports::workshop::Overlay;
use orch_rules::attempt::RunEnd;
use orch_rules::check::CheckOutcome;
use orch_rules::ids::CommitId;
use orch_rules::repository_file::RepositoryFile;

use super::agent_run::never_began;
use super::check_run::{check_order, check_outcome};
use super::{PerformError, blocking};
use crate::cache::Leaves;
use crate::engine::Engine;
use crate::repository_context::RepositoryContext;

/// So many runs a test has at most: its host may end under one of them, and red is tried once more.
pub(crate) const MOST_RUNS: u32 = 5;
/// Output handed on to the developer.
const EXCERPT_BYTES: usize = 6 * 1024;

/// The test command on one commit, to be run.
pub(crate) struct Test {
    /// Its runs are this name with a number.
    pub name: String,
    /// What is checked out.
    pub commit: CommitId,
    /// Where, clean for each try.
    pub folder: Utf8PathBuf,
    /// The settings of the base branch.
    pub file: RepositoryFile,
    /// Their test command.
    pub command: String,
    /// What comes from another commit.
    pub overlay: Option<Overlay>,
    /// What the set-up must leave as it is.
    pub keeps: Option<Keeps>,
    /// How it leaves what it fetched, if that is to be kept.
    pub leaves: Option<Leaves>,
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
        let outcome = CheckOutcome::Unknown { reason: reason.to_owned() };
        Self { outcome, excerpt: String::new(), first_red: None }
    }
}

impl Engine {
    /// Runs it, once more if it is red: flaky tests are not the change's. Not after a timeout: a test that hangs would
    /// hold the slot as long again. A run whose host ended under it is made again, and so is what a restart of this process
    /// finds begun.
    pub(crate) async fn test(&self, context: &Arc<RepositoryContext>, test: Test) -> Result<Tested, PerformError> {
        let test = Arc::new(test);
        let mut tested = Tested::unknown("its run was lost again and again; look at the host");
        for round in 1..=MOST_RUNS {
            let (report, outcome, excerpt) = self.test_round(context, &test, round).await?;
            if matches!(report.end, RunEnd::Lost { .. } | RunEnd::Stopped) {
                continue;
            }
            let before = match tested.outcome {
                CheckOutcome::Failed { reason } => Some(reason),
                _ => None,
            };
            let again = test.file.check_repeat_red && before.is_none() && matches!(report.end, RunEnd::Failed { .. });
            let again = again && matches!(outcome, CheckOutcome::Failed { .. });
            tested = Tested { outcome, excerpt, first_red: before };
            if !again {
                break;
            }
        }
        Ok(tested)
    }

    /// One run of it: how it ended, what that says of the commit, and the end of its output unless it passed.
    async fn test_round(
        &self,
        context: &Arc<RepositoryContext>,
        test: &Arc<Test>,
        round: u32,
    ) -> Result<(RunReport, CheckOutcome, String), PerformError> {
        let run = format!("{}-{round}", test.name);
        let (context, asked, runner, name) = (context.clone(), test.clone(), self.runner.clone(), run.clone());
        blocking(move || {
            if runner.was_launched(&name)? {
                return Ok(());
            }
            runner.room().map_err(PerformError::NoRoom)?;
            context.workshop.checkout(&asked.commit, &asked.folder, asked.overlay.as_ref())?;
            let (program, keeps, leaves) = (&context.program, asked.keeps.clone(), asked.leaves.as_ref());
            leaves.map(Leaves::prepare).transpose()?;
            let order = check_order(program, &name, &asked.file, &asked.command, &asked.folder, keeps, leaves);
            runner.ensure(&order).map_err(PerformError::Launch)
        })
        .await?;
        self.until_over(&run).await?;
        let (test, runner) = (test.clone(), self.runner.clone());
        blocking(move || {
            let report = runner.wait(&run)?;
            never_began(&*runner, &run, &report)?;
            let outcome = check_outcome(&*runner, &run, &report, u64::from(test.file.check_timeout_seconds))?;
            if let Some(leaves) = &test.leaves {
                leaves.without_what_tests_wrote(&*runner, &run)?;
            }
            let excerpt = match outcome {
                CheckOutcome::Passed => String::new(),
                _ => runner.output_tail(&run, EXCERPT_BYTES)?,
            };
            Ok((report, outcome, excerpt))
        })
        .await
    }
}
