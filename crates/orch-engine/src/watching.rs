//! Looks at what runs where something was deployed, beside the line: somebody else may put something there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orch_rules::deploy::line::DeployLine;
use orch_rules::deploy::looks::Baking;
use orch_rules::ids::{DeployTarget, DeploymentId};

use crate::deploy_terms::DeployTerms;
use crate::engine::Engine;
use crate::perform::PerformError;

/// Between two looks at the settings.
const BEAT: Duration = Duration::from_secs(1);

impl Engine {
    /// Looks as often as each target wants. One that finds what it expects writes nothing.
    pub(crate) async fn watch_targets_forever(self: Arc<Self>) {
        let mut looked: BTreeMap<DeployTarget, Instant> = BTreeMap::new();
        let mut baking: BTreeMap<DeployTarget, (DeploymentId, Baking, Instant)> = BTreeMap::new();
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            if !*self.held.borrow() || !self.may_work() {
                continue;
            }
            let all: BTreeMap<DeployTarget, Arc<DeployTerms>> = {
                let served = self.served();
                let set = served.contexts.values().filter_map(|context| context.deploys.clone());
                set.map(|terms| (terms.target.clone(), terms)).collect()
            };
            for terms in all.values().filter(|terms| terms.bake_ms > 0) {
                if let Err(error) = self.bake(terms, &mut baking).await {
                    let target = &terms.target;
                    tracing::warn!(%target, error = error.words(), "what was deployed was not looked at");
                }
            }
            for (target, terms) in all.iter().filter(|(_, terms)| terms.watch_ms > 0) {
                let every = Duration::from_millis(terms.watch_ms);
                if looked.get(target).is_some_and(|at| at.elapsed() < every) {
                    continue;
                }
                looked.insert(target.clone(), Instant::now());
                if let Err(error) = self.watch_target(terms).await {
                    tracing::warn!(%target, error = error.words(), "what runs was not looked at");
                }
            }
        }
    }

    /// What was found healthy a while ago is looked at still. What degrades freezes its repository; nothing is taken back.
    async fn bake(
        &self,
        terms: &Arc<DeployTerms>,
        baking: &mut BTreeMap<DeployTarget, (DeploymentId, Baking, Instant)>,
    ) -> Result<(), PerformError> {
        let every = Duration::from_millis(terms.after_deploy.every_ms.into());
        if baking.get(&terms.target).is_some_and(|(.., at)| at.elapsed() < every) {
            return Ok(());
        }
        let (line, _) = self.store.deploy_line(&terms.target).await?;
        let bake_ms = i64::try_from(terms.bake_ms).unwrap_or(i64::MAX);
        let Some(one) = line.bakes(bake_ms, self.store.now().await?).cloned() else {
            baking.remove(&terms.target);
            return Ok(());
        };
        let (_, mut looks, _) = baking
            .remove(&terms.target)
            .filter(|(id, ..)| *id == one.id)
            .unwrap_or_else(|| (one.id.clone(), Baking::default(), Instant::now()));
        let look = self.look(terms).await?;
        let degrades = looks.look(&look, &one.revision, terms.says_revision);
        baking.insert(terms.target.clone(), (one.id.clone(), looks, Instant::now()));
        if !degrades {
            return Ok(());
        }
        // Somebody else's answer is no word about what was brought: it holds the line as ever.
        if let Some(drift) = self.drift(terms, &line).await? {
            return self.drifts(&line, Some(drift)).await;
        }
        let (line, _) = self.store.deploy_line(&terms.target).await?;
        if line.bakes(bake_ms, self.store.now().await?).is_some_and(|still| still.id == one.id) {
            self.degrades(&one).await?;
            self.line(&terms.target, |line, _| line.degrades(&one.id, true)).await?;
        }
        Ok(())
    }

    async fn watch_target(&self, terms: &Arc<DeployTerms>) -> Result<(), PerformError> {
        let (line, _) = self.store.deploy_line(&terms.target).await?;
        if line.runs.is_empty() || line.under_way().is_some() {
            return Ok(());
        }
        let drift = self.drift(terms, &line).await?;
        self.drifts(&line, drift).await
    }

    /// Whether something else runs than what was brought. What is known already writes nothing.
    async fn drifts(&self, line: &DeployLine, drift: Option<String>) -> Result<(), PerformError> {
        if drift == line.drift {
            return Ok(());
        }
        if let Some(revision) = &drift {
            tracing::warn!(target = %line.target, revision, "something else runs than what was deployed");
        }
        self.tell_drift(line, drift.as_deref()).await?;
        // Something may have begun meanwhile: then it is no drift.
        self.line(&line.target, |line, _| line.drifted(drift.clone())).await
    }
}
