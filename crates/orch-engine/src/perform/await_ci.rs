//! What the forge's CI says of a commit: told by events where there are any, asked for now and then in any case.

use std::sync::Arc;
use std::time::Instant;

use orch_ports::PortResult;
use orch_ports::change_requests::ChangeRequests;
use orch_ports::error::PortError;
use orch_ports::lists::TaskFilter;
use orch_ports::store::StoreResult;
use orch_rules::ci::CommitStatus;
use orch_rules::ci_watch::{CiLook, CiWatch, required};
use orch_rules::ids::{CheckId, CommitId, RepositoryId, TaskId};
use orch_rules::lane::LaneState;
use orch_rules::port_error::ErrorKind;
use orch_rules::repository_file::{REPOSITORY_FILE, RepositoryFile};
use tokio::sync::broadcast;

use super::{PerformError, PerformResult, Performed, Tested, blocking};
use crate::engine::Engine;
use crate::repository_context::RepositoryContext;

/// Landed commits that are looked at for what usually says something.
const MOST_LANDED: u32 = 5;
/// Commits of which news is remembered for whoever is busy.
pub(crate) const CI_NEWS: usize = 256;

/// Whose statuses are waited for, and for what.
pub(crate) struct CiAsked {
    pub task: TaskId,
    pub check: CheckId,
    pub commit: CommitId,
    pub lane: bool,
    pub first_red: Option<String>,
}

/// What holds while one commit is waited for.
pub(crate) struct CiTerms {
    server: String,
    named: Vec<String>,
    appear_ms: i64,
    /// What has to be green, once it is known.
    required: Vec<String>,
}

impl CiTerms {
    pub(crate) fn of(context: &RepositoryContext, file: &RepositoryFile) -> Self {
        Self {
            server: context.forge.offers().server.unwrap_or_else(|| "the forge".to_owned()),
            named: file.check_required.clone(),
            appear_ms: i64::from(file.check_appear_minutes) * 60_000,
            required: Vec::new(),
        }
    }
}

impl Engine {
    /// CI has said something of a commit: whoever waits for that asks.
    pub(crate) fn ci_told(&self, commit: &CommitId) {
        // Nobody need wait for any.
        let _nobody = self.ci_news.send(commit.clone());
    }

    /// Waits for the word of CI, and answers as a run of the test command does.
    pub(super) async fn await_ci(&self, asked: CiAsked) -> PerformResult {
        let mut news = self.ci_news.subscribe();
        let (mut watch, begun, mut terms) = (CiWatch::default(), Instant::now(), None);
        loop {
            let Some(repository) = self.still_asked(&asked).await? else { return Ok(Performed::nothing()) };
            let context = self.context(&repository)?;
            let landed = self.newest_landed(&repository).await?;
            let (commit, lane, known) = (asked.commit.clone(), asked.lane, terms.take());
            let looked = blocking(move || {
                let Some(product) = context.forge.change_requests() else { return Ok(Err(no_product())) };
                let mut known = match known {
                    Some(known) => known,
                    None => match first_terms(&context)? {
                        Err(reason) => return Ok(Err(reason)),
                        Ok(terms) => {
                            if lane {
                                product.propose(&commit)?;
                            }
                            terms
                        }
                    },
                };
                let statuses = statuses(product, &commit)?;
                name_required(&context, product, &mut known, &landed)?;
                Ok(Ok((known, statuses)))
            });
            let tested = match looked.await? {
                Err(reason) => Some(Tested::unknown(&reason)),
                Ok((known, statuses)) => {
                    let now_ms = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
                    let look = known.look(&mut watch, statuses, now_ms);
                    terms = Some(known);
                    match look {
                        CiLook::Waits(_) => None,
                        CiLook::Ended { outcome, excerpt } => Some(Tested { outcome, excerpt, first_red: None }),
                    }
                }
            };
            if let Some(tested) = tested {
                let tested = Tested { first_red: asked.first_red, ..tested };
                let event = self.check_event(&asked.task, &asked.check, tested, asked.lane).await?;
                return Ok(Performed::event(event));
            }
            self.until_ci_says(&mut news, &asked.commit).await;
        }
    }

    /// Until somebody tells that CI has said something of it, or it is time to ask.
    async fn until_ci_says(&self, news: &mut broadcast::Receiver<CommitId>, commit: &CommitId) {
        let told = async {
            // Whoever missed some asks; nobody is left to tell when the service ends.
            while matches!(news.recv().await, Ok(other) if other != *commit) {}
        };
        drop(tokio::time::timeout(self.limits.ask_ci_every, told).await);
    }

    /// The repository, if somebody still waits for the answer.
    async fn still_asked(&self, asked: &CiAsked) -> StoreResult<Option<RepositoryId>> {
        let Some(row) = self.store.task(&asked.task).await? else { return Ok(None) };
        let history = self.store.history(&asked.task).await?;
        let tests = |state: &LaneState| matches!(state, LaneState::Testing { check, .. } if *check == asked.check);
        let wanted = match asked.lane {
            true => history.lane.iter().any(|place| tests(&place.state)),
            false => history.checks.iter().any(|check| check.id == asked.check && check.outcome.is_none()),
        };
        Ok((wanted && !row.position.is_terminal()).then_some(row.repository))
    }

    /// Commits that landed last, the newest first.
    pub(crate) async fn newest_landed(&self, repository: &RepositoryId) -> StoreResult<Vec<CommitId>> {
        let filter = TaskFilter {
            repository: Some(repository.clone()),
            ended: true,
            limit: MOST_LANDED,
            ..TaskFilter::default()
        };
        let tasks = self.store.task_page(&filter).await?.tasks;
        Ok(tasks.into_iter().filter_map(|task| task.shown.landed).collect())
    }
}

/// The terms of the base branch as it is; in words why nothing can be told.
fn first_terms(context: &RepositoryContext) -> PortResult<Result<CiTerms, String>> {
    let base = context.forge.base()?.tip;
    Ok(match &*context.settings_at(&base)? {
        Err(problem) => Err(format!("the repository's settings are unusable: {problem}")),
        Ok(file) => Ok(CiTerms::of(context, file)),
    })
}

/// All that is said of a commit; nothing of one that the server does not know yet.
pub(crate) fn statuses(product: &dyn ChangeRequests, commit: &CommitId) -> PortResult<Vec<CommitStatus>> {
    match product.statuses(commit) {
        Err(PortError { kind: ErrorKind::Missing, .. }) => Ok(Vec::new()),
        answered => answered,
    }
}

/// Finds out what has to be green, if that is not known yet.
pub(crate) fn name_required(
    context: &RepositoryContext,
    product: &dyn ChangeRequests,
    terms: &mut CiTerms,
    landed: &[CommitId],
) -> PortResult<()> {
    if !terms.required.is_empty() {
        return Ok(());
    }
    let protected = product.requirements()?.contexts;
    terms.required = required(&terms.named, &protected, &[]);
    if terms.required.is_empty() {
        let tip = context.forge.base()?.tip;
        for commit in std::iter::once(&tip).chain(landed) {
            terms.required = required(&[], &[], &statuses(product, commit)?);
            if !terms.required.is_empty() {
                break;
            }
        }
    }
    Ok(())
}

impl CiTerms {
    /// What these statuses come to.
    pub(crate) fn look(&self, watch: &mut CiWatch, statuses: Vec<CommitStatus>, now_ms: i64) -> CiLook {
        watch.see(&self.server, statuses, &self.required, self.appear_ms, now_ms)
    }
}

/// In words, why nobody's CI can be asked.
pub(crate) fn no_product() -> String {
    format!(
        "{REPOSITORY_FILE} has the forge's CI decide ([check] ci), and the forge of this repository keeps branches only: say \
         which product it is (forge = \"gitea\" in the host file), or set ci = \"own\""
    )
}

/// A candidate goes where CI runs, so that this is under way while our own test command runs.
pub(super) async fn propose_early(context: Arc<RepositoryContext>, commit: CommitId) {
    let proposed = blocking(move || {
        context.forge.change_requests().map_or(Ok(()), |product| Ok::<_, PerformError>(product.propose(&commit)?))
    });
    if let Err(error) = proposed.await {
        // It is proposed again when its word is waited for.
        tracing::warn!(error = error.words(), "a candidate is not where CI runs yet");
    }
}
