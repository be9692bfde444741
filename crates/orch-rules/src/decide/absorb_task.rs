//! What an event makes of a task's facts. A person's event may be refused; an outcome never is: what came too late
//! is recorded and changes nothing else.

mod answers;
mod branch;
mod check_again;
mod commands;
mod edits;
mod money;
mod outages;
mod outcomes;

use crate::attempt::Ended;
use crate::event::{Refusal, TaskEvent};
use crate::reason::{self, Reason};
use crate::rights::{self, Acting, Right};

use super::draft::Draft;

pub use outcomes::run_ended;

/// Fold an event into the draft; answers in one sentence for the person who asked.
pub fn absorb(draft: &mut Draft, event: &TaskEvent, acting: &Acting) -> Result<Reason, Refusal> {
    if let Some(right) = Right::of_task(event) {
        rights::may(acting, right).or_else(|why| commands::refuse(draft, why).map(drop))?;
    }
    let by = &acting.actor;
    match event {
        TaskEvent::StartRequested { authors } => commands::start(draft, acting, authors),
        TaskEvent::StopRequested => commands::stop(draft, by),
        TaskEvent::RetryRequested => commands::retry(draft, acting),
        TaskEvent::CheckRetried => check_again::check_again(draft, acting),
        TaskEvent::Paused => commands::set_paused(draft, by, true),
        TaskEvent::Resumed => commands::set_paused(draft, by, false),
        TaskEvent::PrioritySet { priority } => commands::set_priority(draft, by, *priority),
        TaskEvent::BudgetRaised { by_micros } => money::raise(draft, by, *by_micros),
        TaskEvent::DependencyAdded { on, circle } => commands::add_dependency(draft, by, on, circle),
        TaskEvent::DependencyRemoved { on } => commands::remove_dependency(draft, by, on),
        TaskEvent::PullRequestMerged { commit } => Ok(outcomes::pull_request_merged(draft, by, commit).into()),
        TaskEvent::HumanAnswered { answer } => answers::answered(draft, acting, answer),
        TaskEvent::Edited { title, description, priority } => {
            edits::edit(draft, by, title.as_deref(), description.as_deref(), *priority)
        }
        TaskEvent::SentBack { to, reason } => edits::send_back(draft, by, to, reason),
        TaskEvent::Skipped { reason, people } => edits::skip(draft, acting, reason, people),
        TaskEvent::IssueRead { title, description } => Ok(edits::issue_read(draft, by, title, description)),
        TaskEvent::IssueGone => Ok(edits::issue_gone(draft, by)),
        TaskEvent::Commented { text } => Ok(edits::comment(draft, by, text)),
        TaskEvent::HandsOff => branch::hands_off(draft, by),
        TaskEvent::GivenBack => branch::give_back(draft, by),
        TaskEvent::PushSeen { tip } => Ok(branch::push_seen(draft, tip.as_ref()).into()),
        TaskEvent::NotPublished { was, error } => Ok(branch::not_published(draft, was.as_ref(), error).into()),
        TaskEvent::BranchSeen { head, seen } => Ok(branch::branch_seen(draft, head, seen).into()),
        TaskEvent::ForgeReviewed { commit, word, people } => Ok(answers::reviewed(draft, acting, commit, word, people)),
        TaskEvent::RunIsOver { attempt, end, usage, why } => {
            Ok(outcomes::run_is_over(draft, *attempt, end, usage.as_ref(), why).into())
        }
        TaskEvent::RunEnded { attempt, end, evidence, usage, cut_from, trouble } => {
            let ended = Ended {
                how: end.clone(),
                at: draft.now,
                evidence: evidence.clone(),
                trouble: trouble.clone().filter(|_| evidence.is_none()),
                in_vain: false,
            };
            Ok(outcomes::run_ended(draft, *attempt, ended, usage.as_ref(), cut_from.as_ref()).into())
        }
        TaskEvent::CheckEnded { check, outcome, excerpt, first_red } => {
            Ok(outcomes::check_ended(draft, check, outcome, excerpt, first_red.as_deref()).into())
        }
        TaskEvent::DeploymentSeen { deployment } => Ok(outcomes::deployment_seen(draft, deployment).into()),
        TaskEvent::EffectFailed { effect, error } => {
            draft.audit(super::draft::ORCH, "effect_failed", reason::effect_failed_for_good(effect, error));
            branch::effect_failed(draft, effect);
            Ok("recorded".into())
        }
        TaskEvent::Looked => Ok("looked".into()),
    }
}
