//! What the forge's CI says of the base branch itself. What landed was green before; CI says something of the same commit
//! again then, and a red there is told and nothing else: nothing is taken back by itself.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use orch_ports::store::StoreResult;
use orch_rules::base_check::CiRed;
use orch_rules::change::ChangeSet;
use orch_rules::check::CheckOutcome;
use orch_rules::ci_watch::{CiLook, CiWatch};
use orch_rules::ids::{CommitId, RepositoryId};
use orch_rules::notice::Notice;

use crate::engine::Engine;
use crate::perform::{CiTerms, PerformError, blocking, name_required, statuses};

/// So long a tip is asked about although nothing is wrong with it.
const WATCHED: Duration = Duration::from_secs(3600);

/// What is known of each base branch's tip.
#[derive(Default)]
pub(crate) struct MainCi(Mutex<BTreeMap<RepositoryId, TipCi>>);

/// One tip, as it is watched.
struct TipCi {
    tip: CommitId,
    begun: Instant,
    watch: CiWatch,
    terms: Option<CiTerms>,
    /// Nothing more is expected of it.
    over: bool,
}

impl MainCi {
    fn take(&self, repository: &RepositoryId, tip: &CommitId) -> TipCi {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(repository);
        let fresh =
            || TipCi { tip: tip.clone(), begun: Instant::now(), watch: CiWatch::default(), terms: None, over: false };
        known.filter(|known| known.tip == *tip).unwrap_or_else(fresh)
    }

    fn keep(&self, repository: &RepositoryId, known: TipCi) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(repository.clone(), known);
    }
}

impl Engine {
    /// Asks what CI says of the base branch, if that decides here and is not known yet; `told`: somebody said that there is news.
    pub(crate) async fn look_at_main_ci(&self, repository: &RepositoryId, told: bool) -> Result<(), PerformError> {
        let Some(seen) = self.store.base_seen(repository).await? else { return Ok(()) };
        let Some(file) = seen.base.settings().ok().filter(|file| file.check_ci.asks_forge()) else { return Ok(()) };
        let (tip, branch) = (seen.base.tip.clone(), seen.base.branch.clone());
        let mut known = self.main_ci.take(repository, &tip);
        if known.over && !told {
            self.main_ci.keep(repository, known);
            return Ok(());
        }
        let (context, landed) = (self.context(repository)?, self.newest_landed(repository).await?);
        let looked = blocking(move || {
            let Some(product) = context.forge.change_requests() else { return Ok(None) };
            let found = statuses(product, &known.tip)?;
            let mut terms = known.terms.take().unwrap_or_else(|| CiTerms::of(&context, &file));
            name_required(&context, product, &mut terms, &landed)?;
            let now_ms = i64::try_from(known.begun.elapsed().as_millis()).unwrap_or(i64::MAX);
            let look = terms.look(&mut known.watch, found, now_ms);
            known.terms = Some(terms);
            Ok(Some((known, look)))
        });
        let Some((mut known, look)) = looked.await? else { return Ok(()) };
        let outcome = match look {
            CiLook::Waits(_) => None,
            CiLook::Ended { outcome, .. } => Some(outcome),
        };
        // Landing has CI run on what is green already; and a red one may be run again there.
        known.over = known.begun.elapsed() > WATCHED && !matches!(outcome, None | Some(CheckOutcome::Failed { .. }));
        self.main_ci.keep(repository, known);
        let before = seen.base.tests.ci_red.filter(|red| red.commit == tip);
        let red = match outcome {
            Some(CheckOutcome::Failed { reason }) => Some(CiRed { commit: tip.clone(), reason }),
            Some(CheckOutcome::Passed) => None,
            _ => return Ok(()),
        };
        if red == before {
            return Ok(());
        }
        self.tell_base(repository, |base| base.tests.ci_red.clone_from(&red)).await?;
        if let Some(red) = &red {
            tracing::warn!(%repository, commit = %tip, reason = red.reason, "the base branch is red there");
            self.say(&Notice::main_red(repository, &branch, &tip, &red.reason, self.store.now().await?)).await?;
        }
        self.look_at_repository(repository).await?;
        Ok(())
    }

    /// Tells everybody who wants to know.
    async fn say(&self, notice: &Notice) -> StoreResult<()> {
        let changes = self.messages(notice);
        if !changes.is_empty() {
            self.store.apply(ChangeSet { guards: Vec::new(), changes }, None).await?;
            self.nudge();
        }
        Ok(())
    }
}
