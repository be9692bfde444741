//! The task's branch on the forge: it publishes the head column, is looked at when a person pushed, and goes when the
//! task has ended.

use orch_ports::workshop::{BranchOrder, BranchState, Collected};
use orch_rules::attempt::Evidence;
use orch_rules::check::{Check, CheckKey};
use orch_rules::event::{Event, TaskEvent};
use orch_rules::ids::{CommitId, TaskId};
use orch_rules::people::BranchSeen;
use orch_rules::pipeline::Role;
use orch_rules::task::Task;

use super::check_run::kept_of;
use super::kept::Kept;
use super::{PerformError, PerformResult, Performed, blocking};
use crate::engine::Engine;
use crate::outbox::change_request::{CHANGE_REQUEST, ChangeRequestTarget};
use crate::repository_context::RepositoryContext;
use crate::work_folders;

impl Engine {
    pub(super) async fn publish_branch(
        &self,
        task: &TaskId,
        branch: &str,
        was: Option<&CommitId>,
        head: &CommitId,
    ) -> PerformResult {
        let Some(row) = self.store.task(task).await? else { return Ok(Performed::nothing()) };
        // Its branch is gone, or about to go. An older head is published all the same: the next one builds on it.
        if row.position.is_terminal() {
            return Ok(Performed::nothing());
        }
        let context = self.context(&row.repository)?;
        let (branch, was, head) = (branch.to_owned(), was.cloned(), head.clone());
        blocking(move || Ok(context.forge.publish(&branch, was.as_ref(), &head)?)).await?;
        // Its change request waits for it.
        Ok(Performed { shown: Some(row.into()), ..Performed::nothing() })
    }

    /// What the branch is, as an event; nothing is moved.
    pub(super) async fn observe_branch(
        &self,
        task: &TaskId,
        branch: &str,
        head: &CommitId,
        since: &CommitId,
        replay: bool,
    ) -> PerformResult {
        let Some(row) = self.store.task(task).await? else { return Ok(Performed::nothing()) };
        let context = self.context(&row.repository)?;
        let (branch, head, since) = (branch.to_owned(), head.clone(), since.clone());
        let seen = blocking(move || {
            let seen = match context.forge.tip(&branch)? {
                None => BranchSeen::Gone,
                Some(tip) => seen(&context, &order(&context, &row, &head, since, replay)?, &tip)?,
            };
            Ok(TaskEvent::BranchSeen { seen, head })
        });
        let event = seen.await?;
        Ok(Performed::event(Event::Task { task: task.clone(), event }))
    }

    pub(super) async fn clean_up(
        &self,
        task: &TaskId,
        branch: &str,
        head: Option<&CommitId>,
        archive: bool,
    ) -> PerformResult {
        let Some(row) = self.store.task(task).await? else { return Ok(Performed::nothing()) };
        let context = self.context(&row.repository)?;
        let checks = self.store.history(task).await?.checks;
        let runs = (1..=row.attempt).map(|number| RepositoryContext::run_name(task, number));
        let known = checks.iter().flat_map(|check| [check.id.to_string(), kept_of(&check.id.to_string())]);
        let leftovers = runs.chain(known);
        // Before the row is finished: nobody would look for them afterwards.
        let homes = Role::ALL.into_iter().map(|role| Kept::of(&context, task, role).folder());
        work_folders::remove(leftovers.map(|name| context.work_folder(&name)).chain(homes).collect()).await?;
        // Before its branch goes, which would close it.
        let target = ChangeRequestTarget::named(&row.repository);
        if context.forge.change_requests().is_some() && !self.is_shown(&target, &row, CHANGE_REQUEST).await? {
            return Err(PerformError::Waits("its change request is marked first".to_owned()));
        }
        let (id, branch, head) = (task.clone(), branch.to_owned(), head.cloned());
        let proposed: Vec<_> = checks.into_iter().filter(|check| matches!(check.key, CheckKey::Candidate(_))).collect();
        let gone = blocking(move || {
            if let Some(product) = context.forge.change_requests() {
                // One that somebody pushed to holds their work, and stays.
                let gone = |check: &Check| {
                    product.withdraw(&check.commit).or_else(|error| match error.is_fact() {
                        true => Ok(()),
                        false => Err(error),
                    })
                };
                proposed.iter().try_for_each(gone)?;
            }
            // The newest head need not have been published yet. What it does not contain is a person's push, and stays.
            if let (Some(tip), Some(head)) = (context.forge.tip(&branch)?, head)
                && context.workshop.contains(&head, &tip)?
            {
                if archive {
                    context.workshop.archive(&id, &head)?;
                }
                context.forge.remove(&branch, &tip)?;
            }
            Ok(context.workshop.forget(&id)?)
        });
        gone.await?;
        Ok(Performed::nothing())
    }
}

fn order(
    context: &RepositoryContext,
    row: &Task,
    head: &CommitId,
    since: CommitId,
    replay: bool,
) -> Result<BranchOrder, PerformError> {
    let id = &row.work_item;
    let message = format!("{id}: an attempt's work on top of a person's push\n\nRefs: {id}\n");
    let base = row.base.clone().unwrap_or_else(|| since.clone());
    Ok(BranchOrder {
        head: head.clone(),
        since,
        replay,
        work_item: id.clone(),
        message,
        identity: RepositoryContext::identity(&*context.settings_at(&base)?),
        at: row.entered_at,
    })
}

fn seen(context: &RepositoryContext, order: &BranchOrder, tip: &CommitId) -> Result<BranchSeen, PerformError> {
    Ok(match context.workshop.branch_state(order, tip)? {
        BranchState::Same => BranchSeen::Same,
        BranchState::Pushed { by, work } => BranchSeen::Pushed { by, evidence: judged(context, work)? },
        BranchState::Rewritten { by, work } => BranchSeen::Rewritten { by, evidence: judged(context, work)? },
        BranchState::Replayed { by, tip, work } => BranchSeen::Replayed { by, tip, evidence: judged(context, work)? },
        BranchState::Conflict { by, work, paths } => {
            BranchSeen::Conflict { by, evidence: judged(context, work)?, paths }
        }
    })
}

/// The patterns are the base branch's, for a person's push as for an agent's work.
fn judged(context: &RepositoryContext, work: Collected) -> Result<Evidence, PerformError> {
    Ok(context.look_at_change(work)?)
}
