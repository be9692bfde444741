//! The base branch is tested once for each of its commits that did not land here: before an agent is paid for work on a
//! main that is red, or whose tests lack what a clone of them needs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use orch_ports::store::StoreResult;
use orch_rules::base_branch::BaseBranch;
use orch_rules::check::CheckOutcome;
use orch_rules::ids::{CommitId, RepositoryId};
use tokio::sync::mpsc;

use crate::engine::Engine;
use crate::looking::MOST_RELOADS;
use crate::perform::{PerformError, Test, Tested, blocking};
use crate::work_folders;

/// After trouble that passes by itself.
const BREATH: Duration = Duration::from_secs(10);

impl Engine {
    /// Tests what is due whenever a look found a tip of which nothing is known. Never ends.
    pub(crate) async fn test_bases_forever(self: Arc<Self>) {
        if !self.limits.base_check {
            return;
        }
        let (over, mut ended) = mpsc::unbounded_channel();
        let mut at_work = BTreeSet::new();
        loop {
            let pause = self.start_due(&mut at_work, &over).await;
            tokio::select! {
                () = self.untested.notified() => {}
                Some(repository) = ended.recv() => { at_work.remove(&repository); }
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Starts a test in each repository that needs one and has none; how long nothing else is due.
    async fn start_due(
        self: &Arc<Self>,
        at_work: &mut BTreeSet<RepositoryId>,
        over: &mpsc::UnboundedSender<RepositoryId>,
    ) -> Duration {
        let mut pause = Duration::from_secs(3600);
        for repository in self.repositories() {
            if at_work.contains(&repository) {
                continue;
            }
            let due = match self.base_test_due(&repository).await {
                Ok(due) => due,
                Err(error) => {
                    tracing::warn!(%error, %repository, "whether its base branch is to be tested cannot be told");
                    Some(BREATH)
                }
            };
            match due {
                None => {}
                Some(Duration::ZERO) => {
                    at_work.insert(repository.clone());
                    let (engine, over) = (Arc::clone(self), over.clone());
                    tokio::spawn(async move {
                        if let Err(error) = engine.test_base(&repository).await {
                            tracing::warn!(%repository, error = error.words(), "its base branch was not tested; tried again");
                            tokio::time::sleep(BREATH).await;
                        }
                        // Nobody is left to be told when the service ends.
                        let _ended = over.send(repository);
                    });
                }
                Some(later) => pause = pause.min(later),
            }
        }
        pause
    }

    async fn base_test_due(&self, repository: &RepositoryId) -> StoreResult<Option<Duration>> {
        let Some(seen) = self.store.base_seen(repository).await? else { return Ok(None) };
        let can_be_tested =
            seen.base.settings().is_ok_and(|file| file.check_command.is_some() && file.check_ci.runs_here());
        let due = seen.base.tests.due(&seen.base.tip).filter(|_| can_be_tested);
        let now = self.store.now().await?;
        Ok(due.map(|at| Duration::from_millis(u64::try_from(at.0 - now.0).unwrap_or(0))))
    }

    async fn test_base(&self, repository: &RepositoryId) -> Result<(), PerformError> {
        let Some(seen) = self.store.base_seen(repository).await? else { return Ok(()) };
        let tip = seen.base.tip.clone();
        let tried =
            seen.base.tests.not_green.as_ref().filter(|found| found.commit == tip).map_or(0, |found| found.tries);
        let _room = self.base_checks.acquire().await;
        let context = self.context(repository)?;
        let name = format!("base-{repository}-{}-{tried}", tip.as_str().chars().take(12).collect::<String>());
        let folder = context.work_folder(&name);
        let file = seen.base.settings().map_err(PerformError::Lasting)?;
        let Some(command) = file.check_command.clone() else {
            return Err(PerformError::Lasting("it names no test command".to_owned()));
        };
        let (commit, checkout) = (tip.clone(), folder.clone());
        let left = format!("{name}-cache");
        let (asked, of, at, under) = (context.clone(), file.clone(), tip.clone(), left.clone());
        let leaves = blocking(move || Ok(asked.leaves(&of, &at, &under)?)).await?;
        let fetched = file.clone();
        let test = Test { name, commit, folder: checkout, file, command, overlay: None, keeps: None, leaves };
        let Tested { outcome, excerpt, .. } = self.test(&context, test).await?;
        let lines = excerpt.lines().rev().map(str::trim);
        let last_words = lines.into_iter().find(|line| !line.is_empty()).unwrap_or_default().to_owned();
        work_folders::remove_if_possible(vec![folder]).await;
        if outcome == CheckOutcome::Passed {
            let (at, under) = (tip.clone(), left.clone());
            let keep = move || {
                context.keep_cache(&fetched, &at, &under);
                Ok(())
            };
            blocking(keep).await?;
        } else {
            work_folders::remove_if_possible(vec![context.work_folder(&left)]).await;
        }
        match &outcome {
            CheckOutcome::Passed => tracing::info!(%repository, commit = %tip, "the base branch is green"),
            // How the repository stands says it.
            other => tracing::debug!(%repository, commit = %tip, outcome = ?other, "the base branch is not green"),
        }
        let now = self.store.now().await?;
        self.tell_base(repository, |base| base.tests.tested(&tip, outcome.clone(), last_words.clone(), now)).await?;
        self.look_at_repository(repository).await?;
        Ok(())
    }

    /// What landed was tested as that commit, and in the way that holds for it now: the tip needs no other test.
    pub(crate) async fn landed_is_green(&self, repository: &RepositoryId, landed: &CommitId) -> StoreResult<()> {
        if !self.limits.base_check {
            return Ok(());
        }
        let now = self.store.now().await?;
        self.tell_base(repository, |base| base.tests.tested(landed, CheckOutcome::Passed, String::new(), now)).await
    }

    /// Changes what is kept of a base branch; nothing if it was never seen.
    pub(crate) async fn tell_base(&self, repository: &RepositoryId, tell: impl Fn(&mut BaseBranch)) -> StoreResult<()> {
        for _ in 0..MOST_RELOADS {
            let Some(seen) = self.store.base_seen(repository).await? else { return Ok(()) };
            let mut base = seen.base.clone();
            tell(&mut base);
            if base == seen.base || self.store.see_base(repository, seen.version, &base).await? {
                return Ok(());
            }
        }
        Ok(())
    }
}
