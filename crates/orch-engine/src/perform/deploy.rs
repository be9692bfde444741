//! One deployment, driven from its place in the line to its end. What it has come to stands in the line of its target; this
//! only does the next thing: begins a hook, looks at what answers, waits. A restart goes on where the row is, and a hook
//! that was begun is never begun again: its run has the name of the deployment and the number of the hook.

use std::sync::Arc;
use std::time::Duration;

use orch_ports::hosts::{RunKind, RunToBe};
use orch_ports::store::Work;
use orch_ports::workshop::DiffOrder;
use orch_rules::actor::Actor;
use orch_rules::attempt::RunEnd;
use orch_rules::change::{Change, ChangeSet};
use orch_rules::deploy::line::{DeployLine, Next};
use orch_rules::deploy::looks::{Look, LookPlan, Looking, Seen};
use orch_rules::deploy::{Deployment, DeploymentState, Deploys, Hook, HookEnd, TaskDeployment};
use orch_rules::event::{Event, LaneEvent, TaskEvent};
use orch_rules::ids::{CommitId, DeployTarget, DeploymentId, RepositoryId, TaskId, Timestamp};
use orch_rules::lane::NamedTask;

use super::agent_run::never_began;
use super::deploy_words::{first_line, hook_end, hook_words, look_words};
use super::{PerformError, PerformResult, Performed, blocking};
use crate::deploy_terms::{DeployTerms, HookVerb};
use crate::engine::Engine;
use crate::hosting::Placed;
use crate::repository_context::RepositoryContext;

/// So often what the machine kept from beginning is begun again by itself.
const MOST_BEGUN_AGAIN: u32 = 3;
/// Who waits for a turn or a person looks again after so long, should nobody tell.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Of what a hook printed last.
const EXCERPT_BYTES: usize = 2 * 1024;

/// What is to be deployed.
#[derive(Clone)]
pub(crate) struct DeployOrder {
    pub task: TaskId,
    pub repository: RepositoryId,
    pub target: DeployTarget,
    pub deployment: DeploymentId,
    pub commit: CommitId,
    pub reverts: Option<DeploymentId>,
}

/// One that is driven.
struct Driven {
    order: DeployOrder,
    context: Arc<RepositoryContext>,
    terms: Arc<DeployTerms>,
    begun_again: u32,
    frozen: bool,
}

impl Engine {
    pub(super) async fn deploy(&self, work: &Work, order: DeployOrder) -> PerformResult {
        match self.drive(work, order).await {
            // What may have been begun is never given up.
            Err(PerformError::Port(error)) => Err(PerformError::Passing(error.words)),
            Err(PerformError::Lasting(words)) => Err(PerformError::Passing(words)),
            other => other,
        }
    }

    async fn drive(&self, work: &Work, order: DeployOrder) -> PerformResult {
        let context = self.context(&order.repository)?;
        let Some(terms) = context.deploys.clone().filter(|terms| terms.target == order.target) else {
            let DeployOrder { target, repository, .. } = &order;
            return Err(PerformError::Passing(format!(
                "target {target} of repository {repository} is not in this host's settings any more"
            )));
        };
        self.join_line(&order).await?;
        let mut driven = Driven { order, context, terms, begun_again: 0, frozen: false };
        loop {
            let seen = self.changes.newest();
            let (line, one) = self.deployment(&driven.order).await?;
            self.tell_task_of(&driven.order, &one).await?;
            if one.state.is_over() && !one.infra {
                break;
            }
            self.step(work, &mut driven, &line, &one, seen).await?;
        }
        let folders = ["", "-back"].map(|end| driven.context.work_folder(&format!("{}{end}", driven.order.deployment)));
        Ok(Performed { leftovers: folders.into_iter().collect(), ..Performed::nothing() })
    }

    /// The next thing.
    async fn step(
        &self,
        work: &Work,
        driven: &mut Driven,
        line: &DeployLine,
        one: &Deployment,
        seen: u64,
    ) -> Result<(), PerformError> {
        let hook = one.hook.clone();
        match (one.state, hook) {
            (DeploymentState::Queued, _) => self.in_line(driven, line, one, seen).await,
            (DeploymentState::Deploying | DeploymentState::RollingBack, Some(hook)) if hook.ended.is_none() => {
                self.hook(work, driven, one, &hook).await
            }
            (DeploymentState::Checking | DeploymentState::RollingBack, Some(hook)) => {
                self.looks(driven, one, &hook).await
            }
            (DeploymentState::Unknown, Some(hook)) => self.in_doubt(driven, one, &hook, seen).await,
            (DeploymentState::Failed, _) => self.not_begun(driven, line, one, seen).await,
            (DeploymentState::Broken, _) => {
                self.freeze_for(driven, one).await?;
                self.changes.after(seen, LOOK_AGAIN).await;
                Ok(())
            }
            _ => {
                self.changes.after(seen, LOOK_AGAIN).await;
                Ok(())
            }
        }
    }

    /// The machine kept it from being begun: again a few times, then when what keeps its task waiting is over.
    async fn not_begun(
        &self,
        driven: &mut Driven,
        line: &DeployLine,
        one: &Deployment,
        seen: u64,
    ) -> Result<(), PerformError> {
        if driven.begun_again < MOST_BEGUN_AGAIN {
            driven.begun_again += 1;
            tokio::time::sleep(self.limits.first_retry * 2_u32.pow(driven.begun_again)).await;
        } else {
            self.changes.after(seen, LOOK_AGAIN).await;
            // A person may have deployed what contains it, or have its task stopped.
            let contained = match line.running(&one.repository).cloned() {
                Some(runs) => {
                    let (context, one) = (driven.context.clone(), one.candidate.clone());
                    blocking(move || Ok(context.workshop.contains(&runs.candidate, &one)?)).await?
                }
                None => false,
            };
            let stopped = self.store.task(&driven.order.task).await?.is_some_and(|task| task.stop.is_some());
            if !contained && !stopped {
                return Ok(());
            }
        }
        self.line(&driven.order.target, |line, _| line.again(&one.id)).await
    }

    /// Whoever has nothing to deploy, or not any more, says so; else its turn comes.
    async fn in_line(
        &self,
        driven: &Driven,
        line: &DeployLine,
        one: &Deployment,
        seen: u64,
    ) -> Result<(), PerformError> {
        let (target, id) = (&driven.order.target, &one.id);
        let stopped = self.store.task(&driven.order.task).await?.is_some_and(|task| task.stop.is_some());
        if stopped && one.why == Deploys::Change {
            return self.line(target, |line, now| _ = line.stopped(&driven.order.task, now)).await;
        }
        if let Some(runs) = line.running(&one.repository).cloned()
            && matches!(one.why, Deploys::Revert { .. })
            && self.same_files(driven, &runs.candidate, &one.candidate).await?
        {
            return self.line(target, |line, now| line.runs_already(id, now)).await;
        }
        let contains = self.containing(line).await?;
        let contains = |holds: &CommitId, held: &CommitId| contains.contains(&(holds.clone(), held.clone()));
        match line.next(&contains) {
            Next::Supersede(next) if next == *id => self.line(target, |line, now| line.superseded(id, now)).await,
            Next::Deploy(next) if next == *id => {
                if one.why != Deploys::Again && !self.runs_as_believed(driven, line).await? {
                    return Ok(());
                }
                self.line(target, |line, now| _ = line.begin(id, &contains, now)).await
            }
            _ => {
                self.changes.after(seen, LOOK_AGAIN).await;
                // It may run again as it should.
                if line.drift.is_some() {
                    self.runs_as_believed(driven, line).await?;
                }
                Ok(())
            }
        }
    }

    /// What of all that waits is contained in what runs.
    async fn containing(&self, line: &DeployLine) -> Result<Vec<(CommitId, CommitId)>, PerformError> {
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

    async fn same_files(&self, driven: &Driven, one: &CommitId, other: &CommitId) -> Result<bool, PerformError> {
        let (context, one, other) = (driven.context.clone(), one.clone(), other.clone());
        blocking(move || {
            let order =
                DiffOrder { from: Some(one.clone()), to: other.clone(), only: Vec::new(), without: None, cap: 1 };
            Ok(context.workshop.contains(&other, &one)? && context.workshop.diff(&order)?.text.is_empty())
        })
        .await
    }

    /// Nothing is deployed over what somebody else put there.
    async fn runs_as_believed(&self, driven: &Driven, line: &DeployLine) -> Result<bool, PerformError> {
        if line.runs.is_empty() {
            return Ok(true);
        }
        let drift = self.drift(&driven.terms, line).await?;
        let held = drift.is_some();
        self.line(&driven.order.target, |line, _| line.drifted(drift.clone())).await?;
        Ok(!held)
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
            let ours = |revision: &String| line.runs.iter().any(|(_, runs)| runs.revision == *revision);
            met = look.revision.filter(|revision| look.ok && !ours(revision));
            if met.is_none() {
                return Ok(None);
            }
        }
        Ok(met)
    }

    async fn look(&self, terms: &Arc<DeployTerms>) -> Result<Look, PerformError> {
        let health = terms.health.clone();
        blocking(move || Ok(health.look())).await
    }

    /// A hook, from its launch or from where it is, to its end.
    async fn hook(&self, work: &Work, driven: &Driven, one: &Deployment, hook: &Hook) -> Result<(), PerformError> {
        let name = format!("{}-{}", one.id, hook.number);
        let run = RunToBe { name: name.clone(), kind: RunKind::Hook, task: driven.order.task.clone() };
        let end = match self.place(work, run).await? {
            Placed::GivenUp { .. } => HookEnd::Lost,
            Placed::Here => {
                let begun = self.launch_hook(driven, one, hook, &name).await;
                match begun {
                    Err(PerformError::Launch(error)) => HookEnd::NotBegun { reason: error.words },
                    Err(error) => return Err(error),
                    Ok(()) => {
                        self.until_over(&name).await?;
                        let (runner, name) = (self.runner.clone(), name.clone());
                        blocking(move || {
                            let report = runner.wait(&name)?;
                            never_began(&*runner, &name, &report)?;
                            Ok(hook_end(&report))
                        })
                        .await?
                    }
                }
            }
        };
        let said = self.said_by_hook(&name).await;
        let (offers, id, number) = (driven.terms.offers(), one.id.clone(), hook.number);
        let words = hook_words(one.state, &end);
        let over = Change::EndRun { name, host: self.hosting.id.clone() };
        self.store.apply(ChangeSet { guards: Vec::new(), changes: vec![over] }, None).await?;
        self.line(&driven.order.target, |line, now| {
            line.note(&id, &words, &said);
            line.hook_ended(&id, number, end.clone(), offers, now);
        })
        .await?;
        let bad =
            matches!(end, HookEnd::Signalled) || matches!(end, HookEnd::Exited { code } if ![0, 1, 64].contains(&code));
        if bad && one.state == DeploymentState::Deploying {
            let (_, one) = self.deployment(&driven.order).await?;
            self.freeze(&driven.order, &one).await?;
        }
        Ok(())
    }

    async fn launch_hook(
        &self,
        driven: &Driven,
        one: &Deployment,
        hook: &Hook,
        name: &str,
    ) -> Result<(), PerformError> {
        let back = one.state == DeploymentState::RollingBack;
        let (runner, context, terms) = (self.runner.clone(), driven.context.clone(), driven.terms.clone());
        let (one, number, name) = (one.clone(), hook.number, name.to_owned());
        blocking(move || {
            if runner.exists(&name) {
                return Ok(());
            }
            runner.room().map_err(PerformError::NoRoom)?;
            let folder = context.work_folder(one.id.as_str());
            context.workshop.checkout(&one.candidate, &folder, None)?;
            let before = match &one.previous {
                Some(previous) => {
                    let folder = context.work_folder(&format!("{}-back", one.id));
                    context.workshop.checkout(&previous.candidate, &folder, None)?;
                    Some((previous, folder))
                }
                None => None,
            };
            let verb = if back { HookVerb::Rollback } else { HookVerb::Deploy };
            let order = terms.hook_order(&name, verb, (&one, &folder), before, number, &context.program);
            runner.ensure(&order).map_err(PerformError::Launch)
        })
        .await
    }

    async fn said_by_hook(&self, name: &str) -> String {
        let (runner, name) = (self.runner.clone(), name.to_owned());
        blocking(move || Ok(runner.output_tail(&name, EXCERPT_BYTES)?)).await.unwrap_or_default()
    }

    /// What runs now that its hook has ended.
    async fn looks(&self, driven: &Driven, one: &Deployment, hook: &Hook) -> Result<(), PerformError> {
        let back = one.state == DeploymentState::RollingBack;
        let failed = matches!(hook.ended, Some(HookEnd::Exited { code: 1 })) && !back;
        let plan = if back { driven.terms.after_rollback } else { driven.terms.after_deploy };
        let candidate = (one.revision.clone(), Seen::Candidate);
        let previous = one.previous.as_ref().map(|previous| (previous.revision.clone(), Seen::Previous));
        let (wanted, other) = match previous {
            Some(previous) if back || failed => (previous, Some(candidate)),
            Some(previous) => (candidate, Some(previous)),
            None => (candidate, None),
        };
        let (seen, words) = self.look_until(driven, plan, wanted, other).await?;
        let (offers, id, number) = (driven.terms.offers(), one.id.clone(), hook.number);
        self.line(&driven.order.target, |line, now| {
            line.note(&id, &words, "");
            line.looked(&id, number, seen, offers, now);
        })
        .await
    }

    async fn look_until(
        &self,
        driven: &Driven,
        plan: LookPlan,
        wanted: (String, Seen),
        other: Option<(String, Seen)>,
    ) -> Result<(Seen, String), PerformError> {
        let named = |one: &(String, Seen)| (one.0.clone(), one.1);
        let (wanted, other) = (named(&wanted), other.as_ref().map(named));
        let mut looking = Looking::new(
            plan,
            (&wanted.0, wanted.1),
            other.as_ref().map(|(revision, seen)| (revision.as_str(), *seen)),
            driven.terms.says_revision,
        );
        loop {
            let look = self.look(&driven.terms).await?;
            let words = look_words(&look, &wanted.0, driven.terms.says_revision);
            if let Some(seen) = looking.look(&look) {
                return Ok((seen, words));
            }
            tokio::time::sleep(Duration::from_millis(plan.every_ms.into())).await;
        }
    }

    /// What its hook did is not known. Settled by looks, a while after everything of it is proved dead, or by a person.
    async fn in_doubt(&self, driven: &Driven, one: &Deployment, hook: &Hook, seen: u64) -> Result<(), PerformError> {
        let (runner, name) = (self.runner.clone(), format!("{}-{}", one.id, hook.number));
        let dead = blocking(move || {
            let over = runner.exists(&name).then(|| runner.wait(&name));
            Ok(matches!(over, Some(Ok(report)) if report.end != RunEnd::Quarantined))
        })
        .await?;
        if !dead {
            self.changes.after(seen, LOOK_AGAIN).await;
            return Ok(());
        }
        let until = tokio::time::Instant::now() + Duration::from_millis(driven.terms.settle_ms);
        while tokio::time::Instant::now() < until {
            let seen = self.changes.newest();
            let (_, now) = self.deployment(&driven.order).await?;
            if now.state != DeploymentState::Unknown {
                return Ok(());
            }
            let left = until.saturating_duration_since(tokio::time::Instant::now());
            self.changes.after(seen, left.min(LOOK_AGAIN)).await;
        }
        let previous = one.previous.as_ref().map(|previous| (previous.revision.clone(), Seen::Previous));
        let candidate = (one.revision.clone(), Seen::Candidate);
        let (found, words) = self.look_until(driven, driven.terms.after_deploy, candidate, previous).await?;
        let (offers, id) = (driven.terms.offers(), one.id.clone());
        self.line(&driven.order.target, |line, now| {
            line.note(&id, &words, "");
            line.settled(&id, found, offers, now);
        })
        .await
    }

    /// Its place in the line; a second time it is there.
    async fn join_line(&self, order: &DeployOrder) -> Result<(), PerformError> {
        if self.store.deployments_of(&order.task).await?.iter().any(|one| one.id == order.deployment) {
            return Ok(());
        }
        let work_item = self.store.task(&order.task).await?.map(|task| task.work_item);
        let why = match &order.reverts {
            Some(of) => Deploys::Revert { of: of.clone() },
            None => Deploys::Change,
        };
        let one = Deployment::of(order.deployment.clone(), order.target.clone(), order.repository.clone())
            .bringing(order.commit.clone(), why)
            .for_task(order.task.clone(), work_item);
        self.line(&order.target, |line, _| line.join(one.clone())).await
    }

    /// A deployment as it stands, with its line; one that the line has forgotten from its row.
    async fn deployment(&self, order: &DeployOrder) -> Result<(DeployLine, Deployment), PerformError> {
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
    async fn tell_task_of(&self, order: &DeployOrder, one: &Deployment) -> Result<(), PerformError> {
        let Some(task) = self.store.task(&order.task).await? else { return Ok(()) };
        let Some(known) = task.deployment.filter(|known| known.id == one.id) else { return Ok(()) };
        let now = TaskDeployment { failed: known.failed.clone(), ..TaskDeployment::seen(one) };
        if known == now {
            return Ok(());
        }
        let event = Event::Task { task: order.task.clone(), event: TaskEvent::DeploymentSeen { deployment: now } };
        self.absorb(&event, &Actor::ORCH, None).await?;
        Ok(())
    }

    async fn freeze_for(&self, driven: &mut Driven, one: &Deployment) -> Result<(), PerformError> {
        if !driven.frozen {
            self.freeze(&driven.order, one).await?;
            driven.frozen = true;
        }
        Ok(())
    }

    /// Nothing lands on top of what does not run, but its revert and what mends it.
    async fn freeze(&self, order: &DeployOrder, one: &Deployment) -> Result<(), PerformError> {
        let work_item = one.work_item.clone().unwrap_or_else(|| order.task.as_str().into());
        let cause = NamedTask { task: order.task.clone(), work_item: work_item.clone() };
        let reason = format!("{work_item} does not run on {}: {}", order.target, first_line(&one.said));
        let event = LaneEvent::DoesNotRun { reason, cause };
        let event = Event::Lane { repository: order.repository.clone(), event };
        self.absorb(&event, &Actor::ORCH, None).await?;
        Ok(())
    }
}
