//! What a deployment writes and asks beside its hooks and looks: its line, its task, the freeze of its repository.

use std::sync::Arc;
use std::time::Duration;

use orch_ports::workshop::DiffOrder;
use orch_rules::actor::Actor;
use orch_rules::change::ChangeSet;
use orch_rules::deploy::line::DeployLine;
use orch_rules::deploy::looks::Baking;
use orch_rules::deploy::{Deployment, DeploymentState, Deploys, TaskDeployment};
use orch_rules::event::{Event, LaneEvent, TaskEvent};
use orch_rules::ids::{CommitId, DeployTarget, RepositoryId, Timestamp};
use orch_rules::lane::NamedTask;
use orch_rules::notice::Notice;

use super::deploy::{DeployOrder, Driven};
use super::deploy_words::first_line;
use super::{PerformError, blocking};
use crate::deploy_terms::DeployTerms;
use crate::engine::Engine;

impl Engine {
    /// What of all that waits is contained in what runs.
    pub(super) async fn containing(&self, line: &DeployLine) -> Result<Vec<(CommitId, CommitId)>, PerformError> {
        let mut pairs = Vec::new();
        for one in line.deployments.iter().filter(|one| one.state == DeploymentState::Queued) {
            let Some(runs) = line.running(&one.repository) else { continue };
            let Some(context) = self.served().contexts.get(&one.repository).cloned() else { continue };
            pairs.push((context, runs.candidate.clone(), one.candidate.clone()));
        }
        blocking(move || {
            let mut found = Vec::new();
            for (context, holds, held) in pairs {
                if context.workshop.contains(&holds, &held)? {
                    found.push((holds, held));
                }
            }
            Ok(found)
        })
        .await
    }

    pub(super) async fn same_files(
        &self,
        driven: &Driven,
        one: &CommitId,
        other: &CommitId,
    ) -> Result<bool, PerformError> {
        let (context, one, other) = (driven.context.clone(), one.clone(), other.clone());
        blocking(move || {
            let order =
                DiffOrder { from: Some(one.clone()), to: other.clone(), only: Vec::new(), without: None, cap: 1 };
            Ok(context.workshop.contains(&other, &one)? && context.workshop.diff(&order)?.text.is_empty())
        })
        .await
    }

    /// Nothing is deployed over what somebody else put there.
    pub(super) async fn runs_as_believed(&self, driven: &Driven, line: &DeployLine) -> Result<bool, PerformError> {
        if line.runs.is_empty() {
            return Ok(true);
        }
        let drift = self.drift(&driven.terms, line).await?;
        let held = drift.is_some();
        if drift != line.drift {
            self.tell_drift(line, drift.as_deref()).await?;
        }
        self.line(&driven.order.target, |line, _| line.drifted(drift.clone())).await?;
        Ok(!held)
    }

    /// People hear of it once, before it is written: it is said before it holds anything.
    pub(crate) async fn tell_drift(&self, line: &DeployLine, drift: Option<&str>) -> Result<(), PerformError> {
        let (Some(revision), Some((repository, _))) = (drift, line.brought_last()) else { return Ok(()) };
        let now = self.store.now().await?;
        let changes = self.messages(&Notice::of_drift(repository, (&line.target, line.hooks), revision, now));
        if !changes.is_empty() {
            self.store.apply(ChangeSet { guards: Vec::new(), changes }, None).await?;
            self.nudge();
        }
        Ok(())
    }

    /// In words what runs that was not brought by us; met twice, or it is nothing.
    pub(crate) async fn drift(
        &self,
        terms: &Arc<DeployTerms>,
        line: &DeployLine,
    ) -> Result<Option<String>, PerformError> {
        let mut met = None;
        for round in 0..2 {
            if round > 0 {
                tokio::time::sleep(Duration::from_millis(terms.after_rollback.every_ms.into())).await;
            }
            let look = self.look(terms).await?;
            // What does not run well and stayed is known, too.
            let broken = |one: &&Deployment| one.state == DeploymentState::Broken;
            let left = line.deployments.iter().filter(broken).map(|one| &one.revision);
            let known: Vec<_> = line.runs.iter().map(|(_, runs)| &runs.revision).chain(left).collect();
            let ours = |revision: &String| known.contains(&revision);
            met = look.revision.filter(|revision| look.ok && !ours(revision));
            if met.is_none() {
                return Ok(None);
            }
        }
        Ok(met)
    }

    /// Its place in the line; a second time it is there.
    pub(super) async fn join_line(&self, order: &DeployOrder) -> Result<(), PerformError> {
        if self.store.deployments_of(&order.task).await?.iter().any(|one| one.id == order.deployment) {
            return Ok(());
        }
        let work_item = self.store.task(&order.task).await?.map(|task| task.work_item);
        let why = match &order.reverts {
            Some(of) => Deploys::Revert { of: of.clone() },
            None => Deploys::Change,
        };
        let terms = self.context(&order.repository)?.deploys.clone();
        let forward = order.reverts.is_none() && terms.is_some_and(|terms| terms.forward);
        let one = Deployment::of(order.deployment.clone(), order.target.clone(), order.repository.clone())
            .bringing(order.commit.clone(), why)
            .mended_by(order.irreversible, forward)
            .for_task(order.task.clone(), work_item);
        self.line(&order.target, |line, _| line.join(one.clone())).await
    }

    /// A deployment as it stands, with its line; one that the line has forgotten from its row.
    pub(super) async fn deployment(&self, order: &DeployOrder) -> Result<(DeployLine, Deployment), PerformError> {
        let (line, _) = self.store.deploy_line(&order.target).await?;
        if let Some(one) = line.get(&order.deployment).cloned() {
            return Ok((line, one));
        }
        let rows = self.store.deployments_of(&order.task).await?;
        let row = rows.into_iter().find(|one| one.id == order.deployment);
        let missing = || PerformError::Passing(format!("deployment {} is not in its line", order.deployment));
        row.map(|one| (line, one)).ok_or_else(missing)
    }

    /// Writes what a change makes of a line, as often as somebody else was quicker. What changes nothing writes nothing.
    pub(crate) async fn line<T>(
        &self,
        target: &DeployTarget,
        change: impl Fn(&mut DeployLine, Timestamp) -> T,
    ) -> Result<T, PerformError> {
        loop {
            let (before, version) = self.store.deploy_line(target).await?;
            let (mut line, now) = (before.clone(), self.store.now().await?);
            let out = change(&mut line, now);
            if line == before {
                return Ok(out);
            }
            if self.store.put_deploy_line(&line, version).await? {
                self.changes.happened();
                return Ok(out);
            }
        }
    }

    /// The task hears how far it is, each state once.
    pub(super) async fn tell_task_of(&self, order: &DeployOrder, one: &Deployment) -> Result<(), PerformError> {
        let Some(task) = self.store.task(&order.task).await? else { return Ok(()) };
        let Some(known) = task.deployment.filter(|known| known.id == one.id) else { return Ok(()) };
        let now = TaskDeployment { failed: known.failed.clone(), told: known.told, ..TaskDeployment::seen(one) };
        let now = TaskDeployment { forward: now.forward && (known.forward || !known.told), ..now };
        if known == now {
            return Ok(());
        }
        let event = Event::Task { task: order.task.clone(), event: TaskEvent::DeploymentSeen { deployment: now } };
        self.absorb(&event, &Actor::ORCH, None).await?;
        Ok(())
    }

    pub(super) async fn freeze_for(&self, driven: &mut Driven, one: &Deployment) -> Result<(), PerformError> {
        if !driven.frozen {
            self.freeze(&driven.order, one).await?;
            driven.frozen = true;
        }
        Ok(())
    }

    /// Nothing lands on top of what does not run, but its revert and what mends it.
    pub(super) async fn freeze(&self, order: &DeployOrder, one: &Deployment) -> Result<(), PerformError> {
        let work_item = one.work_item.clone().unwrap_or_else(|| order.task.as_str().into());
        let cause = NamedTask { task: order.task.clone(), work_item: work_item.clone() };
        let (target, why) = (&order.target, first_line(&one.said));
        let reason = match one.is_ahead() {
            true => format!(
                "the base branch is ahead of {target}: what takes back {work_item} did not come up: {why}; deploy it: orch \
                 deploy redeploy {target}"
            ),
            false => format!("{work_item} does not run on {target}: {why}"),
        };
        self.tell_lane(&order.repository, LaneEvent::DoesNotRun { reason, cause }).await
    }

    /// It was healthy and is not any more: nothing lands on top of it, and people say what becomes of it.
    pub(crate) async fn degrades(&self, one: &Deployment) -> Result<(), PerformError> {
        let Some(task) = one.task.clone() else { return Ok(()) };
        let work_item = one.work_item.clone().unwrap_or_else(|| task.as_str().into());
        let (target, bad, seen) = (&one.target, Baking::BAD, Baking::SEEN);
        let reason = format!(
            "{work_item} was healthy on {target} and is not any more ({bad} of the last {seen} looks were bad): orch deploy \
             rollback {target}, or orch deploy verify {target} once it is well"
        );
        let cause = NamedTask { task, work_item };
        self.tell_lane(&one.repository, LaneEvent::DoesNotRun { reason, cause }).await
    }

    pub(crate) async fn tell_lane(&self, repository: &RepositoryId, event: LaneEvent) -> Result<(), PerformError> {
        let event = Event::Lane { repository: repository.clone(), event };
        self.absorb(&event, &Actor::ORCH, None).await?;
        Ok(())
    }

    /// It has come to its end: what its repository was frozen for may be mended by that, or begins with it.
    pub(super) async fn ended(&self, order: &DeployOrder, one: &Deployment) -> Result<(), PerformError> {
        if one.is_ahead() {
            return self.freeze(order, one).await;
        }
        if !matches!(one.state, DeploymentState::Healthy | DeploymentState::Superseded) {
            return Ok(());
        }
        let rows = self.store.repositories().await?;
        let row = rows.into_iter().find(|row| row.id == order.repository);
        let frozen = row.and_then(|row| row.frozen).filter(|freeze| freeze.stands());
        let own = |cause: NamedTask| cause.task == order.task || one.why == Deploys::Again;
        if frozen.and_then(|freeze| freeze.cause).is_some_and(own) {
            self.tell_lane(&order.repository, LaneEvent::RunsNow { commit: one.candidate.clone() }).await?;
        }
        Ok(())
    }
}
