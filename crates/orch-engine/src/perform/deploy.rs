//! One deployment, driven from its place in the line to its end. What it has come to stands in the line of its target; this
//! only does the next thing: begins a hook, looks at what answers, waits. A restart goes on where the row is, and a hook
//! that was begun is never begun again: its run has the name of the deployment and the number of the hook.

use std::sync::Arc;
use std::time::Duration;

use orch_ports::hosts::{RunKind, RunToBe};
use orch_ports::store::Work;
use orch_rules::attempt::RunEnd;
use orch_rules::change::{Change, ChangeSet};
use orch_rules::deploy::line::{DeployLine, Next};
use orch_rules::deploy::looks::{Look, LookPlan, Looking, Seen};
use orch_rules::deploy::{Deployment, DeploymentState, Deploys, Hook, HookEnd};
use orch_rules::ids::{CommitId, DeployTarget, DeploymentId, RepositoryId, TaskId};

use super::agent_run::never_began;
use super::deploy_words::{hook_end, hook_words, look_words};
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
    pub irreversible: bool,
}

/// One that is driven.
pub(super) struct Driven {
    pub(super) order: DeployOrder,
    pub(super) context: Arc<RepositoryContext>,
    pub(super) terms: Arc<DeployTerms>,
    begun_again: u32,
    pub(super) frozen: bool,
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
            let waits_for_another = one.is_ahead() && one.why != Deploys::Again;
            if one.state.is_over() && !one.infra && !waits_for_another {
                self.ended(&driven.order, &one).await?;
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
            (DeploymentState::Failed | DeploymentState::RolledBack, _) if one.is_ahead() => {
                self.ahead(driven, line, one, seen).await
            }
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
            let contained = self.runs_with(driven, line, one).await?;
            let stopped = self.store.task(&driven.order.task).await?.is_some_and(|task| task.stop.is_some());
            if !contained && !stopped {
                return Ok(());
            }
        }
        self.line(&driven.order.target, |line, _| line.again(&one.id)).await
    }

    /// A revert that did not come up is taken back by nobody: the base branch is ahead of what runs, and nothing lands on it
    /// before a person has deployed what contains it.
    async fn ahead(
        &self,
        driven: &mut Driven,
        line: &DeployLine,
        one: &Deployment,
        seen: u64,
    ) -> Result<(), PerformError> {
        self.freeze_for(driven, one).await?;
        if self.runs_with(driven, line, one).await? {
            return self.line(&driven.order.target, |line, now| line.caught_up(&one.id, now)).await;
        }
        self.changes.after(seen, LOOK_AGAIN).await;
        Ok(())
    }

    /// Whether what runs contains it.
    async fn runs_with(&self, driven: &Driven, line: &DeployLine, one: &Deployment) -> Result<bool, PerformError> {
        let Some(runs) = line.running(&one.repository).cloned() else { return Ok(false) };
        let (context, one) = (driven.context.clone(), one.candidate.clone());
        blocking(move || Ok(context.workshop.contains(&runs.candidate, &one)?)).await
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

    pub(crate) async fn look(&self, terms: &Arc<DeployTerms>) -> Result<Look, PerformError> {
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
                // What somebody else put there may be no commit.
                Some(previous) if !context.workshop.contains(&previous.candidate, &previous.candidate)? => {
                    Some((previous, None))
                }
                Some(previous) => {
                    let folder = context.work_folder(&format!("{}-back", one.id));
                    context.workshop.checkout(&previous.candidate, &folder, None)?;
                    Some((previous, Some(folder)))
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
}
