//! What a person sees and does of deployments.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use orch_rules::actor::Actor;
use orch_rules::change::{Change, ChangeSet};
use orch_rules::deploy::line::DeployLine;
use orch_rules::deploy::looks::{Look, Seen};
use orch_rules::deploy::{Deployment, DeploymentState, Deploys, Running};
use orch_rules::effect::Effect;
use orch_rules::event::LaneEvent;
use orch_rules::ids::{CommitId, DeployTarget, DeploymentId, RepositoryId};
use orch_rules::rights::Right;

use super::{Answer, Control, ControlError, LaneCommand};
use crate::deploy_terms::DeployTerms;
use crate::perform::blocking;

/// Looks that have to agree.
const LOOKS: u32 = 3;

/// A target at a glance.
#[derive(Debug, Clone)]
pub struct TargetStanding {
    /// Its line.
    pub line: DeployLine,
    /// What answers now; `None` where its settings are not here.
    pub look: Option<Look>,
    /// Whether what answers says its revision.
    pub says_revision: bool,
}

impl Control {
    fn terms(&self, target: &DeployTarget) -> Result<Arc<DeployTerms>, ControlError> {
        let served = self.engine.served();
        let mut all = served.contexts.values().filter_map(|context| context.deploys.clone());
        all.find(|terms| terms.target == *target).ok_or_else(|| ControlError::NotFound {
            what: format!(
                "there is no target {target} in this host's settings; orch deploy status shows what there is"
            ),
        })
    }

    /// The line of every target of the settings, and of every one that something was deployed to; by name.
    ///
    /// # Errors
    /// The store's.
    pub async fn deploy_lines(&self) -> Result<Vec<DeployLine>, ControlError> {
        let known = self.engine.store.deploy_lines().await?;
        let served = self.engine.served();
        let set = served.contexts.values().filter_map(|context| context.deploys.as_ref()).map(|terms| &terms.target);
        let names: BTreeSet<DeployTarget> = set.chain(known.iter().map(|line| &line.target)).cloned().collect();
        let line = |name: &DeployTarget| known.iter().find(|line| line.target == *name).cloned();
        Ok(names.iter().map(|name| line(name).unwrap_or_else(|| DeployLine::of(name.clone()))).collect())
    }

    /// Every target of [`Control::deploy_lines`]; each is looked at once.
    ///
    /// # Errors
    /// The store's.
    pub async fn targets(&self, only: Option<&DeployTarget>) -> Result<Vec<TargetStanding>, ControlError> {
        let mut lines = self.deploy_lines().await?;
        lines.retain(|line| only.is_none_or(|only| *only == line.target));
        // All at once: one that does not answer takes its time.
        let asked: Vec<_> = lines
            .into_iter()
            .map(|line| {
                let terms = self.terms(&line.target).ok();
                let looking = terms.clone().map(|terms| tokio::spawn(async move { look(&terms).await }));
                (line, terms, looking)
            })
            .collect();
        let mut all = Vec::new();
        for (line, terms, looking) in asked {
            let look = match looking {
                Some(looking) => looking.await.ok().transpose()?,
                None => None,
            };
            let says_revision = terms.is_none_or(|terms| terms.says_revision);
            all.push(TargetStanding { line, look, says_revision });
        }
        match only {
            Some(only) if all.is_empty() => Err(ControlError::NotFound { what: format!("there is no target {only}") }),
            _ => Ok(all),
        }
    }

    /// The newest deployments, newest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn deployments(&self, most: u32) -> Result<Vec<Deployment>, ControlError> {
        Ok(self.engine.store.deployments(most).await?)
    }

    /// Settles what is in doubt or broken by what answers, or by a person's word of what runs.
    ///
    /// # Errors
    /// [`ControlError::Refused`] where nothing is to be settled, or looks do not agree; or the store's.
    pub async fn verify_target(
        &self,
        target: &DeployTarget,
        runs: Option<&str>,
        by: impl Into<Actor>,
    ) -> Result<Answer, ControlError> {
        self.allow(&by.into(), Right::Steer).await?;
        let terms = self.terms(target)?;
        let revision = match runs {
            Some(revision) => revision.to_owned(),
            None => agreed(&terms).await?,
        };
        let (line, _) = self.engine.store.deploy_line(target).await?;
        let open = |one: &&Deployment| matches!(one.state, DeploymentState::Unknown | DeploymentState::Broken);
        let Some(one) = line.deployments.iter().find(open).cloned() else {
            let ours = line.runs.iter().any(|(_, runs)| runs.revision == revision);
            self.recovers(&line, &revision).await?;
            let text = match ours {
                true => format!("{target} runs {revision}, as it should"),
                false => format!("{target} runs {revision}, which nobody here brought; orch deploy adopt or redeploy"),
            };
            return Ok(Answer { text, pending: false });
        };
        let seen = if one.revision == revision {
            Seen::Candidate
        } else if one.previous.as_ref().is_some_and(|previous| previous.revision == revision) {
            Seen::Previous
        } else {
            return Err(ControlError::Refused {
                why: format!(
                    "{target} runs {revision}, which is neither what was deployed ({}) nor what ran before: orch deploy redeploy {target}",
                    one.revision
                ),
            });
        };
        let offers = terms.offers();
        self.engine.line(target, |line, now| _ = line.settled(&one.id, seen, offers, now)).await?;
        self.moved().await?;
        Ok(Answer { text: format!("{target} runs {revision}: {} goes on", named(&one)), pending: false })
    }

    /// What degraded is well again, as looks that agree show: what its repository was frozen for is mended.
    async fn recovers(&self, line: &DeployLine, revision: &str) -> Result<(), ControlError> {
        for one in line.deployments.iter().filter(|one| one.degraded && one.revision == revision) {
            let event = LaneEvent::RunsNow { commit: one.candidate.clone() };
            self.engine.tell_lane(&one.repository, event).await?;
            self.engine.line(&line.target, |line, _| line.degrades(&one.id, false)).await?;
        }
        Ok(())
    }

    /// Takes what answers for what is wanted.
    ///
    /// # Errors
    /// As [`Control::verify_target`].
    pub async fn adopt_target(&self, target: &DeployTarget, by: impl Into<Actor>) -> Result<Answer, ControlError> {
        self.allow(&by.into(), Right::Steer).await?;
        let terms = self.terms(target)?;
        let revision = agreed(&terms).await?;
        let (line, _) = self.engine.store.deploy_line(target).await?;
        refuse_under_way(&line)?;
        let known = self.whose(&line, &revision).await?;
        let Some((repository, known)) = known.or_else(|| line.brought_last().cloned()) else {
            return Err(ControlError::Refused { why: format!("nothing was deployed to {target} yet") });
        };
        let running = Running { revision: revision.clone(), candidate: CommitId(revision.clone()), ..known };
        self.engine.line(target, |line, _| line.adopt(&repository, running.clone())).await?;
        self.moved().await?;
        Ok(Answer { text: format!("what runs on {target} is {revision} from now on"), pending: false })
    }

    /// Of which repository a revision is, where several share a target: of the one that has it as a commit.
    async fn whose(&self, line: &DeployLine, revision: &str) -> Result<Option<(RepositoryId, Running)>, ControlError> {
        let commit = CommitId::from(revision);
        for (repository, runs) in line.runs.iter().rev() {
            let Ok(context) = self.engine.context(repository) else { continue };
            let commit = commit.clone();
            if blocking(move || Ok(context.workshop.contains(&commit, &commit)?)).await? {
                return Ok(Some((repository.clone(), runs.clone())));
            }
        }
        Ok(None)
    }

    /// Deploys a revision again, whatever is held: the tip of the base branch if none is named.
    ///
    /// # Errors
    /// [`ControlError::Refused`] while a hook lives; or the store's.
    pub async fn redeploy(
        &self,
        target: &DeployTarget,
        revision: Option<&str>,
        by: impl Into<Actor>,
    ) -> Result<Answer, ControlError> {
        self.allow(&by.into(), Right::Steer).await?;
        self.terms(target)?;
        let (line, _) = self.engine.store.deploy_line(target).await?;
        refuse_under_way(&line)?;
        let newest = line.deployments.iter().max_by_key(|one| one.place);
        let Some((repository, task)) = newest.and_then(|one| Some((one.repository.clone(), one.task.clone()?))) else {
            return Err(ControlError::Refused {
                why: format!("nothing was deployed to {target} yet; what lands next goes there"),
            });
        };
        let context = self.engine.context(&repository)?;
        let asked = revision.map(CommitId::from);
        let commit = blocking(move || match asked {
            Some(commit) if context.workshop.contains(&context.forge.base()?.tip, &commit)? => Ok(Some(commit)),
            Some(_) => Ok(None),
            None => Ok(Some(context.forge.base()?.tip)),
        })
        .await?;
        let Some(commit) = commit else {
            return Err(ControlError::Refused { why: "that commit is not on the base branch".to_owned() });
        };
        let id = DeploymentId(format!("{task}-again-{}", self.engine.store.now().await?.0));
        let one = Deployment::of(id.clone(), target.clone(), repository.clone())
            .bringing(commit.clone(), Deploys::Again)
            .for_task(task.clone(), None);
        self.engine.line(target, |line, _| line.join(one.clone())).await?;
        let due = self.engine.store.now().await?;
        let target = target.clone();
        let effect = Effect::Deploy {
            task,
            repository,
            target: target.clone(),
            deployment: id,
            commit: commit.clone(),
            reverts: None,
            irreversible: false,
        };
        let changes = vec![Change::Perform { effect, due }];
        self.engine.store.apply(ChangeSet { guards: Vec::new(), changes }, None).await?;
        self.engine.nudge();
        self.moved().await?;
        Ok(Answer { text: format!("{commit} is in line for {target}"), pending: true })
    }

    /// Brings back what ran before, or a revision that ran once, and lets nothing land on top of what does not run then.
    ///
    /// # Errors
    /// As [`Control::redeploy`].
    pub async fn roll_back(
        &self,
        target: &DeployTarget,
        to: Option<&str>,
        by: impl Into<Actor>,
        key: String,
    ) -> Result<Answer, ControlError> {
        let by = by.into();
        self.allow(&by, Right::Steer).await?;
        let (line, _) = self.engine.store.deploy_line(target).await?;
        refuse_under_way(&line)?;
        let Some((repository, _)) = line.brought_last().cloned() else {
            return Err(ControlError::Refused { why: format!("nothing was deployed to {target} yet") });
        };
        let rows = self.engine.store.deployments(1_000).await?;
        let Some(before) = line.healthy_before(&rows, to) else {
            return Err(ControlError::Refused { why: format!("no other revision was healthy on {target} before") });
        };
        // The commit that was put there: a revert that runs already has the files of the one before it.
        let revision = before.revision.clone();
        let answer = self.redeploy(target, Some(&revision), by.clone()).await?;
        let reason = format!("{target} was rolled back to {revision}; the base branch is ahead of it");
        let command = LaneCommand::Freeze { reason, cause: None, fixes: Vec::new() };
        self.lane_command(&repository, command, by, key).await?;
        let text = format!(
            "{}; {repository} is frozen: name what is to mend it (orch freeze --fix ID), or lift that (orch unfreeze)",
            answer.text
        );
        Ok(Answer { text, pending: true })
    }
}

fn named(one: &Deployment) -> String {
    one.work_item.as_ref().map_or_else(|| one.id.to_string(), ToString::to_string)
}

fn refuse_under_way(line: &DeployLine) -> Result<(), ControlError> {
    match line.under_way() {
        Some(one) if one.state != DeploymentState::Unknown => Err(ControlError::Refused {
            why: format!("{} is being deployed to {}; wait for its end", named(one), line.target),
        }),
        Some(one) => Err(ControlError::Refused {
            why: format!(
                "what became of {} on {} is not known: orch deploy verify {}",
                named(one),
                line.target,
                line.target
            ),
        }),
        None => Ok(()),
    }
}

async fn look(terms: &Arc<DeployTerms>) -> Result<Look, ControlError> {
    let health = terms.health.clone();
    Ok(blocking(move || Ok(health.look())).await?)
}

/// The revision that several looks agree on.
async fn agreed(terms: &Arc<DeployTerms>) -> Result<String, ControlError> {
    let refused = |why: String| Err(ControlError::Refused { why });
    let mut found: Option<String> = None;
    for round in 0..LOOKS {
        if round > 0 {
            tokio::time::sleep(Duration::from_millis(terms.after_rollback.every_ms.into())).await;
        }
        let look = look(terms).await?;
        let Some(revision) = look.revision.filter(|_| look.ok) else {
            let target = &terms.target;
            return refused(format!(
                "{target} gives no healthy answer with a revision; say what runs: --runs REVISION"
            ));
        };
        if found.as_ref().is_some_and(|before| *before != revision) {
            return refused(format!("{} answers as two revisions by turns; look again in a moment", terms.target));
        }
        found = Some(revision);
    }
    found.map_or_else(|| refused("nothing was looked at".to_owned()), Ok)
}
